//! Exact amounts: BitMEX counts contracts and minor units, the contract of adapters whole units.

use rust_decimal::Decimal;
use switchyard_sdk::decimal::{self, Exact};
use switchyard_sdk::types::Error;

/// Most places behind the point that a decimal holds.
const MAX_SCALE: u32 = 28;

/// The product, where it can be held without rounding.
pub(crate) fn product(left: Decimal, right: Decimal) -> Option<Decimal> {
    let (left, right) = (left.normalize(), right.normalize());
    if left.is_zero() || right.is_zero() {
        return Some(Decimal::ZERO);
    }
    // A product that had to be rounded has fewer places than its factors together.
    left.checked_mul(right)
        .filter(|product| product.scale() == left.scale() + right.scale())
        .map(|product| product.normalize())
}

/// The quotient, where it can be held without rounding.
pub(crate) fn quotient(dividend: Decimal, divisor: Decimal) -> Option<Decimal> {
    let quotient = dividend.checked_div(divisor)?.normalize();
    (product(quotient, divisor)? == dividend).then_some(quotient)
}

/// One unit of the last of `scale` places: 8 is 0.00000001.
pub(crate) fn unit(scale: u32) -> Option<Decimal> {
    (scale <= MAX_SCALE).then(|| Decimal::new(1, scale))
}

/// A number of units of `size` each, in whole units: contracts in base units, or satoshis in bitcoins.
pub(crate) fn scaled(count: &Exact, size: Decimal) -> Result<String, Error> {
    product(count.value()?, size)
        .map(text)
        .ok_or_else(|| Error::malformed("an amount beyond 28 digits"))
}

/// How many units of `size` a command's quantity is; only a whole number of them, and one at least, can be
/// ordered: BitMEX takes a negative `orderQty` to sell, and an amend to zero to cancel.
pub(crate) fn counted(quantity: &str, size: Decimal) -> Result<String, Error> {
    let value = decimal::value(quantity).map_err(|error| error.at("quantity"))?;
    quotient(value, size)
        .filter(|count| count.is_integer() && *count > Decimal::ZERO)
        .map(text)
        .ok_or_else(|| {
            Error::invalid(
                "quantity",
                format!(
                    "not a positive multiple of {}, which is what BitMEX counts",
                    text(size)
                ),
            )
        })
}

/// The contract's string, without superfluous zeros.
pub(crate) fn text(value: Decimal) -> String {
    value.normalize().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Decimal {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn nothing_is_ever_rounded() {
        assert_eq!(
            quotient(value("1"), value("1000000")),
            Some(value("0.000001"))
        );
        assert_eq!(quotient(value("1"), value("3")), None);
        assert_eq!(quotient(value("1"), value("0")), None);
        let fine = value("0.0000000000000000000000000001");
        assert_eq!(product(fine, value("0.1")), None);
        assert_eq!(product(fine, value("0")), Some(Decimal::ZERO));
        assert_eq!(product(Decimal::MAX, value("1.5")), None);
        assert_eq!(unit(29), None);
    }

    #[test]
    fn a_quantity_that_is_no_whole_number_of_contracts_is_refused() {
        let size = value("0.000001");
        assert_eq!(counted("0.001", size).ok().as_deref(), Some("1000"));
        assert_eq!(counted("1.50", size).ok().as_deref(), Some("1500000"));
        for text in ["0.0000015", "0", "-1", "x", ""] {
            let field = counted(text, size).err().and_then(|error| error.field);
            assert_eq!(field.as_deref(), Some("quantity"), "{text}");
        }
    }
}
