//! What must be known before a venue is traded on: what became of the orders whose fate was open when the
//! gateway started, and whether the venue has orders of ours that the journal does not.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use switchyard_runtime::Capability;

use super::schedule::Place;
use super::service::{OrderError, Orders};
use crate::model::{Failure, FailureCode, OrderId, OrderRecord};
use crate::store::StoreError;
use crate::venue::{EndpointStatus, Venue, Venues};

/// Questions in a row that an endpoint must fail to be taken as one that cannot be reached.
const UNREACHABLE_AFTER: u32 = 3;

/// How long a caller is asked to wait for a venue that is not reconciled.
const UNTIL_RECONCILED: Duration = Duration::from_secs(2);

/// How far one endpoint has come.
#[derive(Debug, Default)]
struct Progress {
    /// Whether orders can be placed there at all.
    trades: bool,
    /// Whether its open orders were looked through.
    is_swept: bool,
    /// Orders whose fate was open at the start and of which the venue has said nothing yet.
    awaited: HashSet<OrderId>,
    /// Questions that failed in a row.
    failures: u32,
    /// Whether it refuses the gateway's credentials: nothing can be placed there either.
    is_refusing: bool,
}

impl Progress {
    fn begun(trades: bool) -> Self {
        Self {
            trades,
            ..Self::default()
        }
    }

    fn is_reconciled(&self) -> bool {
        !self.trades || self.is_swept && self.awaited.is_empty()
    }
}

/// A venue's endpoints, and whether orders can be placed on them at all.
fn places_of(venue: &Venue) -> impl Iterator<Item = (Place, bool)> {
    let can_trade = venue.has_account() && venue.offers(Capability::Trading);
    venue.endpoints().map(move |endpoint| {
        let place = (venue.name().to_owned(), endpoint.to_owned());
        (place, can_trade)
    })
}

/// How far each endpoint has come. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Startup(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Whether it is known which orders' fates were open.
    has_begun: bool,
    places: BTreeMap<Place, Progress>,
    /// Venues whose adapters are not here: their places are not known yet.
    waiting: BTreeSet<String>,
    /// Where each awaited order is.
    awaited: HashMap<OrderId, Place>,
}

impl State {
    /// Notes an order of which something must be known.
    fn take_in(&mut self, record: &OrderRecord) {
        let (id, place) = (
            record.order.id.clone(),
            (record.at_venue().to_owned(), record.endpoint.clone()),
        );
        match self.places.get_mut(&place) {
            Some(progress) if progress.trades => {
                progress.awaited.insert(id.clone());
                self.awaited.insert(id, place);
            }
            _ if self.waiting.contains(&place.0) => tracing::warn!(
                order = %id, venue = %place.0, endpoint = %place.1,
                "an unresolved order waits for the adapter of its venue"
            ),
            _ => tracing::error!(
                order = %id, venue = %place.0, endpoint = %place.1,
                "an unresolved order cannot be followed: its venue is not configured for trading any more"
            ),
        }
    }
}

impl Startup {
    /// Where nothing can be traded, nothing is to be reconciled.
    pub(super) fn of(venues: &Venues) -> Self {
        let places = venues.iter().flat_map(|venue| places_of(venue));
        let waiting = venues.waiting().map(str::to_owned);
        Self::new(places, waiting.collect())
    }

    fn new(places: impl Iterator<Item = (Place, bool)>, waiting: BTreeSet<String>) -> Self {
        Self(Arc::new(Mutex::new(State {
            has_begun: false,
            places: places
                .map(|(place, trades)| (place, Progress::begun(trades)))
                .collect(),
            waiting,
            awaited: HashMap::new(),
        })))
    }

