//! Which orders a request is changing just now, so that nobody else concludes what became of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::OrderId;

/// The orders that requests are working on.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight(Arc<Mutex<HashMap<OrderId, usize>>>);

/// Work on one order, until it is dropped.
#[derive(Debug)]
pub(super) struct Working {
    orders: InFlight,
    id: OrderId,
}

impl InFlight {
    /// Marks an order as worked on.
    pub(super) fn begin(&self, id: &OrderId) -> Working {
        self.with(|orders| *orders.entry(id.clone()).or_default() += 1);
        Working {
            orders: self.clone(),
            id: id.clone(),
        }
    }

    /// Whether a request is working on an order.
    pub(super) fn has(&self, id: &OrderId) -> bool {
        self.with(|orders| orders.contains_key(id))
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<OrderId, usize>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.orders.with(|orders| {
            if let Some(count) = orders.get_mut(&self.id) {
                *count -= 1;
                if *count == 0 {
                    orders.remove(&self.id);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_worked_on_until_the_last_request_is_done_with_it() {
        let (orders, id) = (InFlight::default(), OrderId::from_text("a"));
        let (first, second) = (orders.begin(&id), orders.begin(&id));
        drop(first);
        assert!(orders.has(&id));
        drop(second);
        assert!(!orders.has(&id));
    }
}
