//! What becomes of an order that went on to another venue when a crash, a lost answer or the first venue itself
//! comes in between.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use switchyard_end_to_end::{Answer, TestApp, VENUE, VenueClient, eventually, eventually_within};
use switchyard_venue_sim::{FaultAction, FaultRule, VenueSim};

use crate::order_failover::{executed, kinds, limited, order, placements};
use crate::read_failover::two;

/// The first question about what was left behind is asked a few seconds after it was.
const NOTICED_WITHIN: Duration = Duration::from_secs(60);

/// Behind every window, and the time in which a request may still surface.
const LATER_MS: i64 = 120_000;

async fn place_once(app: &TestApp, key: &str) -> Answer {
    let request = app
        .trader()
        .request(Method::POST, "/v1/orders")
        .header("idempotency-key", key)
        .header("content-type", "application/json")
        .body(order().to_string());
    Answer::to(request).await
}

/// The order as the journal has it.
async fn read(app: &TestApp, id: &str) -> Value {
    let read = app.viewer().get(&format!("/v1/orders?ids={id}")).await;
    read.items()[0].clone()
}

/// Waits until what surfaced at the first venue is in a state there.
async fn surfaced(app: &TestApp, id: &str, state: &str) -> Value {
    eventually_within(NOTICED_WITHIN, "it surfaced and is over", || async {
        let order = read(app, id).await;
        if order["failover"]["surfaced"][0]["state"] == state {
            Ok(order)
        } else {
            Err(order)
        }
    })
    .await
}

/// An order that the first venue was asked to take and certainly did not, at the second venue now.
async fn moved(app: &TestApp) -> String {
    app.next_placement(limited(1));
    let placed = app.trader().place(&order()).await.expect(201);
    assert_eq!(placed["served_by"], "second");
    placed.id()
}

fn state_at(sim: &VenueSim, id: &str) -> String {
    let orders = executed(sim, id);
    orders.last().unwrap().state.to_string()
}

