//! What an incoming order would do to the book, worked out before anything changes.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::book::Book;
use super::types::{AccountId, OrderId, OrderKind, SelfTradePrevention, Side, Size};

/// One encounter with a resting order, in order of priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A trade at the resting order's price.
    Fill {
        maker: OrderId,
        price: Decimal,
        quantity: Decimal,
    },
    /// The resting order expires by self-trade prevention.
    ExpireMaker { maker: OrderId },
    /// Both sides shrink by self-trade prevention.
    Decrement { maker: OrderId, quantity: Decimal },
}

/// The outcome of walking the book.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// Base units that would trade.
    pub(super) filled: Decimal,
    /// Quote units that would trade.
    pub(super) cost: Decimal,
    /// Self-trade prevention ends the incoming order.
    pub(super) taker_expires: bool,
}

/// The incoming order, as far as matching cares.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taker {
    pub(super) account: AccountId,
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) size: Size,
    pub(super) lot: Decimal,
    pub(super) self_trade: SelfTradePrevention,
}

impl Taker {
    fn accepts(&self, price: Decimal) -> bool {
        match (self.kind.limit(), self.side) {
            (None, _) => true,
            (Some(limit), Side::Buy) => price <= limit,
            (Some(limit), Side::Sell) => price >= limit,
        }
    }
}

/// Positions as they would become while the book is walked, for orders that may only reduce them.
struct Positions<'a> {
    held: &'a dyn Fn(AccountId) -> Decimal,
    changes: BTreeMap<AccountId, Decimal>,
}

impl Positions<'_> {
    /// What an account could still take off its position with orders of this side.
    fn reducible(&self, account: AccountId, side: Side) -> Decimal {
        let change = self.changes.get(&account).copied().unwrap_or_default();
        let held = (self.held)(account) + change;
        let room = match side {
            Side::Buy => -held,
            Side::Sell => held,
        };
        room.max(Decimal::ZERO)
    }

    fn traded(&mut self, account: AccountId, side: Side, quantity: Decimal) {
        let change = self.changes.entry(account).or_default();
        match side {
            Side::Buy => *change += quantity,
            Side::Sell => *change -= quantity,
        }
    }
}

/// Walks the book; `held` tells positions. `None` if an amount is too large to compute with.
pub(super) fn plan(
    book: &Book,
    taker: &Taker,
    held: &dyn Fn(AccountId) -> Decimal,
) -> Option<Plan> {
    let mut plan = Plan::default();
    let mut positions = Positions {
        held,
        changes: BTreeMap::new(),
    };
    let maker_side = taker.side.opposite();
    let mut base_left = match taker.size {
        Size::Base(quantity) => quantity,
        Size::Quote(_) => Decimal::MAX,
    };
    for (price, resting) in book.queue(maker_side) {
        if !taker.accepts(price) || plan.taker_expires {
            break;
        }
        let wanted = match taker.size {
            Size::Base(_) => base_left,
            Size::Quote(amount) => whole_lots((amount - plan.cost).checked_div(price)?, taker.lot),
        };
        if wanted <= Decimal::ZERO {
            break;
        }
        let mut overlap = wanted.min(resting.remaining);
        if resting.reduce_only {
            overlap = overlap.min(positions.reducible(resting.account, maker_side));
        }
        if overlap.is_zero() {
            continue;
        }
        let own = resting.account == taker.account;
        match taker.self_trade {
            SelfTradePrevention::ExpireTaker if own => plan.taker_expires = true,
            SelfTradePrevention::ExpireMaker if own => plan.steps.push(Step::ExpireMaker {
                maker: resting.order,
            }),
            SelfTradePrevention::ExpireBoth if own => {
                plan.steps.push(Step::ExpireMaker {
                    maker: resting.order,
                });
                plan.taker_expires = true;
            }
            SelfTradePrevention::Decrement if own => {
                plan.steps.push(Step::Decrement {
                    maker: resting.order,
                    quantity: overlap,
                });
                if let Size::Base(_) = taker.size {
                    base_left -= overlap;
                }
                plan.taker_expires = wanted == overlap;
            }
            _ => {
                plan.steps.push(Step::Fill {
                    maker: resting.order,
                    price,
                    quantity: overlap,
                });
                positions.traded(resting.account, maker_side, overlap);
                positions.traded(taker.account, taker.side, overlap);
                plan.filled = plan.filled.checked_add(overlap)?;
                plan.cost = plan.cost.checked_add(price.checked_mul(overlap)?)?;
                if let Size::Base(_) = taker.size {
                    base_left -= overlap;
                }
            }
        }
    }
    Some(plan)
}

fn whole_lots(quantity: Decimal, lot: Decimal) -> Decimal {
    if lot.is_zero() {
        quantity
    } else {
        quantity - quantity % lot
    }
}
