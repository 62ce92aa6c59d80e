//! Where answers to reads came from, and how old they were.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

use super::metrics::{Buckets, Histograms};
use super::reliability::FailoverLabels;

/// Buckets for the age of what is answered, in seconds: 10 ms to an hour.
const AGE_BUCKETS: [f64; 12] = [
    0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0,
];

/// Answers that callers were given.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ReadLabels {
    /// Venue.
    pub venue: String,
    /// `ticker`, `orderbook`, `candles`, `balances`, `positions` or `active_orders`.
    pub kind: &'static str,
    /// `live`, `cached`, `stale` or `failed`.
    pub source: &'static str,
}

/// Handles to the metrics of reads.
#[derive(Debug)]
pub struct ReadMetrics {
    answers: Family<ReadLabels, Counter>,
    age_seconds: Histograms<ReadLabels>,
    failovers: Family<FailoverLabels, Counter>,
}

impl ReadMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self {
            answers: Family::default(),
            age_seconds: Family::new_with_constructor(Buckets(&AGE_BUCKETS)),
            failovers: Family::default(),
        };
        registry.register(
            "reads",
            "Answers to reads, by where they came from",
            this.answers.clone(),
        );
        registry.register_with_unit(
            "read_age",
            "Age of answers that came from the cache",
            Unit::Seconds,
            this.age_seconds.clone(),
        );
        registry.register(
            "read_failovers",
            "Reads that another venue answered, by why",
            this.failovers.clone(),
        );
        this
    }

    /// Counts an answer; `age` is that of a kept one.
    pub fn answered(&self, labels: &ReadLabels, age: Option<Duration>) {
        self.answers.get_or_create(labels).inc();
        if let Some(age) = age {
            self.age_seconds
                .get_or_create(labels)
                .observe(age.as_secs_f64());
        }
    }

    /// Counts a read that another venue answered.
    pub fn failed_over(&self, labels: &FailoverLabels) {
        self.failovers.get_or_create(labels).inc();
    }
}
