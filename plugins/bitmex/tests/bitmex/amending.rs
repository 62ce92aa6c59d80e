use switchyard_sdk::Trading;
use switchyard_sdk::trading::{Amend, AmendOutcome};
use switchyard_sdk::types::{Effect, ErrorKind, OrderState};

use crate::answers::order;
use crate::desk::*;

#[test]
fn an_amend_names_the_order_and_what_changes() {
    let desk = Desk::at(inverse());
    let both = Amend {
        quantity: Some("250".to_owned()),
        price: Some("97999.5".to_owned()),
        ..amend()
    };
    let request = sole(VENUE.encode_amend(&desk.cx(), &both, None));
    assert_eq!(line(&request), "PUT /api/v1/order");
    assert_eq!(
        body(&request),
        format!(r#"{{"orderID":"{ORDER_ID}","orderQty":250,"price":97999.5}}"#)
    );
    assert_eq!(costs(&request), [("rest_minute", 1), ("rest_second", 1)]);
    // What is given again unchanged is not sent.
    let named = Amend {
        order: by_client_id(CLIENT_ID),
        quantity: Some("100.0".to_owned()),
        price: Some("98001".to_owned()),
        ..amend()
    };
    let request = sole(VENUE.encode_amend(&desk.cx(), &named, None));
    assert_eq!(
        body(&request),
        r#"{"origClOrdID":"mm0a1b2c","price":98001}"#
    );
}

#[test]
fn the_new_total_is_in_contracts() {
    let desk = Desk::at(linear());
    let command = Amend {
        current_quantity: "0.001".to_owned(),
        filled_quantity: "0.0004".to_owned(),
        quantity: Some("0.002".to_owned()),
        ..amend()
    };
    let request = sole(VENUE.encode_amend(&desk.cx(), &command, None));
    assert!(body(&request).ends_with(r#""orderQty":2000}"#));
    let too_little = Amend {
        quantity: Some("0.0004".to_owned()),
        ..command.clone()
    };
    let refused = VENUE.encode_amend(&desk.cx(), &too_little, None);
    assert_eq!(blamed(refused).as_deref(), Some("quantity"));
    // BitMEX would take zero for a cancel, and less for the other side.
    for quantity in ["0", "-0.001"] {
        let none = Amend {
            filled_quantity: "0".to_owned(),
            quantity: Some(quantity.to_owned()),
            ..command.clone()
        };
        let refused = VENUE.encode_amend(&desk.cx(), &none, None);
        assert_eq!(blamed(refused).as_deref(), Some("quantity"));
    }
}

#[test]
fn a_change_of_nothing_is_refused() {
    let desk = Desk::at(inverse());
    let same = Amend {
        quantity: Some("100".to_owned()),
        price: Some("98000.5".to_owned()),
        ..amend()
    };
    for command in [amend(), same] {
        assert!(VENUE.encode_amend(&desk.cx(), &command, None).is_err());
    }
}

#[test]
fn the_order_comes_back_as_it_stands() {
    let desk = Desk::at(inverse());
    let command = Amend {
        quantity: Some("250".to_owned()),
        ..amend()
    };
    let amended = order(&[
        ("orderQty", "250"),
        ("cumQty", "30"),
        ("avgPx", "98000.500000000004"),
        ("ordStatus", "\"PartiallyFilled\""),
    ]);
    let outcome = done(VENUE.decode_amend(&desk.cx(), &command, None, &ok(&amended)));
    let AmendOutcome::Amended(report) = outcome else {
        panic!("was not replaced");
    };
    assert_eq!(report.state, OrderState::PartiallyFilled);
    assert_eq!(report.quantity.as_deref(), Some("250"));
    assert_eq!(report.filled_quantity, "30");
    // The digits are BitMEX's.
    assert_eq!(report.average_price.as_deref(), Some("98000.500000000004"));
}

#[test]
fn an_order_that_is_over_cannot_be_amended() {
    let desk = Desk::at(inverse());
    for message in ["Invalid ordStatus", "Invalid ordStatus: Filled"] {
        let verdict = verdict(VENUE.decode_amend(&desk.cx(), &amend(), None, &said(400, message)));
        assert_eq!(verdict, (ErrorKind::NotAmendable, Effect::None));
    }
    for message in ["Invalid orderID", "Invalid origClOrdID"] {
        let verdict = verdict(VENUE.decode_amend(&desk.cx(), &amend(), None, &said(400, message)));
        assert_eq!(verdict, (ErrorKind::OrderNotFound, Effect::None));
    }
    let rejected = order(&[
        ("ordStatus", "\"Rejected\""),
        ("ordRejReason", "\"Invalid ordStatus: Canceled\""),
    ]);
    let verdict = verdict(VENUE.decode_amend(&desk.cx(), &amend(), None, &ok(&rejected)));
    assert_eq!(verdict, (ErrorKind::NotAmendable, Effect::None));
}

#[test]
fn an_answer_about_another_order_leaves_it_open_what_happened() {
    let desk = Desk::at(inverse());
    let other = order(&[("orderID", "\"00000000-33c1-4736-b58b-9d8b4d085c49\"")]);
    let verdict = verdict(VENUE.decode_amend(&desk.cx(), &amend(), None, &ok(&other)));
    assert_eq!(verdict, (ErrorKind::MalformedResponse, Effect::Unknown));
}
