//! Sums over the last so much time.

use std::collections::VecDeque;
use std::ops::AddAssign;
use std::time::Duration;

use tokio::time::Instant;

/// Sums what was added during the last `span`, in slices, so that memory does not grow with the
/// rate: what was added leaves after at most `span`, and at most one slice earlier.
#[derive(Debug)]
pub(super) struct SlidingWindow<T> {
    origin: Instant,
    slice: Duration,
    count: u128,
    slices: VecDeque<(u128, T)>,
}

impl<T: Copy + Default + AddAssign> SlidingWindow<T> {
    /// An empty window of this span, cut in so many slices, none shorter than a nanosecond.
    pub(super) fn new(now: Instant, span: Duration, slices: u32) -> Self {
        let count = slices.max(1);
        Self {
            origin: now,
            slice: (span / count).max(Duration::from_nanos(1)),
            count: count.into(),
            slices: VecDeque::new(),
        }
    }

    /// Adds to the slice of this moment.
    pub(super) fn add(&mut self, now: Instant, amount: T) {
        let current = self.index(now);
        while self
            .slices
            .front()
            .is_some_and(|(index, _)| index + self.count <= current)
        {
            self.slices.pop_front();
        }
        match self.slices.back_mut() {
            Some((index, sum)) if *index == current => *sum += amount,
            _ => self.slices.push_back((current, amount)),
        }
    }

    /// The sum of the slices that are still in the window.
    pub(super) fn total(&self, now: Instant) -> T {
        let current = self.index(now);
        let mut total = T::default();
        for (index, sum) in &self.slices {
            if index + self.count > current {
                total += *sum;
            }
        }
        total
    }

    fn index(&self, now: Instant) -> u128 {
        now.saturating_duration_since(self.origin).as_nanos() / self.slice.as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_added_leaves_within_the_last_slice_of_the_span() {
        let (span, slices) = (Duration::from_secs(60), 60);
        for millis_into_slice in [0, 1, 500, 999] {
            let mut window = SlidingWindow::new(Instant::now(), span, slices);
            tokio::time::advance(Duration::from_millis(5_000 + millis_into_slice)).await;
            window.add(Instant::now(), 7_u32);
            tokio::time::advance(Duration::from_secs(59)).await;
            assert_eq!(window.total(Instant::now()), 7);
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(window.total(Instant::now()), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_by_the_number_of_slices() {
        let mut window = SlidingWindow::new(Instant::now(), Duration::from_secs(1), 10);
        for _ in 0..1_000 {
            tokio::time::advance(Duration::from_millis(7)).await;
            window.add(Instant::now(), 1_u32);
            assert!(window.slices.len() <= 10);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_span_of_nothing_and_no_slices_are_harmless() {
        let mut window = SlidingWindow::new(Instant::now(), Duration::ZERO, 0);
        window.add(Instant::now(), 1_u32);
        assert_eq!(window.total(Instant::now()), 1);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(window.total(Instant::now()), 0);
    }
}
