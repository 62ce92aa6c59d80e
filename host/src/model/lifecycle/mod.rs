//! What can happen to an order, and what each event makes of it. Pure: the same events give the same
//! order, so that projections can be rebuilt from the journal.

mod amendment;
mod evidence;
mod moving;
mod record;
mod surfacing;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use amendment::{Amendment, Leg, LegOf, Stage};
pub use evidence::{MISSES_TO_GIVE_UP, Miss, Question, Round, Said, horizon};
pub use moving::{CANCEL_ELSEWHERE, Departure, Destination};
pub use record::OrderRecord;

use super::{Failure, OrderId, OrderReport, OrderState, Timestamp};

/// A request that is about to be sent and may change something, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The operation of the contract.
    pub operation: String,
    /// Method, endpoint alias and path, without the query, where signatures stand.
    pub request: String,
    /// When it was stamped, by the venue's clock.
    pub stamped_at: Timestamp,
    /// When its validity ends, by the venue's clock.
    pub expires_at: Timestamp,
    /// Adapter version.
    pub adapter_version: String,
    /// SHA-256 of the adapter.
    pub adapter_sha256: String,
}

/// Something that happened to an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A caller wants an order; nothing was sent yet.
    Intent {
        /// The order as it is to be.
        record: Box<OrderRecord>,
        /// The key that asked.
        key_id: String,
        /// The request that asked.
        request_id: String,
    },
    /// A request is about to be sent.
    Attempt {
        /// What is sent.
        attempt: Attempt,
    },
    /// What was said on both sides, as [`switchyard_runtime::Exchange`] keeps it: without secrets, and
    /// ready to be replayed. It changes nothing; what it meant is the next event.
    Exchanged {
        /// The exchange.
        exchange: serde_json::Value,
    },
    /// The venue took the order.
    Acknowledged {
        /// The order as the venue has it.
        report: OrderReport,
    },
    /// A placement failed.
    PlaceFailed {
        /// Why, and with what effect.
        failure: Failure,
    },
    /// The order is to be placed at another venue, since the one before certainly has it not.
    FailedOver {
        /// The venue before.
        from: String,
        /// Where it goes, and as what.
        to: Destination,
        /// Why it is not at the one before.
        failure: Failure,
    },
    /// The order was seen at a venue that it went on from.
    SurfacedElsewhere {
        /// That venue.
        venue: String,
        /// The order as the venue has it.
        report: OrderReport,
    },
    /// The order was seen at the venue.
    Observed {
        /// The order as the venue has it.
        report: OrderReport,
    },
    /// The venue was asked in every way it offers, and twice, and the order never arrived.
    NotPlaced {
        /// When it could surface no more, by the venue's clock.
        horizon: Timestamp,
        /// The rounds of questions that missed it.
        misses: Vec<Miss>,
    },
    /// The venue was asked in every way it offers, and twice, and knows the order no more that was to be cancelled.
    Vanished {
        /// When it could have surfaced no more, by the venue's clock.
        horizon: Timestamp,
        /// The rounds of questions that missed it.
        misses: Vec<Miss>,
    },
    /// What was given up was seen at the venue after all.
    SurfacedLate {
        /// The order as the venue has it.
        report: OrderReport,
    },
    /// An order of this gateway was seen at the venue and is not in the journal.
    Adopted {
        /// The order as far as it can be told.
        record: Box<OrderRecord>,
        /// The order as the venue has it.
        report: OrderReport,
    },
    /// A caller wants the order changed.
    AmendRequested {
        /// To what.
        amendment: Amendment,
        /// The key that asked.
        key_id: String,
        /// The request that asked.
        request_id: String,
    },
    /// The venue cannot replace the order as it is: its rest is to be cancelled, then placed anew.
    CloseToReplace {
        /// The change that this is a step of, by the client order id of the leg that it may bring.
        change: String,
    },
    /// The venue made the change.
    Amended {
        /// Which change, as above.
        change: String,
        /// The order, or the one that took its place, as the venue has it.
        report: OrderReport,
    },
    /// The venue cancelled the order and did not take the one to replace it.
    NotReplaced {
        /// Which change, as above.
        change: String,
        /// The order that was cancelled.
        canceled: OrderReport,
        /// Why the other was not taken, and with what effect.
        failure: Failure,
    },
    /// A change failed.
    AmendFailed {
        /// Which change, as above.
        change: String,
        /// Why, and with what effect.
        failure: Failure,
    },
    /// A caller wants the order cancelled.
    CancelRequested {
        /// The key that asked.
        key_id: String,
        /// The request that asked.
        request_id: String,
    },
    /// A cancel failed.
    CancelFailed {
        /// Why, and with what effect.
        failure: Failure,
    },
}

