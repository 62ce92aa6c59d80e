//! What serves a plugin's venues now. Read on every call; changed by promotions only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use switchyard_runtime::Adapter;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::recording::Recording;
use super::trial::Trial;

/// Traps are counted over this time.
const TRAP_WINDOW: Duration = Duration::from_secs(60);

/// The versions that serve.
#[derive(Debug, Clone)]
pub struct Serving {
    /// The one that does the work.
    pub active: Arc<Adapter>,
    /// The one before it: it reads what the active one fails to.
    pub previous: Option<Arc<Adapter>>,
    /// A candidate at work beside it.
    pub trial: Option<Arc<Trial>>,
}

/// A place for the versions of one plugin. Its venues look here for each operation, which then stays with
/// the version that it found.
#[derive(Debug)]
pub struct Slot {
    name: String,
    serving: RwLock<Arc<Serving>>,
    traps: Traps,
    recording: Recording,
}

impl Slot {
    /// A slot that a version serves in. It is in trouble after more traps within a minute than are allowed.
    pub fn new(name: &str, active: Arc<Adapter>, traps_allowed: usize) -> Self {
        Self {
            name: name.to_owned(),
            serving: RwLock::new(Arc::new(Serving {
                active,
                previous: None,
                trial: None,
            })),
            traps: Traps::new(traps_allowed),
            recording: Recording::default(),
        }
    }

    /// The plugin's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is kept of its exchanges, if an operator wants that.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// What serves now.
    pub fn serving(&self) -> Arc<Serving> {
        self.serving
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The active version.
    pub fn active(&self) -> Arc<Adapter> {
        self.serving().active.clone()
    }

    /// Puts a version to work, and ends the trial.
    pub fn promote(&self, active: Arc<Adapter>, previous: Option<Arc<Adapter>>) {
        self.change(|_| Serving {
            active,
            previous,
            trial: None,
        });
        self.traps.forget();
    }

    /// Lets a candidate work beside the active version until what is returned is dropped.
    pub fn try_out(self: &Arc<Self>, trial: Arc<Trial>) -> Trying {
        self.change(|serving| Serving {
            trial: Some(trial.clone()),
            ..serving.clone()
        });
        Trying {
            slot: self.clone(),
            trial,
        }
    }

    /// Takes the earlier version away, which the active one no longer falls back to.
    pub fn forget_previous(&self) {
        self.change(|serving| Serving {
            previous: None,
            ..serving.clone()
        });
    }

    fn change(&self, next: impl FnOnce(&Serving) -> Serving) {
        let mut serving = self.serving.write().unwrap_or_else(PoisonError::into_inner);
        let next = next(&serving);
        *serving = Arc::new(next);
    }

    /// Counts a call that the active version did not complete by its own fault.
    pub fn trapped(&self, sha256: &str) {
        if self.active().sha256() != sha256 {
            return; // it is out already
        }
        self.traps.count(sha256);
    }

    /// Waits until the active version has trapped too often. Returns its SHA-256: another may be active by now.
    pub async fn trouble(&self) -> String {
        self.traps.too_many().await
    }
}

/// Counts the traps of the version that is active.
#[derive(Debug)]
struct Traps {
    allowed: usize,
    counted: Mutex<Counted>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Counted {
    /// Whose they are.
    sha256: String,
    at: Vec<Instant>,
    /// Who had too many, until someone hears of it.
    too_many: Option<String>,
}

impl Traps {
    fn new(allowed: usize) -> Self {
        Self {
            allowed,
            counted: Mutex::default(),
            news: Notify::new(),
        }
    }

    fn count(&self, sha256: &str) {
        let now = Instant::now();
        let mut counted = self.lock();
        if counted.sha256 != sha256 {
            *counted = Counted {
                sha256: sha256.to_owned(),
                ..Counted::default()
            };
        }
        counted
            .at
            .retain(|at| now.duration_since(*at) < TRAP_WINDOW);
        counted.at.push(now);
        if counted.at.len() > self.allowed {
            counted.at.clear();
            counted.too_many = Some(sha256.to_owned());
            self.news.notify_one();
        }
    }

    /// Another version is active, or the same again: it begins with none.
    fn forget(&self) {
        *self.lock() = Counted::default();
    }

    async fn too_many(&self) -> String {
        loop {
            self.news.notified().await;
            // A notice outlives what it was of.
            if let Some(sha256) = self.lock().too_many.take() {
                return sha256;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A trial that ends when this is dropped.
#[derive(Debug)]
pub struct Trying {
    slot: Arc<Slot>,
    trial: Arc<Trial>,
}

impl Drop for Trying {
    fn drop(&mut self) {
        self.slot.change(|serving| Serving {
            trial: serving
                .trial
                .clone()
                .filter(|trial| !Arc::ptr_eq(trial, &self.trial)),
            ..serving.clone()
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    async fn heard(traps: &Traps) -> Option<String> {
        timeout(Duration::from_secs(1), traps.too_many()).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_version_is_in_trouble_after_more_traps_within_a_minute_than_are_allowed() {
        let traps = Traps::new(2);
        for _ in 0..3 {
            traps.count("a");
            advance(Duration::from_secs(31)).await;
        }
        assert_eq!(heard(&traps).await, None);
        traps.count("a");
        traps.count("a");
        assert_eq!(heard(&traps).await.as_deref(), Some("a"));
        assert_eq!(heard(&traps).await, None, "it is told once");
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_that_nobody_heard_of_is_not_held_against_the_version_that_came_after() {
        let traps = Traps::new(1);
        traps.count("a");
        traps.count("a");
        traps.forget(); // an operator was faster
        assert_eq!(heard(&traps).await, None);
        traps.count("a");
        traps.count("b");
        assert_eq!(heard(&traps).await, None, "each has one");
        traps.count("b");
        assert_eq!(heard(&traps).await.as_deref(), Some("b"));
    }
}
