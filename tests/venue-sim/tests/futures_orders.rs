//! Orders on the futures APIs as a client sees them: shapes, texts, and what order safety rests on.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::Bench;
use switchyard_venue_sim::{Decimal, FaultAction, FaultRule};

const USDM: &str = "/fapi/v1/order";
const COINM: &str = "/dapi/v1/order";
const REST: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=58000";
const INVERSE: &str =
    "symbol=BTCUSD_PERP&side=BUY&type=LIMIT&timeInForce=GTC&quantity=3&price=58000";

#[tokio::test]
async fn a_resting_order_keeps_its_number_through_an_amendment() {
    for (path, order, value, quantity) in [
        (USDM, REST, "cumQuote", "0.020"),
        (COINM, INVERSE, "cumBase", "5"),
    ] {
        let bench = Bench::start().await;
        let placed = bench
            .call("POST", path, &format!("{order}&newClientOrderId=a"))
            .await;
        let body = placed.json();
        assert_eq!(
            (placed.status, &body["status"]),
            (200, &"NEW".into()),
            "{body}"
        );
        assert!(
            body[value].is_string() && body["cumQty"].is_string(),
            "{body}"
        );
        assert_eq!(placed.header("x-mbx-order-count-1m"), Some("1"));
        assert_eq!(
            placed.header("x-mbx-order-count-10s").is_some(),
            path == USDM
        );
        let symbol = body["symbol"].as_str().unwrap();
        let change =
            format!("symbol={symbol}&side=BUY&origClientOrderId=a&price=57000&quantity={quantity}");
        let amended = bench.call("PUT", path, &change).await.json();
        assert_eq!(amended["orderId"], body["orderId"], "{amended}");
        assert_eq!(amended["origQty"], quantity);
        let same = bench.call("PUT", path, &change).await;
        assert_eq!((same.status, same.code()), (400, -5027));
        let history = path.replace("order", "orderAmendment");
        let named = format!("symbol={symbol}&origClientOrderId=a");
        let amendments = bench.call("GET", &history, &named).await.json();
        assert_eq!(amendments[0]["amendment"]["count"], 1, "{amendments}");
        let cancelled = bench.call("DELETE", path, &named).await.json();
        assert_eq!(cancelled["status"], "CANCELED");
        assert_eq!(bench.call("DELETE", path, &named).await.code(), -2011);
        assert_eq!(bench.call("PUT", path, &change).await.code(), -2013);
        let missing = format!("symbol={symbol}&orderId=1");
        assert_eq!(bench.call("GET", path, &missing).await.code(), -2013);
    }
}

#[tokio::test]
async fn bad_orders_are_refused_with_binances_codes() {
    let bench = Bench::start().await;
    let limit = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC";
    for (query, code) in [
        ("side=BUY".to_owned(), -1102),
        (
            "symbol=NOPE&side=BUY&type=MARKET&quantity=1".to_owned(),
            -1121,
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=STOP_MARKET&stopPrice=1&quantity=1".to_owned(),
            -4120,
        ),
        (
            format!("{limit}&quantity=0.01&price=58000&positionSide=LONG"),
            -4061,
        ),
        (format!("{limit}&quantity=0.0001&price=58000"), -1111),
        (format!("{limit}&quantity=0.01&price=58000.05"), -4014),
        (format!("{limit}&quantity=0.01&price=58000.001"), -1111),
        (format!("{limit}&quantity=0&price=58000"), -4003),
        (format!("{limit}&quantity=2000&price=58000"), -4005),
        (format!("{limit}&quantity=1&price=2000000"), -4002),
        (format!("{limit}&quantity=0.01&price=64000"), -4016),
        (format!("{limit}&quantity=0.001&price=10000"), -4164),
        (format!("{limit}&quantity=900&price=58000"), -2019),
        (
            format!("{limit}&quantity=0.01&price=58000&reduceOnly=true"),
            -2022,
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.01&price=61000"
                .to_owned(),
            -5022,
        ),
        (
            "symbol=NEWUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=10&price=1".to_owned(),
            -4140,
        ),
        (
            "symbol=BTCUSDT_260925&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=60000"
                .to_owned(),
            -4141,
        ),
    ] {
        let refused = bench.call("POST", USDM, &query).await;
        assert_eq!((refused.status, refused.code()), (400, code), "{query}");
    }
    assert!(bench.sim.control().executed().is_empty());
    let first = bench
        .call("POST", USDM, &format!("{REST}&newClientOrderId=a"))
        .await;
    let again = bench
        .call("POST", USDM, &format!("{REST}&newClientOrderId=a"))
        .await;
    assert_eq!((first.status, again.code()), (200, -4116));
}

