//! The venue's time as the gateway estimates it, and nonces that only grow.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::model::Timestamp;

/// Longest round trip from which a skew is learned while a better one is known: it is off by at most half of it.
const ROUND_TRIP: Duration = Duration::from_secs(1);

/// How long a sample stands above worse ones.
const SAMPLE_LASTS: Duration = Duration::from_secs(60);

/// A skew that differs by more from what is known is believed when a second sample agrees to within as much.
const JUMP_MS: u64 = 1_000;

/// Local time corrected by the skew measured on each endpoint: they are served by different machines.
#[derive(Debug, Default)]
pub struct VenueClock {
    skews: BTreeMap<String, Mutex<Skew>>,
    last_nonce: AtomicU64,
}

/// What is known of an endpoint's clock. Before anything is, it is taken to be ours.
#[derive(Debug, Default)]
struct Skew {
    ms: i64,
    /// When that was measured, and how long the round trip took.
    sample: Option<(Instant, Duration)>,
    /// The last sample, where it is too far from what is known to be believed alone.
    in_doubt: Option<i64>,
}

impl Skew {
    fn learn(&mut self, ms: i64, took: Duration) {
        let is_worse = |(at, best): (Instant, Duration)| at.elapsed() < SAMPLE_LASTS && best < took;
        if took > ROUND_TRIP && self.sample.is_some_and(is_worse) {
            return;
        }
        let agrees = |other: i64| ms.abs_diff(other) <= JUMP_MS;
        let is_confirmed = self.in_doubt.take().is_some_and(agrees);
        if agrees(self.ms) || is_confirmed {
            self.ms = ms;
            self.sample = Some((Instant::now(), took));
        } else {
            self.in_doubt = Some(ms);
        }
    }
}

impl VenueClock {
    /// A clock for these endpoints, on none of which a skew is known yet.
    pub fn of(endpoints: impl IntoIterator<Item = String>) -> Self {
        let skews = endpoints
            .into_iter()
            .map(|endpoint| (endpoint, Mutex::default()));
        Self {
            skews: skews.collect(),
            last_nonce: AtomicU64::new(0),
        }
    }

    /// The time of an endpoint now.
    pub fn now(&self, endpoint: &str) -> Timestamp {
        Timestamp::from_millis(Timestamp::now().as_millis() + self.skew_ms(endpoint))
    }

    /// An endpoint's clock minus ours, in milliseconds.
    pub fn skew_ms(&self, endpoint: &str) -> i64 {
        self.skew(endpoint).map_or(0, |skew| skew.ms)
    }

    /// Whether the last sample of an endpoint differs so far from what is known that another must confirm it.
    pub fn is_in_doubt(&self, endpoint: &str) -> bool {
        self.skew(endpoint)
            .is_some_and(|skew| skew.in_doubt.is_some())
    }

    fn skew(&self, endpoint: &str) -> Option<MutexGuard<'_, Skew>> {
        let skew = self.skews.get(endpoint)?;
        Some(skew.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Learns the skew from one probe: the endpoint said `venue_time` somewhere between `sent` and
    /// `sent + took`, most likely half-way (Cristian's algorithm). One that took long teaches nothing where a better
    /// one is known, and a jump must be confirmed. Returns the skew that is known now.
    pub fn learn(
        &self,
        endpoint: &str,
        venue_time: Timestamp,
        sent: Timestamp,
        took: Duration,
    ) -> i64 {
        let half_way = sent.as_millis() + i64::try_from(took.as_millis() / 2).unwrap_or(0);
        let skew = venue_time.as_millis() - half_way;
        if let Some(mut known) = self.skew(endpoint) {
            known.learn(skew, took);
        }
        self.skew_ms(endpoint)
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
    fn a_sample_that_took_long_teaches_nothing_where_a_better_one_is_known() {
        let clock = VenueClock::of(["a".to_owned()]);
        let learn = |skew: i64, took: u64| {
            let venue_time =
                Timestamp::from_millis(1_000 + skew + i64::try_from(took / 2).unwrap());
            let took = Duration::from_millis(took);
            clock.learn("a", venue_time, Timestamp::from_millis(1_000), took);
            clock.skew_ms("a")
        };
        assert_eq!(learn(400, 1_900), 400, "there is nothing better");
        assert_eq!(learn(-300, 2_800), 400);
        assert_eq!(learn(20, 1_000), 20);
        assert_eq!(learn(900, 1_001), 20);
        assert_eq!(learn(30, 80), 30);
    }

    #[test]
    fn a_jump_of_a_clock_is_believed_when_a_second_sample_says_the_same() {
        let clock = VenueClock::of(["a".to_owned()]);
        let learn = |skew: i64| {
            let venue_time = Timestamp::from_millis(1_000_000 + skew);
            clock.learn(
                "a",
                venue_time,
                Timestamp::from_millis(1_000_000),
                Duration::ZERO,
            );
            clock.skew_ms("a")
        };
        assert_eq!(learn(999), 999);
        assert_eq!(learn(600_000), 999);
        assert_eq!(learn(10), 10, "it was wrong");
        assert_eq!(learn(600_000), 10, "and counts for nothing later");
        assert_eq!(learn(-600_000), 10, "two that differ say nothing");
        assert_eq!(learn(-600_500), -600_500);
    }

    #[test]
    fn nonces_strictly_increase_even_within_a_microsecond() {
        let clock = VenueClock::default();
        let nonces: Vec<u64> = (0..10_000).map(|_| clock.nonce()).collect();
        assert!(nonces.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(nonces.iter().all(|nonce| *nonce < 1 << 53));
    }
}
