//! Where an order may go on to, and as how much of what.

use reqwest::Method;
use serde_json::{Value, json};
use switchyard_end_to_end::{Answer, TestApp, VENUE};
use switchyard_venue_sim::{FaultAction, FaultRule};

use crate::order_failover::{executed, limited, order, placements};
use crate::read_failover::two;

/// What a venue answers that sheds load.
fn overloaded(body: &Value) -> FaultAction {
    FaultAction::Status {
        status: 503,
        retry_after: None,
        body: Some(body.to_string()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_contract_of_a_hundred_dollars_goes_on_as_a_hundred_of_one_and_back() {
    let (app, other) = TestApp::with_bitmex_as("other").await;
    let inverse = |venue: &str, next: &str, quantity: &str| {
        json!({
            "venue": venue, "symbol": "BTC/USD:BTC", "side": "buy", "type": "limit",
            "quantity": quantity, "price": "50000", "failover": [next],
        })
    };
    let trader = app.trader();
    let throttled = json!({"code": -1008, "msg": "Request throttled by system-level protection."});
    app.fault("POST", "/dapi/v1/order", 1, overloaded(&throttled));
    let placed = trader
        .place(&inverse(VENUE, "other", "3"))
        .await
        .expect(201);
    assert_eq!(
        (&placed["served_by"], &placed["quantity"]),
        (&json!("other"), &json!("300"))
    );
    let failover = &placed["failover"];
    assert_eq!(failover["from_quantity"], "3");
    assert_eq!(
        (&failover["multiply"], &failover["divide"]),
        (&json!("100"), &json!("1"))
    );
    let [there] = &executed(&other, &placed.id())[..] else {
        panic!("{:?}", other.control().executed());
    };
    assert_eq!(there.symbol, "XBTUSD");
    assert_eq!(executed(&app.sim, &placed.id()), []);
    // A change is in the units of where it is.
    let change = json!({"quantity": "400"});
    let amended = trader.amend(&placed.id(), &change).await.expect(200);
    assert_eq!(amended["quantity"], "400");
    trader.cancel(&placed.id()).await.expect(200);

    let full = json!({"error": {"message": "The system is currently overloaded. Please try again later.", "name": "HTTPError"}});
    let rule = FaultRule::on("POST", "/api/v1/order").times(1);
    other.control().add_fault(rule.act(overloaded(&full)));
    let placed = trader
        .place(&inverse("other", VENUE, "200"))
        .await
        .expect(201);
    assert_eq!(
        (&placed["served_by"], &placed["quantity"]),
        (&json!(VENUE), &json!("2"))
    );
    assert_eq!(executed(&app.sim, &placed.id()).len(), 1);
    assert_eq!(executed(&other, &placed.id()), []);

    // A hundred and fifty dollars are no whole number of contracts there.
    let before = placements(&other, "/api/v1/order");
    let refused = trader
        .place(&inverse("other", VENUE, "300"))
        .await
        .expect(201);
    trader.cancel(&refused.id()).await.expect(200);
    let uneven = inverse("other", VENUE, "150");
    let refused = trader
        .place(&uneven)
        .await
        .expect_problem(422, "invalid-request");
    assert!(
        refused.text.contains("150") || refused.text.contains("1.5"),
        "{}",
        refused.text
    );
    assert_eq!(placements(&other, "/api/v1/order"), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_the_order_cannot_go_to_is_refused_before_anything_is_sent() {
    let (app, _other) = TestApp::with_bitmex_as("other").await;
    let with = |symbol: &str, quantity: &str, price: &str, failover: Value| {
        json!({
            "venue": VENUE, "symbol": symbol, "side": "buy", "type": "limit",
            "quantity": quantity, "price": price, "failover": failover,
        })
    };
    for (order, expected) in [
        (
            with("BTC/USDT", "0.001", "50000", json!(["nowhere"])),
            "must be a configured venue: ",
        ),
        (
            with("BTC/USDT", "0.001", "50000", json!([VENUE])),
            "must be another venue",
        ),
        (
            with("BTC/USDT", "0.01", "50000", json!(["other", "other"])),
            "must be another venue",
        ),
        (
            with("BNB/USDT", "1", "500", json!(["other"])),
            "must have BNB/USDT",
        ),
        // Too fine for the ticks there.
        (
            with("BTC/USDT", "0.01", "50000.01", json!(["other"])),
            "must be able to take the order: there, price",
        ),
        (
            with(
                "BTC/USDT",
                "0.01",
                "50000",
                json!(["a", "b", "c", "d", "e", "f", "g", "h", "i"]),
            ),
            "must name at most 8 venues",
        ),
    ] {
        let refused = app.trader().place(&order).await;
        let refused = refused.expect_problem(422, "invalid-request");
        assert_eq!(refused.fields_at_fault(), ["failover"], "{}", refused.text);
        let detail = refused.text_of("detail");
        assert!(detail.contains(expected), "{detail}");
    }
    for (failover, field) in [(json!("other"), "failover"), (json!([5]), "failover[0]")] {
        let order = with("BTC/USDT", "0.01", "50000", failover);
        let refused = app.trader().place(&order).await;
        let refused = refused.expect_problem(400, "malformed-request");
        assert_eq!(refused.fields_at_fault(), [field]);
    }
    assert_eq!(app.sim.control().executed(), []);
    assert_eq!(app.placements_seen(), 0);
    // None named is none.
    for none in [json!([]), Value::Null] {
        let placed = app
            .trader()
            .place(&with("BTC/USDT", "0.001", "50000", none))
            .await;
        assert_eq!(placed.expect(201)["failover"], Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_halt_sends_an_order_on_and_takes_none_in() {
    let (app, second) = two(|_| ()).await;
    let switch = |venue: &str, to: &str| {
        let path = format!("/v1/venues/{venue}/{to}");
        let request = app.operator().request(Method::POST, &path);
        async move { Answer::to(request).await.expect(200) }
    };
    switch(VENUE, "halt").await;
    let placed = app.trader().place(&order()).await.expect(201);
    assert_eq!(placed["served_by"], "second");
    assert_eq!(app.placements_seen(), 0);
    assert_eq!(placements(&second, "/api/v3/order"), 1);
    switch(VENUE, "resume").await;
    switch("second", "halt").await;
    app.next_placement(limited(1));
    let refused = app.trader().place(&order()).await;
    let refused = refused.expect_problem(503, "halted");
    let id = refused.text_of("order_id");
    let rejected = app.trader().order(&id).await.expect(200);
    assert_eq!(rejected["state"], "REJECTED");
    assert_eq!(placements(&second, "/api/v3/order"), 1);
    assert_eq!(app.sim.control().executed(), []);
}
