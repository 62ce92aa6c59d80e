//! The order book of one instrument: price, then time.

use std::collections::{BTreeMap, VecDeque};

use rust_decimal::Decimal;

use super::types::{AccountId, OrderId, Side};

/// An order's place in the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resting {
    /// Which order.
    pub order: OrderId,
    /// Whose.
    pub account: AccountId,
    /// What may still trade.
    pub remaining: Decimal,
    /// Trades no more than its account's position.
    pub reduce_only: bool,
}

/// Price levels as `(price, quantity)`, best first.
pub type Levels = Vec<(Decimal, Decimal)>;

/// Resting orders of one instrument.
#[derive(Debug, Default)]
pub struct Book {
    bids: BTreeMap<Decimal, VecDeque<Resting>>,
    asks: BTreeMap<Decimal, VecDeque<Resting>>,
    update_id: u64,
}

impl Book {
    /// Counts every change, so that a client can order snapshots.
    #[must_use]
    pub fn update_id(&self) -> u64 {
        self.update_id
    }

    /// The best price of a side and the quantity there.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<(Decimal, Decimal)> {
        self.levels(side).next()
    }

    /// The best `limit` levels of a side.
    #[must_use]
    pub fn depth(&self, side: Side, limit: usize) -> Levels {
        self.levels(side).take(limit).collect()
    }

    /// Every resting order of a side in the order in which it would trade.
    pub fn queue(&self, side: Side) -> impl Iterator<Item = (Decimal, &Resting)> {
        self.sorted(side)
            .flat_map(|(price, queue)| queue.iter().map(move |resting| (*price, resting)))
    }

    /// Adds an order behind all others at its price.
    pub fn insert(&mut self, side: Side, price: Decimal, resting: Resting) {
        self.update_id += 1;
        self.side_mut(side)
            .entry(price)
            .or_default()
            .push_back(resting);
    }

    /// Takes `by` off an order, which keeps its place, or leaves the book when nothing remains.
    pub fn reduce(&mut self, side: Side, price: Decimal, order: OrderId, by: Decimal) {
        self.update_id += 1;
        let levels = self.side_mut(side);
        let Some(queue) = levels.get_mut(&price) else {
            return;
        };
        if let Some(at) = queue.iter().position(|resting| resting.order == order)
            && let Some(resting) = queue.get_mut(at)
        {
            resting.remaining -= by;
            if resting.remaining <= Decimal::ZERO {
                queue.remove(at);
            }
        }
        if queue.is_empty() {
            levels.remove(&price);
        }
    }

    /// Takes an order off the book.
    pub fn remove(&mut self, side: Side, price: Decimal, order: OrderId) {
        self.reduce(side, price, order, Decimal::MAX);
    }

    fn sorted(&self, side: Side) -> Box<dyn Iterator<Item = (&Decimal, &VecDeque<Resting>)> + '_> {
        match side {
            Side::Buy => Box::new(self.bids.iter().rev()),
            Side::Sell => Box::new(self.asks.iter()),
        }
    }

    fn levels(&self, side: Side) -> impl Iterator<Item = (Decimal, Decimal)> {
        self.sorted(side)
            .map(|(price, queue)| (*price, queue.iter().map(|resting| resting.remaining).sum()))
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Decimal, VecDeque<Resting>> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }
}
