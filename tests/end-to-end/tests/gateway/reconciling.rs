//! What the gateway finds out before it trades, and what it finds that it did not know of.

use serde_json::{Value, json};
use switchyard_end_to_end::{
    Answer, GatewayConfig, TRADER, TestApp, VENUE, VIEWER, eventually, limit_order, simulator,
    start_gateway,
};
use switchyard_venue_sim::FaultAction;

/// An id as another journal of this gateway would have made it.
const FORGOTTEN: &str = "swy0123456789abcdefghijklmno0";

/// One of a gateway with another prefix.
const OF_ANOTHER: &str = "g020123456789abcdefghijklmno0";

async fn metric(app: &TestApp, name: &str) -> String {
    let metrics = app.viewer().get("/metrics").await.text;
    let line = metrics.lines().find(|line| line.starts_with(name));
    line.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_ours_that_the_journal_lost_are_adopted_at_the_start() {
    let mut app = TestApp::start().await;
    app.stop_gateway().await;
    let forgotten = app.other_client().place(FORGOTTEN, "0.01", "50000").await;
    app.other_client().place(OF_ANOTHER, "0.01", "50001").await;
    app.other_client().place("web_1", "0.01", "50002").await;
    app.restart_gateway().await;
    // Ready means that this is done. There are two tenants, so it is neither's.
    let adopted = metric(&app, "switchyard_orders_adopted_total").await;
    assert!(adopted.ends_with(" 1"), "{adopted}");
    let events = app
        .viewer()
        .get(&format!("/v1/orders/{FORGOTTEN}/events"))
        .await;
    events.expect_problem(404, "order-not-found");
    let active = app.viewer().get("/v1/orders/active?venue=sim").await;
    let ids: Vec<&Value> = active
        .items()
        .iter()
        .map(|order| &order["client_order_id"])
        .collect();
    assert_eq!(
        ids,
        [&json!(OF_ANOTHER), &json!("web_1")],
        "{}",
        active.text
    );
    let swept = app
        .operator()
        .delete("/v1/orders?venue=sim&scope=account")
        .await
        .expect(200);
    assert!(swept.text.contains(&forgotten["orderId"].to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_order_is_the_only_tenants_to_see_and_to_cancel() {
    let sim = simulator().await;
    let directory = tempfile::tempdir().unwrap();
    let mut config = GatewayConfig::in_directory(directory.path()).simulated(&sim);
    config.keys.retain(|key| key.tenant == "a");
    let gateway = start_gateway(&config).await.unwrap();
    gateway.ready().await;
    let trader = gateway.anonymous().with(TRADER);
    // It appears later, and whatever list shows it first will do.
    let other = switchyard_end_to_end::VenueClient::of(&sim);
    other.place(FORGOTTEN, "0.01", "50000").await;
    let active = trader.get("/v1/orders/active?venue=sim").await.expect(200);
    assert_eq!(active.ids(), [FORGOTTEN]);
    assert_eq!(active.items()[0]["origin"], "gateway");
    let events = trader.get(&format!("/v1/orders/{FORGOTTEN}/events")).await;
    assert_eq!(events.items()[0]["kind"], "adopted", "{}", events.text);
    let canceled = trader.cancel(FORGOTTEN).await.expect(200);
    assert_eq!(canceled["state"], "CANCELED");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_order_of_ours_that_the_journal_does_not_have_is_shown_to_no_tenant_of_several() {
    let app = TestApp::start().await;
    let other = app.other_client();
    for id in [FORGOTTEN, OF_ANOTHER, "web_1"] {
        other.place(id, "0.01", "50000").await;
        other.cancel(id).await;
    }
    let history = "/v1/orders?source=venue&venue=sim&symbol=BTC/USDT";
    let labels = |answer: &Answer| -> Vec<String> {
        let items = answer.items().iter();
        items
            .map(|order| order["client_order_id"].as_str().unwrap().to_owned())
            .collect()
    };
    for caller in [app.viewer(), app.other_trader()] {
        let listed = caller.get(history).await.expect(200);
        assert_eq!(labels(&listed), [OF_ANOTHER, "web_1"], "{}", listed.text);
    }
    // Where there is one tenant only, it is that one's.
    let directory = tempfile::tempdir().unwrap();
    let mut config = GatewayConfig::in_directory(directory.path()).simulated(&app.sim);
    config.keys.retain(|key| key.tenant == "a");
    let alone = start_gateway(&config).await.unwrap();
    alone.ready().await;
    let listed = alone.anonymous().with(VIEWER).get(history).await;
    assert_eq!(labels(&listed.expect(200)).len(), 3);
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateways_orders_begin_with_the_prefix_that_is_configured() {
    let app = TestApp::with(|mut config| {
        config.top_lines = "orders.id_prefix = \"g02\"\n".to_owned();
        config
    })
    .await;
    let placed = app.trader().place(&limit_order("0.01", "50000")).await;
    assert!(placed.expect(201).id().starts_with("g02"));
    app.other_client().place(FORGOTTEN, "0.01", "50001").await;
    let active = app.viewer().get("/v1/orders/active?venue=sim").await;
    let origins: Vec<&Value> = active
        .items()
        .iter()
        .map(|order| &order["origin"])
        .collect();
    assert_eq!(origins, [&json!("gateway"), &json!("external")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_means_that_every_open_fate_was_asked_about() {
    let mut app = TestApp::start().await;
    app.next_placement(FaultAction::ExecuteThenDrop);
    let order = limit_order("0.01", "50000");
    let id = app.trader().place(&order).await.expect(202).id();
    app.stop_gateway().await;
    app.restart_gateway().await;
    let read = app.viewer().get(&format!("/v1/orders?ids={id}")).await;
    assert_eq!(read.items()[0]["state"], "NEW", "{}", read.text);
    let venue = app.viewer().get("/health/venues/sim").await.expect(200);
    assert_eq!(venue["reconciled"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_venue_does_not_show_does_not_keep_the_gateway_from_being_ready() {
    let mut app = TestApp::start().await;
    app.next_placement(FaultAction::DropBefore);
    let order = limit_order("0.01", "50000");
    let id = app.trader().place(&order).await.expect(202).id();
    app.restart_gateway().await;
    let read = app.viewer().get(&format!("/v1/orders?ids={id}")).await;
    assert_eq!(read.items()[0]["state"], "PENDING_NEW", "{}", read.text);
    app.trader().place(&order).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_placed_at_a_venue_before_it_is_reconciled_and_cancels_go_through() {
    let mut app = TestApp::start().await;
    let order = limit_order("0.01", "50000");
    let resting = app.trader().place(&order).await.expect(201).id();
    let to_cancel = app.trader().place(&order).await.expect(201).id();
    app.stop_gateway().await;
    let fault = FaultAction::Status {
        status: 500,
        retry_after: None,
        body: None,
    };
    app.fault("GET", "/api/v3/openOrders", 1_000_000, fault);
    // It answers, and not to what must be known: it is as good as away, and keeps nobody else waiting.
    app.restart_gateway().await;
    let venue = app.viewer().get("/health/venues/sim").await.expect(200);
    assert_eq!(venue["reconciled"], false, "{}", venue.text);
    let health = app.anonymous().get("/health").await.expect(200);
    assert_eq!(health["status"], "degraded");
    for refused in [
        app.trader().place(&order).await,
        app.trader()
            .amend(&resting, &json!({"price": "51000"}))
            .await,
    ] {
        let refused = refused.expect_problem(503, "not-reconciled");
        assert_eq!(
            (&refused["retryable"], &refused["venue"]),
            (&json!(true), &json!(VENUE))
        );
        assert!(refused.header("retry-after").is_some());
    }
    let canceled = app.trader().cancel(&to_cancel).await.expect(200);
    assert_eq!(canceled["state"], "CANCELED");
    app.sim.control().clear_faults();
    eventually("the venue is reconciled", || async {
        let venue = app.viewer().get("/health/venues/sim").await;
        if venue["reconciled"] == true {
            Ok(())
        } else {
            Err(venue.text)
        }
    })
    .await;
    app.trader().place(&order).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_is_away_at_the_start_blocks_its_own_orders_only() {
    let (here, away) = (simulator().await, simulator().await);
    let directory = tempfile::tempdir().unwrap();
    let config = GatewayConfig::in_directory(directory.path())
        .simulated(&here)
        .venue(
            "away",
            "binance",
            ("spot", &away.url()),
            Some(away.credentials()),
        );
    let gateway = start_gateway(&config).await.unwrap();
    gateway.ready().await;
    let trader = gateway.anonymous().with(TRADER);
    let mut order = limit_order("0.01", "50000");
    order["venue"] = json!("away");
    let rule = switchyard_venue_sim::FaultRule::on("POST", "/api/v3/order").times(1);
    away.control()
        .add_fault(rule.act(FaultAction::ExecuteThenDrop));
    let id = trader.place(&order).await.expect(202).id();
    gateway.stop().await;
    away.shutdown().await;

    let gateway = start_gateway(&config).await.unwrap();
    gateway.ready().await;
    let (trader, viewer) = (
        gateway.anonymous().with(TRADER),
        gateway.anonymous().with(VIEWER),
    );
    trader
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201);
    let refused = trader
        .place(&order)
        .await
        .expect_problem(503, "venue-unavailable");
    assert_eq!(refused["retryable"], true);
    let queued = trader.cancel(&id).await.expect(202);
    assert_eq!(queued["state"], "PENDING_NEW");
    away.restart().await.unwrap();
    eventually("the venue is reconciled", || async {
        let venue = viewer.get("/health/venues/away").await;
        if venue["reconciled"] == true {
            Ok(())
        } else {
            Err(venue.text)
        }
    })
    .await;
    eventually("the cancel is carried out", || async {
        let read = viewer.get(&format!("/v1/orders?ids={id}")).await;
        if read.items()[0]["state"] == "CANCELED" {
            Ok(())
        } else {
            Err(read.text)
        }
    })
    .await;
    trader.place(&order).await.expect(201);
    gateway.stop().await;
}
