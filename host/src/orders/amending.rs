//! One change of an order on its way: sent, answered, and where the venue can only replace a partly filled
//! order, its rest cancelled and placed anew.

use std::sync::Arc;
use std::time::Duration;

use switchyard_runtime::wit::trading as wit_trading;
use switchyard_runtime::{Amend, Place};

use super::amend::{Change, failed, not_open};
use super::in_flight::Working;
use super::placing::not_proven;
use super::service::{OrderError, Orders, order_ref, taped};
use super::validate::{self, FieldProblem};
use crate::model::{
    Decimal, Event, Failure, FailureCode, Fate, Order, OrderRecord, OrderReport, OrderState,
};
use crate::plugin::translate::{self, AmendOutcome};
use crate::reliability::Deadline;
use crate::store::StoreError;
use crate::venue::{Ask, Listed, Tape, Venue};

/// Time between two questions whether a leg that is being cancelled is over.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// One change on its way.
pub(super) struct Amending {
    pub(super) orders: Orders,
    pub(super) venue: Arc<Venue>,
    pub(super) listed: Arc<Listed>,
    pub(super) deadline: Deadline,
    /// Which change: the client order id of the leg that it may bring.
    pub(super) change: String,
    /// What was said about it.
    pub(super) tape: Tape,
    pub(super) _working: Working,
}

impl Amending {
    /// Makes the change that is journaled as under way.
    pub(super) async fn run(self, record: OrderRecord) -> Result<Order, OrderError> {
        let id = record.order.id.clone();
        let result = self.change(record).await;
        let waited = self.orders.cancel_if_it_waited(&id, self.deadline).await;
        waited.unwrap_or(result)
    }

    async fn change(&self, record: OrderRecord) -> Result<Order, OrderError> {
        match self.send_amend(&record).await {
            Ok(AmendOutcome::Amended(report)) => self.made(record, report).await,
            Ok(AmendOutcome::NotReplaced { canceled, failure }) => {
                let event = Event::NotReplaced {
                    change: self.change.clone(),
                    canceled,
                    failure: failure.clone(),
                };
                let record = self.note(&record, vec![event]).await?;
                self.end_of_failed(record, failure)
            }
            Err(failure)
                if is_replaced(&record)
                    && failure.fate != Fate::Unknown
                    && says_not_amendable(&failure) =>
            {
                self.look_whether_to_close(record, failure).await
            }
            Err(failure) => self.give_up(record, failure).await,
        }
    }

    async fn send_amend(&self, record: &OrderRecord) -> Result<AmendOutcome, Failure> {
        let order = &record.order;
        let Some(amendment) = &record.amendment else {
            return Err(nothing_under_way());
        };
        let text = |value: Option<Decimal>| value.map(|value| value.to_string());
        let command = wit_trading::Amend {
            order: order_ref(record),
            side: translate::wit_side(order.side),
            time_in_force: order.time_in_force.map(translate::wit_time_in_force),
            reduce_only: order.reduce_only,
            current_quantity: in_leg(record, order.quantity).to_string(),
            current_price: text(order.price),
            filled_quantity: in_leg(record, Some(order.filled_quantity)).to_string(),
            quantity: text(amendment.quantity.map(|q| in_leg(record, Some(q)))),
            price: text(amendment.price),
            new_client_id: amendment.new_client_id.clone(),
        };
        let ask = Ask::<Amend> {
            endpoint: &record.endpoint,
            instrument: Some(&self.listed),
            command,
            deadline: self.deadline,
        };
        let outcome = self
            .venue
            .run(
                ask,
                |attempt| self.orders.record_attempt(&record.order.id, attempt),
                &self.tape,
            )
            .await;
        self.orders.changed(record);
        translate::amend_outcome(record, outcome?, self.venue.now(&record.endpoint))
            .map_err(translate::unreadable_change)
    }

