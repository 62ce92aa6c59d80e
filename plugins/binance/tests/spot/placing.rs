use proptest::prelude::*;
use switchyard_sdk::Trading;
use switchyard_sdk::trading::Place;
use switchyard_sdk::types::{Effect, ErrorKind, OrderState, OrderType, Side, TimeInForce};

use crate::desk::*;

/// Binance's `RESULT` answer, with what a test changes.
fn result(status: &str, kind: &str, executed: &str, quote: &str) -> String {
    format!(
        r#"{{"symbol":"LTCBTC","orderId":28,"orderListId":-1,"clientOrderId":"myOrder1",
        "transactTime":1507725176595,"price":"0.00000000","origQty":"10.00000000","executedQty":"{executed}",
        "origQuoteOrderQty":"0.000000","cummulativeQuoteQty":"{quote}","status":"{status}",
        "timeInForce":"GTC","type":"{kind}","side":"SELL","workingTime":1507725176595,
        "selfTradePreventionMode":"NONE"}}"#
    )
}

#[test]
fn a_limit_order_counts_as_an_order_and_mutates() {
    let desk = Desk::new();
    let request = sole(VENUE.encode_place(&desk.cx(), &limit_order(), None));
    assert_eq!(
        line(&request),
        "POST /api/v3/order?symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1\
         &newClientOrderId=myOrder1&newOrderRespType=RESULT"
    );
    assert_eq!(
        costs(&request),
        [
            ("spot_weight", 1),
            ("spot_raw", 1),
            ("spot_orders_10s", 1),
            ("spot_orders_1d", 1)
        ]
    );
    assert!(request.mutates && request.body.is_empty());
}

#[test]
fn every_time_in_force_has_its_words() {
    let desk = Desk::new();
    for (time_in_force, words) in [
        (TimeInForce::Ioc, "type=LIMIT&timeInForce=IOC&quantity"),
        (TimeInForce::Fok, "type=LIMIT&timeInForce=FOK&quantity"),
        (TimeInForce::Gtx, "type=LIMIT_MAKER&quantity"),
    ] {
        let command = Place {
            time_in_force: Some(time_in_force),
            ..limit_order()
        };
        assert!(
            sole(VENUE.encode_place(&desk.cx(), &command, None))
                .path
                .contains(words)
        );
    }
}

fn market_order() -> Place {
    Place {
        side: Side::Sell,
        order_type: OrderType::Market,
        price: None,
        time_in_force: None,
        ..limit_order()
    }
}

#[test]
fn a_market_order_has_neither_price_nor_time_in_force() {
    let desk = Desk::new();
    let request = sole(VENUE.encode_place(&desk.cx(), &market_order(), None));
    assert!(line(&request).contains("side=SELL&type=MARKET&quantity=1&newClientOrderId"));
}

#[test]
fn what_the_venue_cannot_do_is_refused_before_it_is_sent() {
    let desk = Desk::new();
    for (command, kind, field) in [
        (
            Place {
                reduce_only: true,
                ..limit_order()
            },
            ErrorKind::Unsupported,
            "reduce-only",
        ),
        (
            Place {
                order_type: OrderType::Other,
                ..limit_order()
            },
            ErrorKind::Unsupported,
            "order-type",
        ),
        (
            Place {
                price: None,
                ..limit_order()
            },
            ErrorKind::InvalidRequest,
            "price",
        ),
        (
            Place {
                time_in_force: None,
                ..limit_order()
            },
            ErrorKind::InvalidRequest,
            "time-in-force",
        ),
        (
            Place {
                price: Some("1".to_owned()),
                ..market_order()
            },
            ErrorKind::InvalidRequest,
            "price",
        ),
    ] {
        let error = VENUE
            .encode_place(&desk.cx(), &command, None)
            .expect_err("is refused");
        assert_eq!((error.kind, error.effect), (kind, Effect::None));
        assert_eq!(error.field.as_deref(), Some(field));
    }
}

