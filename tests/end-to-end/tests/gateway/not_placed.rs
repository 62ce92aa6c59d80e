//! Orders that never arrive are given up by evidence alone, and come back if the evidence was wrong.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use switchyard::model::Timestamp;
use switchyard_end_to_end::{TestApp, VenueClient, eventually, eventually_within, limit_order};
use switchyard_venue_sim::FaultAction;

/// Behind every window, and the time in which a request may still surface.
const LATER_MS: i64 = 120_000;

/// Two complete rounds, the skew measured before.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(60);

/// The venue says that it has no such order, to whoever looks one up.
fn no_such_order() -> FaultAction {
    FaultAction::Status {
        status: 400,
        retry_after: None,
        body: Some(json!({"code": -2013, "msg": "Order does not exist."}).to_string()),
    }
}

async fn lost(app: &TestApp, fault: FaultAction) -> String {
    app.next_placement(fault);
    let order = limit_order("0.01", "50000");
    app.trader().place(&order).await.expect(202).id()
}

/// The order as the journal has it.
async fn read(app: &TestApp, id: &str) -> Value {
    let read = app.viewer().get(&format!("/v1/orders?ids={id}")).await;
    read.items()[0].clone()
}

async fn is_given_up(app: &TestApp, id: &str) -> Value {
    eventually_within(GIVEN_UP_WITHIN, "the order is given up", || async {
        let order = read(app, id).await;
        if order["state"] == "REJECTED" {
            Ok(order)
        } else {
            Err(order)
        }
    })
    .await
}

async fn events(app: &TestApp, id: &str) -> Vec<Value> {
    let events = app.viewer().get(&format!("/v1/orders/{id}/events")).await;
    events.items().to_vec()
}

async fn metric(app: &TestApp, name: &str) -> f64 {
    let metrics = app.viewer().get("/metrics").await.text;
    let line = metrics.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or_default()
}

/// A metric is counted a little after what it counts.
async fn metric_becomes(app: &TestApp, name: &str, value: f64) {
    eventually(&format!("{name} becomes {value}"), || async {
        let now = metric(app, name).await;
        if now == value { Ok(()) } else { Err(now) }
    })
    .await;
}

/// Waits until the gateway has noticed that the venue's clock was set on.
async fn time_is_known(app: &TestApp) {
    eventually("the skew is known", || async {
        let venue = app.viewer().get("/v1/venues/sim").await;
        let skew = venue["endpoints"]["spot"]["clock_skew_ms"].as_i64();
        if skew > Some(60_000) {
            Ok(())
        } else {
            Err(skew)
        }
    })
    .await;
}

