//! What holds for every request and answer, whatever it is about: how many at once and for how long, what browsers are
//! told, and which pages of others may call.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::problem::Problem;
use super::state::AppState;
use crate::config::{MAX_REQUEST_TIMEOUT_MS, ServerConfig};
use crate::reliability::holding;

/// What a handler may take beyond the longest time that a caller may ask for, and the body's.
const HANDLER_MARGIN: Duration = Duration::from_secs(5);

/// How long a browser may remember what it was told about other origins.
const CORS_MAX_AGE: Duration = Duration::from_secs(600);

/// Pages of ours: the documentation's scripts and styles, and nothing else.
const PAGE_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                           frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Answers that are no pages.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Serves a request if there is room, and not for ever. Probes always have room: a gateway that is busy is not dead.
pub(super) async fn within_limits(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let is_probe = request.uri().path().starts_with("/health");
    let slot = state.slots.take();
    if slot.is_none() && !is_probe {
        state.metrics.edge.shed();
        return Problem::overloaded().into_response();
    }
    let longest = Duration::from_millis(MAX_REQUEST_TIMEOUT_MS);
    let within = longest + state.server.body_timeout() + HANDLER_MARGIN;
    // What goes on when the caller hangs up keeps the slot: it is work all the same.
    let served = holding(slot, next.run(request));
    let served = tokio::time::timeout(within, served).await;
    served.unwrap_or_else(|_| {
        tracing::error!("a request was not served in the time that any may take");
        let detail = "the gateway took longer than any request may; ask what became of it";
        Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail).into_response()
    })
}

/// Tells browsers what not to do with an answer.
pub(super) async fn secure(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let is_page = request.uri().path().starts_with("/docs");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = if is_page { PAGE_POLICY } else { DATA_POLICY };
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !is_page {
        // What one caller was told is nobody else's: no store on the way may keep it.
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
    if state.server.tls.is_some() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// Lets pages of the configured origins call, and of no other.
pub(super) fn with_cors(router: Router<AppState>, server: &ServerConfig) -> Router<AppState> {
    let origins = server.cors_origins.iter();
    let origins: Vec<HeaderValue> = origins.filter_map(|origin| origin.parse().ok()).collect();
    if origins.is_empty() {
        return router;
    }
    let named = |names: &[&'static str]| -> Vec<HeaderName> {
        names.iter().copied().map(HeaderName::from_static).collect()
    };
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(named(&[
            "authorization",
            "cache-control",
            "content-type",
            "idempotency-key",
            "traceparent",
            "x-plugin-signature",
            "x-request-id",
            "x-request-timeout-ms",
        ]))
        .expose_headers(named(&[
            "age",
            "cache-status",
            "idempotent-replayed",
            "location",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "traceparent",
            "x-request-id",
        ]))
        .max_age(CORS_MAX_AGE);
    router.layer(cors)
}
