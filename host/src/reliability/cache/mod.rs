//! A cache of what a venue answered: one load at a time per key, stale values while a new one is on its way or
//! cannot be had.
//!
//! | What is stored | Behaviour |
//! |---|---|
//! | a value younger than `ttl` | returned: [`CacheStatus::Hit`] |
//! | older by less than `stale_while_revalidate` | returned, while one load goes on behind it: [`CacheStatus::Revalidating`] |
//! | older still, or nothing | the load under way is joined, or one is begun: [`CacheStatus::Live`] |
//! | that load fails, and a value is older than `ttl` by less than `stale_if_error` | the value with the error: [`CacheStatus::StaleOnError`] |
//! | that load fails otherwise | its error, to all who wait for it |
//! | a value that was invalidated | returned only in place of an error |
//!
//! A load runs in a task of its own: whoever waits for it may go away. What it returned is as old as the load, counted
//! from its beginning (RFC 9111, section 4.2.3), for the venue may have read its state just then. For the same reason
//! a load that was under way during an invalidation is joined by nobody after that, and its value never passes for a
//! fresh one. Stale values are those of RFC 5861.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument;

/// How old a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// Fresh for so long from the beginning of its load.
    pub ttl: Duration,
    /// For so long after that, returned at once while it is loaded anew.
    pub stale_while_revalidate: Duration,
    /// For so long after `ttl`, returned in place of an error.
    pub stale_if_error: Duration,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheStatus<E> {
    /// From a load that the caller waited for.
    Live,
    /// From the cache, fresh.
    Hit,
    /// From the cache, stale; a load is under way.
    Revalidating,
    /// From the cache, stale, since the load failed so.
    StaleOnError(E),
}

/// A value, and what there is to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached<V, E> {
    /// The value.
    pub value: Arc<V>,
    /// Time since its load began.
    pub age: Duration,
    /// Where it came from.
    pub status: CacheStatus<E>,
}

/// A load panicked, or its runtime ended: it will not return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the load ended without a result")]
pub struct LoadPanicked;

/// Values by key, at most as many as its capacity. A clone is the same cache.
#[derive(Debug)]
pub struct Cache<K, V, E> {
    shelf: Arc<Mutex<Shelf<K, V, E>>>,
}

impl<K, V, E> Clone for Cache<K, V, E> {
    fn clone(&self) -> Self {
        Self {
            shelf: self.shelf.clone(),
        }
    }
}

#[derive(Debug)]
struct Shelf<K, V, E> {
    capacity: usize,
    entries: HashMap<K, Entry<V, E>>,
    /// Counts uses, for the order in which entries were used.
    uses: u64,
    /// Counts flights; none has another's number.
    flights: u64,
}

#[derive(Debug)]
struct Entry<V, E> {
    stored: Option<Stored<V>>,
    flight: Option<Flight<V, E>>,
    used: u64,
}

#[derive(Debug)]
struct Stored<V> {
    value: Arc<V>,
    /// When its load began.
    asked: Instant,
    /// Something changed since.
    outdated: bool,
}

impl<V> Clone for Stored<V> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            ..*self
        }
    }
}

impl<V> Stored<V> {
    fn is_fresh_for(&self, duration: Duration) -> bool {
        !self.outdated && self.asked.elapsed() < duration
    }

    fn with<E>(self, status: CacheStatus<E>) -> Cached<V, E> {
        Cached {
            age: self.asked.elapsed(),
            value: self.value,
            status,
        }
    }
}

/// A load under way, or its result.
type Landing<V, E> = watch::Receiver<Option<Result<Stored<V>, E>>>;

/// The load that a key's callers join.
#[derive(Debug)]
struct Flight<V, E> {
    number: u64,
    landing: Landing<V, E>,
}

