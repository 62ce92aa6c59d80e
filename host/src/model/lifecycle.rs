//! What can happen to an order, and what each event makes of it. Pure: the same events give the same
//! order, so that projections can be rebuilt from the journal.

use serde::{Deserialize, Serialize};

use super::{Decimal, Failure, Fate, Order, OrderId, OrderReport, OrderState, Timestamp};

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
    /// The order was seen at the venue.
    Observed {
        /// The order as the venue has it.
        report: OrderReport,
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
            Self::Acknowledged { .. } => "acknowledged",
            Self::PlaceFailed { .. } => "place_failed",
            Self::Observed { .. } => "observed",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::CancelFailed { .. } => "cancel_failed",
        }
    }
}

/// An order with what the gateway must know beside what callers see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderRecord {
    /// What callers see.
    pub order: Order,
    /// Whose it is.
    pub tenant: String,
    /// Endpoint on which it trades.
    pub endpoint: String,
    /// Client order id that the venue sees.
    pub client_id: String,
    /// Whether a caller wants it cancelled.
    pub cancel_requested: bool,
    /// When the last attempt to place it stops being valid, by the venue's clock.
    pub place_expires_at: Option<Timestamp>,
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
}

/// What an event makes of an order.
///
/// # Errors
/// [`LifecycleError`] where the first event is not an intent, or a later one is.
pub fn apply(
    record: Option<OrderRecord>,
    event: &Event,
    at: Timestamp,
) -> Result<OrderRecord, LifecycleError> {
    let mut record = match (record, event) {
        (None, Event::Intent { record, .. }) => return Ok((**record).clone()),
        (Some(record), Event::Intent { .. }) => {
            return Err(LifecycleError::Exists(record.order.id));
        }
        (None, event) => return Err(LifecycleError::NoIntent(event.kind())),
        (Some(record), _) => record,
    };
    match event {
        Event::Intent { .. } => {}
        Event::Attempt { attempt } => {
            record.order.served_by = Some(record.order.venue.clone());
            if attempt.operation == "place" {
                record.place_expires_at = Some(attempt.expires_at);
            }
        }
        Event::Acknowledged { report } | Event::Observed { report } => record.learn(report),
        Event::PlaceFailed { failure } => record.place_failed(failure),
        Event::CancelRequested { .. } => record.request_cancel(),
        Event::CancelFailed { failure } => record.cancel_failed(failure),
    }
    record.order.updated_at = record.order.updated_at.max(at);
    Ok(record)
}

impl OrderRecord {
    /// Where a report is of another order: the field and its value. A venue may take a client order id
    /// again once the first order is over, so the id alone proves nothing.
    pub fn difference(&self, report: &OrderReport) -> Option<(&'static str, String)> {
        let order = &self.order;
        let other_id = order
            .venue_order_id
            .as_ref()
            .is_some_and(|known| *known != report.venue_order_id);
        let other_client_id = report
            .client_id
            .as_ref()
            .is_some_and(|id| *id != self.client_id);
        if report.symbol != order.symbol {
            Some(("symbol", report.symbol.clone()))
        } else if report.side != order.side {
            Some(("side", format!("{:?}", report.side)))
        } else if other_client_id {
            Some(("client-id", report.client_id.clone().unwrap_or_default()))
        } else if other_id {
            Some(("venue-id", report.venue_order_id.clone()))
        } else {
            None
        }
    }

    /// Takes what the venue says, unless it is older than what is known.
    fn learn(&mut self, report: &OrderReport) {
        let order = &mut self.order;
        let is_stale = report.filled_quantity < order.filled_quantity;
        let reopens = order.state.is_final() && !report.state.is_final();
        if is_stale || reopens {
            return;
        }
        order.venue_order_id = Some(report.venue_order_id.clone());
        order.quantity = report.quantity.or(order.quantity);
        order.price = report.price.or(order.price);
        order.filled_quantity = report.filled_quantity;
        order.average_price = report.average_price.or(order.average_price);
        order.served_by.get_or_insert_with(|| order.venue.clone());
        order.state = match report.state {
            state if state.is_final() => state,
            // A list that lags does not take back what is known.
            OrderState::PendingNew if order.state == OrderState::PendingNew => {
                OrderState::PendingNew
            }
            _ if self.cancel_requested => OrderState::PendingCancel,
            OrderState::PendingCancel => OrderState::PendingCancel,
            _ => open_state(order.filled_quantity),
        };
        if order.state.is_final() {
            order.reason = report.reason.clone().or_else(|| order.reason.take());
            self.cancel_requested = false;
        }
    }

