//! Exact decimals: strings at every border, never a float.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A price or quantity: exact, at most 28 significant digits.
///
/// It is read from and written as a decimal string: ASCII digits with at most one point and an optional
/// leading minus. Written, it has no trailing zeros, so that equal values look equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(rust_decimal::Decimal);

/// Why a text is not a [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not of the form `-?digits[.digits]`.
    #[error(
        "must be a decimal such as \"0.001\": digits with at most one point, no exponent or plus sign"
    )]
    Form,
    /// Right form, too many digits to hold exactly.
    #[error("must have at most 28 significant digits")]
    Digits,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self(rust_decimal::Decimal::ZERO);

    /// Whether it is above zero.
    pub fn is_positive(self) -> bool {
        self.0 > rust_decimal::Decimal::ZERO
    }

    /// The exact product, or `None` where it does not fit in 28 digits.
    pub fn exact_product(self, other: Self) -> Option<Self> {
        let (a, b) = (self.0.normalize(), other.0.normalize());
        let product = a.checked_mul(b)?;
        // rust_decimal rounds a product whose scale exceeds what it can hold.
        let is_exact = a.is_zero() || b.is_zero() || product.scale() == a.scale() + b.scale();
        is_exact.then_some(Self(product))
    }

    /// Whether `self - origin` is a whole number of `step`s. A step of zero or less allows everything.
    pub fn is_on_grid(self, origin: Self, step: Self) -> bool {
        if !step.is_positive() {
            return true;
        }
        match self.0.checked_sub(origin.0) {
            Some(distance) => distance
                .checked_rem(step.0)
                .is_some_and(|rest| rest.is_zero()),
            None => false,
        }
    }

    /// The number it holds, for arithmetic.
    pub fn value(self) -> rust_decimal::Decimal {
        self.0
    }
}

impl From<rust_decimal::Decimal> for Decimal {
    fn from(value: rust_decimal::Decimal) -> Self {
        Self(value)
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (digits, None),
        };
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
        if !all_digits(whole) || !fraction.is_none_or(all_digits) {
            return Err(DecimalError::Form);
        }
        // Trailing zeros of the fraction carry no value and must not cost precision.
        let significant = if fraction.is_some() {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            text
        };
        let value =
            rust_decimal::Decimal::from_str_exact(significant).map_err(|_| DecimalError::Digits)?;
        Ok(Self(if value.is_zero() {
            rust_decimal::Decimal::ZERO
        } else {
            value
        }))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.normalize())
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DecimalText;
        impl Visitor<'_> for DecimalText {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal string such as \"0.001\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
                text.parse()
                    .map_err(|problem| E::custom(format_args!("{text:?} {problem}")))
            }
        }
        deserializer.deserialize_str(DecimalText)
    }
}

impl utoipa::PartialSchema for Decimal {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(r"^-?[0-9]+(\.[0-9]+)?$"))
            .description(Some("An exact decimal, as a string."))
            .examples(["0.001"])
            .into()
    }
}

impl utoipa::ToSchema for Decimal {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn only_plain_decimal_text_is_accepted() {
        for text in [
            "", "-", ".", "1.", ".5", "+1", "1e3", "1E-3", "0x1", "1_000", "1,5", " 1", "1 ",
            "NaN", "--1", "١",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError::Form), "{text:?}");
        }
    }

    #[test]
    fn digits_beyond_what_is_exact_are_refused_and_zeros_at_the_end_are_not() {
        let digits = "1".repeat(30);
        assert_eq!(digits.parse::<Decimal>(), Err(DecimalError::Digits));
        assert_eq!(
            decimal(&format!("0.5{}", "0".repeat(60))).to_string(),
            "0.5"
        );
    }

    #[test]
    fn json_numbers_are_refused() {
        assert!(serde_json::from_str::<Decimal>("0.1").is_err());
        assert!(serde_json::from_str::<Decimal>("1").is_err());
        assert_eq!(
            serde_json::from_str::<Decimal>("\"0.10\"").unwrap(),
            decimal("0.1")
        );
    }

    #[test]
    fn minus_zero_is_zero() {
        assert_eq!(decimal("-0.00").to_string(), "0");
    }

    #[test]
    fn a_product_that_would_be_rounded_is_no_product() {
        assert_eq!(
            decimal("0.1").exact_product(decimal("0.2")),
            Some(decimal("0.02"))
        );
        let tiny = decimal("0.00000000000000000001");
        assert_eq!(tiny.exact_product(tiny), None);
    }

    #[test]
    fn the_grid_starts_at_its_origin() {
        assert!(decimal("0.015").is_on_grid(decimal("0.005"), decimal("0.01")));
        assert!(!decimal("0.02").is_on_grid(decimal("0.005"), decimal("0.01")));
        assert!(decimal("7").is_on_grid(Decimal::ZERO, Decimal::ZERO));
    }

    proptest! {
        #[test]
        fn any_decimal_text_comes_back_equal(whole in 0u64..1_000_000_000_000_000, fraction in "[0-9]{0,12}", minus: bool) {
            let point = if fraction.is_empty() { "" } else { "." };
            let sign = if minus { "-" } else { "" };
            let text = format!("{sign}{whole}{point}{fraction}");
            let parsed: Decimal = text.parse().unwrap();
            let again: Decimal = parsed.to_string().parse().unwrap();
            prop_assert_eq!(parsed, again);
            let plain = |text: &str| -> String {
                let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
                let text = if text == "-0" { "0" } else { text };
                text.to_owned()
            };
            prop_assert_eq!(plain(&text), parsed.to_string());
        }
    }
}
