//! Watches venues that orders went on from. By all that is known such a venue never had the order; where it shows it
//! after all, it is cancelled there, since it was placed elsewhere, and told beside the order.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use crate::model::{Event, OrderId, OrderRecord, OrderReport, OrderState, Timestamp};
use crate::orders::follow_up::{AT_ONCE, Learned, Rounds};
use crate::orders::readings::{QUESTION_DEADLINE, Readings};
use crate::orders::resolve::{Asked, Word};
use crate::orders::schedule::{Backlog, Schedule, doubt};
use crate::orders::service::{OrderError, Orders};
use crate::orders::sighting::is_news;
use crate::reliability::Deadline;
use crate::store::StoreError;
use crate::venue::Venue;

/// What is asked of venues about orders that went on from them. An order may have left several.
#[derive(Default)]
pub(in crate::orders) struct LeftBehind {
    schedules: HashMap<String, Schedule>,
    rounds: Rounds,
}

impl LeftBehind {
    /// How much is live at a venue and to be cancelled.
    pub(in crate::orders) fn backlog(&self, venue: &str, clock: Timestamp) -> Backlog {
        let schedule = self.schedules.get(venue);
        let backlogs = schedule.map(|schedule| schedule.backlog(clock));
        let backlog = backlogs.and_then(|backlogs| backlogs.get(venue).copied());
        backlog.unwrap_or_default()
    }

    fn take_in_answers(&mut self) {
        while let Some(learned) = self.rounds.asking.try_join_next() {
            let Ok((venue, learned)) = learned else {
                continue;
            };
            let Some(schedule) = self.schedules.get_mut(&venue) else {
                continue;
            };
            for (id, doubt, asked) in learned {
                schedule.note(&id, &doubt, asked, Instant::now());
            }
        }
    }
}

impl Orders {
    /// Asks the venues that orders went on from, where it is time.
    pub(in crate::orders) fn ask_where_orders_left(
        &self,
        watched: &[OrderRecord],
        behind: &mut LeftBehind,
    ) {
        behind.take_in_answers();
        let clock = Timestamp::now();
        let mut by_venue: HashMap<String, Vec<OrderRecord>> = HashMap::new();
        for record in watched {
            for departure in record.left_to_watch(clock) {
                let records = by_venue.entry(departure.venue.clone()).or_default();
                records.extend(record.as_left_at(&departure.venue));
            }
        }
        behind
            .schedules
            .retain(|venue, _| by_venue.contains_key(venue));
        for (name, mut records) in by_venue {
            let schedule = behind.schedules.entry(name.clone()).or_default();
            for (venue, after) in schedule.follow(&records, Instant::now(), clock) {
                self.metrics.fates.resolved(&venue, after);
            }
            let Some(venue) = self.venues.get(&name) else {
                continue;
            };
            records.retain(|record| {
                let place = (name.clone(), record.endpoint.clone());
                venue.is_listed_on(&record.endpoint)
                    && venue.instrument(&record.order.symbol).is_some()
                    && !behind.rounds.is_busy(&place)
            });
            for (place, cases) in schedule.due(records, Instant::now()) {
                let Some(rules) = venue.rules(&place.1) else {
                    continue;
                };
                let symbols = cases.iter().map(|case| case.record.order.symbol.clone());
                let strangers = behind.rounds.strangers_of(&place);
                let readings = Readings::new(self, venue, rules, symbols, strangers);
                let left = cases.into_iter().map(|case| case.record).collect();
                let round = self.clone().look_where_orders_left(readings, left);
                behind.rounds.begin(place, round);
            }
        }
    }