    /// The venue cannot change the order as it is. If that is because some of it is filled, its rest is
    /// cancelled and placed anew.
    async fn look_whether_to_close(
        &self,
        record: OrderRecord,
        failure: Failure,
    ) -> Result<Order, OrderError> {
        let Ok(report) = self.orders.look_up(&record, self.deadline).await else {
            return self.give_up(record, failure).await;
        };
        let refused = self.amend_failed(&failure);
        if report.state.is_final() || !report.filled_quantity.is_positive() {
            let events = vec![refused, Event::Observed { report }];
            let record = self.note(&record, events).await?;
            return self.end_of_failed(record, failure);
        }
        let record = self.note(&record, vec![Event::Observed { report }]).await?;
        if record.amendment.is_none() {
            return self.outcome(record); // the change shows
        }
        if record.is_between_legs() {
            return self.place_rest(record).await; // someone else ended it meanwhile
        }
        if let Some(problem) = self.problem_of_rest(&record) {
            self.note(&record, vec![refused]).await?;
            return Err(OrderError::Invalid(vec![problem]));
        }
        let event = Event::CloseToReplace {
            change: self.change.clone(),
        };
        let record = self.note(&record, vec![event]).await?;
        let record = match self.close(record).await? {
            Closed::Over(record) => record,
            Closed::NotYet(record) => return Ok(record.order),
        };
        if !record.is_between_legs() {
            return Err(not_open(&record.order.id, record.order.state));
        }
        self.place_rest(record).await
    }

