//! Open orders, live where the venue answers and from the journal where it does not.

use serde_json::json;
use switchyard_end_to_end::{TestApp, VENUE, eventually, limit_order, simulator};
use switchyard_venue_sim::{FaultAction, SettingsPatch};

#[tokio::test(flavor = "multi_thread")]
async fn open_orders_are_live_and_leave_out_what_is_over() {
    let app = TestApp::start().await;
    let open = app
        .trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201)
        .id();
    let over = app
        .trader()
        .place(&limit_order("0.001", "49000"))
        .await
        .expect(201)
        .id();
    app.trader().cancel(&over).await.expect(200);
    app.other_client()
        .place("someone-else-2", "0.002", "48000.00")
        .await;

    let active = app.viewer().get("/v1/orders/active").await.expect(200);
    assert_eq!(active["sources"][0]["source"], "live");
    assert_eq!(active["sources"][0]["venue"], VENUE);
    let origins: Vec<_> = active
        .items()
        .iter()
        .map(|o| o["origin"].as_str().unwrap())
        .collect();
    assert_eq!(origins, ["gateway", "external"], "{}", active.text);
    assert_eq!(active.ids()[0], open);

    let none = app
        .viewer()
        .get("/v1/orders/active?symbol=ETH/USDT")
        .await
        .expect(200);
    assert_eq!(none.items().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_orders_of_a_venue_that_is_away_come_from_the_journal_and_say_so() {
    let app = TestApp::start().await;
    let open = app
        .trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201)
        .id();
    app.sim.shutdown().await;
    let active = app.viewer().get("/v1/orders/active").await.expect(200);
    assert_eq!(active.ids(), [open.as_str()]);
    assert_eq!(active["sources"][0]["source"], "stale", "{}", active.text);
    let reason = active["sources"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("venue-unavailable"), "{reason}");

    let one = app.viewer().order(&open).await.expect(200);
    assert_eq!(one["state"], "NEW");
    assert!(
        one.header("age")
            .is_some_and(|age| age.parse::<u64>().is_ok())
    );
    assert!(
        one.header("cache-status")
            .is_some_and(|s| s.contains("venue-unavailable"))
    );

    app.sim.restart().await.unwrap();
    let live = app.viewer().get("/v1/orders/active").await.expect(200);
    assert_eq!(live["sources"][0]["source"], "live");
    assert_eq!(live.ids(), [open.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_from_the_venue_is_no_reason_to_forget_an_open_order() {
    let app = TestApp::start().await;
    let open = app
        .trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201)
        .id();
    for fault in [
        FaultAction::GarbageBody { bytes: 300 },
        FaultAction::TruncatedBody,
        FaultAction::HtmlErrorPage { status: 502 },
        FaultAction::DropBefore,
        FaultAction::Status {
            status: 500,
            retry_after: None,
            body: None,
        },
        FaultAction::Status {
            status: 418,
            retry_after: Some(1),
            body: None,
        },
    ] {
        app.sim.control().clear_faults();
        app.fault("GET", "/api/v3/openOrders", 10, fault.clone());
        let active = app.viewer().get("/v1/orders/active").await.expect(200);
        assert_eq!(active.ids(), [open.as_str()], "{fault:?}: {}", active.text);
        assert_eq!(active["sources"][0]["source"], "stale", "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_fate_is_open_is_among_the_open_ones() {
    let app = TestApp::start().await;
    app.next_placement(FaultAction::DropBefore);
    let pending = app
        .trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(202)
        .id();
    let active = app.viewer().get("/v1/orders/active").await.expect(200);
    assert_eq!(active.ids(), [pending.as_str()], "{}", active.text);
    assert_eq!(active.items()[0]["state"], "PENDING_NEW");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_order_that_its_venue_does_not_show_is_not_called_live() {
    let app = TestApp::start().await;
    let open = app
        .trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201)
        .id();
    app.sim.control().settings(SettingsPatch {
        lookup_lag_ms: Some(60_000),
        ..SettingsPatch::default()
    });
    let active = app.viewer().get("/v1/orders/active").await.expect(200);
    assert_eq!(active.ids(), [open.as_str()]);
    assert_eq!(active["sources"][0]["source"], "stale", "{}", active.text);
    let reason = active["sources"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("order-not-found"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_seen_through_another_venue_of_the_same_account_stays_its_tenants_own() {
    let sim = simulator().await;
    let app = TestApp::with(|config| {
        config
            .venue(
                "first",
                "binance",
                ("spot", &sim.url()),
                Some(sim.credentials()),
            )
            .venue(
                "second",
                "binance",
                ("spot", &sim.url()),
                Some(sim.credentials()),
            )
    })
    .await;
    let mut order = limit_order("0.001", "50000");
    order["venue"] = json!("first");
    app.trader().place(&order).await.expect(201);
    let path = "/v1/orders/active?venue=second";
    let own = app.trader().get(path).await.expect(200);
    assert_eq!(own.items()[0]["origin"], "external", "{}", own.text);
    let others = app.other_trader().get(path).await.expect(200);
    assert_eq!(others.items().len(), 0, "{}", others.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_ends_while_nobody_asks_is_learned_of_and_its_label_is_free_again() {
    let app = TestApp::with(|mut config| {
        config.top_lines = "orders.refresh_open_ms = 1000".to_owned();
        config
    })
    .await;
    let mut labelled = limit_order("0.001", "50000");
    labelled["client_order_id"] = "again".into();
    let id = app.trader().place(&labelled).await.expect(201).id();
    let lower = rust_decimal::Decimal::from(49_000);
    app.sim.control().set_mid("BTCUSDT", lower).unwrap();
    app.becomes_by_itself(&app.viewer(), &id, "FILLED").await;
    labelled["price"] = "40000".into();
    let open = app.trader().place(&labelled).await.expect(201).id();
    // Of one that rests the list is enough.
    let (lists, lookups) = ("/api/v3/openOrders", "/api/v3/order");
    let before = (app.seen("GET", lists).len(), app.seen("GET", lookups).len());
    eventually("the list is read twice more", || async {
        let read = app.seen("GET", lists).len() - before.0;
        if read >= 2 { Ok(()) } else { Err(read) }
    })
    .await;
    assert_eq!(app.seen("GET", lookups).len(), before.1);
    app.trader().cancel(&open).await.expect(200);
}
