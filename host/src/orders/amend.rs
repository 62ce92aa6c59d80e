//! Changes an open order: by one request where the venue can, else by cancelling what is left of it and
//! placing that anew, each step journaled before it is sent.

use std::sync::Arc;
use std::time::Duration;

use switchyard_runtime::wit::descriptor::AmendMode;
use switchyard_runtime::wit::trading as wit_trading;
use switchyard_runtime::{Amend, Place};
use tracing::Instrument as _;

use super::in_flight::Working;
use super::place::not_proven;
use super::service::{Caller, LAST_WORD, OrderError, Orders, order_ref};
use super::validate::{self, FieldProblem};
use crate::model::{
    Amendment, Decimal, Event, Failure, FailureCode, Fate, LifecycleError, Order, OrderId,
    OrderRecord, OrderState, Stage,
};
use crate::plugin::translate::{self, AmendOutcome};
use crate::reliability::{Deadline, DeadlinePassed};
use crate::store::StoreError;
use crate::venue::{Ask, Listed, Venue};

/// Time between two questions whether a leg that is being cancelled is over.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// What a caller wants changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The new total, what is filled included.
    pub quantity: Option<Decimal>,
    /// The new price.
    pub price: Option<Decimal>,
}

impl Change {
    fn is_none(&self) -> bool {
        self.quantity.is_none() && self.price.is_none()
    }

    fn is_made_in(&self, order: &Order) -> bool {
        self.quantity.is_none_or(|q| order.quantity == Some(q))
            && self.price.is_none_or(|price| order.price == Some(price))
    }
}

impl Orders {
    /// Changes the tenant's order. The answer is the order as it is now; while it is `PENDING_REPLACE`
    /// the change's fate is open, and is found out whether or not the caller waits.
    ///
    /// # Errors
    /// [`OrderError`]; where the order could not be changed it is as it was, unless it says that it ended.
    pub async fn amend(
        &self,
        caller: Caller,
        id: OrderId,
        change: Change,
        deadline: Deadline,
    ) -> Result<Order, OrderError> {
        let mut record = self.own_order(&caller, &id).await?;
        is_open(&record)?;
        if change.is_none() {
            let problem = "quantity or price must be given, or both";
            let problem = FieldProblem::absent("quantity", problem);
            return Err(OrderError::Invalid(vec![problem]));
        }
        if change.is_made_in(&record.order) {
            // Most likely said twice; but another client may have changed the order at the venue.
            let (seen, unheard) = self.refresh(record, deadline).await?;
            if let Some(failure) = unheard {
                return Err(failed(&seen, failure));
            }
            is_open(&seen)?;
            if change.is_made_in(&seen.order) {
                return Ok(seen.order);
            }
            record = seen;
        }
        let (venue, listed) = self
            .where_it_trades(&record)
            .map_err(|failure| failed(&record, failure))?;
        let mode = venue
            .rules(&record.endpoint)
            .map_or(AmendMode::Unsupported, |rules| rules.amend_mode);
        if mode == AmendMode::Unsupported {
            let message = format!("{} cannot amend orders", venue.name());
            let failure = Failure::not_sent(FailureCode::Unsupported, message);
            return Err(failed(&record, failure));
        }
        let problems = validate::change_problems(&record.order, change, &listed.instrument);
        if !problems.is_empty() {
            return Err(OrderError::Invalid(problems));
        }
        let new_client_id = id
            .another_leg()
            .map_err(|error| OrderError::Internal(error.to_string()))?;
        let requested = Event::AmendRequested {
            amendment: Amendment {
                quantity: change.quantity,
                price: change.price,
                new_client_id,
                replaces: mode == AmendMode::CancelReplace,
                stage: Stage::Changing,
                expires_at: None,
            },
            key_id: caller.key_id,
            request_id: caller.request_id,
        };
        let working = self.in_flight.begin(&id);
        let (venue, listed) = (venue.clone(), listed);
        let record = match self.journal.append(&id, vec![requested]).await {
            Ok(record) => record,
            // Another request was faster.
            Err(StoreError::Lifecycle(LifecycleError::NotOpen(state))) => {
                return Err(not_open(&id, state));
            }
            Err(error) => return Err(error.into()),
        };
        let known = record.order.clone();
        let amending = Amending {
            orders: self.clone(),
            venue,
            listed,
            deadline,
            _working: working,
        };
        let running = tokio::spawn(amending.run(record).in_current_span());
        match deadline.plus(LAST_WORD).bound(running).await {
            Ok(Ok(amended)) => amended,
            Ok(Err(_)) => Err(OrderError::Internal("the amend ended early".into())),
            Err(DeadlinePassed) => Ok(known), // it is found out whether or not anyone waits
        }
    }
}

