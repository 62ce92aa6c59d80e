//! What happens by itself: conditional orders that wait for a price, and orders that expire at a time.

use rust_decimal::Decimal;

use super::{AccountId, Engine, NewOrder, OrderId, OrderState, Reject, Side, Size};
use crate::clock::Stamp;

/// Which price sets a conditional order off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkingPrice {
    /// The last traded one.
    Last,
    /// The mark price.
    Mark,
}

/// When a conditional order goes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// At this price or above.
    AtOrAbove(Decimal),
    /// At this price or below.
    AtOrBelow(Decimal),
    /// When the price has turned.
    Trailing(Trailing),
}

/// A price that is followed until it turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailing {
    /// Where following begins; at once without one.
    pub activation: Option<Decimal>,
    /// How far the price must turn, as a fraction.
    pub callback: Decimal,
    /// The best price since following began.
    pub best: Option<Decimal>,
}

/// A conditional order as it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConditional {
    /// What is placed when it goes off.
    pub order: NewOrder,
    /// What the venue calls this kind of order.
    pub kind: &'static str,
    /// When it goes off.
    pub trigger: Trigger,
    /// Which price is watched.
    pub working: WorkingPrice,
    /// Closes the whole position, whatever its size then.
    pub close_position: bool,
    /// Kept for display.
    pub price_protect: bool,
}

/// Where a conditional order is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionalState {
    /// Waiting.
    Waiting,
    /// It went off and its order was accepted.
    Triggered(OrderId),
    /// Cancelled.
    Canceled,
    /// It went off and its order was refused.
    Refused,
    /// Its time ended.
    Expired,
}

/// A conditional order that the venue has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditional {
    /// Unique at the venue.
    pub id: u64,
    /// What was asked for; a trailing trigger moves.
    pub wanted: NewConditional,
    /// Where it is in its life.
    pub state: ConditionalState,
    /// When it was accepted.
    pub created: Stamp,
    /// When it last changed.
    pub updated: Stamp,
    /// When it went off.
    pub triggered: Option<Stamp>,
}

impl Engine {
    /// Accepts a conditional order.
    ///
    /// # Errors
    /// A [`Reject`] when the instrument is not traded, the client id is taken, or it would go off at once.
    pub fn park(&mut self, now: Stamp, wanted: NewConditional) -> Result<Conditional, Reject> {
        let order = &wanted.order;
        let listing = self
            .listing(&order.symbol)
            .ok_or_else(|| Reject::UnknownInstrument(order.symbol.clone()))?;
        if !listing.instrument.trading {
            return Err(Reject::MarketClosed);
        }
        if self
            .waiting(order.account)
            .any(|other| other.wanted.order.client_id == order.client_id)
        {
            return Err(Reject::DuplicateClientId);
        }
        let price = self.watched(&order.symbol, wanted.working);
        let goes_off = match wanted.trigger {
            Trigger::Trailing(trailing) => trailing.activation.is_some_and(|at| match order.side {
                Side::Buy => at >= price,
                Side::Sell => at <= price,
            }),
            trigger => reached(trigger, price),
        };
        if goes_off {
            return Err(Reject::WouldTrigger);
        }
        let id = 1_000_001 + self.conditionals.len() as u64;
        let conditional = Conditional {
            id,
            wanted,
            state: ConditionalState::Waiting,
            created: now,
            updated: now,
            triggered: None,
        };
        self.conditionals.insert(id, conditional.clone());
        Ok(conditional)
    }

    /// Every conditional order of an account, oldest first.
    pub fn conditionals(
        &self,
        account: AccountId,
    ) -> impl DoubleEndedIterator<Item = &Conditional> {
        self.conditionals
            .values()
            .filter(move |conditional| conditional.wanted.order.account == account)
    }

    /// The conditional orders of an account that have not gone off.
    pub fn waiting(&self, account: AccountId) -> impl Iterator<Item = &Conditional> {
        self.conditionals(account)
            .filter(|conditional| conditional.state == ConditionalState::Waiting)
    }

