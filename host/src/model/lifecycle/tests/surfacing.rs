//! What was given up, and what becomes of the order when it shows after all.

use super::amending::of_new_leg;
use super::*;

fn misses() -> Vec<Miss> {
    [100_000, 104_000]
        .map(|began_at| {
            let mut round = Round::begin(at(began_at));
            for question in Question::ALL {
                round.note(question, Said::Absent);
            }
            round.miss(at(0)).unwrap()
        })
        .to_vec()
}

pub(super) fn not_placed() -> Event {
    Event::NotPlaced {
        horizon: at(35_001),
        misses: misses(),
    }
}

pub(super) fn vanished() -> Event {
    Event::Vanished {
        horizon: at(35_001),
        misses: misses(),
    }
}

fn surfaced(report: OrderReport) -> Event {
    Event::SurfacedLate { report }
}

/// A change that may have brought another leg is given up.
fn change_given_up() -> Event {
    Event::AmendFailed {
        change: "leg-2".into(),
        failure: Failure::new(FailureCode::OutcomeUnknown, Fate::Refused, "never showed"),
    }
}

fn open() -> Event {
    Event::Observed {
        report: OrderReport {
            client_id: None,
            ..report(OrderState::New, "0")
        },
    }
}

#[test]
fn an_order_that_never_arrived_is_rejected_with_the_evidence_and_watched_for_a_day() {
    let rejected = after(&[place_failed(Fate::Unknown), not_placed()]);
    assert_eq!(rejected.order.state, OrderState::Rejected);
    let reason = rejected.order.reason.clone().unwrap();
    assert!(reason.starts_with("not-placed: 2 rounds"), "{reason}");
    assert!(!rejected.is_unresolved() && rejected.is_not_placed());
    assert_eq!(rejected.watched_until, Some(at(1 + 86_400_000)));
    assert_eq!(rejected.given_up(), [rejected.client_id.as_str()]);
    let json = serde_json::to_value(not_placed()).unwrap();
    assert_eq!(json["misses"][1]["asked"].as_array().unwrap().len(), 4);
    assert_eq!(serde_json::from_value::<Event>(json).unwrap(), not_placed());
}

/// A placement failed after an attempt, or before any.
fn turned_away(code: FailureCode, fate: Fate, was_attempted: bool) -> OrderRecord {
    let failure = Failure::new(code, fate, "x");
    let failed = Event::PlaceFailed { failure };
    match was_attempted {
        true => after(&[attempted("place"), failed]),
        false => after(&[failed]),
    }
}

#[test]
fn an_order_that_was_turned_away_for_a_passing_reason_is_watched_for_a_day() {
    use FailureCode::{InsufficientFunds, Overloaded, RateLimited, VenueUnavailable};
    for (code, fate, was_attempted, is_watched) in [
        (Overloaded, Fate::Refused, true, true),
        (RateLimited, Fate::Refused, true, true),
        // The try before the one that was not sent may have been turned away.
        (VenueUnavailable, Fate::NotSent, true, true),
        (InsufficientFunds, Fate::Refused, true, false),
        (Overloaded, Fate::Refused, false, false),
        (RateLimited, Fate::NotSent, false, false),
    ] {
        let over = turned_away(code, fate, was_attempted);
        assert_eq!(over.order.state, OrderState::Rejected);
        let until = is_watched.then_some(at(1 + 86_400_000));
        assert_eq!(over.watched_until, until, "{code:?} {fate:?}");
        let late = report(OrderState::New, "0");
        assert_eq!(over.surfaces(&late), is_watched, "{code:?} {fate:?}");
    }
    let over = turned_away(Overloaded, Fate::Refused, true);
    let unwanted = apply(Some(over), &cancel_requested(), at(2)).unwrap();
    assert_eq!(unwanted.order.state, OrderState::Rejected);
    let late = surfaced(report(OrderState::PartiallyFilled, "1"));
    let back = apply(Some(unwanted), &late, at(3)).unwrap();
    assert_eq!(back.order.state, OrderState::PendingCancel);
    assert_eq!(back.order.filled_quantity, decimal("1"));
}

#[test]
fn an_order_that_was_seen_cannot_be_given_up() {
    for event in [open(), place_failed(Fate::Refused)] {
        let seen = after(&[event]);
        let again = apply(Some(seen), &not_placed(), at(1));
        assert_eq!(again, Err(LifecycleError::NotUnderWay("not_placed")));
    }
}

