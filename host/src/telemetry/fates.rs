//! What is measured of orders whose fate is open, was given up, or was not in the journal.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::metrics::{Buckets, Histograms};
use super::reliability::VenueLabels;

/// Buckets for how long a fate was open, in seconds: 100 ms to a day.
const FATE_BUCKETS: [f64; 13] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0,
];

/// Handles to the metrics of orders' fates.
#[derive(Debug, Clone)]
pub struct FateMetrics {
    unresolved: Family<VenueLabels, Gauge>,
    oldest_seconds: Family<VenueLabels, Gauge>,
    reconciliation_seconds: Histograms<VenueLabels>,
    not_placed: Family<VenueLabels, Counter>,
    surfaced_late: Family<VenueLabels, Counter>,
    adopted: Family<VenueLabels, Counter>,
}

impl FateMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            unresolved: Family::default(),
            oldest_seconds: Family::default(),
            reconciliation_seconds: Family::new_with_constructor(Buckets(&FATE_BUCKETS)),
            not_placed: Family::default(),
            surfaced_late: Family::default(),
            adopted: Family::default(),
        };
        registry.register(
            "orders_unresolved",
            "Orders whose fate is open, or whose change or cancel is not through",
            metrics.unresolved.clone(),
        );
        registry.register_with_unit(
            "orders_unresolved_oldest_age",
            "How long the oldest of them has been so",
            Unit::Seconds,
            metrics.oldest_seconds.clone(),
        );
        registry.register_with_unit(
            "order_reconciliation_duration",
            "Time until an open fate, change or cancel was known",
            Unit::Seconds,
            metrics.reconciliation_seconds.clone(),
        );
        registry.register(
            "orders_not_placed",
            "Orders given up: they never arrived",
            metrics.not_placed.clone(),
        );
        registry.register(
            "orders_surfaced_late",
            "Orders and legs that were given up, or lost, and showed after all",
            metrics.surfaced_late.clone(),
        );
        registry.register(
            "orders_adopted",
            "Orders of this gateway found at a venue and not in the journal",
            metrics.adopted.clone(),
        );
        metrics
    }

    /// Begins to count at a venue: what has never happened reads 0, so that its first time shows as a change.
    pub fn watch(&self, venue: &str) {
        for counted in [&self.not_placed, &self.surfaced_late, &self.adopted] {
            drop(counted.get_or_create(&VenueLabels::of(venue)));
        }
        self.unresolved(venue, 0, Duration::ZERO);
    }

    /// Notes how many orders at a venue are unresolved, and since when the oldest is.
    pub fn unresolved(&self, venue: &str, orders: usize, oldest: Duration) {
        let gauge = |family: &Family<VenueLabels, Gauge>, value: Option<i64>| {
            family
                .get_or_create(&VenueLabels::of(venue))
                .set(value.unwrap_or(i64::MAX));
        };
        gauge(&self.unresolved, i64::try_from(orders).ok());
        gauge(&self.oldest_seconds, i64::try_from(oldest.as_secs()).ok());
    }

    /// Times how long something was unresolved.
    pub fn resolved(&self, venue: &str, after: Duration) {
        self.reconciliation_seconds
            .get_or_create(&VenueLabels::of(venue))
            .observe(after.as_secs_f64());
    }

    /// Counts an order that was given up.
    pub fn not_placed(&self, venue: &str) {
        self.not_placed.get_or_create(&VenueLabels::of(venue)).inc();
    }

    /// Counts something given up or lost that showed after all.
    pub fn surfaced_late(&self, venue: &str) {
        self.surfaced_late
            .get_or_create(&VenueLabels::of(venue))
            .inc();
    }

    /// Counts an order that was not in the journal.
    pub fn adopted(&self, venue: &str) {
        self.adopted.get_or_create(&VenueLabels::of(venue)).inc();
    }
}