impl Event {
    /// The name used in the journal's index.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Intent { .. } => "intent",
            Self::Attempt { .. } => "attempt",
            Self::Exchanged { .. } => "exchanged",
            Self::Acknowledged { .. } => "acknowledged",
            Self::PlaceFailed { .. } => "place_failed",
            Self::FailedOver { .. } => "failed_over",
            Self::SurfacedElsewhere { .. } => "surfaced_elsewhere",
            Self::Observed { .. } => "observed",
            Self::NotPlaced { .. } => "not_placed",
            Self::Vanished { .. } => "vanished",
            Self::SurfacedLate { .. } => "surfaced_late",
            Self::Adopted { .. } => "adopted",
            Self::AmendRequested { .. } => "amend_requested",
            Self::CloseToReplace { .. } => "close_to_replace",
            Self::Amended { .. } => "amended",
            Self::NotReplaced { .. } => "not_replaced",
            Self::AmendFailed { .. } => "amend_failed",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::CancelFailed { .. } => "cancel_failed",
        }
    }
}

/// Events that cannot follow each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LifecycleError {
    /// Two intents with one id.
    #[error("order {0} exists already")]
    Exists(OrderId),
    /// Something happened to an order that was never intended.
    #[error("event {0:?} comes before the order's intent")]
    NoIntent(&'static str),
    /// Only an open order to which nothing else is being done can be changed.
    #[error("the order is {}", .0.name())]
    NotOpen(OrderState),
    /// An order that may be at a venue, or is not wanted any more, goes to no other.
    #[error("the order cannot be placed elsewhere")]
    NotMovable,
    /// A step of a placement or change that is not, or no longer, being made.
    #[error("{0} belongs to nothing that is under way")]
    NotUnderWay(&'static str),
}

/// What an event makes of an order.
///
/// # Errors
/// [`LifecycleError`] where the first event is neither an intent nor an adoption, a later one is, or the
/// order has moved on since the event was thought of.
pub fn apply(
    record: Option<OrderRecord>,
    event: &Event,
    at: Timestamp,
) -> Result<OrderRecord, LifecycleError> {
    let mut record = match (record, event) {
        (None, Event::Intent { record, .. }) => return Ok((**record).clone()),
        (None, Event::Adopted { record, report }) => {
            let mut record = (**record).clone();
            record.learn(report);
            return Ok(record);
        }
        (Some(record), Event::Intent { .. } | Event::Adopted { .. }) => {
            return Err(LifecycleError::Exists(record.order.id));
        }
        (None, event) => return Err(LifecycleError::NoIntent(event.kind())),
        (Some(record), _) => record,
    };
    match event {
        Event::Intent { .. } | Event::Adopted { .. } | Event::Exchanged { .. } => {}
        // It is not about the order where that is.
        Event::Attempt { attempt } if attempt.operation == CANCEL_ELSEWHERE => {}
        Event::Attempt { attempt } => {
            record.note_attempt(&attempt.operation, attempt.expires_at)?;
            record.order.served_by = Some(record.at_venue().to_owned());
        }
        Event::Acknowledged { report } | Event::Observed { report } => record.learn(report),
        Event::SurfacedLate { report } if record.surfaces(report) => record.learn(report),
        Event::SurfacedLate { .. } => return Err(LifecycleError::NotUnderWay("surfaced_late")),
        Event::NotPlaced { misses, .. } => record.not_placed(misses, at)?,
        Event::Vanished { misses, .. } => record.vanished(misses, at)?,
        Event::PlaceFailed { failure } => record.place_failed(failure, at),
        Event::FailedOver { from, to, failure } => record.fail_over(from, to, failure, at)?,
        Event::SurfacedElsewhere { venue, report } => record.surfaced_elsewhere(venue, report)?,
        Event::AmendRequested { amendment, .. } => record.request_amend(amendment.clone())?,
        Event::CloseToReplace { change } => record.close_to_replace(change)?,
        Event::Amended { change, report } => record.amended(change, report),
        Event::NotReplaced {
            change,
            canceled,
            failure,
        } => record.not_replaced(change, canceled, failure, at),
        Event::AmendFailed { change, failure } => record.amend_failed(change, failure, at),
        Event::CancelRequested { .. } => record.request_cancel(),
        Event::CancelFailed { failure } => record.cancel_failed(failure),
    }
    record.order.updated_at = record.order.updated_at.max(at);
    Ok(record)
}
