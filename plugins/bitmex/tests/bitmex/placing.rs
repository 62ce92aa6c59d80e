use switchyard_sdk::Trading;
use switchyard_sdk::trading::Place;
use switchyard_sdk::types::{Effect, ErrorKind, OrderState, OrderType, Side, TimeInForce};

use crate::answers::order;
use crate::desk::*;

fn market_order() -> Place {
    Place {
        order_type: OrderType::Market,
        price: None,
        time_in_force: None,
        side: Side::Sell,
        ..limit_order()
    }
}

#[test]
fn a_limit_order_is_a_signed_json_body() {
    let desk = Desk::at(inverse());
    let request = sole(VENUE.encode_place(&desk.cx(), &limit_order(), None));
    assert_eq!(line(&request), "POST /api/v1/order");
    assert_eq!(
        body(&request),
        r#"{"symbol":"XBTUSD","side":"Buy","orderQty":100,"ordType":"Limit","price":98000.50,"timeInForce":"GoodTillCancel","clOrdID":"mm0a1b2c"}"#
    );
    assert_eq!(header(&request, "api-key"), Some(API_KEY));
    assert_eq!(header(&request, "api-expires"), Some("1795219205"));
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert_eq!(header(&request, "api-signature").map(str::len), Some(64));
    assert_eq!(costs(&request), [("rest_minute", 1), ("rest_second", 1)]);
    assert!(request.mutates);
}