#[test]
fn a_filled_market_order_reports_the_average_of_its_fills() {
    let desk = Desk::new();
    let responses = ok(&result("FILLED", "MARKET", "10.00000000", "123.45670000"));
    let report = done(VENUE.decode_place(&desk.cx(), &market_order(), None, &responses));
    assert_eq!(
        (report.state, report.order_type),
        (OrderState::Filled, OrderType::Market)
    );
    assert_eq!(report.average_price.as_deref(), Some("12.34567"));
    assert_eq!((report.price, report.time_in_force), (None, None));
    assert_eq!(
        (report.symbol.as_str(), report.venue_id.as_str()),
        ("LTC/BTC", "28")
    );
    assert_eq!(report.created_at, Some(1_507_725_176_595));
    assert_eq!(report.client_id.as_deref(), Some("myOrder1"));
}

#[test]
fn an_average_that_does_not_end_has_at_most_twenty_eight_digits() {
    let desk = Desk::new();
    let responses = ok(&result(
        "PARTIALLY_FILLED",
        "LIMIT",
        "3.00000000",
        "100.00000000",
    ));
    let report = done(VENUE.decode_place(&desk.cx(), &limit_order(), None, &responses));
    assert_eq!(
        report.average_price.as_deref(),
        Some("33.33333333333333333333333333")
    );
}

#[test]
fn an_expired_taker_is_an_order_and_a_rejected_one_an_error() {
    let desk = Desk::new();
    let expired = ok(&result("EXPIRED", "LIMIT", "0.00000000", "0.00000000"));
    let report = done(VENUE.decode_place(&desk.cx(), &limit_order(), None, &expired));
    assert_eq!(
        (report.state, report.average_price),
        (OrderState::Expired, None)
    );
    let rejected = ok(&result("REJECTED", "LIMIT", "0.00000000", "0.00000000"));
    assert_eq!(
        verdict(VENUE.decode_place(&desk.cx(), &limit_order(), None, &rejected)),
        (ErrorKind::InvalidRequest, Effect::None)
    );
}

#[test]
fn an_answer_that_cannot_be_read_leaves_the_orders_fate_open() {
    let desk = Desk::new();
    let odd = result("NEW", "LIMIT", "0", "0");
    for body in [
        "".to_owned(),
        "{}".to_owned(),
        "<html>".to_owned(),
        odd.replace("NEW", "SHINY"),
        odd.replace("myOrder1", "another"),
        odd.replace("\"executedQty\":\"0\"", "\"executedQty\":\"-1\""),
        odd.replace("SELL", "LEND"),
    ] {
        assert_eq!(
            verdict(VENUE.decode_place(&desk.cx(), &limit_order(), None, &ok(&body))),
            (ErrorKind::MalformedResponse, Effect::Unknown),
            "{body}"
        );
    }
}

proptest! {
    #[test]
    fn any_decimal_survives_to_the_venue_and_back(
        quantity in "(0|[1-9][0-9]{0,13})(\\.[0-9]{1,14})?",
        price in "[1-9][0-9]{0,13}(\\.[0-9]{1,14})?",
    ) {
        let desk = Desk::new();
        let command = Place { quantity: quantity.clone(), price: Some(price.clone()), ..limit_order() };
        let request = sole(VENUE.encode_place(&desk.cx(), &command, None));
        let expected = format!("&quantity={quantity}&price={price}&");
        prop_assert!(request.path.contains(&expected), "{}", request.path);
        let body = result("NEW", "LIMIT", &quantity, "-1")
            .replace("10.00000000", &quantity)
            .replace("0.00000000", &price);
        let report = done(VENUE.decode_place(&desk.cx(), &command, None, &ok(&body)));
        prop_assert_eq!(report.quantity, Some(quantity.clone()));
        prop_assert_eq!(report.filled_quantity, quantity);
        prop_assert_eq!(report.price, Some(price));
    }
}
