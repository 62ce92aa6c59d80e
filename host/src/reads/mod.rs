//! What reads of venues have in common: how fresh an answer is wanted, where it came from, and the cache
//! between.
//!
//! A load runs on for [`LOAD_FOR`] even where its caller waits for less: a venue that hangs is found out by its
//! breaker, and others may still be waiting.

#[cfg(test)]
mod tests;

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{Failure, FailureCode, Fate};
use crate::reliability::Deadline;
use crate::reliability::cache::{Cache, CacheStatus, Cached, Freshness, LoadPanicked};
use crate::telemetry::{FailoverLabels, Metrics, ReadLabels};

/// How long a venue is given to answer a read, whoever waits for it.
const LOAD_FOR: Duration = Duration::from_secs(5);

/// How fresh an answer a caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// As the cache sees fit.
    Cached,
    /// From the venue, asked now (`Cache-Control: no-cache`).
    Fresh,
}

/// Where an answer came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// From the venue, just now.
    Live {
        /// Why the cache did not give it.
        forwarded: Forwarded,
    },
    /// From the cache, fresh.
    Cached {
        /// Since the venue was asked.
        age: Duration,
        /// Until it is fresh no more.
        left: Duration,
    },
    /// From the cache, no longer fresh.
    Stale {
        /// Since the venue was asked.
        age: Duration,
        /// Since it was fresh.
        over: Duration,
        /// Why there is nothing newer; none where that is on its way.
        failure: Option<Failure>,
    },
}

/// Why a request went on to the venue, in the words of RFC 9211.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarded {
    /// This kind of answer is not cached.
    Bypass,
    /// There was nothing fresh enough.
    Miss,
    /// The caller wanted it so.
    Request,
}

impl Served {
    /// Since the venue was asked, where that was before the caller asked.
    pub fn age(&self) -> Option<Duration> {
        match self {
            Self::Live { .. } => None,
            Self::Cached { age, .. } | Self::Stale { age, .. } => Some(*age),
        }
    }
}

/// A value, and where it came from.
#[derive(Debug)]
pub struct Answer<V> {
    /// The value.
    pub value: Arc<V>,
    /// Where it came from.
    pub served: Served,
}

/// Where a part of an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// From the venue, just now.
    Live,
    /// From the cache, fresh.
    Cached,
    /// From the cache or the journal, and perhaps not so any more: `reason` says why.
    Stale,
    /// Not there at all, because the venue did not answer.
    Missing,
}

/// What one endpoint of a venue contributed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceStatus {
    /// Venue.
    pub venue: String,
    /// Endpoint alias.
    pub endpoint: String,
    /// Where it comes from.
    pub source: SourceKind,
    /// Since the venue was asked, in milliseconds; absent where it was asked just now, or is not known.
    pub age_ms: Option<u64>,
    /// Why it is not live: a typed code and a text.
    pub reason: Option<String>,
}

impl SourceStatus {
    /// A source that served.
    pub fn served(venue: &str, endpoint: &str, served: &Served) -> Self {
        let (source, reason) = match served {
            Served::Live { .. } => (SourceKind::Live, None),
            Served::Cached { .. } => (SourceKind::Cached, None),
            Served::Stale { failure: None, .. } => {
                (SourceKind::Stale, Some("a newer one is on its way".into()))
            }
            Served::Stale {
                failure: Some(failure),
                ..
            } => (SourceKind::Stale, Some(failure.to_string())),
        };
        let millis = |age: Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        Self {
            venue: venue.to_owned(),
            endpoint: endpoint.to_owned(),
            source,
            age_ms: served.age().map(millis),
            reason,
        }
    }

    /// A source that gave nothing.
    pub fn missing(venue: &str, endpoint: &str, failure: &Failure) -> Self {
        Self {
            venue: venue.to_owned(),
            endpoint: endpoint.to_owned(),
            source: SourceKind::Missing,
            age_ms: None,
            reason: Some(failure.to_string()),
        }
    }
}

impl From<LoadPanicked> for Failure {
    fn from(ended: LoadPanicked) -> Self {
        Self::new(FailureCode::AdapterFailed, Fate::Refused, ended.to_string())
    }
}

/// What answers are kept under.
pub trait ReadKey: Eq + Hash + Clone + Send + 'static {
    /// The venue that gives the answer.
    fn venue(&self) -> &str;
}

/// Answers of one kind, as long as they are kept. A clone is the same shelf.
#[derive(Debug)]
pub struct Shelf<K, V> {
    kind: &'static str,
    cache: Cache<K, V, Failure>,
    freshness: Freshness,
    metrics: Arc<Metrics>,
}

