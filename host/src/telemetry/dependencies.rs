//! What is measured of what the gateway stands on.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What the gateway stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    /// The journal.
    Journal,
    /// The disk of the journal's file.
    Disk,
}

impl Dependency {
    fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Disk => "disk",
        }
    }
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DependencyLabels {
    dependency: &'static str,
}

/// A file system, by what is on it.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DiskLabels {
    of: &'static str,
}

const JOURNAL: DiskLabels = DiskLabels { of: "journal" };

/// Handles to the metrics of dependencies.
#[derive(Debug, Default)]
pub struct DependencyMetrics {
    up: Family<DependencyLabels, Gauge>,
    free_bytes: Family<DiskLabels, Gauge>,
}

impl DependencyMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self::default();
        registry.register(
            "dependency_up",
            "Whether what the gateway stands on is well",
            this.up.clone(),
        );
        registry.register(
            "disk_free_bytes",
            "What may still be written to a disk",
            this.free_bytes.clone(),
        );
        this
    }

    /// Notes whether a dependency is well.
    pub fn is_up(&self, dependency: Dependency, is_up: bool) {
        let dependency = dependency.name();
        let gauge = self.up.get_or_create(&DependencyLabels { dependency });
        gauge.set(is_up.into());
    }

    /// Notes how many bytes are free on the disk of the journal's file. What is not known is not shown: a number of
    /// before would pass for one of now.
    pub fn disk_free(&self, bytes: Option<u64>) {
        if let Some(bytes) = bytes {
            let gauge = self.free_bytes.get_or_create(&JOURNAL);
            gauge.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        } else {
            self.free_bytes.remove(&JOURNAL);
        }
    }
}
