//! Errors as callers see them: RFC 9457 problem details with a typed code.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tracing::Span;
use tracing::field::display;
use utoipa::ToSchema;

use super::caller::current_request_id;
use crate::market::MarketError;
use crate::model::{Failure, FailureCode, Fate, OrderId};
use crate::orders::{FieldProblem, OrderError};
use crate::store::{Break, StoreError};

/// The body of an error, `application/problem+json`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// A URN that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This occurrence in words.
    pub detail: String,
    /// The typed code.
    pub code: String,
    /// The request's id, as in the log.
    pub request_id: String,
    /// Whether the same request may succeed a little later, and is safe to send again.
    pub retryable: bool,
    /// The venue concerned.
    pub venue: Option<String>,
    /// The venue's own code.
    pub venue_code: Option<String>,
    /// The order concerned, where it was journaled.
    pub order_id: Option<OrderId>,
    /// Each field at fault, its value, and what is allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<FieldProblem>)]
    pub errors: Vec<serde_json::Value>,
}

/// An error on its way to a caller. Boxed: every handler returns one, few ever do.
#[derive(Debug, Clone)]
pub struct Problem(Box<Fields>);

#[derive(Debug, Clone)]
struct Fields {
    status: StatusCode,
    code: &'static str,
    detail: String,
    retryable: bool,
    retry_after: Option<Duration>,
    venue: Option<String>,
    venue_code: Option<String>,
    order_id: Option<OrderId>,
    errors: Vec<FieldProblem>,
    is_without_effect: bool,
}

/// What else is known of a problem once it is an answer, beside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProblemNote {
    /// The typed code.
    pub(super) code: &'static str,
    /// Whether the request certainly changed nothing at the venue.
    pub(super) is_without_effect: bool,
}

impl Problem {
    /// What happened, in words.
    pub(super) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// A problem of a code, with what happened in words.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Fields {
            status,
            code,
            detail: detail.into(),
            retryable: false,
            retry_after: None,
            venue: None,
            venue_code: None,
            order_id: None,
            errors: Vec::new(),
            is_without_effect: false,
        }))
    }

    /// A request that is not well formed: 400, naming the field.
    pub fn malformed(field: &str, value: &str, problem: impl Into<String>) -> Self {
        Self::of_field(FieldProblem::new(field, value, problem))
    }

    /// A field that is missing or has no value to show: 400, naming it.
    pub fn malformed_field(field: &str, problem: impl Into<String>) -> Self {
        Self::of_field(FieldProblem::absent(field, problem))
    }

    fn of_field(error: FieldProblem) -> Self {
        let mut this = Self::new(
            StatusCode::BAD_REQUEST,
            "malformed-request",
            error.to_string(),
        );
        this.0.errors = vec![error];
        this
    }

    /// No or wrong credentials: 401.
    pub fn unauthenticated(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    /// A role that may not: 403.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// Too many requests for what the key, or its tenant, may make: 429.
    pub(super) fn quota_exceeded(policy: &str, after: Duration) -> Self {
        let detail =
            format!("the quota of this {policy} is used up; RateLimit tells when there is more");
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::new(status, "quota-exceeded", detail).retryable(Some(after))
    }

    /// An address that is not listened to: 429.
    pub(super) fn locked_out(left: Duration) -> Self {
        let detail =
            "too many unknown keys came from this address; it is not listened to for a while";
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::new(status, "locked-out", detail).retryable(Some(left))
    }

    /// More work than the gateway takes on: 503.
    pub(super) fn overloaded() -> Self {
        let detail = "as many requests are being served as the gateway takes on; nothing was done";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut problem =
            Self::new(status, "overloaded", detail).retryable(Some(Duration::from_secs(1)));
        problem.0.is_without_effect = true;
        problem
    }

    /// The same, about a venue.
    #[must_use]
    pub(super) fn at(mut self, venue: &str) -> Self {
        self.0.venue = Some(venue.to_owned());
        self
    }

    /// Nothing here: 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// The gateway's own fault: 500. The cause is for the log.
    pub fn internal(cause: &str) -> Self {
        tracing::error!(cause, "internal error");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the gateway failed; its log has the cause",
        )
    }

    /// The journal's chain is broken: nothing is taken that changes orders.
    pub fn journal_broken(at: &Break) -> Self {
        let detail = format!(
            "the journal cannot be trusted, and orders are refused until an operator has looked into it: {at}"
        );
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "journal-broken", detail);
        problem.0.is_without_effect = true;
        problem
    }

    /// Another gateway is the one to ask.
    pub fn standby() -> Self {
        let detail = "another gateway is active, and this one is its standby; nothing was sent";
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "standby", detail)
            .retryable(Some(Duration::from_secs(1)));
        problem.0.is_without_effect = true;
        problem
    }

    /// The request is being served already.
    pub fn key_in_flight() -> Self {
        let detail =
            "a request with this Idempotency-Key is being served; ask again when it is done";
        let code = "idempotency-key-in-flight";
        Self::new(StatusCode::CONFLICT, code, detail).retryable(None)
    }

    /// Worth another try after a while.
    #[must_use]
    pub fn retryable(mut self, after: Option<Duration>) -> Self {
        self.0.retryable = true;
        self.0.retry_after = after;
        self
    }

    /// A venue's failure of a request; `order_id` where it was about an order.
    pub fn of_venue(venue: &str, failure: &Failure, order_id: Option<OrderId>) -> Self {
        let mut problem = Self::new(
            status_of(failure, order_id.is_some()),
            failure.code.name(),
            failure.message.clone(),
        );
        // What may have had an effect is never called safe to send again.
        problem.0.retryable = failure.code.is_passing() && failure.fate != Fate::Unknown;
        problem.0.retry_after = failure.retry_after.filter(|_| problem.0.retryable);
        problem.0.venue = Some(venue.to_owned()).filter(|venue| !venue.is_empty());
        problem.0.venue_code = failure.venue_code.clone();
        problem.0.order_id = order_id;
        problem.0.is_without_effect = failure.fate != Fate::Unknown;
        if let Some(field) = &failure.field {
            problem.0.errors = vec![FieldProblem::absent(
                &callers_name(field),
                failure.message.clone(),
            )];
        }
        problem
    }
}

