//! Cancels an order, and says whether it is over or still on its way.

use tracing::Instrument as _;

use super::service::{Caller, LAST_WORD, OrderError, Orders};
use crate::model::{Event, Failure, FailureCode, Fate, Order, OrderId, OrderRecord, OrderState};
use crate::reliability::{Deadline, DeadlinePassed};
use crate::store::Commit;
use crate::telemetry::order_span;

impl Orders {
    /// Cancels the tenant's order. The answer is final where its state is; otherwise the cancel is
    /// pursued until it is, whether or not the caller waits.
    ///
    /// # Errors
    /// [`OrderError::NotFound`], or the venue's refusal, after which the order is open as before.
    pub async fn cancel(
        &self,
        caller: Caller,
        id: OrderId,
        deadline: Deadline,
    ) -> Result<Order, OrderError> {
        let record = self.own_order(&caller, &id).await?;
        // What was given up and shows after all is cancelled then.
        let may_show = record.watched_until.is_some() && !record.cancel_on_sight;
        if record.order.state.is_final() && !may_show {
            return Ok(record.order);
        }
        let Caller {
            key_id,
            request_id,
            claim,
            ..
        } = caller;
        let requested = Event::CancelRequested { key_id, request_id };
        let commit = Commit::of_order(&id, vec![requested]).claiming(claim.as_ref());
        let record = self.journal.append_as(&id, commit).await?;
        if record.order.state != OrderState::PendingCancel {
            // Over; or its fate, or that of a change, is open, and it is cancelled once that is known.
            return Ok(record.order);
        }
        let (orders, known) = (self.clone(), record.order.clone());
        let running = self
            .detached
            .spawn(async move { orders.cancel_open(record, deadline).await }.in_current_span());
        match deadline.plus(LAST_WORD).bound(running).await {
            Ok(Ok(cancelled)) => cancelled,
            Ok(Err(_)) => Err(OrderError::Internal("the cancel ended early".into())),
            Err(DeadlinePassed) => Ok(known), // it is pursued whether or not anyone waits
        }
    }

    /// Sends the cancel that was asked for while something else was being done to an order, if one was.
    pub(super) async fn cancel_if_it_waited(
        &self,
        id: &OrderId,
        deadline: Deadline,
    ) -> Option<Result<Order, OrderError>> {
        match self.journal.order(id).await {
            Ok(Some(record)) if record.order.state == OrderState::PendingCancel => {
                Some(self.cancel_open(record, deadline).await)
            }
            _ => None, // it is pursued where the journal fails
        }
    }

    /// Sends the cancel of an order that the venue has, and takes in what it says.
    pub(super) async fn cancel_open(
        &self,
        record: OrderRecord,
        deadline: Deadline,
    ) -> Result<Order, OrderError> {
        let span = order_span("cancel", &record.order.id.to_string(), &record.tenant);
        self.cancel_now(record, deadline).instrument(span).await
    }

    async fn cancel_now(
        &self,
        record: OrderRecord,
        deadline: Deadline,
    ) -> Result<Order, OrderError> {
        let _working = self.in_flight.begin(&record.order.id);
        match self.send_cancel(&record, deadline).await {
            Ok(Some(report)) => Ok(self.observe(record, report).await?.order),
            Ok(None) => Ok(record.order),
            // It may have ended in another way in the meantime: the venue knows.
            Err(Failure {
                code: FailureCode::OrderNotFound | FailureCode::NotAmendable,
                ..
            }) => match self.look_up(&record, deadline).await {
                Ok(report) => Ok(self.observe(record, report).await?.order),
                Err(_) => Ok(record.order),
            },
            Err(failure) if failure.fate != Fate::Unknown && !failure.code.is_passing() => {
                let (id, venue) = (record.order.id.clone(), record.at_venue().to_owned());
                let event = Event::CancelFailed {
                    failure: failure.clone(),
                };
                let record = self.journal.append(&id, vec![event]).await?;
                if record.order.state.is_final() {
                    return Ok(record.order); // it ended while it was asked
                }
                Err(OrderError::Venue {
                    venue,
                    failure: Box::new(failure),
                    order_id: Some(id),
                })
            }
            Err(_) => Ok(record.order),
        }
    }
}
