use switchyard_sdk::Trading;
use switchyard_sdk::trading::{Amend, AmendOutcome, FailedReplacement};
use switchyard_sdk::types::{
    Effect, Error, ErrorKind, OrderRef, OrderReport, OrderState, TimeInForce,
};

use crate::desk::*;

/// Less of the same order.
fn reduction() -> Amend {
    Amend {
        quantity: Some("5.00".to_owned()),
        ..amend()
    }
}

/// The same quantity at another price.
fn repricing() -> Amend {
    Amend {
        price: Some("2.50".to_owned()),
        ..amend()
    }
}

fn amended(outcome: AmendOutcome) -> OrderReport {
    match outcome {
        AmendOutcome::Amended(report) => report,
        AmendOutcome::NotReplaced(failed) => panic!("not replaced: {failed:?}"),
    }
}

/// What a repricing comes to that is answered so.
fn repriced(status: u16, body: &str) -> Result<AmendOutcome, Error> {
    let desk = Desk::new();
    VENUE
        .decode_amend(&desk.cx(), &repricing(), None, &answer(status, body))
        .map(|step| step.done().expect("is the last step"))
}

fn not_replaced(status: u16, body: &str) -> FailedReplacement {
    match repriced(status, body).expect("is an outcome") {
        AmendOutcome::NotReplaced(failed) => failed,
        AmendOutcome::Amended(report) => panic!("amended: {report:?}"),
    }
}

/// A partial failure (-2021): the cancel succeeded, and this is what came of the new order.
fn partial(new: &str) -> String {
    format!(
        r#"{{"code":-2021,"msg":"Order cancel-replace partially failed.","data":{{"cancelResult":"SUCCESS",
        "newOrderResult":"FAILURE",{PARTS},"newOrderResponse":{new}}}}}"#
    )
}

const PARTS: &str = r#""cancelResponse":{"symbol":"LTCBTC","origClientOrderId":"mine","orderId":33,"orderListId":-1,
    "clientOrderId":"x","transactTime":1684804350068,"price":"2.00","origQty":"10.00","executedQty":"0.00",
    "origQuoteOrderQty":"0.00","cummulativeQuoteQty":"0.00","status":"CANCELED","timeInForce":"GTC",
    "type":"LIMIT","side":"SELL","selfTradePreventionMode":"NONE"}"#;

#[test]
fn a_reduction_keeps_its_place_and_its_name() {
    let desk = Desk::new();
    let request = sole(VENUE.encode_amend(&desk.cx(), &reduction(), None));
    assert_eq!(
        line(&request),
        "PUT /api/v3/order/amend/keepPriority?symbol=LTCBTC&orderId=33&newClientOrderId=mine&newQty=5.00"
    );
    assert_eq!(costs(&request), [("spot_weight", 4), ("spot_raw", 1)]);
    assert!(request.mutates);
    let responses = ok(
        r#"{"transactTime":1741926410255,"executionId":75,"amendedOrder":{"symbol":"LTCBTC",
        "orderId":33,"orderListId":-1,"origClientOrderId":"mine","clientOrderId":"mine","price":"6.00000000",
        "qty":"5.00000000","executedQty":"0.00000000","preventedQty":"0.00000000","quoteOrderQty":"0.00000000",
        "cumulativeQuoteQty":"0.00000000","status":"NEW","timeInForce":"GTC","type":"LIMIT","side":"SELL",
        "workingTime":1741926410242,"selfTradePreventionMode":"NONE"}}"#,
    );
    let report = amended(done(VENUE.decode_amend(
        &desk.cx(),
        &reduction(),
        None,
        &responses,
    )));
    assert_eq!(
        (report.venue_id.as_str(), report.client_id.as_deref()),
        ("33", Some("mine"))
    );
    assert_eq!(
        (report.quantity.as_deref(), report.state),
        (Some("5.00000000"), OrderState::New)
    );
    assert_eq!(report.updated_at, Some(1_741_926_410_255));
}

#[test]
fn a_partly_filled_order_can_be_reduced_and_nothing_else() {
    let desk = Desk::new();
    let filled = |amend: Amend| Amend {
        filled_quantity: "1.00".to_owned(),
        ..amend
    };
    assert!(
        line(&sole(VENUE.encode_amend(
            &desk.cx(),
            &filled(reduction()),
            None
        )))
        .contains("keepPriority")
    );
    for command in [
        filled(repricing()),
        filled(Amend {
            quantity: Some("11".to_owned()),
            ..amend()
        }),
    ] {
        let error = VENUE
            .encode_amend(&desk.cx(), &command, None)
            .expect_err("is refused");
        assert_eq!(
            (error.kind, error.effect),
            (ErrorKind::NotAmendable, Effect::None)
        );
    }
}

