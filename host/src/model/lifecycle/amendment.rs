//! A change of an order: asked for, under way, done or failed, and the legs it leaves behind.
//!
//! ```text
//!                 ┌── Changing ──── one request changes the order, or cancels and replaces it
//! AmendRequested ─┤
//!                 └── Closing ── Placing    its rest is cancelled, then placed anew
//! ```

use rust_decimal::Decimal as Number;
use serde::{Deserialize, Serialize};

use super::LifecycleError;
use super::record::{OrderRecord, plus};
use super::surfacing::WATCH_FOR;
use crate::model::{
    Decimal, Failure, FailureCode, Fate, Order, OrderReport, OrderState, Timestamp,
};

/// How far a change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// One request makes it.
    Changing,
    /// The current leg is being cancelled, so that what is left can be placed anew.
    Closing,
    /// The current leg is over; another is to take its place.
    Placing,
}

/// A change of an order that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amendment {
    /// The new total; absent where it stays.
    pub quantity: Option<Decimal>,
    /// The new price; absent where it stays.
    pub price: Option<Decimal>,
    /// Client order id of the leg that may take the current one's place.
    pub new_client_id: String,
    /// Whether the venue may make it by another order.
    pub replaces: bool,
    /// How far it has come.
    pub stage: Stage,
    /// When the last request for it stops being valid, by the venue's clock; absent until one is sent.
    pub expires_at: Option<Timestamp>,
}

impl Amendment {
    /// Whether the order, as the venue shows it, has what was asked for.
    pub(super) fn shows_in(&self, order: &Order) -> bool {
        self.stage == Stage::Changing
            && self.expires_at.is_some()
            && self.quantity.is_none_or(|q| order.quantity == Some(q))
            && self.price.is_none_or(|price| order.price == Some(price))
    }

    /// Whether a request is out, or was, that may have brought another leg.
    pub fn may_stand_elsewhere(&self) -> bool {
        let may_bring_it = match self.stage {
            Stage::Changing => self.replaces,
            Stage::Closing => false,
            Stage::Placing => true,
        };
        may_bring_it && self.expires_at.is_some()
    }

    /// Whether another leg may come, or have come, after the current one.
    pub(super) fn may_replace(&self) -> bool {
        self.stage != Stage::Changing || self.may_stand_elsewhere()
    }
}

/// An order at the venue whose place another took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Client order id under which the venue knew it.
    pub client_id: String,
    /// The venue's id.
    pub venue_order_id: Option<String>,
    /// How much of it traded.
    pub filled_quantity: Decimal,
    /// Volume-weighted price of its fills.
    pub average_price: Option<Decimal>,
}

/// Which leg of an order a report is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegOf {
    /// The one that stands now.
    Current,
    /// The one that is to take its place.
    Replacement,
    /// One before, by its place in the list.
    Past(usize),
}

impl OrderRecord {
    /// Which leg a report is of; none where its client order id is not of this order.
    pub fn leg_of(&self, report: &OrderReport) -> Option<LegOf> {
        let past =
            |is_it: &dyn Fn(&Leg) -> bool| self.past_legs.iter().position(is_it).map(LegOf::Past);
        let Some(id) = &report.client_id else {
            let by_venue_id =
                |leg: &Leg| leg.venue_order_id.as_deref() == Some(&report.venue_order_id);
            return past(&by_venue_id).or(Some(LegOf::Current));
        };
        let replacement = self.amendment.as_ref().map(|a| &a.new_client_id);
        if replacement == Some(id) {
            return Some(LegOf::Replacement);
        }
        past(&|leg| leg.client_id == *id)
            .or_else(|| (self.client_id == *id).then_some(LegOf::Current))
    }

    /// Whether an id at the venue is, or was, one of this order's.
    pub(super) fn has_been(&self, venue_order_id: &str) -> bool {
        let mut past = self.past_legs.iter();
        self.order.venue_order_id.as_deref() == Some(venue_order_id)
            || past.any(|leg| leg.venue_order_id.as_deref() == Some(venue_order_id))
    }

    /// Whether a client order id was used for a leg of this order.
    pub fn has_used(&self, client_id: &str) -> bool {
        self.client_id == client_id || self.past_legs.iter().any(|leg| leg.client_id == client_id)
    }

