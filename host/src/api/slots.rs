//! How many requests are served at once, and how many of those may be one tenant's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Config;

/// One slot of this many is kept for what must go through when all others are taken.
const RESERVED_OF: usize = 20;

/// With fewer slots nothing is kept: it would be too large a part of them.
const LEAST_TO_RESERVE_OF: usize = 10;

/// What a request may have of the reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Nothing.
    Ordinary,
    /// What is left of it when half is kept for operators.
    Cancel,
    /// All of it.
    Operator,
}

/// Requests that are served at once.
#[derive(Debug, Clone)]
pub struct Slots(Arc<Shares>);

#[derive(Debug)]
struct Shares {
    /// All that there are: taken before it is known who calls.
    all: Arc<Semaphore>,
    /// Those that are not kept.
    ordinary: Arc<Semaphore>,
    /// Those that are.
    reserve: Arc<Semaphore>,
    /// How many of these cancels leave to operators.
    of_operators: usize,
    /// How many one tenant may hold; absent: all.
    of_one: Option<usize>,
    by_tenant: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A caller's part of the slots, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    _slot: OwnedSemaphorePermit,
    _of_tenant: Option<OwnedSemaphorePermit>,
}

impl Slots {
    /// As many as the configuration allows. Where there are several tenants, each may hold half of them.
    pub fn new(config: &Config) -> Self {
        let most = config.server.max_concurrent_requests;
        Self::of(most, config.auth.has_several_tenants())
    }

    fn of(most: usize, has_several_tenants: bool) -> Self {
        let reserved = if most < LEAST_TO_RESERVE_OF {
            0
        } else {
            (most / RESERVED_OF).max(1)
        };
        Self(Arc::new(Shares {
            all: Arc::new(Semaphore::new(most)),
            ordinary: Arc::new(Semaphore::new(most - reserved)),
            reserve: Arc::new(Semaphore::new(reserved)),
            of_operators: reserved / 2,
            of_one: has_several_tenants.then(|| most.div_ceil(2)),
            by_tenant: Mutex::default(),
        }))
    }

    /// A slot for a request, whoever makes it.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        take(&self.0.all)
    }

    /// A tenant's part of them for a request. What is urgent has the reserve where the tenant's part, or everyone's,
    /// is taken.
    pub(super) fn share(&self, tenant: &str, urgency: Urgency) -> Option<Share> {
        let of_tenant = self.0.of_one.map(|most| take(&self.tenant(tenant, most)));
        let ordinary = match of_tenant {
            Some(None) => None,
            Some(of_tenant @ Some(_)) => take(&self.0.ordinary).map(|slot| (slot, of_tenant)),
            None => take(&self.0.ordinary).map(|slot| (slot, None)),
        };
        let taken = ordinary.or_else(|| {
            let left = match urgency {
                Urgency::Ordinary => return None,
                Urgency::Cancel => self.0.of_operators,
                Urgency::Operator => 0,
            };
            let is_there = self.0.reserve.available_permits() > left;
            let slot = is_there.then(|| take(&self.0.reserve)).flatten()?;
            Some((slot, None))
        });
        taken.map(|(slot, of_tenant)| Share {
            _slot: slot,
            _of_tenant: of_tenant,
        })
    }

    fn tenant(&self, name: &str, most: usize) -> Arc<Semaphore> {
        let tenants = self.0.by_tenant.lock();
        let mut tenants = tenants.unwrap_or_else(PoisonError::into_inner);
        if let Some(slots) = tenants.get(name) {
            return slots.clone();
        }
        let slots = Arc::new(Semaphore::new(most));
        tenants.insert(name.to_owned(), slots.clone());
        slots
    }
}

fn take(slots: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    slots.clone().try_acquire_owned().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(slots: &Slots, tenant: &str, urgency: Urgency) -> Vec<Share> {
        std::iter::from_fn(|| slots.share(tenant, urgency)).collect()
    }

    #[test]
    fn no_tenant_takes_more_than_its_half_where_there_are_several() {
        let slots = Slots::of(7, true);
        let greedy = shares(&slots, "a", Urgency::Ordinary);
        assert_eq!(greedy.len(), 4);
        assert_eq!(shares(&slots, "b", Urgency::Ordinary).len(), 3);
        drop(greedy);
        assert_eq!(
            shares(&slots, "a", Urgency::Ordinary).len(),
            4,
            "they come back"
        );
        assert_eq!(
            shares(&Slots::of(7, false), "a", Urgency::Ordinary).len(),
            7
        );
        assert_eq!(shares(&Slots::of(1, true), "a", Urgency::Ordinary).len(), 1);
    }

    #[test]
    fn a_part_is_kept_for_what_is_urgent() {
        let slots = Slots::of(40, true);
        let (a, b) = (
            shares(&slots, "a", Urgency::Ordinary),
            shares(&slots, "b", Urgency::Ordinary),
        );
        assert_eq!((a.len(), b.len()), (20, 18));
        let cancels = shares(&slots, "a", Urgency::Cancel);
        assert_eq!(cancels.len(), 1, "operators have the other");
        drop(cancels);
        let urgent = shares(&slots, "a", Urgency::Operator);
        assert_eq!(urgent.len(), 2);
        assert!(slots.share("b", Urgency::Operator).is_none());
        drop(urgent);
        assert!(slots.share("a", Urgency::Ordinary).is_none());
        // What is urgent leaves the reserve alone while there is another slot.
        drop(b);
        assert_eq!(shares(&slots, "b", Urgency::Operator).len(), 20);
    }

    #[test]
    fn a_gateway_with_few_slots_keeps_none_and_one_with_ten_keeps_one() {
        for (most, ordinary) in [(1, 1), (9, 9), (10, 9), (20, 19), (500, 475)] {
            let slots = Slots::of(most, false);
            let taken = shares(&slots, "a", Urgency::Ordinary);
            assert_eq!(taken.len(), ordinary, "{most}");
            assert_eq!(
                shares(&slots, "a", Urgency::Operator).len(),
                most - ordinary
            );
        }
    }
}
