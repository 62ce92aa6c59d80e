//! A circuit breaker: calls to something that is ill are refused at once, and tried again with care.
//!
//! The rules are those of Resilience4j's `CircuitBreaker` (resilience4j.readme.io/docs/circuitbreaker),
//! except that each time the trial calls fail it stays open for twice as long, up to a bound.
//!
//! | from | to | when |
//! |---|---|---|
//! | closed | open | at a verdict, with the minimum of calls in the window, the failure rate or the slow rate reaches its limit |
//! | open | half-open | at the first [`Breaker::acquire`] after its time |
//! | half-open | closed | all trial calls have their verdict, and both rates are below their limits |
//! | half-open | open, for twice as long | all trial calls have their verdict, and a rate reaches its limit |
//! | half-open | open, for the shortest time | it lasted its longest without all verdicts, which says nothing about health |
//!
//! Nothing runs in the background: time is looked at when the breaker is asked. A verdict about a
//! call permitted before the last transition changes nothing.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::retry::Backoff;
use window::{Tally, Window};

#[cfg(test)]
mod tests;
mod window;

/// Which calls a closed breaker judges by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    /// The last so many; 0 counts as 1.
    Calls(u32),
    /// Those whose verdict came during the last so much time, to a sixtieth of it.
    Time(Duration),
}

/// When a breaker opens, and how it closes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerConfig {
    /// The calls to judge by.
    pub window: WindowKind,
    /// Fewer calls than this say nothing; at most the size of a window of calls, and at least 1.
    pub minimum_calls: u32,
    /// Percent of failing calls at which it opens; 0 counts as 1, above 100 is never.
    pub failure_rate: u8,
    /// A call that took longer is slow, whatever its verdict.
    pub slow_after: Duration,
    /// Percent of slow calls at which it opens; 0 counts as 1, above 100 is never.
    pub slow_rate: u8,
    /// How long it stays open at first.
    pub open_for: Duration,
    /// What doubling that never exceeds; no longer than `open_for` means no doubling.
    pub open_for_max: Duration,
    /// Trial calls when half-open; 0 counts as 1.
    pub half_open_calls: u32,
    /// How long half-open may last; 0 is without bound.
    pub half_open_for: Duration,
}

impl Default for BreakerConfig {
    /// Half of at least 10 calls failing during 60 s, or 90 % of them longer than 3 s, opens it for
    /// 5 s, later up to 60 s; then 3 trial calls within 30 s.
    fn default() -> Self {
        Self {
            window: WindowKind::Time(Duration::from_secs(60)),
            minimum_calls: 10,
            failure_rate: 50,
            slow_after: Duration::from_secs(3),
            slow_rate: 90,
            open_for: Duration::from_secs(5),
            open_for_max: Duration::from_secs(60),
            half_open_calls: 3,
            half_open_for: Duration::from_secs(30),
        }
    }
}

impl BreakerConfig {
    fn within_limits(mut self) -> Self {
        if let WindowKind::Calls(size) = &mut self.window {
            *size = (*size).max(1);
            self.minimum_calls = self.minimum_calls.min(*size);
        }
        self.minimum_calls = self.minimum_calls.max(1);
        self.failure_rate = self.failure_rate.max(1);
        self.slow_rate = self.slow_rate.max(1);
        self.open_for_max = self.open_for_max.max(self.open_for);
        self.half_open_calls = self.half_open_calls.max(1);
        if self.half_open_for.is_zero() {
            self.half_open_for = Duration::MAX;
        }
        self
    }
}

/// What a call says about the health of what was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It did what it should, even if the answer was a refusal.
    Healthy,
    /// It did not.
    Failing,
    /// Nothing can be told; the call is not counted, not even as slow.
    Neutral,
}

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All do.
    Closed,
    /// None do.
    Open,
    /// A few do, on trial.
    HalfOpen,
}

impl State {
    /// `closed`, `open` or `half-open`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The state it left.
    pub from: State,
    /// The state it entered.
    pub to: State,
    /// Why, with the rates, for people.
    pub reason: String,
}