#[test]
fn another_price_replaces_the_order_if_it_is_still_untouched() {
    let desk = Desk::new();
    let request = sole(VENUE.encode_amend(&desk.cx(), &repricing(), None));
    assert_eq!(
        line(&request),
        "POST /api/v3/order/cancelReplace?symbol=LTCBTC&side=SELL&type=LIMIT&cancelReplaceMode=STOP_ON_FAILURE\
         &cancelRestrictions=ONLY_NEW&timeInForce=GTC&quantity=10.00&price=2.50&cancelOrderId=33\
         &newClientOrderId=mine2&newOrderRespType=RESULT"
    );
    assert_eq!(
        costs(&request)[2..],
        [("spot_orders_10s", 1), ("spot_orders_1d", 1)]
    );
    let body = format!(
        r#"{{"cancelResult":"SUCCESS","newOrderResult":"SUCCESS",{PARTS},"newOrderResponse":{}}}"#,
        order(34, NOW).replace("\"c34\"", "\"mine2\"")
    );
    let report = amended(done(VENUE.decode_amend(
        &desk.cx(),
        &repricing(),
        None,
        &ok(&body),
    )));
    assert_eq!(
        (report.venue_id.as_str(), report.client_id.as_deref()),
        ("34", Some("mine2"))
    );
}

#[test]
fn a_maker_stays_a_maker_and_a_symbol_without_amendments_is_replaced() {
    let mut desk = Desk::new();
    let maker = Amend {
        time_in_force: Some(TimeInForce::Gtx),
        ..repricing()
    };
    assert!(
        sole(VENUE.encode_amend(&desk.cx(), &maker, None))
            .path
            .contains("type=LIMIT_MAKER&cancelReplaceMode")
    );
    let rules = &mut desk.context.instrument.as_mut().expect("is there").hints;
    rules.push(("amendAllowed".to_owned(), "false".to_owned()));
    let order = OrderRef {
        venue_id: None,
        client_id: Some("mine".to_owned()),
    };
    let request = sole(VENUE.encode_amend(
        &desk.cx(),
        &Amend {
            order,
            ..reduction()
        },
        None,
    ));
    assert!(
        request
            .path
            .contains("quantity=5.00&price=2.00&cancelOrigClientOrderId=mine&")
    );
}

#[test]
fn a_symbol_that_allows_no_replacement_is_not_asked_for_one() {
    let mut desk = Desk::new();
    let rules = &mut desk.context.instrument.as_mut().expect("is there").hints;
    rules.push(("cancelReplaceAllowed".to_owned(), "false".to_owned()));
    let error = VENUE
        .encode_amend(&desk.cx(), &repricing(), None)
        .expect_err("is refused");
    assert_eq!(
        (error.kind, error.effect),
        (ErrorKind::NotAmendable, Effect::None)
    );
    assert!(VENUE.encode_amend(&desk.cx(), &reduction(), None).is_ok());
}

#[test]
fn a_change_of_nothing_is_refused() {
    let desk = Desk::new();
    for command in [
        amend(),
        Amend {
            quantity: Some("10".to_owned()),
            price: Some("2".to_owned()),
            ..amend()
        },
    ] {
        let error = VENUE
            .encode_amend(&desk.cx(), &command, None)
            .expect_err("is refused");
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
    }
}

#[test]
fn a_cancel_that_fails_leaves_the_order_as_it_was() {
    let desk = Desk::new();
    for (text, kind) in [
        ("Unknown order sent.", ErrorKind::OrderNotFound),
        (
            "Order was not canceled due to cancel restrictions.",
            ErrorKind::NotAmendable,
        ),
    ] {
        let body = format!(
            r#"{{"code":-2022,"msg":"Order cancel-replace failed.","data":{{"cancelResult":"FAILURE",
            "newOrderResult":"NOT_ATTEMPTED","cancelResponse":{{"code":-2011,"msg":"{text}"}},
            "newOrderResponse":null}}}}"#
        );
        let error = VENUE
            .decode_amend(&desk.cx(), &repricing(), None, &answer(400, &body))
            .expect_err("is refused");
        assert_eq!((error.kind, error.effect), (kind, Effect::None));
        assert_eq!(error.message, text);
    }
}

