//! Between the contract's types and the gateway's own, checking what adapters claim on the way in.

mod data;
mod failures;
mod instruments;
mod names;
mod orders;

use crate::model::{Decimal, Timestamp};

pub use data::{balances, candles, order_book, positions, ticker};
pub use failures::{call_failure, unreadable, unreadable_change, venue_failure};
pub use instruments::{instrument, order_types, product, times_in_force};
pub use names::{amend_mode, bucket_scope};
pub use orders::{
    AmendOutcome, amend_outcome, cancel_outcome, fill_reports, order_report, order_reports,
    placed_report, replacing_report, report_of, wit_order_type, wit_side, wit_time_in_force,
};

/// An adapter returned a value that its type allows and the contract does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the adapter returned {field} = {value:?}: {problem}")]
pub struct Nonsense {
    /// The field.
    pub field: &'static str,
    /// What it held, cut short.
    pub value: String,
    /// What is wrong with it.
    pub problem: String,
}

type Translated<T> = Result<T, Nonsense>;

fn nonsense(field: &'static str, value: &str, problem: impl ToString) -> Nonsense {
    Nonsense {
        field,
        value: value.chars().take(64).collect(),
        problem: problem.to_string(),
    }
}

fn decimal(field: &'static str, text: &str) -> Translated<Decimal> {
    text.parse()
        .map_err(|problem| nonsense(field, text, problem))
}

fn optional_decimal(field: &'static str, text: &Option<String>) -> Translated<Option<Decimal>> {
    text.as_deref().map(|text| decimal(field, text)).transpose()
}

fn not_negative(field: &'static str, text: &str) -> Translated<Decimal> {
    let value = decimal(field, text)?;
    if value < Decimal::ZERO {
        Err(nonsense(field, text, "must not be negative"))
    } else {
        Ok(value)
    }
}

fn named(field: &'static str, text: String) -> Translated<String> {
    let plain = !text.is_empty() && text.len() <= 128 && !text.chars().any(char::is_control);
    if plain {
        Ok(text)
    } else {
        Err(nonsense(
            field,
            &text,
            "must be 1 to 128 characters without control characters",
        ))
    }
}

fn as_asked(field: &'static str, asked: &str, told: String) -> Translated<String> {
    if told == asked {
        Ok(told)
    } else {
        let problem = format!("must be {asked:?}, which it was asked about");
        Err(nonsense(field, &told, problem))
    }
}

/// Most characters of a free text of an adapter or venue that is kept.
const MAX_WORDS: usize = 512;

/// A free text, cut and on one line: it goes into the journal, the log and answers.
fn words(text: String) -> String {
    let is_plain = text.len() <= MAX_WORDS && !text.chars().any(char::is_control);
    if is_plain {
        return text;
    }
    text.chars()
        .take(MAX_WORDS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Milliseconds since the epoch as a [`Timestamp`].
pub fn timestamp(millis: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A gateway time in the contract's form.
pub fn millis(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(0)
}
