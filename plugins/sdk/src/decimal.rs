//! Exact decimals between JSON, the contract's strings and arithmetic, without a float anywhere.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use crate::types::Error;

/// Significant digits that the contract allows, and places behind the point that [`Decimal`] holds.
pub const MAX_DIGITS: usize = 28;

/// Largest power of ten that a JSON number may carry; beyond it no decimal of the contract is left.
const MAX_EXPONENT: i32 = 64;

/// A decimal of the contract, read from a JSON string or number.
///
/// The digits are kept as the venue gave them (`0.00001000` stays so), without sign of zero, exponent,
/// or leading zeros. What the contract cannot hold exactly is an error, never a zero or a rounding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact(String);

impl Exact {
    /// The decimal of this text; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        canonical(text).map(|text| Self(text.into_owned()))
    }

    /// The contract's string.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The contract's string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the value is zero.
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|byte| matches!(byte, b'0' | b'.'))
    }

    /// Whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        self.0.starts_with('-')
    }

    /// The string, unless the value is zero: for venues whose zero means "none".
    pub fn non_zero(self) -> Option<String> {
        (!self.is_zero()).then_some(self.0)
    }

    /// The value, for arithmetic.
    pub fn value(&self) -> Result<Decimal, Error> {
        value(&self.0)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The raw text is the only way to a JSON number's digits: serde's own would be a float.
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let text: Cow<'_, str> = match raw.strip_prefix('"') {
            None => Cow::Borrowed(raw),
            Some(rest) if !rest.contains('\\') => {
                Cow::Borrowed(rest.strip_suffix('"').unwrap_or(rest))
            }
            Some(_) => Cow::Owned(serde_json::from_str(raw).map_err(D::Error::custom)?),
        };
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format_args!("not a decimal of at most {MAX_DIGITS} digits"))
        })
    }
}

/// The value of a contract's decimal, such as a command's; `invalid-request` where it is none.
pub fn value(text: &str) -> Result<Decimal, Error> {
    canonical(text)
        .and_then(|text| Decimal::from_str_exact(&text).ok())
        .ok_or_else(|| {
            Error::refused(crate::types::ErrorKind::InvalidRequest)
                .because("a decimal is malformed or has more than 28 digits")
        })
}

/// `dividend / divisor` to at most 28 significant digits, without trailing zeros; `None` where the
/// divisor is zero or the quotient does not fit.
pub fn quotient(dividend: Decimal, divisor: Decimal) -> Option<String> {
    let quotient = dividend.checked_div(divisor)?;
    let rounded = quotient.round_sf(MAX_DIGITS as u32).unwrap_or(quotient);
    Some(rounded.normalize().to_string())
}

/// The sum of two contract decimals; `None` where it does not fit.
pub fn sum(left: &str, right: &str) -> Option<String> {
    let sum = value(left).ok()?.checked_add(value(right).ok()?)?;
    canonical(&sum.to_string()).map(Cow::into_owned)
}

/// The contract's form of a decimal number in JSON's or a venue's notation; `None` where there is none.
///
/// Digits stay as they are, trailing zeros too, unless there are too many of them.
pub fn canonical(text: &str) -> Option<Cow<'_, str>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut point = None;
    let mut zero = true;
    for (at, byte) in digits.bytes().enumerate() {
        match byte {
            b'0' => {}
            b'1'..=b'9' => zero = false,
            b'.' if point.is_none() => point = Some(at),
            b'e' | b'E' => return rewrite(negative, digits),
            _ => return None,
        }
    }
    let whole = point.unwrap_or(digits.len());
    let plain = whole > 0
        && point.is_none_or(|at| at + 1 < digits.len())
        && (whole == 1 || !digits.starts_with('0'))
        && digits.len() <= MAX_DIGITS
        && !(negative && zero);
    if plain {
        return Some(Cow::Borrowed(text));
    }
    rewrite(negative, digits)
}

