//! Metrics of what stands between a caller and a venue: retries, breakers, limits, bulkheads.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::metrics::{Buckets, EndpointLabels, Histograms, NETWORK_BUCKETS};

/// A retry.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RetryLabels {
    /// Venue.
    pub venue: String,
    /// Endpoint alias.
    pub endpoint: String,
    /// Operation of the contract.
    pub operation: &'static str,
    /// The typed error's code.
    pub reason: &'static str,
}

/// A breaker that changed its state.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct TransitionLabels {
    /// Venue.
    pub venue: String,
    /// Endpoint alias.
    pub endpoint: String,
    /// `closed`, `half-open` or `open`.
    pub to: &'static str,
}

/// One rate-limit bucket.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct BucketLabels {
    /// Venue.
    pub venue: String,
    /// Bucket.
    pub bucket: String,
}

/// Requests of one urgency at a venue.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct PriorityLabels {
    /// Venue.
    pub venue: String,
    /// `cancel`, `amend`, `place` or `read`.
    pub priority: &'static str,
}

/// One venue.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct VenueLabels {
    /// Venue.
    pub venue: String,
}

impl VenueLabels {
    pub(super) fn of(venue: &str) -> Self {
        Self {
            venue: venue.to_owned(),
        }
    }
}

/// An operation that was not begun.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ShedLabels {
    /// Venue.
    pub venue: String,
    /// `bulkhead`, `breaker` or `limiter`.
    pub by: &'static str,
}

/// An order or a read that went on to another venue.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct FailoverLabels {
    /// The venue that has it not.
    pub from: String,
    /// The venue it went on to.
    pub to: String,
    /// The typed code of why.
    pub reason: &'static str,
}

/// A limit of the operator's own.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct LimitLabels {
    /// Venue.
    pub venue: String,
    /// The setting.
    pub limit: &'static str,
}

/// Handles to the metrics of the policies.
#[derive(Debug)]
pub struct ReliabilityMetrics {
    retries: Family<RetryLabels, Counter>,
    breaker_state: Family<EndpointLabels, Gauge>,
    breaker_transitions: Family<TransitionLabels, Counter>,
    limit_used: Family<BucketLabels, Gauge>,
    limit: Family<BucketLabels, Gauge>,
    limiter_wait: Histograms<PriorityLabels>,
    running: Family<VenueLabels, Gauge>,
    waiting: Family<VenueLabels, Gauge>,
    shed: Family<ShedLabels, Counter>,
    halted: Family<VenueLabels, Gauge>,
    overstepped: Family<LimitLabels, Counter>,
    failovers: Family<FailoverLabels, Counter>,
}

