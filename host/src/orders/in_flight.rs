//! Which orders a request is changing just now, so that nobody else concludes what became of them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::OrderId;

/// The orders that requests are working on.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight(Arc<Mutex<HashSet<OrderId>>>);

/// Work on one order, until it is dropped.
#[derive(Debug)]
pub(super) struct Working {
    orders: InFlight,
    /// Absent where another request was at it already, which then ends the work.
    id: Option<OrderId>,
}

impl InFlight {
    /// Marks an order as worked on.
    pub(super) fn begin(&self, id: &OrderId) -> Working {
        let is_first = self.with(|orders| orders.insert(id.clone()));
        Working {
            orders: self.clone(),
            id: is_first.then(|| id.clone()),
        }
    }

    /// Whether a request is working on an order.
    pub(super) fn has(&self, id: &OrderId) -> bool {
        self.with(|orders| orders.contains(id))
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashSet<OrderId>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            self.orders.with(|orders| orders.remove(id));
        }
    }
}
