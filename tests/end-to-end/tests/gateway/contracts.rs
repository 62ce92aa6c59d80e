//! Every product behind the one interface: spot, linear and inverse contracts, perpetual and delivery.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use switchyard::model::Timestamp;
use switchyard_end_to_end::TestApp;

use crate::products::{ALL, Traded, get, limit, market, number, with};

#[tokio::test(flavor = "multi_thread")]
async fn every_product_is_listed_as_what_it_is() {
    let app = TestApp::with_futures().await;
    for traded in &ALL {
        let path = format!("/v1/instruments?venue=sim&symbol={}", traded.symbol);
        let listed = get(&app, &path).await;
        let [instrument] = listed.items() else {
            panic!("{}: {}", traded.symbol, listed.text);
        };
        assert_eq!(instrument["product"], traded.product);
        assert_eq!(instrument["settle"], traded.settle);
        assert_eq!(instrument["quantity_unit"], traded.unit);
        assert_eq!(
            instrument["expiry"].is_string(),
            traded.product.ends_with("delivery")
        );
        let size = match (traded.unit, &traded.symbol[..3]) {
            ("base", _) => "1",
            (_, "BTC") => "100",
            _ => "10",
        };
        assert_eq!(instrument["contract_size"], size, "{}", traded.symbol);
        for bound in ["price", "quantity"] {
            assert!(instrument[bound]["step"].is_string(), "{instrument}");
        }
    }
    for (filter, all) in [
        ("product=usd_c_delivery", "usd_c_delivery"),
        (
            "product=usd_m_perpetual&base=SOL&settle=USDC",
            "usd_m_perpetual",
        ),
    ] {
        let listed = get(&app, &format!("/v1/instruments?venue=sim&{filter}")).await;
        assert!(!listed.items().is_empty());
        assert!(
            listed.items().iter().all(|one| one["product"] == all),
            "{}",
            listed.text
        );
    }
    let settled = get(&app, "/v1/instruments?venue=sim&settle=ETH").await;
    assert!(!settled.items().is_empty());
    assert!(settled.items().iter().all(|one| one["settle"] == "ETH"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_lives_the_same_life_on_every_product() {
    let app = TestApp::with_futures().await;
    for traded in &ALL {
        let placed = app.trader().place(&limit(traded)).await.expect(201);
        let id = placed.id();
        assert_eq!(placed["state"], "NEW", "{}", placed.text);
        let active = format!("/v1/orders/active?venue=sim&symbol={}", traded.symbol);
        assert_eq!(
            get(&app, &active).await.ids(),
            [id.as_str()],
            "{}",
            traded.symbol
        );

        let change = json!({"quantity": traded.more, "price": traded.other_price});
        let amended = app.trader().amend(&id, &change).await.expect(200);
        assert_eq!(number(&amended["quantity"]), traded.more.parse().unwrap());
        assert_eq!(
            number(&amended["price"]),
            traded.other_price.parse().unwrap()
        );
        let read = app.trader().order(&id).await.expect(200);
        assert_eq!(
            (&read["state"], &read["price"]),
            (&json!("NEW"), &amended["price"])
        );
        assert_eq!(
            read.header("age"),
            None,
            "the venue was heard: {}",
            read.text
        );

        let canceled = app.trader().cancel(&id).await.expect(200);
        assert_eq!(canceled["state"], "CANCELED", "{}", canceled.text);
        let history = format!("/v1/orders?source=venue&venue=sim&symbol={}", traded.symbol);
        let history = get(&app, &history).await;
        assert_eq!(history.ids(), [id.as_str()], "{}", traded.symbol);
        assert_eq!(history["complete"], true);
    }
    assert_eq!(
        get(&app, "/v1/orders/active?venue=sim").await.items().len(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_books_and_candles_come_from_every_product() {
    let app = TestApp::with_futures().await;
    for Traded { symbol, .. } in &ALL {
        let tickers = get(&app, &format!("/v1/tickers?venue=sim&symbol={symbol}")).await;
        let ticker = &tickers.items()[0];
        assert!(number(&ticker["bid"]) < number(&ticker["ask"]), "{ticker}");
        assert!(
            number(&ticker["last"]) > Decimal::ZERO && ticker["volume"].is_string(),
            "{ticker}"
        );
        let book = get(
            &app,
            &format!("/v1/orderbook?venue=sim&symbol={symbol}&limit=7"),
        )
        .await;
        assert_eq!(book["bids"].as_array().unwrap().len(), 7, "{}", book.text);
        assert_eq!(book["bids"][0]["price"], ticker["bid"]);
        let candles = get(
            &app,
            &format!("/v1/candles?venue=sim&symbol={symbol}&limit=3"),
        )
        .await;
        assert!(!candles.items().is_empty(), "{}", candles.text);
        assert!(number(&candles.items()[0]["close"]) > Decimal::ZERO);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_order_fills_and_becomes_a_position_that_reduce_only_ends() {
    let app = TestApp::with_futures().await;
    for traded in ALL.iter().filter(|traded| traded.product != "spot") {
        let symbol = traded.symbol;
        let order = market(symbol, "buy", traded.quantity);
        let bought = app.trader().place(&order).await.expect(201);
        assert_eq!(bought["state"], "FILLED", "{}", bought.text);
        let entry = number(&bought["average_price"]);
        let positions = get(&app, &format!("/v1/positions?venue=sim&symbol={symbol}")).await;
        let [position] = positions.items() else {
            panic!("{symbol}: {}", positions.text);
        };
        assert_eq!(
            number(&position["quantity"]),
            traded.quantity.parse().unwrap()
        );
        let off = (number(&position["entry_price"]) - entry).abs();
        assert!(
            off <= entry / Decimal::from(1_000_000),
            "{position} {entry}"
        );
        assert_eq!(position["settle"], traded.settle);

        let path = format!("/v1/fills?order_id={}", bought.id());
        let fills = get(&app, &path).await;
        let traded_quantity: Decimal = fills.items().iter().map(|f| number(&f["quantity"])).sum();
        assert_eq!(
            traded_quantity,
            traded.quantity.parse().unwrap(),
            "{}",
            fills.text
        );
        assert!(
            fills
                .items()
                .iter()
                .all(|fill| fill["fee_asset"] == traded.settle),
            "{}",
            fills.text
        );

        // More than the position, but it may only reduce it.
        let close = with(
            market(symbol, "sell", traded.more),
            "reduce_only",
            json!(true),
        );
        let sold = app.trader().place(&close).await;
        assert!([201, 422].contains(&sold.status), "{}", sold.text);
        if sold.status == 422 {
            let close = with(
                market(symbol, "sell", traded.quantity),
                "reduce_only",
                json!(true),
            );
            app.trader().place(&close).await.expect(201);
        }
        let positions = get(&app, &format!("/v1/positions?venue=sim&symbol={symbol}")).await;
        assert_eq!(positions.items().len(), 0, "flat: {}", positions.text);
        let again = app.trader().place(&close_of(symbol, traded.quantity)).await;
        again.expect_problem(422, "invalid-request");
    }
}

fn close_of(symbol: &str, quantity: &str) -> Value {
    with(market(symbol, "sell", quantity), "reduce_only", json!(true))
}

#[tokio::test(flavor = "multi_thread")]
async fn times_in_force_mean_the_same_on_every_product() {
    let app = TestApp::with_futures().await;
    for traded in &ALL {
        for (time_in_force, state) in [("ioc", "EXPIRED"), ("gtx", "NEW"), ("gtc", "NEW")] {
            let order = with(limit(traded), "time_in_force", json!(time_in_force));
            let placed = app.trader().place(&order).await.expect(201);
            assert_eq!(placed["state"], state, "{time_in_force} {}", placed.text);
            assert_eq!(placed["time_in_force"], time_in_force);
        }
        // One that cannot fill at once is refused or has ended, whatever the venue does with it.
        let order = with(limit(traded), "time_in_force", json!("fok"));
        let killed = app.trader().place(&order).await;
        match killed.status {
            201 => assert_eq!(killed["state"], "EXPIRED", "{}", killed.text),
            _ => drop(killed.expect_problem(422, "invalid-request")),
        }
        // Post-only that would take is refused, whatever the venue calls it.
        let ticker = get(
            &app,
            &format!("/v1/tickers?venue=sim&symbol={}", traded.symbol),
        )
        .await;
        let taking = with(limit(traded), "price", ticker.items()[0]["ask"].clone());
        let taking = with(taking, "time_in_force", json!("gtx"));
        let refused = app.trader().place(&taking).await;
        refused.expect_problem(422, "invalid-request");
    }
    let canceled = app
        .trader()
        .delete("/v1/orders?venue=sim")
        .await
        .expect(200);
    assert_eq!(canceled.items().len(), 2 * ALL.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_market_has_a_wallet_of_its_own() {
    let app = TestApp::with_futures().await;
    let balances = get(&app, "/v1/balances?venue=sim").await;
    for (endpoint, asset) in [
        ("spot", "USDT"),
        ("usdm", "USDT"),
        ("usdm", "USDC"),
        ("coinm", "BTC"),
    ] {
        let held = balances
            .items()
            .iter()
            .find(|held| held["endpoint"] == endpoint && held["asset"] == asset);
        let held = held.unwrap_or_else(|| panic!("{endpoint} {asset}: {}", balances.text));
        assert!(number(&held["free"]) > Decimal::ZERO, "{held}");
        assert_eq!(
            number(&held["free"]) + number(&held["locked"]),
            number(&held["total"])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn history_says_how_far_back_each_market_remembers() {
    let app = TestApp::with_futures().await;
    let now = app.sim.control().now_ms();
    let days_ago = |days: i64| {
        let at = Timestamp::from_millis(now - days * 24 * 60 * 60 * 1_000);
        at.to_string()
    };
    for (symbol, days, complete) in [
        ("BTC/USDT", 60, true),
        ("BTC/USDT", 120, false),
        ("BTC/USDT:USDT", 2, true),
        ("BTC/USDT:USDT", 10, false),
        ("BTC/USD:BTC", 2, true),
        ("BTC/USD:BTC", 10, false),
    ] {
        let from = days_ago(days);
        let path = format!("/v1/orders?source=venue&venue=sim&symbol={symbol}&from={from}");
        let history = get(&app, &path).await;
        assert_eq!(
            history["complete"], complete,
            "{symbol} {days} days: {}",
            history.text
        );
        assert_eq!(history.items().len(), 0);
    }
    // Fills are remembered longer than orders that never filled.
    let path = format!(
        "/v1/fills?venue=sim&symbol=BTC/USDT:USDT&from={}",
        days_ago(10)
    );
    assert_eq!(get(&app, &path).await["complete"], true);
}
