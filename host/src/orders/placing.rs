//! One order on its way to a venue, or to the next.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use switchyard_runtime::Place;
use switchyard_runtime::wit::trading as wit_trading;
use switchyard_runtime::wit::types as wit;

use super::place::Placed;
use super::risk::{Exposure, Passed};
use super::routing::{Route, goes_on_after};
use super::service::{OrderError, Orders, not_recorded, taped};
use crate::market::Source;
use crate::model::{
    Attempt, Decimal, Event, Failure, FailureCode, Fate, OrderRecord, OrderReport, OrderState,
    Timestamp, apply,
};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::store::{Commit, KeyClaim, StoreError};
use crate::telemetry::{FailoverLabels, OrderLabels};
use crate::venue::{Ask, Listed, Tape, Venue};

/// A placement under way.
pub(super) struct Placement {
    pub(super) orders: Orders,
    pub(super) venue: Arc<Venue>,
    pub(super) listed: Arc<Listed>,
    /// Where it may go on to.
    pub(super) routes: VecDeque<Route>,
    pub(super) record: OrderRecord,
    /// The request's hold on its idempotency key.
    pub(super) claim: Option<KeyClaim>,
    /// What the journal is owed together with the next attempt.
    pub(super) owed: Mutex<Vec<Event>>,
    /// That it counts as open until the journal counts it.
    pub(super) passed: Mutex<Vec<Passed>>,
    /// Whether the order is in the journal.
    pub(super) journaled: Arc<AtomicBool>,
    /// What was said about it.
    pub(super) tape: Tape,
}

impl Placement {
    pub(super) async fn run(mut self, deadline: Deadline) -> Result<Placed, OrderError> {
        let _working = self.orders.in_flight.begin(&self.record.order.id);
        loop {
            let failure = match self.send(deadline).await {
                Ok(report) => {
                    let placed = self.acknowledged(report).await;
                    if !placed.is_to_be_cancelled() {
                        return Ok(placed);
                    }
                    let id = &self.record.order.id;
                    return Ok(match self.orders.cancel_if_it_waited(id, deadline).await {
                        Some(Ok(order)) => Placed::Acknowledged(order),
                        _ => placed,
                    });
                }
                Err(failure) => failure,
            };
            let route = if goes_on_after(&failure) {
                self.next_route(deadline).await
            } else {
                None
            };
            match route {
                Some(route) if self.goes_on(&route, &failure).await => {}
                _ => return self.failed(failure).await,
            }
        }
    }

    /// Sends the order to the venue it is bound for: once where it may go on to another.
    async fn send(&self, deadline: Deadline) -> Result<OrderReport, Failure> {
        let (venue, endpoint) = (self.venue.name(), &self.record.endpoint);
        if let Err(error) = self.orders.must_be_reconciled(venue, endpoint) {
            let message = error.to_string();
            return Err(Failure::not_sent(FailureCode::VenueUnavailable, message));
        }
        let ask = Ask::<Place> {
            endpoint: &self.record.endpoint,
            instrument: Some(&self.listed),
            command: command(&self.record),
            deadline,
        };
        let record = |attempt| self.journal(attempt);
        let answer = if self.routes.is_empty() {
            self.venue.run(ask, record, &self.tape).await
        } else {
            self.venue.run_once(ask, record, &self.tape).await
        };
        let sent = answer
            .and_then(|report| self.own_report(report))
            .map_err(not_proven);
        self.orders.changed(&self.record);
        self.orders.metrics.orders.placed(&OrderLabels {
            venue: self.venue.name().to_owned(),
            outcome: match sent.as_ref().map_err(|failure| failure.fate) {
                Ok(_) => "acknowledged",
                Err(Fate::Refused) => "refused",
                Err(Fate::NotSent) => "not_sent",
                Err(Fate::Unknown) => "unknown",
            },
        });
        sent
    }

