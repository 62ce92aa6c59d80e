//! Work that goes on when its caller goes away: it keeps what its request holds of the process, and is waited for
//! before the process ends.

use std::any::Any;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Something that is given back when nobody holds it any more.
type Hold = Arc<dyn Any + Send + Sync>;

tokio::task_local! {
    static HELD: Hold;
}

/// Does work that holds something, beside what this task holds already. What is detached from it holds the same until
/// it ends.
pub async fn holding<F: Future>(held: impl Any + Send + Sync, work: F) -> F::Output {
    HELD.scope(hold(held), work).await
}

/// This, and what the task holds already.
fn hold(more: impl Any + Send + Sync) -> Hold {
    Arc::new((HELD.try_with(Clone::clone).ok(), more))
}

/// Counts work in tasks of its own. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Detached(Arc<watch::Sender<usize>>);

impl Default for Detached {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

/// One of those that are counted, until it is dropped.
struct Counted(Detached);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.send_modify(|running| *running -= 1);
    }
}

impl Detached {
    /// Begins work that ends whether or not anyone waits for it.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.send_modify(|running| *running += 1);
        let held = hold(Counted(self.clone()));
        tokio::spawn(HELD.scope(held, work))
    }

    /// Ready once all that was begun has ended.
    pub async fn ended(&self) {
        let mut running = self.0.subscribe();
        // Who counts is here: the count does not go away.
        let _ = running.wait_for(|running| *running == 0).await;
    }
}

#[cfg(test)]
#[expect(
    clippy::async_yields_async,
    reason = "what is detached is waited for later"
)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::{Semaphore, oneshot};

    use super::*;

    #[tokio::test]
    async fn detached_work_keeps_what_its_request_held_until_it_ends() {
        let slots = Arc::new(Semaphore::new(2));
        let detached = Detached::default();
        let (end, ending) = oneshot::channel::<()>();
        let outer = slots.clone().try_acquire_owned().unwrap();
        let inner = slots.clone().try_acquire_owned().unwrap();
        let work = holding(outer, async {
            holding(inner, async { detached.spawn(ending) }).await
        });
        let running = work.await;
        assert_eq!(slots.available_permits(), 0, "the request is over");
        end.send(()).unwrap();
        running.await.unwrap().unwrap();
        assert_eq!(slots.available_permits(), 2);
    }

    #[tokio::test]
    async fn work_that_is_begun_by_detached_work_keeps_it_too() {
        let slots = Arc::new(Semaphore::new(1));
        let detached = Detached::default();
        let (end, ending) = oneshot::channel::<()>();
        let slot = slots.clone().try_acquire_owned().unwrap();
        let again = detached.clone();
        let first = holding(slot, async {
            detached.spawn(async move { again.spawn(ending) })
        });
        let second = first.await.await.unwrap();
        assert_eq!(slots.available_permits(), 0);
        end.send(()).unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(slots.available_permits(), 1);
    }

    #[tokio::test]
    async fn the_end_of_everything_is_waited_for_however_it_comes() {
        let detached = Detached::default();
        assert!(detached.ended().now_or_never().is_some(), "there is none");
        let (end, ending) = oneshot::channel::<()>();
        let ordinary = detached.spawn(ending);
        let panics: JoinHandle<()> = detached.spawn(async { panic!("as a handler may") });
        assert!(detached.ended().now_or_never().is_none());
        end.send(()).unwrap();
        detached.ended().await;
        ordinary.await.unwrap().unwrap();
        assert!(panics.await.is_err());
    }
}
