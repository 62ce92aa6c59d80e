//! Keeps the exchanges of an operation that changes something, for the journal.

use std::sync::{Mutex, PoisonError};

use switchyard_runtime::Exchange;

/// The exchanges of one operation.
#[derive(Debug, Default)]
pub struct Tape(Mutex<Vec<Exchange>>);

impl Tape {
    pub(super) fn add(&self, exchange: Exchange) {
        self.lock().push(exchange);
    }

    /// What was taped since it was last taken, oldest first.
    pub fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Exchange>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
