//! A request with an Idempotency-Key is carried out once, however often it is sent.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use switchyard_end_to_end::{
    Answer, Caller, GatewayConfig, GatewayProcess, TRADER, TestApp, eventually, limit_order,
    simulator,
};
use switchyard_venue_sim::{FaultAction, FaultRule};

/// Sends a request with a key.
async fn send(
    caller: &Caller,
    method: Method,
    path: &str,
    key: &str,
    body: Option<&Value>,
) -> Answer {
    let mut request = caller.request(method, path).header("idempotency-key", key);
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body.to_string());
    }
    Answer::to(request).await
}

async fn place(caller: &Caller, key: &str, order: &Value) -> Answer {
    send(caller, Method::POST, "/v1/orders", key, Some(order)).await
}

async fn amend(caller: &Caller, key: &str, id: &str, change: &Value) -> Answer {
    let path = format!("/v1/orders/{id}");
    send(caller, Method::PATCH, &path, key, Some(change)).await
}

async fn cancel(caller: &Caller, key: &str, id: &str) -> Answer {
    send(
        caller,
        Method::DELETE,
        &format!("/v1/orders/{id}"),
        key,
        None,
    )
    .await
}

/// The answer is a replay of the first: same status, same bytes, same place.
#[track_caller]
fn is_replay(again: &Answer, first: &Answer) {
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    for name in ["location", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.header("idempotent-replayed"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_placement_gets_the_first_answer_and_no_second_order() {
    let mut app = TestApp::start().await;
    let order = limit_order("0.01", "50000");
    let first = place(&app.trader(), "once", &order).await.expect(201);
    is_replay(&place(&app.trader(), "once", &order).await, &first);
    assert_eq!(app.placements_seen(), 1);
    // The answer is what it was, whatever became of the order, and survives a restart.
    app.trader().cancel(&first.id()).await.expect(200);
    app.restart_gateway().await;
    is_replay(&place(&app.trader(), "once", &order).await, &first);
    assert_eq!(app.placements_seen(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_placements_with_one_key_at_once_are_one_order() {
    let app = TestApp::start().await;
    app.next_placement(FaultAction::DelayAfter { ms: 300 });
    let (order, trader) = (limit_order("0.01", "50000"), app.trader());
    let answers =
        futures_util::future::join_all((0..50).map(|_| place(&trader, "once", &order))).await;
    let mut placed = 0;
    for answer in answers {
        match (answer.status, answer.header("idempotent-replayed")) {
            (201, None) => placed += 1,
            (201, Some(_)) => {}
            _ => {
                let refused = answer.expect_problem(409, "idempotency-key-in-flight");
                assert_eq!(refused["retryable"], true);
            }
        }
    }
    assert_eq!(placed, 1);
    assert_eq!(app.placements_seen(), 1);
    assert_eq!(app.sim.control().executed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_request_and_one_tenant() {
    let app = TestApp::start().await;
    let order = limit_order("0.01", "50000");
    let first = place(&app.trader(), "once", &order).await.expect(201);
    let other = limit_order("0.02", "50000");
    place(&app.trader(), "once", &other)
        .await
        .expect_problem(422, "idempotency-key-reused");
    cancel(&app.trader(), "once", &first.id())
        .await
        .expect_problem(422, "idempotency-key-reused");
    assert_eq!(app.order_state(&first.id()).await, "NEW");
    // Another tenant's key is another key.
    let theirs = place(&app.other_trader(), "once", &order).await.expect(201);
    assert_ne!(theirs.id(), first.id());
    assert_eq!(app.placements_seen(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_fate_was_open_is_told_as_it_is_now() {
    let app = TestApp::start().await;
    app.next_placement(FaultAction::ExecuteThenDrop);
    let order = limit_order("0.01", "50000");
    let first = place(&app.trader(), "once", &order).await.expect(202);
    let id = first.id();
    app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
    let again = place(&app.trader(), "once", &order).await.expect(200);
    assert_eq!((again.id(), &again["state"]), (id.clone(), &json!("NEW")));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("location"), first.header("location"));
    app.trader().cancel(&id).await.expect(200);
    let last = place(&app.trader(), "once", &order).await.expect(200);
    assert_eq!(last["state"], "CANCELED");
    assert_eq!(app.placements_seen(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_went_away_gets_the_answer_when_it_asks_again() {
    let app = TestApp::start().await;
    app.next_placement(FaultAction::DelayAfter { ms: 800 });
    let order = limit_order("0.01", "50000");
    let request = app.trader().request(Method::POST, "/v1/orders");
    let request = request
        .timeout(Duration::from_millis(200))
        .header("idempotency-key", "once")
        .header("content-type", "application/json")
        .body(order.to_string());
    request
        .send()
        .await
        .expect_err("the caller goes away first");
    let again = eventually("the key is bound", || async {
        let again = place(&app.trader(), "once", &order).await;
        if again.status == 201 {
            Ok(again)
        } else {
            Err(again.text)
        }
    })
    .await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(app.placements_seen(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn final_refusals_bind_a_key() {
    let app = TestApp::start().await;
    let trader = app.trader();
    // By the gateway, before anything is journaled.
    let wrong = limit_order("0.0000000001", "50000");
    let first = place(&trader, "invalid", &wrong)
        .await
        .expect_problem(422, "invalid-request");
    is_replay(&place(&trader, "invalid", &wrong).await, &first);
    place(&trader, "invalid", &limit_order("0.01", "50000"))
        .await
        .expect_problem(422, "idempotency-key-reused");
    // By the venue.
    let dear = limit_order("100", "50000");
    let first = place(&trader, "dear", &dear)
        .await
        .expect_problem(422, "insufficient-funds");
    is_replay(&place(&trader, "dear", &dear).await, &first);
    assert_eq!(app.placements_seen(), 1);
    // Nothing to be found.
    let first = cancel(&trader, "nothing", "nosuch")
        .await
        .expect_problem(404, "order-not-found");
    is_replay(&cancel(&trader, "nothing", "nosuch").await, &first);
    // Nothing to be amended any more.
    let order = trader
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201);
    trader.cancel(&order.id()).await.expect(200);
    let change = json!({"price": "50001"});
    let first = amend(&trader, "late", &order.id(), &change)
        .await
        .expect_problem(409, "not-amendable");
    is_replay(&amend(&trader, "late", &order.id(), &change).await, &first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_free_again_after_nothing_happened() {
    let app = TestApp::start().await;
    let (trader, order) = (app.trader(), limit_order("0.01", "50000"));
    app.next_placement(FaultAction::Status {
        status: 429,
        retry_after: Some(1),
        body: None,
    });
    place(&trader, "once", &order)
        .await
        .expect_problem(503, "rate-limited");
    // Malformed requests never get so far as to have a key.
    place(&trader, "once", &json!({"venue": "sim"}))
        .await
        .expect_problem(400, "malformed-request");
    // The same key may now be another request's, too.
    let other = limit_order("0.02", "50000");
    let placed = place(&trader, "once", &other).await.expect(201);
    assert_eq!(placed.header("idempotent-replayed"), None);
    assert_eq!(app.sim.control().executed().len(), 1);
    is_replay(&place(&trader, "once", &other).await, &placed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amend_and_a_cancel_are_carried_out_once_too() {
    let app = TestApp::start().await;
    let trader = app.trader();
    let placed = trader
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201);
    let change = json!({"price": "50001"});
    let amended = amend(&trader, "change", &placed.id(), &change)
        .await
        .expect(200);
    is_replay(
        &amend(&trader, "change", &placed.id(), &change).await,
        &amended,
    );
    assert_eq!(app.sim.control().executed().len(), 2, "replaced once");
    app.next_cancel(FaultAction::ExecuteThenDrop);
    let first = cancel(&trader, "end", &placed.id()).await.expect(202);
    assert_eq!(first["state"], "PENDING_CANCEL");
    app.becomes_by_itself(&app.viewer(), &placed.id(), "CANCELED")
        .await;
    let again = cancel(&trader, "end", &placed.id()).await.expect(200);
    assert_eq!(again["state"], "CANCELED");
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_cancel_of_all_leaves_new_orders_alone() {
    let app = TestApp::start().await;
    let trader = app.trader();
    trader
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201);
    let path = "/v1/orders?venue=sim";
    let first = send(&trader, Method::DELETE, path, "all", None)
        .await
        .expect(200);
    let later = trader
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201);
    is_replay(
        &send(&trader, Method::DELETE, path, "all", None).await,
        &first,
    );
    assert_eq!(app.order_state(&later.id()).await, "NEW");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_of_all_that_was_under_way_is_told_as_it_is_now() {
    let app = TestApp::start().await;
    let trader = app.trader();
    let placed = trader
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201);
    app.next_cancel(FaultAction::ExecuteThenDrop);
    let path = "/v1/orders?venue=sim";
    send(&trader, Method::DELETE, path, "all", None)
        .await
        .expect(202);
    app.becomes_by_itself(&app.viewer(), &placed.id(), "CANCELED")
        .await;
    let later = trader
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201);
    let again = send(&trader, Method::DELETE, path, "all", None)
        .await
        .expect(200);
    assert_eq!(again.ids(), [placed.id()]);
    assert_eq!(again.items()[0]["state"], "CANCELED");
    assert_eq!(app.order_state(&later.id()).await, "NEW");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_of_all_that_was_cut_off_by_a_crash_leaves_new_orders_alone() {
    let sim = simulator().await;
    let directory = tempfile::tempdir().unwrap();
    let config = GatewayConfig::in_directory(directory.path())
        .simulated(&sim)
        .write();
    let first = GatewayProcess::start(&config, &directory.path().join("first.log")).await;
    first.ready().await;
    let trader = first.anonymous().with(TRADER);
    let mut ids = Vec::new();
    for price in ["50000", "50001"] {
        let placed = trader.place(&limit_order("0.01", price)).await;
        ids.push(placed.expect(201).id());
    }
    let rule = FaultRule::on("DELETE", "/api/v3/order").times(2);
    sim.control()
        .add_fault(rule.act(FaultAction::DelayBefore { ms: 20_000 }));
    let path = "/v1/orders?venue=sim";
    let request = trader.request(Method::DELETE, path);
    let cancelling = tokio::spawn(request.header("idempotency-key", "all").send());
    eventually("the venue is asked to cancel", || async {
        let mut requests = sim.control().requests().into_iter();
        requests.find(|seen| seen.method == "DELETE").ok_or(())
    })
    .await;
    first.kill();
    let _ = cancelling.await.unwrap();

    let second = GatewayProcess::start(&config, &directory.path().join("second.log")).await;
    second.ready().await;
    let trader = second.anonymous().with(TRADER);
    let later = trader.place(&limit_order("0.01", "50002")).await;
    let later = later.expect(201).id();
    let again = send(&trader, Method::DELETE, path, "all", None).await;
    let again = again.expect(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.ids(), ids);
    for id in &ids {
        eventually("what was to be cancelled is", || async {
            let order = trader.order(id).await;
            if order["state"] == "CANCELED" {
                Ok(())
            } else {
                Err(order.text)
            }
        })
        .await;
    }
    assert_eq!(trader.order(&later).await.expect(200)["state"], "NEW");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_was_shown_is_not_replayed_to_a_trader() {
    let app = TestApp::start().await;
    app.other_trader()
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201);
    let path = "/v1/orders?venue=sim&scope=account";
    send(&app.operator(), Method::DELETE, path, "all", None)
        .await
        .expect(200);
    let refused = send(&app.trader(), Method::DELETE, path, "all", None).await;
    assert!([403, 422].contains(&refused.status), "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_key_is_refused_naming_the_header() {
    let app = TestApp::start().await;
    let order = limit_order("0.01", "50000");
    for key in ["", "a b", &"k".repeat(256)] {
        let refused = place(&app.trader(), key, &order).await;
        let refused = refused.expect_problem(400, "malformed-request");
        assert_eq!(refused.fields_at_fault(), ["Idempotency-Key"], "{key:?}");
    }
    let request = app.trader().request(Method::POST, "/v1/orders");
    let request = request
        .header("idempotency-key", "a")
        .header("idempotency-key", "a")
        .header("content-type", "application/json")
        .body(order.to_string());
    let refused = Answer::to(request).await;
    let refused = refused.expect_problem(400, "malformed-request");
    assert_eq!(refused.fields_at_fault(), ["Idempotency-Key"]);
    assert_eq!(app.placements_seen(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_trade_learns_nothing_of_a_key() {
    let app = TestApp::start().await;
    let order = limit_order("0.01", "50000");
    place(&app.trader(), "once", &order).await.expect(201);
    place(&app.viewer(), "once", &order)
        .await
        .expect_problem(403, "forbidden");
    place(&app.anonymous(), "once", &order)
        .await
        .expect_problem(401, "unauthenticated");
}
