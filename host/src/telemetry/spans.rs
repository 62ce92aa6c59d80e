//! What log lines say of the work they are part of: each line has the fields of the spans made here that it is in.
//! Spans made elsewhere are for traces only.

use tracing::Span;
use tracing::field::Empty;

/// By which these spans are known: they are made in this module alone.
pub(super) const TARGET: &str = module_path!();

/// The work on one request. The operation is its method and route. Trace, tenant, venue and order are recorded when
/// they are known.
pub fn request_span(request_id: &str, operation: &str) -> Span {
    tracing::info_span!(
        "request",
        otel.name = operation,
        otel.kind = "server",
        request_id,
        trace_id = Empty,
        tenant = Empty,
        venue = Empty,
        order_id = Empty
    )
}

/// The work on a tenant's order: `place`, `amend`, `cancel` or `resolve`.
pub fn order_span(work: &'static str, order_id: &str, tenant: &str) -> Span {
    let name = format!("{work} order");
    tracing::info_span!("order", otel.name = name, order_id, tenant)
}
