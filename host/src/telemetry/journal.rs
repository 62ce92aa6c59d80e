//! Metrics of the journal and of idempotency keys.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// How the journal is, and what was answered from it.
#[derive(Debug, Default)]
pub struct JournalMetrics {
    active: Gauge,
    bytes: Gauge,
    broken: Gauge,
    write_failures: Counter,
    entries_removed: Counter,
    idempotent_replays: Counter,
}

impl JournalMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self::default();
        registry.register(
            "active",
            "Whether this gateway may write the journal and send orders",
            this.active.clone(),
        );
        registry.register(
            "journal_size_bytes",
            "What the journal takes on the disk",
            this.bytes.clone(),
        );
        registry.register(
            "journal_broken",
            "Whether the journal's chain is broken, and no order is taken",
            this.broken.clone(),
        );
        registry.register(
            "journal_write_failures",
            "Writes to the journal that failed",
            this.write_failures.clone(),
        );
        registry.register(
            "journal_entries_removed",
            "Entries that retention removed",
            this.entries_removed.clone(),
        );
        registry.register(
            "idempotent_replays",
            "Requests answered from what their Idempotency-Key was bound to",
            this.idempotent_replays.clone(),
        );
        this
    }

    /// Notes whether this gateway may write the journal, as it is just now.
    pub fn is_active(&self, is_active: bool) {
        self.active.set(i64::from(is_active));
    }

    /// Notes what the journal takes, in bytes.
    pub fn size(&self, bytes: u64) {
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Notes whether the journal's chain is broken.
    pub fn is_broken(&self, is_broken: bool) {
        self.broken.set(i64::from(is_broken));
    }

    /// Counts a write that failed.
    pub fn write_failed(&self) {
        self.write_failures.inc();
    }

    /// Counts entries that retention removed.
    pub fn removed(&self, entries: usize) {
        self.entries_removed
            .inc_by(u64::try_from(entries).unwrap_or(u64::MAX));
    }

    /// Counts a request that was answered from what its key was bound to.
    pub fn replayed(&self) {
        self.idempotent_replays.inc();
    }
}
