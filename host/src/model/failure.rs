//! Why an operation at a venue gave no result, and what is known of its effect.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is known of a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// No byte that could change anything reached the venue.
    NotSent,
    /// The venue refused it and nothing changed.
    Refused,
    /// It may have had its effect.
    Unknown,
}

/// The closed set of reasons, as callers see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCode {
    /// The venue or adapter refuses the request as it is.
    InvalidRequest,
    /// Not enough of the asset.
    InsufficientFunds,
    /// The venue has no such order.
    OrderNotFound,
    /// The venue has an order with this id.
    DuplicateClientId,
    /// The order cannot be changed (any more).
    NotAmendable,
    /// Too many requests.
    RateLimited,
    /// The address or account is banned for a while.
    Banned,
    /// The venue does not accept the gateway's credentials.
    AuthFailed,
    /// The venue says that the request's time is off.
    ClockSkew,
    /// The venue sheds load.
    Overloaded,
    /// The venue cannot be reached or is in maintenance.
    VenueUnavailable,
    /// The venue says that it does not know what happened.
    OutcomeUnknown,
    /// No such operation, product or option here.
    Unsupported,
    /// The answer is not what the venue documents.
    MalformedResponse,
    /// No answer within the deadline.
    Timeout,
    /// The adapter trapped, was stopped, or returned nonsense.
    AdapterFailed,
    /// The journal took no entry, so nothing was sent.
    JournalUnavailable,
    /// An operator stopped the trading at the venue.
    Halted,
}

impl FailureCode {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 18] = [
        Self::InvalidRequest,
        Self::InsufficientFunds,
        Self::OrderNotFound,
        Self::DuplicateClientId,
        Self::NotAmendable,
        Self::RateLimited,
        Self::Banned,
        Self::AuthFailed,
        Self::ClockSkew,
        Self::Overloaded,
        Self::VenueUnavailable,
        Self::OutcomeUnknown,
        Self::Unsupported,
        Self::MalformedResponse,
        Self::Timeout,
        Self::AdapterFailed,
        Self::JournalUnavailable,
        Self::Halted,
    ];

    /// The name used in JSON, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::InsufficientFunds => "insufficient-funds",
            Self::OrderNotFound => "order-not-found",
            Self::DuplicateClientId => "duplicate-client-id",
            Self::NotAmendable => "not-amendable",
            Self::RateLimited => "rate-limited",
            Self::Banned => "banned",
            Self::AuthFailed => "auth-failed",
            Self::ClockSkew => "clock-skew",
            Self::Overloaded => "overloaded",
            Self::VenueUnavailable => "venue-unavailable",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::Unsupported => "unsupported",
            Self::MalformedResponse => "malformed-response",
            Self::Timeout => "timeout",
            Self::AdapterFailed => "adapter-failed",
            Self::JournalUnavailable => "journal-unavailable",
            Self::Halted => "halted",
        }
    }

    /// Whether the same request may well succeed a little later.
    pub fn is_passing(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::Banned
                | Self::ClockSkew
                | Self::Overloaded
                | Self::VenueUnavailable
                | Self::OutcomeUnknown
                | Self::Timeout
                | Self::AdapterFailed
                | Self::JournalUnavailable
                | Self::Halted
        )
    }
}

/// A failed operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub struct Failure {
    /// Why.
    pub code: FailureCode,
    /// What is known of its effect.
    pub fate: Fate,
    /// In words; no secrets and no internals.
    pub message: String,
    /// The venue's own code.
    pub venue_code: Option<String>,
    /// The command's field at fault.
    pub field: Option<String>,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure before anything was sent.
    pub fn not_sent(code: FailureCode, message: impl Into<String>) -> Self {
        Self::new(code, Fate::NotSent, message)
    }

    /// A failure with nothing but a code, a fate and a message.
    pub fn new(code: FailureCode, fate: Fate, message: impl Into<String>) -> Self {
        Self {
            code,
            fate,
            message: message.into(),
            venue_code: None,
            field: None,
            retry_after: None,
        }
    }
}