impl<K, V> Clone for Shelf<K, V> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            metrics: self.metrics.clone(),
            ..*self
        }
    }
}

impl<K, V> Shelf<K, V>
where
    K: ReadKey,
    V: Send + Sync + 'static,
{
    /// An empty shelf for answers of a kind (for metrics), at most `capacity`. A `ttl` of zero keeps nothing: then
    /// callers that ask at the same time share one answer, and that is all.
    pub fn new(
        kind: &'static str,
        freshness: Freshness,
        capacity: usize,
        metrics: Arc<Metrics>,
    ) -> Self {
        let none = Freshness {
            ttl: Duration::ZERO,
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
        };
        let keeps = !freshness.ttl.is_zero();
        Self {
            kind,
            cache: Cache::new(capacity),
            freshness: if keeps { freshness } else { none },
            metrics,
        }
    }

    /// The answer for a key: kept, on its way, or from `load`, which is given until when it may take. Nothing
    /// stands in for a failure: [`Shelf::in_place_of`] does.
    ///
    /// # Errors
    /// The load's, or [`FailureCode::Timeout`] where it is not there within the caller's deadline.
    pub async fn get<F, L>(
        &self,
        key: K,
        wanted: Wanted,
        deadline: Deadline,
        load: F,
    ) -> Result<Answer<V>, Failure>
    where
        F: FnOnce(Deadline) -> L + Send + 'static,
        L: Future<Output = Result<V, Failure>> + Send + 'static,
    {
        let venue = key.venue().to_owned();
        let until = deadline.max(Deadline::after(LOAD_FOR));
        let load = move || load(until);
        let freshness = Freshness {
            stale_if_error: Duration::ZERO,
            ..self.freshness
        };
        let asked = match wanted {
            Wanted::Cached => deadline.bound(self.cache.get(key, freshness, load)).await,
            Wanted::Fresh => deadline.bound(self.cache.get_fresh(key, load)).await,
        };
        let result = asked
            .unwrap_or_else(|_| Err(Failure::not_sent(FailureCode::Timeout, "no answer in time")));
        match result {
            Ok(cached) => Ok(self.answer(venue, wanted, cached)),
            Err(failure) => {
                self.count(venue, "failed", None);
                Err(failure)
            }
        }
    }

    /// What is kept for a key, in place of a failure.
    ///
    /// # Errors
    /// The failure, where nothing recent enough is kept.
    pub fn in_place_of(&self, key: &K, failure: Failure) -> Result<Answer<V>, Failure> {
        let cached = self.cache.in_place_of(key, self.freshness, failure)?;
        Ok(self.answer(key.venue().to_owned(), Wanted::Cached, cached))
    }

    /// Another venue answered, because this one failed.
    pub fn failed_over(&self, from: &str, to: &str, failure: &Failure) {
        self.metrics.reads.failed_over(&FailoverLabels {
            from: from.to_owned(),
            to: to.to_owned(),
            reason: failure.code.name(),
        });
    }

    fn count(&self, venue: String, source: &'static str, age: Option<Duration>) {
        let kind = self.kind;
        let labels = ReadLabels {
            venue,
            kind,
            source,
        };
        self.metrics.reads.answered(&labels, age);
    }

    /// Something changed that the answers for all such keys show.
    pub fn invalidate_where(&self, shows: impl FnMut(&K) -> bool) {
        self.cache.invalidate_where(shows);
    }

    fn answer(&self, venue: String, wanted: Wanted, cached: Cached<V, Failure>) -> Answer<V> {
        let Cached { value, age, status } = cached;
        let ttl = self.freshness.ttl;
        let stale = |failure| Served::Stale {
            age,
            over: age.saturating_sub(ttl),
            failure,
        };
        let (name, served) = match status {
            CacheStatus::Live => {
                let forwarded = match wanted {
                    Wanted::Fresh => Forwarded::Request,
                    Wanted::Cached if ttl.is_zero() => Forwarded::Bypass,
                    Wanted::Cached => Forwarded::Miss,
                };
                ("live", Served::Live { forwarded })
            }
            CacheStatus::Hit => {
                let left = ttl.saturating_sub(age);
                ("cached", Served::Cached { age, left })
            }
            CacheStatus::Revalidating => ("stale", stale(None)),
            CacheStatus::StaleOnError(failure) => ("stale", stale(Some(failure))),
        };
        self.count(venue, name, served.age());
        Answer { value, served }
    }
}
