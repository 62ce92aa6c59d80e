//! BitMEX over the wire: who may call, what orders become, what money does, and what faults leave behind.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod support;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use support::bitmex::{ORDER, call, get, head, message, resting, start};
use switchyard_venue_sim::{BitmexLimitsPatch, FaultAction, FaultRule, SettingsPatch};

#[tokio::test]
async fn only_signed_requests_that_have_not_expired_are_heard() {
    let bench = start().await;
    let now_s = bench.sim.control().now_ms() / 1000;
    let send = async |head: String| bench.send("GET", "/api/v1/position", &head, "").await;
    let none = send(String::new()).await;
    assert_eq!(
        (none.status, message(&none).as_str()),
        (401, "Authorization Required")
    );
    let good = head(&bench, "GET", "/api/v1/position", "", now_s + 5);
    let forged = send(good.replace("api-signature: ", "api-signature: 00")).await;
    assert_eq!(
        (forged.status, message(&forged).as_str()),
        (401, "Signature not valid.")
    );
    let unknown = send(good.replace("api-key: ", "api-key: x")).await;
    assert_eq!(
        (unknown.status, message(&unknown).as_str()),
        (401, "Invalid API Key.")
    );
    let expired = send(head(&bench, "GET", "/api/v1/position", "", now_s - 1)).await;
    let text =
        format!("This request has expired - `expires` is in the past. Current time: {now_s}");
    assert_eq!((expired.status, message(&expired)), (400, text));
    assert_eq!(send(good).await.status, 200);
}

#[tokio::test]
async fn a_form_body_is_as_good_as_json() {
    let bench = start().await;
    let expires_s = bench.sim.control().now_ms() / 1000 + 5;
    let body = "symbol=XBTUSD&side=Sell&orderQty=100&price=70000&ordType=Limit";
    let head = head(&bench, "POST", ORDER, body, expires_s);
    let placed = bench.send("POST", ORDER, &head, body).await.json();
    assert_eq!(
        (&placed["ordStatus"], &placed["side"]),
        (&json!("New"), &json!("Sell"))
    );
}

#[tokio::test]
async fn an_order_is_placed_found_amended_and_cancelled_under_one_id() {
    let bench = start().await;
    let placed = call(&bench, "POST", ORDER, &resting("one")).await.json();
    let id = placed["orderID"].as_str().unwrap().to_owned();
    assert_eq!(bench.sim.control().executed()[0].venue_order_id, id);
    let twice = call(&bench, "POST", ORDER, &resting("one")).await;
    assert_eq!(
        (twice.status, message(&twice).as_str()),
        (400, "Duplicate clOrdID")
    );
    let open = "/api/v1/order?filter=%7B%22open%22%3Atrue%2C%22clOrdID%22%3A%22one%22%7D&columns=ordStatus";
    let found = get(&bench, open).await;
    assert_eq!(
        found,
        json!([{ "orderID": id, "symbol": "XBTUSD", "ordStatus": "New" }])
    );
    let amend = json!({ "origClOrdID": "one", "orderQty": 300, "price": 51_000 });
    let amended = call(&bench, "PUT", ORDER, &amend).await.json();
    assert_eq!(
        (&amended["orderID"], &amended["orderQty"], &amended["price"]),
        (&json!(id), &json!(300), &json!(51_000))
    );
    let same = call(&bench, "PUT", ORDER, &amend).await;
    assert_eq!(
        message(&same),
        "Invalid amend: orderQty, leavesQty, price, stopPx unchanged"
    );
    let cancelled = call(&bench, "DELETE", ORDER, &json!({ "orderID": id }))
        .await
        .json();
    assert_eq!(cancelled[0]["ordStatus"], "Canceled");
    let again = call(&bench, "DELETE", ORDER, &json!({ "orderID": id }))
        .await
        .json();
    assert_eq!(
        again[0]["error"],
        "Unable to cancel order due to existing state: Canceled"
    );
    assert_eq!(
        message(&call(&bench, "PUT", ORDER, &amend).await),
        "Invalid ordStatus"
    );
    let unknown = call(&bench, "DELETE", ORDER, &json!({ "clOrdID": "two" })).await;
    assert_eq!(
        (unknown.status, message(&unknown).as_str()),
        (404, "Not Found")
    );
    // The id is free again.
    assert_eq!(
        call(&bench, "POST", ORDER, &resting("one")).await.status,
        200
    );
}