    /// Whether a change is the one that is under way.
    fn is_making(&self, change: &str) -> bool {
        self.amendment
            .as_ref()
            .is_some_and(|amendment| amendment.new_client_id == change)
    }

    /// What earlier legs traded.
    pub fn carried_quantity(&self) -> Decimal {
        self.past_legs
            .iter()
            .fold(Decimal::ZERO, |sum, leg| plus(sum, leg.filled_quantity))
    }

    /// What the current leg traded.
    fn current_leg_quantity(&self) -> Decimal {
        let carried = self.carried_quantity().value();
        Decimal::from(self.order.filled_quantity.value().saturating_sub(carried))
    }

    /// The volume-weighted price over all legs, to 28 digits; the current leg's own where it is the only one.
    pub(super) fn average_over_legs(&mut self, filled: Decimal, average: Option<Decimal>) {
        if self
            .past_legs
            .iter()
            .all(|leg| !leg.filled_quantity.is_positive())
        {
            self.order.average_price = average.or(self.order.average_price);
            return;
        }
        let current = Some((filled, average)).filter(|(filled, _)| filled.is_positive());
        let parts = self
            .past_legs
            .iter()
            .map(|leg| (leg.filled_quantity, leg.average_price))
            .filter(|(filled, _)| filled.is_positive())
            .chain(current);
        let mut total = Some((Number::ZERO, Number::ZERO));
        for (filled, average) in parts {
            total = total.zip(average).and_then(|((quantity, value), average)| {
                let part = filled.value().checked_mul(average.value())?;
                Some((
                    quantity.checked_add(filled.value())?,
                    value.checked_add(part)?,
                ))
            });
        }
        self.order.average_price = total
            .and_then(|(quantity, value)| value.checked_div(quantity))
            .map(Decimal::from);
    }

    /// Another leg is to take the place of the current one, which is over.
    pub(super) fn close_leg(&mut self) {
        let Some(amendment) = &mut self.amendment else {
            return;
        };
        if amendment.stage == Stage::Placing {
            return;
        }
        if amendment.stage == Stage::Closing {
            amendment.expires_at = None; // that was the cancel's; the rest is not sent yet
        }
        amendment.stage = Stage::Placing;
        self.order.state = OrderState::PendingReplace;
        self.retire_leg();
    }

    /// The replacement is the current leg from now on.
    pub(super) fn switch_leg(&mut self) {
        let Some(amendment) = self.amendment.take() else {
            return;
        };
        if amendment.stage != Stage::Placing {
            self.retire_leg();
        }
        self.client_id = amendment.new_client_id;
        self.order.venue_order_id = None;
        self.reported_at = None;
        self.order.state = self.settled_state();
    }

    pub(super) fn retire_leg(&mut self) {
        self.past_legs.push(Leg {
            client_id: self.client_id.clone(),
            venue_order_id: self.order.venue_order_id.clone(),
            filled_quantity: self.current_leg_quantity(),
            average_price: self.average_of_current_leg(),
        });
    }

    /// The current leg's own average, taken out of the one over all legs.
    fn average_of_current_leg(&self) -> Option<Decimal> {
        let own = self.current_leg_quantity().value();
        let total = self.order.average_price?.value();
        if self.carried_quantity() == Decimal::ZERO {
            return self.order.average_price;
        }
        let mut value = total.checked_mul(self.order.filled_quantity.value())?;
        for leg in self
            .past_legs
            .iter()
            .filter(|leg| leg.filled_quantity.is_positive())
        {
            let part = leg
                .filled_quantity
                .value()
                .checked_mul(leg.average_price?.value())?;
            value = value.checked_sub(part)?;
        }
        value.checked_div(own).map(Decimal::from)
    }

    /// A late word on a leg that is over can only add to what it traded.
    pub(super) fn learn_of_past_leg(&mut self, place: usize, report: &OrderReport) {
        let (own, own_average) = (self.current_leg_quantity(), self.average_of_current_leg());
        let Some(leg) = self.past_legs.get_mut(place) else {
            return;
        };
        leg.venue_order_id
            .get_or_insert_with(|| report.venue_order_id.clone());
        if report.filled_quantity <= leg.filled_quantity {
            return;
        }
        leg.filled_quantity = report.filled_quantity;
        leg.average_price = report.average_price;
        self.order.filled_quantity = plus(self.carried_quantity(), own);
        self.average_over_legs(own, own_average);
    }

