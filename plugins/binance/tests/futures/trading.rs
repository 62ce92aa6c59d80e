use switchyard_sdk::Trading;
use switchyard_sdk::testing;
use switchyard_sdk::trading::{Amend, AmendOutcome, Cancel, CancelOutcome, GetOrder, Place};
use switchyard_sdk::types::{
    Effect, ErrorKind, HttpResponse, OrderReport, OrderState, OrderType, Side, TimeInForce,
};

use crate::desk::*;

#[test]
fn a_limit_order_has_its_price_and_counts_as_an_order_that_weighs_nothing() {
    for (endpoint, root) in BOTH {
        let desk = Desk::on(endpoint);
        let request = sole(VENUE.encode_place(&desk.cx(), &limit_order(), None));
        assert_eq!(
            line(&request),
            format!(
                "POST {root}/v1/order?symbol={}&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC\
                 &newClientOrderId=abc&newOrderRespType=RESULT",
                desk.symbol()
            )
        );
        assert!(request.mutates);
        let expected: &[(&str, u32)] = match endpoint {
            "usdm" => &[("usdm_orders_10s", 1), ("usdm_orders_1m", 1)],
            _ => &[("coinm_orders_1m", 1)],
        };
        assert_eq!(costs(&request), expected);
    }
}

#[test]
fn every_time_in_force_market_orders_and_reduction_are_said() {
    let desk = Desk::on("usdm");
    for (time_in_force, name) in [
        (TimeInForce::Gtc, "GTC"),
        (TimeInForce::Ioc, "IOC"),
        (TimeInForce::Fok, "FOK"),
        (TimeInForce::Gtx, "GTX"),
    ] {
        let command = Place {
            time_in_force: Some(time_in_force),
            ..limit_order()
        };
        let request = sole(VENUE.encode_place(&desk.cx(), &command, None));
        assert!(request.path.contains(&format!("&timeInForce={name}&")));
    }
    let command = Place {
        order_type: OrderType::Market,
        side: Side::Sell,
        price: None,
        time_in_force: None,
        reduce_only: true,
        ..limit_order()
    };
    let request = sole(VENUE.encode_place(&desk.cx(), &command, None));
    assert!(
        request
            .path
            .contains("side=SELL&type=MARKET&quantity=1&reduceOnly=true&")
    );
}

#[test]
fn an_order_that_contradicts_itself_is_refused_unsent() {
    let desk = Desk::on("coinm");
    for (command, field) in [
        (
            Place {
                price: None,
                ..limit_order()
            },
            "price",
        ),
        (
            Place {
                time_in_force: None,
                ..limit_order()
            },
            "time-in-force",
        ),
        (
            Place {
                order_type: OrderType::Market,
                ..limit_order()
            },
            "price",
        ),
        (
            Place {
                order_type: OrderType::Other,
                ..limit_order()
            },
            "order-type",
        ),
    ] {
        let error = VENUE
            .encode_place(&desk.cx(), &command, None)
            .expect_err("is refused");
        assert_eq!(error.field.as_deref(), Some(field));
    }
}

#[test]
fn a_placed_order_was_made_when_its_answer_says_it_was_updated() {
    for (endpoint, _) in BOTH {
        let desk = Desk::on(endpoint);
        let body = order(desk.symbol(), 22_542_179, NOW).replace(&format!("\"time\":{NOW},"), "");
        let report = done(VENUE.decode_place(&desk.cx(), &limit_order(), None, &ok(&body)));
        assert_eq!(
            (report.venue_id.as_str(), report.state, report.created_at),
            ("22542179", OrderState::New, Some(NOW))
        );
        let symbol = desk.context.instrument.as_ref().map(|known| &known.symbol);
        assert_eq!(Some(&report.symbol), symbol);
        let other = body.replace("\"abc\"", "\"other\"");
        assert_eq!(
            verdict(VENUE.decode_place(&desk.cx(), &limit_order(), None, &ok(&other))),
            (ErrorKind::MalformedResponse, Effect::Unknown)
        );
    }
}

