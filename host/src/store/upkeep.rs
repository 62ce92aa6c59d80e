//! What keeps the journal in order beside the work: the rest of its check, keys that expire, entries that
//! nobody needs any more, its size.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Journal, StoreError};
use crate::config::StoreConfig;
use crate::model::Timestamp;
use crate::telemetry::Metrics;

/// Time between two rounds.
const EVERY: Duration = Duration::from_secs(10);

/// Time between two removals, each of which orders have to wait for.
const BREATH: Duration = Duration::from_millis(50);

/// Entries that are removed in one transaction, unless one order has more.
pub(super) const BATCH: u32 = 500;

/// How much older than the last forgotten key an entry of a key must be, in milliseconds: a request with all
/// its entries is over by then.
pub(super) const KEY_MARGIN_MS: i64 = 3_600_000;

/// Keeps a journal in order.
#[derive(Debug)]
pub struct Upkeep {
    journal: Arc<Journal>,
    metrics: Arc<Metrics>,
    retention: Option<Duration>,
    key_life: Duration,
    max_bytes: u64,
    /// Whether the last round found the journal too large; it is said once.
    is_too_large: bool,
}

impl Upkeep {
    /// Upkeep as configured.
    pub fn new(config: &StoreConfig, journal: Arc<Journal>, metrics: Arc<Metrics>) -> Self {
        Self {
            journal,
            metrics,
            retention: config.retention(),
            key_life: config.key_life(),
            max_bytes: config.max_bytes,
            is_too_large: false,
        }
    }

    /// Works until the task is dropped.
    pub async fn run(mut self) {
        let mut rounds = interval(EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            // The first finds something to do; what could not be read then is tried again.
            if let Err(error) = self.journal.verify_rest().await {
                tracing::error!(%error, "the journal could not be checked");
            }
            // A broken chain stays as it is found.
            if self.journal.condition().broken().is_some() {
                continue;
            }
            if let Err(error) = self.round(Timestamp::now()).await {
                tracing::warn!(%error, "the journal's upkeep has to wait");
            }
        }
    }

    /// Does once what is to be done at a time.
    ///
    /// # Errors
    /// [`StoreError`]; what is left is done in the next round.
    pub async fn round(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let before = |life: Duration| {
            let life = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(now.as_millis().saturating_sub(life))
        };
        while self.journal.expire_keys(before(self.key_life)).await? > 0 {
            sleep(BREATH).await;
        }
        if let Some(retention) = self.retention {
            while self.journal.compact(before(retention)).await? > 0 {
                sleep(BREATH).await;
            }
        }
        self.metrics
            .orders
            .open(&self.journal.open_by_state().await?);
        let bytes = self.journal.tidy().await?;
        self.metrics.journal.size(bytes);
        let is_too_large = bytes > self.max_bytes;
        if is_too_large && !self.is_too_large {
            tracing::error!(
                bytes,
                max_bytes = self.max_bytes,
                "the journal is larger than store.max_bytes; shorten store.retention_days or make room"
            );
        }
        self.is_too_large = is_too_large;
        Ok(())
    }
}
