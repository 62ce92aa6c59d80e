//! A collector of traces: takes what is exported by OTLP over HTTP, and keeps it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;

/// A span as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedSpan {
    /// Its name.
    pub name: String,
    /// Its trace, in hexadecimal digits.
    pub trace_id: String,
    /// Its id.
    pub id: String,
    /// The span that it is a part of; empty where it is the first.
    pub parent_id: String,
    /// What is said of it, as text.
    pub attributes: BTreeMap<String, String>,
}

type Kept = Arc<Mutex<Vec<CollectedSpan>>>;

/// A collector on a free port of loopback.
#[derive(Debug)]
pub struct TraceCollector {
    address: std::net::SocketAddr,
    kept: Kept,
    serving: tokio::task::JoinHandle<()>,
}

impl TraceCollector {
    /// Starts one.
    pub async fn start() -> Self {
        let kept = Kept::default();
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(kept.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            kept,
            serving,
        }
    }

    /// What a gateway is configured with to send its traces here.
    pub fn section(&self) -> String {
        format!("[telemetry.otlp]\nendpoint = \"http://{}\"\n", self.address)
    }

    /// The spans of a trace that have arrived.
    pub fn trace(&self, trace_id: &str) -> Vec<CollectedSpan> {
        let mut spans = self.kept.lock().unwrap().clone();
        spans.retain(|span| span.trace_id == trace_id);
        spans
    }

    /// Everything that has arrived, as text.
    pub fn everything(&self) -> String {
        format!("{:?}", self.kept.lock().unwrap())
    }
}

impl Drop for TraceCollector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(kept): State<Kept>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let kind = headers.get("content-type").map(|kind| kind.as_bytes());
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    if kind != Some(b"application/x-protobuf") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let scopes = request.resource_spans.into_iter();
    let spans = scopes
        .flat_map(|of_resource| of_resource.scope_spans)
        .flat_map(|of_scope| of_scope.spans);
    let spans = spans.map(|span| CollectedSpan {
        name: span.name,
        trace_id: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        attributes: span
            .attributes
            .into_iter()
            .map(|attribute| {
                let text = match attribute.value.and_then(|value| value.value) {
                    Some(Value::StringValue(text)) => text,
                    Some(Value::IntValue(number)) => number.to_string(),
                    other => format!("{other:?}"),
                };
                (attribute.key, text)
            })
            .collect(),
    });
    kept.lock().unwrap().extend(spans);
    StatusCode::OK
}