    /// Cancels a waiting conditional order.
    ///
    /// # Errors
    /// [`Reject::UnknownOrder`] if there is none.
    pub fn cancel_conditional(&mut self, now: Stamp, id: u64) -> Result<Conditional, Reject> {
        let conditional = self
            .conditionals
            .get_mut(&id)
            .filter(|conditional| conditional.state == ConditionalState::Waiting)
            .ok_or(Reject::UnknownOrder)?;
        conditional.state = ConditionalState::Canceled;
        conditional.updated = now;
        Ok(conditional.clone())
    }

    /// Lets happen what is due: orders whose time has come expire, conditional orders go off.
    pub fn catch_up(&mut self, now: Stamp) {
        let due = |until: Option<i64>| until.is_some_and(|until| until <= now.wall_us);
        let expired: Vec<OrderId> = self
            .open
            .values()
            .flatten()
            .filter(|id| self.orders.get(id).is_some_and(|o| due(o.good_till_us)))
            .copied()
            .collect();
        for id in expired {
            self.take_off_book(id);
            self.retire(now, id, OrderState::Expired);
        }
        // One that goes off may move the price so that another does; each goes off only once.
        while let Some(id) = self.next_to_go_off(now) {
            self.go_off(now, id);
        }
    }

    fn next_to_go_off(&mut self, now: Stamp) -> Option<u64> {
        let waiting: Vec<u64> = self
            .conditionals
            .values()
            .filter(|conditional| conditional.state == ConditionalState::Waiting)
            .map(|conditional| conditional.id)
            .collect();
        for id in waiting {
            let (symbol, working) = self.conditionals.get(&id).map(|conditional| {
                let wanted = &conditional.wanted;
                (wanted.order.symbol.clone(), wanted.working)
            })?;
            let price = self.watched(&symbol, working);
            let conditional = self.conditionals.get_mut(&id)?;
            let until = conditional.wanted.order.good_till_us;
            if until.is_some_and(|until| until <= now.wall_us) {
                conditional.state = ConditionalState::Expired;
                conditional.updated = now;
                continue;
            }
            let goes_off = match &mut conditional.wanted.trigger {
                Trigger::Trailing(trailing) => {
                    turned(trailing, conditional.wanted.order.side, price)
                }
                trigger => reached(*trigger, price),
            };
            if goes_off {
                return Some(id);
            }
        }
        None
    }

    fn go_off(&mut self, now: Stamp, id: u64) {
        let Some(conditional) = self.conditionals.get(&id) else {
            return;
        };
        let mut order = conditional.wanted.order.clone();
        if conditional.wanted.close_position {
            order.reduce_only = true;
            order.size = Size::Base(self.reducible(order.account, &order.symbol, order.side));
        }
        let state = match self.place(now, order) {
            Ok(placed) => ConditionalState::Triggered(placed.order.id),
            Err(_) => ConditionalState::Refused,
        };
        if let Some(conditional) = self.conditionals.get_mut(&id) {
            conditional.state = state;
            conditional.updated = now;
            conditional.triggered = Some(now);
        }
    }

    fn watched(&self, symbol: &str, working: WorkingPrice) -> Decimal {
        let Some(listing) = self.listing(symbol) else {
            return Decimal::ZERO;
        };
        match working {
            WorkingPrice::Mark => listing.mark(),
            WorkingPrice::Last => listing
                .history
                .last_price()
                .unwrap_or_else(|| listing.mark()),
        }
    }
}

fn reached(trigger: Trigger, price: Decimal) -> bool {
    match trigger {
        Trigger::AtOrAbove(level) => price >= level,
        Trigger::AtOrBelow(level) => price <= level,
        Trigger::Trailing(_) => false,
    }
}

/// Follows the price and tells whether it has turned far enough.
fn turned(trailing: &mut Trailing, side: Side, price: Decimal) -> bool {
    let active = trailing.best.is_some()
        || trailing.activation.is_none_or(|at| match side {
            Side::Buy => price <= at,
            Side::Sell => price >= at,
        });
    if !active {
        return false;
    }
    let best = trailing.best.unwrap_or(price);
    let best = match side {
        Side::Buy => best.min(price),
        Side::Sell => best.max(price),
    };
    trailing.best = Some(best);
    match side {
        Side::Buy => price >= best * (Decimal::ONE + trailing.callback) && price > best,
        Side::Sell => price <= best * (Decimal::ONE - trailing.callback) && price < best,
    }
}
