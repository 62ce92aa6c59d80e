//! Changing an open order: reducing it in place, or giving it another price and quantity.

use rust_decimal::Decimal;

use super::{
    AccountId, Engine, Fill, NewOrder, Order, OrderId, OrderKind, OrderState, Reject, Size,
    TimeInForce,
};
use crate::clock::Stamp;

/// One change that an order has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amendment {
    /// Counts all amendments at the venue.
    pub id: u64,
    /// Whose order.
    pub account: AccountId,
    /// Which order.
    pub order: OrderId,
    /// When.
    pub at: Stamp,
    /// The price before and after.
    pub price: (Decimal, Decimal),
    /// The total quantity before and after.
    pub quantity: (Decimal, Decimal),
    /// How many changes this order has seen.
    pub count: u32,
}

/// An order after a change, and what it traded because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modified {
    /// The order.
    pub order: Order,
    /// Its new fills, in order.
    pub fills: Vec<Fill>,
}

impl Engine {
    /// Reduces an open order to a new total quantity; it keeps its place in the queue.
    ///
    /// # Errors
    /// A [`Reject`] when the order is not open or the quantity is not a reduction.
    pub fn amend(
        &mut self,
        now: Stamp,
        id: OrderId,
        new_quantity: Decimal,
        client_id: Option<String>,
    ) -> Result<Order, Reject> {
        let (order, price) = self.open_limit(id)?;
        if new_quantity == order.quantity {
            return Err(Reject::NoChange);
        }
        if new_quantity > order.quantity || new_quantity <= order.executed + order.prevented {
            return Err(Reject::NotAReduction);
        }
        if let Some(client_id) = client_id.filter(|wanted| *wanted != order.client_id) {
            self.rename(&order, client_id)?;
        }
        let less = order.quantity - new_quantity;
        self.reduce(now, &order, price, less);
        self.note_amendment(now, &order, price, new_quantity);
        self.record(id);
        self.orders.get(&id).cloned().ok_or(Reject::UnknownOrder)
    }

    /// Gives an open limit order another price and total quantity. A mere reduction keeps its place in the queue;
    /// anything else sends it to the end, or trades. It ends as cancelled when the new quantity is not more than
    /// what a partly filled order has already traded, and when a post-only order would trade: as expired there, where
    /// the venue expires such orders on arrival too.
    ///
    /// # Errors
    /// A [`Reject`] when the order is not open, nothing would change, or there is not enough money for more.
    pub fn modify(
        &mut self,
        now: Stamp,
        id: OrderId,
        price: Decimal,
        quantity: Decimal,
    ) -> Result<Modified, Reject> {
        let (order, old_price) = self.open_limit(id)?;
        if price == old_price && quantity == order.quantity {
            return Err(Reject::NoChange);
        }
        let fills = Vec::new();
        let done = order.executed + order.prevented;
        if quantity <= done {
            let order = self.cancel(now, id)?;
            return Ok(Modified { order, fills });
        }
        if price == old_price && quantity < order.quantity {
            self.reduce(now, &order, price, order.quantity - quantity);
            self.note_amendment(now, &order, price, quantity);
            self.record(id);
            let order = self.orders.get(&id).cloned().ok_or(Reject::UnknownOrder)?;
            return Ok(Modified { order, fills });
        }
        self.requeue(now, &order, old_price, price, quantity)
    }

    fn requeue(
        &mut self,
        now: Stamp,
        order: &Order,
        old_price: Decimal,
        price: Decimal,
        quantity: Decimal,
    ) -> Result<Modified, Reject> {
        let id = order.id;
        let kind = match order.kind {
            OrderKind::Limit { post_only, .. } => OrderKind::Limit { price, post_only },
            OrderKind::Market => return Err(Reject::UnknownOrder),
        };
        let mut quantity = quantity;
        if order.reduce_only {
            let room = self.reducible(order.account, &order.symbol, order.side);
            quantity = quantity.min(order.executed + order.prevented + room);
        }
        let wanted = NewOrder {
            kind,
            size: Size::Base(quantity - order.executed - order.prevented),
            time_in_force: TimeInForce::Gtc,
            ..order.as_new()
        };
        // The order itself rests on the side that it does not trade with, so it is not in its own way.
        let plan = match self.matched(&wanted) {
            Ok(plan) => plan,
            Err(Reject::WouldTake) => {
                let order = if self.expires_unwanted {
                    self.take_off_book(id);
                    self.retire(now, id, OrderState::Expired)
                        .ok_or(Reject::UnknownOrder)?
                } else {
                    self.cancel(now, id)?
                };
                return Ok(Modified {
                    order,
                    fills: Vec::new(),
                });
            }
            Err(reject) => return Err(reject),
        };
        self.check_margin(&wanted, Some(order))?;
        let more = self.more_reserved(order, price, quantity)?;
        self.unbook(order, old_price);
        self.reserve(order.account, &order.symbol, order.side, more);
        if let Some(changed) = self.orders.get_mut(&id) {
            changed.kind = kind;
            changed.quantity = quantity;
            changed.locked += more;
            changed.updated = now;
        }
        self.note_amendment(now, order, price, quantity);
        let mut fills = Vec::new();
        for step in plan.steps {
            self.apply(now, id, &step, &mut fills);
        }
        self.rest_or_finish(now, id, plan.taker_expires, false);
        self.shrink_reduce_only(now, order.account, &order.symbol);
        let order = self.orders.get(&id).cloned().ok_or(Reject::UnknownOrder)?;
        Ok(Modified { order, fills })
    }