/// What callers call a field of the contract.
fn callers_name(field: &str) -> String {
    match field {
        "order-type" => "type",
        "depth" => "limit",
        "seconds" => "interval",
        "since" => "from",
        "before" => "to",
        "client-id" => "client_order_id",
        "order" => "id",
        other => return other.replace('-', "_"),
    }
    .to_owned()
}

fn status_of(failure: &Failure, is_about_an_order: bool) -> StatusCode {
    match failure.code {
        FailureCode::InvalidRequest
        | FailureCode::InsufficientFunds
        | FailureCode::DuplicateClientId
        | FailureCode::Unsupported => StatusCode::UNPROCESSABLE_ENTITY,
        FailureCode::OrderNotFound => StatusCode::NOT_FOUND,
        FailureCode::NotAmendable => StatusCode::CONFLICT,
        FailureCode::AuthFailed if is_about_an_order => StatusCode::UNPROCESSABLE_ENTITY,
        FailureCode::AuthFailed | FailureCode::MalformedResponse => StatusCode::BAD_GATEWAY,
        FailureCode::Timeout if failure.fate == Fate::Refused => StatusCode::GATEWAY_TIMEOUT,
        FailureCode::RateLimited
        | FailureCode::Banned
        | FailureCode::ClockSkew
        | FailureCode::Overloaded
        | FailureCode::VenueUnavailable
        | FailureCode::OutcomeUnknown
        | FailureCode::Timeout
        | FailureCode::AdapterFailed
        | FailureCode::JournalUnavailable
        | FailureCode::Halted => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Invalid(errors) => {
                let detail = OrderError::Invalid(errors.clone()).to_string();
                let mut problem = Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    FailureCode::InvalidRequest.name(),
                    detail,
                );
                problem.0.errors = errors;
                problem
            }
            OrderError::NotFound(id) => Self::new(
                StatusCode::NOT_FOUND,
                FailureCode::OrderNotFound.name(),
                format!("no order {id}"),
            ),
            OrderError::NotOpen { id, state } => {
                let is_over = state.is_final();
                let (code, doing) = if is_over {
                    (FailureCode::NotAmendable.name(), "it is over")
                } else {
                    ("change-in-flight", "something else is being done to it")
                };
                let detail = format!("order {id} is {}: {doing}", state.name());
                let mut problem = Self::new(StatusCode::CONFLICT, code, detail);
                problem.0.retryable = !is_over;
                problem.0.order_id = Some(id);
                problem
            }
            OrderError::NotReady { venue, retry_after } => {
                let detail =
                    format!("{venue} has not listed its instruments yet; nothing was sent");
                let code = FailureCode::VenueUnavailable.name();
                let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
                    .retryable(Some(retry_after));
                problem.0.venue = Some(venue);
                problem
            }
            OrderError::NotReconciled { venue, retry_after } => {
                let detail = format!(
                    "what became of {venue}'s open orders is not known yet; nothing was sent"
                );
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let mut problem =
                    Self::new(status, "not-reconciled", detail).retryable(Some(retry_after));
                problem.0.venue = Some(venue);
                problem
            }
            OrderError::OverLimit { venue, problems } => {
                let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                let mut problem = Self::new(status, "pre-trade-limit", texts.join("; "));
                problem.0.venue = Some(venue);
                problem.0.errors = problems;
                problem
            }
            OrderError::TooOften { venue, retry_after } => {
                let detail =
                    "more orders than the operator allows within a second; nothing was sent";
                let status = StatusCode::TOO_MANY_REQUESTS;
                let code = FailureCode::RateLimited.name();
                let mut problem = Self::new(status, code, detail).retryable(Some(retry_after));
                problem.0.venue = Some(venue);
                problem.0.is_without_effect = true;
                problem
            }
            OrderError::Venue {
                venue,
                failure,
                order_id,
            } => Self::of_venue(&venue, &failure, order_id),
            OrderError::Store(error) => Self::from(error),
            OrderError::Internal(cause) => Self::internal(&cause),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Lifecycle(_)) {
            let detail = "the order ended or changed in the meantime; look it up";
            let code = FailureCode::NotAmendable.name();
            return Self::new(StatusCode::CONFLICT, code, detail);
        }
        match &error {
            StoreError::KeyInUse => return Self::key_in_flight(),
            StoreError::Broken(at) => return Self::journal_broken(at),
            StoreError::Standby | StoreError::Fenced(_) => return Self::standby(),
            _ => {}
        }
        tracing::error!(%error, "journal failed");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            FailureCode::JournalUnavailable.name(),
            "the journal is not available just now; nothing was sent",
        )
        .retryable(None)
    }
}

