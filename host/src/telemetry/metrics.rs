//! Every metric of the gateway. Names and meanings are listed in `monitoring/METRICS.md`; label values
//! come from closed sets (routes, venues, operations, codes), never from callers.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::dependencies::DependencyMetrics;
use super::edge::EdgeMetrics;
use super::exposition::as_prometheus_text;
use super::fates::FateMetrics;
use super::journal::JournalMetrics;
use super::log_sink::LogCollector;
use super::orders::OrderMetrics;
use super::plugins::PluginMetrics;
use super::process::{ProcessCollector, RuntimeCollector};
use super::reads::ReadMetrics;
use super::reliability::ReliabilityMetrics;
use super::secrets::SecretMetrics;

/// Buckets for what crosses a network, in seconds: 1 ms to about 30 s.
pub(super) const NETWORK_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Buckets for what stays in the process, in seconds: 1 us to 2 s.
const LOCAL_BUCKETS: [f64; 13] = [
    0.000_001,
    0.000_002_5,
    0.000_005,
    0.000_01,
    0.000_025,
    0.000_05,
    0.000_1,
    0.000_5,
    0.001,
    0.005,
    0.01,
    0.1,
    2.0,
];

/// Buckets for writing to a disk until it is durable, in seconds: 100 us to 5 s.
const COMMIT_BUCKETS: [f64; 13] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0,
];

/// One answered request.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct HttpLabels {
    /// The route's pattern, such as `/v1/orders/{id}`.
    pub route: String,
    /// HTTP method, or `other`.
    pub method: &'static str,
    /// HTTP status.
    pub status: u16,
}

/// One operation at a venue.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct VenueCallLabels {
    /// Venue.
    pub venue: String,
    /// Endpoint alias.
    pub endpoint: String,
    /// Operation of the contract.
    pub operation: &'static str,
    /// `ok` or the typed error's code.
    pub outcome: &'static str,
}

/// One endpoint of a venue.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct EndpointLabels {
    /// Venue.
    pub venue: String,
    /// Endpoint alias.
    pub endpoint: String,
}

/// Which half of an operation.
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
pub enum CallPhase {
    /// Command to request.
    Encode,
    /// Response to result.
    Decode,
}

impl EncodeLabelValue for CallPhase {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        let name = match self {
            Self::Encode => "encode",
            Self::Decode => "decode",
        };
        EncodeLabelValue::encode(&name, encoder)
    }
}

/// One call into an adapter.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct AdapterCallLabels {
    /// Venue.
    pub venue: String,
    /// Operation of the contract.
    pub operation: &'static str,
    /// Encode or decode.
    pub phase: CallPhase,
}

/// A call into an adapter that did not complete.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AdapterFailureLabels {
    venue: String,
    operation: &'static str,
    phase: CallPhase,
    /// `trap`, `deadline`, `memory`, `busy` or `no_capability`.
    reason: &'static str,
}

/// A request of an adapter that was dropped unsent.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RefusedLabels {
    /// Venue.
    pub venue: String,
}