#[tokio::test]
async fn what_other_venues_refuse_is_taken_and_cancelled() {
    let bench = start().await;
    let cases = [
        (
            "ParticipateDoNotInitiate",
            "Buy",
            70_000,
            "Order had execInst of ParticipateDoNotInitiate",
        ),
        (
            "ReduceOnly",
            "Sell",
            70_000,
            "Order had execInst of Close or ReduceOnly but current position is 0",
        ),
    ];
    for (exec_inst, side, price, reason) in cases {
        let order = json!({ "symbol": "XBTUSD", "side": side, "orderQty": 100, "price": price,
                            "execInst": exec_inst });
        let answer = call(&bench, "POST", ORDER, &order).await;
        let placed = answer.json();
        assert_eq!(
            (answer.status, &placed["ordStatus"]),
            (200, &json!("Canceled")),
            "{placed}"
        );
        assert_eq!(
            placed["text"],
            format!("Canceled: {reason}\nSubmitted via API.")
        );
    }
    let all_or_nothing = json!({ "symbol": "XBTUSD", "orderQty": 100, "price": 50_000,
                                 "timeInForce": "FillOrKill" });
    let killed = call(&bench, "POST", ORDER, &all_or_nothing).await.json();
    assert_eq!(
        (&killed["ordStatus"], &killed["cumQty"]),
        (&json!("Canceled"), &json!(0))
    );
    assert_eq!(bench.sim.control().executed().len(), 3);
}

#[tokio::test]
async fn lots_ticks_and_margin_are_judged_in_bitmex_words() {
    let bench = start().await;
    let cases = [
        (
            150,
            "50000",
            "Order quantity must be a multiple of lot size: 100",
        ),
        (100, "50000.05", "Invalid price tickSize"),
        (0, "50000", "Invalid orderQty"),
        (
            100_000_000,
            "50000",
            "Account has insufficient Available Balance, 2000000000 XBt required",
        ),
    ];
    for (quantity, price, text) in cases {
        let order = json!({ "symbol": "XBTUSD", "orderQty": quantity, "price": price });
        let refused = call(&bench, "POST", ORDER, &order).await;
        assert_eq!((refused.status, message(&refused).as_str()), (400, text));
    }
    assert!(bench.sim.control().executed().is_empty());
}

#[tokio::test]
async fn positions_and_margin_are_told_in_minor_units() {
    let bench = start().await;
    for (symbol, quantity) in [("XBTUSD", 1_000), ("ETHUSD", 10), ("XBTUSDT", 1_000)] {
        let order = json!({ "symbol": symbol, "orderQty": quantity, "ordType": "Market" });
        let bought = call(&bench, "POST", ORDER, &order).await.json();
        assert_eq!(bought["ordStatus"], "Filled", "{bought}");
    }
    let listed = get(&bench, "/api/v1/execution/tradeHistory").await;
    let cost = |symbol: &str| -> (i64, i64) {
        let rows = listed
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["symbol"] == symbol);
        rows.map(|row| {
            (
                row["execCost"].as_i64().unwrap(),
                row["execComm"].as_i64().unwrap(),
            )
        })
        .fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1))
    };
    // Coin is given up for an inverse contract; what the others cost is owed.
    assert!(
        cost("XBTUSD").0 < 0 && cost("ETHUSD").0 > 0 && cost("XBTUSDT").0 > 0,
        "{listed}"
    );
    let paid = cost("XBTUSD").1 + cost("ETHUSD").1;
    let margin = get(&bench, "/api/v1/user/margin?currency=all").await;
    assert_eq!(margin[0]["currency"], "XBt");
    assert_eq!(margin[0]["walletBalance"], 1_000_000_000 - paid);
    let positions = get(&bench, "/api/v1/position?filter=%7B%22isOpen%22%3Atrue%7D").await;
    assert_eq!(positions.as_array().unwrap().len(), 3);
    assert_eq!(bench.sim.control().positions().len(), 3);
}

