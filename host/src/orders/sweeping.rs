//! Looks through venues' open orders again and again: for such that are this gateway's and not in its journal, and for
//! those of the journal that ended without anyone having asked.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use switchyard_runtime::Capability;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::follow_up::AT_ONCE;
use super::readings::{QUESTION_DEADLINE, open_orders};
use super::schedule::Place;
use super::service::Orders;
use crate::model::{Failure, FailureCode, Fate, OrderId, OrderRecord, OrderReport, Timestamp};
use crate::reliability::Deadline;
use crate::store::StoreError;
use crate::venue::{EndpointStatus, Venue, Venues};

/// Time between two sweeps of an endpoint on which the journal has no open order.
const SWEEP_EVERY: Duration = Duration::from_secs(300);

/// First and longest time before a sweep that failed is made again.
const SWEEP_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Time between two looks whether an endpoint can be swept.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Orders that one sweep looks up because the venue's list lacks them.
const MAX_LOOKUPS: usize = 64;

/// Time between two sweeps for the sake of orders that are about to be refused: they spend of the venue's limits.
const ASKED_FOR_EVERY: Duration = Duration::from_secs(5);

/// What is known from the last sweep of an endpoint.
#[derive(Debug, Default)]
struct Swept {
    /// When the last began that was made for an order about to be refused.
    asked_for: Option<Instant>,
    /// Orders that were looked up without an answer that says anything.
    in_vain: HashSet<OrderId>,
}

/// The sweeps of every endpoint on which the gateway trades, one at a time each. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Sweeps(Arc<RwLock<BTreeMap<Place, Arc<Mutex<Swept>>>>>);

impl Sweeps {
    /// Where the gateway trades, and nothing was swept yet.
    pub(super) fn of(venues: &Venues) -> Self {
        let this = Self::default();
        for venue in venues.iter() {
            this.admit(venue);
        }
        this
    }

    /// Takes in a venue.
    pub(super) fn admit(&self, venue: &Venue) {
        if !venue.has_account() || !venue.offers(Capability::Trading) {
            return;
        }
        let mut sweeps = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for endpoint in venue.endpoints() {
            let place = (venue.name().to_owned(), endpoint.to_owned());
            sweeps.entry(place).or_default();
        }
    }

    fn at(&self, venue: &Venue) -> Vec<Place> {
        let sweeps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let places = sweeps.keys().filter(|place| place.0 == venue.name());
        places.cloned().collect()
    }

    fn get(&self, place: &Place) -> Option<Arc<Mutex<Swept>>> {
        let sweeps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        sweeps.get(place).cloned()
    }
}

impl Orders {
    /// Sweeps every endpoint of a venue at once and then again and again, until the task is dropped: where the journal
    /// has open orders, every `refresh_open`.
    pub async fn sweep(self, venue: Arc<Venue>, refresh_open: Duration) {
        let places = self.sweeps.at(&venue);
        let kept = places
            .iter()
            .map(|place| self.keep_swept(&venue, place, refresh_open));
        join_all(kept).await;
    }

    async fn keep_swept(&self, venue: &Arc<Venue>, place: &Place, refresh_open: Duration) {
        let endpoint = place.1.as_str();
        let mut again = SWEEP_AGAIN.0;
        loop {
            while venue.health().endpoint_status(endpoint) != Some(EndpointStatus::Up) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            let began = Instant::now();
            let swept = self.sweep_place(venue, place, false).await;
            self.startup.swept(place, &swept);
            match swept {
                Ok(()) => {
                    again = SWEEP_AGAIN.0;
                    loop {
                        tokio::time::sleep(refresh_open).await;
                        let open = self.open_on(venue, endpoint).await;
                        let has_open = open.is_ok_and(|open| !open.is_empty());
                        if has_open || began.elapsed() >= SWEEP_EVERY {
                            break;
                        }
                    }
                }
                Err(failure) => {
                    tracing::warn!(venue = venue.name(), endpoint, %failure, "open orders cannot be swept");
                    let longer = (again * 2).min(SWEEP_AGAIN.1);
                    tokio::time::sleep(std::mem::replace(&mut again, longer)).await;
                }
            }
        }
    }

    /// Learns which orders at a venue ended, unless that was asked for just now. Whoever asks meanwhile gets the same.
    pub(super) async fn refresh_open_at(&self, venue: &Arc<Venue>, deadline: Deadline) {
        let places = self.sweeps.at(venue);
        let sweeps = places
            .iter()
            .map(|place| self.sweep_place(venue, place, true));
        if let Ok(swept) = deadline.bound(join_all(sweeps)).await {
            for failure in swept.into_iter().filter_map(Result::err) {
                tracing::warn!(venue = venue.name(), %failure, "open orders cannot be swept");
            }
        }
    }

