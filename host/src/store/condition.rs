//! How the journal is, as writer and verifiers find it, for everyone to ask.

use std::sync::{Arc, Mutex, PoisonError};

use crate::store::{Break, Condition};
use crate::telemetry::Metrics;

/// What is known of the journal's condition.
#[derive(Debug)]
pub(super) struct Watch {
    found: Mutex<Found>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Found {
    broken: Option<Break>,
    unwritable: Option<String>,
    is_checking: bool,
}

impl Watch {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        metrics.journal.is_broken(false);
        Self {
            found: Mutex::default(),
            metrics,
        }
    }

    /// Notes a break. The first stands: later ones follow from it.
    pub(super) fn break_at(&self, at: Break) {
        tracing::error!(
            sequence = at.sequence,
            problem = at.problem,
            "the journal's chain is broken: no order is taken any more"
        );
        self.metrics.journal.is_broken(true);
        self.with(|found| found.broken.get_or_insert(at).clone());
    }

    pub(super) fn unwritable(&self, problem: String) {
        self.with(|found| found.unwritable = Some(problem));
    }

    pub(super) fn writable(&self) {
        self.with(|found| found.unwritable = None);
    }

    pub(super) fn checking(&self, is_checking: bool) {
        self.with(|found| found.is_checking = is_checking);
    }

    pub(super) fn broken(&self) -> Option<Break> {
        self.with(|found| found.broken.clone())
    }

    pub(super) fn condition(&self) -> Condition {
        self.with(|found| match (&found.broken, &found.unwritable) {
            (Some(at), _) => Condition::Broken(at.clone()),
            (None, Some(problem)) => Condition::Unwritable {
                problem: problem.clone(),
            },
            (None, None) if found.is_checking => Condition::Checking,
            (None, None) => Condition::Sound,
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Found) -> T) -> T {
        work(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
