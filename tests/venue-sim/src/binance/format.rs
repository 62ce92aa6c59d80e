//! How Binance writes amounts and times.

use rust_decimal::Decimal;

/// Decimals that Binance shows on every amount.
const SCALE: u32 = 8;

/// An amount with eight decimals, cut off and never rounded.
#[must_use]
pub fn amount(value: Decimal) -> String {
    fixed(value, SCALE)
}

/// An amount with so many decimals, cut off and never rounded.
#[must_use]
pub fn fixed(value: Decimal, scale: u32) -> String {
    let mut value = value.trunc_with_scale(scale);
    value.rescale(scale);
    // Cutting off a small negative amount must not leave a sign.
    if value.is_zero() {
        value.set_sign_positive(true);
    }
    value.to_string()
}

/// The unit in which a client wants times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Milliseconds, the default.
    Milliseconds,
    /// Microseconds, asked for with `X-MBX-TIME-UNIT`.
    Microseconds,
}

impl TimeUnit {
    /// A time in microseconds, in this unit.
    #[must_use]
    pub fn of_us(self, us: i64) -> i64 {
        match self {
            Self::Milliseconds => us.div_euclid(1000),
            Self::Microseconds => us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_eight_decimals_and_are_never_rounded_up() {
        assert_eq!(amount(Decimal::new(1, 3)), "0.00100000");
        assert_eq!(amount(Decimal::from(60_000)), "60000.00000000");
        assert_eq!(amount(Decimal::new(199_999_999_999, 11)), "1.99999999");
    }
}