#[test]
fn an_order_that_surfaces_late_is_what_the_venue_says_it_is() {
    for (state, filled, expected) in [
        (OrderState::New, "0", OrderState::New),
        (
            OrderState::PartiallyFilled,
            "1",
            OrderState::PartiallyFilled,
        ),
        (OrderState::Filled, "2", OrderState::Filled),
        (OrderState::Canceled, "1", OrderState::Canceled),
    ] {
        // Whatever the event is called by whoever saw it.
        for seen in [surfaced(report(state, filled)), observed(state, filled)] {
            let back = after(&[not_placed(), seen]);
            assert_eq!(back.order.state, expected);
            assert_eq!(back.order.filled_quantity, decimal(filled));
            assert_eq!(
                (back.order.reason.as_ref(), back.watched_until),
                (None, None)
            );
            let twice = apply(Some(back.clone()), &surfaced(report(state, filled)), at(2));
            assert!(twice.is_err(), "it surfaces once");
            assert!(
                !back.is_unresolved(),
                "it is not cancelled: nobody asked for that"
            );
        }
    }
}

#[test]
fn a_cancel_that_waited_or_came_afterwards_is_carried_out_if_the_order_surfaces() {
    for events in [
        [cancel_requested(), not_placed()],
        [not_placed(), cancel_requested()],
    ] {
        let over = after(&events);
        assert_eq!(over.order.state, OrderState::Rejected);
        assert!(over.cancel_on_sight && !over.is_unresolved());
        let back = apply(Some(over), &surfaced(report(OrderState::New, "0")), at(2)).unwrap();
        assert_eq!(back.order.state, OrderState::PendingCancel);
        assert!(back.is_unresolved() && !back.cancel_on_sight);
    }
}

#[test]
fn an_order_that_its_venue_knows_no_more_is_over_and_cancelled_again_if_it_shows() {
    let cancelling = after(&[
        observed(OrderState::PartiallyFilled, "1"),
        cancel_requested(),
    ]);
    let over = apply(Some(cancelling), &vanished(), at(1)).unwrap();
    assert_eq!(over.order.state, OrderState::Canceled);
    let reason = over.order.reason.clone().unwrap();
    assert!(reason.starts_with("not-found: 2 rounds"), "{reason}");
    assert!(!over.is_unresolved() && !over.is_not_placed());
    assert_eq!(over.watched_until, Some(at(1 + 86_400_000)));
    assert_eq!(over.given_up(), [over.client_id.as_str()]);
    for (state, filled, expected) in [
        (OrderState::PartiallyFilled, "1", OrderState::PendingCancel),
        (OrderState::Filled, "2", OrderState::Filled),
    ] {
        let back = apply(Some(over.clone()), &surfaced(report(state, filled)), at(2)).unwrap();
        assert_eq!(back.order.state, expected);
        assert_eq!(back.order.filled_quantity, decimal(filled));
        assert_eq!(
            (back.watched_until, back.order.reason.as_ref()),
            (None, None)
        );
        assert!(!back.has_vanished);
    }
    let json = serde_json::to_value(&over).unwrap();
    assert_eq!(serde_json::from_value::<OrderRecord>(json).unwrap(), over);
    let old = report(OrderState::New, "0");
    assert!(!over.surfaces(&old), "from before what is known");
    // Only a cancel that is under way ends so.
    for known in [after(&[open()]), after(&[]), over] {
        let refused = apply(Some(known), &vanished(), at(2));
        assert_eq!(refused, Err(LifecycleError::NotUnderWay("vanished")));
    }
}

#[test]
fn an_order_goes_on_with_a_leg_that_was_given_up_and_shows_after_all() {
    let replacing = [
        observed(OrderState::PartiallyFilled, "1"),
        amend_requested(Some("3"), Some("90"), true),
        attempted("amend"),
        change_given_up(),
    ];
    let waiting = after(&replacing);
    assert_eq!(waiting.order.state, OrderState::PartiallyFilled);
    assert_eq!(waiting.given_up(), ["leg-2"]);
    let late = of_new_leg(OrderState::New, "2", "0");
    let back = apply(Some(waiting), &surfaced(late), at(2)).unwrap();
    assert_eq!(back.client_id, "leg-2");
    assert_eq!(back.order.venue_order_id.as_deref(), Some("8"));
    assert_eq!(
        back.order.quantity,
        Some(decimal("3")),
        "1 traded before, 2 to go"
    );
    assert_eq!(back.order.filled_quantity, decimal("1"));
    assert_eq!(back.past_legs.len(), 1);
    assert_eq!(back.watched_until, None);
}

