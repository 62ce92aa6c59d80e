//! What BitMEX remembers of an order for display, and its engine here does not need.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::engine::OrderId;

/// What was said about one order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// `GoodTillCancel`, `Day`, `ImmediateOrCancel` or `FillOrKill`.
    pub(super) time_in_force: &'static str,
    /// As it was sent.
    pub(super) exec_inst: String,
    /// The annotation of the order, those of its changes above it.
    pub(super) text: String,
    /// The annotation of its cancellation.
    pub(super) cancel_text: Option<String>,
}

/// What was said about every order.
#[derive(Debug, Default)]
pub(super) struct Notes {
    notes: Mutex<BTreeMap<OrderId, Note>>,
}

impl Notes {
    pub(super) fn of(&self, order: OrderId) -> Note {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.get(&order).cloned().unwrap_or_default()
    }

    pub(super) fn change(&self, order: OrderId, change: impl FnOnce(&mut Note)) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        change(notes.entry(order).or_default());
    }
}