    /// Cancels the current leg and waits until it is over, as long as there is time.
    async fn close(&self, record: OrderRecord) -> Result<Closed, OrderError> {
        let mut record = match self.orders.send_cancel(&record, self.deadline).await {
            Ok(Some(report)) => self.note(&record, vec![Event::Observed { report }]).await?,
            Err(failure) if failure.fate != Fate::Unknown && !says_not_amendable(&failure) => {
                let event = self.amend_failed(&failure);
                let record = self.note(&record, vec![event]).await?;
                return Err(failed(&record, failure));
            }
            Ok(None) | Err(_) => record,
        };
        loop {
            if record.amendment.is_none() || record.is_between_legs() {
                return Ok(Closed::Over(record));
            }
            if self.deadline.has_passed() {
                return Ok(Closed::NotYet(record));
            }
            (record, _) = self.orders.refresh(record, self.deadline).await?;
            if record.amendment.is_some() && !record.is_between_legs() {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }

    /// Places what is left of an order whose earlier leg is over.
    async fn place_rest(&self, record: OrderRecord) -> Result<Order, OrderError> {
        let Some(amendment) = record.amendment.clone() else {
            return Err(failed(&record, nothing_under_way()));
        };
        let left = rest(&record);
        let stopped = if record.cancel_requested {
            Some("a cancel was asked for meanwhile".to_owned())
        } else if !left.is_positive() {
            Some("everything that was asked for is filled".to_owned())
        } else {
            self.problem_of_rest(&record)
                .map(|problem| problem.to_string())
        };
        if let Some(message) = stopped {
            let failure = Failure::not_sent(FailureCode::NotAmendable, message);
            return self.give_up(record, failure).await;
        }
        let order = &record.order;
        let command = wit_trading::Place {
            client_id: amendment.new_client_id.clone(),
            side: translate::wit_side(order.side),
            order_type: translate::wit_order_type(order.order_type),
            quantity: left.to_string(),
            price: amendment.price.or(order.price).map(|p| p.to_string()),
            time_in_force: order.time_in_force.map(translate::wit_time_in_force),
            reduce_only: order.reduce_only,
        };
        let ask = Ask::<Place> {
            endpoint: &record.endpoint,
            instrument: Some(&self.listed),
            command,
            deadline: self.deadline,
        };
        let placed = self
            .venue
            .run(
                ask,
                |attempt| self.orders.record_attempt(&record.order.id, attempt),
                &self.tape,
            )
            .await
            .and_then(|report| {
                translate::replacing_report(&record, left, report)
                    .map_err(translate::unreadable_change)
            })
            .map_err(not_proven);
        self.orders.changed(&record);
        match placed {
            Ok(report) => self.made(record, report).await,
            Err(failure) => self.give_up(record, failure).await,
        }
    }

    /// Whether what is left could be placed as an order of its own.
    fn problem_of_rest(&self, record: &OrderRecord) -> Option<FieldProblem> {
        let price = record.amendment.as_ref().and_then(|a| a.price);
        let change = Change {
            quantity: Some(rest(record)),
            price: price.or(record.order.price),
        };
        let mut leg = record.order.clone();
        leg.filled_quantity = Decimal::ZERO;
        validate::change_problems(&leg, change, &self.listed.instrument)
            .into_iter()
            .next()
            .map(|problem| FieldProblem {
                problem: format!("leaves a rest that cannot be placed: {}", problem.problem),
                ..problem
            })
    }

    /// Journals a failure. The answer is the order where the change's fate is open, else the failure.
    async fn give_up(&self, record: OrderRecord, failure: Failure) -> Result<Order, OrderError> {
        let event = self.amend_failed(&failure);
        let mut record = self.note(&record, vec![event]).await?;
        if says_not_amendable(&failure) && record.amendment.is_none() {
            (record, _) = self.orders.refresh(record, self.deadline).await?; // most likely it is over
        }
        self.end_of_failed(record, failure)
    }

    fn end_of_failed(&self, record: OrderRecord, failure: Failure) -> Result<Order, OrderError> {
        if failure.fate == Fate::Unknown {
            if record.amendment.is_none() {
                return self.outcome(record); // it was found out in the meantime
            }
            tracing::warn!(order = %record.order.id, %failure, "the change's fate is open");
            return Ok(record.order);
        }
        if says_not_amendable(&failure) && record.order.state.is_final() {
            return Err(not_open(&record.order.id, record.order.state));
        }
        if record.order.state.is_final() {
            return Err(failed(&record, not_replaced(failure)));
        }
        Err(failed(&record, failure))
    }

    /// The venue made the change. What could not be stored of that is found again.
    async fn made(&self, record: OrderRecord, report: OrderReport) -> Result<Order, OrderError> {
        let event = Event::Amended {
            change: self.change.clone(),
            report,
        };
        match self.note(&record, vec![event]).await {
            Ok(record) => self.outcome(record),
            Err(error) => {
                tracing::error!(order = %record.order.id, %error, "a change that was made could not be stored");
                Ok(record.order)
            }
        }
    }

    fn amend_failed(&self, failure: &Failure) -> Event {
        Event::AmendFailed {
            change: self.change.clone(),
            failure: failure.clone(),
        }
    }

    /// An amend that the venue answered by ending the order is no success.
    fn outcome(&self, record: OrderRecord) -> Result<Order, OrderError> {
        match record.order.state {
            OrderState::Canceled | OrderState::Rejected | OrderState::Expired => {
                let said = record
                    .order
                    .reason
                    .as_deref()
                    .unwrap_or("it did not say why");
                let message = format!("the venue ended the order instead of amending it: {said}");
                let failure = Failure::new(FailureCode::NotAmendable, Fate::Refused, message);
                Err(failed(&record, failure))
            }
            _ => Ok(record.order),
        }
    }

    async fn note(
        &self,
        record: &OrderRecord,
        events: Vec<Event>,
    ) -> Result<OrderRecord, StoreError> {
        let events = taped(&self.tape).into_iter().chain(events).collect();
        self.orders.journal.append(&record.order.id, events).await
    }
}

/// Whether a leg that was to be cancelled is over.
enum Closed {
    Over(OrderRecord),
    NotYet(OrderRecord),
}

fn is_replaced(record: &OrderRecord) -> bool {
    record.amendment.as_ref().is_some_and(|a| a.replaces)
}

fn says_not_amendable(failure: &Failure) -> bool {
    matches!(
        failure.code,
        FailureCode::NotAmendable | FailureCode::OrderNotFound
    )
}

/// Why there is no order any more: to send the same change again would be of no use.
fn not_replaced(failure: Failure) -> Failure {
    let code = if failure.code.is_passing() {
        FailureCode::NotAmendable
    } else {
        failure.code
    };
    Failure {
        code,
        fate: Fate::Refused,
        message: format!("the order is over, and what was to replace it was not placed: {failure}"),
        retry_after: None,
        ..failure
    }
}

fn nothing_under_way() -> Failure {
    Failure::not_sent(FailureCode::NotAmendable, "no change is under way")
}

/// A total of the order as its current leg has it: without what earlier legs traded.
fn in_leg(record: &OrderRecord, total: Option<Decimal>) -> Decimal {
    let total = total.unwrap_or(Decimal::ZERO).value();
    Decimal::from(total.saturating_sub(record.carried_quantity().value()))
}

/// What is left of the order after the change.
fn rest(record: &OrderRecord) -> Decimal {
    let wanted = record.amendment.as_ref().and_then(|a| a.quantity);
    let total = wanted.or(record.order.quantity).unwrap_or(Decimal::ZERO);
    Decimal::from(
        total
            .value()
            .saturating_sub(record.order.filled_quantity.value()),
    )
}
