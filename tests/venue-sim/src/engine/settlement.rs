//! What a match does to orders, balances and history.

use rust_decimal::Decimal;

use super::book::Resting;
use super::money::Share;
use super::{AccountId, Engine, Fill, HOUSE, Order, OrderId, OrderState, Side, Step, Trade, View};
use crate::clock::Stamp;

impl Engine {
    pub(super) fn apply(&mut self, now: Stamp, taker: OrderId, step: &Step, fills: &mut Vec<Fill>) {
        match *step {
            Step::Fill {
                maker,
                price,
                quantity,
            } => self.fill(now, taker, maker, price, quantity, fills),
            Step::ExpireMaker { maker } => {
                self.take_off_book(maker);
                self.retire(now, maker, OrderState::ExpiredInMatch);
            }
            Step::Decrement { maker, quantity } => {
                for id in [taker, maker] {
                    self.prevent(now, id, quantity);
                }
                if let Some((side, price)) = self
                    .orders
                    .get(&maker)
                    .and_then(|o| Some((o.side, o.kind.limit()?)))
                {
                    self.reduce_on_book(maker, side, price, quantity);
                }
                if self
                    .orders
                    .get(&maker)
                    .is_some_and(|order| order.remaining().is_zero())
                {
                    self.retire(now, maker, OrderState::ExpiredInMatch);
                }
            }
        }
    }

    fn fill(
        &mut self,
        now: Stamp,
        taker: OrderId,
        maker: OrderId,
        price: Decimal,
        quantity: Decimal,
        fills: &mut Vec<Fill>,
    ) {
        let Some(taker_side) = self.orders.get(&taker).map(|order| order.side) else {
            return;
        };
        let Some(symbol) = self.orders.get(&taker).map(|order| order.symbol.clone()) else {
            return;
        };
        let Some(listing) = self.listings.get_mut(&symbol) else {
            return;
        };
        // Both were checked to be small enough when the orders came in.
        let Some(value) = listing.instrument.value(price, quantity) else {
            return;
        };
        let trade_id = listing.next_trade;
        listing.next_trade += 1;
        listing.history.push(Trade {
            id: trade_id,
            price,
            quantity,
            value,
            buyer_is_maker: taker_side == Side::Sell,
            taker,
            at: now,
        });
        listing
            .book
            .reduce(taker_side.opposite(), price, maker, quantity);
        let mut maker_account = HOUSE;
        for (id, is_maker) in [(maker, true), (taker, false)] {
            let share = Share {
                order: id,
                is_maker,
                price,
                quantity,
                value,
            };
            let Some(settled) = self.settle(now, share) else {
                continue;
            };
            let Some(order) = self.orders.get_mut(&id) else {
                continue;
            };
            order.executed += quantity;
            order.executed_quote += value;
            order.updated = now;
            order.state = if order.remaining().is_zero() {
                OrderState::Filled
            } else {
                OrderState::PartiallyFilled
            };
            if is_maker {
                maker_account = order.account;
            }
            if order.account == HOUSE {
                continue;
            }
            let fill = Fill {
                trade_id,
                account: order.account,
                order: id,
                order_number: order.number,
                symbol: symbol.clone(),
                side: order.side,
                price,
                quantity,
                value,
                realised: settled.realised,
                fee: settled.fee,
                fee_asset: settled.fee_asset,
                is_maker,
                at: now,
            };
            if id == taker {
                fills.push(fill.clone());
            }
            self.fills.push(fill);
        }
        if self
            .orders
            .get(&maker)
            .is_some_and(|order| order.state == OrderState::Filled)
        {
            self.retire(now, maker, OrderState::Filled);
        } else {
            self.record(maker);
        }
        self.shrink_reduce_only(now, maker_account, &symbol);
    }

    /// Cuts an account's reduce-only orders down to its position; those that could only open one expire.
    pub(super) fn shrink_reduce_only(&mut self, now: Stamp, account: AccountId, symbol: &str) {
        let open: Vec<Order> = self
            .open_orders(View::NOW, account, Some(symbol))
            .into_iter()
            .filter(|order| order.reduce_only)
            .cloned()
            .collect();
        for order in open {
            let Some(price) = order.kind.limit() else {
                continue;
            };
            let room = self.reducible(account, symbol, order.side);
            if room.is_zero() {
                self.take_off_book(order.id);
                self.retire(now, order.id, OrderState::Expired);
            } else if order.remaining() > room {
                self.reduce(now, &order, price, order.remaining() - room);
                self.record(order.id);
            }
        }
    }