    /// The next venue that it may go on to within that venue's limits.
    async fn next_route(&mut self, deadline: Deadline) -> Option<Route> {
        while !deadline.has_passed() {
            let route = self.routes.pop_front()?;
            let source = Source {
                venue: route.venue.clone(),
                listed: route.listed.clone(),
            };
            let order = &self.record.order;
            let exposure = Exposure::new(order.side, route.destination.quantity, order.price);
            let tenant = &self.record.tenant;
            let held = self
                .orders
                .hold_elsewhere_to_limits(tenant, &source, exposure, deadline);
            match held.await {
                Ok(passed) => {
                    self.passed().push(passed);
                    return Some(route);
                }
                Err(error) => {
                    let (id, venue) = (&self.record.order.id, route.venue.name());
                    tracing::warn!(order = %id, venue, %error, "the order cannot go on there");
                }
            }
        }
        None
    }

    /// Turns to another venue, unless the journal knows of a reason against: the order was seen, or its caller wants it
    /// no more. The journal is told with the first attempt there, and judges once more.
    async fn goes_on(&mut self, route: &Route, failure: &Failure) -> bool {
        let id = self.record.order.id.clone();
        let event = Event::FailedOver {
            from: self.venue.name().to_owned(),
            to: route.destination.clone(),
            failure: failure.clone(),
        };
        let Some(next) = self.after(&event).await else {
            return false;
        };
        tracing::warn!(
            order = %id, from = self.venue.name(), to = route.venue.name(), %failure,
            "the order goes on to another venue"
        );
        let labels = FailoverLabels {
            from: self.venue.name().to_owned(),
            to: route.venue.name().to_owned(),
            reason: failure.code.name(),
        };
        self.orders.metrics.reliability.failed_over(&labels);
        let mut owed = self.owed_events();
        owed.extend(taped(&self.tape));
        owed.push(event);
        drop(owed);
        self.record = next;
        (self.venue, self.listed) = (route.venue.clone(), route.listed.clone());
        true
    }

    /// The order after an event, with what the journal knows of it and what that is owed before; none where the event
    /// cannot be.
    async fn after(&self, event: &Event) -> Option<OrderRecord> {
        let now = Timestamp::now();
        if !self.is_journaled() {
            return apply(Some(self.record.clone()), event, now).ok();
        }
        let known = self.orders.journal.order(&self.record.order.id).await;
        let owed = self.owed_events().clone();
        let mut events = owed.iter().chain([event]);
        events
            .try_fold(known.ok()?, |known, event| {
                apply(known, event, now).map(Some)
            })
            .ok()?
    }

    fn passed(&self) -> MutexGuard<'_, Vec<Passed>> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owed_events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The adapter's report, if it can be of this order.
    fn own_report(&self, report: wit::OrderReport) -> Result<OrderReport, Failure> {
        if !self.is_journaled() {
            let message = "the adapter reported an order that it never sent";
            return Err(Failure::not_sent(FailureCode::AdapterFailed, message));
        }
        translate::placed_report(&self.record, report).map_err(translate::unreadable_change)
    }

    fn is_journaled(&self) -> bool {
        self.journaled.load(Ordering::SeqCst)
    }

    /// Makes an attempt durable, and with the first of them the intent, or where the order went on to.
    async fn journal(&self, attempt: Attempt) -> Result<(), Failure> {
        let id = &self.record.order.id;
        let events = self.then(Event::Attempt { attempt });
        let commit = Commit::of_order(id, events).claiming(self.claim.as_ref());
        let appended = self.orders.journal.append_as(id, commit).await;
        appended.map_err(|error| not_recorded(&error))?;
        self.owed_events().clear();
        self.passed().clear();
        self.journaled.store(true, Ordering::SeqCst);
        self.orders.must_still_be_active()
    }

