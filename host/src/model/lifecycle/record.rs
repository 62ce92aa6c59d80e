//! An order as the gateway keeps it, and what it learns from reports.

use serde::{Deserialize, Serialize};

use super::amendment::{Amendment, Leg, LegOf, Stage};
use super::moving::Departure;
use super::surfacing::WATCH_FOR;
use crate::model::{Decimal, Failure, Fate, Order, OrderReport, OrderState, Timestamp};

/// An order with what the gateway must know beside what callers see.
///
/// At the venue it is one order after another where amends replace it: its *legs*. What callers see is
/// their sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderRecord {
    /// What callers see.
    pub order: Order,
    /// Whose it is.
    pub tenant: String,
    /// Endpoint on which it trades.
    pub endpoint: String,
    /// Client order id under which the venue knows its current leg.
    pub client_id: String,
    /// Whether a caller wants it cancelled.
    pub cancel_requested: bool,
    /// When the last attempt to place it stops being valid, by the venue's clock.
    pub place_expires_at: Option<Timestamp>,
    /// The change that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amendment: Option<Amendment>,
    /// Legs that are over because another took their place, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past_legs: Vec<Leg>,
    /// The venue's time of the newest report on the current leg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<Timestamp>,
    /// Where it is, or is to be, where that is not at the venue that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// Venues that it went on from because they certainly had it not, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Departure>,
    /// Until when the venue is still asked for what was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched_until: Option<Timestamp>,
    /// Whether what was given up is to be cancelled if it shows after all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_on_sight: bool,
    /// Whether the venue had it, and showed it nowhere any more when it was to be cancelled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_vanished: bool,
}

impl OrderRecord {
    /// An order that nothing has happened to yet; the venue is to know it by the gateway's own id.
    pub fn new(order: Order, tenant: String, endpoint: String) -> Self {
        Self {
            client_id: order.id.as_str().to_owned(),
            order,
            tenant,
            endpoint,
            cancel_requested: false,
            place_expires_at: None,
            amendment: None,
            past_legs: Vec::new(),
            reported_at: None,
            moved_to: None,
            left: Vec::new(),
            watched_until: None,
            cancel_on_sight: false,
            has_vanished: false,
        }
    }

    /// Where a report is of another order: the field and its value. A venue may take a client order id
    /// again once the first order is over, so the id alone proves nothing.
    pub fn difference(&self, report: &OrderReport) -> Option<(&'static str, String)> {
        let order = &self.order;
        if report.symbol != order.symbol {
            return Some(("symbol", report.symbol.clone()));
        }
        if report.side != order.side {
            return Some(("side", format!("{:?}", report.side)));
        }
        let known = match self.leg_of(report) {
            None => return Some(("client-id", report.client_id.clone().unwrap_or_default())),
            // Another order under the id of the one that is to come: the venue takes an id again.
            Some(LegOf::Replacement) if self.has_been(&report.venue_order_id) => {
                return Some(("venue-id", report.venue_order_id.clone()));
            }
            Some(LegOf::Replacement) => None,
            Some(LegOf::Current) => order.venue_order_id.as_ref(),
            Some(LegOf::Past(place)) => self
                .past_legs
                .get(place)
                .and_then(|leg| leg.venue_order_id.as_ref()),
        };
        known
            .is_some_and(|known| *known != report.venue_order_id)
            .then(|| ("venue-id", report.venue_order_id.clone()))
    }

    /// Takes what the venue says, unless it is older than what is known.
    pub(super) fn learn(&mut self, report: &OrderReport) {
        if self.surfaces(report) {
            self.surface(report);
            return;
        }
        match self.leg_of(report) {
            // Nothing is known of it yet, and a change is under way: it shows again.
            Some(LegOf::Past(place)) if self.is_given_up(place) => {}
            Some(LegOf::Past(place)) => self.learn_of_past_leg(place, report),
            Some(LegOf::Replacement) => {
                self.switch_leg();
                self.learn_of_current_leg(report);
            }
            Some(LegOf::Current) => self.learn_of_current_leg(report),
            None => {} // of another order
        }
    }

