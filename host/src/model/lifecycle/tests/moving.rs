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

fn cancel_requested() -> Event {
    Event::CancelRequested {
        key_id: "k".into(),
        request_id: "r".into(),
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
