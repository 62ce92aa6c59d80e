//! Orders and legs that were given up, and what becomes of the order when one shows after all.

use std::time::Duration;

use super::LifecycleError;
use super::amendment::LegOf;
use super::evidence::Miss;
use super::record::{OrderRecord, plus};
use crate::model::{OrderId, OrderReport, OrderState, Timestamp};

/// How long a venue is still asked for what was given up.
pub(super) const WATCH_FOR: Duration = Duration::from_secs(24 * 3_600);

impl OrderRecord {
    /// The order never arrived. A cancel that waited for its fate is kept in mind.
    pub(super) fn not_placed(
        &mut self,
        misses: &[Miss],
        at: Timestamp,
    ) -> Result<(), LifecycleError> {
        if self.order.state != OrderState::PendingNew {
            return Err(LifecycleError::NotUnderWay("not_placed"));
        }
        self.watched_until = Some(at.plus(WATCH_FOR));
        let reason = format!("not-placed: {}", missed_by(misses, at));
        self.end(OrderState::Rejected, Some(reason));
        Ok(())
    }

    /// The venue knows it no more. The cancel that was asked for stays in mind.
    pub(super) fn vanished(
        &mut self,
        misses: &[Miss],
        at: Timestamp,
    ) -> Result<(), LifecycleError> {
        if self.order.state != OrderState::PendingCancel {
            return Err(LifecycleError::NotUnderWay("vanished"));
        }
        self.watched_until = Some(at.plus(WATCH_FOR));
        self.has_vanished = true;
        let reason = format!("not-found: {}", missed_by(misses, at));
        self.end(OrderState::Canceled, Some(reason));
        Ok(())
    }

    /// Whether its placement was given up.
    pub fn is_not_placed(&self) -> bool {
        self.order.state == OrderState::Rejected
            && self.watched_until.is_some()
            && self.order.venue_order_id.is_none()
            && self.past_legs.is_empty()
    }

    /// Whether a leg was given up without ever having been seen.
    pub(super) fn is_given_up(&self, place: usize) -> bool {
        let leg = self.past_legs.get(place);
        leg.is_some_and(|leg| leg.venue_order_id.is_none())
    }

    /// Client order ids of what was given up and may yet show.
    pub fn given_up(&self) -> Vec<&str> {
        let is_whole = self.is_not_placed() || self.has_vanished;
        let whole = is_whole.then_some(self.client_id.as_str());
        let legs = self.past_legs.iter();
        let unseen = legs.filter(|leg| leg.venue_order_id.is_none());
        let unseen = unseen.map(|leg| leg.client_id.as_str());
        whole.into_iter().chain(unseen).collect()
    }

    /// Whether a report is of something that was given up, or of a live leg that the journal does not know,
    /// so that the order goes on with it. While a change is under way, that is seen through first.
    pub fn surfaces(&self, report: &OrderReport) -> bool {
        match self.leg_of(report) {
            _ if self.amendment.is_some() => false,
            Some(LegOf::Current) => {
                let traded = plus(self.carried_quantity(), report.filled_quantity);
                let is_old = traded < self.order.filled_quantity;
                self.is_not_placed() || self.has_vanished && !is_old
            }
            Some(LegOf::Past(place)) => self.is_given_up(place),
            Some(LegOf::Replacement) => false,
            None => self.is_lost_leg(report),
        }
    }

    /// Whether a report is of a live leg of this order that the journal lost.
    fn is_lost_leg(&self, report: &OrderReport) -> bool {
        let id = report.client_id.as_deref().and_then(OrderId::recognise);
        id.as_ref() == Some(&self.order.id)
            && !report.state.is_final()
            && (report.side, &report.symbol) == (self.order.side, &self.order.symbol)
    }

    /// The order goes on with what was seen, as it was seen. It is cancelled only if someone asked for that.
    pub(super) fn surface(&mut self, report: &OrderReport) {
        match self.leg_of(report) {
            Some(LegOf::Past(place)) if self.was_followed(place) => {
                // Another leg took its place meanwhile: it can only add to what the order traded.
                self.learn_of_past_leg(place, report);
                return;
            }
            Some(LegOf::Past(place)) => {
                let leg = self.past_legs.remove(place);
                self.go_on_with(leg.client_id);
            }
            None => self.go_on_with(report.client_id.clone().unwrap_or_default()),
            Some(_) => {}
        }
        self.cancel_requested |= std::mem::take(&mut self.cancel_on_sight);
        self.has_vanished = false;
        self.order.reason = None;
        self.order.state = OrderState::PendingNew;
        if !(0..self.past_legs.len()).any(|place| self.is_given_up(place)) {
            self.watched_until = None;
        }
        self.learn_of_current_leg(report);
    }

    /// Whether a leg that was seen came after this one.
    fn was_followed(&self, place: usize) -> bool {
        (place + 1..self.past_legs.len()).any(|later| !self.is_given_up(later))
    }

    fn go_on_with(&mut self, client_id: String) {
        let mut past = self.past_legs.iter();
        if !past.any(|leg| leg.client_id == self.client_id) {
            self.retire_leg();
        }
        self.client_id = client_id;
        self.order.venue_order_id = None;
        self.reported_at = None;
    }
}

fn missed_by(misses: &[Miss], at: Timestamp) -> String {
    let last = misses.last().map(|miss| miss.began_at);
    format!(
        "{} rounds of questions to the venue did not show it, the last at {}",
        misses.len(),
        last.unwrap_or(at)
    )
}
