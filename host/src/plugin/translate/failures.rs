//! Errors of adapters, and calls that gave nothing.

use std::time::Duration;

use switchyard_runtime::CallError;
use switchyard_runtime::wit::types as wit;

use super::{Nonsense, timestamp, words};
use crate::model::{Failure, FailureCode, Fate, Timestamp};

/// What a call into the adapter that gave nothing means.
pub fn call_failure(error: &CallError, fate: Fate) -> Failure {
    let code = match error {
        CallError::NoCapability(_) => FailureCode::Unsupported,
        CallError::PoolExhausted(_) => FailureCode::Overloaded,
        CallError::DeadlineExceeded(_) | CallError::MemoryExceeded { .. } | CallError::Trap(_) => {
            FailureCode::AdapterFailed
        }
    };
    // A trap's backtrace is for the log; callers get the kind of failure.
    let message = match error {
        CallError::Trap(_) => "the adapter trapped".to_owned(),
        other => other.to_string(),
    };
    Failure::new(code, fate, message)
}

/// What the adapter's typed error means for a request that could, or could not, change state.
pub fn venue_failure(error: wit::Error, mutates: bool, now: Timestamp) -> Failure {
    let millis = |wait: Option<u32>| wait.map(|wait| Duration::from_millis(wait.into()));
    let (code, retry_after) = match error.kind {
        wit::ErrorKind::InvalidRequest => (FailureCode::InvalidRequest, None),
        wit::ErrorKind::InsufficientFunds => (FailureCode::InsufficientFunds, None),
        wit::ErrorKind::OrderNotFound => (FailureCode::OrderNotFound, None),
        wit::ErrorKind::DuplicateClientId => (FailureCode::DuplicateClientId, None),
        wit::ErrorKind::NotAmendable => (FailureCode::NotAmendable, None),
        wit::ErrorKind::RateLimited(wait) => (FailureCode::RateLimited, millis(wait)),
        wit::ErrorKind::Banned(until) => (
            FailureCode::Banned,
            until.map(|until| timestamp(until).since(now)),
        ),
        wit::ErrorKind::AuthFailed => (FailureCode::AuthFailed, None),
        wit::ErrorKind::ClockSkew => (FailureCode::ClockSkew, None),
        wit::ErrorKind::Overloaded(wait) => (FailureCode::Overloaded, millis(wait)),
        wit::ErrorKind::VenueUnavailable => (FailureCode::VenueUnavailable, None),
        wit::ErrorKind::OutcomeUnknown => (FailureCode::OutcomeUnknown, None),
        wit::ErrorKind::Unsupported => (FailureCode::Unsupported, None),
        wit::ErrorKind::MalformedResponse => (FailureCode::MalformedResponse, None),
    };
    let fate = match error.effect {
        wit::Effect::Unknown if mutates => Fate::Unknown,
        _ => Fate::Refused,
    };
    let (message, venue_code, field) = (
        words(error.message),
        error.venue_code.map(words),
        error.field.map(words),
    );
    Failure {
        code,
        fate,
        message,
        venue_code,
        field,
        retry_after,
    }
}

/// What an answer that broke the contract means where nothing was to be changed.
pub fn unreadable(error: Nonsense) -> Failure {
    Failure::new(FailureCode::AdapterFailed, Fate::Refused, error.to_string())
}

/// What an answer that broke the contract means where something may have been changed.
pub fn unreadable_change(error: Nonsense) -> Failure {
    Failure {
        fate: Fate::Unknown,
        ..unreadable(error)
    }
}