/// A moment's state and counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The state. It reads open until the call that makes it half-open.
    pub state: State,
    /// When it was entered.
    pub since: Instant,
    /// Calls with a verdict: in the window, among the trial calls, or those that opened it.
    pub calls: u64,
    /// How many of them failed.
    pub failures: u64,
    /// How many of them were slow.
    pub slow: u64,
    /// If a call were refused now: [`Refused::retry_after`].
    pub retry_after: Option<Duration>,
}

/// The call must not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker is open; it may let a call through in {retry_after:?}")]
pub struct Refused {
    /// How long until a call may go through: exact when open, a guess when the trial calls are out.
    pub retry_after: Duration,
}

/// Guards calls to one thing.
#[derive(Debug)]
pub struct Breaker {
    shared: Arc<Shared>,
}

impl Breaker {
    /// A closed breaker.
    ///
    /// `on_change` is told of every transition in its order, and therefore under the breaker's
    /// lock: it must be quick, and must not use this breaker or drop a permit of it.
    pub fn new(config: BreakerConfig, on_change: Box<dyn Fn(Transition) + Send + Sync>) -> Self {
        let config = config.within_limits();
        let now = Instant::now();
        let current = Current {
            phase: Phase::Closed(Window::new(config.window, now)),
            since: now,
            epoch: 0,
            reopened: 0,
        };
        Self {
            shared: Arc::new(Shared {
                config,
                on_change: OnChange(on_change),
                current: Mutex::new(current),
            }),
        }
    }

    /// Leave to make one call.
    ///
    /// # Errors
    /// [`Refused`] when open, or when half-open and the trial calls are all out.
    pub fn acquire(&self) -> Result<Permit, Refused> {
        let (mut current, now) = self.shared.current();
        if let Some(retry_after) = self.shared.refusal(&current, now) {
            return Err(Refused { retry_after });
        }
        match &mut current.phase {
            Phase::Closed(_) => {}
            Phase::Open { lasting, .. } => {
                let reason = format!("open for {lasting:?}");
                let phase = Phase::HalfOpen {
                    out: 1,
                    tally: Tally::default(),
                };
                self.shared.enter(&mut current, phase, now, reason);
            }
            Phase::HalfOpen { out, .. } => *out += 1,
        }
        Ok(Permit {
            shared: Arc::clone(&self.shared),
            epoch: current.epoch,
            acquired: now,
            call: None,
        })
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.shared.current().0.phase.state()
    }

    /// The state and its counts now.
    pub fn snapshot(&self) -> Snapshot {
        let (current, now) = self.shared.current();
        let tally = match &current.phase {
            Phase::Closed(window) => window.tally(now),
            Phase::Open { tally, .. } | Phase::HalfOpen { tally, .. } => *tally,
        };
        Snapshot {
            state: current.phase.state(),
            since: current.since,
            calls: tally.calls,
            failures: tally.failures,
            slow: tally.slow,
            retry_after: self.shared.refusal(&current, now),
        }
    }
}

/// Leave to make one call. Dropped without a verdict it counts as [`Verdict::Neutral`].
#[derive(Debug)]
#[must_use = "dropping it at once is a call about which nothing can be told"]
pub struct Permit {
    shared: Arc<Shared>,
    epoch: u64,
    acquired: Instant,
    call: Option<Tally>,
}

impl Permit {
    /// The call came to this, and took all the time since the permit was given.
    pub fn record(self, verdict: Verdict) {
        let took = self.acquired.elapsed();
        self.record_after(verdict, took);
    }

    /// The call came to this, and took this long; for a call that waited before it was made.
    pub fn record_after(mut self, verdict: Verdict, took: Duration) {
        let slow = took > self.shared.config.slow_after;
        self.call = match verdict {
            Verdict::Healthy => Some(Tally::one(false, slow)),
            Verdict::Failing => Some(Tally::one(true, slow)),
            Verdict::Neutral => None,
        };
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.settle(self.epoch, self.call);
    }
}

#[derive(Debug)]
struct Shared {
    config: BreakerConfig,
    on_change: OnChange,
    current: Mutex<Current>,
}

