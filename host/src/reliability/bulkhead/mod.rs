//! A bulkhead: a bounded number of calls at once, and a bounded queue of calls that wait for that.
//!
//! A place that comes free goes to the most urgent waiter, among equals to the one that waits
//! longest; it is handed over, so a newcomer cannot snatch it. When the queue is full, a more
//! urgent newcomer displaces the least urgent, youngest waiter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Deadline, DeadlinePassed};

#[cfg(test)]
mod tests;

/// How many calls run and wait at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkheadConfig {
    /// Calls at once; 0 counts as 1.
    pub concurrency: usize,
    /// Calls that wait; 0 is none, so what cannot run at once is shed.
    pub queue: usize,
}

impl Default for BulkheadConfig {
    /// 32 at once, 64 waiting.
    fn default() -> Self {
        Self {
            concurrency: 32,
            queue: 64,
        }
    }
}

/// The call was turned away, and must not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Shed {
    /// As many calls as may wait are waiting, none of them less urgent.
    #[error("too many calls are waiting")]
    QueueFull {
        /// A guess at how long until there is a place: how long calls took lately, times those
        /// waiting, over those at once.
        retry_after: Duration,
    },
    /// Its deadline passed while it waited.
    #[error("the deadline passed while waiting behind other calls")]
    Deadline {
        /// As in [`Shed::QueueFull`].
        retry_after: Duration,
    },
}

impl Shed {
    /// A guess at how long until there is a place.
    pub fn retry_after(self) -> Duration {
        match self {
            Self::QueueFull { retry_after } | Self::Deadline { retry_after } => retry_after,
        }
    }
}

/// A moment's load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Calls that run.
    pub running: usize,
    /// Calls that wait.
    pub waiting: usize,
}

/// Bounds the calls to one thing.
#[derive(Debug)]
pub struct Bulkhead {
    shared: Arc<Shared>,
}

/// A place; dropped, it goes to the next.
#[derive(Debug)]
#[must_use = "dropping it gives the place away"]
pub struct Admission {
    /// None once the place is given away.
    shared: Option<Arc<Shared>>,
    /// When its call could start; none for a place that its waiter did not live to take.
    started: Option<Instant>,
}

#[derive(Debug)]
struct Shared {
    config: BulkheadConfig,
    line: Mutex<Line>,
}

type Turn = Result<Admission, Shed>;

/// Nobody waits while there is a place.
#[derive(Debug, Default)]
struct Line {
    running: usize,
    /// By priority, then by arrival.
    waiting: BTreeMap<(u8, u64), oneshot::Sender<Turn>>,
    arrivals: u64,
    /// Moving average of how long a place is held.
    held: Option<Duration>,
}

/// Leaves the queue when dropped.
#[derive(Debug)]
struct Waiting {
    shared: Arc<Shared>,
    key: (u8, u64),
}

enum Joined {
    Admitted(Admission),
    Waiting(Waiting, oneshot::Receiver<Turn>),
}

impl Bulkhead {
    /// An idle bulkhead.
    pub fn new(config: BulkheadConfig) -> Self {
        let config = BulkheadConfig {
            concurrency: config.concurrency.max(1),
            ..config
        };
        Self {
            shared: Arc::new(Shared {
                config,
                line: Mutex::default(),
            }),
        }
    }

    /// Waits for a place; priority 0 is the most urgent. Dropped while waiting, it leaves the queue.
    ///
    /// # Errors
    /// [`Shed`], if the queue is full, if something more urgent needed the place in it, or if the
    /// deadline passed, also beforehand.
    pub async fn enter(&self, priority: u8, deadline: Deadline) -> Result<Admission, Shed> {
        if deadline.has_passed() {
            return Err(self.shared.past_deadline());
        }
        let (waiting, turn) = match self.join(priority)? {
            Joined::Admitted(admission) => return Ok(admission),
            Joined::Waiting(waiting, turn) => (waiting, turn),
        };
        match deadline.bound(turn).await {
            Ok(Ok(turn)) => {
                let mut admission = turn?;
                admission.started = Some(Instant::now());
                Ok(admission)
            }
            // The sender goes with its turn or with `waiting`, so this does not happen.
            Ok(Err(_)) | Err(DeadlinePassed) => {
                drop(waiting);
                Err(self.shared.past_deadline())
            }
        }
    }

    /// How many run and wait now.
    pub fn depth(&self) -> Depth {
        let line = self.shared.line();
        Depth {
            running: line.running,
            waiting: line.waiting.len(),
        }
    }

    fn join(&self, priority: u8) -> Result<Joined, Shed> {
        let config = self.shared.config;
        let mut line = self.shared.line();
        if line.running < config.concurrency {
            line.running += 1;
            return Ok(Joined::Admitted(Admission {
                shared: Some(Arc::clone(&self.shared)),
                started: Some(Instant::now()),
            }));
        }
        let full = Shed::QueueFull {
            retry_after: line.retry_after(config),
        };
        let mut displaced = None;
        if line.waiting.len() >= config.queue {
            match line.waiting.last_entry() {
                Some(last) if last.key().0 > priority => displaced = Some(last.remove()),
                _ => return Err(full),
            }
        }
        let (sender, receiver) = oneshot::channel();
        let key = (priority, line.arrivals);
        line.arrivals += 1;
        line.waiting.insert(key, sender);
        drop(line);
        if let Some(displaced) = displaced {
            // Nobody to tell if it left just now.
            let _ = displaced.send(Err(full));
        }
        let shared = Arc::clone(&self.shared);
        Ok(Joined::Waiting(Waiting { shared, key }, receiver))
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let Some(mut shared) = self.shared.take() else {
            return;
        };
        if let Some(started) = self.started {
            shared.line().count_held(started.elapsed());
        }
        loop {
            let next = {
                let mut line = shared.line();
                let next = line.waiting.pop_first();
                if next.is_none() {
                    line.running = line.running.saturating_sub(1);
                }
                next
            };
            let Some((_, waiter)) = next else { return };
            let admission = Self {
                shared: Some(shared),
                started: None,
            };
            // A waiter that leaves after this drops the admission, which comes here again.
            let Err(Ok(mut returned)) = waiter.send(Ok(admission)) else {
                return;
            };
            let Some(kept) = returned.shared.take() else {
                return;
            };
            shared = kept;
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shared.line().waiting.remove(&self.key);
    }
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn past_deadline(&self) -> Shed {
        Shed::Deadline {
            retry_after: self.line().retry_after(self.config),
        }
    }
}

impl Line {
    fn count_held(&mut self, took: Duration) {
        self.held = Some(match self.held {
            Some(held) => held.saturating_mul(7).saturating_add(took) / 8,
            None => took,
        });
    }

    /// One second for each call that waits, as long as nothing was measured.
    fn retry_after(&self, config: BulkheadConfig) -> Duration {
        let amount = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let each = self.held.unwrap_or(Duration::from_secs(1));
        let ahead = amount(self.waiting.len()).saturating_add(1);
        each.saturating_mul(ahead) / amount(config.concurrency).max(1)
    }
}