    pub(super) fn request_amend(&mut self, amendment: Amendment) -> Result<(), LifecycleError> {
        match self.order.state {
            OrderState::New | OrderState::PartiallyFilled => {}
            state => return Err(LifecycleError::NotOpen(state)),
        }
        self.amendment = Some(amendment);
        self.order.state = OrderState::PendingReplace;
        Ok(())
    }

    pub(super) fn close_to_replace(&mut self, change: &str) -> Result<(), LifecycleError> {
        let is_it = self.is_making(change);
        match &mut self.amendment {
            Some(amendment) if is_it && amendment.stage == Stage::Changing => {
                amendment.stage = Stage::Closing;
                amendment.expires_at = None;
                Ok(())
            }
            _ => Err(LifecycleError::NotUnderWay("close_to_replace")),
        }
    }

    /// A request for the change is about to be sent.
    pub(super) fn note_attempt(
        &mut self,
        operation: &str,
        expires_at: Timestamp,
    ) -> Result<(), LifecycleError> {
        let expected = match operation {
            "amend" => Stage::Changing,
            "cancel" => Stage::Closing,
            "place" => Stage::Placing,
            _ => return Ok(()),
        };
        if operation == "place" && self.cancel_requested {
            return Err(LifecycleError::NotUnderWay("attempt"));
        }
        match &mut self.amendment {
            Some(amendment) if amendment.stage == expected => {
                amendment.expires_at = Some(expires_at);
                Ok(())
            }
            _ if operation == "place" && self.order.state == OrderState::PendingNew => {
                self.place_expires_at = Some(expires_at);
                Ok(())
            }
            _ if operation == "cancel" => Ok(()),
            // A change that was given up meanwhile, or an order that was found: nothing may go out.
            _ => Err(LifecycleError::NotUnderWay("attempt")),
        }
    }

    /// The venue made the change, in place or by another order. A late word on an earlier change is no word
    /// on the one that is under way.
    pub(super) fn amended(&mut self, change: &str, report: &OrderReport) {
        if self.is_making(change) && self.leg_of(report) == Some(LegOf::Current) {
            self.amendment = None;
            if !self.order.state.is_final() {
                self.order.state = self.settled_state();
            }
            // An amend in place may give the order another id at its venue, and it is news whatever its time.
            self.reported_at = None;
        }
        self.learn(report);
    }

    /// The venue cancelled the current leg and did not take the one to replace it.
    pub(super) fn not_replaced(
        &mut self,
        change: &str,
        canceled: &OrderReport,
        failure: &Failure,
        at: Timestamp,
    ) {
        self.learn(canceled);
        if self.is_making(change) {
            self.close_leg();
            self.amend_failed(change, failure, at);
        }
    }

    /// A change that failed leaves the order as it was, unless nothing is left of it to go back to.
    pub(super) fn amend_failed(&mut self, change: &str, failure: &Failure, at: Timestamp) {
        let Some(amendment) = self.amendment.clone().filter(|_| self.is_making(change)) else {
            return;
        };
        // What may have been sent is still recognised if it shows after all.
        if failure.code == FailureCode::OutcomeUnknown
            && failure.fate != Fate::Unknown
            && amendment.may_stand_elsewhere()
        {
            self.past_legs.push(Leg {
                client_id: amendment.new_client_id.clone(),
                venue_order_id: None,
                filled_quantity: Decimal::ZERO,
                average_price: None,
            });
            self.watched_until = Some(at.plus(WATCH_FOR));
        }
        match (failure.fate, amendment.stage) {
            (Fate::Unknown, _) => {}
            (_, Stage::Placing) => {
                let reason = format!("not-replaced: {failure}");
                self.end(OrderState::Canceled, Some(reason));
            }
            _ => {
                self.amendment = None;
                self.order.state = self.settled_state();
            }
        }
    }
}
