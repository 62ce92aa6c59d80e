//! Every product behind the one interface: spot, linear and inverse contracts, perpetual and delivery.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use switchyard_end_to_end::{Answer, TestApp, VENUE, VenueClient};
use switchyard_venue_sim::{ExecutionFate, FaultAction};

/// An instrument with an order that rests far below the market, and what its quantity is counted in.
struct Traded {
    symbol: &'static str,
    product: &'static str,
    settle: &'static str,
    unit: &'static str,
    quantity: &'static str,
    more: &'static str,
    price: &'static str,
    other_price: &'static str,
    /// Where the venue takes its orders.
    path: &'static str,
}

const fn contract(
    symbol: &'static str,
    product: &'static str,
    settle: &'static str,
    (unit, quantity, more): (&'static str, &'static str, &'static str),
    (price, other_price): (&'static str, &'static str),
    path: &'static str,
) -> Traded {
    Traded {
        symbol,
        product,
        settle,
        unit,
        quantity,
        more,
        price,
        other_price,
        path,
    }
}

const BTC: (&str, &str) = ("50000", "51000");
const ETH: (&str, &str) = ("2500", "2600");
const SOL: (&str, &str) = ("120", "125");
const LINEAR: &str = "/fapi/v1/order";
const INVERSE: &str = "/dapi/v1/order";

/// One of each product, asset and settle currency.
const ALL: [Traded; 14] = [
    contract(
        "BTC/USDT",
        "spot",
        "USDT",
        ("base", "0.02", "0.03"),
        BTC,
        "/api/v3/order",
    ),
    contract(
        "ETH/USDC",
        "spot",
        "USDC",
        ("base", "0.02", "0.03"),
        ETH,
        "/api/v3/order",
    ),
    contract(
        "SOL/USDT",
        "spot",
        "USDT",
        ("base", "0.2", "0.3"),
        SOL,
        "/api/v3/order",
    ),
    contract(
        "BTC/USDT:USDT",
        "usd_m_perpetual",
        "USDT",
        ("base", "0.02", "0.03"),
        BTC,
        LINEAR,
    ),
    contract(
        "ETH/USDT:USDT",
        "usd_m_perpetual",
        "USDT",
        ("base", "0.02", "0.03"),
        ETH,
        LINEAR,
    ),
    contract(
        "SOL/USDT:USDT",
        "usd_m_perpetual",
        "USDT",
        ("base", "2", "3"),
        SOL,
        LINEAR,
    ),
    contract(
        "BTC/USDC:USDC",
        "usd_m_perpetual",
        "USDC",
        ("base", "0.02", "0.03"),
        BTC,
        LINEAR,
    ),
    contract(
        "SOL/USDC:USDC",
        "usd_m_perpetual",
        "USDC",
        ("base", "2", "3"),
        SOL,
        LINEAR,
    ),
    contract(
        "BTC/USDT:USDT-261225",
        "usd_m_delivery",
        "USDT",
        ("base", "0.02", "0.03"),
        BTC,
        LINEAR,
    ),
    contract(
        "ETH/USDT:USDT-270326",
        "usd_m_delivery",
        "USDT",
        ("base", "0.02", "0.03"),
        ETH,
        LINEAR,
    ),
    contract(
        "BTC/USD:BTC",
        "usd_c_perpetual",
        "BTC",
        ("contracts", "2", "3"),
        BTC,
        INVERSE,
    ),
    contract(
        "ETH/USD:ETH",
        "usd_c_perpetual",
        "ETH",
        ("contracts", "2", "3"),
        ETH,
        INVERSE,
    ),
    contract(
        "SOL/USD:SOL",
        "usd_c_perpetual",
        "SOL",
        ("contracts", "2", "3"),
        SOL,
        INVERSE,
    ),
    contract(
        "BTC/USD:BTC-261225",
        "usd_c_delivery",
        "BTC",
        ("contracts", "2", "3"),
        BTC,
        INVERSE,
    ),
];

fn limit(traded: &Traded) -> Value {
    json!({
        "venue": VENUE, "symbol": traded.symbol, "side": "buy", "type": "limit",
        "quantity": traded.quantity, "price": traded.price,
    })
}

fn market(symbol: &str, side: &str, quantity: &str) -> Value {
    json!({
        "venue": VENUE, "symbol": symbol, "side": side, "type": "market", "quantity": quantity,
    })
}

fn with(mut order: Value, field: &str, value: Value) -> Value {
    order[field] = value;
    order
}

fn number(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

async fn get(app: &TestApp, path: &str) -> Answer {
    app.viewer().get(path).await.expect(200)
}

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
async fn an_amend_in_place_that_is_lost_is_found_out_on_contracts_too() {
    let app = TestApp::with_futures().await;
    for traded in ALL
        .iter()
        .filter(|t| ["BTC/USDT:USDT", "BTC/USD:BTC"].contains(&t.symbol))
    {
        for fault in [
            FaultAction::ExecuteThenDrop,
            FaultAction::UnknownOutcome {
                status: 503,
                execution: ExecutionFate::Executed,
            },
        ] {
            let id = app.trader().place(&limit(traded)).await.expect(201).id();
            app.fault("PUT", traded.path, 1, fault);
            let change = json!({"price": traded.other_price});
            let pending = app.trader().amend(&id, &change).await.expect(202);
            assert_eq!(pending["state"], "PENDING_REPLACE");
            let found = app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
            assert_eq!(number(&found["price"]), traded.other_price.parse().unwrap());
            app.trader().cancel(&id).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_that_is_lost_is_found_out_on_contracts_too() {
    let app = TestApp::with_futures().await;
    for traded in ALL
        .iter()
        .filter(|t| ["BTC/USDT:USDT", "BTC/USD:BTC"].contains(&t.symbol))
    {
        app.fault("POST", traded.path, 1, FaultAction::ExecuteThenDrop);
        let pending = app.trader().place(&limit(traded)).await.expect(202);
        assert_eq!(pending["state"], "PENDING_NEW");
        let id = pending.id();
        app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
        let sent = app.seen("POST", traded.path).len();
        assert_eq!(sent, 1, "it was sent once");
    }
}

/// Places a conditional order of another client of the account.
async fn conditional(client: &VenueClient, path: &str, symbol: &str, quantity: &str) -> Value {
    let query = format!(
        "symbol={symbol}&side=SELL&algoType=CONDITIONAL&type=STOP_MARKET&triggerPrice=40000&quantity={quantity}"
    );
    client.signed(reqwest::Method::POST, path, &query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn conditional_orders_of_other_clients_are_seen_and_cancelled_with_everything_else() {
    let app = TestApp::with_futures().await;
    for (traded, path, name) in [
        (&ALL[3], "/fapi/v1/algoOrder", "BTCUSDT"),
        (&ALL[10], "/dapi/v1/algoOrder", "BTCUSD_PERP"),
    ] {
        let mine = app.trader().place(&limit(traded)).await.expect(201).id();
        conditional(&app.other_client(), path, name, traded.quantity).await;
        let active = format!("/v1/orders/active?venue=sim&symbol={}", traded.symbol);
        let open = get(&app, &active).await;
        assert_eq!(open.items().len(), 2, "{}", open.text);
        let mut external = open
            .items()
            .iter()
            .filter(|order| order["origin"] == "external");
        let stop = external.next().unwrap();
        assert_eq!(stop["type"], "other");
        let found = app
            .viewer()
            .order(stop["id"].as_str().unwrap())
            .await
            .expect(200);
        assert_eq!(found["venue_order_id"], stop["venue_order_id"]);

        let own = app
            .trader()
            .delete("/v1/orders?venue=sim")
            .await
            .expect(200);
        assert_eq!(own.ids(), [mine.as_str()], "one's own only");
        assert_eq!(get(&app, &active).await.items().len(), 1);
        app.trader().place(&limit(traded)).await.expect(201);
        let all = app
            .operator()
            .delete("/v1/orders?venue=sim&scope=account")
            .await;
        assert_eq!(all.expect(200)["failures"], json!([]));
        assert_eq!(get(&app, &active).await.items().len(), 0);
    }
}
