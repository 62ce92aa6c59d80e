//! What each event makes of an order.

mod amending;
mod moving;
mod surfacing;

use proptest::prelude::*;

use self::amending::{
    amend_failed, amend_requested, amended, attempted, close_to_replace, of_new_leg,
};
use self::surfacing::{not_placed, vanished};
use super::*;
use crate::model::{Decimal, FailureCode, Fate, Order, OrderType, Origin, Side, TimeInForce};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn record() -> OrderRecord {
    let id = OrderId::random().unwrap();
    OrderRecord::new(
        Order {
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
            failover: None,
            created_at: at(0),
            updated_at: at(0),
        },
        "t".into(),
        "spot".into(),
    )
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
fn nothing_is_placed_once_a_cancel_was_asked_for() {
    let place = attempted("place");
    let first = after(&[place.clone(), place_failed(Fate::Unknown)]);
    apply(Some(first.clone()), &place, at(1)).unwrap();
    let unwanted = apply(Some(first), &cancel_requested(), at(1)).unwrap();
    apply(Some(unwanted), &place, at(1)).unwrap_err();
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
    prop_oneof![
        (states(), 0u32..=2).prop_map(|(state, filled)| observed(state, &filled.to_string())),
        prop::sample::select(vec![Fate::Unknown, Fate::Refused, Fate::NotSent])
            .prop_map(place_failed),
        Just(cancel_requested()),
        Just(not_placed()),
        Just(vanished()),
        any::<bool>().prop_map(|replaces| amend_requested(Some("3"), Some("90"), replaces)),
        prop::sample::select(vec!["amend", "cancel", "place"]).prop_map(attempted),
        Just(close_to_replace()),
        (states(), 0u32..=3).prop_map(|(state, filled)| amended(of_new_leg(
            state,
            "3",
            &filled.to_string()
        ))),
        prop::sample::select(vec![Fate::Unknown, Fate::Refused, Fate::NotSent])
            .prop_map(amend_failed),
    ]
}

fn states() -> impl Strategy<Value = OrderState> {
    prop::sample::select(OrderState::ALL.to_vec())
}

proptest! {
    #[test]
    fn only_what_was_given_up_reopens_and_fills_never_shrink(events in prop::collection::vec(any_event(), 0..20)) {
        let mut record = after(&[]);
        for event in &events {
            let before = record.clone();
            let Ok(next) = apply(Some(record.clone()), event, at(1)) else {
                continue;
            };
            record = next;
            prop_assert!(record.order.filled_quantity >= before.order.filled_quantity);
            prop_assert!(
                !before.order.state.is_final()
                    || record.order.state.is_final()
                    || before.is_not_placed()
                    || before.has_vanished
            );
            prop_assert!(!record.order.state.is_final() || !record.is_unresolved());
            prop_assert_eq!(record.order.state == OrderState::PendingReplace, record.amendment.is_some());
        }
    }
}