impl<K, V, E> Cache<K, V, E>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Send + Sync + 'static,
    E: Clone + From<LoadPanicked> + Send + Sync + 'static,
{
    /// An empty cache of at most `capacity` entries (one at least). The least recently used makes place, and entries
    /// whose load is under way last.
    pub fn new(capacity: usize) -> Self {
        Self {
            shelf: Arc::new(Mutex::new(Shelf {
                capacity: capacity.max(1),
                entries: HashMap::new(),
                uses: 0,
                flights: 0,
            })),
        }
    }

    /// The value of this key, as fresh as asked for. May be dropped at any time; a load goes on.
    ///
    /// # Errors
    /// The load's, where there is no value recent enough to stand in.
    pub async fn get<F, L>(&self, key: K, freshness: Freshness, load: F) -> Result<Cached<V, E>, E>
    where
        F: FnOnce() -> L + Send + 'static,
        L: Future<Output = Result<V, E>> + Send + 'static,
    {
        let Freshness {
            ttl,
            stale_while_revalidate,
            stale_if_error,
        } = freshness;
        let mut begun = None;
        let (landing, stored) = {
            let mut shelf = self.lock();
            let entry = shelf.entry(&key);
            let stored = entry.stored.clone();
            if let Some(fresh) = stored.as_ref().filter(|stored| stored.is_fresh_for(ttl)) {
                return Ok(fresh.clone().with(CacheStatus::Hit));
            }
            let landing = match &entry.flight {
                Some(flight) => flight.landing.clone(),
                None => {
                    let (landing, task) = self.begin(&mut shelf, key, load);
                    begun = Some(task);
                    landing
                }
            };
            (landing, stored)
        };
        if let Some(task) = begun {
            tokio::spawn(task.in_current_span());
        }
        let served_stale = ttl.saturating_add(stale_while_revalidate);
        if let Some(stale) = stored
            .as_ref()
            .filter(|stored| stored.is_fresh_for(served_stale))
        {
            return Ok(stale.clone().with(CacheStatus::Revalidating));
        }
        match landed(landing).await {
            Ok(value) => Ok(value.with(CacheStatus::Live)),
            Err(error) => stored
                .filter(|stored| stored.asked.elapsed() < ttl.saturating_add(stale_if_error))
                .map(|stored| stored.with(CacheStatus::StaleOnError(error.clone())))
                .ok_or(error),
        }
    }

    /// The value of this key from a load that begins now, whatever is stored or under way. Others join that load,
    /// and its value is stored. May be dropped at any time; the load goes on.
    ///
    /// # Errors
    /// The load's: no stored value stands in.
    pub async fn get_fresh<F, L>(&self, key: K, load: F) -> Result<Cached<V, E>, E>
    where
        F: FnOnce() -> L + Send + 'static,
        L: Future<Output = Result<V, E>> + Send + 'static,
    {
        let (landing, task) = self.begin(&mut self.lock(), key, load);
        tokio::spawn(task.in_current_span());
        let value = landed(landing).await?;
        Ok(value.with(CacheStatus::Live))
    }

    /// What is stored for this key, in place of an error that its load ended with, or is taken to have ended with.
    ///
    /// # Errors
    /// The error, where nothing recent enough to stand in is stored.
    pub fn in_place_of(&self, key: &K, freshness: Freshness, error: E) -> Result<Cached<V, E>, E> {
        let stands_in = freshness.ttl.saturating_add(freshness.stale_if_error);
        let shelf = self.lock();
        let stored = shelf
            .entries
            .get(key)
            .and_then(|entry| entry.stored.as_ref());
        match stored.filter(|stored| stored.asked.elapsed() < stands_in) {
            Some(stored) => Ok(stored.clone().with(CacheStatus::StaleOnError(error))),
            None => Err(error),
        }
    }

    /// Something changed that this key's value shows.
    pub fn invalidate(&self, key: &K) {
        if let Some(entry) = self.lock().entries.get_mut(key) {
            entry.invalidate();
        }
    }

    /// Something changed that the values of all such keys show.
    pub fn invalidate_where(&self, mut shows: impl FnMut(&K) -> bool) {
        for (key, entry) in &mut self.lock().entries {
            if shows(key) {
                entry.invalidate();
            }
        }
    }

    /// How many keys have a value or a load under way.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins a load that callers join from now on. Its task is to be spawned when the shelf is unlocked: a runtime
    /// that shuts down drops it at once, and with it the pilot, which locks the shelf.
    fn begin<F, L>(
        &self,
        shelf: &mut Shelf<K, V, E>,
        key: K,
        load: F,
    ) -> (
        Landing<V, E>,
        impl Future<Output = ()> + Send + 'static + use<F, L, K, V, E>,
    )
    where
        F: FnOnce() -> L + Send + 'static,
        L: Future<Output = Result<V, E>> + Send + 'static,
    {
        let (sender, landing) = watch::channel(None);
        shelf.flights += 1;
        let number = shelf.flights;
        shelf.entry(&key).flight = Some(Flight {
            number,
            landing: landing.clone(),
        });
        let pilot = Pilot {
            cache: self.clone(),
            key,
            number,
        };
        let asked = Instant::now();
        let task = async move {
            let result = load().await.map(|value| Stored {
                value: Arc::new(value),
                asked,
                outdated: false,
            });
            if let Ok(stored) = &result {
                pilot.store(stored);
            }
            // Whoever sees the result finds the load over.
            drop(pilot);
            sender.send_replace(Some(result));
        };
        (landing, task)
    }
}

