//! The journal keeps what it was given, in order, across restarts, and gives it back by every filter.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::sync::Arc;

use switchyard::model::{
    Amendment, Attempt, Decimal, Event, Failure, FailureCode, Fate, Order, OrderId, OrderRecord,
    OrderReport, OrderState, OrderType, Origin, Side, Stage, TimeInForce, Timestamp,
};
use switchyard::store::{Cursor, Journal, OrderQuery, StoreError, VenueOrderName};
use switchyard::telemetry::Metrics;

fn open(directory: &Path) -> Result<Journal, StoreError> {
    let url = format!("sqlite://{}", directory.join("journal.db").display());
    Journal::open(&url, Arc::new(Metrics::default()))
}

fn record(tenant: &str, label: Option<&str>, created_at: i64) -> OrderRecord {
    let id = OrderId::random().unwrap();
    let created_at = Timestamp::from_millis(created_at);
    OrderRecord {
        client_id: id.as_str().to_owned(),
        order: Order {
            id,
            venue: "sim".into(),
            symbol: "BTC/USDT".into(),
            side: Side::Buy,
            order_type: OrderType::Limit,
            quantity: Some("0.12345678".parse().unwrap()),
            price: Some("60000.01".parse().unwrap()),
            time_in_force: Some(TimeInForce::Gtc),
            reduce_only: false,
            state: OrderState::PendingNew,
            filled_quantity: Decimal::ZERO,
            average_price: None,
            venue_order_id: None,
            client_order_id: label.map(str::to_owned),
            origin: Origin::Gateway,
            reason: None,
            served_by: None,
            failover: None,
            created_at,
            updated_at: created_at,
        },
        tenant: tenant.into(),
        endpoint: "spot".into(),
        cancel_requested: false,
        place_expires_at: None,
        amendment: None,
        past_legs: Vec::new(),
        reported_at: None,
        moved_to: Vec::new(),
    }
}

fn intent(record: &OrderRecord) -> Event {
    Event::Intent {
        record: Box::new(record.clone()),
        key_id: "k".into(),
        request_id: "r".into(),
    }
}

fn attempt() -> Event {
    Event::Attempt {
        attempt: Attempt {
            operation: "place".into(),
            request: "POST spot:/order".into(),
            stamped_at: Timestamp::from_millis(1),
            expires_at: Timestamp::from_millis(5_001),
            adapter_version: "1.0.0".into(),
            adapter_sha256: "00".into(),
        },
    }
}

fn refused() -> Event {
    let failure = Failure::new(FailureCode::InsufficientFunds, Fate::Refused, "no funds");
    Event::PlaceFailed { failure }
}

async fn keep(journal: &Journal, record: &OrderRecord, more: Vec<Event>) -> OrderRecord {
    let mut events = vec![intent(record)];
    events.extend(more);
    journal.append(&record.order.id, events).await.unwrap()
}

fn query(tenant: &str) -> OrderQuery {
    OrderQuery {
        tenant: tenant.into(),
        limit: 100,
        ..OrderQuery::default()
    }
}

async fn ids(journal: &Journal, query: OrderQuery) -> Vec<String> {
    let page = journal.orders(query).await.unwrap();
    page.records
        .iter()
        .map(|record| record.order.id.to_string())
        .collect()
}

#[tokio::test]
async fn orders_and_events_are_read_back_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let order = record("t", Some("mine"), 10);
    let id = order.order.id.clone();
    {
        let journal = open(directory.path()).unwrap();
        keep(&journal, &order, vec![attempt()]).await;
    }
    let journal = open(directory.path()).unwrap();
    let again = journal.order(&id).await.unwrap().unwrap();
    assert_eq!(again.order.quantity, order.order.quantity);
    assert_eq!(again.place_expires_at, Some(Timestamp::from_millis(5_001)));
    let kinds: Vec<String> = journal
        .events(&id)
        .await
        .unwrap()
        .into_iter()
        .map(|e| e.kind)
        .collect();
    assert_eq!(kinds, ["intent", "attempt"]);
    let unresolved = journal.unresolved().await.unwrap();
    assert_eq!(unresolved.len(), 1, "its fate is still open");
}

