//! What is measured of callers: their connections, what they were refused, and what operators did.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PrivilegedLabels {
    route: String,
    outcome: &'static str,
}

/// Handles to the metrics of callers.
#[derive(Debug, Default)]
pub struct EdgeMetrics {
    connections: Gauge,
    connections_refused: Family<ReasonLabels, Counter>,
    requests_shed: Counter,
    requests_denied: Family<ReasonLabels, Counter>,
    privileged_calls: Family<PrivilegedLabels, Counter>,
}

impl EdgeMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self::default();
        registry.register(
            "http_connections",
            "Connections that callers have open",
            this.connections.clone(),
        );
        registry.register(
            "http_connections_refused",
            "Connections that were one too many",
            this.connections_refused.clone(),
        );
        registry.register(
            "http_requests_shed",
            "Requests refused because as many were being served as may be",
            this.requests_shed.clone(),
        );
        registry.register(
            "http_requests_denied",
            "Requests refused for who made them",
            this.requests_denied.clone(),
        );
        registry.register(
            "privileged_calls",
            "Calls that only operators may make",
            this.privileged_calls.clone(),
        );
        // What alarms must have been 0 before, or its first time is no change.
        for reason in ["all", "address"] {
            drop(
                this.connections_refused
                    .get_or_create(&ReasonLabels { reason }),
            );
        }
        let reason = "locked_out";
        drop(this.requests_denied.get_or_create(&ReasonLabels { reason }));
        this
    }

    /// Notes how many connections are open.
    pub fn connections(&self, open: usize) {
        self.connections
            .set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// Counts a connection that was closed at once: `all` or `address`, whose limit it was.
    pub fn connection_refused(&self, reason: &'static str) {
        self.connections_refused
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }

    /// Counts a request that there was no room for.
    pub fn shed(&self) {
        self.requests_shed.inc();
    }

    /// Counts a request that its caller may not make, by reason from a closed set.
    pub fn denied(&self, reason: &'static str) {
        self.requests_denied
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }

    /// Counts an operator's call of a route, by its pattern and its outcome from a closed set.
    pub fn privileged(&self, route: &str, outcome: &'static str) {
        let labels = PrivilegedLabels {
            route: route.to_owned(),
            outcome,
        };
        self.privileged_calls.get_or_create(&labels).inc();
    }
}