    /// Every amendment of an account, oldest first.
    pub fn amendments(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &Amendment> {
        self.amendments
            .iter()
            .filter(move |amendment| amendment.account == account)
    }

    /// Gives an open order another client id.
    ///
    /// # Errors
    /// [`Reject::UnknownOrder`] when it is not open, [`Reject::DuplicateClientId`] when another one has the id.
    pub fn rename_order(&mut self, id: OrderId, client_id: String) -> Result<(), Reject> {
        let (order, _) = self.open_limit(id)?;
        self.rename(&order, client_id)?;
        self.record(id);
        Ok(())
    }

    fn open_limit(&self, id: OrderId) -> Result<(Order, Decimal), Reject> {
        let order = self
            .orders
            .get(&id)
            .filter(|order| order.state.is_open())
            .ok_or(Reject::UnknownOrder)?;
        let price = order.kind.limit().ok_or(Reject::UnknownOrder)?;
        Ok((order.clone(), price))
    }

    fn rename(&mut self, order: &Order, client_id: String) -> Result<(), Reject> {
        let key = (order.account, order.symbol.clone(), client_id);
        if self.unique_open_client_ids && self.open_client_ids.contains_key(&key) {
            return Err(Reject::DuplicateClientId);
        }
        self.open_client_ids.remove(&(
            order.account,
            order.symbol.clone(),
            order.client_id.clone(),
        ));
        if let Some(renamed) = self.orders.get_mut(&order.id) {
            renamed.client_id.clone_from(&key.2);
        }
        *self
            .accepted_client_ids
            .entry((key.0, key.2.clone()))
            .or_default() += 1;
        self.open_client_ids.insert(key, order.id);
        Ok(())
    }

    /// Takes `less` off what an open order may still trade.
    pub(super) fn reduce(&mut self, now: Stamp, order: &Order, price: Decimal, less: Decimal) {
        let released = self.reserved(&order.symbol, order.side, price, less);
        if let Some(reduced) = self.orders.get_mut(&order.id) {
            reduced.quantity -= less;
            reduced.locked -= released;
            reduced.updated = now;
        }
        if let Some(listing) = self.listings.get_mut(&order.symbol) {
            listing.book.reduce(order.side, price, order.id, less);
        }
        self.release(order.account, &order.symbol, order.side, released);
    }

    /// What another price and quantity reserve beyond what the order has reserved, if the account has it; negative
    /// when they need less.
    fn more_reserved(
        &self,
        order: &Order,
        price: Decimal,
        quantity: Decimal,
    ) -> Result<Decimal, Reject> {
        let left = quantity - order.executed - order.prevented;
        let needed = self.reserved(&order.symbol, order.side, price, left);
        let more = needed - order.locked;
        let asset = self
            .listing(&order.symbol)
            .map(|listing| listing.instrument.pays_with(order.side))
            .ok_or_else(|| Reject::UnknownInstrument(order.symbol.clone()))?;
        if more > Decimal::ZERO && self.ledger.balance(order.account, asset).free < more {
            return Err(Reject::InsufficientBalance(asset.to_owned()));
        }
        Ok(more)
    }

    fn unbook(&mut self, order: &Order, price: Decimal) {
        if let Some(listing) = self.listings.get_mut(&order.symbol) {
            listing.book.remove(order.side, price, order.id);
        }
    }

    fn note_amendment(&mut self, now: Stamp, before: &Order, price: Decimal, quantity: Decimal) {
        let Some(order) = self.orders.get_mut(&before.id) else {
            return;
        };
        order.amends = before.amends + 1;
        self.amendments.push(Amendment {
            id: self.amendments.len() as u64 + 1,
            account: before.account,
            order: before.id,
            at: now,
            price: (before.kind.limit().unwrap_or_default(), price),
            quantity: (before.quantity, quantity),
            count: before.amends + 1,
        });
    }
}