#[tokio::test]
async fn a_second_gateway_on_the_same_journal_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _first = open(directory.path()).unwrap();
    assert!(matches!(open(directory.path()), Err(StoreError::InUse(_))));
}

#[tokio::test]
async fn a_file_of_another_program_is_refused_and_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    let error = open(directory.path()).unwrap_err().to_string();
    assert!(
        error.contains("another program") && error.contains("journal.db"),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::write(
        &path,
        b"no database at all, but long enough to have a header of its own........",
    )
    .unwrap();
    assert!(matches!(
        open(directory.path()),
        Err(StoreError::Open { .. })
    ));
}

#[tokio::test]
async fn a_label_is_free_again_once_its_order_is_final_and_belongs_to_one_tenant() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path()).unwrap();
    let first = keep(&journal, &record("t", Some("x"), 1), vec![]).await;
    let second = record("t", Some("x"), 2);
    let taken = journal
        .append(&second.order.id, vec![intent(&second)])
        .await;
    assert!(matches!(taken, Err(StoreError::LabelInUse(_))));
    assert!(
        journal.order(&second.order.id).await.unwrap().is_none(),
        "nothing of it was stored"
    );
    keep(&journal, &record("other", Some("x"), 3), vec![]).await;
    journal
        .append(&first.order.id, vec![refused()])
        .await
        .unwrap();
    keep(&journal, &second, vec![]).await;
}

#[tokio::test]
async fn one_bad_append_does_not_spoil_those_committed_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Arc::new(open(directory.path()).unwrap());
    let good: Vec<OrderRecord> = (0..50).map(|at| record("t", None, at)).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for order in good.clone() {
        let journal = journal.clone();
        tasks.spawn(async move {
            // An event without an intent, between appends that are right.
            let stray = OrderId::random().unwrap();
            assert!(journal.append(&stray, vec![refused()]).await.is_err());
            keep(&journal, &order, vec![]).await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(ids(&journal, query("t")).await.len(), good.len());
}

#[tokio::test]
async fn every_filter_selects_what_it_says_and_nothing_of_other_tenants() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path()).unwrap();
    let open_order = keep(&journal, &record("t", Some("a"), 100), vec![]).await;
    let rejected = keep(&journal, &record("t", None, 200), vec![refused()]).await;
    keep(&journal, &record("other", Some("a"), 150), vec![]).await;
    let (open_id, rejected_id) = (open_order.order.id.clone(), rejected.order.id.clone());
    let both = vec![open_id.to_string(), rejected_id.to_string()];

    assert_eq!(ids(&journal, query("t")).await, both);
    let only = |change: fn(&mut OrderQuery)| {
        let mut query = query("t");
        change(&mut query);
        query
    };
    assert_eq!(ids(&journal, only(|q| q.only_open = true)).await, both[..1]);
    assert_eq!(
        ids(
            &journal,
            only(|q| q.states = Some(vec![OrderState::Rejected]))
        )
        .await,
        both[1..]
    );
    assert_eq!(
        ids(&journal, only(|q| q.client_order_id = Some("a".into()))).await,
        both[..1]
    );
    assert_eq!(
        ids(&journal, only(|q| q.symbol = Some("ETH/USDT".into()))).await,
        [""; 0]
    );
    assert_eq!(
        ids(&journal, only(|q| q.venue = Some("sim".into()))).await,
        both
    );
    assert_eq!(
        ids(
            &journal,
            OrderQuery {
                ids: Some(vec![rejected_id]),
                ..query("t")
            }
        )
        .await,
        both[1..]
    );
    let from_inclusive = only(|q| q.from = Some(Timestamp::from_millis(200)));
    assert_eq!(ids(&journal, from_inclusive).await, both[1..]);
    let to_exclusive = only(|q| q.to = Some(Timestamp::from_millis(200)));
    assert_eq!(ids(&journal, to_exclusive).await, both[..1]);
}

