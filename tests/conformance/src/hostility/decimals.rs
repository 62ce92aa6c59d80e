//! Decimals at the edges of what the contract, a tick or a lot allow.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rust_decimal::Decimal;

/// The bounds that an instrument puts on a price or quantity, as contract decimals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps {
    /// Smallest value.
    pub min: Option<String>,
    /// Largest value.
    pub max: Option<String>,
    /// What a value, less `min`, must be a multiple of.
    pub step: Option<String>,
}

/// A decimal and what is special about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) name: &'static str,
    pub(super) text: String,
    /// Whether the contract and the bounds allow it, so that a host may send it.
    pub(super) allowed: bool,
}

/// Decimals within the contract (`wit/types.wit`): at most 28 significant digits, no exponent.
const WITHIN: &[(&str, &str)] = &[
    ("one", "1"),
    ("trailing zeros", "1.50000000"),
    ("a whole number with zeros behind the point", "100.000"),
    ("eight places", "0.00000001"),
    ("28 digits before the point", "9999999999999999999999999999"),
    (
        "28 digits around the point",
        "12345678901234.12345678901234",
    ),
    ("28 places", "0.1234567890123456789012345678"),
    (
        "the smallest of 28 places",
        "0.0000000000000000000000000001",
    ),
    ("more than a float holds", "9007199254740993"),
    ("a third of what a float shows", "0.30000000000000004"),
    ("a binary fraction's neighbour", "0.1"),
    ("a million million", "1000000000000"),
];

/// Texts that no host sends as a quantity or price.
const BEYOND: &[(&str, &str)] = &[
    ("zero", "0"),
    ("zero with places", "0.00000000"),
    ("negative", "-1"),
    ("negative zero", "-0"),
    ("29 digits", "12345678901234567890123456789"),
    ("an exponent", "1e5"),
    ("a negative exponent", "1E-7"),
    ("not a number", "NaN"),
    ("infinity", "Infinity"),
    ("plus sign", "+1"),
    ("comma", "1,5"),
    ("no digit before the point", ".5"),
    ("no digit behind the point", "5."),
    ("white space", " 1"),
    ("Arabic digits", "١٢"),
    ("full-width digits", "１２"),
    ("hexadecimal", "0x1f"),
    ("empty", ""),
    ("another parameter", "1&side=SELL"),
    ("a quote", "1\",\"side\":\"SELL"),
    ("a line break", "1\r\nx-evil: 1"),
];

/// Multiples of the step that are drawn.
const DRAWN: usize = 6;

/// Edges of a price or quantity with these bounds.
pub(super) fn edges(steps: &Steps, random: &mut ChaCha8Rng) -> Vec<Edge> {
    let bounds = Bounds::of(steps);
    let mut edges: Vec<Edge> = Vec::new();
    let mut add = |name, text: String, in_contract: bool| {
        edges.push(Edge {
            name,
            allowed: in_contract && bounds.allow(&text),
            text,
        });
    };
    for (name, text) in WITHIN {
        add(name, (*text).to_owned(), true);
    }
    for (name, text) in BEYOND {
        add(name, (*text).to_owned(), false);
    }
    for (name, value) in bounds.edges() {
        add(name, value.to_string(), value > Decimal::ZERO);
    }
    if let Some(min) = bounds.min.or(bounds.step) {
        let mut padded = min.normalize();
        padded.rescale((min.normalize().scale() + 3).min(Decimal::MAX_SCALE));
        add(
            "the least with zeros behind",
            padded.to_string(),
            padded > Decimal::ZERO,
        );
    }
    if let Some(step) = bounds.step {
        for _ in 0..DRAWN {
            let steps = Decimal::from(random.random_range(1..1_000_000_u32));
            let value = bounds.min.unwrap_or_default().checked_add(step * steps);
            if let Some(value) = value {
                add("a multiple of the step", value.to_string(), true);
            }
        }
    }
    edges
}

struct Bounds {
    min: Option<Decimal>,
    max: Option<Decimal>,
    step: Option<Decimal>,
}

impl Bounds {
    fn of(steps: &Steps) -> Self {
        let read = |text: &Option<String>| {
            text.as_deref()
                .and_then(|text| Decimal::from_str_exact(text).ok())
        };
        Self {
            min: read(&steps.min),
            max: read(&steps.max),
            step: read(&steps.step).filter(|step| !step.is_zero()),
        }
    }

    fn allow(&self, text: &str) -> bool {
        if self.min.is_none() && self.max.is_none() && self.step.is_none() {
            return true;
        }
        let Ok(value) = Decimal::from_str_exact(text) else {
            return false;
        };
        let from_min = value.checked_sub(self.min.unwrap_or_default());
        self.min.is_none_or(|min| value >= min)
            && self.max.is_none_or(|max| value <= max)
            && self.step.is_none_or(|step| {
                from_min.and_then(|rest| rest.checked_rem(step)) == Some(Decimal::ZERO)
            })
    }

    fn edges(&self) -> Vec<(&'static str, Decimal)> {
        let Self { min, max, step } = self;
        let half = step.and_then(|step| Some(step.checked_div(Decimal::TWO)?.normalize()));
        let sum = |one: &Option<Decimal>, other: &Option<Decimal>| {
            one.zip(*other)
                .and_then(|(one, other)| one.checked_add(other))
        };
        let rest = |one: &Option<Decimal>, other: &Option<Decimal>| {
            one.zip(*other)
                .and_then(|(one, other)| one.checked_sub(other))
        };
        let named = [
            ("one step", *step),
            ("half a step", half),
            ("the least", *min),
            ("the most", *max),
            ("a step above the least", sum(min, step)),
            ("a step below the least", rest(min, step)),
            ("a step below the most", rest(max, step)),
            ("a step above the most", sum(max, step)),
            ("half a step above the least", sum(min, &half)),
        ];
        named
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn allowed(steps: &Steps, name: &str) -> Option<bool> {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let edges = edges(steps, &mut random);
        edges
            .iter()
            .find(|edge| edge.name == name)
            .map(|edge| edge.allowed)
    }

    #[test]
    fn what_is_allowed_follows_the_instruments_bounds() {
        let steps = Steps {
            min: Some("0.01".into()),
            max: Some("1000".into()),
            step: Some("0.01".into()),
        };
        for name in [
            "the least",
            "the most",
            "one step",
            "a step above the least",
        ] {
            assert_eq!(allowed(&steps, name), Some(true), "{name}");
        }
        for name in [
            "half a step",
            "a step above the most",
            "a step below the least",
            "zero",
            "28 places",
        ] {
            assert_eq!(allowed(&steps, name), Some(false), "{name}");
        }
        assert_eq!(allowed(&Steps::default(), "28 places"), Some(true));
        assert_eq!(allowed(&Steps::default(), "29 digits"), Some(false));
    }
}
