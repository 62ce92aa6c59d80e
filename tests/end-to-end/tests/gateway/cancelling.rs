//! Cancels: final, pursued, repeated, and in a race.

use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use switchyard_end_to_end::{TestApp, eventually, eventually_within, limit_order};
use switchyard_venue_sim::FaultAction;

async fn resting(app: &TestApp) -> String {
    let placed = app
        .trader()
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201);
    placed.id()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_the_venue_confirms_is_final() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    let canceled = app.trader().cancel(&id).await.expect(200);
    assert_eq!(canceled["state"], "CANCELED");
    assert_eq!(canceled["filled_quantity"], "0");
    assert_eq!(app.truth(&id).unwrap().state, "CANCELED");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_an_order_that_is_over_shows_it_and_sends_nothing() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    let first = app.trader().cancel(&id).await.expect(200);
    let second = app.trader().cancel(&id).await.expect(200);
    assert_eq!(first.json(), second.json());
    assert_eq!(app.seen("DELETE", "/api/v3/order").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_whose_answer_was_lost_is_pursued_to_its_end() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    app.next_cancel(FaultAction::ExecuteThenDrop);
    let pending = app.trader().cancel(&id).await.expect(202);
    assert_eq!(pending["state"], "PENDING_CANCEL");
    app.becomes_by_itself(&app.viewer(), &id, "CANCELED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_never_arrived_is_sent_again_until_it_is_through() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    app.next_cancel(FaultAction::DropBefore);
    let pending = app.trader().cancel(&id).await.expect(202);
    assert_eq!(pending["state"], "PENDING_CANCEL");
    app.becomes_by_itself(&app.viewer(), &id, "CANCELED").await;
    assert_eq!(app.truth(&id).unwrap().state, "CANCELED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_while_the_venue_is_away_is_done_when_it_is_back() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    app.sim.shutdown().await;
    let pending = app.trader().cancel(&id).await.expect(202);
    assert_eq!(pending["state"], "PENDING_CANCEL");
    app.sim.restart().await.unwrap();
    app.becomes_by_itself(&app.viewer(), &id, "CANCELED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_comes_after_the_fill_shows_the_fill() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    app.sim
        .control()
        .set_mid("BTCUSDT", Decimal::from(49_000))
        .unwrap();
    let ended = app.trader().cancel(&id).await.expect(200);
    assert_eq!(ended["state"], "FILLED");
    assert_eq!(ended["filled_quantity"], "0.01");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_that_overtakes_the_cancel_is_shown() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    app.next_cancel(FaultAction::DelayBefore { ms: 500 });
    let trader = app.trader();
    let cancel = trader.cancel(&id);
    let fill = async {
        switchyard_end_to_end::eventually("the cancel has arrived", || async {
            let arrived = app.seen("DELETE", "/api/v3/order").len();
            if arrived == 1 { Ok(()) } else { Err(arrived) }
        })
        .await;
        app.sim
            .control()
            .set_mid("BTCUSDT", Decimal::from(49_000))
            .unwrap();
    };
    let (ended, ()) = tokio::join!(cancel, fill);
    let ended = ended.expect(200);
    assert_eq!(ended["state"], "FILLED", "{}", ended.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_cancelled_while_its_fate_is_open_is_cancelled_once_it_is_found() {
    let app = TestApp::start().await;
    app.next_placement(FaultAction::ExecuteLate {
        ms: 2_000,
        drop_after_ms: 0,
    });
    let id = app
        .trader()
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(202)
        .id();
    let queued = app.trader().cancel(&id).await.expect(202);
    assert_eq!(queued["state"], "PENDING_NEW");
    assert_eq!(app.seen("DELETE", "/api/v3/order").len(), 0);
    app.becomes_by_itself(&app.viewer(), &id, "CANCELED").await;
    let truth = app.truth(&id).unwrap();
    assert_eq!((truth.state, truth.client_id_accepted), ("CANCELED", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_cancelled_behind_the_gateways_back_reads_cancelled() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    app.other_client().cancel(&id).await;
    let read = app.trader().order(&id).await.expect(200);
    assert_eq!(read["state"], "CANCELED");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_cancels_at_once_both_end_well() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    let trader = app.trader();
    let (one, other) = tokio::join!(trader.cancel(&id), trader.cancel(&id));
    for answer in [&one, &other] {
        assert!([200, 202].contains(&answer.status), "{}", answer.text);
    }
    app.becomes_by_itself(&app.viewer(), &id, "CANCELED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_does_not_exist_cannot_be_cancelled() {
    let app = TestApp::start().await;
    for id in ["swynosuchorder", "x", "ext-AAAA", "%00", "..%2f.."] {
        app.trader()
            .cancel(id)
            .await
            .expect_problem(404, "order-not-found");
    }
}

fn says(status: u16, body: &Value) -> FaultAction {
    FaultAction::Status {
        status,
        retry_after: None,
        body: Some(body.to_string()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_of_an_order_that_its_venue_knows_no_more_ends_by_evidence_and_is_watched() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    let (gone, unknown) = (
        json!({"code": -2013, "msg": "Order does not exist."}),
        json!({"code": -2011, "msg": "Unknown order sent."}),
    );
    app.fault("GET", "/api/v3/order", 1_000, says(400, &gone));
    app.fault("DELETE", "/api/v3/order", 1_000, says(400, &unknown));
    for list in ["/api/v3/openOrders", "/api/v3/allOrders"] {
        app.fault("GET", list, 1_000, says(200, &json!([])));
    }
    app.trader().cancel(&id).await.expect(202);
    app.sim.control().step_clock_ms(120_000);
    let read = || async {
        let read = app.viewer().get(&format!("/v1/orders?ids={id}")).await;
        read.items()[0].clone()
    };
    let within = Duration::from_secs(60);
    let over = eventually_within(within, "the cancel ends", || async {
        let order = read().await;
        if order["state"] == "CANCELED" {
            Ok(order)
        } else {
            Err(order)
        }
    })
    .await;
    let reason = over["reason"].as_str().unwrap();
    assert!(reason.starts_with("not-found: 2 rounds"), "{reason}");
    let events = app.viewer().get(&format!("/v1/orders/{id}/events")).await;
    let vanished = events.items().last().unwrap().clone();
    assert_eq!(vanished["kind"], "vanished");
    let all = json!(["get_order", "list_open", "list_history", "list_fills"]);
    assert_eq!(vanished["detail"]["misses"][1]["asked"], all);
    // It was there all the time: it is open again, and cancelled as was asked for.
    app.sim.control().clear_faults();
    app.other_trader().get("/v1/orders/active?venue=sim").await;
    eventually_within(within, "the venue cancels it", || async {
        let truth = app.truth(&id).unwrap().state;
        if truth == "CANCELED" {
            Ok(())
        } else {
            Err(truth)
        }
    })
    .await;
    let events = app.viewer().get(&format!("/v1/orders/{id}/events")).await;
    let mut kinds = events.items().iter().map(|event| &event["kind"]);
    assert!(kinds.any(|kind| kind == "surfaced_late"), "{}", events.text);
    let back = app.becomes_by_itself(&app.viewer(), &id, "CANCELED").await;
    assert_eq!(back["reason"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_ends_as_history_says_where_lookups_miss_the_order() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    let gone = json!({"code": -2013, "msg": "Order does not exist."});
    app.fault("GET", "/api/v3/order", 1_000, says(400, &gone));
    let lower = Decimal::from(49_000);
    app.sim.control().set_mid("BTCUSDT", lower).unwrap();
    app.trader().cancel(&id).await.expect(202);
    app.becomes_by_itself(&app.viewer(), &id, "FILLED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_cancelled_on_its_way_is_cancelled_as_soon_as_the_venue_has_it() {
    let app = TestApp::start().await;
    app.next_placement(FaultAction::DelayBefore { ms: 700 });
    let trader = app.trader();
    let placing = tokio::spawn(async move { trader.place(&limit_order("0.001", "50000")).await });
    let id: String = eventually("the order is journaled", async || {
        let pending = app.viewer().get("/v1/orders?state=PENDING_NEW").await;
        let first = pending.ids().first().map(|id| (*id).to_owned());
        first.ok_or(pending.text)
    })
    .await;
    app.trader().cancel(&id).await.expect(202);
    let placed = placing.await.unwrap().expect(201);
    assert_eq!(placed["state"], "CANCELED");
    assert_eq!(app.truth(&id).unwrap().state, "CANCELED");
}