    pub(super) fn learn_of_current_leg(&mut self, report: &OrderReport) {
        let carried = self.carried_quantity();
        let at_venue = self.at_venue().to_owned();
        let order = &mut self.order;
        let is_stale = plus(carried, report.filled_quantity) < order.filled_quantity;
        let reopens = order.state.is_final() && !report.state.is_final();
        if is_stale || reopens {
            return;
        }
        order.venue_order_id = Some(report.venue_order_id.clone());
        // A list that lags behind an amend does not take it back.
        if report.updated_at.is_none() || report.updated_at >= self.reported_at {
            order.quantity = report
                .quantity
                .map(|quantity| plus(carried, quantity))
                .or(order.quantity);
            order.price = report.price.or(order.price);
            self.reported_at = report.updated_at.or(self.reported_at);
        }
        order.filled_quantity = plus(carried, report.filled_quantity);
        order.served_by = Some(at_venue);
        self.average_over_legs(report.filled_quantity, report.average_price);
        if report.state.is_final() {
            self.current_leg_ended(report);
        } else {
            self.order.state = self.open_state_after(report);
        }
    }

    fn open_state_after(&mut self, report: &OrderReport) -> OrderState {
        let order = &self.order;
        match (report.state, order.state) {
            (OrderState::PendingNew, OrderState::PendingNew) => return OrderState::PendingNew,
            _ if self.amendment.as_ref().is_some_and(|a| a.shows_in(order)) => {
                self.amendment = None;
            }
            _ if self.amendment.is_some() => return OrderState::PendingReplace,
            _ => {}
        }
        self.settled_state()
    }

    /// The state of an open order to which nothing is being done but, perhaps, a cancel.
    pub(super) fn settled_state(&self) -> OrderState {
        if self.cancel_requested {
            OrderState::PendingCancel
        } else if self.order.filled_quantity.is_positive() {
            OrderState::PartiallyFilled
        } else {
            OrderState::New
        }
    }

    fn current_leg_ended(&mut self, report: &OrderReport) {
        let is_to_be_replaced = report.state != OrderState::Filled
            && self.amendment.as_ref().is_some_and(Amendment::may_replace);
        if is_to_be_replaced && !self.order.state.is_final() {
            self.close_leg();
            return;
        }
        self.end(report.state, report.reason.clone());
    }

    /// Ends the order. A reason that is known stays where none is given.
    pub(super) fn end(&mut self, state: OrderState, reason: Option<String>) {
        self.order.state = state;
        self.order.reason = reason.or_else(|| self.order.reason.take());
        self.cancel_on_sight |= self.cancel_requested && self.watched_until.is_some();
        self.cancel_requested = false;
        self.amendment = None;
    }

    /// The venue has it not, by its own word. Where it was asked to take it and turned it away for the moment, or may
    /// have in a try before the one that failed, it is watched all the same: such a word has been wrong.
    pub(super) fn place_failed(&mut self, failure: &Failure, at: Timestamp) {
        if self.order.state != OrderState::PendingNew {
            return; // it was seen at the venue in the meantime
        }
        let was_turned_away = match failure.fate {
            Fate::Unknown => false,
            Fate::Refused => failure.code.is_passing(),
            Fate::NotSent => true,
        };
        if was_turned_away && self.place_expires_at.is_some() {
            self.watched_until = Some(at.plus(WATCH_FOR));
        }
        match failure.fate {
            Fate::Unknown => {}
            Fate::Refused => self.end(OrderState::Rejected, Some(failure.to_string())),
            Fate::NotSent => self.end(OrderState::Rejected, Some(format!("not-sent: {failure}"))),
        }
    }

    /// A cancel waits while the order's fate, or that of a change, is open.
    pub(super) fn request_cancel(&mut self) {
        if self.order.state.is_final() {
            self.cancel_on_sight |= self.watched_until.is_some();
            return;
        }
        self.cancel_requested = true;
        let waits = matches!(
            self.order.state,
            OrderState::PendingNew | OrderState::PendingReplace
        );
        if !waits {
            self.order.state = OrderState::PendingCancel;
        }
    }

    /// A cancel that the venue refused leaves the order open; any other is pursued.
    pub(super) fn cancel_failed(&mut self, failure: &Failure) {
        if failure.fate != Fate::Unknown && self.order.state == OrderState::PendingCancel {
            self.cancel_requested = false;
            self.order.state = self.settled_state();
        }
    }

    /// Whether the gateway must find out what became of it, or see a change or cancel through.
    pub fn is_unresolved(&self) -> bool {
        self.order.state == OrderState::PendingNew
            || self.amendment.is_some()
            || self.cancel_requested
    }

    /// Whether its rest is to be placed anew now.
    pub fn is_between_legs(&self) -> bool {
        self.amendment
            .as_ref()
            .is_some_and(|amendment| amendment.stage == Stage::Placing)
    }
}

/// The sum of two quantities; venues' quantities are far below what 28 digits hold.
pub(super) fn plus(a: Decimal, b: Decimal) -> Decimal {
    Decimal::from(a.value().saturating_add(b.value()))
}
