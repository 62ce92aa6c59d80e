//! How BitMEX refuses: a status, a text, and the name of the kind of error.

use serde_json::json;

use crate::server::Answer;

/// The text with which BitMEX sheds load. The request has not reached the engine then.
pub(super) const OVERLOADED: &str = "The system is currently overloaded. Please try again later.";

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BitmexError {
    pub(super) status: u16,
    pub(super) message: String,
    pub(super) name: &'static str,
    /// Seconds.
    pub(super) retry_after: Option<u64>,
}

impl BitmexError {
    /// An error of the HTTP layer or of the engine.
    pub(super) fn http(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            name: "HTTPError",
            retry_after: None,
        }
    }

    /// A parameter, or what the account has, does not allow the request.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self {
            name: "ValidationError",
            ..Self::http(400, message)
        }
    }

    /// A parameter that must be there is not.
    pub(super) fn required(name: &str) -> Self {
        Self::http(400, format!("'{name}' is a required arg."))
    }

    /// A parameter that makes no sense.
    pub(super) fn invalid(name: &str) -> Self {
        Self::validation(format!("Invalid {name}"))
    }

    /// No such thing, or not the caller's.
    pub(super) fn not_found() -> Self {
        Self::http(404, "Not Found")
    }

    /// Too many requests.
    pub(super) fn limited(retry_after: u64) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::http(
                429,
                format!("Rate limit exceeded, retry in {retry_after} seconds."),
            )
        }
    }

    pub(super) fn body(&self) -> String {
        json!({ "error": { "message": self.message, "name": self.name } }).to_string()
    }

    pub(super) fn answer(&self) -> Answer {
        let answer = Answer::json(self.status, self.body());
        match self.retry_after {
            Some(seconds) => answer.with("retry-after", &seconds.to_string()),
            None => answer,
        }
    }
}
