//! Changes of an order: in place, by replacement, leg by leg, and given up.

use super::*;

pub(super) fn amend_requested(
    quantity: Option<&str>,
    price: Option<&str>,
    replaces: bool,
) -> Event {
    Event::AmendRequested {
        amendment: Amendment {
            quantity: quantity.map(decimal),
            price: price.map(decimal),
            new_client_id: "leg-2".into(),
            replaces,
            stage: Stage::Changing,
            expires_at: None,
        },
        key_id: "k".into(),
        request_id: "r".into(),
    }
}

pub(super) fn attempted(operation: &str) -> Event {
    Event::Attempt {
        attempt: Attempt {
            operation: operation.into(),
            request: "PUT spot:/order".into(),
            stamped_at: at(1),
            expires_at: at(5_001),
            adapter_version: "1.0.0".into(),
            adapter_sha256: "00".into(),
        },
    }
}

pub(super) fn amend_failed(fate: Fate) -> Event {
    Event::AmendFailed {
        change: "leg-2".into(),
        failure: Failure::new(FailureCode::InvalidRequest, fate, "no"),
    }
}

pub(super) fn amended(report: OrderReport) -> Event {
    Event::Amended {
        change: "leg-2".into(),
        report,
    }
}

pub(super) fn close_to_replace() -> Event {
    Event::CloseToReplace {
        change: "leg-2".into(),
    }
}

/// A report of the leg that replaced the first.
pub(super) fn of_new_leg(state: OrderState, quantity: &str, filled: &str) -> OrderReport {
    OrderReport {
        venue_order_id: "8".into(),
        client_id: Some("leg-2".into()),
        quantity: Some(decimal(quantity)),
        price: Some(decimal("90")),
        ..report(state, filled)
    }
}

fn open() -> Event {
    observed(OrderState::New, "0")
}

#[test]
fn an_amend_in_place_gives_the_order_what_was_asked_for() {
    let mut changed = report(OrderState::New, "0");
    changed.price = Some(decimal("90"));
    let amended = after(&[
        open(),
        amend_requested(None, Some("90"), false),
        attempted("amend"),
        amended(changed),
    ]);
    assert_eq!(amended.order.state, OrderState::New);
    assert_eq!(amended.order.price, Some(decimal("90")));
    assert!(!amended.is_unresolved() && amended.past_legs.is_empty());
}

#[test]
fn an_order_that_is_being_amended_takes_no_second_change_and_reads_pending_replace() {
    let pending = after(&[open(), amend_requested(Some("3"), None, false)]);
    assert_eq!(pending.order.state, OrderState::PendingReplace);
    assert!(pending.is_unresolved());
    let again = apply(
        Some(pending),
        &amend_requested(Some("4"), None, false),
        at(1),
    );
    assert_eq!(
        again,
        Err(LifecycleError::NotOpen(OrderState::PendingReplace))
    );
}

#[test]
fn an_amend_that_failed_leaves_the_order_as_it_was() {
    for fate in [Fate::Refused, Fate::NotSent] {
        let back = after(&[
            observed(OrderState::PartiallyFilled, "1"),
            amend_requested(None, Some("90"), false),
            attempted("amend"),
            amend_failed(fate),
        ]);
        assert_eq!(back.order.state, OrderState::PartiallyFilled);
        assert_eq!(back.order.price, Some(decimal("100")));
        assert!(!back.is_unresolved());
    }
}

#[test]
fn an_amend_whose_fate_is_open_ends_when_the_venue_shows_the_change() {
    let request = amend_requested(None, Some("90"), false);
    let events = [
        open(),
        request,
        attempted("amend"),
        amend_failed(Fate::Unknown),
    ];
    let pending = after(&events);
    assert_eq!(pending.order.state, OrderState::PendingReplace);
    let still = apply(Some(pending), &open(), at(1)).unwrap();
    assert_eq!(still.order.state, OrderState::PendingReplace);
    let mut changed = report(OrderState::New, "0");
    changed.price = Some(decimal("90"));
    let seen = apply(Some(still), &Event::Observed { report: changed }, at(1)).unwrap();
    assert_eq!(seen.order.state, OrderState::New);
    assert!(!seen.is_unresolved());
}

