use switchyard_sdk::Trading;
use switchyard_sdk::trading::{Cancel, CancelOutcome, GetOrder};
use switchyard_sdk::types::{Effect, ErrorKind, OrderRef, OrderState, OrderType, TimeInForce};

use crate::desk::*;

const CANCELED: &str = r#"{"symbol":"LTCBTC","origClientOrderId":"myOrder1","orderId":4,"orderListId":-1,
    "clientOrderId":"cancelMyOrder1","transactTime":1684804350068,"price":"2.00000000",
    "origQty":"1.00000000","executedQty":"0.25000000","origQuoteOrderQty":"0.000000",
    "cummulativeQuoteQty":"0.50000000","status":"CANCELED","timeInForce":"GTC","type":"LIMIT",
    "side":"BUY","selfTradePreventionMode":"NONE"}"#;

#[test]
fn an_order_is_named_by_its_venue_id_or_else_by_its_client_id() {
    let desk = Desk::new();
    let path = |order: OrderRef| {
        line(&sole(VENUE.encode_get_order(
            &desk.cx(),
            &GetOrder { order },
            None,
        )))
    };
    let base = "GET /api/v3/order?symbol=LTCBTC";
    assert_eq!(path(by_id("4")), format!("{base}&orderId=4"));
    assert_eq!(
        path(by_client_id("a-b_c")),
        format!("{base}&origClientOrderId=a-b_c")
    );
    let both = OrderRef {
        venue_id: Some("4".to_owned()),
        client_id: Some("a".to_owned()),
    };
    assert_eq!(path(both), format!("{base}&orderId=4"));
    for order in [
        by_id("x4"),
        by_id(""),
        OrderRef {
            venue_id: None,
            client_id: None,
        },
    ] {
        let error = VENUE
            .encode_get_order(&desk.cx(), &GetOrder { order }, None)
            .expect_err("is refused");
        assert_eq!(
            (error.kind, error.field.as_deref()),
            (ErrorKind::InvalidRequest, Some("order"))
        );
    }
}

#[test]
fn an_order_is_reported_as_it_is() {
    let desk = Desk::new();
    let get = GetOrder { order: by_id("1") };
    let request = sole(VENUE.encode_get_order(&desk.cx(), &get, None));
    assert_eq!(costs(&request), [("spot_weight", 4), ("spot_raw", 1)]);
    assert!(!request.mutates);
    let report = done(VENUE.decode_get_order(&desk.cx(), &get, None, &ok(&order(1, NOW))));
    assert_eq!(
        (report.state, report.order_type),
        (OrderState::New, OrderType::Limit)
    );
    assert_eq!(report.time_in_force, Some(TimeInForce::Gtc));
    assert_eq!(
        (report.quantity.as_deref(), report.price.as_deref()),
        (Some("1.0"), Some("0.1"))
    );
    assert_eq!(
        (report.filled_quantity.as_str(), report.average_price),
        ("0.0", None)
    );
    assert_eq!(
        (report.created_at, report.updated_at),
        (Some(NOW), Some(NOW))
    );
    assert!(!report.reduce_only && report.reason.is_none());
}

#[test]
fn every_documented_status_has_a_state() {
    let desk = Desk::new();
    let get = GetOrder { order: by_id("1") };
    for (status, state, reason) in [
        ("PENDING_NEW", OrderState::PendingNew, None),
        ("NEW", OrderState::New, None),
        ("PARTIALLY_FILLED", OrderState::PartiallyFilled, None),
        ("FILLED", OrderState::Filled, None),
        ("CANCELED", OrderState::Canceled, None),
        ("PENDING_CANCEL", OrderState::PendingCancel, None),
        ("REJECTED", OrderState::Rejected, Some("REJECTED")),
        ("EXPIRED", OrderState::Expired, None),
        (
            "EXPIRED_IN_MATCH",
            OrderState::Expired,
            Some("EXPIRED_IN_MATCH"),
        ),
    ] {
        let body = order(1, NOW).replace("\"NEW\"", &format!("\"{status}\""));
        let report = done(VENUE.decode_get_order(&desk.cx(), &get, None, &ok(&body)));
        assert_eq!(
            (report.state, report.reason.as_deref()),
            (state, reason),
            "{status}"
        );
    }
}

