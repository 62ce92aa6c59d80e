//! The venue's time as the gateway estimates it, and nonces that only grow.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// Local time corrected by the skew measured on each endpoint: they are served by different machines.
#[derive(Debug, Default)]
pub struct VenueClock {
    skew_ms: BTreeMap<String, AtomicI64>,
    last_nonce: AtomicU64,
}

impl VenueClock {
    /// A clock for these endpoints, on none of which a skew is known yet.
    pub fn of(endpoints: impl IntoIterator<Item = String>) -> Self {
        let skew_ms = endpoints
            .into_iter()
            .map(|endpoint| (endpoint, AtomicI64::new(0)));
        Self {
            skew_ms: skew_ms.collect(),
            last_nonce: AtomicU64::new(0),
        }
    }

    /// The time of an endpoint now.
    pub fn now(&self, endpoint: &str) -> Timestamp {
        Timestamp::from_millis(Timestamp::now().as_millis() + self.skew_ms(endpoint))
    }

    /// An endpoint's clock minus ours, in milliseconds.
    pub fn skew_ms(&self, endpoint: &str) -> i64 {
        self.skew_ms
            .get(endpoint)
            .map_or(0, |skew| skew.load(Ordering::Relaxed))
    }

    /// Learns the skew from one probe: the endpoint said `venue_time` somewhere between `sent` and
    /// `sent + took`, most likely half-way (Cristian's algorithm).
    pub fn learn(
        &self,
        endpoint: &str,
        venue_time: Timestamp,
        sent: Timestamp,
        took: Duration,
    ) -> i64 {
        let half_way = sent.as_millis() + i64::try_from(took.as_millis() / 2).unwrap_or(0);
        let skew = venue_time.as_millis() - half_way;
        if let Some(known) = self.skew_ms.get(endpoint) {
            known.store(skew, Ordering::Relaxed);
        }
        skew
    }

    /// A number greater than any before it, across restarts too, as long as the machine's clock does
    /// not fall back: microseconds since the epoch, below 2^53 until the year 2255.
    pub fn nonce(&self) -> u64 {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let micros = u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX);
        let previous = self
            .last_nonce
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                Some(micros.max(last + 1))
            })
            .unwrap_or_else(|last| last);
        micros.max(previous + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_skew_is_measured_on_each_endpoint_from_half_of_the_round_trip() {
        let clock = VenueClock::of(["a".to_owned(), "b".to_owned()]);
        let sent = Timestamp::from_millis(1_000);
        let (venue_time, took) = (Timestamp::from_millis(1_550), Duration::from_millis(100));
        assert_eq!(clock.learn("a", venue_time, sent, took), 500);
        assert_eq!((clock.skew_ms("a"), clock.skew_ms("b")), (500, 0));
        assert!(clock.now("a") > Timestamp::now());
    }

    #[test]
    fn nonces_strictly_increase_even_within_a_microsecond() {
        let clock = VenueClock::default();
        let nonces: Vec<u64> = (0..10_000).map(|_| clock.nonce()).collect();
        assert!(nonces.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(nonces.iter().all(|nonce| *nonce < 1 << 53));
    }
}