#[tokio::test]
async fn a_spot_order_is_in_minor_units_and_can_be_amended() {
    let bench = start().await;
    let order =
        json!({ "symbol": "XBT_USDT", "orderQty": 100_000, "price": 50_000, "clOrdID": "s" });
    let placed = call(&bench, "POST", ORDER, &order).await.json();
    assert_eq!(placed["orderQty"], 100_000, "{placed}");
    let control = bench.sim.control();
    assert_eq!(control.balance("USDT").locked, Decimal::from(50));
    let amend = json!({ "origClOrdID": "s", "orderQty": 200_000, "price": 40_000 });
    assert_eq!(call(&bench, "PUT", ORDER, &amend).await.status, 200);
    assert_eq!(control.balance("USDT").locked, Decimal::from(80));
    control.set_mid("XBT_USDT", Decimal::from(39_000)).unwrap();
    let filled = get(&bench, "/api/v1/order?symbol=XBT_USDT").await;
    assert_eq!(filled[0]["ordStatus"], "Filled", "{filled}");
    assert_eq!(control.balance("USDT").locked, Decimal::ZERO);
}

#[tokio::test]
async fn what_traded_before_a_cancellation_was_a_partial_fill() {
    let bench = start().await;
    let book = bench
        .get("/api/v1/orderBook/L2?symbol=XBTUSD&depth=1")
        .await
        .json();
    let (size, price) = (book[0]["size"].as_i64().unwrap(), &book[0]["price"]);
    let order =
        json!({ "symbol": "XBTUSD", "orderQty": size + 100, "price": price, "clOrdID": "p" });
    let placed = call(&bench, "POST", ORDER, &order).await.json();
    assert_eq!(
        (&placed["ordStatus"], &placed["leavesQty"], &placed["avgPx"]),
        (&json!("PartiallyFilled"), &json!(100), price)
    );
    call(&bench, "DELETE", ORDER, &json!({ "clOrdID": "p" })).await;
    let events = get(&bench, "/api/v1/execution?symbol=XBTUSD").await;
    let told = |name: &str| -> Vec<Value> {
        events
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event[name].clone())
            .collect()
    };
    assert_eq!(
        told("execType"),
        ["New", "Trade", "Canceled"].map(Value::from)
    );
    assert_eq!(
        told("ordStatus"),
        ["New", "PartiallyFilled", "Canceled"].map(Value::from)
    );
    assert_eq!(told("avgPx")[0], Value::Null);
}

#[tokio::test]
async fn the_limits_are_told_and_kept() {
    let bench = start().await;
    let limits = BitmexLimitsPatch {
        orders_1s: Some(1),
        ..BitmexLimitsPatch::default()
    };
    bench.sim.control().settings(SettingsPatch {
        bitmex_limits: Some(limits),
        ..SettingsPatch::default()
    });
    let first = call(&bench, "POST", ORDER, &resting("a")).await;
    assert_eq!(first.header("x-ratelimit-limit"), Some("120"));
    assert_eq!(first.header("x-ratelimit-remaining"), Some("119"));
    assert_eq!(first.header("x-ratelimit-remaining-1s"), Some("0"));
    let second = call(&bench, "POST", ORDER, &resting("b")).await;
    assert_eq!(
        (second.status, second.header("retry-after")),
        (429, Some("1"))
    );
    let public = bench.get("/api/v1/instrument/active").await;
    assert_eq!(public.header("x-ratelimit-limit"), Some("30"));
    assert_eq!(bench.sim.control().executed().len(), 1);
}

