//! Logs, traces and metrics.

mod dependencies;
mod edge;
mod emf;
mod exposition;
mod fates;
mod journal;
mod json_line;
mod log_filter;
mod log_sink;
mod logging;
mod metrics;
mod orders;
mod plugins;
mod process;
mod reads;
mod reliability;
mod secrets;
mod spans;
mod trace_context;
mod traces;

pub use dependencies::{Dependency, DependencyMetrics};
pub use edge::EdgeMetrics;
pub use emf::{EmfReporter, is_emf_label};
pub use fates::FateMetrics;
pub use journal::JournalMetrics;
pub use log_filter::{AUDIT_TARGET, LogFilter, LogFilterError};
pub use logging::{LogLevel, LogTarget, Logging, LoggingError, start_logging};
pub use metrics::{
    AdapterCallLabels, CallPhase, EndpointLabels, HttpLabels, Metrics, RefusedLabels,
    VenueCallLabels,
};
pub use orders::{OrderLabels, OrderMetrics};
pub use plugins::PluginMetrics;
pub use reads::{ReadLabels, ReadMetrics};
pub use reliability::{
    BucketLabels, FailoverLabels, PriorityLabels, ReliabilityMetrics, RetryLabels, TransitionLabels,
};
pub use secrets::{SecretMetrics, SecretOutcome, SecretSource};
pub use spans::{order_span, request_span};
pub use trace_context::{TRACEPARENT, TraceContext, note_answer};