#[test]
fn fills_have_the_venues_average_and_an_order_that_closes_a_position_no_quantity() {
    let desk = Desk::on("usdm");
    let get = GetOrder { order: by_id("1") };
    let body = order("BTCUSDT", 1, NOW)
        .replace("\"avgPrice\":\"0.00000\"", "\"avgPrice\":\"9000.10\"")
        .replace("\"executedQty\":\"0\"", "\"executedQty\":\"4\"")
        .replace("\"NEW\"", "\"PARTIALLY_FILLED\"");
    let report = done(VENUE.decode_get_order(&desk.cx(), &get, None, &ok(&body)));
    assert_eq!(
        (
            report.filled_quantity.as_str(),
            report.average_price.as_deref()
        ),
        ("4", Some("9000.10"))
    );
    let body = body
        .replace("\"closePosition\":false", "\"closePosition\":true")
        .replace("\"type\":\"LIMIT\"", "\"type\":\"STOP_MARKET\"");
    let report = done(VENUE.decode_get_order(&desk.cx(), &get, None, &ok(&body)));
    assert_eq!(
        (report.quantity, report.order_type),
        (None, OrderType::Other)
    );
}

fn amended(endpoint: &str, body: &str) -> OrderReport {
    let desk = Desk::on(endpoint);
    match done(VENUE.decode_amend(&desk.cx(), &amend(), None, &ok(body))) {
        AmendOutcome::Amended(report) => report,
        AmendOutcome::NotReplaced(failed) => panic!("nothing is replaced: {failed:?}"),
    }
}

#[test]
fn an_amendment_says_side_quantity_and_price_whichever_changes() {
    for (endpoint, root) in BOTH {
        let desk = Desk::on(endpoint);
        let base = format!(
            "PUT {root}/v1/order?symbol={}&orderId=1917641&side=BUY",
            desk.symbol()
        );
        for (command, rest) in [
            (
                Amend {
                    price: Some("9100".to_owned()),
                    ..amend()
                },
                "&quantity=10&price=9100",
            ),
            (
                Amend {
                    quantity: Some("12".to_owned()),
                    ..amend()
                },
                "&quantity=12&price=9000",
            ),
        ] {
            let request = sole(VENUE.encode_amend(&desk.cx(), &command, None));
            assert_eq!(line(&request), format!("{base}{rest}"));
            let expected: &[(&str, u32)] = match endpoint {
                "usdm" => &[("usdm_orders_10s", 1), ("usdm_orders_1m", 1)],
                _ => &[("coinm_weight", 1)],
            };
            assert_eq!(costs(&request), expected);
        }
    }
    let reducing = Amend {
        reduce_only: true,
        price: Some("9100".to_owned()),
        ..amend()
    };
    let request = sole(VENUE.encode_amend(&Desk::on("usdm").cx(), &reducing, None));
    assert!(request.path.contains("&reduceOnly=true&"));
    let request = sole(VENUE.encode_amend(&Desk::on("coinm").cx(), &reducing, None));
    assert!(!request.path.contains("reduceOnly"));
}

#[test]
fn an_amended_order_keeps_its_id_and_may_have_been_cancelled_by_the_amendment() {
    let body = order("BTCUSDT", 1_917_641, NOW).replace("\"origQty\":\"10\"", "\"origQty\":\"12\"");
    let report = amended("usdm", &body);
    assert_eq!(
        (report.venue_id.as_str(), report.quantity.as_deref()),
        ("1917641", Some("12"))
    );
    // "When the order is GTX and the new price will cause it to be executed immediately."
    let report = amended("usdm", &body.replace("\"NEW\"", "\"CANCELED\""));
    assert_eq!(report.state, OrderState::Canceled);
    assert!(
        report
            .reason
            .is_some_and(|reason| reason.contains("Binance cancels"))
    );
}