#[tokio::test]
async fn overload_never_reaches_the_engine_and_a_late_order_executes_after_its_expiry() {
    let bench = start().await;
    let control = bench.sim.control();
    let shed = FaultAction::Status {
        status: 503,
        retry_after: None,
        body: None,
    };
    control.add_fault(FaultRule::on("POST", ORDER).times(1).act(shed));
    let refused = call(&bench, "POST", ORDER, &resting("shed")).await;
    let text = "The system is currently overloaded. Please try again later.";
    assert_eq!((refused.status, message(&refused).as_str()), (503, text));
    assert!(control.executed().is_empty());
    control.add_fault(
        FaultRule::on("POST", ORDER)
            .times(1)
            .act(FaultAction::DelayBefore { ms: 50 }),
    );
    let expires_s = control.now_ms() / 1000;
    let body = resting("late").to_string();
    let head = head(&bench, "POST", ORDER, &body, expires_s);
    let headers = format!("{head}Content-Type: application/json\r\n");
    let (late, ()) = tokio::join!(bench.send("POST", ORDER, &headers, &body), async {
        // The venue has the request before its clock passes the expiry.
        while control.requests().len() < 2 {
            tokio::task::yield_now().await;
        }
        control.advance_ms(10_000).unwrap();
    });
    assert_eq!(late.status, 200);
    assert_eq!(control.executed()[0].client_order_id, "late");
}

#[tokio::test]
async fn buckets_are_stamped_at_their_end_and_the_current_one_is_partial() {
    let bench = start().await;
    let now_ms = bench.sim.control().now_ms();
    let base = "/api/v1/trade/bucketed?symbol=XBTUSD&binSize=1h&count=2&reverse=true";
    let whole = bench.get(base).await.json();
    let end = time_ms(&whole[0]["timestamp"]);
    assert!(end <= now_ms && now_ms - end < 3_600_000, "{whole}");
    assert_eq!(whole[0]["open"], whole[1]["close"]);
    let partial = bench.get(&format!("{base}&partial=true")).await.json();
    assert_eq!(time_ms(&partial[0]["timestamp"]), end + 3_600_000);
}

/// Milliseconds of a time within a day of the bench's start, 2027-01-15T08:00:00Z.
fn time_ms(value: &Value) -> i64 {
    let text = value.as_str().unwrap();
    let (date, clock) = text.split_once('T').unwrap();
    let day: i64 = date.rsplit('-').next().unwrap().parse().unwrap();
    let mut parts = clock
        .trim_end_matches(".000Z")
        .split(':')
        .map(|part| part.parse::<i64>().unwrap());
    let (hour, minute) = (parts.next().unwrap(), parts.next().unwrap());
    support::START_MS + ((day - 15) * 24 + hour - 8) * 3_600_000 + minute * 60_000
}

#[tokio::test]
async fn what_bitmex_requires_together_is_asked_for() {
    let bench = start().await;
    let placed = call(&bench, "POST", ORDER, &resting("one")).await.json();
    let rename = json!({ "orderID": placed["orderID"], "clOrdID": "two", "leavesQty": 200 });
    let refused = call(&bench, "PUT", ORDER, &rename).await;
    assert_eq!(
        (refused.status, message(&refused).as_str()),
        (400, "'origClOrdID' is a required arg.")
    );
    let close = json!({ "symbol": "XBTUSD", "execInst": "Close", "price": 70_000 });
    let sideless = call(&bench, "POST", ORDER, &close).await;
    assert_eq!(
        (sideless.status, message(&sideless).as_str()),
        (400, "'side' is a required arg.")
    );
    let renamed = json!({ "origClOrdID": "one", "clOrdID": "two", "leavesQty": 200 });
    let renamed = call(&bench, "PUT", ORDER, &renamed).await.json();
    assert_eq!(
        (&renamed["clOrdID"], &renamed["orderQty"]),
        (&json!("two"), &json!(200))
    );
}
