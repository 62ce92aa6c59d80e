//! When the next look is due.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Time between two looks where events cannot be had and polling is off: without either, a directory that
/// comes back would never be seen.
const POLL_WITHOUT_EVENTS: Duration = Duration::from_secs(2);

/// Puts time between looks.
#[derive(Debug)]
pub(super) struct Pace {
    wake: Arc<Notify>,
    settle: Duration,
    poll: Option<Duration>,
}

impl Pace {
    pub(super) fn new(wake: Arc<Notify>, settle: Duration, poll: Option<Duration>) -> Self {
        Self { wake, settle, poll }
    }

    /// Returns when to look again: never sooner than `settle`, then at once where something has not
    /// settled, else at the first event or when the poll is due.
    ///
    /// Events that came since the last look count as one, so a burst costs one look per `settle`.
    pub(super) async fn next_look(&self, settled: bool, events: bool) {
        sleep(self.settle).await;
        if !settled {
            return;
        }
        match self.poll.or((!events).then_some(POLL_WITHOUT_EVENTS)) {
            // Either way a look is due; that the time is up is no failure.
            Some(poll) => {
                drop(timeout(poll.saturating_sub(self.settle), self.wake.notified()).await)
            }
            None => self.wake.notified().await,
        }
    }
}