#[test]
fn an_amendment_that_would_change_nothing_or_cancel_the_order_is_not_sent() {
    for (endpoint, _) in BOTH {
        let desk = Desk::on(endpoint);
        for command in [
            amend(),
            Amend {
                quantity: Some("10.0".to_owned()),
                price: Some("9000.00".to_owned()),
                ..amend()
            },
            // "When the order is in partially filled status and the new quantity <= executedQty."
            Amend {
                filled_quantity: "4".to_owned(),
                quantity: Some("4".to_owned()),
                ..amend()
            },
            Amend {
                current_price: None,
                quantity: Some("4".to_owned()),
                ..amend()
            },
        ] {
            let error = VENUE
                .encode_amend(&desk.cx(), &command, None)
                .expect_err("is refused");
            assert_eq!(error.kind, ErrorKind::InvalidRequest);
        }
    }
}

#[test]
fn orders_are_found_and_cancelled_by_either_id() {
    for (endpoint, root) in BOTH {
        let desk = Desk::on(endpoint);
        let symbol = desk.symbol();
        for (order, rest) in [
            (by_id("5"), "orderId=5"),
            (by_client_id("abc"), "origClientOrderId=abc"),
        ] {
            let get = GetOrder {
                order: order.clone(),
            };
            let request = sole(VENUE.encode_get_order(&desk.cx(), &get, None));
            assert_eq!(
                line(&request),
                format!("GET {root}/v1/order?symbol={symbol}&{rest}")
            );
            assert_eq!(request.costs[0].amount, 1);
            let request = sole(VENUE.encode_cancel(&desk.cx(), &Cancel { order }, None));
            assert_eq!(
                line(&request),
                format!("DELETE {root}/v1/order?symbol={symbol}&{rest}")
            );
        }
        let cancel = Cancel { order: by_id("5") };
        let body = order(symbol, 5, NOW).replace("\"NEW\"", "\"CANCELED\"");
        let CancelOutcome::Confirmed(report) =
            done(VENUE.decode_cancel(&desk.cx(), &cancel, None, &ok(&body)))
        else {
            panic!("is confirmed");
        };
        assert_eq!(report.state, OrderState::Canceled);
        let gone = answer(400, r#"{"code":-2011,"msg":"Unknown order sent."}"#);
        assert_eq!(
            verdict(VENUE.decode_cancel(&desk.cx(), &cancel, None, &gone)),
            (ErrorKind::OrderNotFound, Effect::None)
        );
        let get = GetOrder { order: by_id("5") };
        let gone = answer(400, r#"{"code":-2013,"msg":"Order does not exist."}"#);
        assert_eq!(
            verdict(VENUE.decode_get_order(&desk.cx(), &get, None, &gone)),
            (ErrorKind::OrderNotFound, Effect::None)
        );
    }
}

#[test]
fn every_open_order_costs_more_without_a_symbol() {
    for (endpoint, _) in BOTH {
        for (desk, weight) in [(Desk::on(endpoint), 1), (Desk::everywhere(endpoint), 40)] {
            let requests = VENUE.encode_list_open(&desk.cx(), None).expect("encodes");
            assert!(
                requests
                    .iter()
                    .all(|request| request.costs[0].amount == weight)
            );
        }
    }
    let desk = Desk::everywhere("coinm");
    let open = done(VENUE.decode_list_open(
        &desk.cx(),
        None,
        &open_answers(&order("BTCUSD_PERP", 7, NOW)),
    ));
    assert_eq!(open[0].symbol, "BTC/USD:BTC");
}

const DONE: &str = r#"{"code":200,"msg":"The operation of cancel all open order is done."}"#;

/// What the two lists of open orders answer where there are no conditional ones.
fn open_answers(orders: &str) -> [HttpResponse; 2] {
    [
        testing::response(200, format!("[{orders}]")),
        testing::response(200, "[]"),
    ]
}

#[test]
fn cancelling_all_of_coinm_goes_symbol_by_symbol_and_claims_nothing() {
    let desk = Desk::everywhere("coinm");
    let cx = desk.cx();
    let requests = VENUE.encode_cancel_all(&cx, None).expect("encodes");
    let lists: Vec<String> = requests.iter().map(line).collect();
    assert_eq!(
        lists,
        ["GET /dapi/v1/openOrders", "GET /dapi/v1/openAlgoOrders"]
    );
    let open = format!(
        "{},{},{}",
        order("BTCUSD_PERP", 1, NOW),
        order("ETHUSD_PERP", 2, NOW),
        order("BTCUSD_PERP", 3, NOW)
    );
    let state = more(VENUE.decode_cancel_all(&cx, None, &open_answers(&open)));
    let request = sole(VENUE.encode_cancel_all(&cx, Some(&state)));
    assert_eq!(
        line(&request),
        "DELETE /dapi/v1/allOpenOrders?symbol=ETHUSD_PERP"
    );
    let state = more(VENUE.decode_cancel_all(&cx, Some(&state), &ok(DONE)));
    let forbidden = answer(
        401,
        r#"{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}"#,
    );
    assert_eq!(
        verdict(VENUE.decode_cancel_all(&cx, Some(&state), &forbidden)),
        (ErrorKind::AuthFailed, Effect::Unknown)
    );
    // A symbol that refuses leaves the others to be cancelled.
    let refused = answer(400, r#"{"code":-1121,"msg":"Invalid symbol."}"#);
    let outcome = done(VENUE.decode_cancel_all(&cx, Some(&state), &refused));
    assert!(!outcome.complete);
    let outcome = done(VENUE.decode_cancel_all(&cx, Some(&state), &ok(DONE)));
    assert!(!outcome.complete && outcome.canceled.is_empty());
    let outcome = done(VENUE.decode_cancel_all(&cx, None, &open_answers("")));
    assert!(outcome.complete);
    let strange = ok(r#"{"code":300,"msg":"what"}"#);
    assert_eq!(
        verdict(VENUE.decode_cancel_all(&cx, Some(&state), &strange)),
        (ErrorKind::MalformedResponse, Effect::Unknown)
    );
}

#[test]
fn cancelling_all_of_a_usdm_symbol_takes_the_conditional_orders_last() {
    let desk = Desk::on("usdm");
    let cx = desk.cx();
    let request = sole(VENUE.encode_cancel_all(&cx, None));
    assert_eq!(
        line(&request),
        "DELETE /fapi/v1/allOpenOrders?symbol=BTCUSDT"
    );
    let state = more(VENUE.decode_cancel_all(&cx, None, &ok(DONE)));
    let request = sole(VENUE.encode_cancel_all(&cx, Some(&state)));
    assert_eq!(
        line(&request),
        "DELETE /fapi/v1/algoOpenOrders?symbol=BTCUSDT"
    );
    assert!(request.mutates);
    let outcome = done(VENUE.decode_cancel_all(&cx, Some(&state), &ok(DONE)));
    assert!(!outcome.complete);
    // Of everything: ordinary orders of one symbol, conditional ones of another.
    let desk = Desk::everywhere("usdm");
    let cx = desk.cx();
    let open = [
        testing::response(200, format!("[{}]", order("ETHUSDT", 1, NOW))),
        testing::response(200, format!("[{}]", algo(9, "NEW", NOW))),
    ];
    let state = more(VENUE.decode_cancel_all(&cx, None, &open));
    let request = sole(VENUE.encode_cancel_all(&cx, Some(&state)));
    assert_eq!(
        line(&request),
        "DELETE /fapi/v1/allOpenOrders?symbol=ETHUSDT"
    );
    let state = more(VENUE.decode_cancel_all(&cx, Some(&state), &ok(DONE)));
    let request = sole(VENUE.encode_cancel_all(&cx, Some(&state)));
    assert_eq!(
        line(&request),
        "DELETE /fapi/v1/algoOpenOrders?symbol=BTCUSDT"
    );
}
