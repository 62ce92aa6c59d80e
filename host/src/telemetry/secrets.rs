//! What is measured of secrets: where they are read from, never which.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::config::SecretRef;

/// Where a secret is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable.
    Environment,
    /// A file.
    File,
    /// AWS Parameter Store.
    ParameterStore,
}

impl SecretSource {
    /// Where a place is.
    pub fn of(place: &SecretRef) -> Self {
        match place {
            SecretRef::Environment(_) => Self::Environment,
            SecretRef::File(_) => Self::File,
            SecretRef::ParameterStore { .. } => Self::ParameterStore,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Environment => "env",
            Self::File => "file",
            Self::ParameterStore => "ssm",
        }
    }
}

/// What reading a secret again gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretOutcome {
    /// The same.
    Unchanged,
    /// Another, which is in use now.
    Rotated,
    /// Nothing: the last value stays in use.
    Failed,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReadLabels {
    source: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SourceLabels {
    source: &'static str,
}

/// Handles to the metrics of secrets.
#[derive(Debug, Clone, Default)]
pub struct SecretMetrics {
    reads: Family<ReadLabels, Counter>,
    failing: Family<SourceLabels, Gauge>,
}

impl SecretMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self::default();
        registry.register(
            "secret_reads",
            "Secrets read again while the gateway runs",
            this.reads.clone(),
        );
        registry.register(
            "secrets_failing",
            "Secrets that could not be read again at the last try, and whose last value is in use",
            this.failing.clone(),
        );
        this
    }

    /// Counts a secret that was read again.
    pub fn read(&self, source: SecretSource, outcome: SecretOutcome) {
        let outcome = match outcome {
            SecretOutcome::Unchanged => "unchanged",
            SecretOutcome::Rotated => "rotated",
            SecretOutcome::Failed => "failed",
        };
        let source = source.name();
        let labels = ReadLabels { source, outcome };
        self.reads.get_or_create(&labels).inc();
    }

    /// Notes how many of a source cannot be read.
    pub fn failing(&self, source: SecretSource, count: usize) {
        let labels = SourceLabels {
            source: source.name(),
        };
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.failing.get_or_create(&labels).set(count);
    }
}