    /// Takes in a venue that waited for its adapter, with those of its orders that are unresolved.
    fn admit<'a>(
        &self,
        venue: &str,
        places: impl Iterator<Item = (Place, bool)>,
        unresolved: impl Iterator<Item = &'a OrderRecord>,
    ) {
        let mut state = self.lock();
        state.waiting.remove(venue);
        for (place, trades) in places {
            state.places.insert(place, Progress::begun(trades));
        }
        if !state.has_begun {
            return; // they are noted with all others
        }
        for record in unresolved.filter(|record| record.at_venue() == venue) {
            state.take_in(record);
        }
    }

    /// Notes which orders are unresolved: the first time, those of which something must be known, and from
    /// then on, which of them still are.
    pub(super) fn unresolved<'a>(&self, unresolved: impl Iterator<Item = &'a OrderRecord>) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.has_begun, true) {
            if !state.awaited.is_empty() {
                let still: HashSet<&OrderId> = unresolved.map(|record| &record.order.id).collect();
                state.awaited.retain(|id, _| still.contains(id));
                for progress in state.places.values_mut() {
                    progress.awaited.retain(|id| still.contains(id));
                }
            }
            return;
        }
        for record in unresolved {
            state.take_in(record);
        }
    }

    /// Whether an order was unresolved at the start and nothing is known of it yet.
    pub(super) fn awaits(&self, id: &OrderId) -> bool {
        self.lock().awaited.contains_key(id)
    }

    /// Notes that an order was asked about. Returns whether this was awaited, and answered.
    pub(super) fn asked(&self, id: &OrderId, is_answered: bool) -> bool {
        let mut state = self.lock();
        let Some(place) = state.awaited.get(id).cloned() else {
            return false;
        };
        if is_answered {
            state.awaited.remove(id);
        }
        if let Some(progress) = state.places.get_mut(&place) {
            if is_answered {
                progress.awaited.remove(id);
                progress.failures = 0;
            } else {
                progress.failures = progress.failures.saturating_add(1);
            }
        }
        is_answered
    }

    /// Notes a sweep.
    pub(super) fn swept(&self, place: &Place, result: &Result<(), Failure>) {
        if let Some(progress) = self.lock().places.get_mut(place) {
            match result {
                Ok(()) => {
                    progress.is_swept = true;
                    progress.failures = 0;
                    progress.is_refusing = false;
                }
                Err(failure) => {
                    progress.failures = progress.failures.saturating_add(1);
                    progress.is_refusing = failure.code == FailureCode::AuthFailed;
                }
            }
        }
    }

    fn is_reconciled(&self, place: &Place) -> bool {
        let state = self.lock();
        let mut places = state.places.get(place).into_iter();
        state.has_begun && places.all(Progress::is_reconciled)
    }

    /// Whether orders may be placed and changed there. One that refuses the credentials says so itself.
    fn allows(&self, place: &Place) -> bool {
        let state = self.lock();
        let mut places = state.places.get(place).into_iter();
        state.has_begun && places.all(|progress| progress.is_reconciled() || progress.is_refusing)
    }

    /// Whether the gateway waits for an endpoint before it says that it is ready: for any that answers and
    /// is not reconciled.
    fn waits_for(&self, place: &Place, status: EndpointStatus) -> bool {
        let state = self.lock();
        if !state.has_begun {
            return true;
        }
        let can_be_reached =
            |progress: &Progress| progress.failures < UNREACHABLE_AFTER && !progress.is_refusing;
        status == EndpointStatus::Up
            && state
                .places
                .get(place)
                .is_some_and(|progress| !progress.is_reconciled() && can_be_reached(progress))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Orders {
    /// Makes ready for a venue that waited for its adapter: it is halted where it was, and nothing is placed there
    /// before it is reconciled. To be called before anyone finds it.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known what is to be heeded.
    pub async fn admit(&self, venue: &Venue) -> Result<(), StoreError> {
        self.restore_halt(venue).await?;
        let unresolved = self.journal.unresolved().await?;
        let places = places_of(venue);
        self.startup.admit(venue.name(), places, unresolved.iter());
        self.sweeps.admit(venue);
        Ok(())
    }

    /// Whether an endpoint is reconciled: what was open at the start was asked about and answered, and its
    /// open orders were swept.
    pub fn is_reconciled(&self, venue: &str, endpoint: &str) -> bool {
        self.startup
            .is_reconciled(&(venue.to_owned(), endpoint.to_owned()))
    }

    /// Whether the gateway is to wait for an endpoint of a venue before it says that it is ready.
    pub fn waits_for(&self, venue: &Venue) -> bool {
        venue.health().read().into_iter().any(|(endpoint, health)| {
            let place = (venue.name().to_owned(), endpoint);
            self.startup.waits_for(&place, health.status)
        })
    }

    /// Refuses what must not go out before the endpoint is reconciled.
    pub(super) fn must_be_reconciled(&self, venue: &str, endpoint: &str) -> Result<(), OrderError> {
        let place = (venue.to_owned(), endpoint.to_owned());
        let venues = self.venues.get(venue);
        let status = venues.and_then(|venue| venue.health().endpoint_status(endpoint));
        if self.startup.allows(&place) || status == Some(EndpointStatus::Refusing) {
            return Ok(());
        }
        Err(OrderError::NotReconciled {
            venue: venue.to_owned(),
            retry_after: UNTIL_RECONCILED,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{Decimal, Fate, Order, OrderState, OrderType, Origin, Side, Timestamp};

    fn place(endpoint: &str) -> Place {
        ("sim".to_owned(), endpoint.to_owned())
    }

    /// An order whose fate is open.
    pub(in crate::orders) fn pending(venue: &str, endpoint: &str) -> OrderRecord {
        let id = OrderId::random().unwrap();
        OrderRecord::new(
            Order {
                id,
                venue: venue.into(),
                symbol: "BTC/USDT".into(),
                side: Side::Buy,
                order_type: OrderType::Market,
                quantity: None,
                price: None,
                time_in_force: None,
                reduce_only: false,
                state: OrderState::PendingNew,
                filled_quantity: Decimal::ZERO,
                average_price: None,
                venue_order_id: None,
                client_order_id: None,
                origin: Origin::Gateway,
                reason: None,
                served_by: None,
                failover: None,
                created_at: Timestamp::from_millis(0),
                updated_at: Timestamp::from_millis(0),
            },
            "t".into(),
            endpoint.into(),
        )
    }

    fn startup() -> Startup {
        let places = [("spot", true), ("usdm", true), ("public", false)];
        Startup::new(
            places
                .map(|(endpoint, trades)| (place(endpoint), trades))
                .into_iter(),
            BTreeSet::from(["late".to_owned()]),
        )
    }

    fn failure(code: FailureCode) -> Result<(), Failure> {
        Err(Failure::new(code, Fate::Refused, "x"))
    }

    #[test]
    fn an_endpoint_is_reconciled_once_it_is_swept_and_every_open_fate_was_answered() {
        let (startup, order) = (startup(), pending("sim", "spot"));
        let id = &order.order.id;
        startup.swept(&place("spot"), &Ok(()));
        assert!(
            !startup.is_reconciled(&place("spot")),
            "the journal is not read"
        );
        startup.unresolved([&order, &pending("gone", "spot")].into_iter());
        assert!(startup.awaits(id) && !startup.is_reconciled(&place("spot")));
        assert!(!startup.asked(id, false) && !startup.allows(&place("spot")));
        assert!(startup.asked(id, true) && startup.is_reconciled(&place("spot")));
        assert!(!startup.awaits(id));
        // Another endpoint's orders are its own business; where nothing trades, there is nothing to do.
        assert!(!startup.is_reconciled(&place("usdm")));
        assert!(startup.is_reconciled(&place("public")));
        // What comes later was placed by this process, and is followed by it.
        startup.unresolved([&pending("sim", "spot")].into_iter());
        assert!(startup.is_reconciled(&place("spot")));
    }

    #[test]
    fn an_order_that_is_resolved_by_whatever_showed_it_is_not_waited_for() {
        let (startup, order) = (startup(), pending("sim", "spot"));
        startup.swept(&place("spot"), &Ok(()));
        startup.unresolved([&order].into_iter());
        startup.unresolved([&order].into_iter());
        assert!(!startup.is_reconciled(&place("spot")));
        startup.unresolved(std::iter::empty());
        assert!(startup.is_reconciled(&place("spot")));
    }

    #[test]
    fn a_venue_that_comes_late_is_reconciled_before_it_is_traded_on_and_so_are_its_open_fates() {
        let late = ("late".to_owned(), "spot".to_owned());
        for journal_is_read_first in [true, false] {
            let (startup, order) = (startup(), pending("late", "spot"));
            let elsewhere = pending("sim", "spot");
            let (id, unresolved) = (&order.order.id, [&order, &elsewhere]);
            if journal_is_read_first {
                startup.unresolved(unresolved.into_iter());
                assert!(!startup.awaits(id), "its place is not known");
            }
            startup.admit(
                "late",
                [(late.clone(), true)].into_iter(),
                unresolved.into_iter(),
            );
            startup.unresolved(unresolved.into_iter());
            assert!(startup.awaits(id) && startup.awaits(&elsewhere.order.id));
            startup.swept(&late, &Ok(()));
            assert!(!startup.allows(&late), "its order still waits");
            assert!(startup.asked(id, true) && startup.allows(&late));
        }
    }

    #[test]
    fn readiness_waits_for_endpoints_that_answer_and_for_no_others() {
        let startup = startup();
        let waits = |status| startup.waits_for(&place("spot"), status);
        assert!(waits(EndpointStatus::Down), "the journal is not read");
        startup.unresolved(std::iter::empty());
        for (status, expected) in [
            (EndpointStatus::Up, true),
            (EndpointStatus::Down, false),
            (EndpointStatus::Listing, false),
            (EndpointStatus::Refusing, false),
        ] {
            assert_eq!(waits(status), expected, "{status:?}");
        }
        for failures in 1..=UNREACHABLE_AFTER {
            startup.swept(&place("spot"), &failure(FailureCode::Timeout));
            assert_eq!(waits(EndpointStatus::Up), failures < UNREACHABLE_AFTER);
        }
        assert!(!startup.allows(&place("spot")), "its orders still wait");
        startup.swept(&place("spot"), &Ok(()));
        assert!(startup.allows(&place("spot")));
    }

    #[test]
    fn an_endpoint_that_refuses_the_credentials_says_so_itself() {
        let startup = startup();
        startup.unresolved(std::iter::empty());
        startup.swept(&place("spot"), &failure(FailureCode::AuthFailed));
        assert!(startup.allows(&place("spot")) && !startup.is_reconciled(&place("spot")));
        assert!(!startup.waits_for(&place("spot"), EndpointStatus::Up));
        startup.swept(&place("spot"), &failure(FailureCode::Timeout));
        assert!(!startup.allows(&place("spot")));
    }
}
