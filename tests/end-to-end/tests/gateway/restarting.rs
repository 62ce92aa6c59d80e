//! What survives the gateway.

use std::fs;

use switchyard_end_to_end::{
    GatewayConfig, GatewayProcess, TRADER, TestApp, eventually, limit_order, simulator,
};
use switchyard_venue_sim::{FaultAction, FaultRule};

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_reads_its_orders_back_after_a_restart() {
    let mut app = TestApp::start().await;
    let mut labelled = limit_order("0.001", "50000");
    labelled["client_order_id"] = "kept".into();
    let open = app.trader().place(&labelled).await.expect(201);
    let over = app
        .trader()
        .place(&limit_order("0.001", "49000"))
        .await
        .expect(201)
        .id();
    let over = app.trader().cancel(&over).await.expect(200);

    app.restart_gateway().await;
    let listed = app.viewer().get("/v1/orders").await.expect(200);
    assert_eq!(listed.items(), [open.json().clone(), over.json().clone()]);
    let read = app.viewer().order(&open.id()).await.expect(200);
    assert_eq!(read["state"], "NEW");
    let again = app
        .trader()
        .place(&labelled)
        .await
        .expect_problem(422, "invalid-request");
    assert_eq!(
        again.fields_at_fault(),
        ["client_order_id"],
        "the label is still in use"
    );
    app.trader().cancel(&open.id()).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_a_restart_interrupts_is_pursued_afterwards() {
    let mut app = TestApp::start().await;
    let id = app
        .trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201)
        .id();
    app.sim.shutdown().await;
    app.trader().cancel(&id).await.expect(202);
    app.stop_gateway().await;
    app.sim.restart().await.unwrap();
    app.restart_gateway().await;
    app.becomes_by_itself(&app.viewer(), &id, "CANCELED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_while_the_gateway_was_down_is_seen_afterwards() {
    let mut app = TestApp::start().await;
    let id = app
        .trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201)
        .id();
    app.stop_gateway().await;
    app.sim
        .control()
        .set_mid("BTCUSDT", rust_decimal::Decimal::from(49_000))
        .unwrap();
    app.restart_gateway().await;
    let read = app.viewer().order(&id).await.expect(200);
    assert_eq!(read["state"], "FILLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_sent_when_the_process_was_killed_is_found_by_the_next_one() {
    let sim = simulator().await;
    let directory = tempfile::tempdir().unwrap();
    let config = GatewayConfig::in_directory(directory.path())
        .simulated(&sim)
        .write();
    let first = GatewayProcess::start(&config, &directory.path().join("first.log")).await;
    first.ready().await;
    // Executed at once, answered much later than the process lives.
    let rule = FaultRule::on("POST", "/api/v3/order").times(1);
    sim.control()
        .add_fault(rule.act(FaultAction::DelayAfter { ms: 20_000 }));
    let trader = first.anonymous().with(TRADER);
    let placing = tokio::spawn(async move {
        let request = trader.request(reqwest::Method::POST, "/v1/orders");
        let request = request.header("content-type", "application/json");
        request
            .body(limit_order("0.01", "50000").to_string())
            .send()
            .await
    });
    eventually("the venue has the order", || async {
        let executed = sim.control().executed().len();
        if executed == 1 { Ok(()) } else { Err(executed) }
    })
    .await;
    first.kill();
    placing
        .await
        .unwrap()
        .expect_err("the process died before it could answer");

    let second = GatewayProcess::start(&config, &directory.path().join("second.log")).await;
    second.ready().await;
    let trader = second.anonymous().with(TRADER);
    let found = eventually("the order is found", || async {
        let listed = trader.get("/v1/orders?state=NEW").await.expect(200);
        listed.items().first().cloned().ok_or(listed.text)
    })
    .await;
    let executed = sim.control().executed();
    assert_eq!(executed.len(), 1);
    assert_eq!(found["id"], executed[0].client_order_id);
    assert_eq!(found["venue_order_id"], executed[0].venue_order_id);
    assert_eq!(second.terminate().await, Some(0));
    assert!(
        fs::metadata(directory.path().join("journal.db"))
            .unwrap()
            .len()
            > 0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_orders_survive_being_killed() {
    let sim = simulator().await;
    let directory = tempfile::tempdir().unwrap();
    let config = GatewayConfig::in_directory(directory.path())
        .simulated(&sim)
        .write();
    let first = GatewayProcess::start(&config, &directory.path().join("first.log")).await;
    first.ready().await;
    let trader = first.anonymous().with(TRADER);
    let orders: Vec<_> = (0..10)
        .map(|cent| limit_order("0.001", &format!("500{cent:02}")))
        .collect();
    let placed =
        futures_util::future::join_all(orders.iter().map(|order| trader.place(order))).await;
    let mut ids: Vec<String> = placed
        .into_iter()
        .map(|answer| answer.expect(201).id())
        .collect();
    first.kill();

    let second = GatewayProcess::start(&config, &directory.path().join("second.log")).await;
    second.ready().await;
    let listed = second
        .anonymous()
        .with(TRADER)
        .get("/v1/orders?state=NEW")
        .await
        .expect(200);
    let mut kept: Vec<String> = listed.ids().into_iter().map(str::to_owned).collect();
    ids.sort();
    kept.sort();
    assert_eq!(kept, ids);
}