fn is_open(record: &OrderRecord) -> Result<(), OrderError> {
    match record.order.state {
        OrderState::New | OrderState::PartiallyFilled => Ok(()),
        state => Err(not_open(&record.order.id, state)),
    }
}

fn not_open(id: &OrderId, state: OrderState) -> OrderError {
    OrderError::NotOpen {
        id: id.clone(),
        state,
    }
}

fn failed(record: &OrderRecord, failure: Failure) -> OrderError {
    OrderError::Venue {
        venue: record.order.venue.clone(),
        failure: Box::new(failure),
        order_id: Some(record.order.id.clone()),
    }
}

/// One change on its way.
struct Amending {
    orders: Orders,
    venue: Arc<Venue>,
    listed: Arc<Listed>,
    deadline: Deadline,
    _working: Working,
}

impl Amending {
    async fn run(self, record: OrderRecord) -> Result<Order, OrderError> {
        let id = record.order.id.clone();
        let result = self.change(record).await;
        // A cancel that was asked for meanwhile has waited for this.
        match self.orders.journal.order(&id).await? {
            Some(record) if record.order.state == OrderState::PendingCancel => {
                self.orders.cancel_open(record, self.deadline).await
            }
            _ => result,
        }
    }

    async fn change(&self, record: OrderRecord) -> Result<Order, OrderError> {
        match self.send_amend(&record).await {
            Ok(AmendOutcome::Amended(report)) => {
                let record = self.note(&record, vec![Event::Amended { report }]).await?;
                self.outcome(record)
            }
            Ok(AmendOutcome::NotReplaced { canceled, failure }) => {
                let event = Event::NotReplaced {
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
            .run(ask, |attempt| {
                self.orders.record_attempt(&record.order.id, attempt)
            })
            .await?;
        translate::amend_outcome(record, outcome, self.venue.now(&record.endpoint))
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
        let refused = Event::AmendFailed {
            failure: failure.clone(),
        };
        if report.state.is_final() || !report.filled_quantity.is_positive() {
            let events = vec![refused, Event::Observed { report }];
            let record = self.note(&record, events).await?;
            return self.end_of_failed(record, failure);
        }
        let record = self.note(&record, vec![Event::Observed { report }]).await?;
        if record.amendment.is_none() {
            return self.outcome(record); // the change shows
        }
        if let Some(problem) = self.problem_of_rest(&record) {
            self.note(&record, vec![refused]).await?;
            return Err(OrderError::Invalid(vec![problem]));
        }
        let record = self.note(&record, vec![Event::CloseToReplace]).await?;
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
                let event = Event::AmendFailed {
                    failure: failure.clone(),
                };
                let record = self.note(&record, vec![event]).await?;
                return Err(failed(&record, failure));
            }
            Ok(None) | Err(_) => record,
        };
        loop {
            if record.order.state.is_final() || record.is_between_legs() {
                return Ok(Closed::Over(record));
            }
            if self.deadline.has_passed() {
                return Ok(Closed::NotYet(record));
            }
            (record, _) = self.orders.refresh(record, self.deadline).await?;
            if !record.order.state.is_final() && !record.is_between_legs() {
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
            .run(ask, |attempt| {
                self.orders.record_attempt(&record.order.id, attempt)
            })
            .await
            .and_then(|report| {
                translate::replacing_report(&record, left, report)
                    .map_err(translate::unreadable_change)
            })
            .map_err(not_proven);
        match placed {
            Ok(report) => {
                let record = self.note(&record, vec![Event::Amended { report }]).await?;
                self.outcome(record)
            }
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
        let event = Event::AmendFailed {
            failure: failure.clone(),
        };
        let mut record = self.note(&record, vec![event]).await?;
        if says_not_amendable(&failure) && record.amendment.is_none() {
            (record, _) = self.orders.refresh(record, self.deadline).await?; // most likely it is over
        }
        self.end_of_failed(record, failure)
    }

    fn end_of_failed(&self, record: OrderRecord, failure: Failure) -> Result<Order, OrderError> {
        if record.amendment.is_some() {
            tracing::warn!(order = %record.order.id, %failure, "the change's fate is open");
            return Ok(record.order);
        }
        if says_not_amendable(&failure) && record.order.state.is_final() {
            return Err(not_open(&record.order.id, record.order.state));
        }
        Err(failed(&record, failure))
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
