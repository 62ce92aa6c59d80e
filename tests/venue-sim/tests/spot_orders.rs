//! The life of an order as a client sees it: shapes, texts, and what order safety rests on.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::{Bench, START_MS, resting};
use switchyard_venue_sim::config::SettingsPatch;
use switchyard_venue_sim::{Decimal, FaultAction, FaultRule};

const ORDER: &str = "/api/v3/order";

#[tokio::test]
async fn a_resting_order_is_shown_in_full_and_can_be_found_and_cancelled() {
    let bench = Bench::start().await;
    let placed = bench.resting_order("mine").await;
    let body = placed.json();
    assert_eq!(placed.status, 200, "{body}");
    for (field, value) in [
        ("symbol", "BTCUSDT"),
        ("clientOrderId", "mine"),
        ("price", "50000.00000000"),
        ("origQty", "0.00100000"),
        ("executedQty", "0.00000000"),
        ("origQuoteOrderQty", "0.00000000"),
        ("cummulativeQuoteQty", "0.00000000"),
        ("status", "NEW"),
        ("timeInForce", "GTC"),
        ("type", "LIMIT"),
        ("side", "BUY"),
        ("selfTradePreventionMode", "EXPIRE_MAKER"),
    ] {
        assert_eq!(body[field], value, "{field}");
    }
    assert_eq!(
        (body["orderListId"].as_i64(), body["transactTime"].as_i64()),
        (Some(-1), Some(START_MS))
    );
    assert_eq!(body["fills"].as_array().map(Vec::len), Some(0));
    assert_eq!(placed.header("x-mbx-order-count-10s"), Some("1"));
    assert_eq!(
        placed.header("content-type"),
        Some("application/json;charset=UTF-8")
    );

    let found = bench
        .call("GET", ORDER, "symbol=BTCUSDT&origClientOrderId=mine")
        .await
        .json();
    assert_eq!(
        (&found["orderId"], &found["isWorking"]),
        (&body["orderId"], &true.into())
    );
    let cancelled = bench
        .call("DELETE", ORDER, "symbol=BTCUSDT&origClientOrderId=mine")
        .await
        .json();
    assert_eq!(
        (
            cancelled["status"].as_str(),
            cancelled["origClientOrderId"].as_str()
        ),
        (Some("CANCELED"), Some("mine"))
    );
    assert_ne!(cancelled["clientOrderId"], "mine");
    let again = bench
        .call("DELETE", ORDER, "symbol=BTCUSDT&origClientOrderId=mine")
        .await;
    assert_eq!((again.status, again.code()), (400, -2011));
}

#[tokio::test]
async fn bad_orders_are_refused_with_binances_codes_and_texts() {
    let bench = Bench::start().await;
    let limit = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC";
    let cases = [
        (
            "side=BUY",
            -1102,
            "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
        ),
        (
            "symbol=NOPE&side=BUY&type=MARKET&quantity=1",
            -1121,
            "Invalid symbol.",
        ),
        ("symbol=BTCUSDT&side=UP&type=LIMIT", -1117, "Invalid side."),
        (
            "symbol=BTCUSDT&side=BUY&type=ICE",
            -1116,
            "Invalid orderType.",
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=STOP_LOSS",
            -2010,
            "Stop loss orders are not supported for this symbol.",
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=DAY&quantity=1&price=1",
            -1115,
            "Invalid timeInForce.",
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&price=5",
            -1106,
            "Parameter 'price' sent when not required.",
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=MARKET",
            -1102,
            "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!",
        ),
        (
            &format!("{limit}&quantity=1&price=x"),
            -1100,
            "Illegal characters found in parameter 'price'; legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'.",
        ),
        (
            &format!("{limit}&quantity=0.000000001&price=50000"),
            -1111,
            "Parameter 'quantity' has too much precision.",
        ),
        (
            &format!("{limit}&quantity=0.000001&price=50000"),
            -1013,
            "Filter failure: LOT_SIZE",
        ),
        (
            &format!("{limit}&quantity=0.001&price=50000.001"),
            -1013,
            "Filter failure: PRICE_FILTER",
        ),
        (
            &format!("{limit}&quantity=0.001&price=1000"),
            -1013,
            "Filter failure: PERCENT_PRICE_BY_SIDE",
        ),
        (
            &format!("{limit}&quantity=0.00001&price=50000"),
            -1013,
            "Filter failure: NOTIONAL",
        ),
        (
            &format!("{limit}&quantity=0&price=50000"),
            -1013,
            "Invalid quantity.",
        ),
        (
            &format!("{limit}&quantity=100&price=50000"),
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.001&price=70000",
            -2010,
            "Order would immediately match and take.",
        ),
        (
            "symbol=LUNAUSDT&side=BUY&type=MARKET&quantity=20",
            -1013,
            "Market is closed.",
        ),
        (
            &format!("{limit}&quantity=0.001&price=50000&newClientOrderId=a%20b"),
            -1100,
            "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{1,36}$'.",
        ),
        (
            &format!("{limit}&quantity=0.001&price=50000&foo=1"),
            -1104,
            "Not all sent parameters were read; read '8' parameter(s) but was sent '9'.",
        ),
        (
            &format!("{limit}&quantity=0.001&quantity=0.002&price=50000"),
            -1101,
            "Duplicate values for a parameter detected.",
        ),
    ];
    for (query, code, message) in cases {
        let response = bench.call("POST", ORDER, query).await;
        let body = response.json();
        assert_eq!(
            (body["code"].as_i64(), body["msg"].as_str()),
            (Some(code), Some(message)),
            "{query}"
        );
        assert_eq!(response.status, 400, "{query}");
    }
    assert!(bench.sim.control().executed().is_empty());
}

