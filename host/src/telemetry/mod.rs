//! Logs and metrics.

mod logging;
mod metrics;
mod reliability;

pub use logging::{LogTarget, LoggingError, start_logging};
pub use metrics::{
    AdapterCallLabels, CallPhase, EndpointLabels, HttpLabels, Metrics, OrderLabels, RefusedLabels,
    VenueCallLabels,
};
pub use reliability::{
    BucketLabels, FailoverLabels, PriorityLabels, ReliabilityMetrics, RetryLabels, TransitionLabels,
};