async fn metric(app: &TestApp, name: &str) -> String {
    let metrics = app.viewer().get("/metrics").await.text;
    let line = metrics.lines().find(|line| line.starts_with(name));
    line.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shows_after_all_at_the_venue_it_went_on_from_is_cancelled_there_until_it_is_over() {
    let (app, second) = two(|_| ()).await;
    let id = moved(&app).await;
    // The first venue does it after all, and does not take the first cancel.
    app.next_cancel(FaultAction::DropBefore);
    let late = VenueClient::of(&app.sim).place(&id, "0.001", "50000").await;
    let order = surfaced(&app, &id, "CANCELED").await;
    let told = &order["failover"]["surfaced"];
    assert_eq!(told[0]["venue"], VENUE);
    assert_eq!(told[0]["venue_order_id"], late["orderId"].to_string());
    assert_eq!(told[0]["filled_quantity"], "0");
    assert_eq!(state_at(&app.sim, &id), "CANCELED");
    assert!(app.seen("DELETE", "/api/v3/order").len() >= 2);
    // The order itself goes on where it is.
    assert_eq!(
        (&order["state"], &order["served_by"]),
        (&json!("NEW"), &json!("second"))
    );
    assert_eq!(state_at(&second, &id), "NEW");
    let events = app.viewer().get(&format!("/v1/orders/{id}/events")).await;
    let cancels = events.items().iter().filter(|event| {
        event["kind"] == "attempt" && event["detail"]["attempt"]["operation"] == "cancel_elsewhere"
    });
    assert!(cancels.count() >= 2, "{}", events.text);
    let name = "switchyard_orders_surfaced_late_total{venue=\"sim\"}";
    let counted = metric(&app, name).await;
    assert!(counted.ends_with(" 1"), "{counted}");
    let canceled = app.trader().cancel(&id).await.expect(200);
    assert_eq!(canceled["state"], "CANCELED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shows_there_while_the_gateway_is_away_is_found_when_it_is_back() {
    let (mut app, second) = two(|_| ()).await;
    let id = moved(&app).await;
    app.stop_gateway().await;
    VenueClient::of(&app.sim).place(&id, "0.001", "50000").await;
    app.restart_gateway().await;
    let order = surfaced(&app, &id, "CANCELED").await;
    assert_eq!(order["state"], "NEW");
    assert_eq!(state_at(&app.sim, &id), "CANCELED");
    assert_eq!(state_at(&second, &id), "NEW");
    // It is one order of the gateway's, wherever it is looked for.
    let active = app.trader().get("/v1/orders/active").await.expect(200);
    assert_eq!(active.ids(), [id.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_filled_there_is_told_by_any_list_that_shows_it() {
    let (app, _second) = two(|_| ()).await;
    let id = moved(&app).await;
    let truth = VenueClient::of(&app.sim).place(&id, "0.001", "70000").await;
    assert_eq!(truth["status"], "FILLED");
    let later = switchyard::model::Timestamp::now().plus(Duration::from_secs(600));
    let history = format!("/v1/orders?source=venue&venue=sim&symbol=BTC/USDT&to={later}");
    app.other_trader().get(&history).await.expect(200);
    let order = read(&app, &id).await;
    let told = &order["failover"]["surfaced"][0];
    assert_eq!(
        (&told["state"], &told["filled_quantity"]),
        (&json!("FILLED"), &json!("0.001"))
    );
    assert_eq!(order["filled_quantity"], "0", "that is another order's");
    assert_eq!(order["state"], "NEW");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_order_whichever_venue_it_came_to_and_whatever_was_lost() {
    let (mut app, second) = two(|_| ()).await;
    app.next_placement(limited(60));
    let first = place_once(&app, "a").await.expect(201);
    assert_eq!(first["served_by"], "second");
    // The second venue's answer is lost; the caller and the gateway come back.
    let rule = FaultRule::on("POST", "/api/v3/order").times(1);
    second
        .control()
        .add_fault(rule.act(FaultAction::ExecuteThenDrop));
    let open = place_once(&app, "b").await.expect(202);
    app.restart_gateway().await;
    let again = place_once(&app, "a").await.expect(201);
    assert_eq!(
        (again.id(), again.header("idempotent-replayed")),
        (first.id(), Some("true"))
    );
    app.becomes_by_itself(&app.viewer(), &open.id(), "NEW")
        .await;
    let again = place_once(&app, "b").await.expect(200);
    assert_eq!(
        (again.id(), again["served_by"].clone()),
        (open.id(), json!("second"))
    );
    for id in [first.id(), open.id()] {
        assert_eq!(executed(&second, &id).len(), 1);
        assert_eq!(executed(&app.sim, &id), []);
    }
    assert_eq!(placements(&second, "/api/v3/order"), 2);
    // A key of an order that came nowhere is free.
    second.shutdown().await;
    app.sim.shutdown().await;
    let nowhere = place_once(&app, "c").await;
    nowhere.expect_problem(503, "venue-unavailable");
    second.restart().await.unwrap();
    let came = place_once(&app, "c").await.expect(201);
    assert_eq!(came["served_by"], "second");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_never_arrived_at_the_second_venue_is_given_up_by_what_that_says() {
    let (app, second) = two(|_| ()).await;
    app.next_placement(limited(1));
    let rule = FaultRule::on("POST", "/api/v3/order").times(1);
    second
        .control()
        .add_fault(rule.act(FaultAction::DropBefore));
    let open = app.trader().place(&order()).await.expect(202).id();
    // The first venue's time proves nothing.
    app.sim.control().step_clock_ms(LATER_MS);
    eventually("the skew is known", || async {
        let venue = app.viewer().get("/v1/venues/sim").await;
        match venue["endpoints"]["spot"]["clock_skew_ms"].as_i64() {
            skew if skew > Some(60_000) => Ok(()),
            skew => Err(skew),
        }
    })
    .await;
    assert_eq!(read(&app, &open).await["state"], "PENDING_NEW");
    second.control().step_clock_ms(LATER_MS);
    let order = eventually_within(NOTICED_WITHIN, "the order is given up", || async {
        let order = read(&app, &open).await;
        if order["state"] == "REJECTED" {
            Ok(order)
        } else {
            Err(order)
        }
    })
    .await;
    let reason = order["reason"].as_str().unwrap();
    assert!(reason.starts_with("not-placed: "), "{reason}");
    let name = "switchyard_orders_not_placed_total{venue=\"second\"}";
    let counted = metric(&app, name).await;
    assert!(counted.ends_with(" 1"), "{counted}");
    // And taken back where it was to be.
    VenueClient::of(&second)
        .place(&open, "0.001", "50000")
        .await;
    let back = eventually_within(NOTICED_WITHIN, "it surfaces", || async {
        let order = read(&app, &open).await;
        if order["state"] == "NEW" {
            Ok(order)
        } else {
            Err(order)
        }
    })
    .await;
    assert_eq!(back["served_by"], "second");
    assert_eq!(back["failover"]["surfaced"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_is_not_reconciled_sends_an_order_on_and_takes_none_in() {
    let (mut app, second) = two(|_| ()).await;
    let hidden = FaultAction::Status {
        status: 500,
        retry_after: None,
        body: None,
    };
    app.fault("GET", "/api/v3/openOrders", 100_000, hidden.clone());
    app.restart_gateway().await;
    app.trader()
        .place(&switchyard_end_to_end::limit_order("0.001", "50000"))
        .await
        .expect(503);
    let placed = app.trader().place(&order()).await.expect(201);
    assert_eq!(placed["served_by"], "second");
    assert_eq!(
        kinds(&app.trader(), &placed.id()).await[..2],
        ["intent".to_owned(), "failed_over".to_owned()],
        "nothing was sent to the first"
    );
    assert_eq!(app.placements_seen(), 0);
    // Neither can be traded on: nothing is sent anywhere.
    let before = placements(&second, "/api/v3/order");
    let rule = FaultRule::on("GET", "/api/v3/openOrders").times(100_000);
    second.control().add_fault(rule.act(hidden));
    app.restart_gateway().await;
    let refused = app.trader().place(&order()).await;
    refused.expect_problem(503, "venue-unavailable");
    assert_eq!(placements(&second, "/api/v3/order"), before);
    assert_eq!(app.placements_seen(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_account_under_another_name_is_no_other_venue() {
    let (app, _second) = two(|config| {
        let twin = config.venues[0].clone();
        config.venues.push(twin);
        config.venues.last_mut().unwrap().name = "twin".into();
    })
    .await;
    let mut order = order();
    order["failover"] = json!(["second", "twin"]);
    let refused = app.trader().place(&order).await;
    let refused = refused.expect_problem(422, "invalid-request");
    let detail = refused.text_of("detail");
    assert!(
        detail.contains("another account than that of sim"),
        "{detail}"
    );
    assert_eq!(app.placements_seen(), 0);
}