#[tokio::test]
async fn a_client_id_is_refused_while_open_and_accepted_again_afterwards() {
    let bench = Bench::start().await;
    bench.resting_order("twice").await;
    let body = bench.resting_order("twice").await.json();
    assert_eq!(
        (body["code"].as_i64(), body["msg"].as_str()),
        (Some(-2010), Some("Duplicate order sent."))
    );
    bench
        .call("DELETE", ORDER, "symbol=BTCUSDT&origClientOrderId=twice")
        .await;
    assert_eq!(bench.resting_order("twice").await.status, 200);
    assert_eq!(bench.sim.control().executed()[0].client_id_accepted, 2);
}

#[tokio::test]
async fn lookups_may_lag_the_engine() {
    let bench = Bench::start().await;
    bench.sim.control().settings(SettingsPatch {
        lookup_lag_ms: Some(500),
        ..SettingsPatch::default()
    });
    bench.sim.control().advance_ms(1_000).unwrap();
    bench.resting_order("lagging").await;
    let query = "symbol=BTCUSDT&origClientOrderId=lagging";
    assert_eq!(bench.call("GET", ORDER, query).await.code(), -2013);
    assert_eq!(
        bench
            .call("GET", "/api/v3/openOrders", "")
            .await
            .json()
            .as_array()
            .map(Vec::len),
        Some(0)
    );
    bench.sim.control().advance_ms(500).unwrap();
    assert_eq!(bench.call("GET", ORDER, query).await.status, 200);
    bench.call("DELETE", ORDER, query).await;
    assert_eq!(
        bench.call("GET", ORDER, query).await.json()["status"],
        "NEW"
    );
}

#[tokio::test]
async fn unfilled_cancelled_orders_may_be_forgotten() {
    let bench = Bench::start().await;
    bench.resting_order("old").await;
    let query = "symbol=BTCUSDT&origClientOrderId=old";
    bench.call("DELETE", ORDER, query).await;
    bench.sim.control().settings(SettingsPatch {
        forget_unfilled_after_ms: Some(Some(1_000)),
        ..SettingsPatch::default()
    });
    assert_eq!(bench.call("GET", ORDER, query).await.status, 200);
    bench.sim.control().advance_ms(1_001).unwrap();
    let gone = bench.call("GET", ORDER, query).await;
    assert_eq!((gone.status, gone.code()), (400, -2013));
    assert_eq!(
        bench.sim.control().executed().len(),
        1,
        "the truth forgets nothing"
    );
}

#[tokio::test]
async fn cancel_replace_stops_or_goes_on_as_told() {
    let bench = Bench::start().await;
    bench.resting_order("first").await;
    let replace = |cancel: &str, mode: &str, id: &str| {
        format!(
            "{}&cancelReplaceMode={mode}&cancelOrigClientOrderId={cancel}",
            resting(id)
        )
    };
    let path = "/api/v3/order/cancelReplace";
    let done = bench
        .call("POST", path, &replace("first", "STOP_ON_FAILURE", "second"))
        .await
        .json();
    assert_eq!(
        (
            done["cancelResult"].as_str(),
            done["newOrderResponse"]["clientOrderId"].as_str()
        ),
        (Some("SUCCESS"), Some("second"))
    );
    let stopped = bench
        .call("POST", path, &replace("first", "STOP_ON_FAILURE", "third"))
        .await;
    assert_eq!((stopped.status, stopped.code()), (400, -2022));
    let data = stopped.json()["data"].clone();
    assert_eq!(
        (
            data["cancelResponse"]["code"].as_i64(),
            data["newOrderResult"].as_str()
        ),
        (Some(-2011), Some("NOT_ATTEMPTED"))
    );
    let partly = bench
        .call("POST", path, &replace("first", "ALLOW_FAILURE", "third"))
        .await;
    assert_eq!(
        (
            partly.status,
            partly.code(),
            partly.json()["data"]["newOrderResult"].as_str()
        ),
        (409, -2021, Some("SUCCESS"))
    );
}