    async fn look_where_orders_left(self, readings: Readings, left: Vec<OrderRecord>) -> Learned {
        let readings = Arc::new(readings);
        let asks = left.into_iter().map(move |left| {
            let (orders, readings) = (self.clone(), readings.clone());
            async move {
                let (id, doubt) = (left.order.id.clone(), doubt(&left));
                let asked = Box::pin(orders.look_where_order_left(&readings, left)).await;
                let asked = asked.unwrap_or_else(|error| {
                    tracing::error!(order = %id, %error, "what was seen could not be stored or acted on");
                    Asked::default()
                });
                (id, doubt, asked)
            }
        });
        stream::iter(asks).buffer_unordered(AT_ONCE).collect().await
    }

    async fn look_where_order_left(
        &self,
        readings: &Readings,
        left: OrderRecord,
    ) -> Result<Asked, OrderError> {
        let mut word = self.among_open(readings, &left, &left.client_id).await;
        if matches!(word, Word::Not(_)) && readings.take_lookup() {
            word = self.look_up_once(readings, &left, None).await;
        }
        match word {
            Word::Seen(report) => {
                let (id, venue) = (&left.order.id, readings.venue.name());
                self.observe_elsewhere(id, venue, &report).await?;
                self.cancel_elsewhere(id, venue).await?;
                Ok(Asked::answered())
            }
            Word::Not(said) => Ok(Asked::unseen(said)),
        }
    }

    /// Journals what a venue shows of an order that went on from it. That it never had any effect there is no news.
    pub(in crate::orders) async fn observe_elsewhere(
        &self,
        id: &OrderId,
        venue: &str,
        report: &OrderReport,
    ) -> Result<bool, StoreError> {
        let record = self.journal.order(id).await?;
        let Some((record, left)) = record.and_then(|r| r.as_left_at(venue).map(|left| (r, left)))
        else {
            return Ok(false);
        };
        let is_first = left.order.venue_order_id.is_none();
        let had_no_effect = report.state.is_final() && !report.filled_quantity.is_positive();
        let event = Event::SurfacedElsewhere {
            venue: venue.to_owned(),
            report: report.clone(),
        };
        if is_first && had_no_effect
            || left.difference(report).is_some()
            || !is_news(&record, &event)?
        {
            return Ok(false);
        }
        self.changed(&left);
        self.journal.append(id, vec![event]).await?;
        if is_first {
            self.metrics.fates.surfaced_late(venue);
            tracing::error!(
                order = %id, venue, venue_order = %report.venue_order_id, now_at = record.at_venue(),
                state = report.state.name(), filled = %report.filled_quantity,
                "a venue shows an order after all that went on from it; it is cancelled there"
            );
        }
        Ok(true)
    }

    /// Cancels what is live of an order at a venue that it went on from.
    async fn cancel_elsewhere(&self, id: &OrderId, venue: &str) -> Result<(), OrderError> {
        let record = self.journal.order(id).await?;
        let left = record.and_then(|record| record.as_left_at(venue));
        let Some(left) = left.filter(|left| left.order.state == OrderState::PendingCancel) else {
            return Ok(());
        };
        let deadline = Deadline::after(QUESTION_DEADLINE);
        match self.send_cancel_elsewhere(&left, deadline).await {
            Ok(Some(report)) => {
                self.observe_elsewhere(id, venue, &report).await?;
            }
            Ok(None) => {}
            Err(failure) => {
                tracing::warn!(order = %id, venue, %failure, "it could not be cancelled there yet");
            }
        }
        Ok(())
    }

    /// Says that a venue shows an order of the gateway live which is elsewhere by all that the journal knows.
    pub(in crate::orders) fn tell_of_stranger(
        &self,
        record: &OrderRecord,
        venue: &Venue,
        report: &OrderReport,
    ) {
        let at = self.venues.get(record.at_venue());
        let is_one_account = at.is_some_and(|at| at.shares_account_with(venue));
        if !is_one_account && !report.state.is_final() {
            tracing::error!(
                order = %record.order.id, venue = venue.name(), known_at = record.at_venue(),
                venue_order = %report.venue_order_id,
                "a venue shows an order of this gateway that the journal has at another"
            );
        }
    }
}
