//! Logs and metrics.

mod logging;
mod metrics;

pub use logging::{LogTarget, LoggingError, start_logging};
pub use metrics::{
    AdapterCallLabels, CallPhase, EndpointLabels, HttpLabels, Metrics, OrderLabels, RefusedLabels,
    VenueCallLabels,
};
