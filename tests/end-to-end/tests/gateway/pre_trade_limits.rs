//! Limits of the operator's own: what oversteps one is refused before anything is journaled or sent.

use futures_util::future::join_all;
use serde_json::{Value, json};
use switchyard_end_to_end::{Answer, GatewayConfig, TestApp, eventually, limit_order};
use switchyard_venue_sim::FaultAction;

use crate::order_failover::{executed, order};
use crate::read_failover::two;

/// A gateway whose venue has these limits, and tenant `b` those.
async fn limited(venue: &str, tenant_b: &str) -> TestApp {
    TestApp::with(|mut config| {
        config.venue_lines = format!("{}\nrisk = {{ {venue} }}", config.venue_lines);
        config.top_lines = format!("tenants.b.risk = {{ {tenant_b} }}");
        config
    })
    .await
}

async fn overstepped(app: &TestApp, limit: &str) -> bool {
    let metrics = app.viewer().get("/metrics").await.expect(200).text;
    metrics.contains(&format!(
        "switchyard_pre_trade_refusals_total{{venue=\"sim\",limit=\"{limit}\"}}"
    ))
}

fn at_fault(answer: Answer) -> Vec<String> {
    let refused = answer.expect_problem(422, "pre-trade-limit");
    assert_eq!(refused["retryable"], false);
    let fields = refused.fields_at_fault();
    fields.into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_worth_too_much_is_refused_by_the_venues_limit_or_the_tenants() {
    let app = limited(
        "max_notional = { USDT = \"1000\" }",
        "max_notional = { USDT = \"100\" }",
    )
    .await;
    let (trader, other) = (app.trader(), app.other_trader());
    trader
        .place(&limit_order("0.02", "50000"))
        .await
        .expect(201);
    let over = trader.place(&limit_order("0.0201", "50000")).await;
    assert!(over.text.contains("1005 USDT; venue sim allows 1000"));
    assert_eq!(at_fault(over), ["quantity"]);
    let sell = json!({"venue": "sim", "symbol": "BTC/USDT", "side": "sell", "type": "market", "quantity": "1"});
    assert_eq!(at_fault(trader.place(&sell).await), ["quantity"]);

    other
        .place(&limit_order("0.002", "50000"))
        .await
        .expect(201);
    let over = other.place(&limit_order("0.003", "50000")).await;
    assert!(over.text.contains("tenant b allows 100"), "{}", over.text);
    let over_both = other.place(&limit_order("0.03", "50000")).await;
    assert_eq!(at_fault(over_both), ["quantity", "quantity"]);
    assert_eq!(app.placements_seen(), 2);
    assert!(overstepped(&app, "max_notional").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_far_through_the_market_is_refused_and_one_that_rests_is_not() {
    let app = limited(
        "price_collar_percent = \"2\", max_notional = { USDT = \"5000\" }",
        "",
    )
    .await;
    let trader = app.trader();
    let ask = trader
        .get("/v1/tickers?venue=sim&symbol=BTC/USDT")
        .await
        .expect(200)
        .items()[0]["ask"]
        .as_str()
        .unwrap()
        .parse::<f64>()
        .unwrap();
    let far = format!("{:.0}", ask * 1.03);
    let id = trader
        .place(&limit_order("0.02", "50000"))
        .await
        .expect(201)
        .id();
    assert_eq!(
        at_fault(trader.place(&limit_order("0.001", &far)).await),
        ["price"]
    );
    for change in [json!({"price": far}), json!({"quantity": "1"})] {
        assert_eq!(at_fault(trader.amend(&id, &change).await).len(), 1);
    }
    assert_eq!(app.order_state(&id).await, "NEW");
    let near = format!("{:.0}", ask * 1.01);
    trader.place(&limit_order("0.001", &near)).await.expect(201);
    // Without a price to compare with, nothing is sent.
    app.sim.control().clear_requests();
    app.fault("GET", "/api/v3/ticker/24hr", 1_000, FaultAction::DropBefore);
    let refused = trader.place(&limit_order("0.001", "50000")).await;
    let refused = refused.expect_problem(503, "venue-unavailable");
    assert!(refused.text_of("detail").contains("no price"));
    assert_eq!(refused["order_id"], Value::Null);
    assert_eq!(app.placements_seen(), 0);
    // What makes an order smaller needs none.
    let smaller = json!({"quantity": "0.01"});
    trader.amend(&id, &smaller).await.expect(200);
    assert!(overstepped(&app, "price_collar_percent").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_orders_are_open_than_allowed_however_many_come_at_once() {
    let app = limited("max_open_orders = 3", "max_open_orders = 1").await;
    let (trader, other) = (app.trader(), app.other_trader());
    let order = limit_order("0.001", "50000");
    let placed = join_all((0..12).map(|_| trader.place(&order))).await;
    let (placed, refused): (Vec<Answer>, Vec<Answer>) =
        placed.into_iter().partition(|answer| answer.status == 201);
    assert!((1..=3).contains(&placed.len()), "{}", placed.len());
    for refused in refused {
        assert_eq!(at_fault(refused), ["max_open_orders"]);
    }
    for _ in placed.len()..3 {
        trader.place(&order).await.expect(201);
    }
    assert_eq!(app.placements_seen(), 3);
    assert_eq!(at_fault(other.place(&order).await), ["max_open_orders"]);
    // One that is over makes room: for the venue, and within the tenant's own.
    trader.cancel(&placed[0].id()).await.expect(200);
    other.place(&order).await.expect(201);
    trader.cancel(&placed[0].id()).await.expect(200);
    let again = other.place(&order).await;
    assert!(again.text.contains("tenant b allows 1"), "{}", again.text);
    assert!(overstepped(&app, "max_open_orders").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_cut_to_the_rate_and_cancels_are_not_held_to_any() {
    let app = limited("", "max_orders_per_second = 2").await;
    let (trader, other) = (app.trader(), app.other_trader());
    let order = limit_order("0.001", "50000");
    let started = std::time::Instant::now();
    let answers = join_all((0..20).map(|_| other.place(&order))).await;
    let seconds = started.elapsed().as_secs();
    let (placed, refused): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.status == 201);
    let most = 2 * (seconds + 1);
    assert!(
        placed.len() as u64 <= most,
        "{} in {seconds} s",
        placed.len()
    );
    assert!(placed.len() >= 2);
    for refused in refused {
        let refused = refused.expect_problem(429, "rate-limited");
        assert_eq!(refused["retryable"], true);
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    for placed in &placed {
        other.cancel(&placed.id()).await.expect(200);
    }
    trader.place(&order).await.expect(201);
    eventually("the second is over", async || {
        let answer = other.place(&order).await;
        (answer.status == 201).then_some(()).ok_or(answer.text)
    })
    .await;
    assert!(overstepped(&app, "max_orders_per_second").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_on_from_a_halted_venue_and_never_to_one_whose_limits_it_oversteps() {
    let (app, second) = two(|config: &mut GatewayConfig| {
        config
            .venue_lines
            .push_str("\nrisk = { max_open_orders = 1 }");
    })
    .await;
    let halt = app.operator().post("/v1/venues/sim/halt", &json!({})).await;
    halt.expect(200);
    let trader = app.trader();
    let placed = trader.place(&order()).await.expect(201);
    assert_eq!(placed["served_by"], "second");
    assert_eq!(executed(&second, &placed.id()).len(), 1);
    let refused = trader.place(&order()).await;
    refused.expect_problem(503, "halted");
    trader.cancel(&placed.id()).await.expect(200);
    trader.place(&order()).await.expect(201);
    assert_eq!(app.placements_seen(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_ended_by_themselves_make_room_before_another_is_refused() {
    let app = limited("max_open_orders = 1", "max_open_orders = 1").await;
    let id = app.trader().place(&limit_order("0.001", "50000")).await;
    let id = id.expect(201).id();
    let lower = rust_decimal::Decimal::from(49_000);
    app.sim.control().set_mid("BTCUSDT", lower).unwrap();
    assert_eq!(app.truth(&id).unwrap().state, "FILLED");
    let order = limit_order("0.001", "40000");
    let other = app.other_trader();
    other.place(&order).await.expect(201);
    let read = app.viewer().get(&format!("/v1/orders?ids={id}")).await;
    assert_eq!(read.items()[0]["state"], "FILLED");
    // There is room for one, and that is open.
    let lookups = app.seen("GET", "/api/v3/order").len();
    let refused = join_all((0..20).map(|_| other.place(&order))).await;
    for refused in refused {
        assert_eq!(at_fault(refused)[0], "max_open_orders");
    }
    let asked = app.seen("GET", "/api/v3/order").len() - lookups;
    assert!(asked <= 5, "{asked} lookups");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_collar_holds_at_every_venue_that_its_order_may_go_on_to() {
    let (app, second) = two(|config: &mut GatewayConfig| {
        config.top_lines = "tenants.a.risk = { price_collar_percent = \"2\" }".to_owned();
    })
    .await;
    let halved = second.control().mid("BTCUSDT").unwrap() / rust_decimal::Decimal::TWO;
    second.control().set_mid("BTCUSDT", halved).unwrap();
    let halt = app.operator().post("/v1/venues/sim/halt", &json!({})).await;
    halt.expect(200);
    // It rests at the first, and would go far through the market of the second.
    let refused = app.trader().place(&order()).await;
    refused.expect_problem(503, "halted");
    assert_eq!(second.control().executed(), []);
}
