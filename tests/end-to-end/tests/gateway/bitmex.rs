//! A venue of another shape behind the same interface: one host, JSON bodies, minor units, contracts.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use switchyard_end_to_end::{Caller, TestApp, VENUE};
use switchyard_venue_sim::FaultAction;

use crate::products::{get, market, number};

/// Symbol, product, settle asset, quantity, more of it, and two prices below the market.
const ALL: [(&str, &str, &str, &str, &str, &str, &str); 8] = [
    ("BTC/USDT", "spot", "USDT", "0.02", "0.03", "50000", "51000"),
    ("ETH/USDT", "spot", "USDT", "0.2", "0.3", "2500", "2600"),
    (
        "BTC/USDT:USDT",
        "usd_m_perpetual",
        "USDT",
        "0.02",
        "0.03",
        "50000",
        "51000",
    ),
    (
        "SOL/USDT:USDT",
        "usd_m_perpetual",
        "USDT",
        "2",
        "3",
        "120",
        "125",
    ),
    (
        "BTC/USDT:USDT-261225",
        "usd_m_delivery",
        "USDT",
        "0.02",
        "0.03",
        "50000",
        "51000",
    ),
    (
        "BTC/USD:BTC",
        "usd_c_perpetual",
        "BTC",
        "200",
        "300",
        "50000",
        "51000",
    ),
    (
        "ETH/USD:BTC",
        "usd_c_perpetual",
        "BTC",
        "20",
        "30",
        "2500",
        "2600",
    ),
    (
        "BTC/USD:BTC-261225",
        "usd_c_delivery",
        "BTC",
        "200",
        "300",
        "50000",
        "51000",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_product_is_listed_and_its_orders_live_the_same_life() {
    let app = TestApp::bitmex().await;
    for (symbol, product, settle, quantity, more, price, other) in ALL {
        let listed = get(&app, &format!("/v1/instruments?symbol={symbol}")).await;
        let [instrument] = listed.items() else {
            panic!("{symbol}: {}", listed.text);
        };
        assert_eq!(
            (&instrument["product"], &instrument["settle"]),
            (&json!(product), &json!(settle))
        );
        let order = json!({
            "venue": VENUE, "symbol": symbol, "side": "buy", "type": "limit",
            "quantity": quantity, "price": price,
        });
        let placed = app.trader().place(&order).await.expect(201);
        assert_eq!(
            (&placed["state"], &placed["quantity"]),
            (&json!("NEW"), &json!(quantity))
        );
        let id = placed.id();
        let change = json!({"quantity": more, "price": other});
        let amended = app.trader().amend(&id, &change).await.expect(200);
        assert_eq!(
            (&amended["quantity"], &amended["price"]),
            (&json!(more), &json!(other))
        );
        let read = app.trader().order(&id).await.expect(200);
        assert_eq!(
            (read["price"].as_str(), read.header("age")),
            (Some(other), None)
        );
        let active = get(
            &app,
            &format!("/v1/orders/active?venue=sim&symbol={symbol}"),
        )
        .await;
        assert_eq!(active.ids(), [id.as_str()]);
        let canceled = app.trader().cancel(&id).await.expect(200);
        assert_eq!(canceled["state"], "CANCELED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_books_and_candles_are_read() {
    let app = TestApp::bitmex().await;
    for (symbol, ..) in &ALL[..4] {
        let tickers = get(&app, &format!("/v1/tickers?venue=sim&symbol={symbol}")).await;
        let ticker = &tickers.items()[0];
        assert!(number(&ticker["bid"]) < number(&ticker["ask"]), "{ticker}");
        let book = get(
            &app,
            &format!("/v1/orderbook?venue=sim&symbol={symbol}&limit=5"),
        )
        .await;
        assert_eq!(book["bids"][0]["price"], ticker["bid"], "{}", book.text);
        let candles = get(
            &app,
            &format!("/v1/candles?venue=sim&symbol={symbol}&limit=3"),
        )
        .await;
        assert!(!candles.items().is_empty(), "{}", candles.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_order_becomes_a_position_with_its_fee_in_the_settle_asset() {
    let app = TestApp::bitmex().await;
    for (symbol, _, settle, quantity, ..) in ALL.iter().filter(|one| one.1 != "spot") {
        let bought = app
            .trader()
            .place(&market(symbol, "buy", quantity))
            .await
            .expect(201);
        assert_eq!(bought["state"], "FILLED", "{}", bought.text);
        let wanted: Decimal = quantity.parse().unwrap();
        let positions = get(&app, &format!("/v1/positions?venue=sim&symbol={symbol}")).await;
        let [position] = positions.items() else {
            panic!("{symbol}: {}", positions.text);
        };
        assert_eq!(
            (number(&position["quantity"]), &position["settle"]),
            (wanted, &json!(settle))
        );
        let fills = get(&app, &format!("/v1/fills?order_id={}", bought.id())).await;
        let traded: Decimal = fills
            .items()
            .iter()
            .map(|fill| number(&fill["quantity"]))
            .sum();
        assert_eq!(traded, wanted, "{}", fills.text);
        assert!(
            fills
                .items()
                .iter()
                .all(|fill| fill["fee_asset"] == *settle),
            "{}",
            fills.text
        );
    }
    let balances = get(&app, "/v1/balances?venue=sim").await;
    let held: Vec<&Value> = balances.items().iter().map(|held| &held["asset"]).collect();
    assert!(
        held.contains(&&json!("BTC")) && held.contains(&&json!("USDT")),
        "{}",
        balances.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_is_lost_is_found_and_an_overload_is_certainly_no_order() {
    let app = TestApp::bitmex().await;
    let order = json!({
        "venue": VENUE, "symbol": "BTC/USD:BTC", "side": "buy", "type": "limit",
        "quantity": "100", "price": "50000",
    });
    app.fault("POST", "/api/v1/order", 1, FaultAction::ExecuteThenDrop);
    let pending = app.trader().place(&order).await.expect(202);
    app.becomes_by_itself(&app.viewer(), &pending.id(), "NEW")
        .await;
    let overloaded = FaultAction::Status {
        status: 503,
        retry_after: None,
        body: Some(
            json!({"error": {"message": "The system is currently overloaded. Please try again later.", "name": "HTTPError"}})
                .to_string(),
        ),
    };
    app.fault("POST", "/api/v1/order", 1, overloaded);
    let refused = app
        .trader()
        .place(&order)
        .await
        .expect_problem(503, "overloaded");
    assert_eq!(refused["retryable"], true);
    let canceled = app
        .trader()
        .delete("/v1/orders?venue=sim")
        .await
        .expect(200);
    assert_eq!(canceled.ids(), [pending.id().as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_moves_to_the_other_exchange_by_one_word_and_its_quantity_by_two_numbers() {
    let (app, _other) = TestApp::with_bitmex_as("other").await;
    let same = get(&app, "/v1/instruments?equivalent_to=sim:BTC/USD:BTC").await;
    let there = same
        .items()
        .iter()
        .find(|one| one["venue"] == "other")
        .unwrap();
    // One contract of a hundred dollars here is a hundred of one dollar there.
    let quantity = &there["equivalence"]["quantity"];
    assert_eq!(
        (&quantity["multiply"], &quantity["divide"]),
        (&json!("100"), &json!("1"))
    );
    for (venue, quantity) in [("sim", "3"), ("other", "300")] {
        let order = json!({
            "venue": venue, "symbol": "BTC/USD:BTC", "side": "buy", "type": "limit",
            "quantity": quantity, "price": "50000",
        });
        let placed = app.trader().place(&order).await.expect(201);
        assert_eq!(
            (&placed["venue"], &placed["state"]),
            (&json!(venue), &json!("NEW"))
        );
    }
    let active = get(&app, "/v1/orders/active").await;
    assert_eq!(active.items().len(), 2, "{}", active.text);
    let tickers = get(&app, "/v1/tickers?venue=other,sim&symbol=BTC/USD:BTC").await;
    assert_eq!(tickers.items()[0]["venue"], "other");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_instrument_that_is_open_has_one_unified_symbol() {
    let app = TestApp::bitmex().await;
    let venue = Caller::anonymous(&app.sim.url());
    let active = venue.get("/api/v1/instrument/active").await.expect(200);
    let catalogue = get(&app, "/v1/instruments?venue=sim&limit=5000").await;
    let symbols: BTreeSet<&str> = catalogue
        .items()
        .iter()
        .map(|one| one["symbol"].as_str().unwrap())
        .collect();
    assert_eq!(
        symbols.len(),
        catalogue.items().len(),
        "no two share a symbol"
    );
    for one in active.json().as_array().unwrap() {
        let name = one["symbol"].as_str().unwrap();
        if name.starts_with('.') {
            continue; // an index
        }
        let listed = catalogue
            .items()
            .iter()
            .find(|listed| listed["venue_symbol"] == name);
        let listed = listed.unwrap_or_else(|| panic!("{name} is not listed"));
        assert!(
            !listed["symbol"].as_str().unwrap().contains("XBT"),
            "{listed}"
        );
    }
}
