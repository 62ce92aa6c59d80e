//! Binance's error codes and the exact texts that go with them.

use crate::server::Answer;

/// A refusal as Binance words it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// Binance's code.
    pub code: i32,
    /// Binance's text.
    pub message: String,
    /// Seconds to wait, on 429 and 418.
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// An error answered with 400.
    #[must_use]
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// The same error with another status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// `-1100`: a value does not match what the parameter allows.
    #[must_use]
    pub fn illegal_characters(name: &str, range: &str) -> Self {
        Self::new(
            -1100,
            format!("Illegal characters found in parameter '{name}'; legal range is '{range}'."),
        )
    }

    /// `-1101`: a parameter was sent twice.
    #[must_use]
    pub fn duplicate_parameter() -> Self {
        Self::new(-1101, "Duplicate values for a parameter detected.")
    }

    /// `-1102`: a required parameter is missing.
    #[must_use]
    pub fn mandatory(name: &str) -> Self {
        Self::new(
            -1102,
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
        )
    }

    /// `-1102`: neither of two parameters was sent.
    #[must_use]
    pub fn either(one: &str, other: &str) -> Self {
        Self::new(
            -1102,
            format!("Param '{one}' or '{other}' must be sent, but both were empty/null!"),
        )
    }

    /// `-1104`: parameters were sent that the endpoint does not know.
    #[must_use]
    pub fn unread(read: usize, sent: usize) -> Self {
        let message = format!(
            "Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
        );
        Self::new(-1104, message)
    }

    /// `-1105`: a parameter was sent without a value.
    #[must_use]
    pub fn empty(name: &str) -> Self {
        Self::new(-1105, format!("Parameter '{name}' was empty."))
    }

    /// `-1106`: a parameter does not belong to this kind of request.
    #[must_use]
    pub fn not_required(name: &str) -> Self {
        Self::new(-1106, format!("Parameter '{name}' sent when not required."))
    }

    /// `-1111`: more decimals than the asset has.
    #[must_use]
    pub fn precision(name: &str) -> Self {
        Self::new(-1111, format!("Parameter '{name}' has too much precision."))
    }

    /// `-1121`: no such symbol.
    #[must_use]
    pub fn invalid_symbol() -> Self {
        Self::new(-1121, "Invalid symbol.")
    }

    /// `-1127`: the time range is too long.
    #[must_use]
    pub fn range_too_long(hours: u32) -> Self {
        Self::new(
            -1127,
            format!("More than {hours} hours between startTime and endTime."),
        )
    }

    /// `-1128`: parameters that exclude each other.
    #[must_use]
    pub fn bad_combination() -> Self {
        Self::new(-1128, "Combination of optional parameters invalid.")
    }

    /// `-1130`: a value is not allowed.
    #[must_use]
    pub fn invalid_value(name: &str) -> Self {
        Self::new(
            -1130,
            format!("Data sent for parameter '{name}' is not valid."),
        )
    }

    /// `-1013`: an order breaks a filter.
    #[must_use]
    pub fn filter(name: &str) -> Self {
        Self::new(-1013, format!("Filter failure: {name}"))
    }

    /// `-2010`: the matching engine refused a new order.
    #[must_use]
    pub fn order_rejected(message: &str) -> Self {
        Self::new(-2010, message)
    }

    /// `-2011`: the order to cancel is not open.
    #[must_use]
    pub fn unknown_order() -> Self {
        Self::new(-2011, "Unknown order sent.")
    }

    /// `-2013`: the order asked about does not exist.
    #[must_use]
    pub fn no_such_order() -> Self {
        Self::new(-2013, "Order does not exist.")
    }

    /// The JSON body.
    #[must_use]
    pub fn body(&self) -> String {
        serde_json::json!({ "code": self.code, "msg": self.message }).to_string()
    }

    /// The answer that carries it.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let answer = Answer::json(self.status, self.body());
        match self.retry_after {
            Some(seconds) => answer.with("retry-after", &seconds.to_string()),
            None => answer,
        }
    }
}
