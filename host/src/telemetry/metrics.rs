//! Every metric of the gateway. Names and meanings are listed in `monitoring/METRICS.md`; label values
//! come from closed sets (routes, venues, operations, codes), never from callers.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::fates::FateMetrics;
use super::journal::JournalMetrics;
use super::plugins::PluginMetrics;
use super::reliability::ReliabilityMetrics;

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

/// A request of an adapter that was dropped unsent.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RefusedLabels {
    /// Venue.
    pub venue: String,
}

/// An order's outcome.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OrderLabels {
    /// Venue.
    pub venue: String,
    /// `acknowledged`, `refused`, `not_sent` or `unknown`.
    pub outcome: &'static str,
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
    adapter_failures: Family<AdapterCallLabels, Counter>,
    refused_requests: Family<RefusedLabels, Counter>,
    endpoint_up: Family<EndpointLabels, Gauge>,
    clock_skew_ms: Family<EndpointLabels, Gauge>,
    instruments: Family<EndpointLabels, Gauge>,
    orders: Family<OrderLabels, Counter>,
    journal_commit_seconds: Histogram,
    /// Of the policies between callers and venues.
    pub reliability: ReliabilityMetrics,
    /// Of the journal.
    pub journal: JournalMetrics,
    /// Of orders' fates.
    pub fates: FateMetrics,
    /// Of adapters' versions.
    pub plugins: PluginMetrics,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("switchyard");
        let metrics = Self {
            http_requests: Family::default(),
            http_seconds: Family::new_with_constructor(Buckets(&NETWORK_BUCKETS)),
            venue_calls: Family::default(),
            venue_seconds: Family::new_with_constructor(Buckets(&NETWORK_BUCKETS)),
            adapter_seconds: Family::new_with_constructor(Buckets(&LOCAL_BUCKETS)),
            adapter_failures: Family::default(),
            refused_requests: Family::default(),
            endpoint_up: Family::default(),
            clock_skew_ms: Family::default(),
            instruments: Family::default(),
            orders: Family::default(),
            journal_commit_seconds: Histogram::new(LOCAL_BUCKETS),
            reliability: ReliabilityMetrics::register(&mut registry),
            journal: JournalMetrics::register(&mut registry),
            fates: FateMetrics::register(&mut registry),
            plugins: PluginMetrics::register(&mut registry),
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
        registry.register(
            "venue_clock_skew_milliseconds",
            "The venue's clock minus ours",
            metrics.clock_skew_ms.clone(),
        );
        registry.register(
            "venue_instruments",
            "Instruments in the catalogue",
            metrics.instruments.clone(),
        );
        registry.register(
            "orders",
            "Orders placed, by what became of the request",
            metrics.orders.clone(),
        );
        registry.register_with_unit(
            "journal_commit_duration",
            "Time to make journal events durable",
            Unit::Seconds,
            metrics.journal_commit_seconds.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
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

    /// Counts a call into an adapter.
    pub fn adapter_called(&self, labels: AdapterCallLabels, took: Duration, failed: bool) {
        self.adapter_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
        if failed {
            self.adapter_failures.get_or_create(&labels).inc();
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
            self.clock_skew_ms.get_or_create(labels).set(skew_ms);
        }
    }

    /// Notes how many instruments an endpoint lists.
    pub fn listed(&self, labels: &EndpointLabels, instruments: usize) {
        self.instruments
            .get_or_create(labels)
            .set(i64::try_from(instruments).unwrap_or(i64::MAX));
    }

    /// Counts what became of a placement.
    pub fn order_placed(&self, labels: &OrderLabels) {
        self.orders.get_or_create(labels).inc();
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{
        BucketLabels, FailoverLabels, PriorityLabels, RetryLabels, TransitionLabels,
    };

    /// One sample of everything: what has none is not shown.
    fn sampled() -> Metrics {
        let (metrics, venue, took) = (Metrics::default(), || "v".to_owned(), Duration::ZERO);
        let at = EndpointLabels {
            venue: venue(),
            endpoint: "e".into(),
        };
        metrics.answered(
            HttpLabels {
                route: "/".into(),
                method: "GET",
                status: 200,
            },
            took,
        );
        metrics.venue_called(
            VenueCallLabels {
                venue: venue(),
                endpoint: "e".into(),
                operation: "o",
                outcome: "ok",
            },
            took,
        );
        let call = AdapterCallLabels {
            venue: venue(),
            operation: "o",
            phase: CallPhase::Encode,
        };
        metrics.adapter_called(call, took, true);
        metrics.request_refused("v");
        metrics.endpoint_probed(&at, true, Some(0));
        metrics.listed(&at, 1);
        metrics.order_placed(&OrderLabels {
            venue: venue(),
            outcome: "refused",
        });
        let reliability = &metrics.reliability;
        reliability.retried(&RetryLabels {
            venue: venue(),
            endpoint: "e".into(),
            operation: "o",
            reason: "r",
        });
        let opened = TransitionLabels {
            venue: venue(),
            endpoint: "e".into(),
            to: "open",
        };
        reliability.breaker_changed(&opened, 2);
        let bucket = BucketLabels {
            venue: venue(),
            bucket: "b".into(),
        };
        reliability.limit_is(&bucket, 1, 2);
        let read = PriorityLabels {
            venue: venue(),
            priority: "read",
        };
        reliability.waited(&read, took);
        reliability.bulkhead_is("v", 1, 1);
        reliability.shed("v", "breaker");
        reliability.overstepped("v", "max_notional");
        reliability.halted("v", true);
        reliability.failed_over(&FailoverLabels {
            from: venue(),
            to: venue(),
            reason: "r",
        });
        reliability.read("ticker", "live");
        metrics.plugins.stepped("p", "active");
        metrics.plugins.fell_back("p");
        metrics.plugins.serving("p", "1.0.0", "00");
        metrics.fates.watch("v");
        metrics.fates.resolved("v", took);
        metrics
    }

    #[test]
    fn the_monitoring_guide_lists_every_metric_that_there_is_and_no_other() {
        let guide = include_str!("../../../monitoring/METRICS.md");
        let mut listed: Vec<&str> = guide
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        let rendered = sampled().render();
        let mut shown: Vec<&str> = rendered
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
            .collect();
        listed.sort_unstable();
        shown.sort_unstable();
        assert_eq!(shown, listed);
    }
}