#[test]
fn each_time_in_force_has_its_words() {
    let desk = Desk::at(inverse());
    for (time_in_force, expected) in [
        (
            TimeInForce::Ioc,
            r#""timeInForce":"ImmediateOrCancel","clOrdID""#,
        ),
        (TimeInForce::Fok, r#""timeInForce":"FillOrKill","clOrdID""#),
        (
            TimeInForce::Gtx,
            r#""timeInForce":"GoodTillCancel","execInst":"ParticipateDoNotInitiate","clOrdID""#,
        ),
    ] {
        let command = Place {
            time_in_force: Some(time_in_force),
            ..limit_order()
        };
        let request = sole(VENUE.encode_place(&desk.cx(), &command, None));
        assert!(body(&request).contains(expected), "{}", body(&request));
    }
    let both = Place {
        time_in_force: Some(TimeInForce::Gtx),
        reduce_only: true,
        ..limit_order()
    };
    let request = sole(VENUE.encode_place(&desk.cx(), &both, None));
    assert!(body(&request).contains(r#""execInst":"ParticipateDoNotInitiate,ReduceOnly""#));
}

#[test]
fn a_market_order_has_neither_price_nor_time_in_force() {
    let desk = Desk::at(quanto());
    let request = sole(VENUE.encode_place(&desk.cx(), &market_order(), None));
    assert_eq!(
        body(&request),
        r#"{"symbol":"ETHUSD","side":"Sell","orderQty":100,"ordType":"Market","clOrdID":"mm0a1b2c"}"#
    );
}

#[test]
fn base_units_become_contracts_and_nothing_is_rounded() {
    for (instrument, quantity, contracts) in [
        (linear(), "0.001", "1000"),
        (linear(), "1.500000", "1500000"),
        (spot(), "0.0001", "10000"),
        (spot(), "21000000", "2100000000000000"),
        (quanto(), "7", "7"),
    ] {
        let desk = Desk::at(instrument);
        let command = Place {
            quantity: quantity.to_owned(),
            ..limit_order()
        };
        let request = sole(VENUE.encode_place(&desk.cx(), &command, None));
        let expected = format!("\"orderQty\":{contracts},");
        assert!(body(&request).contains(&expected), "{}", body(&request));
    }
    for (instrument, quantity) in [
        (linear(), "0.0000015"),
        (inverse(), "1.5"),
        (spot(), "0.000000001"),
        (inverse(), "0"),
        (inverse(), "-100"),
    ] {
        let desk = Desk::at(instrument);
        let command = Place {
            quantity: quantity.to_owned(),
            ..limit_order()
        };
        let refused = VENUE.encode_place(&desk.cx(), &command, None);
        assert_eq!(blamed(refused).as_deref(), Some("quantity"));
    }
}

#[test]
fn what_makes_no_order_is_refused_before_it_is_sent() {
    let desk = Desk::at(spot());
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
                price: Some("1".to_owned()),
                ..market_order()
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
        (
            Place {
                reduce_only: true,
                ..limit_order()
            },
            "reduce-only",
        ),
        (
            Place {
                price: Some("1e".to_owned()),
                ..limit_order()
            },
            "price",
        ),
    ] {
        let refused = VENUE.encode_place(&desk.cx(), &command, None);
        assert_eq!(blamed(refused).as_deref(), Some(field));
    }
}

#[test]
fn the_answer_is_the_order() {
    let desk = Desk::at(inverse());
    let report = done(VENUE.decode_place(&desk.cx(), &limit_order(), None, &ok(&order(&[]))));
    assert_eq!(report.symbol, "BTC/USD:BTC");
    assert_eq!(report.venue_id, ORDER_ID);
    assert_eq!(report.client_id.as_deref(), Some(CLIENT_ID));
    assert_eq!(report.state, OrderState::New);
    assert_eq!(report.quantity.as_deref(), Some("100"));
    assert_eq!(report.price.as_deref(), Some("98000.5"));
    assert_eq!(report.created_at, Some(1_795_170_600_000));
    assert_eq!(report.updated_at, Some(1_795_170_600_123));
    assert_eq!(report.reason, None);
}

#[test]
fn a_post_only_order_that_would_take_is_reported_cancelled() {
    let desk = Desk::at(inverse());
    let command = Place {
        time_in_force: Some(TimeInForce::Gtx),
        ..limit_order()
    };
    let text = r#""Canceled: Order had execInst of ParticipateDoNotInitiate\nSubmitted via API.""#;
    let canceled = order(&[
        ("ordStatus", "\"Canceled\""),
        ("execInst", "\"ParticipateDoNotInitiate\""),
        ("leavesQty", "0"),
        ("text", text),
    ]);
    let report = done(VENUE.decode_place(&desk.cx(), &command, None, &ok(&canceled)));
    assert_eq!(report.state, OrderState::Canceled);
    assert_eq!(report.time_in_force, Some(TimeInForce::Gtx));
    assert_eq!(report.filled_quantity, "0");
    let reason = report.reason.expect("has a reason");
    assert!(reason.starts_with("Canceled: Order had execInst of ParticipateDoNotInitiate"));
}

#[test]
fn a_fill_or_kill_order_that_fills_nothing_is_reported_cancelled() {
    let desk = Desk::at(linear());
    let canceled = order(&[
        ("symbol", "\"XBTUSDT\""),
        ("ordStatus", "\"Canceled\""),
        ("timeInForce", "\"FillOrKill\""),
        (
            "text",
            r#""Canceled: Order had timeInForce of FillOrKill\nSubmitted via API.""#,
        ),
    ]);
    let report = done(VENUE.decode_place(&desk.cx(), &limit_order(), None, &ok(&canceled)));
    assert_eq!(report.state, OrderState::Canceled);
    assert_eq!(report.time_in_force, Some(TimeInForce::Fok));
    assert_eq!(report.quantity.as_deref(), Some("0.0001"));
}

#[test]
fn a_rejected_order_is_an_error_without_effect() {
    let desk = Desk::at(inverse());
    let rejected = order(&[
        ("ordStatus", "\"Rejected\""),
        (
            "ordRejReason",
            r#""Account has insufficient Available Balance, 683534 XBt required""#,
        ),
    ]);
    let verdict = verdict(VENUE.decode_place(&desk.cx(), &limit_order(), None, &ok(&rejected)));
    assert_eq!(verdict, (ErrorKind::InsufficientFunds, Effect::None));
}

#[test]
fn an_answer_about_another_order_leaves_it_open_what_happened() {
    let desk = Desk::at(inverse());
    let other = order(&[("clOrdID", "\"other\"")]);
    for body in [other.as_str(), "[]", "{}", "null"] {
        let verdict = verdict(VENUE.decode_place(&desk.cx(), &limit_order(), None, &ok(body)));
        assert_eq!(verdict, (ErrorKind::MalformedResponse, Effect::Unknown));
    }
}

#[test]
fn without_an_account_nothing_is_signed() {
    let mut desk = Desk::at(inverse());
    desk.context.account = None;
    let error = VENUE
        .encode_place(&desk.cx(), &limit_order(), None)
        .expect_err("is refused");
    assert_eq!(error.kind, ErrorKind::AuthFailed);
}