#[test]
fn an_order_that_ended_without_its_replacement_is_open_again_when_that_shows() {
    let placing = [
        observed(OrderState::PartiallyFilled, "1"),
        amend_requested(Some("3"), Some("90"), true),
        close_to_replace(),
        attempted("cancel"),
        observed(OrderState::Canceled, "1"),
        attempted("place"),
        cancel_requested(),
        change_given_up(),
    ];
    let over = after(&placing);
    assert_eq!(over.order.state, OrderState::Canceled);
    assert!(over.cancel_on_sight);
    let late = of_new_leg(OrderState::PartiallyFilled, "2", "1");
    let back = apply(Some(over), &surfaced(late), at(2)).unwrap();
    assert_eq!(back.order.state, OrderState::PendingCancel);
    assert_eq!(back.order.filled_quantity, decimal("2"));
    assert_eq!(
        (back.past_legs.len(), back.client_id.as_str()),
        (1, "leg-2")
    );
}

#[test]
fn a_leg_that_shows_late_waits_for_a_change_that_is_under_way() {
    let events = [
        observed(OrderState::New, "0"),
        amend_requested(None, Some("90"), true),
        attempted("amend"),
        change_given_up(),
    ];
    let mut again = after(&events);
    again = apply(
        Some(again),
        &Event::AmendRequested {
            amendment: Amendment {
                quantity: None,
                price: Some(decimal("80")),
                new_client_id: "leg-3".into(),
                replaces: true,
                stage: Stage::Changing,
                expires_at: None,
            },
            key_id: "k".into(),
            request_id: "r".into(),
        },
        at(2),
    )
    .unwrap();
    let late = of_new_leg(OrderState::New, "2", "0");
    assert!(!again.surfaces(&late));
    let refused = apply(Some(again.clone()), &surfaced(late.clone()), at(2));
    assert_eq!(refused, Err(LifecycleError::NotUnderWay("surfaced_late")));
    let seen = Event::Observed {
        report: late.clone(),
    };
    let same = apply(Some(again.clone()), &seen, at(2)).unwrap();
    assert_eq!(
        (&same.client_id, same.given_up()),
        (&again.client_id, vec!["leg-2"])
    );
    let failed = Event::AmendFailed {
        change: "leg-3".into(),
        failure: Failure::new(FailureCode::NotAmendable, Fate::Refused, "gone"),
    };
    let free = apply(Some(same), &failed, at(2)).unwrap();
    assert!(free.surfaces(&late));
}

#[test]
fn a_live_leg_that_the_journal_lost_is_what_the_order_goes_on_with() {
    let known = after(&[
        observed(OrderState::New, "0"),
        observed(OrderState::Canceled, "0"),
    ]);
    let leg = known.order.id.another_leg().unwrap();
    let lost = |state| OrderReport {
        client_id: Some(leg.clone()),
        venue_order_id: "9".into(),
        ..report(state, "0")
    };
    assert!(
        !known.surfaces(&lost(OrderState::Canceled)),
        "history is no news"
    );
    let other_side = OrderReport {
        side: Side::Sell,
        ..lost(OrderState::New)
    };
    assert!(!known.surfaces(&other_side));
    let back = apply(Some(known), &surfaced(lost(OrderState::New)), at(2)).unwrap();
    assert_eq!(
        (back.order.state, back.client_id.as_str()),
        (OrderState::New, leg.as_str())
    );
}

#[test]
fn an_adopted_order_is_what_the_venue_says_and_comes_first_or_not_at_all() {
    let adopted = Event::Adopted {
        record: Box::new(record()),
        report: report(OrderState::PartiallyFilled, "1"),
    };
    let found = apply(None, &adopted, at(1)).unwrap();
    assert_eq!(found.order.state, OrderState::PartiallyFilled);
    assert_eq!(found.order.venue_order_id.as_deref(), Some("7"));
    assert!(!found.is_unresolved());
    let again = apply(Some(found), &adopted, at(1));
    assert!(matches!(again, Err(LifecycleError::Exists(_))));
}
