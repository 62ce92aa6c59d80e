//! Amends: made in place, made by replacement, refused, lost, and found out.

use serde_json::json;
use switchyard_end_to_end::{TestApp, limit_order};
use switchyard_venue_sim::{ExecutionFate, FaultAction};

/// Where a spot order's quantity is reduced.
const IN_PLACE: &str = "/api/v3/order/amend/keepPriority";

/// Where a spot order is replaced.
const REPLACING: &str = "/api/v3/order/cancelReplace";

async fn resting(app: &TestApp) -> String {
    let placed = app.trader().place(&limit_order("0.02", "50000")).await;
    placed.expect(201).id()
}

async fn event_kinds(app: &TestApp, id: &str) -> Vec<String> {
    let events = app.viewer().get(&format!("/v1/orders/{id}/events")).await;
    let items = events.items().iter();
    items
        .filter_map(|event| Some(event["kind"].as_str()?.to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_quantity_keeps_the_order_and_its_place_at_the_venue() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    let before = app.trader().order(&id).await;
    let change = json!({"quantity": "0.01"});
    let amended = app.trader().amend(&id, &change).await.expect(200);
    assert_eq!(amended["state"], "NEW");
    assert_eq!(amended["quantity"], "0.01");
    assert_eq!(amended["venue_order_id"], before["venue_order_id"]);
    assert_eq!(app.seen("PUT", IN_PLACE).len(), 1);
    assert_eq!(
        event_kinds(&app, &id).await,
        [
            "intent",
            "attempt",
            "exchanged",
            "acknowledged",
            "amend_requested",
            "attempt",
            "exchanged",
            "amended"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_price_replaces_the_order_and_the_gateways_id_stays() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    let before = app.trader().order(&id).await;
    let change = json!({"quantity": "0.03", "price": "51000"});
    let amended = app.trader().amend(&id, &change).await.expect(200);
    assert_eq!(amended["id"], id.as_str());
    assert_eq!(amended["state"], "NEW");
    assert_eq!(
        (&amended["quantity"], &amended["price"]),
        (&json!("0.03"), &json!("51000"))
    );
    assert_ne!(amended["venue_order_id"], before["venue_order_id"]);
    let orders = app.sim.control().executed();
    let open: Vec<_> = orders.iter().filter(|order| order.state == "NEW").collect();
    assert_eq!((orders.len(), open.len()), (2, 1));
    // It goes on as one order: listed once, read, and cancelled by its one id.
    let active = app.viewer().get("/v1/orders/active?venue=sim").await;
    assert_eq!(active.ids(), [id.as_str()]);
    let canceled = app.trader().cancel(&id).await.expect(200);
    assert_eq!(canceled["state"], "CANCELED");
    let path = "/v1/orders?venue=sim&symbol=BTC/USDT&source=venue";
    let history = app.viewer().get(path).await.expect(200);
    assert_eq!(history.ids(), [id.as_str()], "both legs are one order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_right_is_refused_before_anything_is_sent() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    for (change, field) in [
        (json!({}), "quantity"),
        (json!({"quantity": "0"}), "quantity"),
        (json!({"quantity": "0.0000001"}), "quantity"),
        (json!({"quantity": "10000"}), "quantity"),
        (json!({"price": "50000.001"}), "price"),
        (json!({"price": "-1"}), "price"),
    ] {
        let refused = app.trader().amend(&id, &change).await;
        let refused = refused.expect_problem(422, "invalid-request");
        let mut fields = refused.fields_at_fault();
        fields.dedup();
        assert_eq!(fields, [field], "{change}");
    }
    for body in [json!({"price": 1}), json!({"side": "sell"}), json!([])] {
        let refused = app.trader().amend(&id, &body).await;
        refused.expect_problem(400, "malformed-request");
    }
    assert_eq!(
        app.seen("PUT", IN_PLACE).len() + app.seen("POST", REPLACING).len(),
        0
    );
    let viewer = app.viewer().amend(&id, &json!({"quantity": "0.01"})).await;
    viewer.expect_problem(403, "forbidden");
    let stranger = app
        .other_trader()
        .amend(&id, &json!({"quantity": "0.01"}))
        .await;
    stranger.expect_problem(404, "order-not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_over_is_not_amendable() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    app.trader().cancel(&id).await.expect(200);
    let refused = app.trader().amend(&id, &json!({"quantity": "0.01"})).await;
    let refused = refused.expect_problem(409, "not-amendable");
    assert_eq!(refused["retryable"], false);
    assert_eq!(refused["order_id"], id.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_ended_behind_the_gateways_back_is_found_over() {
    let app = TestApp::start().await;
    for change in [json!({"quantity": "0.01"}), json!({"price": "51000"})] {
        let id = resting(&app).await;
        app.other_client().cancel(&id).await;
        let refused = app.trader().amend(&id, &change).await;
        assert_eq!(refused.status, 409, "{}", refused.text);
        let read = app.trader().order(&id).await.expect(200);
        assert_eq!(read["state"], "CANCELED");
    }
    let live = app.sim.control().executed();
    assert!(
        live.iter().all(|order| order.state == "CANCELED"),
        "no order came back to life"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_change_asked_for_twice_is_made_once() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    let change = json!({"price": "51000"});
    let first = app.trader().amend(&id, &change).await.expect(200);
    let second = app.trader().amend(&id, &change).await.expect(200);
    assert_eq!(first["venue_order_id"], second["venue_order_id"]);
    assert_eq!(app.seen("POST", REPLACING).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_change_at_a_time() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    app.fault("PUT", IN_PLACE, 1, FaultAction::DelayBefore { ms: 500 });
    let (trader, other) = (app.trader(), app.trader());
    let (slow, fast) = (json!({"quantity": "0.01"}), json!({"price": "51000"}));
    let (first, second) = tokio::join!(trader.amend(&id, &slow), async {
        switchyard_end_to_end::eventually("the first change is under way", || async {
            match app.seen("PUT", IN_PLACE).len() {
                0 => Err("not seen"),
                _ => Ok(()),
            }
        })
        .await;
        other.amend(&id, &fast).await
    });
    assert_eq!(first.expect(200)["quantity"], "0.01");
    let second = second.expect_problem(409, "change-in-flight");
    assert_eq!(second["retryable"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_during_an_amend_is_done_right_after_it() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    app.fault("POST", REPLACING, 1, FaultAction::DelayBefore { ms: 500 });
    let (trader, other) = (app.trader(), app.trader());
    let change = json!({"price": "51000"});
    let (_, canceled) = tokio::join!(trader.amend(&id, &change), async {
        switchyard_end_to_end::eventually("the change is under way", || async {
            match app.seen("POST", REPLACING).len() {
                0 => Err("not seen"),
                _ => Ok(()),
            }
        })
        .await;
        other.cancel(&id).await
    });
    assert_eq!(canceled.expect(202)["state"], "PENDING_REPLACE");
    app.becomes_by_itself(&app.viewer(), &id, "CANCELED").await;
    let live = app.sim.control().executed();
    assert!(
        live.iter().all(|order| order.state == "CANCELED"),
        "both legs are cancelled"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amend_whose_answer_was_lost_is_found_out() {
    let app = TestApp::start().await;
    for (path, method, change) in [
        (IN_PLACE, "PUT", json!({"quantity": "0.01"})),
        (REPLACING, "POST", json!({"price": "51000"})),
    ] {
        let id = resting(&app).await;
        app.fault(method, path, 1, FaultAction::ExecuteThenDrop);
        let pending = app.trader().amend(&id, &change).await.expect(202);
        assert_eq!(pending["state"], "PENDING_REPLACE");
        let found = app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
        for (field, value) in change.as_object().unwrap() {
            assert_eq!(found[field], *value, "{found}");
        }
        assert_eq!(app.seen(method, path).len(), 1, "it was never sent again");
        app.trader().cancel(&id).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amend_the_venue_is_unsure_of_is_found_out_after_a_restart() {
    let mut app = TestApp::start().await;
    let id = resting(&app).await;
    let fault = FaultAction::UnknownOutcome {
        status: 503,
        execution: ExecutionFate::Executed,
    };
    app.fault("POST", REPLACING, 1, fault);
    let change = json!({"price": "51000"});
    app.trader().amend(&id, &change).await.expect(202);
    app.restart_gateway().await;
    let found = app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
    assert_eq!(found["price"], "51000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_was_refused_after_the_cancel_ends_the_order_and_says_why() {
    let app = TestApp::start().await;
    let id = resting(&app).await;
    // Within every limit of the instrument, and worth more than the account has.
    let change = json!({"quantity": "150", "price": "50000"});
    let refused = app.trader().amend(&id, &change).await;
    let refused = refused.expect_problem(422, "insufficient-funds");
    assert_eq!(refused["order_id"], id.as_str());
    let read = app.trader().order(&id).await.expect(200);
    assert_eq!(read["state"], "CANCELED");
    assert!(
        read.text_of("reason")
            .starts_with("not-replaced: insufficient-funds")
    );
    assert_eq!(app.truth(&id).unwrap().state, "CANCELED");
}
