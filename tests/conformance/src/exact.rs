//! Decimal numbers of any length, exactly: to tell whether a number came through unchanged.

use std::cmp::Ordering;

/// A decimal number without a loss, whatever its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exact {
    negative: bool,
    /// Without zeros at either end, so that equal numbers are equal; empty is zero.
    digits: Vec<u8>,
    /// The number is `digits` times ten to this.
    exponent: i64,
}

impl Exact {
    /// Reads the contract's decimals and no other spelling: no exponent, plus sign, grouping or bare point.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let has_point = unsigned.contains('.');
        let all_digits = |part: &str| part.bytes().all(|c| c.is_ascii_digit());
        if whole.is_empty()
            || (has_point && fraction.is_empty())
            || !all_digits(whole)
            || !all_digits(fraction)
        {
            return None;
        }
        let digits: Vec<u8> = whole
            .bytes()
            .chain(fraction.bytes())
            .map(|c| c - b'0')
            .collect();
        let exponent = i64::try_from(fraction.len()).ok()?;
        Some(Self::normal(negative, digits, -exponent))
    }

    /// Reads a number as JSON and most languages write it, with an exponent or without.
    pub(crate) fn parse_scientific(text: &str) -> Option<Self> {
        let text = text.strip_prefix('+').unwrap_or(text);
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let number = Self::parse(mantissa)?;
        Some(if number.is_zero() {
            number
        } else {
            Self {
                exponent: number.exponent.checked_add(exponent)?,
                ..number
            }
        })
    }

    fn normal(negative: bool, mut digits: Vec<u8>, mut exponent: i64) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
            exponent += 1;
        }
        let leading = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..leading);
        let is_zero = digits.is_empty();
        Self {
            negative: negative && !is_zero,
            digits,
            exponent: if is_zero { 0 } else { exponent },
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.negative
    }

    /// Significant digits.
    pub(crate) fn precision(&self) -> usize {
        self.digits.len()
    }

    pub(crate) fn times(&self, other: &Self) -> Self {
        let mut product = vec![0_u32; self.digits.len() + other.digits.len()];
        for (i, a) in self.digits.iter().rev().enumerate() {
            let mut carry = 0;
            for (j, b) in other.digits.iter().rev().enumerate() {
                let sum = product[i + j] + u32::from(*a) * u32::from(*b) + carry;
                product[i + j] = sum % 10;
                carry = sum / 10;
            }
            product[i + other.digits.len()] += carry;
        }
        let digits = product.iter().rev().map(|digit| *digit as u8).collect();
        Self::normal(
            self.negative != other.negative,
            digits,
            self.exponent + other.exponent,
        )
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        let (a, b) = (self.shifted_to(exponent), other.shifted_to(exponent));
        if self.negative == other.negative {
            return Self::normal(self.negative, sum(&a, &b), exponent);
        }
        match compare(&a, &b) {
            Ordering::Less => Self::normal(other.negative, difference(&b, &a), exponent),
            _ => Self::normal(self.negative, difference(&a, &b), exponent),
        }
    }

    pub(crate) fn minus(&self, other: &Self) -> Self {
        let negated = Self::normal(!other.negative, other.digits.clone(), other.exponent);
        self.plus(&negated)
    }

    fn shifted_to(&self, exponent: i64) -> Vec<u8> {
        let zeros = usize::try_from(self.exponent - exponent).unwrap_or_default();
        let mut digits = self.digits.clone();
        digits.extend(std::iter::repeat_n(0, zeros));
        digits
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        let difference = self.minus(other);
        if difference.is_zero() {
            Ordering::Equal
        } else if difference.negative {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    }
}

fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let strip = |digits: &[u8]| digits.iter().copied().skip_while(|d| *d == 0).collect();
    let (a, b): (Vec<u8>, Vec<u8>) = (strip(a), strip(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(&b))
}

fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut digits = Vec::with_capacity(a.len().max(b.len()) + 1);
    let mut carry = 0;
    for place in 0..a.len().max(b.len()) + 1 {
        let total = from_end(a, place) + from_end(b, place) + carry;
        digits.push(total % 10);
        carry = total / 10;
    }
    digits.reverse();
    digits
}

/// `a` is at least `b`.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut digits = Vec::with_capacity(a.len());
    let mut borrowed = 0;
    for place in 0..a.len().max(b.len()) {
        let (top, bottom) = (from_end(a, place), from_end(b, place) + borrowed);
        borrowed = u8::from(top < bottom);
        digits.push(top + borrowed * 10 - bottom);
    }
    digits.reverse();
    digits
}

fn from_end(digits: &[u8], place: usize) -> u8 {
    let at = digits.len().checked_sub(place + 1);
    at.map_or(0, |at| digits[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Exact {
        Exact::parse(text).expect("is a decimal")
    }

    #[test]
    fn only_the_contracts_decimals_are_read() {
        for text in [
            "0",
            "-0",
            "00.10",
            "-12.5",
            "0.00000001",
            "1234567890123456789012345678",
        ] {
            assert!(Exact::parse(text).is_some(), "{text}");
        }
        for text in [
            "", "-", ".", ".5", "5.", "+1", "1e3", "1E3", "1,000", "0x1", " 1", "1.2.3", "NaN",
        ] {
            assert!(Exact::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn numbers_are_equal_however_they_are_written() {
        assert_eq!(exact("1.500"), exact("001.5"));
        assert_eq!(exact("-0.0"), exact("0"));
        assert_eq!(exact("1000"), exact("1000.000"));
        assert_ne!(exact("0.1"), exact("0.10000000000000000001"));
    }

    #[test]
    fn arithmetic_is_exact_and_order_is_that_of_numbers() {
        assert_eq!(exact("0.1").plus(&exact("0.2")), exact("0.3"));
        assert_eq!(
            exact("1").minus(&exact("0.0000000000000000001")),
            exact("0.9999999999999999999")
        );
        assert_eq!(exact("-3").plus(&exact("1")), exact("-2"));
        assert_eq!(
            exact("99999999999999999999").times(&exact("-0.00000000002")),
            exact("-1999999999.99999999998")
        );
        assert_eq!(exact("5").times(&exact("0")), exact("0"));
        let mut sorted = ["10", "-1", "9.99", "0", "-1.5", "0.1"].map(exact);
        sorted.sort();
        assert_eq!(sorted, ["-1.5", "-1", "0", "0.1", "9.99", "10"].map(exact));
    }
}