#[test]
fn a_replacement_that_fails_comes_with_the_cancelled_order_and_the_reason() {
    let body = partial(r#"{"code":-2010,"msg":"Order would immediately match and take."}"#);
    let failed = not_replaced(409, &body);
    assert_eq!(
        (
            failed.canceled.venue_id.as_str(),
            failed.canceled.client_id.as_deref(),
            failed.canceled.state
        ),
        ("33", Some("mine"), OrderState::Canceled)
    );
    assert_eq!(
        (failed.error.kind, failed.error.effect),
        (ErrorKind::InvalidRequest, Effect::None)
    );
    assert_eq!(failed.error.venue_code.as_deref(), Some("-2010"));
    assert_eq!(failed.error.field.as_deref(), Some("price"));
}

#[test]
fn what_the_old_order_had_filled_when_it_was_cancelled_is_reported() {
    let body = partial(r#"{"code":-2010,"msg":"Order would immediately match and take."}"#)
        .replace("\"executedQty\":\"0.00\"", "\"executedQty\":\"4.00\"")
        .replace(
            "\"cummulativeQuoteQty\":\"0.00\"",
            "\"cummulativeQuoteQty\":\"8.00\"",
        );
    let canceled = not_replaced(409, &body).canceled;
    assert_eq!(
        (
            canceled.filled_quantity.as_str(),
            canceled.average_price.as_deref()
        ),
        ("4.00", Some("2"))
    );
}

#[test]
fn a_replacement_whose_fate_the_venue_does_not_know_may_have_been_placed() {
    for (status, new, kind) in [
        (
            409,
            r#"{"code":-1007,"msg":"Timeout waiting for response from backend server."}"#,
            ErrorKind::OutcomeUnknown,
        ),
        (
            409,
            r#"{"code":-1006,"msg":"An unexpected response was received from the message bus."}"#,
            ErrorKind::OutcomeUnknown,
        ),
        (409, r#"{"what":1}"#, ErrorKind::MalformedResponse),
        (409, "null", ErrorKind::MalformedResponse),
        (
            503,
            r#"{"code":-2010,"msg":"Market is closed."}"#,
            ErrorKind::InvalidRequest,
        ),
    ] {
        let error = not_replaced(status, &partial(new)).error;
        assert_eq!((error.kind, error.effect), (kind, Effect::Unknown), "{new}");
    }
}

#[test]
fn an_order_cancelled_whose_report_cannot_be_read_is_an_open_question() {
    let body =
        partial(r#"{"code":-2010,"msg":"x"}"#).replace("\"orderId\":33", "\"orderId\":\"?\"");
    let error = repriced(409, &body).expect_err("is refused");
    assert_eq!(
        (error.kind, error.effect),
        (ErrorKind::MalformedResponse, Effect::Unknown)
    );
}

#[test]
fn a_replacement_that_the_engine_refuses_in_a_success_is_no_replacement() {
    let new = order(34, NOW)
        .replace("\"c34\"", "\"mine2\"")
        .replace("\"NEW\"", "\"REJECTED\"");
    let body = format!(
        r#"{{"cancelResult":"SUCCESS","newOrderResult":"SUCCESS",{PARTS},"newOrderResponse":{new}}}"#
    );
    let failed = not_replaced(200, &body);
    assert_eq!(failed.error.effect, Effect::None);
    assert_eq!(failed.canceled.venue_id, "33");
}

#[test]
fn when_both_legs_fail_the_cancel_says_why_and_either_may_leave_a_doubt() {
    let both = |cancel: &str, new: &str| {
        let body = format!(
            r#"{{"code":-2022,"msg":"Order cancel-replace failed.","data":{{"cancelResult":"FAILURE",
            "newOrderResult":"FAILURE","cancelResponse":{cancel},"newOrderResponse":{new}}}}}"#
        );
        let error = repriced(400, &body).expect_err("is refused");
        (error.kind, error.effect)
    };
    let gone = r#"{"code":-2011,"msg":"Unknown order sent."}"#;
    let taken = r#"{"code":-2010,"msg":"Order would immediately match and take."}"#;
    let lost = r#"{"code":-1007,"msg":"Timeout."}"#;
    assert_eq!(both(gone, taken), (ErrorKind::OrderNotFound, Effect::None));
    assert_eq!(
        both(gone, lost),
        (ErrorKind::OrderNotFound, Effect::Unknown)
    );
    assert_eq!(
        both(lost, taken),
        (ErrorKind::OutcomeUnknown, Effect::Unknown)
    );
}

#[test]
fn a_new_order_beside_the_old_one_is_nothing_that_was_asked_for() {
    let body = format!(
        r#"{{"code":-2021,"msg":"Order cancel-replace partially failed.","data":{{"cancelResult":"FAILURE",
        "newOrderResult":"SUCCESS","cancelResponse":{{"code":-2011,"msg":"Unknown order sent."}},
        "newOrderResponse":{}}}}}"#,
        order(34, NOW)
    );
    let error = repriced(409, &body).expect_err("is refused");
    assert_eq!(
        (error.kind, error.effect),
        (ErrorKind::MalformedResponse, Effect::Unknown)
    );
}

#[test]
fn a_failure_without_its_parts_goes_by_its_code() {
    let desk = Desk::new();
    for (status, body, kind, effect) in [
        (
            409,
            r#"{"code":-2021,"msg":"x"}"#,
            ErrorKind::OutcomeUnknown,
            Effect::Unknown,
        ),
        (
            400,
            r#"{"code":-2022,"msg":"x"}"#,
            ErrorKind::NotAmendable,
            Effect::None,
        ),
        (
            429,
            r#"{"code":-1015,"msg":"Too many new orders; current limit is 1 orders per 10 SECOND."}"#,
            ErrorKind::RateLimited(Some(10_000)),
            Effect::None,
        ),
        (200, "{}", ErrorKind::MalformedResponse, Effect::Unknown),
    ] {
        let step = VENUE.decode_amend(&desk.cx(), &repricing(), None, &answer(status, body));
        assert_eq!(verdict(step), (kind, effect));
    }
}
