//! Reads requests strictly: an unknown field, a repeated key or a value of the wrong form is a 400 that
//! names it.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::state::AppState;
use crate::config::{MAX_REQUEST_TIMEOUT_MS, ServerConfig};
use crate::reliability::Deadline;

/// How the caller says how long it waits.
const TIMEOUT_HEADER: &str = "x-request-timeout-ms";

/// A JSON body, read strictly.
pub(super) struct StrictJson<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AppState> for StrictJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_content_type(&parts.headers)?;
        let body = read_body(&state.server, &parts.headers, body).await?;
        // serde reads a struct from an array too, field by position; here a value stands by its name.
        if body.trim_ascii_start().starts_with(b"[") {
            return Err(malformed(".", "must be a JSON object", "body"));
        }
        let mut json = serde_json::Deserializer::from_slice(&body);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            let problem = error.into_inner();
            malformed(&path, &problem.to_string(), "body")
        })?;
        json.end()
            .map_err(|error| malformed(".", &error.to_string(), "body"))?;
        Ok(Self(value))
    }
}

/// The same, where leaving the body out says what an empty object does.
pub(super) struct StrictJsonOrNothing<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<AppState> for StrictJsonOrNothing<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let body = read_body(&state.server, &parts.headers, body).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        let request = Request::from_parts(parts, Body::from(body));
        let StrictJson(value) = StrictJson::from_request(request, state).await?;
        Ok(Self(value))
    }
}

/// The whole body, if it is not too large and comes in time.
pub(super) async fn read_body(
    server: &ServerConfig,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Problem> {
    let limit = (server.max_body_bytes, "the body", "server.max_body_bytes");
    read_at_most(limit, server.body_timeout(), headers, body).await
}

/// The same for a body of another size. `what` it is and the `key` that says how large it may be go into the refusal.
pub(super) async fn read_at_most(
    (most, what, key): (usize, &str, &str),
    within: Duration,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("{what} must have at most {most} bytes ({key})");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload-too-large", detail)
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > most) {
        return Err(too_large());
    }
    match tokio::time::timeout(within, to_bytes(body, most)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_length_limit(&error) => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed-request",
            "the body ended early",
        )),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "request-timeout",
            "the body did not arrive in time",
        )),
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("length limit") {
            return true;
        }
        cause = error.source();
    }
    false
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case("application/json")
        });
    if json {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        "the body must be sent as Content-Type: application/json",
    ))
}

/// Query parameters, read strictly.
pub(super) struct StrictQuery<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs =
            serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(pairs)
            .map(Self)
            .map_err(|error| {
                let path = error.path().to_string();
                malformed(&path, &error.into_inner().to_string(), "query")
            })
    }
}

/// A 400 for what serde found. Its texts name unknown, missing and repeated fields in backquotes.
fn malformed(path: &str, problem: &str, whole: &str) -> Problem {
    let quoted = problem.split('`').nth(1).filter(|_| {
        ["unknown field", "missing field", "duplicate field"]
            .iter()
            .any(|kind| problem.starts_with(kind))
    });
    let is_root = matches!(path, "." | "?" | "");
    let field = match quoted {
        // serde's path ends at the struct for a missing field, and at the field itself for the others.
        Some(field) if is_root || path.rsplit('.').next() == Some(field) => {
            if is_root {
                field.to_owned()
            } else {
                path.to_owned()
            }
        }
        Some(field) => format!("{path}.{field}"),
        None if is_root => whole.to_owned(),
        None => path.to_owned(),
    };
    match rejected_value(problem) {
        Some(value) => Problem::malformed(&field, value, problem),
        None => Problem::malformed_field(&field, problem),
    }
}

/// The value in one of serde's texts, which stands in backquotes or quotes behind what it is.
fn rejected_value(problem: &str) -> Option<&str> {
    let is_about_a_value = ["invalid type", "invalid value", "unknown variant"]
        .iter()
        .any(|kind| problem.starts_with(kind));
    if problem.starts_with('"') {
        return problem.split('"').nth(1); // one of our own types: the text, then what is wrong with it
    }
    problem
        .split(['`', '"'])
        .nth(1)
        .filter(|_| is_about_a_value)
}

/// Until when the caller waits: its `X-Request-Timeout-Ms`, or the configured time.
pub(super) struct RequestDeadline(pub(super) Deadline);

impl FromRequestParts<AppState> for RequestDeadline {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(TIMEOUT_HEADER) else {
            return Ok(Self(Deadline::after(state.request_timeout)));
        };
        let text = value.to_str().unwrap_or_default();
        match text.parse::<u64>() {
            Ok(millis) if (1..=MAX_REQUEST_TIMEOUT_MS).contains(&millis) => {
                Ok(Self(Deadline::after(Duration::from_millis(millis))))
            }
            _ => Err(Problem::malformed(
                "X-Request-Timeout-Ms",
                text,
                format!("must be whole milliseconds from 1 to {MAX_REQUEST_TIMEOUT_MS}"),
            )),
        }
    }
}
