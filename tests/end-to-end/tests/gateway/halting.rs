//! An operator stops the trading at a venue: at once, for everyone, and until it is resumed.

use serde_json::{Value, json};
use switchyard_end_to_end::{Answer, GatewayConfig, TestApp, eventually, limit_order};
use switchyard_venue_sim::FaultAction;

const HALT: &str = "/v1/venues/sim/halt";
const RESUME: &str = "/v1/venues/sim/resume";

async fn post(app: &TestApp, path: &str) -> Answer {
    let request = app.operator().request(reqwest::Method::POST, path);
    Answer::to(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_placed_or_changed_at_a_halted_venue_and_cancels_and_reads_go_on() {
    let app = TestApp::start().await;
    let trader = app.trader();
    let order = limit_order("0.001", "50000");
    let id = trader.place(&order).await.expect(201).id();
    let reason = json!({"reason": "the exchange misbehaves"});
    let halted = app.operator().post(HALT, &reason).await.expect(200);
    assert_eq!(halted["halt"]["reason"], "the exchange misbehaves");
    assert_eq!(halted["halt"]["key_id"], "a-operator");
    assert_eq!(halted["canceled"], Value::Null);

    let sent = app.sim.control().requests().len();
    for refused in [
        trader.place(&order).await,
        app.operator().place(&order).await,
        trader.amend(&id, &json!({"price": "50001"})).await,
    ] {
        let refused = refused.expect_problem(503, "halted");
        assert_eq!(refused["retryable"], true);
        assert!(
            refused
                .text_of("detail")
                .contains("the exchange misbehaves")
        );
    }
    let changes = app.sim.control().requests().split_off(sent);
    assert!(changes.iter().all(|request| request.method == "GET"));
    let venue = trader.get("/v1/venues/sim").await.expect(200);
    assert_eq!(venue["halt"], halted["halt"]);
    let metrics = app.viewer().get("/metrics").await.expect(200).text;
    assert!(metrics.contains("switchyard_venue_halted{venue=\"sim\"} 1"));

    trader.order(&id).await.expect(200);
    trader
        .get("/v1/tickers?symbol=BTC/USDT&venue=sim")
        .await
        .expect(200);
    assert_eq!(trader.cancel(&id).await.expect(200)["state"], "CANCELED");

    assert_eq!(post(&app, RESUME).await.expect(200)["halt"], Value::Null);
    trader.place(&order).await.expect(201);
    let venue = trader.get("/v1/venues/sim").await.expect(200);
    assert_eq!(venue["halt"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_stands_after_a_restart_until_it_is_resumed() {
    let mut app = TestApp::start().await;
    let order = limit_order("0.001", "50000");
    let first = post(&app, HALT).await.expect(200);
    app.restart_gateway().await;
    app.trader()
        .place(&order)
        .await
        .expect_problem(503, "halted");
    let again = app.operator().post(HALT, &json!({"reason": "still"})).await;
    let again = again.expect(200);
    assert_eq!(again["halt"]["since"], first["halt"]["since"]);
    assert_eq!(again["halt"]["reason"], "still");
    post(&app, RESUME).await.expect(200);
    post(&app, RESUME).await.expect(200);
    app.restart_gateway().await;
    app.trader().place(&order).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_to_be_sent_again_is_not_sent_once_the_venue_is_halted() {
    let app = TestApp::with(|config| GatewayConfig {
        venue_lines: "retry = { max_retries = 3, base_ms = 10 }".to_owned(),
        ..config
    })
    .await;
    app.next_placement(FaultAction::Status {
        status: 429,
        retry_after: Some(1),
        body: None,
    });
    let trader = app.trader();
    let waiting = tokio::spawn(async move { trader.place(&limit_order("0.001", "50000")).await });
    eventually("the first try is refused", async || {
        let placements = app.placements_seen();
        (placements == 1).then_some(()).ok_or(placements)
    })
    .await;
    post(&app, HALT).await.expect(200);
    let refused = waiting.await.unwrap().expect_problem(503, "halted");
    assert_eq!(app.placements_seen(), 1);
    let id = refused.text_of("order_id");
    assert_eq!(app.order_state(&id).await, "REJECTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_can_cancel_what_every_tenant_has_open_and_leaves_the_orders_of_others() {
    let app = TestApp::start().await;
    let order = limit_order("0.001", "50000");
    let ours = app.trader().place(&order).await.expect(201).id();
    let theirs = app.other_trader().place(&order).await.expect(201).id();
    let by_hand = app.other_client();
    by_hand.place("by-hand", "0.001", "50000").await;
    let body = json!({"cancel_open_orders": true});
    let halted = app.operator().post(HALT, &body).await.expect(200);
    let mut canceled: Vec<&str> = halted["canceled"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| {
            assert_eq!(order["state"], "CANCELED");
            order["id"].as_str().unwrap()
        })
        .collect();
    canceled.sort_unstable();
    let mut expected = [ours.as_str(), theirs.as_str()];
    expected.sort_unstable();
    assert_eq!(canceled, expected);
    assert_eq!(halted["canceled"]["failures"], json!([]));
    let left = by_hand.cancel("by-hand").await;
    assert_eq!(left["status"], "CANCELED", "it was open until now");
}

#[tokio::test(flavor = "multi_thread")]
async fn halting_needs_an_operator_a_venue_that_exists_and_a_body_that_is_understood() {
    let app = TestApp::start().await;
    for path in [HALT, RESUME] {
        for caller in [app.viewer(), app.trader()] {
            let refused = caller.post(path, &json!({})).await;
            refused.expect_problem(403, "forbidden");
        }
        let elsewhere = path.replace("sim", "nowhere");
        let unknown = post(&app, &elsewhere)
            .await
            .expect_problem(404, "not-found");
        assert!(unknown.text_of("detail").contains("sim"));
    }
    for (body, field) in [
        (json!({"reason": ""}), "reason"),
        (json!({"reason": "x".repeat(501)}), "reason"),
        (json!({"cancel": true}), "cancel"),
        (json!({"cancel_open_orders": "yes"}), "cancel_open_orders"),
    ] {
        let refused = app.operator().post(HALT, &body).await;
        let refused = refused.expect_problem(400, "malformed-request");
        assert_eq!(refused.fields_at_fault(), [field]);
    }
    app.trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201);
}