#[tokio::test]
async fn pages_cover_everything_once_even_where_orders_share_a_millisecond() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path()).unwrap();
    for at in 0..25 {
        keep(&journal, &record("t", None, at / 10), vec![]).await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = journal
            .orders(OrderQuery {
                limit: 7,
                after,
                ..query("t")
            })
            .await
            .unwrap();
        seen.extend(
            page.records
                .iter()
                .map(|record| record.order.id.to_string()),
        );
        let Some(next) = page.next else { break };
        after = Some(Cursor::decode(&next.encode()).unwrap());
    }
    assert_eq!(seen.len(), 25);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25, "no order twice");
}

fn acknowledged(venue_order_id: &str) -> Event {
    Event::Acknowledged {
        report: report(venue_order_id, None),
    }
}

fn report(venue_order_id: &str, client_id: Option<&str>) -> OrderReport {
    OrderReport {
        symbol: "BTC/USDT".into(),
        venue_order_id: venue_order_id.into(),
        client_id: client_id.map(str::to_owned),
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: None,
        reduce_only: false,
        quantity: None,
        price: None,
        state: OrderState::New,
        filled_quantity: Decimal::ZERO,
        average_price: None,
        created_at: None,
        updated_at: None,
        reason: None,
    }
}

fn named(venue_order_id: &str) -> VenueOrderName {
    VenueOrderName {
        symbol: "BTC/USDT".into(),
        venue_order_id: venue_order_id.into(),
    }
}

#[tokio::test]
async fn an_order_is_found_by_every_id_it_ever_had_at_its_venue() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path()).unwrap();
    let order = keep(&journal, &record("t", None, 1), vec![acknowledged("7")]).await;
    let replaced = vec![
        Event::AmendRequested {
            amendment: Amendment {
                quantity: None,
                price: Some("2".parse().unwrap()),
                new_client_id: "leg-2".into(),
                replaces: true,
                stage: Stage::Changing,
                expires_at: None,
            },
            key_id: "k".into(),
            request_id: "r".into(),
        },
        Event::Amended {
            change: "leg-2".into(),
            report: report("8", Some("leg-2")),
        },
    ];
    journal.append(&order.order.id, replaced).await.unwrap();
    let names = vec![named("7"), named("8"), named("9")];
    let found = journal.of_venue_ids("sim", names.clone()).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.values().all(|id| *id == order.order.id));
    let elsewhere = journal.of_venue_ids("other", names).await.unwrap();
    assert!(elsewhere.is_empty());
}

#[tokio::test]
async fn a_journal_of_the_first_version_learns_its_venue_ids_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let order = {
        let journal = open(directory.path()).unwrap();
        keep(&journal, &record("t", None, 1), vec![acknowledged("7")]).await
    };
    let path = directory.path().join("journal.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch("DROP TABLE venue_orders; PRAGMA user_version = 1;")
        .unwrap();
    drop(database);
    let journal = open(directory.path()).unwrap();
    let found = journal.of_venue_ids("sim", vec![named("7")]).await.unwrap();
    assert_eq!(found.get(&named("7")), Some(&order.order.id));
}

#[tokio::test]
async fn ten_thousand_orders_in_a_range_come_complete_and_in_order() {
    const ORDERS: i64 = 10_000;
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path()).unwrap();
    let mut wanted = Vec::new();
    let mut appends = Vec::new();
    // Ten in each millisecond, and ten more just outside of the range on either side.
    for at in 0..ORDERS + 20 {
        let order = record("t", None, 999 + at / 10);
        if (10..ORDERS + 10).contains(&at) {
            wanted.push((order.order.created_at, order.order.id.to_string()));
        }
        appends.push(order);
    }
    wanted.sort();
    for group in appends.chunks(250) {
        futures_util::future::join_all(group.iter().map(|order| keep(&journal, order, vec![])))
            .await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = journal
            .orders(OrderQuery {
                from: Some(Timestamp::from_millis(1_000)),
                to: Some(Timestamp::from_millis(1_000 + ORDERS / 10)),
                limit: 1_000,
                after,
                ..query("t")
            })
            .await
            .unwrap();
        seen.extend(
            page.records
                .into_iter()
                .map(|record| (record.order.created_at, record.order.id.to_string())),
        );
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    assert_eq!(seen.len(), wanted.len());
    assert!(seen == wanted, "complete, but not in order");
}
