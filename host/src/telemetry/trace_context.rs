//! Which trace a request is part of, between its caller and the gateway.
//!
//! Source: W3C Trace Context, section 3.2 (the header `traceparent`). Venues are told nothing of it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header that carries it both ways.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Length of what version 00 has: later ones begin with the same.
const LENGTH: usize = 55;

/// A place in a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceContext(SpanContext);

impl TraceContext {
    /// Where the caller says that its request comes from; none where it says nothing, or nothing valid.
    pub fn of_caller(headers: &HeaderMap) -> Option<Self> {
        let mut given = headers.get_all(TRACEPARENT).iter();
        match (given.next(), given.next()) {
            (Some(only), None) => Self::parse(only.to_str().ok()?),
            _ => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let head = text.get(..LENGTH)?;
        let (version, rest) = (head.get(..2)?, &text[LENGTH..]);
        let is_lower_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        let is_formed = head.bytes().enumerate().all(|(place, c)| match place {
            2 | 35 | 52 => c == b'-',
            _ => is_lower_hex(c),
        });
        let has_end = rest.is_empty() || (version != "00" && rest.starts_with('-'));
        if !is_formed || version == "ff" || !has_end {
            return None;
        }
        let flags = u8::from_str_radix(head.get(53..)?, 16).ok()?;
        let context = SpanContext::new(
            TraceId::from_hex(head.get(3..35)?).ok()?,
            SpanId::from_hex(head.get(36..52)?).ok()?,
            // Others are not known here.
            TraceFlags::new(flags) & TraceFlags::SAMPLED,
            true,
            TraceState::default(),
        );
        context.is_valid().then_some(Self(context))
    }

    /// Makes a span, before it is entered, part of the caller's trace or the beginning of one. Where no traces are
    /// exported, the ids are there all the same, for the log.
    pub fn begin(span: &Span, caller: Option<Self>) -> Self {
        if let Some(Self(caller)) = &caller {
            // It fails where no traces are exported.
            let _ = span.set_parent(Context::new().with_remote_span_context(caller.clone()));
        }
        let of_span = span.context().span().span_context().clone();
        if of_span.is_valid() {
            return Self(of_span);
        }
        let trace_id = caller.map_or_else(
            || TraceId::from_bytes(random()),
            |Self(caller)| caller.trace_id(),
        );
        Self(SpanContext::new(
            trace_id,
            SpanId::from_bytes(random()),
            TraceFlags::NOT_SAMPLED,
            false,
            TraceState::default(),
        ))
    }

    /// The trace, in hexadecimal digits.
    pub fn trace_id(&self) -> String {
        self.0.trace_id().to_string()
    }

    /// As a header's value.
    pub fn to_header(&self) -> Option<HeaderValue> {
        let (trace, span) = (self.0.trace_id(), self.0.span_id());
        let flags = u8::from(self.0.is_sampled());
        HeaderValue::from_str(&format!("00-{trace}-{span}-{flags:02x}")).ok()
    }
}

/// Notes on a request's span how it was answered.
///
/// Source: OpenTelemetry's semantic conventions for HTTP servers.
pub fn note_answer(span: &Span, method: &'static str, route: &str, status: u16) {
    span.set_attribute("http.request.method", method);
    span.set_attribute("http.route", route.to_owned());
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(Status::error(""));
    }
}

/// Without randomness ids repeat, which harms a log and nothing else; one of zeros is none.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [1; N];
    let _ = getrandom::fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(values: &[&'static str]) -> Option<TraceContext> {
        let headers = values
            .iter()
            .map(|value| (TRACEPARENT, HeaderValue::from_static(value)))
            .collect();
        TraceContext::of_caller(&headers)
    }

    #[test]
    fn a_valid_context_is_read_and_written_as_it_was() {
        let context = of(&[TRACE]).unwrap();
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.to_header().unwrap(), TRACE);
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-07-what-comes";
        assert_eq!(of(&[later]), of(&[TRACE]));
    }

    #[test]
    fn what_is_not_valid_is_ignored() {
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01",
        ] {
            assert_eq!(of(&[bad]), None, "{bad:?}");
        }
        assert_eq!(of(&[TRACE, TRACE]), None, "two of them");
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn without_an_exporter_the_callers_trace_is_kept_and_a_new_one_is_new() {
        let caller = of(&[TRACE]);
        let kept = TraceContext::begin(&Span::none(), caller.clone());
        assert_eq!(kept.trace_id(), caller.unwrap().trace_id());
        assert!(!kept.0.is_sampled() && kept.to_header().unwrap() != TRACE);
        let (one, other) = (
            TraceContext::begin(&Span::none(), None),
            TraceContext::begin(&Span::none(), None),
        );
        assert_ne!(one.trace_id(), other.trace_id());
    }
}
