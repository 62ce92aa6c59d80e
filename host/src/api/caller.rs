//! The request's identity: its id and its trace, taken from the caller or made, on every answer and log line.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::state::AppState;
use crate::telemetry::{HttpLabels, TRACEPARENT, TraceContext, note_answer, request_span};

/// The header that carries a request's id both ways.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id taken from a caller.
const MAX_REQUEST_ID: usize = 128;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request being served by this task.
pub(super) fn current_request_id() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Work that goes on for a request in a task of its own.
pub(super) async fn as_request<F: Future>(id: String, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// Gives the request its id and trace, measures it, logs it, and puts both on the answer.
pub(super) async fn identify(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let caller = TraceContext::of_caller(request.headers());
    let id = request_id(request.headers(), caller.as_ref());
    let method = known_method(request.method());
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or_else(
        || "unmatched".to_owned(),
        |matched| matched.as_str().to_owned(),
    );
    let operation = format!("{method} {route}");
    let span = request_span(&id, &operation);
    let trace = TraceContext::begin(&span, caller);
    span.record("trace_id", trace.trace_id());
    let started = std::time::Instant::now();
    let mut response = CURRENT
        .scope(id.clone(), next.run(request).instrument(span.clone()))
        .await;
    let took = started.elapsed();
    let status = response.status().as_u16();
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if let Some(value) = trace.to_header() {
        response.headers_mut().insert(TRACEPARENT, value);
    }
    note_answer(&span, method, &route, status);
    span.in_scope(|| {
        let millis = took.as_secs_f64() * 1_000.0;
        tracing::info!(operation, path, status, millis, "answered");
    });
    state.metrics.answered(
        HttpLabels {
            route,
            method,
            status,
        },
        took,
    );
    response
}

/// The method for a metric's label, from a closed set: a caller may send any word as a method.
fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("other")
}

/// The caller's `X-Request-Id`, else the id of its trace, else a new one.
fn request_id(headers: &HeaderMap, trace: Option<&TraceContext>) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    match (given.filter(|id| is_plain_id(id)), trace) {
        (Some(given), _) => given.to_owned(),
        (None, Some(trace)) => trace.trace_id(),
        (None, None) => new_request_id(),
    }
}

fn is_plain_id(id: &str) -> bool {
    (1..=MAX_REQUEST_ID).contains(&id.len())
        && id
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"-_.:".contains(&c))
}

fn new_request_id() -> String {
    let mut bytes = [0; 16];
    // Without randomness ids repeat, which harms a log and nothing else.
    let _ = getrandom::fill(&mut bytes);
    data_encoding::HEXLOWER.encode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(pairs: &[(&'static str, &'static str)]) -> String {
        let headers = pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        request_id(&headers, TraceContext::of_caller(&headers).as_ref())
    }

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_callers_id_comes_first_then_the_trace_then_a_new_one() {
        assert_eq!(
            id_of(&[("x-request-id", "abc-1"), ("traceparent", TRACE)]),
            "abc-1"
        );
        assert_eq!(
            id_of(&[("traceparent", TRACE)]),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
        assert_eq!(id_of(&[]).len(), 32);
        assert_ne!(id_of(&[]), id_of(&[]));
    }

    #[test]
    fn a_word_that_is_no_method_makes_no_metric_of_its_own() {
        assert_eq!(known_method(&Method::GET), "GET");
        assert_eq!(
            known_method(&Method::from_bytes(b"AAAA1").unwrap()),
            "other"
        );
    }

    #[test]
    fn an_id_that_could_forge_a_log_line_is_not_taken() {
        for bad in ["", "a b", "a\"b", "{}"] {
            assert_eq!(id_of(&[("x-request-id", bad)]).len(), 32, "{bad:?}");
        }
    }
}
