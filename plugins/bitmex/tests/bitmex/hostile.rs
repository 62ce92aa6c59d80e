use proptest::prelude::*;
use switchyard_sdk::market::{GetCandles, GetOrderBook};
use switchyard_sdk::testing;
use switchyard_sdk::trading::{Amend, Cancel, GetOrder, ListFills, ListHistory};
use switchyard_sdk::types::{Error, HttpResponse};
use switchyard_sdk::{Account, Market, Trading};

use crate::answers::{list, order, trade};
use crate::desk::*;

/// Every decode there is, on the same answers.
fn decode_everything(responses: &[HttpResponse], state: Option<&[u8]>) -> Vec<Option<Error>> {
    let desk = Desk::at(linear());
    let all = Desk::everywhere();
    let (cx, all) = (desk.cx(), all.cx());
    let candles = GetCandles {
        seconds: 60,
        since: None,
        before: None,
        limit: 5,
    };
    let history = ListHistory {
        since: 1,
        before: NOW + 1_000,
        limit: 10,
    };
    let fills = ListFills {
        order: None,
        since: 1,
        before: NOW + 1_000,
        limit: 10,
    };
    let dearer = Amend {
        price: Some("3".to_owned()),
        ..amend()
    };
    let get = GetOrder {
        order: by_id(ORDER_ID),
    };
    let cancel = Cancel {
        order: by_id(ORDER_ID),
    };
    let book = GetOrderBook { depth: 5 };
    vec![
        VENUE.decode_list_instruments(&all, state, responses).err(),
        VENUE.decode_get_time(&all, state, responses).err(),
        VENUE.decode_get_ticker(&cx, state, responses).err(),
        VENUE
            .decode_get_order_book(&cx, &book, state, responses)
            .err(),
        VENUE
            .decode_get_candles(&cx, &candles, state, responses)
            .err(),
        VENUE
            .decode_place(&cx, &limit_order(), state, responses)
            .err(),
        VENUE.decode_amend(&cx, &dearer, state, responses).err(),
        VENUE.decode_cancel(&cx, &cancel, state, responses).err(),
        VENUE.decode_cancel_all(&cx, state, responses).err(),
        VENUE.decode_get_order(&cx, &get, state, responses).err(),
        VENUE.decode_list_open(&all, state, responses).err(),
        VENUE
            .decode_list_history(&all, &history, state, responses)
            .err(),
        VENUE
            .decode_list_fills(&all, &fills, state, responses)
            .err(),
        VENUE.decode_list_balances(&all, state, responses).err(),
        VENUE.decode_list_positions(&all, state, responses).err(),
    ]
}

#[test]
fn no_answer_is_too_strange_for_an_error() {
    let deep = "[".repeat(100_000);
    let digits = format!("{{\"timestamp\":{0},\"orderQty\":{0}}}", "9".repeat(50_000));
    let bodies: [&[u8]; 13] = [
        b"",
        b"{",
        b"<html></html>",
        b"\xff\xfe\xfd",
        b"null",
        b"true",
        b"\"text\"",
        b"1e999",
        b"{\"symbol\":null,\"data\":[]}",
        b"[[[]]]",
        b"{\"error\":[]}",
        deep.as_bytes(),
        digits.as_bytes(),
    ];
    for body in bodies {
        for status in [
            0,
            200,
            204,
            302,
            400,
            401,
            403,
            404,
            429,
            500,
            503,
            u16::MAX,
        ] {
            for count in [1, 2] {
                let responses = vec![testing::response(status, body); count];
                for (at, error) in decode_everything(&responses, None).iter().enumerate() {
                    assert!(
                        error.is_some(),
                        "{at} {status} {:?}",
                        String::from_utf8_lossy(&body[..body.len().min(40)])
                    );
                }
            }
        }
    }
    let nothing = decode_everything(&[], None);
    assert!(nothing.iter().all(Option::is_some));
}

#[test]
fn huge_numbers_are_errors_and_not_roundings() {
    let huge = "79228162514264337593543950335";
    for rows in [
        list(&[order(&[("symbol", "\"XBTUSDT\""), ("orderQty", huge)])]),
        list(&[order(&[("symbol", "\"XBTUSDT\""), ("cumQty", "1e-28")])]),
        list(&[order(&[("cumQty", "-1")])]),
    ] {
        let desk = Desk::everywhere();
        let refused = VENUE.decode_list_open(&desk.cx(), None, &ok(&rows));
        assert!(refused.is_err(), "{rows}");
    }
}

proptest! {
    #[test]
    fn nothing_panics_on_any_bytes(status in any::<u16>(), body in proptest::collection::vec(any::<u8>(), 0..200)) {
        decode_everything(&[testing::response(status, body.clone())], None);
        decode_everything(&[testing::response(200, "[]")], Some(&body));
    }

    #[test]
    fn nothing_panics_on_a_documented_answer_cut_or_spoilt(cut in 0_usize..900, at in 0_usize..900, byte in any::<u8>()) {
        for text in [list(&[order(&[])]), order(&[]), list(&[trade(&[])])] {
            let mut body = text.into_bytes();
            body.truncate(cut.max(1));
            let at = at % body.len();
            body[at] = byte;
            decode_everything(&[testing::response(200, body.clone()), testing::response(200, body.clone())], None);
            decode_everything(&[testing::response(200, body)], None);
        }
    }
}