impl ReliabilityMetrics {
    /// Registers them all.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self {
            retries: Family::default(),
            breaker_state: Family::default(),
            breaker_transitions: Family::default(),
            limit_used: Family::default(),
            limit: Family::default(),
            limiter_wait: Family::new_with_constructor(Buckets(&NETWORK_BUCKETS)),
            running: Family::default(),
            waiting: Family::default(),
            shed: Family::default(),
            halted: Family::default(),
            overstepped: Family::default(),
            failovers: Family::default(),
        };
        registry.register(
            "venue_retries",
            "Operations tried again, by what failed before",
            this.retries.clone(),
        );
        registry.register(
            "breaker_state",
            "0 closed, 1 half-open, 2 open",
            this.breaker_state.clone(),
        );
        registry.register(
            "breaker_transitions",
            "Changes of a breaker's state",
            this.breaker_transitions.clone(),
        );
        registry.register(
            "limit_used",
            "Units of a rate limit in use",
            this.limit_used.clone(),
        );
        registry.register("limit", "Units of a rate limit", this.limit.clone());
        registry.register_with_unit(
            "limiter_wait",
            "Time a request waited for a rate limit",
            Unit::Seconds,
            this.limiter_wait.clone(),
        );
        registry.register(
            "bulkhead_running",
            "Operations running at a venue",
            this.running.clone(),
        );
        registry.register(
            "bulkhead_waiting",
            "Operations waiting for one of those to end",
            this.waiting.clone(),
        );
        registry.register(
            "operations_shed",
            "Operations not begun, by what kept them",
            this.shed.clone(),
        );
        registry.register(
            "venue_halted",
            "Whether an operator stopped the trading",
            this.halted.clone(),
        );
        registry.register(
            "pre_trade_refusals",
            "Orders and changes refused for the operator's own limits",
            this.overstepped.clone(),
        );
        registry.register(
            "order_failovers",
            "Orders that went on to another venue, by why",
            this.failovers.clone(),
        );
        this
    }

    /// Counts a retry.
    pub fn retried(&self, labels: &RetryLabels) {
        self.retries.get_or_create(labels).inc();
    }

    /// Notes a breaker's state; `level` is 0 closed, 1 half-open, 2 open.
    pub fn breaker_changed(&self, labels: &TransitionLabels, level: i64) {
        self.breaker_transitions.get_or_create(labels).inc();
        self.breaker_is(
            &EndpointLabels {
                venue: labels.venue.clone(),
                endpoint: labels.endpoint.clone(),
            },
            level,
        );
    }

    /// Begins to count at an endpoint whose breaker is closed: what has never happened reads 0, so that its
    /// first time shows as a change.
    pub fn watch(&self, labels: &EndpointLabels, states: [&'static str; 3]) {
        self.breaker_is(labels, 0);
        for to in states {
            let (venue, endpoint) = (labels.venue.clone(), labels.endpoint.clone());
            drop(self.breaker_transitions.get_or_create(&TransitionLabels {
                venue,
                endpoint,
                to,
            }));
        }
        for by in ["bulkhead", "breaker", "limiter"] {
            let venue = labels.venue.clone();
            drop(self.shed.get_or_create(&ShedLabels { venue, by }));
        }
    }

    /// Sets a breaker's state without counting a change.
    pub fn breaker_is(&self, labels: &EndpointLabels, level: i64) {
        self.breaker_state.get_or_create(labels).set(level);
    }

    /// Notes how much of a limit is in use.
    pub fn limit_is(&self, labels: &BucketLabels, used: u64, limit: u64) {
        let number = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
        self.limit_used.get_or_create(labels).set(number(used));
        self.limit.get_or_create(labels).set(number(limit));
    }

    /// Times a wait for a limit.
    pub fn waited(&self, labels: &PriorityLabels, waited: Duration) {
        let seconds = waited.as_secs_f64();
        self.limiter_wait.get_or_create(labels).observe(seconds);
    }

    /// Notes what a venue holds of the process.
    pub fn bulkhead_is(&self, venue: &str, running: usize, waiting: usize) {
        let labels = VenueLabels::of(venue);
        let number = |operations: usize| i64::try_from(operations).unwrap_or(i64::MAX);
        self.running.get_or_create(&labels).set(number(running));
        self.waiting.get_or_create(&labels).set(number(waiting));
    }

    /// Counts an operation that was not begun.
    pub fn shed(&self, venue: &str, by: &'static str) {
        let venue = venue.to_owned();
        self.shed.get_or_create(&ShedLabels { venue, by }).inc();
    }

    /// Counts an order or a change that oversteps a limit of the operator's own.
    pub fn overstepped(&self, venue: &str, limit: &'static str) {
        let venue = venue.to_owned();
        let labels = LimitLabels { venue, limit };
        self.overstepped.get_or_create(&labels).inc();
    }

    /// Notes whether the trading at a venue is stopped.
    pub fn halted(&self, venue: &str, is_halted: bool) {
        let gauge = self.halted.get_or_create(&VenueLabels::of(venue));
        gauge.set(is_halted.into());
    }

    /// Counts an order that went on to another venue.
    pub fn failed_over(&self, labels: &FailoverLabels) {
        self.failovers.get_or_create(labels).inc();
    }
}
