//! Assets and the minor units in which BitMEX keeps money: satoshi, millionths of a dollar.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

/// An asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Currency {
    /// The asset, as the engine's ledger has it.
    pub(super) major: &'static str,
    /// The name of its minor unit.
    pub(super) minor: &'static str,
    pub(super) name: &'static str,
    /// Decimals of the asset that the minor unit stands for.
    pub(super) scale: u32,
    /// Whether contracts are margined in it.
    pub(super) is_margin: bool,
}

const fn currency(
    major: &'static str,
    minor: &'static str,
    name: &'static str,
    scale: u32,
    is_margin: bool,
) -> Currency {
    Currency {
        major,
        minor,
        name,
        scale,
        is_margin,
    }
}

/// Every asset of the venue; scales as `GET /wallet/assets` tells them.
pub(super) const CURRENCIES: [Currency; 5] = [
    currency("XBT", "XBt", "Bitcoin", 8, true),
    currency("USDT", "USDt", "Tether USD", 6, true),
    currency("USDC", "USDc", "USD Coin", 6, true),
    currency("ETH", "Gwei", "Ethereum", 9, false),
    currency("SOL", "LAMp", "Solana", 9, false),
];

impl Currency {
    /// The asset of this name.
    pub(super) fn of(major: &str) -> Option<&'static Self> {
        CURRENCIES.iter().find(|currency| currency.major == major)
    }

    /// The asset whose minor unit has this name.
    pub(super) fn of_minor(minor: &str) -> Option<&'static Self> {
        let same = |currency: &&Self| currency.minor.eq_ignore_ascii_case(minor);
        CURRENCIES.iter().find(same)
    }

    /// An amount in minor units; what is less than one is cut off.
    pub(super) fn minor_units(&self, amount: Decimal) -> i64 {
        (amount * self.unit())
            .round_dp_with_strategy(0, RoundingStrategy::ToZero)
            .to_i64()
            .unwrap_or_default()
    }

    /// How many minor units make one of the asset.
    pub(super) fn unit(&self) -> Decimal {
        Decimal::from(10_u64.pow(self.scale))
    }
}

/// The name of an asset's minor unit, or of the asset where it has none.
pub(super) fn minor_name(major: &str) -> &str {
    Currency::of(major).map_or(major, |currency| currency.minor)
}

/// An amount of an asset in its minor units.
pub(super) fn minor_units(major: &str, amount: Decimal) -> i64 {
    Currency::of(major).map_or(0, |currency| currency.minor_units(amount))
}
