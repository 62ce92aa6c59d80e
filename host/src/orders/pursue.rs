//! Sees cancels through: sends them again while the venue shows the order open, until it is over, or known to be gone.

use super::readings::{QUESTION_DEADLINE, Readings};
use super::resolve::{Asked, Case, Gathered, Word};
use super::service::{OrderError, Orders};
use crate::model::{Event, Fate, LifecycleError, MISSES_TO_GIVE_UP, OrderRecord, OrderState, Said};
use crate::reliability::Deadline;
use crate::store::StoreError;

impl Orders {
    /// Asks whether an order that is to be cancelled is over, and where it is not, sends the cancel again:
    /// that is always safe.
    pub(super) async fn see_cancel_through(
        &self,
        readings: &Readings,
        case: Case,
    ) -> Result<Asked, OrderError> {
        let record = &case.record;
        let mut word = Word::Not(Said::Nothing);
        if readings.is_crowded(&record.order.symbol) {
            word = self.among_open(readings, record, &record.client_id).await;
        }
        if matches!(word, Word::Not(_)) {
            if !readings.take_lookup() {
                return Ok(Asked::default());
            }
            let lookup = self.look_up(record, Deadline::after(QUESTION_DEADLINE));
            word = match readings.ask(lookup).await {
                // The venue can be reached, and its lookups fail: a cancel may go through all the same.
                Err(failure) if failure.fate == Fate::Refused && failure.code.is_passing() => {
                    self.then_cancel(record).await?;
                    return Ok(Asked::default());
                }
                looked_up => Word::of(looked_up),
            };
        }
        match word {
            Word::Seen(report) => {
                let record = self.observe(case.record, *report).await?;
                self.then_cancel(&record).await?;
                Ok(Asked::seen())
            }
            Word::Not(Said::Absent) => self.look_for_end(readings, case).await,
            Word::Not(said) => Ok(Asked::unseen(said)),
        }
    }

    /// Looks in every way for how an order ended that a lookup does not find. It is over by the rule by which a
    /// placement is given up: a venue that had it and shows it nowhere any more has nothing left to cancel.
    async fn look_for_end(&self, readings: &Readings, case: Case) -> Result<Asked, OrderError> {
        let Case {
            record, mut misses, ..
        } = case;
        let id = record.order.id.clone();
        // An order that was adopted was sent before it was created, as far as history goes.
        let expires_at = record.place_expires_at.unwrap_or(record.order.created_at);
        let gathered = self
            .gather(readings, &record, &record.client_id, Some(expires_at), true)
            .await;
        let round = match gathered {
            Gathered::Seen(report) => {
                let record = self.observe(record, *report).await?;
                self.then_cancel(&record).await?;
                return Ok(Asked::seen());
            }
            Gathered::NotSeen(round) => round,
        };
        let horizon = readings.horizon(expires_at);
        let Some(miss) = round.miss(horizon) else {
            return Ok(Asked::answered());
        };
        misses.push(miss.clone());
        if misses.len() < MISSES_TO_GIVE_UP {
            return Ok(Asked::missed(miss));
        }
        match self
            .journal
            .append(&id, vec![Event::Vanished { horizon, misses }])
            .await
        {
            Ok(record) => tracing::error!(
                order = %id, venue = record.at_venue(),
                "the venue knows an order no more that was to be cancelled; how it ended is not known"
            ),
            Err(StoreError::Lifecycle(LifecycleError::NotUnderWay(_))) => {} // it was just seen
            Err(error) => return Err(error.into()),
        }
        Ok(Asked::answered())
    }

    /// Sends a cancel that has waited, unless the order has ended meanwhile.
    pub(super) async fn then_cancel(&self, record: &OrderRecord) -> Result<(), OrderError> {
        if record.order.state == OrderState::PendingCancel
            && let Some(record) = self.journal.order(&record.order.id).await?
            && record.order.state == OrderState::PendingCancel
        {
            let deadline = Deadline::after(QUESTION_DEADLINE);
            Box::pin(self.cancel_open(record, deadline)).await?;
        }
        Ok(())
    }
}
