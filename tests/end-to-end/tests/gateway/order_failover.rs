//! Orders that go on to a venue their caller named, and those that must not.

use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use switchyard_end_to_end::{
    Answer, Caller, TestApp, VENUE, eventually, limit_order, rival_at, simulator,
};
use switchyard_venue_sim::{ExecutedOrder, ExecutionFate, FaultAction, FaultRule, VenueSim};

use crate::read_failover::{two, unavailable};

/// A limit order to buy bitcoin, at [`VENUE`] or else at `second`.
pub(crate) fn order() -> Value {
    let mut order = limit_order("0.001", "50000");
    order["failover"] = json!(["second"]);
    order
}

/// The venue takes no orders for so many seconds, and has not taken this one.
pub(crate) fn limited(seconds: u64) -> FaultAction {
    FaultAction::Status {
        status: 429,
        retry_after: Some(seconds),
        body: Some(r#"{"code":-1015,"msg":"Too many new orders."}"#.to_owned()),
    }
}

fn banned() -> FaultAction {
    FaultAction::Status {
        status: 418,
        retry_after: Some(60),
        body: Some(r#"{"code":-1003,"msg":"Way too many requests."}"#.to_owned()),
    }
}

pub(crate) fn executed(sim: &VenueSim, id: &str) -> Vec<ExecutedOrder> {
    let mut orders = sim.control().executed();
    orders.retain(|order| order.client_order_id == id);
    orders
}

pub(crate) fn placements(sim: &VenueSim, path: &str) -> usize {
    let requests = sim.control().requests();
    requests
        .iter()
        .filter(|seen| seen.method == "POST" && seen.path == path)
        .count()
}

/// What happened to an order, but for what was said word by word.
pub(crate) async fn kinds(caller: &Caller, id: &str) -> Vec<String> {
    let events = caller.get(&format!("/v1/orders/{id}/events")).await;
    let events = events.expect(200);
    let kinds = events.items().iter().map(|event| event["kind"].as_str());
    let kinds = kinds.map(|kind| kind.unwrap().to_owned());
    kinds.filter(|kind| kind != "exchanged").collect()
}

async fn knows_as_down(app: &TestApp, venue: &str) {
    eventually("the venue is known to be away", || async {
        let health = app.viewer().get("/health").await;
        if health["venues"][venue] == "down" {
            Ok(())
        } else {
            Err(health.text)
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_cannot_be_sent_is_placed_once_at_the_venue_named_next() {
    let (app, second) = two(|_| ()).await;
    app.sim.shutdown().await;
    let trader = app.trader();
    let placed = trader.place(&order()).await.expect(201);
    let id = placed.id();
    assert_eq!(placed["state"], "NEW");
    assert_eq!(placed["venue"], VENUE, "what was asked for");
    assert_eq!(placed["served_by"], "second");
    let failover = &placed["failover"];
    assert_eq!(failover["from_venue"], VENUE);
    assert_eq!(failover["from_symbol"], "BTC/USDT");
    assert_eq!(failover["from_quantity"], "0.001");
    assert_eq!(
        (&failover["multiply"], &failover["divide"]),
        (&json!("1"), &json!("1"))
    );
    let reason = failover["reason"].as_str().unwrap();
    assert!(reason.starts_with("sim: venue-unavailable: "), "{reason}");
    assert_eq!(executed(&second, &id).len(), 1);
    assert_eq!(placements(&second, "/api/v3/order"), 1);
    assert_eq!(
        kinds(&trader, &id).await,
        [
            "intent",
            "attempt",
            "failed_over",
            "attempt",
            "acknowledged"
        ]
    );
    // The first comes back: it has nothing, and gets nothing.
    app.sim.restart().await.unwrap();
    assert_eq!(executed(&app.sim, &id), []);
    assert_eq!(app.placements_seen(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_refused_for_a_passing_reason_goes_on_and_none_without_leave() {
    for (code, fault) in [("rate-limited", limited(60)), ("banned", banned())] {
        let (app, second) = two(|_| ()).await;
        app.next_placement(fault);
        let refused = app.trader().place(&limit_order("0.001", "50000")).await;
        assert_eq!(refused["code"], code, "{}", refused.text);
        assert_eq!(second.control().executed(), [], "nobody named it");
        let placed = app.trader().place(&order()).await.expect(201);
        assert_eq!(placed["served_by"], "second", "{code}");
        let reason = placed["failover"]["reason"].as_str().unwrap();
        assert!(reason.starts_with(&format!("sim: {code}")), "{reason}");
        assert_eq!(executed(&second, &placed.id()).len(), 1);
        assert_eq!(app.sim.control().executed(), []);
        assert_eq!(app.placements_seen(), 1, "the venue's word is heeded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_first_venue_may_have_is_never_placed_at_another() {
    for fault in [
        FaultAction::DropBefore,
        FaultAction::ExecuteThenDrop,
        FaultAction::GarbageBody { bytes: 300 },
        FaultAction::HtmlErrorPage { status: 502 },
        FaultAction::UnknownOutcome {
            status: 503,
            execution: ExecutionFate::Executed,
        },
        FaultAction::UnknownOutcome {
            status: 503,
            execution: ExecutionFate::NotExecuted,
        },
    ] {
        let (app, second) = two(|_| ()).await;
        app.next_placement(fault.clone());
        let open = app.trader().place(&order()).await;
        assert!(matches!(open.status, 201 | 202), "{fault:?}: {}", open.text);
        let id = open.id();
        let now = app.trader().order(&id).await.expect(200);
        assert_eq!(now["failover"], Value::Null, "{fault:?}");
        assert_eq!(placements(&second, "/api/v3/order"), 0, "{fault:?}");
        assert_eq!(app.placements_seen(), 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_itself_at_fault_is_refused_and_goes_nowhere() {
    let (app, second) = two(|_| ()).await;
    let mut large = order();
    large["quantity"] = json!("50");
    let refused = app.trader().place(&large).await;
    let refused = refused.expect_problem(422, "insufficient-funds");
    assert_eq!(refused["venue"], VENUE);
    let id = refused.text_of("order_id");
    let rejected = app.trader().order(&id).await.expect(200);
    assert_eq!(rejected["state"], "REJECTED");
    assert_eq!(rejected["failover"], Value::Null);
    assert_eq!(placements(&second, "/api/v3/order"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_every_venue_fails_the_order_is_rejected_and_the_problem_names_them_all() {
    let (app, second) = two(|_| ()).await;
    app.sim.shutdown().await;
    second.shutdown().await;
    let refused = app.trader().place(&order()).await;
    let refused = refused.expect_problem(503, "venue-unavailable");
    assert_eq!(
        (&refused["retryable"], &refused["venue"]),
        (&json!(true), &json!("second"))
    );
    let detail = refused.text_of("detail");
    assert!(
        detail.contains("before that sim: venue-unavailable"),
        "{detail}"
    );
    let id = refused.text_of("order_id");
    let rejected = app.trader().order(&id).await.expect(200);
    assert_eq!(rejected["state"], "REJECTED");
    assert_eq!(rejected["failover"]["from_venue"], VENUE);
    assert_eq!(
        kinds(&app.trader(), &id).await,
        [
            "intent",
            "attempt",
            "failed_over",
            "attempt",
            "place_failed"
        ]
    );
    // Refused there for good, it is the second's word that counts.
    second.restart().await.unwrap();
    let mut large = order();
    large["quantity"] = json!("50");
    let refused = app.trader().place(&large).await;
    let refused = refused.expect_problem(422, "insufficient-funds");
    assert_eq!(refused["venue"], "second");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_breaker_sends_an_order_on_within_one_call() {
    let (app, second) = two(|config| {
        config.venue_lines = "retry.max_retries = 0\nbreaker.minimum_calls = 2\n\
                              breaker.failure_percent = 50\nbreaker.open_ms = 60000"
            .to_owned();
    })
    .await;
    let ticker = "/v1/tickers?venue=sim&symbol=BTC/USDT";
    app.fault("GET", "/api/v3/ticker/24hr", 100, unavailable());
    eventually("the breaker opens", || async {
        app.viewer().get(ticker).await;
        let venue = app.viewer().get("/v1/venues/sim").await.expect(200);
        match venue["endpoints"]["spot"]["breaker"]["state"].as_str() {
            Some("open") => Ok(()),
            _ => Err(venue.text),
        }
    })
    .await;
    let placed = app.trader().place(&order()).await.expect(201);
    assert_eq!(placed["served_by"], "second");
    assert_eq!(app.placements_seen(), 0);
    assert_eq!(executed(&second, &placed.id()).len(), 1);
    assert_eq!(
        kinds(&app.trader(), &placed.id()).await,
        ["intent", "failed_over", "attempt", "acknowledged"]
    );
}

/// A price at which an order to buy would be the next that is filled at `second`.
async fn best_bid(app: &TestApp) -> String {
    let path = "/v1/orderbook?venue=second&symbol=BTC/USDT";
    let book = app.viewer().get(path).await.expect(200);
    let best =
        |side: &str| -> Decimal { book[side][0]["price"].as_str().unwrap().parse().unwrap() };
    let price = ((best("bids") + best("asks")) / Decimal::TWO).round_dp(2);
    assert!(
        best("bids") < price && price < best("asks"),
        "{}",
        book.text
    );
    price.normalize().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_went_on_lives_the_rest_of_its_life_where_it_is_through_a_restart_too() {
    let (mut app, second) = two(|_| ()).await;
    app.sim.shutdown().await;
    let mut labelled = order();
    labelled["client_order_id"] = json!("moved");
    let id = app.trader().place(&labelled).await.expect(201).id();
    app.sim.restart().await.unwrap();
    for restarted in [false, true] {
        if restarted {
            app.restart_gateway().await;
        }
        let trader = app.trader();
        let price = if restarted {
            best_bid(&app).await
        } else {
            "49000".to_owned()
        };
        let amended = trader.amend(&id, &json!({"price": price})).await;
        let amended = amended.expect(200);
        assert_eq!(
            (&amended["price"], &amended["state"]),
            (&json!(price), &json!("NEW"))
        );
        let found = trader.order(&id).await.expect(200);
        assert_eq!(found.header("age"), None, "its venue was heard");
        assert_eq!(found["served_by"], "second");
        assert_eq!(found["failover"]["from_venue"], VENUE);
        // It is listed by what was asked for, and by where it is; open it is where it is.
        for query in ["venue=sim", "venue=second", "client_order_id=moved"] {
            let listed = trader.get(&format!("/v1/orders?{query}")).await.expect(200);
            assert_eq!(listed.ids(), [id.as_str()], "{query}");
        }
        for (venue, ids) in [("second", vec![id.as_str()]), ("sim", vec![])] {
            let path = format!("/v1/orders/active?venue={venue}");
            let active = trader.get(&path).await.expect(200);
            assert_eq!(active.ids(), ids, "{venue}");
            assert_eq!(active["sources"][0]["source"], "live", "{venue}");
        }
        let all = trader.get("/v1/orders/active").await.expect(200);
        assert_eq!(all.ids(), [id.as_str()]);
        let history = "/v1/orders?source=venue&venue=second&symbol=BTC/USDT";
        let history = trader.get(history).await.expect(200);
        assert_eq!(history.items()[0]["origin"], "gateway", "{}", history.text);
        assert_eq!(executed(&second, &id).len() + 1, 2);
    }
    // Partly filled there: the fills are found.
    let trader = app.trader();
    let price = trader.order(&id).await["price"]
        .as_str()
        .unwrap()
        .to_owned();
    rival_at(&second).sell("0.0004", &price).await;
    let partly = app.becomes(&trader, &id, "PARTIALLY_FILLED").await;
    assert_eq!(partly["filled_quantity"], "0.0004");
    let fills = trader
        .get(&format!("/v1/fills?order_id={id}"))
        .await
        .expect(200);
    assert_eq!(fills.items()[0]["venue"], "second", "{}", fills.text);
    assert_eq!(fills.items()[0]["quantity"], "0.0004");
    let none = trader.delete("/v1/orders?venue=sim").await.expect(200);
    assert_eq!(none.items().len(), 0, "{}", none.text);
    let canceled = trader.cancel(&id).await.expect(200);
    assert_eq!(canceled["state"], "CANCELED");
    assert_eq!(executed(&app.sim, &id), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_fate_is_open_at_the_second_venue_is_found_there() {
    let (mut app, second) = two(|_| ()).await;
    app.sim.shutdown().await;
    let rule = FaultRule::on("POST", "/api/v3/order").times(1);
    second
        .control()
        .add_fault(rule.act(FaultAction::ExecuteThenDrop));
    let open = app.trader().place(&order()).await.expect(202);
    assert_eq!(
        (&open["state"], &open["served_by"]),
        (&json!("PENDING_NEW"), &json!("second"))
    );
    app.restart_gateway().await;
    let trader = app.trader();
    let found = app.becomes_by_itself(&trader, &open.id(), "NEW").await;
    assert_eq!(found["served_by"], "second");
    assert_eq!(executed(&second, &open.id()).len(), 1);
    let all = trader.delete("/v1/orders?venue=second").await.expect(200);
    assert_eq!(all.ids(), [open.id().as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_has_not_listed_its_instruments_yet_keeps_no_order_from_the_first() {
    let (mut app, second) = two(|_| ()).await;
    app.stop_gateway().await;
    second.shutdown().await;
    app.restart_gateway().await;
    knows_as_down(&app, "second").await;
    let placed = app.trader().place(&order()).await.expect(201);
    assert_eq!(placed["served_by"], VENUE);
    app.sim.shutdown().await;
    let refused = app.trader().place(&order()).await;
    refused.expect_problem(503, "venue-unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_goes_on_is_among_the_open_ones_of_its_new_venue_at_once() {
    let (app, _second) = two(|config| {
        config.cache_lines = "active_orders_ms = 60000\nbalances_ms = 60000".to_owned();
    })
    .await;
    let active = || async {
        let request = app
            .trader()
            .request(Method::GET, "/v1/orders/active?venue=second");
        Answer::to(request).await.expect(200)
    };
    assert_eq!(active().await.items().len(), 0);
    app.sim.shutdown().await;
    let id = app.trader().place(&order()).await.expect(201).id();
    let shown = active().await;
    assert_eq!(shown.ids(), [id.as_str()]);
    assert_eq!(shown["sources"][0]["source"], "live");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_passes_over_a_venue_that_takes_none_to_the_one_after() {
    let third = simulator().await;
    let (app, second) = two(|config| {
        let (url, credentials) = (third.url(), third.credentials().clone());
        *config = config
            .clone()
            .venue("third", "binance", ("spot", &url), Some(&credentials));
    })
    .await;
    let operator = app.operator();
    let halt = operator.post("/v1/venues/second/halt", &json!({})).await;
    halt.expect(200);
    app.next_placement(limited(1));
    let mut order = order();
    order["failover"] = json!(["second", "third"]);
    let placed = app.trader().place(&order).await.expect(201);
    assert_eq!(placed["served_by"], "third");
    assert_eq!(executed(&third, &placed.id()).len(), 1);
    assert_eq!(placements(&second, "/api/v3/order"), 0);
    let mut restarted = app;
    restarted.restart_gateway().await;
    let read = restarted.trader().order(&placed.id()).await.expect(200);
    assert_eq!(read["served_by"], "third");
}
