use switchyard_sdk::Trading;
use switchyard_sdk::testing;
use switchyard_sdk::trading::{Cancel, CancelOutcome, GetOrder, ListFills, ListHistory};
use switchyard_sdk::types::{ErrorKind, OrderState, OrderType};

use crate::desk::*;

#[test]
fn open_conditional_orders_are_listed_beside_the_others_under_ids_of_their_own() {
    let desk = Desk::on("usdm");
    let requests = VENUE.encode_list_open(&desk.cx(), None).expect("encodes");
    let lines: Vec<_> = requests.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "GET /fapi/v1/openOrders?symbol=BTCUSDT",
            "GET /fapi/v1/openAlgoOrders?symbol=BTCUSDT"
        ]
    );
    let answers = [
        testing::response(200, format!("[{}]", order("BTCUSDT", 123, NOW))),
        testing::response(200, format!("[{}]", algo(123, "NEW", NOW))),
    ];
    let open = done(VENUE.decode_list_open(&desk.cx(), None, &answers));
    let ids: Vec<_> = open.iter().map(|order| order.venue_id.as_str()).collect();
    assert_eq!(ids, ["123", "algo-123"]);
    assert_eq!(
        (open[1].order_type, open[1].reduce_only, open[1].state),
        (OrderType::Other, true, OrderState::New)
    );
    assert_eq!(open[1].quantity.as_deref(), Some("0.01"));
    // One of two answers is not the whole.
    assert!(
        VENUE
            .decode_list_open(&desk.cx(), None, &answers[..1])
            .is_err()
    );
}

#[test]
fn a_conditional_order_is_found_and_cancelled_where_it_lives() {
    let desk = Desk::on("usdm");
    let get = GetOrder {
        order: by_id("algo-2146760"),
    };
    let request = sole(VENUE.encode_get_order(&desk.cx(), &get, None));
    assert_eq!(line(&request), "GET /fapi/v1/algoOrder?algoId=2146760");
    for (body, state, filled) in [
        (algo(2_146_760, "NEW", NOW), OrderState::New, "0"),
        (algo(2_146_760, "CANCELED", NOW), OrderState::Canceled, "0"),
        (algo(2_146_760, "EXPIRED", NOW), OrderState::Expired, "0"),
        (algo(2_146_760, "REJECTED", NOW), OrderState::Rejected, "0"),
        (algo(2_146_760, "TRIGGERED", NOW), OrderState::New, "0"),
        (
            algo(2_146_760, "FINISHED", NOW)
                .replace("\"triggerTime\"", "\"actualQty\":\"0.01\",\"triggerTime\""),
            OrderState::Filled,
            "0.01",
        ),
        (
            algo(2_146_760, "FINISHED", NOW)
                .replace("\"triggerTime\"", "\"actualQty\":\"0.004\",\"triggerTime\""),
            OrderState::Canceled,
            "0.004",
        ),
    ] {
        let report = done(VENUE.decode_get_order(&desk.cx(), &get, None, &ok(&body)));
        assert_eq!(
            (report.state, report.filled_quantity.as_str()),
            (state, filled)
        );
        assert_eq!(report.venue_id, "algo-2146760");
    }
    let cancel = Cancel { order: get.order };
    let request = sole(VENUE.encode_cancel(&desk.cx(), &cancel, None));
    assert_eq!(line(&request), "DELETE /fapi/v1/algoOrder?algoId=2146760");
    let body = r#"{"algoId":2146760,"clientAlgoId":"6B2I9XVcJpCjqPAJ4YoFX7","code":"200","msg":"success"}"#;
    assert!(matches!(
        done(VENUE.decode_cancel(&desk.cx(), &cancel, None, &ok(body))),
        CancelOutcome::Accepted
    ));
    let gone = answer(400, r#"{"code":-2011,"msg":"Unknown order sent."}"#);
    assert_eq!(
        verdict(VENUE.decode_cancel(&desk.cx(), &cancel, None, &gone)).0,
        ErrorKind::OrderNotFound
    );
}

#[test]
fn an_api_that_does_not_serve_them_apart_has_none_and_still_lists_the_others() {
    for (endpoint, symbol) in [("usdm", "BTCUSDT"), ("coinm", "BTCUSD_PERP")] {
        let desk = Desk::on(endpoint);
        let cx = desk.cx();
        let missing = testing::response(404, "<html>Not found</html>");
        let orders = testing::response(200, format!("[{}]", order(symbol, 1, NOW - 5)));
        let open = done(VENUE.decode_list_open(&cx, None, &[orders.clone(), missing.clone()]));
        assert_eq!(open.len(), 1);
        let command = ListHistory {
            since: NOW - 1_000,
            before: NOW,
            limit: 10,
        };
        let state = more(VENUE.decode_list_history(&cx, &command, None, &[orders]));
        let answers = [missing.clone()];
        let past = done(VENUE.decode_list_history(&cx, &command, Some(&state), &answers));
        assert_eq!((past.orders.len(), past.read_until), (1, None));
        let cleared = ok(r#"{"code":200,"msg":"done"}"#);
        let state = more(VENUE.decode_cancel_all(&cx, None, &cleared));
        assert!(!done(VENUE.decode_cancel_all(&cx, Some(&state), &[missing])).complete);
    }
}

#[test]
fn no_id_is_made_up() {
    for (endpoint, id) in [
        ("usdm", "algo-"),
        ("usdm", "algo-x"),
        ("usdm", "5&x=1"),
        ("usdm", ""),
    ] {
        let desk = Desk::on(endpoint);
        let get = GetOrder { order: by_id(id) };
        let error = VENUE
            .encode_get_order(&desk.cx(), &get, None)
            .expect_err("is refused");
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
    }
}

#[test]
fn the_fills_of_a_conditional_order_are_those_of_what_it_became() {
    let desk = Desk::on("usdm");
    let cx = desk.cx();
    let command = ListFills {
        order: Some(by_id("algo-9")),
        since: NOW - 1_000,
        before: NOW,
        limit: 10,
    };
    let request = sole(VENUE.encode_list_fills(&cx, &command, None));
    assert_eq!(line(&request), "GET /fapi/v1/algoOrder?algoId=9");
    let waiting = done(VENUE.decode_list_fills(&cx, &command, None, &ok(&algo(9, "NEW", NOW))));
    assert!(waiting.fills.is_empty() && waiting.read_until.is_none());
    let body =
        algo(9, "TRIGGERED", NOW).replace("\"actualOrderId\":\"\"", "\"actualOrderId\":\"77\"");
    let state = more(VENUE.decode_list_fills(&cx, &command, None, &ok(&body)));
    let request = sole(VENUE.encode_list_fills(&cx, &command, Some(&state)));
    assert!(line(&request).starts_with("GET /fapi/v1/userTrades?symbol=BTCUSDT&orderId=77&"));
}
