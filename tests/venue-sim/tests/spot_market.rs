//! What the market looks like to a client, and how it meets a client's orders.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::{Bench, START_MS};
use switchyard_venue_sim::Decimal;

const ORDER: &str = "/api/v3/order";

#[tokio::test]
async fn a_market_order_fills_against_the_book_and_pays_its_fee_in_what_it_received() {
    let bench = Bench::start().await;
    let body = bench
        .call(
            "POST",
            ORDER,
            "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01",
        )
        .await
        .json();
    assert_eq!(
        (body["status"].as_str(), body["price"].as_str()),
        (Some("FILLED"), Some("0.00000000"))
    );
    assert_eq!(body["fills"][0]["commission"], "0.00001000");
    assert_eq!(body["fills"][0]["commissionAsset"], "BTC");
    assert_eq!(
        bench.sim.control().balance("BTC").free,
        Decimal::new(1_000_999, 5)
    );
    let trades = bench
        .call("GET", "/api/v3/myTrades", "symbol=BTCUSDT")
        .await
        .json();
    assert_eq!(
        (&trades[0]["orderId"], &trades[0]["isMaker"]),
        (&body["orderId"], &false.into())
    );
}

#[tokio::test]
async fn the_market_trades_through_a_resting_order_when_it_moves_past_it() {
    let bench = Bench::start().await;
    bench.resting_order("hit").await;
    bench
        .sim
        .control()
        .set_mid("BTCUSDT", Decimal::from(49_000))
        .unwrap();
    let found = bench
        .call("GET", ORDER, "symbol=BTCUSDT&origClientOrderId=hit")
        .await
        .json();
    assert_eq!(
        (
            found["status"].as_str(),
            found["cummulativeQuoteQty"].as_str()
        ),
        (Some("FILLED"), Some("50.00000000"))
    );
}

#[tokio::test]
async fn every_listed_filter_and_limit_is_there() {
    let bench = Bench::start().await;
    let info = bench
        .get("/api/v3/exchangeInfo?symbol=SHIBUSDT")
        .await
        .json();
    let symbol = &info["symbols"][0];
    let filters: Vec<&str> = symbol["filters"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|f| f["filterType"].as_str())
        .collect();
    for filter in [
        "PRICE_FILTER",
        "LOT_SIZE",
        "ICEBERG_PARTS",
        "MARKET_LOT_SIZE",
        "TRAILING_DELTA",
        "PERCENT_PRICE_BY_SIDE",
        "NOTIONAL",
        "MAX_NUM_ORDERS",
        "MAX_NUM_ORDER_LISTS",
        "MAX_NUM_ALGO_ORDERS",
        "MAX_NUM_ORDER_AMENDS",
    ] {
        assert!(filters.contains(&filter), "{filter}");
    }
    assert_eq!(symbol["filters"][0]["tickSize"], "0.00000001");
    assert_eq!(info["rateLimits"].as_array().map(Vec::len), Some(4));
    assert_eq!(
        bench
            .get("/api/v3/exchangeInfo?symbols=%5B%22NOPE%22%5D")
            .await
            .code(),
        -1121
    );
    let halted = bench
        .get("/api/v3/exchangeInfo?symbolStatus=BREAK")
        .await
        .json();
    assert_eq!(halted["symbols"][0]["symbol"], "LUNAUSDT");
}

#[tokio::test]
async fn microseconds_are_given_to_those_who_ask() {
    let bench = Bench::start().await;
    let time = bench
        .send(
            "GET",
            "/api/v3/time",
            "X-MBX-TIME-UNIT: MICROSECOND\r\n",
            "",
        )
        .await
        .json();
    assert_eq!(time["serverTime"].as_i64(), Some(START_MS * 1000));
}

#[tokio::test]
async fn the_same_seed_makes_the_same_market() {
    let (one, other) = (Bench::start().await, Bench::start().await);
    for bench in [&one, &other] {
        bench.sim.control().market_step(5);
    }
    for path in [
        "/api/v3/depth?symbol=BTCUSDT",
        "/api/v3/klines?symbol=ETHBTC&interval=1h",
        "/api/v3/ticker/24hr",
    ] {
        assert_eq!(
            one.get(path).await.json(),
            other.get(path).await.json(),
            "{path}"
        );
    }
    let still = one.get("/api/v3/depth?symbol=BTCUSDT").await.json();
    assert_eq!(
        one.get("/api/v3/depth?symbol=BTCUSDT").await.json(),
        still,
        "the market moves only when asked"
    );
}
