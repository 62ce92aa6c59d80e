//! When an order goes on to another venue, and as what.

use super::*;
use crate::model::Conversion;

fn destination(venue: &str, quantity: &str, multiply: &str) -> Destination {
    Destination {
        venue: venue.into(),
        endpoint: "rest".into(),
        symbol: "BTC/USDT".into(),
        quantity: decimal(quantity),
        conversion: Conversion {
            multiply: decimal(multiply),
            divide: decimal("1"),
        },
    }
}

fn failed_over(from: &str, to: Destination, fate: Fate) -> Event {
    Event::FailedOver {
        from: from.into(),
        to,
        failure: Failure::new(FailureCode::VenueUnavailable, fate, "away"),
    }
}

#[test]
fn an_order_that_goes_on_is_elsewhere_and_remembers_what_was_asked() {
    let moved = after(&[
        attempted("place"),
        failed_over("sim", destination("second", "200", "100"), Fate::NotSent),
        failed_over("second", destination("third", "20", "10"), Fate::Refused),
    ]);
    assert_eq!(moved.at_venue(), "third");
    assert_eq!(moved.order.served_by, None, "until it is sent there");
    assert_eq!(
        (moved.order.venue.as_str(), moved.order.quantity),
        ("sim", Some(decimal("20")))
    );
    assert_eq!(
        (moved.endpoint.as_str(), moved.place_expires_at),
        ("rest", None)
    );
    let failover = moved.order.failover.clone().unwrap();
    assert_eq!(
        (failover.from_venue.as_str(), failover.from_quantity),
        ("sim", decimal("2"))
    );
    assert_eq!(
        (failover.multiply, failover.divide),
        (decimal("10"), decimal("1")),
        "from what was asked to what is placed"
    );
    assert_eq!(
        failover.reason,
        "sim: venue-unavailable: away; second: venue-unavailable: away"
    );
    assert!(moved.has_left("sim") && moved.has_left("second"));
    assert!(!moved.has_left("third") && !moved.has_left("fourth"));
    let acknowledged = Event::Acknowledged {
        report: report(OrderState::New, "0"),
    };
    let placed = apply(Some(moved), &acknowledged, at(2)).unwrap();
    assert_eq!(placed.order.served_by.as_deref(), Some("third"));
    assert_eq!(placed.order.state, OrderState::New);
}

#[test]
fn no_order_that_may_be_at_a_venue_goes_on_to_another() {
    let seen = Event::Observed {
        report: report(OrderState::New, "0"),
    };
    let there = || destination("second", "2", "1");
    let here = || destination("sim", "2", "1");
    for (events, event) in [
        (vec![], failed_over("sim", there(), Fate::Unknown)),
        (vec![seen], failed_over("sim", there(), Fate::Refused)),
        (
            vec![place_failed(Fate::Refused)],
            failed_over("sim", there(), Fate::Refused),
        ),
        (
            vec![cancel_requested()],
            failed_over("sim", there(), Fate::NotSent),
        ),
        (vec![], failed_over("other", there(), Fate::NotSent)),
        (vec![], failed_over("sim", here(), Fate::NotSent)),
        (
            vec![failed_over("sim", there(), Fate::NotSent)],
            failed_over("second", here(), Fate::NotSent),
        ),
    ] {
        let record = after(&events);
        let outcome = apply(Some(record), &event, at(2));
        assert_eq!(
            outcome,
            Err(LifecycleError::NotMovable),
            "{events:?} {event:?}"
        );
    }
}

/// An order that was sent to `sim`, refused there, and is now at `second`.
fn moved() -> OrderRecord {
    after(&[
        attempted("place"),
        failed_over("sim", destination("second", "2", "1"), Fate::Refused),
    ])
}

fn surfaced(state: OrderState, filled: &str) -> Event {
    Event::SurfacedElsewhere {
        venue: "sim".into(),
        report: report(state, filled),
    }
}

#[test]
fn a_venue_that_an_order_went_on_from_is_watched_only_if_anything_may_have_been_sent_there() {
    let sent = moved();
    let day = std::time::Duration::from_secs(86_400);
    let until = sent.looked_for_until().unwrap();
    assert!(until.since(at(0)) >= day && until.since(at(0)) < day * 2);
    assert_eq!(sent.left_to_watch(at(2)).count(), 1);
    assert_eq!(sent.left_to_watch(until).count(), 0, "its day is over");
    let never_sent = after(&[failed_over(
        "sim",
        destination("second", "2", "1"),
        Fate::NotSent,
    )]);
    assert_eq!(never_sent.looked_for_until(), None);
    assert!(never_sent.has_left("sim"));
}

#[test]
fn what_surfaces_where_an_order_went_on_from_is_no_part_of_it_and_is_followed_to_its_end() {
    let acknowledged = Event::Acknowledged {
        report: report(OrderState::New, "0"),
    };
    let placed = apply(Some(moved()), &acknowledged, at(2)).unwrap();
    let live = apply(Some(placed.clone()), &surfaced(OrderState::New, "0"), at(3)).unwrap();
    assert_eq!(
        (live.order.state, live.order.filled_quantity),
        (OrderState::New, Decimal::ZERO)
    );
    let far = Timestamp::from_millis(i64::MAX - 1);
    assert_eq!(live.left_to_watch(far).count(), 1, "until it is over");
    let there = live.as_left_at("sim").unwrap();
    assert_eq!(
        (there.at_venue(), there.order.state, there.is_unresolved()),
        ("sim", OrderState::PendingCancel, true)
    );
    assert!(!live.is_unresolved(), "the order itself is not in doubt");

    let over = apply(Some(live), &surfaced(OrderState::Canceled, "1"), at(4)).unwrap();
    let told = &over.order.failover.as_ref().unwrap().surfaced;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].venue.as_str(), told[0].state),
        ("sim", OrderState::Canceled)
    );
    assert_eq!(told[0].filled_quantity, decimal("1"));
    assert_eq!(over.order.filled_quantity, Decimal::ZERO);
    // A list that lags behind does not bring it back.
    let late = apply(Some(over.clone()), &surfaced(OrderState::New, "0"), at(5)).unwrap();
    assert_eq!(late.left, over.left);
    let there = over.as_left_at("sim").unwrap();
    assert!(!there.is_unresolved() && there.order.state == OrderState::Canceled);
}

#[test]
fn an_attempt_to_cancel_elsewhere_says_nothing_of_where_the_order_is() {
    let before = moved();
    let mut attempt = attempted("place");
    if let Event::Attempt { attempt } = &mut attempt {
        attempt.operation = CANCEL_ELSEWHERE.to_owned();
    }
    let next = apply(Some(before.clone()), &attempt, at(2)).unwrap();
    assert_eq!(next.order.served_by, None);
    assert_eq!(next.place_expires_at, before.place_expires_at);
}

#[test]
fn nothing_surfaces_elsewhere_than_where_the_order_went_on_from() {
    let outcome = apply(Some(after(&[])), &surfaced(OrderState::New, "0"), at(2));
    assert_eq!(
        outcome,
        Err(LifecycleError::NotUnderWay("surfaced_elsewhere"))
    );
}
