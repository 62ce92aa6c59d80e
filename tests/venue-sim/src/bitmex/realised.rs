//! Realised profit: what a position has earned, and when that moves to the wallet.
//!
//! BitMEX documents `rebalancedPnl` as "the value of realised PNL that has transferred to your wallet for this
//! position", and its transaction history has one realised profit for every day that ends at 12:00 UTC. Signs and sums
//! follow the positions in its own documentation of deleveraging and in recorded answers of `/position`: `realisedPnl` is
//! `-realisedCost - currentComm` since the first trade, `rebalancedPnl` has the opposite sign of what was
//! transferred, so that their sum is what was not, and a position that becomes empty transfers at once
//! (`blog.bitmex.com`, "Update to Realised PNL Accounting"). The wallet itself changes at noon only: until then
//! `/user/margin` has its `walletBalance` as `amount` plus the `realisedPnl` of the day.

use rust_decimal::Decimal;

use crate::clock::Stamp;
use crate::engine::{AccountId, Engine, Fill, Side, View};

const DAY_US: i64 = 24 * 3_600 * 1_000_000;

/// What one account has earned in one contract since its first trade, in the margin asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Earned {
    /// Before fees.
    pub(super) profit: Decimal,
    /// Paid.
    pub(super) fees: Decimal,
    /// The part of the profit after fees that has moved to the wallet.
    pub(super) transferred: Decimal,
    /// Profit after fees of the position that was last closed.
    pub(super) last_closed: Decimal,
}

impl Earned {
    /// What an account has earned in a contract.
    pub(super) fn of(engine: &Engine, account: AccountId, symbol: &str, now: Stamp) -> Self {
        let mut earned = Self::default();
        let (mut held, mut at_last_close) = (Decimal::ZERO, Decimal::ZERO);
        let mut session = i64::MIN;
        let fills = engine.fills(View::NOW, account);
        for fill in fills.filter(|fill| fill.symbol == symbol) {
            earned.transfer_at_noon(&mut session, fill.at);
            earned.profit += fill.realised;
            earned.fees += fill.fee;
            held += match fill.side {
                Side::Buy => fill.quantity,
                Side::Sell => -fill.quantity,
            };
            if held.is_zero() {
                earned.transferred = earned.net();
                earned.last_closed = earned.net() - at_last_close;
                at_last_close = earned.net();
            }
        }
        earned.transfer_at_noon(&mut session, now);
        earned
    }

    /// After fees.
    pub(super) fn net(&self) -> Decimal {
        self.profit - self.fees
    }

    fn transfer_at_noon(&mut self, session: &mut i64, at: Stamp) {
        let current = session_of(at);
        if current > *session {
            self.transferred = self.net();
            *session = current;
        }
    }
}

/// What an account has earned since the last noon with contracts margined in one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Session {
    /// After fees.
    pub(super) net: Decimal,
    /// Paid.
    pub(super) fees: Decimal,
}

impl Session {
    /// The session that `now` is in.
    pub(super) fn of(engine: &Engine, account: AccountId, asset: &str, now: Stamp) -> Self {
        let counts = |fill: &&Fill| {
            let contract = engine
                .listing(&fill.symbol)
                .and_then(|listing| listing.instrument.contract.as_ref());
            contract.is_some_and(|contract| contract.margin_asset == asset)
                && session_of(fill.at) >= session_of(now)
        };
        engine
            .fills(View::NOW, account)
            .filter(counts)
            .fold(Self::default(), |sum, fill| Self {
                net: sum.net + fill.realised - fill.fee,
                fees: sum.fees + fill.fee,
            })
    }
}

/// Days that end at noon, UTC, counted from the epoch.
fn session_of(at: Stamp) -> i64 {
    (at.wall_us - DAY_US / 2).div_euclid(DAY_US)
}