#[tokio::test]
async fn ack_tells_nothing_and_result_tells_how_an_immediate_order_ended() {
    let bench = Bench::start().await;
    let market = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010";
    let ack = bench.call("POST", USDM, market).await.json();
    assert_eq!(
        (ack["status"].as_str(), ack["executedQty"].as_str()),
        (Some("NEW"), Some("0.000"))
    );
    let result = bench
        .call("POST", USDM, &format!("{market}&newOrderRespType=RESULT"))
        .await
        .json();
    assert_eq!(
        (result["status"].as_str(), result["executedQty"].as_str()),
        (Some("FILLED"), Some("0.010"))
    );
    let risk = bench
        .call("GET", "/fapi/v3/positionRisk", "symbol=BTCUSDT")
        .await
        .json();
    assert_eq!(risk[0]["positionAmt"], "0.020", "{risk}");
    let fok = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=FOK&quantity=1&price=58000&newOrderRespType=RESULT";
    assert_eq!(bench.call("POST", USDM, fok).await.json()["code"], -5021);
}

#[tokio::test]
async fn a_stop_waits_goes_off_at_its_price_and_closes_the_position() {
    let bench = Bench::start().await;
    bench
        .call(
            "POST",
            USDM,
            "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010",
        )
        .await;
    let stop = "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&clientAlgoId=s&triggerPrice";
    let algo = "/fapi/v1/algoOrder";
    let early = bench
        .call("POST", algo, &format!("{stop}=61000&closePosition=true"))
        .await;
    assert_eq!(
        early.status, 400,
        "a sell stop above the price would go off at once"
    );
    let waiting = bench
        .call("POST", algo, &format!("{stop}=59000&closePosition=true"))
        .await
        .json();
    assert_eq!(waiting["algoStatus"], "NEW", "{waiting}");
    bench
        .sim
        .control()
        .set_mid("BTCUSDT", Decimal::from(58_500))
        .unwrap();
    let done = bench.call("GET", algo, "clientAlgoId=s").await.json();
    assert_eq!(done["algoStatus"], "FINISHED", "{done}");
    assert!(bench.sim.control().positions().is_empty());
}

#[tokio::test]
async fn the_truth_tells_the_markets_apart_and_faults_strike_on_every_path() {
    let bench = Bench::start().await;
    let control = bench.sim.control();
    for (path, order, market) in [(USDM, REST, "usdm"), (COINM, INVERSE, "coinm")] {
        control.add_fault(
            FaultRule::on("POST", path)
                .times(1)
                .act(FaultAction::ExecuteThenDrop),
        );
        let nothing = bench
            .raw_call("POST", path, &format!("{order}&newClientOrderId=lost"))
            .await;
        assert!(nothing.is_empty());
        let symbol = order.split(['=', '&']).nth(1).unwrap();
        let found = bench
            .call(
                "GET",
                path,
                &format!("symbol={symbol}&origClientOrderId=lost"),
            )
            .await;
        assert_eq!(found.status, 200);
        assert_eq!(control.executed().last().unwrap().market, market);
    }
}

#[tokio::test]
async fn unfilled_orders_are_forgotten_after_three_days() {
    let bench = Bench::start().await;
    bench
        .call("POST", USDM, &format!("{REST}&newClientOrderId=old"))
        .await;
    let named = "symbol=BTCUSDT&origClientOrderId=old";
    bench.call("DELETE", USDM, named).await;
    assert_eq!(bench.call("GET", USDM, named).await.status, 200);
    bench.sim.control().advance_ms(3 * 86_400_000 + 1).unwrap();
    assert_eq!(bench.call("GET", USDM, named).await.code(), -2013);
}

#[tokio::test]
async fn lookups_are_bounded_to_seven_days_and_each_api_counts_its_own_weight() {
    let bench = Bench::start().await;
    let now = bench.sim.control().now_ms();
    for (age_days, code) in [(8, -4165), (91, -4166)] {
        let start = now - age_days * 86_400_000;
        let end = if code == -4165 { now } else { start + 1 };
        let query = format!("symbol=BTCUSDT&startTime={start}&endTime={end}");
        let refused = bench.call("GET", "/fapi/v1/allOrders", &query).await;
        assert_eq!(refused.code(), code);
    }
    let listed = bench.call("GET", "/fapi/v1/openOrders", "").await;
    assert_eq!(listed.header("x-mbx-used-weight-1m"), Some("50"));
    let other = bench.call("GET", "/dapi/v1/openOrders", "").await;
    assert_eq!(other.header("x-mbx-used-weight-1m"), Some("40"));
    let pair = bench.call("GET", "/dapi/v1/allOrders", "pair=BTCUSD").await;
    assert_eq!(
        (pair.status, pair.header("x-mbx-used-weight-1m")),
        (200, Some("80"))
    );
}