    async fn sweep_place(
        &self,
        venue: &Arc<Venue>,
        place: &Place,
        is_asked_for: bool,
    ) -> Result<(), Failure> {
        let Some(sweep) = self.sweeps.get(place) else {
            return Ok(());
        };
        let mut swept = sweep.lock().await;
        if is_asked_for {
            let is_fresh = |began: Instant| began.elapsed() < ASKED_FOR_EVERY;
            if swept.asked_for.is_some_and(is_fresh) {
                return Ok(());
            }
            swept.asked_for = Some(Instant::now());
        }
        Box::pin(self.sweep_endpoint(venue, &place.1, &mut swept.in_vain)).await
    }

    /// Where open orders can be listed by instrument only, those instruments are swept that the journal has
    /// open orders on, or orders of which something was given up.
    async fn sweep_endpoint(
        &self,
        venue: &Arc<Venue>,
        endpoint: &str,
        in_vain: &mut HashSet<OrderId>,
    ) -> Result<(), Failure> {
        let began = Timestamp::now();
        let by_instrument = venue
            .rules(endpoint)
            .is_some_and(|rules| !rules.open_without_instrument);
        let mut instruments = vec![None];
        if by_instrument {
            let (journal, now) = (&self.journal, Timestamp::now());
            let mut records = journal.open_at(venue.name(), None).await.map_err(store)?;
            for watched in journal.watched(now).await.map_err(store)? {
                records.extend(watched.as_left_at(venue.name()));
                records.push(watched);
            }
            records.retain(|record| record.at_venue() == venue.name());
            let symbols: HashSet<String> = records.into_iter().map(|r| r.order.symbol).collect();
            let listed = symbols.iter().filter_map(|symbol| venue.instrument(symbol));
            instruments = listed
                .filter(|listed| listed.instrument.endpoint == endpoint)
                .map(Some)
                .collect();
        }
        let mut listed = Vec::new();
        for instrument in instruments {
            let reports = match open_orders(venue, endpoint, instrument.as_ref()).await {
                Ok(reports) => reports,
                // There is no such list, as far as the adapter goes.
                Err(failure)
                    if failure.code == FailureCode::Unsupported
                        && failure.fate == Fate::NotSent =>
                {
                    return Ok(());
                }
                Err(failure) => return Err(failure),
            };
            let (known, _) = self.known_of(venue, &reports).await.map_err(store)?;
            self.take_sightings(venue, &reports, &known)
                .await
                .map_err(store)?;
            listed.extend(reports);
        }
        let open = self.open_on(venue, endpoint).await.map_err(store)?;
        let missing = missing_from(open, &listed, began);
        self.look_up_ended(missing, in_vain).await.map_err(store)
    }

    /// The journal's open orders on an endpoint, oldest first.
    async fn open_on(
        &self,
        venue: &Arc<Venue>,
        endpoint: &str,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let mut open = self.journal.open_at(venue.name(), None).await?;
        open.retain(|record| record.at_venue() == venue.name() && record.endpoint == endpoint);
        Ok(open)
    }

    /// Asks about orders that a list lacks, those first of which a lookup has not said nothing before. That the venue
    /// does not find one proves nothing.
    async fn look_up_ended(
        &self,
        mut missing: Vec<OrderRecord>,
        in_vain: &mut HashSet<OrderId>,
    ) -> Result<(), StoreError> {
        in_vain.retain(|id| missing.iter().any(|record| record.order.id == *id));
        if in_vain.len() == missing.len() {
            in_vain.clear(); // and all of them again
        }
        missing.sort_by_key(|record| in_vain.contains(&record.order.id));
        missing.truncate(MAX_LOOKUPS);
        let asks = missing.into_iter().map(|record| async move {
            let id = record.order.id.clone();
            let deadline = Deadline::after(QUESTION_DEADLINE);
            let report = match self.look_up(&record, deadline).await {
                Ok(report) => report,
                Err(_) => return Ok(Some(id)),
            };
            self.observe(record, report).await.map(|_| None)
        });
        let asked: Vec<_> = stream::iter(asks).buffer_unordered(AT_ONCE).collect().await;
        for unanswered in asked {
            in_vain.extend(unanswered?);
        }
        Ok(())
    }
}

/// Orders that nothing is being done to or happened to since `began`, and that a list from after it lacks.
fn missing_from(
    mut open: Vec<OrderRecord>,
    listed: &[OrderReport],
    began: Timestamp,
) -> Vec<OrderRecord> {
    let venue_ids: HashSet<&str> = listed.iter().map(|r| r.venue_order_id.as_str()).collect();
    let client_ids = listed.iter().filter_map(|r| r.client_id.as_deref());
    let client_ids: HashSet<&str> = client_ids.collect();
    open.retain(|record| {
        let venue_id = record.order.venue_order_id.as_deref();
        let is_listed = client_ids.contains(record.client_id.as_str())
            || venue_id.is_some_and(|id| venue_ids.contains(id));
        !is_listed && !record.is_unresolved() && record.order.updated_at < began
    });
    open
}

fn store(error: StoreError) -> Failure {
    Failure::not_sent(FailureCode::JournalUnavailable, error.to_string())
}
