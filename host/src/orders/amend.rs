//! Changes an open order: by one request where the venue can, else by cancelling what is left of it and
//! placing that anew, each step journaled before it is sent.

use switchyard_runtime::wit::descriptor::AmendMode;
use tracing::Instrument as _;

use super::amending::Amending;
use super::risk::{Exposure, Grows};
use super::service::{Caller, LAST_WORD, OrderError, Orders};
use super::validate::{self, FieldProblem};
use crate::market::Source;
use crate::model::{
    Amendment, Decimal, Event, Failure, FailureCode, LifecycleError, Order, OrderId, OrderRecord,
    OrderState, Stage,
};
use crate::reliability::{Deadline, DeadlinePassed};
use crate::store::{Commit, StoreError};
use crate::telemetry::order_span;
use crate::venue::{Tape, halted};

/// Legs that an order may have behind it. Each is kept with the order, and has an id out of 32,768.
const MAX_LEGS: usize = 1_000;

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
        self.must_be_reconciled(record.at_venue(), &record.endpoint)?;
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
        if let Some(halt) = venue.halt() {
            return Err(failed(&record, halted(venue.name(), &halt)));
        }
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
        let source = Source {
            venue: venue.clone(),
            listed: listed.clone(),
        };
        if let Some(exposure) = exposure(&record.order, change) {
            self.hold_change_to_limits(&caller.tenant, &source, exposure, deadline)
                .await?;
        }
        if record.past_legs.len() >= MAX_LEGS {
            let message = format!(
                "the order was replaced {MAX_LEGS} times, which is as often as it can be; cancel it and place anew"
            );
            let failure = Failure::not_sent(FailureCode::NotAmendable, message);
            return Err(failed(&record, failure));
        }
        let new_client_id = unused_leg(&record)?;
        let requested = Event::AmendRequested {
            amendment: Amendment {
                quantity: change.quantity,
                price: change.price,
                new_client_id: new_client_id.clone(),
                replaces: mode == AmendMode::CancelReplace,
                stage: Stage::Changing,
                expires_at: None,
            },
            key_id: caller.key_id,
            request_id: caller.request_id,
        };
        let working = self.in_flight.begin(&id);
        let (venue, listed) = (venue.clone(), listed);
        let commit = Commit::of_order(&id, vec![requested]).claiming(caller.claim.as_ref());
        let record = match self.journal.append_as(&id, commit).await {
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
            change: new_client_id,
            tape: Tape::default(),
            _working: working,
        };
        let span = order_span("amend", &id.to_string(), &record.tenant);
        let running = self.detached.spawn(amending.run(record).instrument(span));
        match deadline.plus(LAST_WORD).bound(running).await {
            Ok(Ok(amended)) => amended,
            Ok(Err(_)) => Err(OrderError::Internal("the amend ended early".into())),
            Err(DeadlinePassed) => Ok(known), // it is found out whether or not anyone waits
        }
    }
}

/// A client order id that no leg of the order has had: venues take an id again once its order is over.
fn unused_leg(record: &OrderRecord) -> Result<String, OrderError> {
    loop {
        let drawn = record
            .order
            .id
            .another_leg()
            .map_err(|error| OrderError::Internal(error.to_string()))?;
        if !record.has_used(&drawn) {
            return Ok(drawn);
        }
    }
}

/// What the order is to be, as far as limits are concerned. What makes it smaller and nothing else is held
/// to its rate only.
fn exposure(order: &Order, change: Change) -> Option<Exposure> {
    let quantity = change.quantity.or(order.quantity)?;
    let price = change.price.or(order.price);
    let is_dearer = price > order.price;
    Some(Exposure {
        side: order.side,
        quantity,
        price,
        grows: Grows {
            value: Some(quantity) > order.quantity || is_dearer,
            price: price != order.price,
        },
    })
}

fn is_open(record: &OrderRecord) -> Result<(), OrderError> {
    match record.order.state {
        OrderState::New | OrderState::PartiallyFilled => Ok(()),
        state => Err(not_open(&record.order.id, state)),
    }
}

pub(super) fn not_open(id: &OrderId, state: OrderState) -> OrderError {
    OrderError::NotOpen {
        id: id.clone(),
        state,
    }
}

pub(super) fn failed(record: &OrderRecord, failure: Failure) -> OrderError {
    OrderError::Venue {
        venue: record.at_venue().to_owned(),
        failure: Box::new(failure),
        order_id: Some(record.order.id.clone()),
    }
}
