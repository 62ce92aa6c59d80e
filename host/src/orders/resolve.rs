//! Finds out what became of an order, or of a change to it, by asking its venue.

use std::time::Duration;

use super::service::{Orders, order_ref_of};
use crate::model::{
    Event, Failure, FailureCode, Fate, OrderRecord, OrderReport, OrderState, Stage,
};
use crate::reliability::Deadline;

/// How long one question may take.
const QUESTION_DEADLINE: Duration = Duration::from_secs(5);

/// What a venue that does not show something at all proves: nothing at first, and it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing is known that was not, or everything is.
    Done,
    /// Past the time at which it would have to show, the venue does not.
    Missed,
}

/// How a question about one leg was answered.
enum Word {
    Seen(Box<OrderReport>),
    /// The venue says that it has no such order.
    Absent,
    /// No answer, which says nothing.
    None,
}

impl Orders {
    /// Looks an order up; what is seen is journaled. `misses` counts the earlier times that the venue did
    /// not show what it would have to.
    pub(super) async fn ask_about(&self, record: OrderRecord, misses: u32) -> Asked {
        let deadline = Deadline::after(QUESTION_DEADLINE);
        let id = record.order.id.clone();
        let result = if record.amendment.is_some() {
            self.resolve_amendment(record, misses, deadline).await
        } else {
            self.see_through(record, deadline).await
        };
        result.unwrap_or_else(|error| {
            tracing::error!(order = %id, %error, "what was seen could not be stored or acted on");
            Asked::Done
        })
    }

    async fn see_through(
        &self,
        record: OrderRecord,
        deadline: Deadline,
    ) -> Result<Asked, super::OrderError> {
        let id = record.order.id.clone();
        let report = match self.look_up(&record, deadline).await {
            Ok(report) => report,
            Err(failure) => {
                tracing::info!(order = %id, %failure, "unresolved order not seen");
                return Ok(Asked::Done);
            }
        };
        let record = self.observe(record, report).await?;
        tracing::info!(order = %id, state = record.order.state.name(), "unresolved order seen");
        // A request may have ended the cancel while the venue was asked.
        match self.journal.order(&id).await? {
            Some(record) => self.then_cancel(record, deadline).await,
            None => Ok(Asked::Done),
        }
    }

    /// Looks for the change at the venue: in the order itself, or as the order that took its place. A
    /// change that does not show is over only when venue time has passed its expiry and the time in which
    /// it may still surface, and the venue has failed to show it twice.
    async fn resolve_amendment(
        &self,
        record: OrderRecord,
        misses: u32,
        deadline: Deadline,
    ) -> Result<Asked, super::OrderError> {
        let Some(amendment) = record.amendment.clone() else {
            return Ok(Asked::Done);
        };
        let id = record.order.id.clone();
        let change = amendment.new_client_id.clone();
        if amendment.may_stand_elsewhere() {
            match self
                .ask_for_replacement(&record, &amendment.new_client_id, deadline)
                .await
            {
                Word::Seen(report) => {
                    tracing::info!(order = %id, "the order that replaced it was seen");
                    let record = self
                        .journal
                        .append(
                            &id,
                            vec![Event::Amended {
                                change,
                                report: *report,
                            }],
                        )
                        .await?;
                    return self.then_cancel(record, deadline).await;
                }
                Word::Absent => {}
                Word::None => return Ok(Asked::Done),
            }
        }
        let mut record = record;
        if amendment.stage != Stage::Placing {
            match self.ask_for_current(&record, deadline).await {
                Word::Seen(report) => record = self.observe(record, *report).await?,
                Word::Absent => {}
                Word::None => return Ok(Asked::Done),
            }
        }
        let is_as_before = record
            .amendment
            .as_ref()
            .is_some_and(|now| now.stage == amendment.stage && now.new_client_id == change);
        if !is_as_before {
            return self.then_cancel(record, deadline).await;
        }
        if let Some(expires_at) = amendment.expires_at {
            if !self.is_settled(&record, expires_at) {
                return Ok(Asked::Done);
            }
            if misses == 0 {
                return Ok(Asked::Missed);
            }
        }
        let failure = Failure::new(
            FailureCode::OutcomeUnknown,
            Fate::Refused,
            match amendment.expires_at {
                Some(_) => "the venue never showed the change",
                None => "the change was never sent",
            },
        );
        tracing::warn!(order = %id, %failure, stage = ?amendment.stage, "an open change is given up");
        let record = self
            .journal
            .append(&id, vec![Event::AmendFailed { change, failure }])
            .await?;
        self.then_cancel(record, deadline).await
    }

    /// Sends a cancel that has waited for a change to end.
    async fn then_cancel(
        &self,
        record: OrderRecord,
        deadline: Deadline,
    ) -> Result<Asked, super::OrderError> {
        if record.order.state == OrderState::PendingCancel {
            self.cancel_open(record, deadline).await?;
        }
        Ok(Asked::Done)
    }

    async fn ask_for_current(&self, record: &OrderRecord, deadline: Deadline) -> Word {
        word(self.look_up(record, deadline).await)
    }

    async fn ask_for_replacement(
        &self,
        record: &OrderRecord,
        client_id: &str,
        deadline: Deadline,
    ) -> Word {
        let order = order_ref_of(None, client_id);
        word(self.look_up_leg(record, order, deadline).await)
    }

    /// Whether a request that expired then can surface no more.
    fn is_settled(&self, record: &OrderRecord, expires_at: crate::model::Timestamp) -> bool {
        let Some(venue) = self.venues.get(record.at_venue()) else {
            return false;
        };
        let settle_ms = venue
            .rules(&record.endpoint)
            .map_or(u64::MAX, |rules| rules.settle_ms);
        venue.now(&record.endpoint) > expires_at.plus(Duration::from_millis(settle_ms))
    }
}

fn word(answer: Result<OrderReport, Failure>) -> Word {
    match answer {
        Ok(report) => Word::Seen(Box::new(report)),
        Err(failure) if failure.code == FailureCode::OrderNotFound => Word::Absent,
        Err(_) => Word::None,
    }
}
