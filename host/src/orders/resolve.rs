//! Finds out what became of an order, or of a change to it, by asking its venue.

use futures_util::future::BoxFuture;
use tracing::Instrument as _;

use super::readings::{QUESTION_DEADLINE, Readings};
use super::service::{OrderError, Orders, order_ref, order_ref_of};
use crate::model::{
    Event, Failure, FailureCode, Fate, LifecycleError, MISSES_TO_GIVE_UP, Miss, OrderRecord,
    OrderReport, OrderState, Question, Round, Said, Stage, Timestamp,
};
use crate::reliability::Deadline;
use crate::store::StoreError;
use crate::telemetry::order_span;

/// One order that a round of questions is about.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) record: OrderRecord,
    /// Rounds that have missed what would have to show.
    pub(super) misses: Vec<Miss>,
    /// Whether a lookup was not enough before.
    pub(super) is_thorough: bool,
}

/// What a round of questions led to.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Whether the venue said anything of the order.
    pub(super) is_answered: bool,
    /// Whether the venue showed it: what missed it before counts for nothing.
    pub(super) is_seen: bool,
    /// What the round missed, where that counts and more is needed.
    pub(super) miss: Option<Miss>,
}

impl Asked {
    pub(super) fn answered() -> Self {
        Self {
            is_answered: true,
            ..Self::default()
        }
    }

    /// The order was seen.
    pub(super) fn seen() -> Self {
        Self {
            is_seen: true,
            ..Self::answered()
        }
    }

    /// The order was missed by a round that counts, and by too few.
    pub(super) fn missed(miss: Miss) -> Self {
        Self {
            miss: Some(miss),
            ..Self::answered()
        }
    }

    /// The order was not seen.
    pub(super) fn unseen(said: Said) -> Self {
        Self {
            is_answered: said == Said::Absent,
            ..Self::default()
        }
    }
}

/// How a question about one order was answered.
pub(super) enum Word {
    Seen(Box<OrderReport>),
    Not(Said),
}

/// How a round of questions about one order was answered.
pub(super) enum Gathered {
    Seen(Box<OrderReport>),
    NotSeen(Round),
}

