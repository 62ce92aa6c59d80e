//! What a match does to orders, balances and history.

use rust_decimal::Decimal;

use super::book::Resting;
use super::{AccountId, Engine, Fill, HOUSE, Order, OrderId, OrderState, Side, Step, Trade};
use crate::clock::Stamp;

/// Digits to which commissions are cut off.
const FEE_SCALE: u32 = 8;

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
        let trade_id = listing.next_trade;
        listing.next_trade += 1;
        listing.history.push(Trade {
            id: trade_id,
            price,
            quantity,
            buyer_is_maker: taker_side == Side::Sell,
            taker,
            at: now,
        });
        listing
            .book
            .reduce(taker_side.opposite(), price, maker, quantity);
        let (base, quote) = (
            listing.instrument.base.clone(),
            listing.instrument.quote.clone(),
        );

        for (id, is_maker) in [(maker, true), (taker, false)] {
            let Some(order) = self.orders.get_mut(&id) else {
                continue;
            };
            let cost = price * quantity;
            let reserved = match order.side {
                Side::Buy => order.kind.limit().unwrap_or(price) * quantity,
                Side::Sell => quantity,
            };
            order.executed += quantity;
            order.executed_quote += cost;
            order.locked -= reserved;
            order.updated = now;
            order.state = if order.remaining().is_zero() {
                OrderState::Filled
            } else {
                OrderState::PartiallyFilled
            };
            let (paid, pay_asset, received, receive_asset) = match order.side {
                Side::Buy => (cost, &quote, quantity, &base),
                Side::Sell => (quantity, &base, cost, &quote),
            };
            let (account, side, order_number) = (order.account, order.side, order.number);
            let fee = self.fee(account, is_maker, received);
            self.ledger.spend_locked(account, pay_asset, paid);
            self.ledger.unlock(account, pay_asset, reserved - paid);
            self.ledger.receive(account, receive_asset, received, fee);
            if account != HOUSE {
                let fill = Fill {
                    trade_id,
                    account,
                    order: id,
                    order_number,
                    symbol: symbol.clone(),
                    side,
                    price,
                    quantity,
                    fee,
                    fee_asset: receive_asset.clone(),
                    is_maker,
                    at: now,
                };
                if id == taker {
                    fills.push(fill.clone());
                }
                self.fills.push(fill);
            }
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
    }

    fn fee(&self, account: AccountId, is_maker: bool, received: Decimal) -> Decimal {
        if account == HOUSE {
            return Decimal::ZERO;
        }
        let rate = if is_maker {
            self.fees.maker
        } else {
            self.fees.taker
        };
        (received * rate).trunc_with_scale(FEE_SCALE)
    }

    fn prevent(&mut self, now: Stamp, id: OrderId, quantity: Decimal) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        order.prevented += quantity;
        order.updated = now;
        // A market order holds nothing for later; what it locked too much is freed when it ends.
        if let Some(price) = order.kind.limit()
            && let Some(listing) = self.listings.get(&order.symbol)
        {
            let (asset, released) = match order.side {
                Side::Buy => (&listing.instrument.quote, price * quantity),
                Side::Sell => (&listing.instrument.base, quantity),
            };
            order.locked -= released;
            self.ledger.unlock(order.account, asset, released);
        }
        self.record(id);
    }

    fn reduce_on_book(&mut self, id: OrderId, side: Side, price: Decimal, by: Decimal) {
        let symbol = self.orders.get(&id).map(|order| order.symbol.clone());
        if let Some(listing) = symbol.and_then(|symbol| self.listings.get_mut(&symbol)) {
            listing.book.reduce(side, price, id, by);
        }
    }

    fn take_off_book(&mut self, id: OrderId) {
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
        if let Some(listing) = self.listings.get(&symbol) {
            let asset = match side {
                Side::Buy => &listing.instrument.quote,
                Side::Sell => &listing.instrument.base,
            };
            self.ledger.unlock(account, asset, released);
        }
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