    /// What the journal is owed, what was said since, then what came of it.
    fn then(&self, outcome: Event) -> Vec<Event> {
        let mut owed = self.owed_events();
        owed.extend(taped(&self.tape));
        owed.iter().cloned().chain([outcome]).collect()
    }

    async fn acknowledged(&self, report: OrderReport) -> Placed {
        let id = &self.record.order.id;
        match self
            .orders
            .journal
            .append(id, self.then(Event::Acknowledged { report }))
            .await
        {
            Ok(record) if record.order.state == OrderState::PendingNew => {
                Placed::FateOpen(record.order)
            }
            Ok(record) => Placed::Acknowledged(record.order),
            Err(error) => {
                // Nothing is acknowledged that was not stored; the intent is, so it will be found again.
                tracing::error!(order = %id, %error, "the venue's acknowledgement could not be stored");
                Placed::FateOpen(self.record.order.clone())
            }
        }
    }

    async fn failed(&self, failure: Failure) -> Result<Placed, OrderError> {
        let id = &self.record.order.id;
        let mut order = self.record.order.clone();
        if self.is_journaled() {
            match self.note_failure(&failure).await {
                Ok(record) => order = record.order,
                Err(error) => {
                    tracing::error!(order = %id, %error, "the failure could not be stored")
                }
            }
        }
        let venue = self.venue.name();
        match order.state {
            OrderState::PendingNew if failure.fate == Fate::Unknown => {
                tracing::warn!(order = %id, venue, %failure, "the order's fate is open");
                Ok(Placed::FateOpen(order))
            }
            OrderState::PendingNew | OrderState::Rejected => Err(OrderError::Venue {
                venue: venue.to_owned(),
                failure: Box::new(self.with_earlier(failure)),
                order_id: self.is_journaled().then(|| id.clone()),
            }),
            _ => Ok(Placed::Acknowledged(order)), // it was found in the meantime
        }
    }

    async fn note_failure(&self, failure: &Failure) -> Result<OrderRecord, StoreError> {
        let id = &self.record.order.id;
        let mut events = self.then(Event::PlaceFailed {
            failure: failure.clone(),
        });
        let commit = |events| {
            let commit = Commit::of_order(id, events);
            // The caller may be gone, or may have been told to come back: the key is free by then.
            if failure.fate != Fate::Unknown && failure.code.is_passing() {
                commit.releasing(self.claim.as_ref())
            } else {
                commit
            }
        };
        let journal = &self.orders.journal;
        match journal.append_as(id, commit(events.clone())).await {
            // It was found, or is to be cancelled, before it could go on.
            Err(StoreError::Lifecycle(_)) => {
                events.retain(|event| !matches!(event, Event::FailedOver { .. }));
                journal.append_as(id, commit(events)).await
            }
            appended => appended,
        }
    }

    /// The failure that ended it, with those after which it went on.
    fn with_earlier(&self, failure: Failure) -> Failure {
        match &self.record.order.failover {
            Some(earlier) => Failure {
                message: format!("{}; before that {}", failure.message, earlier.reason),
                ..failure
            },
            None => failure,
        }
    }
}

/// An id of 128 random bits that was sent once is held by the venue only if this very order is there: a
/// "duplicate" is a sighting, not a refusal.
pub(super) fn not_proven(failure: Failure) -> Failure {
    match failure.code {
        FailureCode::DuplicateClientId => Failure {
            fate: Fate::Unknown,
            ..failure
        },
        _ => failure,
    }
}

fn command(record: &OrderRecord) -> wit_trading::Place {
    let order = &record.order;
    wit_trading::Place {
        client_id: record.client_id.clone(),
        side: translate::wit_side(order.side),
        order_type: translate::wit_order_type(order.order_type),
        quantity: order.quantity.unwrap_or(Decimal::ZERO).to_string(),
        price: order.price.map(|price| price.to_string()),
        time_in_force: order.time_in_force.map(translate::wit_time_in_force),
        reduce_only: order.reduce_only,
    }
}