impl Orders {
    /// Asks about an order; what is seen is journaled.
    pub(super) async fn ask_about(&self, readings: &Readings, case: Case) -> Asked {
        let id = case.record.order.id.clone();
        let span = order_span("resolve", &id.to_string(), &case.record.tenant);
        // On the heap: together they would be too much for a thread's stack.
        let asking: BoxFuture<'_, Result<Asked, OrderError>> = if !case.record.is_unresolved() {
            Box::pin(self.look_for_given_up(readings, case.record))
        } else if case.record.amendment.is_some() {
            Box::pin(self.resolve_amendment(readings, case))
        } else if case.record.order.state == OrderState::PendingNew {
            Box::pin(self.resolve_placement(readings, case))
        } else {
            Box::pin(self.see_cancel_through(readings, case))
        };
        asking.instrument(span).await.unwrap_or_else(|error| {
            tracing::error!(order = %id, %error, "what was seen could not be stored or acted on");
            Asked::default()
        })
    }

    /// An order is given up only where complete rounds of questions have missed it often enough, all of them
    /// begun after it could surface no more.
    async fn resolve_placement(
        &self,
        readings: &Readings,
        case: Case,
    ) -> Result<Asked, OrderError> {
        let Case {
            record,
            mut misses,
            is_thorough,
        } = case;
        let expires_at = record.place_expires_at;
        let client_id = record.client_id.clone();
        let gathered = self
            .gather(readings, &record, &client_id, expires_at, is_thorough)
            .await;
        let id = record.order.id.clone();
        let round = match gathered {
            Gathered::Seen(report) => {
                let record = self.observe(record, *report).await?;
                tracing::info!(order = %id, state = record.order.state.name(), "unresolved order seen");
                self.then_cancel(&record).await?;
                return Ok(Asked::answered());
            }
            Gathered::NotSeen(round) => round,
        };
        let horizon = expires_at.map(|expires_at| readings.horizon(expires_at));
        let miss = horizon.and_then(|horizon| round.miss(horizon).map(|miss| (horizon, miss)));
        let Some((horizon, miss)) = miss else {
            tracing::info!(order = %id, "unresolved order not seen");
            return Ok(Asked {
                is_answered: round.is_answered(),
                ..Asked::default()
            });
        };
        misses.push(miss.clone());
        if misses.len() < MISSES_TO_GIVE_UP {
            tracing::info!(order = %id, "unresolved order missed by a complete round of questions");
            return Ok(Asked::missed(miss));
        }
        let event = Event::NotPlaced { horizon, misses };
        match self.journal.append(&id, vec![event]).await {
            Ok(record) => {
                self.metrics.fates.not_placed(record.at_venue());
                tracing::warn!(order = %id, venue = record.at_venue(), "the order never arrived; it is given up");
            }
            Err(StoreError::Lifecycle(LifecycleError::NotUnderWay(_))) => {} // it was just seen
            Err(error) => return Err(error.into()),
        }
        Ok(Asked::answered())
    }

    /// Looks for the change at the venue: in the order itself, or as the order that took its place. It is
    /// given up by the same rule; where it is made in place, the order itself is what misses it.
    async fn resolve_amendment(
        &self,
        readings: &Readings,
        case: Case,
    ) -> Result<Asked, OrderError> {
        let Case {
            mut record,
            mut misses,
            is_thorough,
        } = case;
        let Some(amendment) = record.amendment.clone() else {
            return Ok(Asked::default());
        };
        let id = record.order.id.clone();
        let change = amendment.new_client_id.clone();
        let began_at = readings.now();
        let horizon = amendment.expires_at.map(|at| readings.horizon(at));
        let mut miss = None;
        let mut is_answered = false;
        if amendment.may_stand_elsewhere() {
            let gathered = self
                .gather(
                    readings,
                    &record,
                    &change,
                    amendment.expires_at,
                    is_thorough,
                )
                .await;
            match gathered {
                Gathered::Seen(report) => {
                    tracing::info!(order = %id, "the order that replaced it was seen");
                    let event = Event::Amended {
                        change,
                        report: *report,
                    };
                    let record = self.journal.append(&id, vec![event]).await?;
                    self.then_cancel(&record).await?;
                    return Ok(Asked::answered());
                }
                Gathered::NotSeen(round) => {
                    is_answered = round.is_answered();
                    miss = horizon.and_then(|horizon| round.miss(horizon));
                }
            }
        }
        if amendment.stage != Stage::Placing {
            match self.look_up_once(readings, &record, None).await {
                Word::Seen(report) => {
                    is_answered = true;
                    record = self.observe(record, *report).await?;
                }
                Word::Not(Said::Absent) => is_answered = true,
                Word::Not(_) => {
                    return Ok(Asked {
                        is_answered,
                        ..Asked::default()
                    });
                }
            }
            if !amendment.may_stand_elsewhere() {
                miss = horizon.filter(|horizon| began_at > *horizon).map(|_| Miss {
                    began_at,
                    asked: vec![Question::GetOrder],
                    not_offered: Vec::new(),
                });
            }
        }
        let is_as_before = record
            .amendment
            .as_ref()
            .is_some_and(|now| now.stage == amendment.stage && now.new_client_id == change);
        if !is_as_before {
            self.then_cancel(&record).await?;
            return Ok(Asked::answered());
        }
        if amendment.expires_at.is_some() {
            let Some(miss) = miss else {
                return Ok(Asked {
                    is_answered,
                    ..Asked::default()
                });
            };
            misses.push(miss.clone());
            if misses.len() < MISSES_TO_GIVE_UP {
                return Ok(Asked {
                    is_answered,
                    ..Asked::missed(miss)
                });
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
        self.then_cancel(&record).await?;
        Ok(Asked::answered())
    }

    /// Looks for what was given up. Cheap: it is asked for a whole day.
    async fn look_for_given_up(
        &self,
        readings: &Readings,
        record: OrderRecord,
    ) -> Result<Asked, OrderError> {
        let mut asked = Asked::default();
        for client_id in record.given_up() {
            let mut word = self.among_open(readings, &record, client_id).await;
            if matches!(word, Word::Not(_)) && readings.take_lookup() {
                word = self.look_up_once(readings, &record, Some(client_id)).await;
            }
            match word {
                Word::Seen(report) => {
                    let seen = self.observe(record.clone(), *report).await?;
                    self.then_cancel(&seen).await?;
                    return Ok(Asked::answered());
                }
                Word::Not(said) => asked.is_answered |= said == Said::Absent,
            }
        }
        Ok(asked)
    }

    /// Asks for an order by its client order id in every way, or as long as it takes until it is seen. The
    /// first time, and while it may still surface, a lookup is enough; where many are asked about, lists are.
    pub(super) async fn gather(
        &self,
        readings: &Readings,
        record: &OrderRecord,
        client_id: &str,
        expires_at: Option<Timestamp>,
        is_thorough: bool,
    ) -> Gathered {
        let mut round = Round::begin(readings.now());
        let symbol = &record.order.symbol;
        let is_over = expires_at.is_some_and(|at| readings.now() > readings.horizon(at));
        let is_crowded = readings.is_crowded(symbol);
        let questions = match (is_crowded, is_over || is_thorough) {
            (true, _) => vec![
                Question::ListOpen,
                Question::ListHistory,
                Question::ListFills,
                Question::GetOrder,
            ],
            (false, true) => Question::ALL.to_vec(),
            (false, false) => vec![Question::GetOrder],
        };
        for question in questions {
            let word = match (question, expires_at) {
                (Question::GetOrder, _) => {
                    let is_needed = !is_crowded || is_over || !round.is_answered();
                    if !is_needed || !readings.take_lookup() {
                        continue;
                    }
                    self.look_up_once(readings, record, Some(client_id)).await
                }
                (Question::ListOpen, _) => self.among_open(readings, record, client_id).await,
                (Question::ListHistory, Some(expires_at)) => {
                    match readings.history(symbol, expires_at).await {
                        Ok(reports) => among(&reports, record, client_id),
                        Err(failure) => Word::Not(said(&failure)),
                    }
                }
                (Question::ListFills, Some(expires_at)) => {
                    self.among_fills(readings, record, client_id, expires_at)
                        .await
                }
                (Question::ListHistory | Question::ListFills, None) => continue,
            };
            match word {
                Word::Seen(report) => return Gathered::Seen(report),
                Word::Not(said) => round.note(question, said),
            }
        }
        Gathered::NotSeen(round)
    }

    pub(super) async fn among_open(
        &self,
        readings: &Readings,
        record: &OrderRecord,
        client_id: &str,
    ) -> Word {
        match readings.open(&record.order.symbol).await {
            Ok(reports) => among(&reports, record, client_id),
            Err(failure) => Word::Not(said(&failure)),
        }
    }

    /// Whether a fill is of the order: by the name that the venue gives with it, or that of the order it is of.
    async fn among_fills(
        &self,
        readings: &Readings,
        record: &OrderRecord,
        client_id: &str,
        expires_at: Timestamp,
    ) -> Word {
        let order = &record.order;
        let traced = match readings.fills(&order.symbol, expires_at).await {
            Ok(traced) => traced,
            Err(failure) => return Word::Not(said(&failure)),
        };
        let mut said = Said::Absent;
        for fill in &traced.fills {
            if (&fill.symbol, fill.side) != (&order.symbol, order.side) {
                continue;
            }
            if traced.client_id(fill) == Some(client_id) {
                let place = order_ref_of(Some(&fill.venue_order_id), client_id);
                let deadline = Deadline::after(QUESTION_DEADLINE);
                let report = readings.ask(self.look_up_leg(record, place, deadline));
                return match report.await {
                    Ok(report) => Word::Seen(Box::new(report)),
                    Err(_) => Word::Not(Said::Nothing), // it is there: nothing may be concluded
                };
            }
            if traced.is_in_doubt(fill) {
                said = Said::Nothing;
            }
        }
        Word::Not(said)
    }

    /// Looks up one leg by its client order id, or the current one by whatever is known of it.
    pub(super) async fn look_up_once(
        &self,
        readings: &Readings,
        record: &OrderRecord,
        client_id: Option<&str>,
    ) -> Word {
        let order = client_id.map_or_else(|| order_ref(record), |id| order_ref_of(None, id));
        let deadline = Deadline::after(QUESTION_DEADLINE);
        let lookup = self.look_up_leg(record, order, deadline);
        Word::of(readings.ask(lookup).await)
    }
}

impl Word {
    /// What a lookup says.
    pub(super) fn of(looked_up: Result<OrderReport, Failure>) -> Self {
        match looked_up {
            Ok(report) => Self::Seen(Box::new(report)),
            Err(failure) if failure.code == FailureCode::OrderNotFound => Self::Not(Said::Absent),
            Err(failure) => Self::Not(said(&failure)),
        }
    }
}

/// The order of a client order id in a list.
fn among(reports: &[OrderReport], record: &OrderRecord, client_id: &str) -> Word {
    let mut reports = reports.iter();
    match reports.find(|report| report.client_id.as_deref() == Some(client_id)) {
        Some(report) if record.difference(report).is_none() => Word::Seen(Box::new(report.clone())),
        Some(report) => {
            tracing::error!(order = %record.order.id, ?report, "the venue shows something else under the order's id");
            Word::Not(Said::Nothing)
        }
        None => Word::Not(Said::Absent),
    }
}

/// What a question that failed says. Only the adapter's own word, before anything is sent, means that the
/// venue has no such question: a passing page of a proxy must not.
fn said(failure: &Failure) -> Said {
    if failure.code == FailureCode::Unsupported && failure.fate == Fate::NotSent {
        Said::NotOffered
    } else {
        Said::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_adapter_refuses_to_ask_is_not_offered() {
        for (code, fate, expected) in [
            (FailureCode::Unsupported, Fate::NotSent, Said::NotOffered),
            (FailureCode::Unsupported, Fate::Refused, Said::Nothing),
            (FailureCode::OrderNotFound, Fate::Refused, Said::Nothing),
            (FailureCode::Timeout, Fate::NotSent, Said::Nothing),
            (FailureCode::VenueUnavailable, Fate::NotSent, Said::Nothing),
        ] {
            assert_eq!(said(&Failure::new(code, fate, "x")), expected, "{code:?}");
        }
    }
}