#[test]
fn what_a_historical_order_does_not_know_is_absent() {
    let desk = Desk::new();
    let get = GetOrder { order: by_id("1") };
    let body = order(1, NOW)
        .replace("\"executedQty\":\"0.0\"", "\"executedQty\":\"1.0\"")
        .replace(
            "\"cummulativeQuoteQty\":\"0.0\"",
            "\"cummulativeQuoteQty\":\"-1.0\"",
        );
    let report = done(VENUE.decode_get_order(&desk.cx(), &get, None, &ok(&body)));
    assert_eq!(report.average_price, None);
    let body = order(1, NOW).replace(
        "\"origQuoteOrderQty\":\"0.000000\"",
        "\"origQuoteOrderQty\":\"100\"",
    );
    let report = done(VENUE.decode_get_order(&desk.cx(), &get, None, &ok(&body)));
    assert_eq!(report.quantity, None);
    let body = order(1, NOW).replace("\"LIMIT\"", "\"LIMIT_MAKER\"");
    let report = done(VENUE.decode_get_order(&desk.cx(), &get, None, &ok(&body)));
    assert_eq!(report.time_in_force, Some(TimeInForce::Gtx));
    let body = order(1, NOW).replace("\"LIMIT\"", "\"STOP_LOSS_LIMIT\"");
    let report = done(VENUE.decode_get_order(&desk.cx(), &get, None, &ok(&body)));
    assert_eq!(report.order_type, OrderType::Other);
}

#[test]
fn an_order_that_is_not_there_is_not_found() {
    let desk = Desk::new();
    let get = GetOrder {
        order: by_client_id("a"),
    };
    for body in [
        r#"{"code":-2013,"msg":"Order does not exist."}"#,
        r#"{"code":-2026,"msg":"Order was canceled or expired with no executed qty over 90 days ago and has been archived."}"#,
    ] {
        assert_eq!(
            verdict(VENUE.decode_get_order(&desk.cx(), &get, None, &answer(400, body))),
            (ErrorKind::OrderNotFound, Effect::None)
        );
    }
}

#[test]
fn a_cancel_reports_the_order_under_its_own_client_id() {
    let desk = Desk::new();
    let cancel = Cancel {
        order: by_client_id("myOrder1"),
    };
    let request = sole(VENUE.encode_cancel(&desk.cx(), &cancel, None));
    assert_eq!(
        line(&request),
        "DELETE /api/v3/order?symbol=LTCBTC&origClientOrderId=myOrder1"
    );
    assert_eq!(costs(&request), [("spot_weight", 1), ("spot_raw", 1)]);
    assert!(request.mutates);
    let CancelOutcome::Confirmed(report) =
        done(VENUE.decode_cancel(&desk.cx(), &cancel, None, &ok(CANCELED)))
    else {
        panic!("is confirmed");
    };
    assert_eq!(report.client_id.as_deref(), Some("myOrder1"));
    assert_eq!(
        (report.state, report.filled_quantity.as_str()),
        (OrderState::Canceled, "0.25000000")
    );
    assert_eq!(report.average_price.as_deref(), Some("2"));
    assert_eq!(
        (report.created_at, report.updated_at),
        (None, Some(1_684_804_350_068))
    );
}