#[test]
fn nothing_goes_out_for_an_amend_that_was_given_up() {
    let given_up = after(&[
        open(),
        amend_requested(None, Some("90"), false),
        amend_failed(Fate::NotSent),
    ]);
    assert!(apply(Some(given_up.clone()), &attempted("amend"), at(1)).is_err());
    assert!(apply(Some(given_up), &attempted("place"), at(1)).is_err());
}

#[test]
fn a_cancel_asked_for_during_an_amend_waits_for_its_end() {
    let waiting = after(&[
        open(),
        amend_requested(None, Some("90"), false),
        cancel_requested(),
    ]);
    assert_eq!(waiting.order.state, OrderState::PendingReplace);
    assert!(waiting.cancel_requested);
    let next = apply(Some(waiting), &amend_failed(Fate::Refused), at(1)).unwrap();
    assert_eq!(next.order.state, OrderState::PendingCancel);
}

#[test]
fn a_replacement_takes_the_place_of_an_unfilled_order() {
    let replaced = after(&[
        open(),
        amend_requested(Some("3"), Some("90"), true),
        attempted("amend"),
        amended(of_new_leg(OrderState::New, "3", "0")),
    ]);
    let order = &replaced.order;
    assert_eq!(order.state, OrderState::New);
    assert_eq!(order.quantity, Some(decimal("3")));
    assert_eq!(order.venue_order_id.as_deref(), Some("8"));
    assert_eq!(replaced.client_id, "leg-2");
    assert_eq!(replaced.past_legs.len(), 1);
    // A late word that the first leg was cancelled is no news of the order.
    let mut late = report(OrderState::Canceled, "0");
    late.client_id = Some(replaced.past_legs[0].client_id.clone());
    assert_eq!(replaced.difference(&late), None);
    let after_it = apply(Some(replaced), &Event::Observed { report: late }, at(1)).unwrap();
    assert_eq!(after_it.order.state, OrderState::New);
}

fn closed_with(filled: &str) -> Vec<Event> {
    let mut closed = report(OrderState::Canceled, filled);
    closed.average_price = Some(decimal("100"));
    vec![
        observed(OrderState::PartiallyFilled, "0.5"),
        amend_requested(Some("3"), Some("90"), true),
        close_to_replace(),
        attempted("cancel"),
        Event::Observed { report: closed },
    ]
}

#[test]
fn a_partly_filled_order_goes_on_in_another_leg_and_its_fills_add_up() {
    let mut events = closed_with("1");
    let between = after(&events);
    assert!(between.is_between_legs());
    assert_eq!(between.order.state, OrderState::PendingReplace);
    assert_eq!(between.order.filled_quantity, decimal("1"));
    let mut filled = of_new_leg(OrderState::Filled, "2", "2");
    filled.average_price = Some(decimal("88"));
    events.extend([
        attempted("place"),
        amended(of_new_leg(OrderState::New, "2", "0")),
    ]);
    let open = after(&events);
    assert_eq!(open.order.quantity, Some(decimal("3")));
    assert_eq!(open.order.state, OrderState::PartiallyFilled);
    let done = apply(Some(open), &Event::Observed { report: filled }, at(1)).unwrap();
    assert_eq!(done.order.state, OrderState::Filled);
    assert_eq!(done.order.filled_quantity, decimal("3"));
    assert_eq!(done.order.average_price, Some(decimal("92"))); // (1 * 100 + 2 * 88) / 3
}

#[test]
fn a_late_fill_of_an_earlier_leg_is_not_lost() {
    let mut events = closed_with("1");
    events.extend([
        attempted("place"),
        amended(of_new_leg(OrderState::PartiallyFilled, "2", "1")),
    ]);
    let open = after(&events);
    let mut late = report(OrderState::Canceled, "1.5");
    late.client_id = Some(open.past_legs[0].client_id.clone());
    let corrected = apply(Some(open), &Event::Observed { report: late }, at(1)).unwrap();
    assert_eq!(corrected.order.filled_quantity, decimal("2.5"));
}

#[test]
fn an_order_that_filled_while_it_was_to_be_replaced_is_filled() {
    let filled = after(&[
        observed(OrderState::PartiallyFilled, "0.5"),
        amend_requested(Some("3"), None, true),
        close_to_replace(),
        attempted("cancel"),
        observed(OrderState::Filled, "2"),
    ]);
    assert_eq!(filled.order.state, OrderState::Filled);
    assert!(!filled.is_unresolved());
}

