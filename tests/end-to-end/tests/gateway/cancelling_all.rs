//! Cancelling many orders at once: one's own, and everything on the account.

use switchyard_end_to_end::{TestApp, limit_order};
use switchyard_venue_sim::{FaultAction, FaultRule};

const ALL: &str = "/v1/orders?venue=sim";

async fn place_three(app: &TestApp) -> Vec<String> {
    let mut ids = Vec::new();
    for price in ["50000", "50001", "50002"] {
        let placed = app.trader().place(&limit_order("0.01", price)).await;
        ids.push(placed.expect(201).id());
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_cancels_its_own_orders_and_nobody_elses() {
    let app = TestApp::start().await;
    let ids = place_three(&app).await;
    let theirs = app
        .other_trader()
        .place(&limit_order("0.01", "50003"))
        .await;
    let theirs = theirs.expect(201).id();
    app.other_client().place("someone", "0.01", "50004").await;
    let canceled = app.trader().delete(ALL).await.expect(200);
    assert_eq!(canceled.ids(), ids);
    assert!(
        canceled
            .items()
            .iter()
            .all(|order| order["state"] == "CANCELED")
    );
    assert_eq!(canceled["failures"].as_array().unwrap().len(), 0);
    assert_eq!(app.truth(&theirs).unwrap().state, "NEW");
    assert_eq!(app.truth("someone").unwrap().state, "NEW");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symbol_narrows_it() {
    let app = TestApp::start().await;
    place_three(&app).await;
    let none = app
        .trader()
        .delete("/v1/orders?venue=sim&symbol=ETH/USDT")
        .await
        .expect(200);
    assert_eq!(none.items().len(), 0);
    let all = app
        .trader()
        .delete("/v1/orders?venue=sim&symbol=BTC/USDT")
        .await
        .expect(200);
    assert_eq!(all.items().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_cancels_everything_on_the_account() {
    let app = TestApp::start().await;
    let mut ids = place_three(&app).await;
    let theirs = app
        .other_trader()
        .place(&limit_order("0.01", "50003"))
        .await;
    ids.push(theirs.expect(201).id());
    app.other_client().place("someone", "0.01", "50004").await;
    let path = "/v1/orders?venue=sim&scope=account";
    app.trader()
        .delete(path)
        .await
        .expect_problem(403, "forbidden");
    let canceled = app.operator().delete(path).await.expect(200);
    assert_eq!(canceled.items().len(), 5, "{}", canceled.text);
    for id in ids.iter().map(String::as_str).chain(["someone"]) {
        assert_eq!(app.truth(id).unwrap().state, "CANCELED");
    }
    let external = canceled
        .items()
        .iter()
        .filter(|order| order["origin"] == "external");
    assert_eq!(external.count(), 1);
    let one = app.trader().order(&ids[0]).await.expect(200);
    assert_eq!(one["state"], "CANCELED");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancels_that_are_lost_are_pursued_for_every_order() {
    let app = TestApp::start().await;
    let ids = place_three(&app).await;
    app.fault("DELETE", "/api/v3/order", 2, FaultAction::DropBefore);
    let pending = app.trader().delete(ALL).await.expect(202);
    assert_eq!(pending.items().len(), 3);
    for id in &ids {
        app.becomes_by_itself(&app.viewer(), id, "CANCELED").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_of_everything_whose_answer_is_lost_still_cancels_the_gateways_own() {
    let app = TestApp::start().await;
    let ids = place_three(&app).await;
    app.fault("DELETE", "/api/v3/openOrders", 1, FaultAction::DropBefore);
    let path = "/v1/orders?venue=sim&scope=account";
    let canceled = app.operator().delete(path).await.expect(202);
    assert_eq!(canceled["failures"][0]["endpoint"], "spot");
    for id in &ids {
        app.becomes(&app.viewer(), id, "CANCELED").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symbol_that_refuses_keeps_its_orders_and_no_others() {
    let app = TestApp::start().await;
    let ids = place_three(&app).await;
    let mut eth = limit_order("0.1", "2500");
    eth["symbol"] = "ETH/USDT".into();
    let stays = app.trader().place(&eth).await.expect(201).id();
    let refusal = FaultAction::Status {
        status: 400,
        retry_after: None,
        body: Some(r#"{"code":-1013,"msg":"Market is closed."}"#.to_owned()),
    };
    for path in ["/api/v3/openOrders", "/api/v3/order"] {
        let mut rule = FaultRule::on("DELETE", path).act(refusal.clone());
        rule.symbol = Some("ETHUSDT".to_owned());
        app.sim.control().add_fault(rule);
    }
    let path = "/v1/orders?venue=sim&scope=account";
    let canceled = app.operator().delete(path).await.expect(202);
    for id in &ids {
        assert_eq!(app.truth(id).unwrap().state, "CANCELED");
    }
    let left = canceled
        .items()
        .iter()
        .find(|order| order["id"] == stays.as_str());
    assert_eq!(
        left.unwrap()["state"],
        "PENDING_CANCEL",
        "{}",
        canceled.text
    );
    app.sim.control().clear_faults();
    app.becomes(&app.viewer(), &stays, "CANCELED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_cancelled_must_be_said() {
    let app = TestApp::start().await;
    let refused = app.trader().delete("/v1/orders").await;
    let refused = refused.expect_problem(400, "malformed-request");
    assert_eq!(refused.fields_at_fault(), ["venue"]);
    for (path, field) in [
        ("/v1/orders?venue=nowhere", "venue"),
        ("/v1/orders?venue=sim&symbol=NO/NE", "symbol"),
    ] {
        let refused = app.trader().delete(path).await;
        let refused = refused.expect_problem(422, "invalid-request");
        assert_eq!(refused.fields_at_fault(), [field]);
    }
    let refused = app.trader().delete("/v1/orders?venue=sim&scope=all").await;
    refused.expect_problem(400, "malformed-request");
    app.viewer()
        .delete(ALL)
        .await
        .expect_problem(403, "forbidden");
}