impl<K, V, E> Cache<K, V, E> {
    fn lock(&self) -> MutexGuard<'_, Shelf<K, V, E>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The result, once it is there.
async fn landed<V, E: Clone + From<LoadPanicked>>(
    mut landing: Landing<V, E>,
) -> Result<Stored<V>, E> {
    match landing.wait_for(Option::is_some).await.as_deref() {
        Ok(Some(result)) => result.clone(),
        Ok(None) | Err(_) => Err(LoadPanicked.into()),
    }
}

impl<K: Eq + Hash + Clone, V, E> Shelf<K, V, E> {
    /// The entry of this key, just used.
    fn entry(&mut self, key: &K) -> &mut Entry<V, E> {
        if self.entries.len() >= self.capacity && !self.entries.contains_key(key) {
            let first = self
                .entries
                .iter()
                .min_by_key(|(_, entry)| (entry.flight.is_some(), entry.used))
                .map(|(key, _)| key.clone());
            if let Some(first) = first {
                self.entries.remove(&first);
            }
        }
        self.uses += 1;
        let entry = self.entries.entry(key.clone()).or_insert_with(|| Entry {
            stored: None,
            flight: None,
            used: 0,
        });
        entry.used = self.uses;
        entry
    }
}

impl<V, E> Entry<V, E> {
    fn invalidate(&mut self) {
        self.flight = None;
        if let Some(stored) = &mut self.stored {
            stored.outdated = true;
        }
    }
}

/// Stands for a load under way; dropped, also by a panic, the load is over.
struct Pilot<K: Eq + Hash, V, E> {
    cache: Cache<K, V, E>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash, V, E> Pilot<K, V, E> {
    /// Stores what the load returned. Where the load is no longer the one that callers join, something may have
    /// changed while it was under way.
    fn store(&self, value: &Stored<V>) {
        let mut shelf = self.cache.lock();
        let Some(entry) = shelf.entries.get_mut(&self.key) else {
            return;
        };
        let joined = entry.flight.as_ref().map(|flight| flight.number) == Some(self.number);
        let better = entry
            .stored
            .as_ref()
            .is_none_or(|stored| stored.outdated && stored.asked < value.asked);
        if joined || better {
            entry.stored = Some(Stored {
                outdated: !joined,
                ..value.clone()
            });
        }
    }
}

impl<K: Eq + Hash, V, E> Drop for Pilot<K, V, E> {
    fn drop(&mut self) {
        let mut shelf = self.cache.lock();
        let Some(entry) = shelf.entries.get_mut(&self.key) else {
            return;
        };
        if entry.flight.as_ref().map(|flight| flight.number) == Some(self.number) {
            entry.flight = None;
        }
        if entry.flight.is_none() && entry.stored.is_none() {
            shelf.entries.remove(&self.key);
        }
    }
}
