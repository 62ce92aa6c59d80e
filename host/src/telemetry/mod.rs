//! Logs and metrics.

mod fates;
mod journal;
mod logging;
mod metrics;
mod plugins;
mod reliability;

pub use fates::FateMetrics;
pub use journal::JournalMetrics;
pub use logging::{LogTarget, LoggingError, start_logging};
pub use metrics::{
    AdapterCallLabels, CallPhase, EndpointLabels, HttpLabels, Metrics, OrderLabels, RefusedLabels,
    VenueCallLabels,
};
pub use plugins::PluginMetrics;
pub use reliability::{
    BucketLabels, FailoverLabels, PriorityLabels, ReliabilityMetrics, RetryLabels, TransitionLabels,
};
