//! Warm instances of one adapter version: checked out, used, returned; dropped after a trap.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::CallError;

/// How full a pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    /// Instances alive, in use or not.
    pub alive: usize,
    /// Instances waiting for a call.
    pub idle: usize,
}

struct Shelf<T> {
    idle: Vec<T>,
    alive: usize,
}

/// A bounded stack of reusable values. The most recently used one is taken first: its memory is warm.
pub(crate) struct Pool<T> {
    shelf: Mutex<Shelf<T>>,
    freed: Condvar,
    capacity: usize,
    longest_wait: Duration,
}

/// What a checkout gave.
pub(crate) enum Checkout<T> {
    /// A used instance.
    Warm(T),
    /// A place for a new instance, which the caller makes; it is counted already.
    Vacant,
}

impl<T> Pool<T> {
    pub(crate) fn new(capacity: usize, longest_wait: Duration) -> Self {
        let shelf = Mutex::new(Shelf {
            idle: Vec::new(),
            alive: 0,
        });
        Self {
            shelf,
            freed: Condvar::new(),
            capacity,
            longest_wait,
        }
    }

    /// Puts a first instance in.
    pub(crate) fn open_with(&self, instance: T) {
        let mut shelf = self.lock();
        shelf.alive += 1;
        shelf.idle.push(instance);
    }

    /// Takes an instance or a place for one, waiting for either.
    pub(crate) fn check_out(&self) -> Result<Checkout<T>, CallError> {
        let give_up = Instant::now() + self.longest_wait;
        let mut shelf = self.lock();
        loop {
            if let Some(instance) = shelf.idle.pop() {
                return Ok(Checkout::Warm(instance));
            }
            if shelf.alive < self.capacity {
                shelf.alive += 1;
                return Ok(Checkout::Vacant);
            }
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(CallError::PoolExhausted(self.capacity));
            }
            shelf = self
                .freed
                .wait_timeout(shelf, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Gives an instance back for the next call.
    pub(crate) fn check_in(&self, instance: T) {
        self.lock().idle.push(instance);
        self.freed.notify_one();
    }

    /// Gives the place back of an instance that was dropped or never made.
    pub(crate) fn vacate(&self) {
        self.lock().alive -= 1;
        self.freed.notify_one();
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let shelf = self.lock();
        PoolStatus {
            alive: shelf.alive,
            idle: shelf.idle.len(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shelf<T>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_full_pool_refuses_and_a_returned_instance_is_reused() {
        let pool = Pool::new(1, Duration::ZERO);
        assert!(matches!(pool.check_out(), Ok(Checkout::Vacant)));
        assert!(matches!(pool.check_out(), Err(CallError::PoolExhausted(1))));
        pool.check_in(7);
        assert!(matches!(pool.check_out(), Ok(Checkout::Warm(7))));
        pool.vacate();
        assert_eq!(pool.status(), PoolStatus { alive: 0, idle: 0 });
        assert!(matches!(pool.check_out(), Ok(Checkout::Vacant)));
    }

    #[test]
    fn a_waiting_call_gets_the_instance_that_another_returns() {
        let pool = std::sync::Arc::new(Pool::new(1, Duration::from_secs(60)));
        assert!(matches!(pool.check_out(), Ok(Checkout::Vacant)));
        let waiting = {
            let pool = pool.clone();
            std::thread::spawn(move || matches!(pool.check_out(), Ok(Checkout::Warm(7))))
        };
        pool.check_in(7);
        assert!(waiting.join().unwrap());
    }
}
