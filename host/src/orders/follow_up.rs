//! Follows orders whose fate is open, changes and cancels that are not through, and what was given up, until
//! the venue has answered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::readings::Readings;
use super::resolve::{Asked, Case};
use super::routing::LeftBehind;
use super::schedule::{Doubt, Place, Schedule, doubt};
use super::service::Orders;
use super::traced_fills::Strangers;
use crate::model::{OrderId, OrderRecord, Timestamp};
use crate::store::StoreError;
use crate::venue::Venue;

/// How often unresolved orders are looked through.
const EVERY: Duration = Duration::from_secs(1);

/// An order that something just happened to is left to the request that does it for this long.
const LEFT_ALONE: Duration = Duration::from_secs(1);

/// Orders that one endpoint is asked about at once.
pub(super) const AT_ONCE: usize = 8;

/// What a round learned of each order.
pub(super) type Learned = Vec<(OrderId, Doubt, Asked)>;

/// The rounds of questions under way: one for each endpoint, so that one that hangs delays its own orders
/// and no others.
#[derive(Default)]
pub(super) struct Rounds {
    pub(super) asking: JoinSet<(String, Learned)>,
    busy: HashMap<Place, AbortHandle>,
    strangers: HashMap<Place, Strangers>,
}

impl Rounds {
    pub(super) fn is_busy(&self, place: &Place) -> bool {
        self.busy
            .get(place)
            .is_some_and(|round| !round.is_finished())
    }

    pub(super) fn strangers_of(&mut self, place: &Place) -> Strangers {
        self.strangers.entry(place.clone()).or_default().clone()
    }

    /// Begins a round; what it learns comes with the venue's name.
    pub(super) fn begin(
        &mut self,
        place: Place,
        round: impl Future<Output = Learned> + Send + 'static,
    ) {
        let venue = place.0.clone();
        let round = async move { (venue, round.await) };
        self.busy.insert(place, self.asking.spawn(round));
    }
}

impl Orders {
    /// Follows unresolved orders until the task is dropped.
    pub async fn follow_up(self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut schedule, mut rounds) = (Schedule::default(), Rounds::default());
        let mut behind = LeftBehind::default();
        loop {
            ticks.tick().await;
            while let Some(learned) = rounds.asking.try_join_next() {
                for (id, doubt, asked) in learned.map(|(_, learned)| learned).unwrap_or_default() {
                    self.startup.asked(&id, asked.is_answered);
                    schedule.note(&id, &doubt, asked, Instant::now());
                }
            }
            let (records, watched) = match self.to_be_followed().await {
                Ok(followed) => followed,
                Err(error) => {
                    tracing::error!(%error, "unresolved orders cannot be read");
                    continue;
                }
            };
            let unresolved = records.iter().filter(|record| record.is_unresolved());
            self.startup.unresolved(unresolved);
            let clock = Timestamp::now();
            for (venue, after) in schedule.follow(&records, Instant::now(), clock) {
                self.metrics.fates.resolved(&venue, after);
            }
            let backlogs = schedule.backlog(clock);
            for venue in self.venues.names() {
                let backlog = backlogs.get(venue).copied().unwrap_or_default();
                let behind = behind.backlog(venue, clock);
                self.metrics.fates.unresolved(
                    venue,
                    backlog.orders + behind.orders,
                    backlog.oldest.max(behind.oldest),
                );
            }
            self.ask_what_is_due(records, &mut schedule, &mut rounds);
            self.ask_where_orders_left(&watched, &mut behind);
        }
    }

    /// Every order that is unresolved, or of which something was given up where it is; and every order of which
    /// something was given up anywhere.
    async fn to_be_followed(&self) -> Result<(Vec<OrderRecord>, Vec<OrderRecord>), StoreError> {
        let (mut records, now) = (self.journal.unresolved().await?, Timestamp::now());
        let watched = self.journal.watched(now).await?;
        let given_up = watched.iter().filter(|record| {
            !record.is_unresolved() && record.watched_until.is_some_and(|until| until > now)
        });
        records.extend(given_up.cloned());
        Ok((records, watched))
    }

    fn ask_what_is_due(
        &self,
        mut records: Vec<OrderRecord>,
        schedule: &mut Schedule,
        rounds: &mut Rounds,
    ) {
        records.retain(|record| {
            let place = (record.at_venue().to_owned(), record.endpoint.clone());
            self.can_be_asked_about(record) && !rounds.is_busy(&place)
        });
        for (place, cases) in schedule.due(records, Instant::now()) {
            let Some(venue) = self.venues.get(&place.0) else {
                continue;
            };
            let Some(rules) = venue.rules(&place.1) else {
                continue;
            };
            let symbols = cases.iter().map(|case| case.record.order.symbol.clone());
            let strangers = rounds.strangers_of(&place);
            let readings = Readings::new(self, venue, rules, symbols, strangers);
            let round = self.clone().ask_round(readings, cases);
            rounds.begin(place, round);
        }
    }

    /// Whether the venue can be asked about an order, and nobody is doing something to it just now.
    fn can_be_asked_about(&self, record: &OrderRecord) -> bool {
        let id = &record.order.id;
        let is_listed = |venue: &Arc<Venue>| venue.is_listed_on(&record.endpoint);
        if !self.venues.get(record.at_venue()).is_some_and(is_listed) {
            return false;
        }
        if self.where_it_trades(record).is_err() {
            if self.startup.asked(id, true) {
                tracing::error!(
                    order = %id, venue = record.at_venue(), symbol = %record.order.symbol,
                    "an unresolved order cannot be asked about: its instrument is not listed any more"
                );
            }
            return false;
        }
        let is_fresh = Timestamp::now().since(record.order.updated_at) < LEFT_ALONE;
        let is_from_before = self.startup.awaits(id);
        !self.in_flight.has(id) && (is_from_before || !is_fresh)
    }

    async fn ask_round(self, readings: Readings, cases: Vec<Case>) -> Learned {
        let readings = Arc::new(readings);
        let asks = cases.into_iter().map(move |case| {
            let (orders, readings) = (self.clone(), readings.clone());
            async move {
                let (id, doubt) = (case.record.order.id.clone(), doubt(&case.record));
                let asked = orders.ask_about(&readings, case).await;
                (id, doubt, asked)
            }
        });
        stream::iter(asks).buffer_unordered(AT_ONCE).collect().await
    }
}