/// Waits until the venue was asked so many times more.
async fn asked_in_vain(app: &TestApp, path: &str, more: usize) {
    let before = app.seen("GET", path).len();
    eventually_within(GIVEN_UP_WITHIN, "the venue is asked", || async {
        let asked = app.seen("GET", path).len() - before;
        if asked >= more { Ok(()) } else { Err(asked) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_never_arrived_is_given_up_when_it_can_surface_no_more_and_not_before() {
    let app = TestApp::start().await;
    let id = lost(&app, FaultAction::DropBefore).await;
    asked_in_vain(&app, "/api/v3/allOrders", 2).await;
    let pending = read(&app, &id).await;
    assert_eq!(pending["state"], "PENDING_NEW", "nothing is proven yet");
    assert_eq!(metric(&app, "switchyard_orders_unresolved{").await, 1.0);
    assert!(metric(&app, "switchyard_orders_unresolved_oldest_age_seconds{").await >= 1.0);
    let listed = app.viewer().get("/v1/orders?state=PENDING_NEW").await;
    assert_eq!(listed.ids(), [id.as_str()]);

    app.sim.control().step_clock_ms(LATER_MS);
    let order = is_given_up(&app, &id).await;
    let reason = order["reason"].as_str().unwrap();
    assert!(reason.starts_with("not-placed: "), "{reason}");
    let events = events(&app, &id).await;
    let given_up = events.last().unwrap();
    assert_eq!(given_up["kind"], "not_placed");
    let misses = given_up["detail"]["misses"].as_array().unwrap();
    assert_eq!(misses.len(), 2);
    for miss in misses {
        let all = json!(["get_order", "list_open", "list_history", "list_fills"]);
        assert_eq!(miss["asked"], all);
        assert!(miss["began_at"].as_str() > given_up["detail"]["horizon"].as_str());
    }
    assert_eq!(app.placements_seen(), 1, "it was not sent again");
    for (name, value) in [
        ("switchyard_orders_not_placed_total", 1.0),
        (
            "switchyard_order_reconciliation_duration_seconds_count",
            1.0,
        ),
        ("switchyard_orders_unresolved{", 0.0),
    ] {
        metric_becomes(&app, name, value).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_waited_for_an_order_that_never_arrived_ends_with_it() {
    let app = TestApp::start().await;
    let id = lost(&app, FaultAction::DropBefore).await;
    app.trader().cancel(&id).await.expect(202);
    app.sim.control().step_clock_ms(LATER_MS);
    is_given_up(&app, &id).await;
    assert_eq!(app.seen("DELETE", "/api/v3/order").len(), 0);
    let again = app.trader().cancel(&id).await.expect(200);
    assert_eq!(again["state"], "REJECTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_lookups_miss_it_is_found_in_the_lists_and_never_given_up() {
    // Of an order that rests, the open list knows; of one that was filled, history; of neither do lookups.
    for price in ["50000", "70000"] {
        let app = TestApp::start().await;
        app.fault("GET", "/api/v3/order", 1_000, no_such_order());
        if price == "70000" {
            let fault = FaultAction::Status {
                status: 500,
                retry_after: None,
                body: None,
            };
            app.fault("GET", "/api/v3/openOrders", 1_000, fault);
        }
        app.next_placement(FaultAction::ExecuteThenDrop);
        let order = limit_order("0.001", price);
        let id = app.trader().place(&order).await.expect(202).id();
        app.sim.control().step_clock_ms(LATER_MS);
        let state = if price == "50000" { "NEW" } else { "FILLED" };
        eventually_within(GIVEN_UP_WITHIN, "it is found", || async {
            let order = read(&app, &id).await;
            if order["state"] == state {
                Ok(())
            } else {
                Err(order)
            }
        })
        .await;
        let kinds = events(&app, &id).await;
        assert!(!kinds.iter().any(|event| event["kind"] == "not_placed"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_not_given_up_while_any_question_fails() {
    let paths = [
        "/api/v3/order",
        "/api/v3/openOrders",
        "/api/v3/allOrders",
        "/api/v3/myTrades",
    ];
    join_all(paths.map(asked_in_vain_without)).await;
}

/// An order that never arrived stays open while requests to this path fail.
async fn asked_in_vain_without(path: &str) {
    let app = TestApp::start().await;
    let id = lost(&app, FaultAction::DropBefore).await;
    let fault = FaultAction::Status {
        status: 500,
        retry_after: None,
        body: None,
    };
    app.fault("GET", path, 1_000_000, fault);
    app.sim.control().step_clock_ms(LATER_MS);
    time_is_known(&app).await;
    // As many rounds as would be enough, and one more.
    asked_in_vain(&app, path, 3).await;
    let order = read(&app, &id).await;
    assert_eq!(order["state"], "PENDING_NEW", "{path} failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn misses_are_counted_anew_by_the_next_process() {
    let mut app = TestApp::start().await;
    let id = lost(&app, FaultAction::DropBefore).await;
    app.sim.control().step_clock_ms(LATER_MS);
    time_is_known(&app).await;
    // The last question of a round that misses the order, and the process ends before the next.
    asked_in_vain(&app, "/api/v3/myTrades", 1).await;
    app.stop_gateway().await;
    let stopped_at = Timestamp::from_millis(app.sim.control().now_ms());
    app.restart_gateway().await;
    is_given_up(&app, &id).await;
    let given_up = events(&app, &id).await.pop().unwrap();
    let misses = given_up["detail"]["misses"].as_array().unwrap();
    assert_eq!(misses.len(), 2);
    for miss in misses {
        let began_at: Timestamp = miss["began_at"].as_str().unwrap().parse().unwrap();
        assert!(began_at > stopped_at, "{began_at} is before {stopped_at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_executes_when_it_was_given_up_is_taken_back_and_stays_open() {
    let app = TestApp::start().await;
    let id = lost(&app, FaultAction::DropBefore).await;
    app.sim.control().step_clock_ms(LATER_MS);
    is_given_up(&app, &id).await;
    // As the venue would, from a queue of its own.
    let truth = VenueClient::of(&app.sim).place(&id, "0.01", "50000").await;
    let back = eventually_within(GIVEN_UP_WITHIN, "it surfaces", || async {
        let order = read(&app, &id).await;
        if order["state"] == "NEW" {
            Ok(order)
        } else {
            Err(order)
        }
    })
    .await;
    assert_eq!(back["venue_order_id"], truth["orderId"].to_string());
    assert_eq!(back["reason"], Value::Null);
    let last = events(&app, &id).await.pop().unwrap();
    assert_eq!(last["kind"], "surfaced_late");
    metric_becomes(&app, "switchyard_orders_surfaced_late_total", 1.0).await;
    let cancels = app.seen("DELETE", "/api/v3/order").len();
    assert_eq!(cancels, 0, "nobody asked for that");
    let canceled = app.trader().cancel(&id).await.expect(200);
    assert_eq!(canceled["state"], "CANCELED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_venue_turned_away_and_took_after_all_is_told_of_and_can_be_cancelled() {
    let app = TestApp::start().await;
    app.next_placement(FaultAction::Status {
        status: 429,
        retry_after: Some(1),
        body: None,
    });
    let order = limit_order("0.01", "50000");
    let refused = app.trader().place(&order).await.expect(503);
    let id = refused["order_id"].as_str().unwrap().to_owned();
    assert_eq!(read(&app, &id).await["state"], "REJECTED");
    let truth = VenueClient::of(&app.sim).place(&id, "0.01", "50000").await;
    let back = app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
    assert_eq!(back["venue_order_id"], truth["orderId"].to_string());
    metric_becomes(&app, "switchyard_orders_surfaced_late_total", 1.0).await;
    let active = app.viewer().get("/v1/orders/active?venue=sim").await;
    assert_eq!(active.expect(200).ids(), [id.as_str()]);
    let canceled = app.trader().cancel(&id).await.expect(200);
    assert_eq!(canceled["state"], "CANCELED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_given_up_is_taken_back_when_any_list_shows_it() {
    let later = Timestamp::now().plus(Duration::from_secs(600));
    let history = format!("/v1/orders?source=venue&venue=sim&symbol=BTC/USDT&to={later}");
    let lists = ["/v1/orders/active?venue=sim", &history];
    join_all(lists.map(taken_back_by)).await;
}

/// Another tenant's list shows the order; it is cancelled then, because its own tenant asked for that.
async fn taken_back_by(path: &str) {
    let app = TestApp::start().await;
    let id = lost(&app, FaultAction::DropBefore).await;
    app.sim.control().step_clock_ms(LATER_MS);
    is_given_up(&app, &id).await;
    let canceled = app.trader().cancel(&id).await.expect(200);
    assert_eq!(canceled["state"], "REJECTED");
    VenueClient::of(&app.sim).place(&id, "0.01", "50000").await;
    app.other_trader().get(path).await.expect(200);
    let seen = events(&app, &id).await;
    let surfaced = |event: &Value| event["kind"] == "surfaced_late";
    assert!(seen.iter().any(surfaced), "{path}: {seen:?}");
    app.becomes_by_itself(&app.viewer(), &id, "CANCELED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_was_given_up_and_shows_is_what_the_order_goes_on_with() {
    let app = TestApp::start().await;
    let order = limit_order("0.02", "50000");
    let id = app.trader().place(&order).await.expect(201).id();
    app.fault(
        "POST",
        "/api/v3/order/cancelReplace",
        1,
        FaultAction::DropBefore,
    );
    let change = json!({"price": "51000"});
    app.trader().amend(&id, &change).await.expect(202);
    let leg = {
        let events = events(&app, &id).await;
        let asked = events
            .iter()
            .find(|event| event["kind"] == "amend_requested");
        asked.unwrap()["detail"]["amendment"]["new_client_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    app.sim.control().step_clock_ms(LATER_MS);
    eventually_within(GIVEN_UP_WITHIN, "the change is given up", || async {
        let order = read(&app, &id).await;
        if order["state"] == "NEW" {
            Ok(())
        } else {
            Err(order)
        }
    })
    .await;
    // The venue does it after all: the old order goes, the new one comes.
    let other = VenueClient::of(&app.sim);
    other.cancel(&id).await;
    let late = other.place(&leg, "0.02", "51000").await;
    app.viewer()
        .get("/v1/orders/active?venue=sim")
        .await
        .expect(200);
    let back = read(&app, &id).await;
    assert_eq!(
        (&back["state"], &back["price"]),
        (&json!("NEW"), &json!("51000"))
    );
    assert_eq!(back["venue_order_id"], late["orderId"].to_string());
    let canceled = app.trader().cancel(&id).await.expect(200);
    assert_eq!(canceled["state"], "CANCELED");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_orders_whose_fates_are_open_are_found_by_few_questions() {
    const ORDERS: usize = 40;
    let app = TestApp::start().await;
    app.fault("POST", "/api/v3/order", 1_000, FaultAction::ExecuteThenDrop);
    let trader = app.trader();
    let orders: Vec<Value> = (0..ORDERS)
        .map(|number| limit_order("0.001", &(50_000 + number).to_string()))
        .collect();
    let placed = join_all(orders.iter().map(|order| trader.place(order))).await;
    assert!(placed.iter().all(|answer| answer.status == 202));
    let ids: Vec<String> = placed.iter().map(|answer| answer.id()).collect();
    for id in &ids {
        app.becomes_by_itself(&app.viewer(), id, "NEW").await;
    }
    let lookups = app.seen("GET", "/api/v3/order").len();
    let lists = app.seen("GET", "/api/v3/openOrders").len();
    println!("{ORDERS} orders: {lookups} lookups, {lists} lists");
    assert!(
        lookups < ORDERS / 2 && lists < 10,
        "{lookups} lookups, {lists} lists"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_never_arrived_at_bitmex_is_given_up_too() {
    let app = TestApp::bitmex().await;
    app.fault("POST", "/api/v1/order", 1, FaultAction::DropBefore);
    let order = json!({
        "venue": "sim", "symbol": "BTC/USD:BTC", "side": "buy", "type": "limit",
        "quantity": "100", "price": "50000",
    });
    let id = app.trader().place(&order).await.expect(202).id();
    app.sim.control().step_clock_ms(LATER_MS + 60_000);
    is_given_up(&app, &id).await;
    let request = app.trader().request(Method::GET, "/v1/fills?venue=sim");
    assert!(request.send().await.unwrap().status().is_success());
}
