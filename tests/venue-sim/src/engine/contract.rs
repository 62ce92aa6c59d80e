//! Contracts and positions in them: what a trade is worth, and what closing one earns.
//!
//! A position is kept as its quantity and the signed sum of what its trades were worth when they were made:
//! price times quantity for a linear contract, contracts times face value divided by price for an inverse one,
//! contracts times price times a fixed multiplier for a quanto one.
//! No average price is stored, so nothing is rounded twice: profit is the difference of two such sums. The worth of
//! an inverse or quanto trade is rounded once, to as many decimals as its [`Payoff`] says, and both sides of the
//! trade use the same one; so profits and losses of all accounts cancel exactly, whatever is traded.

use rust_decimal::Decimal;

use crate::clock::Stamp;

/// Decimals to which the worth of an inverse trade is rounded, once, where the venue keeps fractions of units.
pub const VALUE_SCALE: u32 = 18;
/// Decimals to which the closed part of a linear position's cost is rounded; the rest stays in the position.
const COST_SCALE: u32 = 8;

/// How a contract pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payoff {
    /// Quantity in base units; profit is the change of price times the quantity, in the quote asset.
    Linear,
    /// Quantity in contracts of a fixed worth in the quote currency; profit is in the base asset.
    Inverse {
        /// What one contract is worth, in the quote currency.
        contract_size: Decimal,
        /// Decimals of the margin asset to which a trade's worth is rounded.
        scale: u32,
        /// How many contracts are rounded at once, the worth of more being a multiple of theirs; `None` rounds
        /// the worth of a trade as a whole.
        lot: Option<Decimal>,
    },
    /// Quantity in contracts; profit is the change of price times the contracts times a fixed multiplier. The
    /// margin asset may be neither the base nor the quote (quanto), or be the quote (linear, sized in contracts).
    Multiplied {
        /// What one contract earns when the price rises by one, in the margin asset.
        multiplier: Decimal,
        /// Decimals of the margin asset to which a trade's worth is rounded.
        scale: u32,
    },
}

/// Whether and when a contract ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// Never.
    Perpetual,
    /// Never; its underlying is traded on exchanges with opening hours.
    TraditionalPerpetual,
    /// At the end of this quarter.
    CurrentQuarter,
    /// At the end of the next quarter.
    NextQuarter,
}

/// Where a contract is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Listed, but not yet traded.
    Pending,
    /// Traded, unless the instrument is halted.
    Listed,
    /// Expired and being settled.
    Settling,
}

/// What makes an instrument a contract rather than a pair of assets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// The underlying, shared by the contracts on it.
    pub pair: String,
    /// The asset of margin, profit and fees.
    pub margin_asset: String,
    /// How it pays.
    pub payoff: Payoff,
    /// Whether it ends.
    pub series: Series,
    /// Where it is in its life.
    pub phase: Phase,
    /// When it was listed, in milliseconds since the epoch.
    pub onboard_ms: i64,
    /// When it ends, in milliseconds since the epoch.
    pub delivery_ms: i64,
    /// Decimals with which its prices are shown; there may be more than the price increment has.
    pub price_precision: u32,
    /// Decimals with which its quantities are shown.
    pub quantity_precision: u32,
}

impl Payoff {
    /// What a quantity is worth at a price, in the margin asset. `None` if too large to compute with.
    #[must_use]
    pub fn value(self, price: Decimal, quantity: Decimal) -> Option<Decimal> {
        match self {
            Self::Linear => price.checked_mul(quantity),
            Self::Inverse {
                contract_size,
                scale,
                lot,
            } => {
                if quantity.is_zero() {
                    return Some(Decimal::ZERO);
                }
                let unit = lot.unwrap_or(quantity);
                let worth = unit.checked_mul(contract_size)?.checked_div(price)?;
                let units = quantity.checked_div(unit)?;
                worth.round_dp(scale).checked_mul(units)
            }
            Self::Multiplied { multiplier, scale } => quantity
                .checked_mul(multiplier)?
                .checked_mul(price)
                .map(|value| value.round_dp(scale)),
        }
    }

    /// The price at which a quantity is worth so much. `None` when it has none.
    #[must_use]
    pub fn average_price(self, quantity: Decimal, value: Decimal) -> Option<Decimal> {
        match self {
            Self::Linear => value.checked_div(quantity),
            Self::Inverse { contract_size, .. } => (quantity * contract_size).checked_div(value),
            Self::Multiplied { multiplier, .. } => value.checked_div(quantity * multiplier),
        }
    }

    /// What closing earns: the signed worth of the opening trades and of the closing one, added up.
    fn profit(self, signed_values: Decimal) -> Decimal {
        match self {
            Self::Linear | Self::Multiplied { .. } => -signed_values,
            Self::Inverse { .. } => signed_values,
        }
    }
}

/// One account's position in one contract; a short one is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Base units or contracts.
    pub quantity: Decimal,
    /// Signed sum of what the trades that opened it were worth, in the margin asset.
    pub cost: Decimal,
    /// When it last changed.
    pub updated: Stamp,
}

impl Position {
    /// The average price at which it was opened: weighted for linear, harmonic for inverse contracts.
    #[must_use]
    pub fn entry_price(&self, payoff: Payoff) -> Decimal {
        payoff
            .average_price(self.quantity, self.cost)
            .unwrap_or_default()
    }

    /// What closing it at a price would earn, in the margin asset.
    #[must_use]
    pub fn unrealised(&self, payoff: Payoff, price: Decimal) -> Decimal {
        let now = payoff.value(price, self.quantity).unwrap_or_default();
        payoff.profit(self.cost - now)
    }

    /// Takes a trade into the position and returns the profit that it realises. A positive quantity buys;
    /// `value` is the trade's worth, without sign.
    pub(super) fn trade(&mut self, payoff: Payoff, quantity: Decimal, value: Decimal) -> Decimal {
        let value = if quantity.is_sign_negative() {
            -value
        } else {
            value
        };
        let opens = self.quantity.is_zero()
            || self.quantity.is_sign_negative() == quantity.is_sign_negative();
        if opens {
            self.quantity += quantity;
            self.cost += value;
            return Decimal::ZERO;
        }
        let closed = quantity.abs().min(self.quantity.abs());
        let exit = part(payoff, value, closed, quantity.abs());
        let entry = part(payoff, self.cost, closed, self.quantity.abs());
        let after = self.quantity + quantity;
        let flipped = !after.is_zero() && after.is_sign_negative() == quantity.is_sign_negative();
        self.cost = if flipped {
            value - exit
        } else {
            self.cost - entry
        };
        self.quantity = after;
        payoff.profit(entry + exit)
    }
}

/// The share of a worth that belongs to a part of the quantity. All of it is taken as it is.
fn part(payoff: Payoff, value: Decimal, quantity: Decimal, whole: Decimal) -> Decimal {
    if quantity == whole {
        return value;
    }
    let scale = match payoff {
        Payoff::Linear => COST_SCALE,
        Payoff::Inverse { scale, .. } | Payoff::Multiplied { scale, .. } => scale,
    };
    (value / whole * quantity).round_dp(scale)
}
