//! Orders whose fate is clear: taken or refused.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use switchyard_end_to_end::{TestApp, VENUE, limit_order};

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_order_is_created_and_shows_every_field() {
    let app = TestApp::start().await;
    let mut order = limit_order("0.01", "50000");
    order["client_order_id"] = json!("my-label.1");
    let placed = app.trader().place(&order).await.expect(201);

    let id = placed.id();
    assert_eq!(
        placed.header("location"),
        Some(format!("/v1/orders/{id}").as_str())
    );
    assert_eq!(placed.header("content-type"), Some("application/json"));
    let fields: Vec<&str> = placed
        .json()
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = vec![
        "id",
        "venue",
        "symbol",
        "side",
        "type",
        "quantity",
        "price",
        "time_in_force",
        "reduce_only",
        "state",
        "failover",
        "filled_quantity",
        "average_price",
        "venue_order_id",
        "client_order_id",
        "origin",
        "reason",
        "served_by",
        "created_at",
        "updated_at",
    ];
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);

    let truth = app.truth(&id).expect("the venue has the order");
    for (field, value) in [
        ("venue", json!(VENUE)),
        ("symbol", json!("BTC/USDT")),
        ("side", json!("buy")),
        ("type", json!("limit")),
        ("quantity", json!("0.01")),
        ("price", json!("50000")),
        ("time_in_force", json!("gtc")),
        ("reduce_only", json!(false)),
        ("state", json!("NEW")),
        ("filled_quantity", json!("0")),
        ("average_price", Value::Null),
        ("venue_order_id", json!(truth.venue_order_id)),
        ("client_order_id", json!("my-label.1")),
        ("origin", json!("gateway")),
        ("reason", Value::Null),
        ("served_by", json!(VENUE)),
    ] {
        assert_eq!(placed[field], value, "{field}: {}", placed.text);
    }
    for time in ["created_at", "updated_at"] {
        assert!(placed.text_of(time).ends_with('Z'), "{time}");
    }
    assert!(
        id.len() <= 32
            && id
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_order_is_filled_at_what_the_book_offers() {
    let app = TestApp::start().await;
    let order = json!({"venue": VENUE, "symbol": "BTC/USDT", "side": "sell", "type": "market", "quantity": "0.01"});
    let placed = app.trader().place(&order).await.expect(201);
    assert_eq!(placed["state"], "FILLED");
    assert_eq!(placed["filled_quantity"], "0.01");
    assert_eq!(placed["price"], Value::Null);
    assert_eq!(placed["time_in_force"], Value::Null);

    let truth = app.truth(&placed.id()).expect("the venue has the order");
    let average: Decimal = placed.text_of("average_price").parse().unwrap();
    assert_eq!(
        average * truth.executed_quantity,
        truth.executed_quote_quantity
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_time_in_force_is_kept() {
    let app = TestApp::start().await;
    // Far above the market, all of them fill or kill what they can; far below, all but gtc and gtx end.
    for (time_in_force, price, state) in [
        ("gtc", "50000", "NEW"),
        ("gtc", "61000", "FILLED"),
        ("ioc", "61000", "FILLED"),
        ("ioc", "50000", "EXPIRED"),
        ("fok", "61000", "FILLED"),
        ("fok", "50000", "EXPIRED"),
        ("gtx", "50000", "NEW"),
    ] {
        let mut order = limit_order("0.001", price);
        order["time_in_force"] = json!(time_in_force);
        let placed = app.trader().place(&order).await.expect(201);
        assert_eq!(placed["time_in_force"], time_in_force, "{}", placed.text);
        assert_eq!(
            placed["state"], state,
            "{time_in_force} at {price}: {}",
            placed.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_only_order_that_would_take_is_refused_and_reads_rejected() {
    let app = TestApp::start().await;
    let mut order = limit_order("0.001", "61000");
    order["time_in_force"] = json!("gtx");
    let refused = app
        .trader()
        .place(&order)
        .await
        .expect_problem(422, "invalid-request");
    assert_eq!(refused["retryable"], false);
    assert_eq!(refused["venue"], VENUE);
    assert_eq!(refused["venue_code"], "-2010");

    let read = app
        .trader()
        .order(&refused.text_of("order_id"))
        .await
        .expect(200);
    assert_eq!(read["state"], "REJECTED");
    assert!(
        read.text_of("reason").contains("invalid-request"),
        "{}",
        read.text
    );
    assert_eq!(app.sim.control().executed(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_beyond_the_balance_is_refused_with_a_typed_code() {
    let app = TestApp::start().await;
    let refused = app
        .trader()
        .place(&limit_order("100", "59000"))
        .await
        .expect_problem(422, "insufficient-funds");
    assert_eq!(refused["retryable"], false);
    let read = app
        .trader()
        .order(&refused.text_of("order_id"))
        .await
        .expect(200);
    assert_eq!(read["state"], "REJECTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_after_the_placement_is_seen_by_the_next_read() {
    let app = TestApp::start().await;
    let placed = app
        .trader()
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201);
    app.sim
        .control()
        .set_mid("BTCUSDT", Decimal::from(49_000))
        .unwrap();
    let read = app.trader().order(&placed.id()).await.expect(200);
    assert_eq!(read["state"], "FILLED");
    assert_eq!(read["filled_quantity"], "0.01");
    assert_eq!(read["average_price"], "50000");
    assert_eq!(read.header("age"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partly_filled_order_keeps_its_fill_when_it_is_cancelled() {
    let app = TestApp::start().await;
    // More than the ask side holds up to this price: some fills, the rest stays.
    let placed = app
        .trader()
        .place(&limit_order("12", "60020"))
        .await
        .expect(201);
    assert_eq!(placed["state"], "PARTIALLY_FILLED", "{}", placed.text);
    let id = placed.id();
    let read = app.trader().order(&id).await.expect(200);
    assert_eq!(read["filled_quantity"], placed["filled_quantity"]);

    let canceled = app.trader().cancel(&id).await.expect(200);
    assert_eq!(canceled["state"], "CANCELED");
    assert_eq!(canceled["filled_quantity"], placed["filled_quantity"]);
    assert_eq!(canceled["average_price"], placed["average_price"]);
    let filled: Decimal = canceled.text_of("filled_quantity").parse().unwrap();
    assert_eq!(app.truth(&id).unwrap().executed_quantity, filled);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_for_a_venue_that_went_away_is_certainly_not_placed() {
    let app = TestApp::start().await;
    app.sim.shutdown().await;
    let refused = app.trader().place(&limit_order("0.01", "50000")).await;
    let refused = refused.expect_problem(503, "venue-unavailable");
    assert_eq!(refused["retryable"], true);
    assert_eq!(app.sim.control().executed(), []);

    app.sim.restart().await.unwrap();
    app.trader()
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201);
    assert_eq!(app.sim.control().executed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_an_order_tell_its_life_in_order() {
    let app = TestApp::start().await;
    let id = app
        .trader()
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201)
        .id();
    app.trader().cancel(&id).await.expect(200);
    let events = app
        .viewer()
        .get(&format!("/v1/orders/{id}/events"))
        .await
        .expect(200);
    let kinds: Vec<String> = events
        .items()
        .iter()
        .map(|event| event.to_string())
        .collect();
    let places = [
        "intent",
        "attempt",
        "exchanged",
        "acknowledged",
        "cancel_requested",
        "attempt",
        "exchanged",
        "observed",
    ];
    assert_eq!(kinds.len(), places.len(), "{}", events.text);
    for (event, kind) in kinds.iter().zip(places) {
        assert!(event.contains(&format!("\"{kind}\"")), "{kind}: {event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_label_cannot_be_on_two_open_orders() {
    let app = TestApp::start().await;
    let mut order = limit_order("0.01", "50000");
    order["client_order_id"] = json!("one-of-a-kind");
    let first = app.trader().place(&order).await.expect(201);
    let refused = app
        .trader()
        .place(&order)
        .await
        .expect_problem(422, "invalid-request");
    assert_eq!(
        refused.fields_at_fault(),
        ["client_order_id"],
        "{}",
        refused.text
    );
    // Another tenant's labels are its own, and a label is free again once its order is over.
    app.other_trader().place(&order).await.expect(201);
    app.trader().cancel(&first.id()).await.expect(200);
    app.trader().place(&order).await.expect(201);
    assert_eq!(app.sim.control().executed().len(), 3);
}