    fn place_failed(&mut self, failure: &Failure) {
        if self.order.state != OrderState::PendingNew {
            return; // it was seen at the venue in the meantime
        }
        match failure.fate {
            Fate::Unknown => {}
            Fate::Refused => self.reject(failure.to_string()),
            Fate::NotSent => self.reject(format!("not-sent: {failure}")),
        }
    }

    fn reject(&mut self, reason: String) {
        self.order.state = OrderState::Rejected;
        self.order.reason = Some(reason);
        self.cancel_requested = false;
    }

    fn request_cancel(&mut self) {
        if self.order.state.is_final() {
            return;
        }
        self.cancel_requested = true;
        if self.order.state != OrderState::PendingNew {
            self.order.state = OrderState::PendingCancel;
        }
    }

    /// A cancel that the venue refused leaves the order open; any other is pursued.
    fn cancel_failed(&mut self, failure: &Failure) {
        if failure.fate != Fate::Unknown && self.order.state == OrderState::PendingCancel {
            self.cancel_requested = false;
            self.order.state = open_state(self.order.filled_quantity);
        }
    }

    /// Whether the gateway must find out what became of it, or see a cancel through.
    pub fn is_unresolved(&self) -> bool {
        self.order.state == OrderState::PendingNew || self.cancel_requested
    }
}

