//! Orders that went on to another venue.

use switchyard::model::{
    Conversion, Destination, Event, Failure, FailureCode, Fate, OrderReport, OrderState, Timestamp,
};

use crate::orders::{acknowledged, attempt, ids, keep, named, query, record, report};
use crate::suite::{Home, is_whole};

/// The order goes on from `sim` to `second`, is taken there as "7", and shows at the first after all, as "8".
fn gone_on() -> Vec<Event> {
    let one = "1".parse().unwrap();
    vec![
        attempt(),
        Event::FailedOver {
            from: "sim".into(),
            to: Destination {
                venue: "second".into(),
                endpoint: "spot".into(),
                symbol: "BTC/USDT".into(),
                quantity: one,
                conversion: Conversion {
                    multiply: one,
                    divide: one,
                },
            },
            failure: Failure::new(FailureCode::Overloaded, Fate::Refused, "x"),
        },
        attempt(),
        acknowledged("7"),
    ]
}

fn surfaced(state: OrderState) -> Event {
    Event::SurfacedElsewhere {
        venue: "sim".into(),
        report: OrderReport {
            state,
            ..report("8", None)
        },
    }
}

pub(crate) async fn an_order_that_went_on_is_found_where_it_is_where_it_was_and_by_what_was_asked(
    home: &impl Home,
) {
    let journal = home.open().await.unwrap();
    let mut events = gone_on();
    events.push(surfaced(OrderState::New));
    let id = keep(&journal, &record("t", None, 1), events).await.order.id;
    for restarted in [false, true] {
        if restarted {
            journal.rebuild().await.unwrap();
        }
        for venue in ["sim", "second"] {
            let at = |venue: &str| switchyard::store::OrderQuery {
                venue: Some(venue.into()),
                ..query("t")
            };
            assert_eq!(ids(&journal, at(venue)).await, [id.to_string()], "{venue}");
            assert!(ids(&journal, at("third")).await.is_empty());
        }
        for (venue, name, is_found) in [
            ("second", "7", true),
            ("sim", "8", true),
            ("sim", "7", false),
            ("second", "8", false),
        ] {
            let found = journal.of_venue_ids(venue, vec![named(name)]).await;
            assert_eq!(found.unwrap().len() == 1, is_found, "{venue} {name}");
        }
        let open = |venue: &'static str| journal.open_at(venue, None);
        assert_eq!(open("second").await.unwrap().len(), 1);
        assert_eq!(open("sim").await.unwrap(), [], "it is not there");
        is_whole(&journal).await;
    }
}

pub(crate) async fn what_is_live_where_an_order_went_on_from_is_kept_and_watched_without_end(
    home: &impl Home,
) {
    let in_years = Timestamp::now().plus(std::time::Duration::from_secs(100_000_000));
    let journal = home.open().await.unwrap();
    let mut events = gone_on();
    events.push(surfaced(OrderState::New));
    let over = Event::Observed {
        report: OrderReport {
            state: OrderState::Canceled,
            ..report("7", None)
        },
    };
    events.push(over);
    let id = keep(&journal, &record("t", None, 1), events).await.order.id;
    drop(journal);
    let journal = home.open().await.unwrap();
    let watched = journal.watched(in_years).await.unwrap();
    assert_eq!(watched.len(), 1);
    assert_eq!(journal.compact(in_years).await.unwrap(), 0);
    journal
        .append(&id, vec![surfaced(OrderState::Canceled)])
        .await
        .unwrap();
    assert_eq!(journal.watched(in_years).await.unwrap(), []);
    assert!(journal.compact(in_years).await.unwrap() > 0);
    assert!(ids(&journal, query("t")).await.is_empty());
    is_whole(&journal).await;
}
