//! Orders and what happens to them.

use std::sync::Arc;
use switchyard::model::{
    Attempt, Decimal, Event, Failure, FailureCode, Fate, Order, OrderId, OrderRecord, OrderReport,
    OrderState, OrderType, Origin, Side, TimeInForce, Timestamp,
};

use switchyard::store::{Journal, OrderQuery, VenueOrderName};

pub(crate) fn record(tenant: &str, label: Option<&str>, created_at: i64) -> OrderRecord {
    let id = OrderId::random().unwrap();
    let created_at = Timestamp::from_millis(created_at);
    OrderRecord::new(
        Order {
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
        tenant.into(),
        "spot".into(),
    )
}

pub(crate) fn intent(record: &OrderRecord) -> Event {
    Event::Intent {
        record: Box::new(record.clone()),
        key_id: "k".into(),
        request_id: "r".into(),
    }
}

pub(crate) fn attempt() -> Event {
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

pub(crate) fn refused() -> Event {
    let failure = Failure::new(FailureCode::InsufficientFunds, Fate::Refused, "no funds");
    Event::PlaceFailed { failure }
}

pub(crate) async fn keep(
    journal: &Arc<Journal>,
    record: &OrderRecord,
    more: Vec<Event>,
) -> OrderRecord {
    let mut events = vec![intent(record)];
    events.extend(more);
    journal.append(&record.order.id, events).await.unwrap()
}

pub(crate) fn query(tenant: &str) -> OrderQuery {
    OrderQuery {
        tenant: tenant.into(),
        limit: 100,
        ..OrderQuery::default()
    }
}

pub(crate) async fn ids(journal: &Arc<Journal>, query: OrderQuery) -> Vec<String> {
    let page = journal.orders(query).await.unwrap();
    page.records
        .iter()
        .map(|record| record.order.id.to_string())
        .collect()
}

pub(crate) fn acknowledged(venue_order_id: &str) -> Event {
    Event::Acknowledged {
        report: report(venue_order_id, None),
    }
}

pub(crate) fn report(venue_order_id: &str, client_id: Option<&str>) -> OrderReport {
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

pub(crate) fn named(venue_order_id: &str) -> VenueOrderName {
    VenueOrderName {
        symbol: "BTC/USDT".into(),
        venue_order_id: venue_order_id.into(),
    }
}