struct OnChange(Box<dyn Fn(Transition) + Send + Sync>);

impl fmt::Debug for OnChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnChange")
    }
}

#[derive(Debug)]
struct Current {
    phase: Phase,
    since: Instant,
    /// Counts the transitions, and so tells which permits belong to this phase.
    epoch: u64,
    /// How often trial calls failed since it was last closed.
    reopened: u32,
}

#[derive(Debug)]
enum Phase {
    Closed(Window),
    Open { lasting: Duration, tally: Tally },
    HalfOpen { out: u32, tally: Tally },
}

impl Phase {
    fn state(&self) -> State {
        match self {
            Self::Closed(_) => State::Closed,
            Self::Open { .. } => State::Open,
            Self::HalfOpen { .. } => State::HalfOpen,
        }
    }
}

impl Shared {
    /// What is current at this moment, with what the passing of time alone brings about.
    fn current(&self) -> (MutexGuard<'_, Current>, Instant) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let bound = self.config.half_open_for;
        if let Phase::HalfOpen { tally, .. } = current.phase
            && now.saturating_duration_since(current.since) >= bound
        {
            let reason = format!(
                "half-open for {bound:?} with a verdict on {} of {} calls",
                tally.calls, self.config.half_open_calls
            );
            current.reopened = 0;
            // Not later than now, so it is no overflow.
            let ended = current.since + bound;
            self.open(&mut current, tally, ended, reason);
        }
        (current, now)
    }

    /// How long a call must wait that may not go through now.
    fn refusal(&self, current: &Current, now: Instant) -> Option<Duration> {
        let elapsed = now.saturating_duration_since(current.since);
        match current.phase {
            Phase::Closed(_) => None,
            Phase::Open { lasting, .. } => (elapsed < lasting).then(|| lasting - elapsed),
            Phase::HalfOpen { out, tally } => {
                let all_out = u64::from(out) + tally.calls >= self.config.half_open_calls.into();
                let left = self.config.half_open_for.saturating_sub(elapsed);
                all_out.then(|| left.min(self.config.open_for))
            }
        }
    }

    /// A permit of this epoch came back, with what its call counts for.
    fn settle(&self, epoch: u64, call: Option<Tally>) {
        let (mut current, now) = self.current();
        if current.epoch != epoch {
            return;
        }
        let (tally, enough) = match &mut current.phase {
            Phase::Closed(window) => {
                let Some(call) = call else { return };
                window.add(now, call);
                (window.tally(now), self.config.minimum_calls)
            }
            Phase::HalfOpen { out, tally } => {
                *out = out.saturating_sub(1);
                *tally += call.unwrap_or_default();
                (*tally, self.config.half_open_calls)
            }
            Phase::Open { .. } => return,
        };
        if tally.calls < enough.into() {
            return;
        }
        let on_trial = current.phase.state() == State::HalfOpen;
        let (failed, slow) = tally.rates();
        let config = &self.config;
        let ill = failed >= config.failure_rate.into() || slow >= config.slow_rate.into();
        let reason = format!(
            "of {} calls {failed} % failed (limit {} %) and {slow} % were slow (limit {} %)",
            tally.calls, config.failure_rate, config.slow_rate
        );
        if ill {
            current.reopened = current.reopened.saturating_add(on_trial.into());
            self.open(&mut current, tally, now, reason);
        } else if on_trial {
            current.reopened = 0;
            let window = Window::new(config.window, now);
            self.enter(&mut current, Phase::Closed(window), now, reason);
        }
    }

    fn open(&self, current: &mut Current, tally: Tally, at: Instant, reason: String) {
        let lasting = Backoff {
            base: self.config.open_for,
            cap: self.config.open_for_max,
        }
        .ceiling(current.reopened);
        self.enter(current, Phase::Open { lasting, tally }, at, reason);
    }

    fn enter(&self, current: &mut Current, phase: Phase, at: Instant, reason: String) {
        let (from, to) = (current.phase.state(), phase.state());
        current.phase = phase;
        current.since = at;
        current.epoch += 1;
        (self.on_change.0)(Transition { from, to, reason });
    }
}