fn open_state(filled: Decimal) -> OrderState {
    if filled.is_positive() {
        OrderState::PartiallyFilled
    } else {
        OrderState::New
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{FailureCode, OrderType, Origin, Side, TimeInForce};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn record() -> OrderRecord {
        let id = OrderId::random().unwrap();
        OrderRecord {
            client_id: id.as_str().to_owned(),
            order: Order {
                id,
                venue: "sim".into(),
                symbol: "BTC/USDT".into(),
                side: Side::Buy,
                order_type: OrderType::Limit,
                quantity: Some(decimal("2")),
                price: Some(decimal("100")),
                time_in_force: Some(TimeInForce::Gtc),
                reduce_only: false,
                state: OrderState::PendingNew,
                filled_quantity: Decimal::ZERO,
                average_price: None,
                venue_order_id: None,
                client_order_id: None,
                origin: Origin::Gateway,
                reason: None,
                served_by: None,
                created_at: at(0),
                updated_at: at(0),
            },
            tenant: "t".into(),
            endpoint: "spot".into(),
            cancel_requested: false,
            place_expires_at: None,
        }
    }

    fn report(state: OrderState, filled: &str) -> OrderReport {
        OrderReport {
            symbol: "BTC/USDT".into(),
            venue_order_id: "7".into(),
            client_id: None,
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: Some(TimeInForce::Gtc),
            reduce_only: false,
            quantity: Some(decimal("2")),
            price: Some(decimal("100")),
            state,
            filled_quantity: decimal(filled),
            average_price: None,
            created_at: None,
            updated_at: None,
            reason: None,
        }
    }

    fn after(events: &[Event]) -> OrderRecord {
        let intent = Event::Intent {
            record: Box::new(record()),
            key_id: "k".into(),
            request_id: "r".into(),
        };
        let first = apply(None, &intent, at(0)).unwrap();
        events.iter().fold(first, |record, event| {
            apply(Some(record), event, at(1)).unwrap()
        })
    }

    fn place_failed(fate: Fate) -> Event {
        Event::PlaceFailed {
            failure: Failure::new(FailureCode::Timeout, fate, "x"),
        }
    }

    fn cancel_requested() -> Event {
        Event::CancelRequested {
            key_id: "k".into(),
            request_id: "r".into(),
        }
    }

    fn observed(state: OrderState, filled: &str) -> Event {
        Event::Observed {
            report: report(state, filled),
        }
    }

    #[test]
    fn an_order_whose_fate_is_open_stays_pending_until_it_is_seen() {
        let pending = after(&[place_failed(Fate::Unknown)]);
        assert_eq!(pending.order.state, OrderState::PendingNew);
        assert!(pending.is_unresolved());
        let seen = after(&[
            place_failed(Fate::Unknown),
            observed(OrderState::PartiallyFilled, "1"),
        ]);
        assert_eq!(seen.order.state, OrderState::PartiallyFilled);
        assert!(!seen.is_unresolved());
    }

    #[test]
    fn an_order_that_was_refused_or_never_sent_is_rejected_with_its_reason() {
        for (fate, prefix) in [(Fate::Refused, "timeout"), (Fate::NotSent, "not-sent")] {
            let rejected = after(&[place_failed(fate)]);
            assert_eq!(rejected.order.state, OrderState::Rejected);
            assert!(rejected.order.reason.unwrap().starts_with(prefix));
        }
    }

    #[test]
    fn a_failure_that_arrives_after_the_order_was_seen_changes_nothing() {
        let seen = after(&[observed(OrderState::New, "0"), place_failed(Fate::Refused)]);
        assert_eq!(seen.order.state, OrderState::New);
    }

    #[test]
    fn a_cancel_that_races_with_a_fill_ends_in_the_fill() {
        let filled = after(&[
            observed(OrderState::New, "0"),
            cancel_requested(),
            observed(OrderState::PartiallyFilled, "1"),
            observed(OrderState::Filled, "2"),
        ]);
        assert_eq!(filled.order.state, OrderState::Filled);
        assert!(!filled.is_unresolved());
    }

    #[test]
    fn an_open_order_reads_pending_cancel_from_the_request_to_its_end() {
        let open = [
            observed(OrderState::New, "0"),
            cancel_requested(),
            observed(OrderState::New, "0"),
        ];
        assert_eq!(after(&open).order.state, OrderState::PendingCancel);
        let refused = Event::CancelFailed {
            failure: Failure::new(FailureCode::InvalidRequest, Fate::Refused, "no"),
        };
        let back = after(&[observed(OrderState::New, "0"), cancel_requested(), refused]);
        assert_eq!(back.order.state, OrderState::New);
    }

    #[test]
    fn a_lagging_report_does_not_make_a_known_order_pending_again() {
        let known = after(&[
            observed(OrderState::New, "0"),
            observed(OrderState::PendingNew, "0"),
        ]);
        assert_eq!(known.order.state, OrderState::New);
    }

    #[test]
    fn a_report_with_our_client_id_and_another_venue_id_is_of_another_order() {
        let known = after(&[observed(OrderState::New, "0")]);
        let mut again = report(OrderState::New, "0");
        assert_eq!(known.difference(&again), None);
        again.venue_order_id = "8".into();
        assert_eq!(known.difference(&again), Some(("venue-id", "8".into())));
    }

    #[test]
    fn events_without_an_intent_and_second_intents_are_errors() {
        assert!(matches!(
            apply(None, &cancel_requested(), at(0)),
            Err(LifecycleError::NoIntent(_))
        ));
        let again = Event::Intent {
            record: Box::new(record()),
            key_id: "k".into(),
            request_id: "r".into(),
        };
        assert!(matches!(
            apply(Some(record()), &again, at(0)),
            Err(LifecycleError::Exists(_))
        ));
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let states = prop::sample::select(OrderState::ALL.to_vec());
        prop_oneof![
            (states, 0u32..=2).prop_map(|(state, filled)| observed(state, &filled.to_string())),
            prop::sample::select(vec![Fate::Unknown, Fate::Refused, Fate::NotSent])
                .prop_map(place_failed),
            Just(cancel_requested()),
        ]
    }

    proptest! {
        #[test]
        fn a_final_order_never_reopens_and_fills_never_shrink(events in prop::collection::vec(any_event(), 0..20)) {
            let mut record = after(&[]);
            for event in &events {
                let before = record.clone();
                record = apply(Some(record), event, at(1)).unwrap();
                prop_assert!(record.order.filled_quantity >= before.order.filled_quantity);
                prop_assert!(!before.order.state.is_final() || record.order.state.is_final());
            }
        }
    }
}