#[test]
fn a_cancel_that_is_under_way_is_only_accepted() {
    let desk = Desk::new();
    let cancel = Cancel { order: by_id("4") };
    let body = CANCELED.replace("\"CANCELED\"", "\"PENDING_CANCEL\"");
    assert!(matches!(
        done(VENUE.decode_cancel(&desk.cx(), &cancel, None, &ok(&body))),
        CancelOutcome::Accepted
    ));
    let refused = answer(400, r#"{"code":-2011,"msg":"Unknown order sent."}"#);
    assert_eq!(
        verdict(VENUE.decode_cancel(&desk.cx(), &cancel, None, &refused)),
        (ErrorKind::OrderNotFound, Effect::None)
    );
}

#[test]
fn open_orders_of_everything_cost_more_and_are_named_by_the_catalogue() {
    let desk = Desk::new();
    let request = sole(VENUE.encode_list_open(&desk.cx(), None));
    assert_eq!(line(&request), "GET /api/v3/openOrders?symbol=LTCBTC");
    assert_eq!(costs(&request)[0], ("spot_weight", 6));
    let desk = Desk::everywhere();
    let request = sole(VENUE.encode_list_open(&desk.cx(), None));
    assert_eq!(line(&request), "GET /api/v3/openOrders");
    assert_eq!(costs(&request)[0], ("spot_weight", 80));
    let other = order(2, NOW).replace("LTCBTC", "BTCUSDT");
    let strange = order(3, NOW).replace("LTCBTC", "XYZ");
    let body = format!("[{},{other},{strange}]", order(1, NOW));
    let open = done(VENUE.decode_list_open(&desk.cx(), None, &ok(&body)));
    let symbols: Vec<_> = open.iter().map(|order| order.symbol.as_str()).collect();
    assert_eq!(symbols, ["LTC/BTC", "BTC/USDT", "XYZ"]);
}

#[test]
fn all_orders_of_a_symbol_are_cancelled_at_once_with_those_in_lists() {
    let desk = Desk::new();
    let request = sole(VENUE.encode_cancel_all(&desk.cx(), None));
    assert_eq!(line(&request), "DELETE /api/v3/openOrders?symbol=LTCBTC");
    assert!(request.mutates);
    let list = format!(
        r#"{{"orderListId":1929,"contingencyType":"OCO","listStatusType":"ALL_DONE","listOrderStatus":"ALL_DONE",
        "listClientOrderId":"2inzWQdDvZLHbbAmAozX2N","transactionTime":1585230948299,"symbol":"LTCBTC",
        "orders":[],"orderReports":[{CANCELED},{CANCELED}]}}"#
    );
    let body = format!("[{CANCELED},{list}]");
    let outcome = done(VENUE.decode_cancel_all(&desk.cx(), None, &ok(&body)));
    assert!(outcome.complete);
    assert_eq!(outcome.canceled.len(), 3);
    let none = answer(400, r#"{"code":-2011,"msg":"Unknown order sent."}"#);
    let outcome = done(VENUE.decode_cancel_all(&desk.cx(), None, &none));
    assert!(outcome.complete && outcome.canceled.is_empty());
}

#[test]
fn all_orders_of_the_account_are_cancelled_symbol_by_symbol() {
    let desk = Desk::everywhere();
    let cx = desk.cx();
    let request = sole(VENUE.encode_cancel_all(&cx, None));
    assert_eq!(line(&request), "GET /api/v3/openOrders");
    assert!(!request.mutates);
    let other = order(2, NOW).replace("LTCBTC", "BTCUSDT");
    let body = format!("[{},{other},{}]", order(1, NOW), order(3, NOW));
    let state = more(VENUE.decode_cancel_all(&cx, None, &ok(&body)));
    let request = sole(VENUE.encode_cancel_all(&cx, Some(&state)));
    assert_eq!(line(&request), "DELETE /api/v3/openOrders?symbol=LTCBTC");
    assert!(request.mutates);
    let state = more(VENUE.decode_cancel_all(&cx, Some(&state), &ok(&format!("[{CANCELED}]"))));
    let request = sole(VENUE.encode_cancel_all(&cx, Some(&state)));
    assert_eq!(line(&request), "DELETE /api/v3/openOrders?symbol=BTCUSDT");
    let busy = answer(400, r#"{"code":-1015,"msg":"Too many new orders."}"#);
    let error = VENUE
        .decode_cancel_all(&cx, Some(&state), &busy)
        .expect_err("is refused");
    assert_eq!(
        (error.kind, error.effect),
        (ErrorKind::RateLimited(None), Effect::Unknown)
    );
    let none = answer(400, r#"{"code":-2011,"msg":"Unknown order sent."}"#);
    let outcome = done(VENUE.decode_cancel_all(&cx, Some(&state), &none));
    assert_eq!(outcome.canceled.len(), 1);
    assert_eq!(outcome.canceled[0].client_id.as_deref(), Some("myOrder1"));
    assert!(done(VENUE.decode_cancel_all(&cx, None, &ok("[]"))).complete);
}