impl From<MarketError> for Problem {
    fn from(error: MarketError) -> Self {
        let Some((venue, failure)) = error.failures.first() else {
            return Self::internal("a market error without a failure");
        };
        let mut problem = Self::of_venue(venue, failure, None);
        if error.failures.len() > 1 {
            let all: Vec<String> = error
                .failures
                .iter()
                .map(|(venue, failure)| format!("{venue}: {failure}"))
                .collect();
            problem.0.detail = all.join("; ");
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let span = Span::current();
        if let Some(venue) = &self.0.venue {
            span.record("venue", venue);
        }
        if let Some(id) = &self.0.order_id {
            span.record("order_id", display(id));
        }
        let body = ProblemBody {
            kind: format!("urn:switchyard:problem:{}", self.0.code),
            title: self.0.code.replace('-', " "),
            status: self.0.status.as_u16(),
            detail: self.0.detail,
            code: self.0.code.to_owned(),
            request_id: current_request_id(),
            retryable: self.0.retryable,
            venue: self.0.venue,
            venue_code: self.0.venue_code,
            order_id: self.0.order_id,
            errors: self
                .0
                .errors
                .iter()
                .filter_map(|error| serde_json::to_value(error).ok())
                .collect(),
        };
        let mut response = (self.0.status, Json(body)).into_response();
        response.extensions_mut().insert(ProblemNote {
            code: self.0.code,
            is_without_effect: self.0.is_without_effect,
        });
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(after) = self.0.retry_after {
            // Whole seconds, rounded up: coming back early is what must not happen.
            let seconds = after.as_millis().div_ceil(1_000).max(1);
            if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                headers.insert(header::RETRY_AFTER, value);
            }
        }
        response
    }
}
