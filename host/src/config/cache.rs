//! `[cache]`: how long answers of venues are kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, check_range};
use crate::reliability::cache::Freshness;

/// `[cache]`. A time of 0 keeps nothing of that kind.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSettings {
    /// How long a ticker is fresh, in milliseconds.
    pub ticker_ms: u64,
    /// How long a book is fresh, in milliseconds.
    pub orderbook_ms: u64,
    /// How long candles are fresh, in milliseconds.
    pub candles_ms: u64,
    /// How long balances are fresh, in milliseconds; an order of this gateway ends it.
    pub balances_ms: u64,
    /// How long positions are fresh, in milliseconds; an order of this gateway ends it.
    pub positions_ms: u64,
    /// How long a list of open orders is fresh, in milliseconds; an order of this gateway ends it.
    pub active_orders_ms: u64,
    /// How long after that an answer is given at once while the venue is asked again, in milliseconds.
    pub stale_while_revalidate_ms: u64,
    /// How long after it was fresh an answer stands in for a venue that fails, in milliseconds.
    pub stale_if_error_ms: u64,
    /// Answers of each kind that are kept.
    pub capacity: usize,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            ticker_ms: 1_000,
            orderbook_ms: 250,
            candles_ms: 5_000,
            balances_ms: 1_000,
            positions_ms: 1_000,
            active_orders_ms: 1_000,
            stale_while_revalidate_ms: 1_000,
            stale_if_error_ms: 60_000,
            capacity: 2_000,
        }
    }
}

impl CacheSettings {
    /// How fresh answers must be that are kept for so long.
    pub fn freshness(&self, ttl_ms: u64) -> Freshness {
        Freshness {
            ttl: Duration::from_millis(ttl_ms),
            stale_while_revalidate: Duration::from_millis(self.stale_while_revalidate_ms),
            stale_if_error: Duration::from_millis(self.stale_if_error_ms),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let capacity = u64::try_from(self.capacity).unwrap_or(u64::MAX);
        for (key, is, least, most) in [
            ("ticker_ms", self.ticker_ms, 0, 60_000),
            ("orderbook_ms", self.orderbook_ms, 0, 60_000),
            ("candles_ms", self.candles_ms, 0, 600_000),
            ("balances_ms", self.balances_ms, 0, 60_000),
            ("positions_ms", self.positions_ms, 0, 60_000),
            ("active_orders_ms", self.active_orders_ms, 0, 60_000),
            (
                "stale_while_revalidate_ms",
                self.stale_while_revalidate_ms,
                0,
                60_000,
            ),
            ("stale_if_error_ms", self.stale_if_error_ms, 0, 3_600_000),
            ("capacity", capacity, 1, 100_000),
        ] {
            check_range(&format!("cache.{key}"), is, least, most)?;
        }
        Ok(())
    }
}
