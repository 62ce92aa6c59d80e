//! The venue's clock: what time the venue believes it is, and how much time has really passed.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where the venue's time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockMode {
    /// The machine's clock plus an offset.
    #[default]
    System,
    /// Stands still until told to advance, starting at this many milliseconds since the epoch.
    Manual {
        /// Milliseconds since the epoch at the start.
        start_ms: i64,
    },
}

/// One instant as the venue sees it, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Time since the epoch by the venue's clock, offset included; what the wire shows.
    pub wall_us: i64,
    /// Time elapsed since the venue was created; offsets and steps do not touch it.
    pub elapsed_us: i64,
}

impl Stamp {
    /// A stamp whose two times agree, for code that has no clock at hand.
    #[must_use]
    pub fn at_us(us: i64) -> Self {
        Self {
            wall_us: us,
            elapsed_us: us,
        }
    }
}

#[derive(Debug)]
enum Source {
    System {
        created: Instant,
    },
    Manual {
        start_us: i64,
        elapsed_us: AtomicI64,
    },
}

/// The clock of one venue. Its offset can be moved under a running client.
#[derive(Debug)]
pub struct VenueClock {
    source: Source,
    offset_us: AtomicI64,
}

impl VenueClock {
    /// A clock in this mode with no offset.
    #[must_use]
    pub fn new(mode: ClockMode) -> Self {
        let source = match mode {
            ClockMode::System => Source::System {
                created: Instant::now(),
            },
            ClockMode::Manual { start_ms } => Source::Manual {
                start_us: start_ms.saturating_mul(1000),
                elapsed_us: AtomicI64::new(0),
            },
        };
        Self {
            source,
            offset_us: AtomicI64::new(0),
        }
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Stamp {
        let offset = self.offset_us.load(Ordering::SeqCst);
        match &self.source {
            Source::System { created } => {
                let since_epoch = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                Stamp {
                    wall_us: i64::try_from(since_epoch.as_micros())
                        .unwrap_or(i64::MAX)
                        .saturating_add(offset),
                    elapsed_us: i64::try_from(created.elapsed().as_micros()).unwrap_or(i64::MAX),
                }
            }
            Source::Manual {
                start_us,
                elapsed_us,
            } => {
                let elapsed_us = elapsed_us.load(Ordering::SeqCst);
                Stamp {
                    wall_us: start_us.saturating_add(elapsed_us).saturating_add(offset),
                    elapsed_us,
                }
            }
        }
    }

    /// Sets how far the venue's clock is ahead of the true time.
    pub fn set_offset_ms(&self, offset_ms: i64) {
        self.offset_us
            .store(offset_ms.saturating_mul(1000), Ordering::SeqCst);
    }

    /// Steps the venue's clock, as a time server would; no time passes.
    pub fn step_ms(&self, step_ms: i64) {
        self.offset_us
            .fetch_add(step_ms.saturating_mul(1000), Ordering::SeqCst);
    }

    /// Milliseconds the venue's clock is ahead of the true time.
    #[must_use]
    pub fn offset_ms(&self) -> i64 {
        self.offset_us.load(Ordering::SeqCst) / 1000
    }

    /// Lets time pass on a manual clock; `false` on a system clock, which passes by itself.
    pub fn advance_ms(&self, ms: u64) -> bool {
        match &self.source {
            Source::System { .. } => false,
            Source::Manual { elapsed_us, .. } => {
                let us = i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000);
                elapsed_us.fetch_add(us, Ordering::SeqCst);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_moves_the_venue_clock_but_lets_no_time_pass() {
        let clock = VenueClock::new(ClockMode::Manual { start_ms: 1_000 });
        clock.step_ms(250);
        assert_eq!(
            clock.now(),
            Stamp {
                wall_us: 1_250_000,
                elapsed_us: 0
            }
        );
    }

    #[test]
    fn advancing_a_manual_clock_moves_both_times() {
        let clock = VenueClock::new(ClockMode::Manual { start_ms: 1_000 });
        clock.set_offset_ms(-500);
        assert!(clock.advance_ms(40));
        assert_eq!(
            clock.now(),
            Stamp {
                wall_us: 540_000,
                elapsed_us: 40_000
            }
        );
    }

    #[test]
    fn a_system_clock_cannot_be_advanced() {
        assert!(!VenueClock::new(ClockMode::System).advance_ms(1));
    }
}
