//! The moment after which nobody waits for an answer any more.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// A point in time that a request carries with it through every stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

/// The deadline passed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the deadline passed")]
pub struct DeadlinePassed;

impl Deadline {
    /// This long from now.
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }

    /// The end of one of so many equal parts of the time left.
    #[must_use]
    pub fn share(self, parts: usize) -> Self {
        let parts = u32::try_from(parts).unwrap_or(u32::MAX).max(1);
        Self::after(self.left() / parts).min(self)
    }

    /// Time left; zero once it passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it passed.
    pub fn has_passed(self) -> bool {
        self.left().is_zero()
    }

    /// The future's result, if it comes in time.
    ///
    /// # Errors
    /// [`DeadlinePassed`]; the future is dropped.
    pub async fn bound<F: Future>(self, future: F) -> Result<F::Output, DeadlinePassed> {
        tokio::time::timeout_at(self.0, future)
            .await
            .map_err(|_| DeadlinePassed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_share_of_the_time_leaves_the_rest_to_others() {
        let deadline = Deadline::after(Duration::from_secs(6));
        assert_eq!(deadline.share(3).left(), Duration::from_secs(2));
        assert_eq!(deadline.share(1), deadline);
        assert_eq!(deadline.share(0), deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn a_future_is_bounded_by_what_is_left_and_not_by_the_whole() {
        let deadline = Deadline::after(Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(deadline.left(), Duration::from_secs(1));
        assert_eq!(deadline.bound(async { 7 }).await, Ok(7));
        let started = Instant::now();
        assert_eq!(
            deadline.bound(std::future::pending::<()>()).await,
            Err(DeadlinePassed)
        );
        assert_eq!(started.elapsed(), Duration::from_secs(1));
        assert!(deadline.has_passed());
    }
}