#[tokio::test]
async fn amending_reduces_in_place_and_gives_a_new_client_id() {
    let bench = Bench::start().await;
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.005&price=50000&newClientOrderId=big";
    let placed = bench.call("POST", ORDER, order).await.json();
    let path = "/api/v3/order/amend/keepPriority";
    let amended = bench
        .call(
            "PUT",
            path,
            "symbol=BTCUSDT&origClientOrderId=big&newQty=0.002",
        )
        .await
        .json();
    let shown = &amended["amendedOrder"];
    assert_eq!(
        (&shown["orderId"], shown["qty"].as_str()),
        (&placed["orderId"], Some("0.00200000"))
    );
    assert_eq!(shown["origClientOrderId"], "big");
    assert_ne!(shown["clientOrderId"], "big");
    let id = placed["orderId"].as_u64().unwrap();
    let more = bench
        .call(
            "PUT",
            path,
            &format!("symbol=BTCUSDT&orderId={id}&newQty=0.003"),
        )
        .await;
    assert_eq!((more.status, more.code()), (400, -2038));
    let gone = bench
        .call(
            "PUT",
            path,
            "symbol=BTCUSDT&origClientOrderId=big&newQty=0.001",
        )
        .await;
    assert_eq!((gone.status, gone.code()), (400, -2038));
    assert_eq!(
        bench.sim.control().balance("USDT").locked,
        Decimal::from(100)
    );
}

#[tokio::test]
async fn a_range_of_all_orders_may_not_exceed_a_day() {
    let bench = Bench::start().await;
    let query = |hours: i64| {
        format!(
            "symbol=BTCUSDT&startTime={}&endTime={START_MS}",
            START_MS - hours * 3_600_000
        )
    };
    assert_eq!(
        bench
            .call("GET", "/api/v3/allOrders", &query(24))
            .await
            .status,
        200
    );
    assert_eq!(
        bench
            .call("GET", "/api/v3/allOrders", &query(25))
            .await
            .code(),
        -1127
    );
}

#[tokio::test]
async fn absurd_amounts_are_refused_and_not_computed_with() {
    let bench = Bench::start().await;
    let huge = "99999999999999999999";
    let limit = "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC";
    for query in [
        format!("symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty={huge}.99999999"),
        format!("symbol=SHIBUSDT&side=SELL&type=MARKET&quoteOrderQty={huge}.99999999"),
        format!("symbol=BTCUSDT&side=BUY&type=MARKET&quantity={huge}"),
        format!("{limit}&quantity={huge}&price={huge}"),
        format!("{limit}&quantity=1&price={huge}.00000001"),
    ] {
        for path in [ORDER, "/api/v3/order/test"] {
            let refused = bench.call("POST", path, &query).await;
            assert_eq!(refused.status, 400, "{path} {query}");
        }
    }
    assert!(bench.sim.control().executed().is_empty());
}

#[tokio::test]
async fn an_order_may_execute_after_its_window_has_closed_unless_the_venue_looks_twice() {
    for (recheck, orders) in [(false, 1), (true, 0)] {
        let bench = Bench::start().await;
        bench.sim.control().settings(SettingsPatch {
            recheck_window_before_execution: Some(recheck),
            ..SettingsPatch::default()
        });
        let rule = FaultRule::on("POST", ORDER).act(FaultAction::DelayBefore { ms: 100 });
        bench.sim.control().add_fault(rule);
        let late = async {
            while bench.sim.control().requests().is_empty() {
                tokio::task::yield_now().await;
            }
            bench.sim.control().advance_ms(60_000).unwrap();
        };
        let (answer, ()) = tokio::join!(bench.resting_order("late"), late);
        assert_eq!(answer.status, if recheck { 400 } else { 200 });
        assert_eq!(bench.sim.control().executed().len(), orders);
    }
}