#[derive(Debug, Clone)]
pub(super) struct Buckets(pub(super) &'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

pub(super) type Histograms<L> = Family<L, Histogram, Buckets>;

/// Handles to all metrics, and the registry that prints them.
pub struct Metrics {
    registry: Registry,
    http_requests: Family<HttpLabels, Counter>,
    http_seconds: Histograms<HttpLabels>,
    venue_calls: Family<VenueCallLabels, Counter>,
    venue_seconds: Histograms<VenueCallLabels>,
    adapter_seconds: Histograms<AdapterCallLabels>,
    adapter_failures: Family<AdapterFailureLabels, Counter>,
    refused_requests: Family<RefusedLabels, Counter>,
    endpoint_up: Family<EndpointLabels, Gauge>,
    clock_skew_seconds: Family<EndpointLabels, Gauge<f64, AtomicU64>>,
    instruments: Family<EndpointLabels, Gauge>,
    journal_commit_seconds: Histogram,
    /// Of the policies between callers and venues.
    pub reliability: ReliabilityMetrics,
    /// Of the journal.
    pub journal: JournalMetrics,
    /// Of what the gateway stands on.
    pub dependencies: DependencyMetrics,
    /// Of callers.
    pub edge: EdgeMetrics,
    /// Of placements and orders' states.
    pub orders: OrderMetrics,
    /// Of orders' fates.
    pub fates: FateMetrics,
    /// Of answers to reads.
    pub reads: ReadMetrics,
    /// Of adapters' versions.
    pub plugins: PluginMetrics,
    /// Secrets.
    pub secrets: SecretMetrics,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut whole = Registry::default();
        whole.register_collector(Box::new(ProcessCollector));
        let registry = whole.sub_registry_with_prefix("switchyard");
        registry.register_collector(Box::new(LogCollector));
        if let Some(runtime) = RuntimeCollector::of_this() {
            registry.register_collector(Box::new(runtime));
        }
        let metrics = Self {
            http_requests: Family::default(),
            http_seconds: Family::new_with_constructor(Buckets(&NETWORK_BUCKETS)),
            venue_calls: Family::default(),
            venue_seconds: Family::new_with_constructor(Buckets(&NETWORK_BUCKETS)),
            adapter_seconds: Family::new_with_constructor(Buckets(&LOCAL_BUCKETS)),
            adapter_failures: Family::default(),
            refused_requests: Family::default(),
            endpoint_up: Family::default(),
            clock_skew_seconds: Family::default(),
            instruments: Family::default(),
            journal_commit_seconds: Histogram::new(COMMIT_BUCKETS),
            reliability: ReliabilityMetrics::register(registry),
            journal: JournalMetrics::register(registry),
            dependencies: DependencyMetrics::register(registry),
            edge: EdgeMetrics::register(registry),
            orders: OrderMetrics::register(registry),
            fates: FateMetrics::register(registry),
            reads: ReadMetrics::register(registry),
            plugins: PluginMetrics::register(registry),
            secrets: SecretMetrics::register(registry),
            registry: Registry::default(),
        };
        registry.register(
            "build",
            "Version of the running gateway",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register(
            "http_requests",
            "Requests answered",
            metrics.http_requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time to answer a request",
            Unit::Seconds,
            metrics.http_seconds.clone(),
        );
        registry.register(
            "venue_operations",
            "Operations run at a venue",
            metrics.venue_calls.clone(),
        );
        registry.register_with_unit(
            "venue_operation_duration",
            "Time of an operation at a venue",
            Unit::Seconds,
            metrics.venue_seconds.clone(),
        );
        registry.register_with_unit(
            "adapter_call_duration",
            "Time of a call into an adapter",
            Unit::Seconds,
            metrics.adapter_seconds.clone(),
        );
        registry.register(
            "adapter_failures",
            "Calls into an adapter that trapped or were stopped",
            metrics.adapter_failures.clone(),
        );
        registry.register(
            "adapter_requests_refused",
            "Requests of an adapter dropped unsent: outside its allowed calls",
            metrics.refused_requests.clone(),
        );
        registry.register(
            "venue_endpoint_up",
            "Whether the last probe of an endpoint was answered",
            metrics.endpoint_up.clone(),
        );
        registry.register_with_unit(
            "venue_clock_skew",
            "The venue's clock minus ours",
            Unit::Seconds,
            metrics.clock_skew_seconds.clone(),
        );
        registry.register(
            "venue_instruments",
            "Instruments in the catalogue",
            metrics.instruments.clone(),
        );
        registry.register_with_unit(
            "journal_commit_duration",
            "Time to make journal events durable",
            Unit::Seconds,
            metrics.journal_commit_seconds.clone(),
        );
        Self {
            registry: whole,
            ..metrics
        }
    }
}

impl Metrics {
    /// Begins to count at a venue: what has never happened reads 0, so that its first time shows as a change.
    pub fn watch(&self, venue: &str) {
        self.fates.watch(venue);
        self.orders.watch(venue);
        let venue = venue.to_owned();
        drop(
            self.refused_requests
                .get_or_create(&RefusedLabels { venue }),
        );
    }

    /// Counts an answered request.
    pub fn answered(&self, labels: HttpLabels, took: Duration) {
        self.http_requests.get_or_create(&labels).inc();
        self.http_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Counts an operation at a venue.
    pub fn venue_called(&self, labels: VenueCallLabels, took: Duration) {
        self.venue_calls.get_or_create(&labels).inc();
        self.venue_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Counts a call into an adapter; `failed` is the kind of error that it ended with.
    pub fn adapter_called(
        &self,
        labels: AdapterCallLabels,
        took: Duration,
        failed: Option<&'static str>,
    ) {
        self.adapter_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
        if let Some(reason) = failed {
            let AdapterCallLabels {
                venue,
                operation,
                phase,
            } = labels;
            let failure = AdapterFailureLabels {
                venue,
                operation,
                phase,
                reason,
            };
            self.adapter_failures.get_or_create(&failure).inc();
        }
    }

    /// Counts a request that was dropped unsent.
    pub fn request_refused(&self, venue: &str) {
        self.refused_requests
            .get_or_create(&RefusedLabels {
                venue: venue.to_owned(),
            })
            .inc();
    }

    /// Notes what a probe found.
    pub fn endpoint_probed(&self, labels: &EndpointLabels, up: bool, skew_ms: Option<i64>) {
        self.endpoint_up.get_or_create(labels).set(i64::from(up));
        if let Some(skew_ms) = skew_ms {
            self.clock_skew_seconds
                .get_or_create(labels)
                .set(skew_ms as f64 / 1_000.0);
        }
    }

    /// Notes how many instruments an endpoint lists.
    pub fn listed(&self, labels: &EndpointLabels, instruments: usize) {
        self.instruments
            .get_or_create(labels)
            .set(i64::try_from(instruments).unwrap_or(i64::MAX));
    }

    /// Times a journal commit.
    pub fn journal_committed(&self, took: Duration) {
        self.journal_commit_seconds.observe(took.as_secs_f64());
    }

    /// All metrics in OpenMetrics text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }

    /// All metrics in Prometheus' own text.
    pub fn render_prometheus_text(&self) -> String {
        as_prometheus_text(&self.render())
    }
}

#[cfg(test)]
mod tests;