#[test]
fn a_leg_whose_replacement_was_refused_is_cancelled_and_says_why() {
    let mut events = closed_with("1");
    events.extend([attempted("place"), amend_failed(Fate::Refused)]);
    let ended = after(&events);
    assert_eq!(ended.order.state, OrderState::Canceled);
    assert_eq!(ended.order.filled_quantity, decimal("1"));
    assert!(ended.order.reason.unwrap().starts_with("not-replaced"));

    let refused = after(&[
        open(),
        amend_requested(Some("3"), None, true),
        attempted("amend"),
        Event::NotReplaced {
            change: "leg-2".into(),
            canceled: report(OrderState::Canceled, "0"),
            failure: Failure::new(FailureCode::InsufficientFunds, Fate::Refused, "no"),
        },
    ]);
    assert_eq!(refused.order.state, OrderState::Canceled);
    assert!(!refused.is_unresolved());
}

#[test]
fn a_replacement_whose_fate_is_open_is_found_by_its_own_client_id() {
    let open = after(&[
        open(),
        amend_requested(Some("3"), None, true),
        attempted("amend"),
        Event::NotReplaced {
            change: "leg-2".into(),
            canceled: report(OrderState::Canceled, "0"),
            failure: Failure::new(FailureCode::OutcomeUnknown, Fate::Unknown, "?"),
        },
    ]);
    assert_eq!(open.order.state, OrderState::PendingReplace);
    assert!(open.is_between_legs());
    assert!(open.amendment.as_ref().unwrap().expires_at.is_some());
    let report = of_new_leg(OrderState::New, "3", "0");
    let found = apply(Some(open), &Event::Observed { report }, at(1)).unwrap();
    assert_eq!(found.order.state, OrderState::New);
    assert_eq!(found.client_id, "leg-2");
}

fn another_amend(id: &str) -> Event {
    let Event::AmendRequested { mut amendment, .. } = amend_requested(None, Some("80"), true)
    else {
        unreachable!("it is one")
    };
    amendment.new_client_id = id.into();
    Event::AmendRequested {
        amendment,
        key_id: "k".into(),
        request_id: "r".into(),
    }
}

#[test]
fn a_late_word_on_an_earlier_change_is_no_word_on_the_one_under_way() {
    let replaced = after(&[
        open(),
        amend_requested(Some("3"), Some("90"), true),
        attempted("amend"),
        Event::Observed {
            report: of_new_leg(OrderState::New, "3", "0"),
        },
        another_amend("leg-3"),
        attempted("amend"),
    ]);
    let seen_late = amended(of_new_leg(OrderState::New, "3", "0"));
    for late in [seen_late, amend_failed(Fate::Refused), close_to_replace()] {
        let next = apply(Some(replaced.clone()), &late, at(1)).unwrap_or(replaced.clone());
        assert_eq!(next.order.state, OrderState::PendingReplace, "{late:?}");
        assert_eq!(next.amendment, replaced.amendment);
    }
}

#[test]
fn an_earlier_leg_under_the_id_of_the_one_to_come_is_not_taken_for_it() {
    let amending = after(&[
        open(),
        amend_requested(Some("3"), None, true),
        attempted("amend"),
    ]);
    let mut other = of_new_leg(OrderState::Canceled, "3", "0");
    other.venue_order_id = "7".into(); // the current leg's
    assert_eq!(amending.difference(&other), Some(("venue-id", "7".into())));
}

#[test]
fn a_list_that_lags_behind_an_amend_does_not_take_it_back() {
    let seen_at = |millis, price: &str| OrderReport {
        price: Some(decimal(price)),
        updated_at: Some(at(millis)),
        ..report(OrderState::New, "0")
    };
    let amended = after(&[
        Event::Observed {
            report: seen_at(10, "100"),
        },
        amend_requested(None, Some("90"), false),
        attempted("amend"),
        amended(seen_at(20, "90")),
        Event::Observed {
            report: seen_at(10, "100"),
        },
    ]);
    assert_eq!(amended.order.price, Some(decimal("90")));
}