/// The slow path of [`canonical`]: exponents, superfluous zeros, many digits.
fn rewrite(negative: bool, digits: &str) -> Option<Cow<'static, str>> {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    if !(-MAX_EXPONENT..=MAX_EXPONENT).contains(&exponent) {
        return None;
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if all.is_empty() || !all.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Digits in front of the point once the exponent is worked in; at least one.
    let mut point = i32::try_from(whole.len()).ok()? + exponent;
    while point < 1 {
        all.insert(0, b'0');
        point += 1;
    }
    let mut point = usize::try_from(point).ok()?;
    while all.len() < point {
        all.push(b'0');
    }
    let leading = all[..point - 1]
        .iter()
        .take_while(|digit| **digit == b'0')
        .count();
    all.drain(..leading);
    point -= leading;
    let significant =
        |all: &[u8]| all.len() - all.iter().take_while(|digit| **digit == b'0').count();
    while all.len() > point
        && all.last() == Some(&b'0')
        && (significant(&all) > MAX_DIGITS || all.len() - point > MAX_DIGITS)
    {
        all.pop();
    }
    if significant(&all) > MAX_DIGITS || all.len() - point > MAX_DIGITS {
        return None;
    }
    let mut text = String::with_capacity(all.len() + 2);
    if negative && all.iter().any(|digit| *digit != b'0') {
        text.push('-');
    }
    for (at, digit) in all.iter().enumerate() {
        if at == point {
            text.push('.');
        }
        text.push(char::from(*digit));
    }
    Some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(text: &str) -> Option<String> {
        canonical(text).map(Cow::into_owned)
    }

    #[test]
    fn digits_stay_as_the_venue_gave_them() {
        for text in ["0.00001000", "-12.5", "0", "9223372036854775807", "100.00"] {
            assert_eq!(form(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn other_notations_become_the_contracts() {
        for (text, expected) in [
            ("1e-8", "0.00000001"),
            ("1.5E+3", "1500"),
            ("-2.50e1", "-25.0"),
            ("007.5", "7.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-0.00", "0.00"),
            (
                "0.10000000000000000000000000000000000",
                "0.1000000000000000000000000000",
            ),
            ("0e0", "0"),
        ] {
            assert_eq!(form(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_decimal_or_does_not_fit_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "e5",
            "+1",
            "1.2.3",
            "1,000",
            "0x10",
            "NaN",
            "Infinity",
            " 1",
            "1 ",
            "--1",
            "1e",
            "1e999",
            "1e-999",
            "1e99999999999",
            "12345678901234567890123456789",
            "0.00000000000000000000000000001",
            "１",
            "1-2",
            "1e5.5",
        ] {
            assert_eq!(form(text), None, "{text}");
        }
    }

    #[test]
    fn json_strings_and_numbers_are_read_exactly() {
        let read = |text: &str| {
            serde_json::from_str::<Exact>(text)
                .ok()
                .map(Exact::into_string)
        };
        assert_eq!(read("\"0.10\"").as_deref(), Some("0.10"));
        assert_eq!(
            read("0.1234567890123456789").as_deref(),
            Some("0.1234567890123456789")
        );
        assert_eq!(read("1e-8").as_deref(), Some("0.00000001"));
        assert_eq!(read("\"\\u0031.5\"").as_deref(), Some("1.5"));
        for text in [
            "null",
            "true",
            "[]",
            "{}",
            "\"\"",
            "\"abc\"",
            "\"1\\u00002\"",
            "1e400",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn quotients_have_at_most_twenty_eight_digits() {
        let third = quotient(Decimal::ONE, Decimal::from(3)).unwrap_or_default();
        assert_eq!(third, "0.3333333333333333333333333333");
        assert_eq!(
            quotient(Decimal::from(10), Decimal::from(4)).as_deref(),
            Some("2.5")
        );
        assert_eq!(quotient(Decimal::ONE, Decimal::ZERO), None);
    }

    proptest! {
        #[test]
        fn any_decimal_within_precision_is_left_alone(text in "-?(0|[1-9][0-9]{0,13})(\\.[0-9]{1,14})?") {
            let zero = !text.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
            prop_assume!(!(zero && text.starts_with('-')));
            prop_assert_eq!(form(&text), Some(text.clone()));
            prop_assert!(value(&text).is_ok());
        }

        #[test]
        fn no_text_panics_and_every_form_is_stable(text in "[-+0-9.eE]{0,40}") {
            if let Some(once) = form(&text) {
                prop_assert_eq!(form(&once), Some(once.clone()));
                prop_assert!(Decimal::from_str_exact(&once).is_ok());
            }
        }
    }
}