    fn prevent(&mut self, now: Stamp, id: OrderId, quantity: Decimal) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        order.prevented += quantity;
        order.updated = now;
        // A market order holds nothing for later; what it locked too much is freed when it ends.
        if let Some(price) = order.kind.limit() {
            let (account, side, symbol) = (order.account, order.side, order.symbol.clone());
            let released = self.reserved(&symbol, side, price, quantity);
            if let Some(order) = self.orders.get_mut(&id) {
                order.locked -= released;
            }
            self.release(account, &symbol, side, released);
        }
        self.record(id);
    }

    fn reduce_on_book(&mut self, id: OrderId, side: Side, price: Decimal, by: Decimal) {
        let symbol = self.orders.get(&id).map(|order| order.symbol.clone());
        if let Some(listing) = symbol.and_then(|symbol| self.listings.get_mut(&symbol)) {
            listing.book.reduce(side, price, id, by);
        }
    }

    pub(super) fn take_off_book(&mut self, id: OrderId) {
        if let Some((side, price)) = self
            .orders
            .get(&id)
            .and_then(|o| Some((o.side, o.kind.limit()?)))
        {
            self.reduce_on_book(id, side, price, Decimal::MAX);
        }
    }

    /// Decides what becomes of a just matched order: filled, expired, or on the book.
    pub(super) fn rest_or_finish(
        &mut self,
        now: Stamp,
        id: OrderId,
        prevented: bool,
        immediate: bool,
    ) {
        let Some(order) = self.orders.get(&id) else {
            return;
        };
        let nothing_left = order.remaining().is_zero();
        if prevented {
            self.finish(now, id, OrderState::ExpiredInMatch);
        } else if nothing_left && !order.executed.is_zero() {
            self.finish(now, id, OrderState::Filled);
        } else if immediate || nothing_left {
            self.finish(now, id, OrderState::Expired);
        } else if let Some(price) = order.kind.limit() {
            let resting = Resting {
                order: id,
                account: order.account,
                remaining: order.remaining(),
                reduce_only: order.reduce_only,
            };
            let side = order.side;
            if let Some(listing) = self.listings.get_mut(&order.symbol) {
                listing.book.insert(side, price, resting);
            }
            self.record(id);
        }
    }

    /// Ends an order: frees what it still holds and its client id.
    pub(super) fn finish(&mut self, now: Stamp, id: OrderId, state: OrderState) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        order.state = state;
        order.updated = now;
        let released = std::mem::take(&mut order.locked);
        let (account, side) = (order.account, order.side);
        let (symbol, client_id) = (order.symbol.clone(), order.client_id.clone());
        self.release(account, &symbol, side, released);
        if let Some(open) = self.open.get_mut(&account) {
            open.remove(&id);
        }
        let key = (account, symbol, client_id);
        if self.open_client_ids.get(&key) == Some(&id) {
            self.open_client_ids.remove(&key);
        }
        self.record(id);
    }

    /// Ends an order other than the one being placed. Of the house's nothing is kept.
    pub(super) fn retire(&mut self, now: Stamp, id: OrderId, state: OrderState) -> Option<Order> {
        self.finish(now, id, state);
        let order = self.orders.get(&id)?.clone();
        if order.account == HOUSE {
            self.orders.remove(&id);
        }
        Some(order)
    }

    /// Remembers the order as it now is, for lookups that lag.
    pub(super) fn record(&mut self, id: OrderId) {
        if let Some(order) = self.orders.get(&id).filter(|order| order.account != HOUSE) {
            self.revisions.entry(id).or_default().push(order.clone());
        }
    }

    /// The order as placing it returns it.
    pub(super) fn finish_placing(&mut self, id: OrderId) -> Option<Order> {
        let order = self.orders.get(&id)?.clone();
        if order.account == HOUSE && !order.state.is_open() {
            self.orders.remove(&id);
        }
        Some(order)
    }
}
