//! Every status, and every race between a load and what happens meanwhile.

mod races;
mod statuses;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::time::{advance, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

const FRESHNESS: Freshness = Freshness {
    ttl: Duration::from_secs(10),
    stale_while_revalidate: Duration::from_secs(5),
    stale_if_error: Duration::from_secs(60),
};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Error {
    Unreachable,
    Panicked,
}

impl From<LoadPanicked> for Error {
    fn from(_: LoadPanicked) -> Self {
        Self::Panicked
    }
}

type Numbers = Cache<&'static str, u64, Error>;
type Outcome = Result<Cached<u64, Error>, Error>;

/// A venue that takes a second to say how often it was asked.
#[derive(Debug, Clone, Default)]
struct Venue {
    asked: Arc<AtomicU64>,
    down: Arc<AtomicBool>,
}

impl Venue {
    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    async fn answer(self) -> Result<u64, Error> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        sleep(SECOND).await;
        if self.down.load(Ordering::SeqCst) {
            return Err(Error::Unreachable);
        }
        Ok(number)
    }

    async fn get(&self, cache: &Numbers, key: &'static str) -> Outcome {
        let venue = self.clone();
        cache.get(key, FRESHNESS, move || venue.answer()).await
    }

    async fn get_fresh(&self, cache: &Numbers, key: &'static str) -> Outcome {
        let venue = self.clone();
        cache.get_fresh(key, move || venue.answer()).await
    }

    /// Asks in a task of its own, which has asked when this returns.
    async fn asking(&self, cache: &Numbers, fresh: bool) -> tokio::task::JoinHandle<Outcome> {
        let (venue, cache) = (self.clone(), cache.clone());
        let task = tokio::spawn(async move {
            if fresh {
                venue.get_fresh(&cache, "key").await
            } else {
                venue.get(&cache, "key").await
            }
        });
        // To the caller's await, and into the load.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        task
    }
}

fn cached(value: u64, age: Duration, status: CacheStatus<Error>) -> Outcome {
    Ok(Cached {
        value: Arc::new(value),
        age,
        status,
    })
}
