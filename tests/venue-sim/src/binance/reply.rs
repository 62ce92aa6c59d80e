//! What an endpoint answers, before rate limits and other headers are added.

use serde::Serialize;

use super::ApiError;

/// What an endpoint answers.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
    /// Whether the answer tells how many orders were counted.
    pub counts_orders: bool,
}

impl Reply {
    /// An answer with 200.
    ///
    /// # Errors
    /// `-1000` when the body cannot be written.
    pub fn ok(body: &impl Serialize) -> Result<Self, ApiError> {
        Self::with_status(200, body)
    }

    /// An answer with any status.
    ///
    /// # Errors
    /// `-1000` when the body cannot be written.
    pub fn with_status(status: u16, body: &impl Serialize) -> Result<Self, ApiError> {
        let unwritable = |_| {
            ApiError::new(
                -1000,
                "An unknown error occurred while processing the request.",
            )
        };
        let body = serde_json::to_string(body).map_err(unwritable)?;
        Ok(Self {
            status,
            body,
            counts_orders: false,
        })
    }

    /// The same, with the order counts in the headers.
    #[must_use]
    pub fn counting_orders(self) -> Self {
        Self {
            counts_orders: true,
            ..self
        }
    }
}
