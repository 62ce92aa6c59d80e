use proptest::prelude::*;
use switchyard_sdk::market::{GetCandles, GetOrderBook};
use switchyard_sdk::testing;
use switchyard_sdk::trading::{Cancel, GetOrder, ListFills, ListHistory};
use switchyard_sdk::types::{Error, HttpResponse};
use switchyard_sdk::{Account, Market, Trading};

use crate::desk::*;

/// Every decode there is, on the same answers.
fn decode_everything(responses: &[HttpResponse], state: Option<&[u8]>) -> Vec<Option<Error>> {
    let desk = Desk::new();
    let all = Desk::everywhere();
    let (cx, all) = (desk.cx(), all.cx());
    let book = GetOrderBook { depth: 5 };
    let candles = GetCandles {
        seconds: 60,
        since: None,
        before: None,
        limit: 5,
    };
    let history = ListHistory {
        since: NOW - 1_000,
        before: NOW + 1_000,
        limit: 10,
    };
    let fills = ListFills {
        order: None,
        since: NOW - 1_000,
        before: NOW + 1_000,
        limit: 10,
    };
    let named = ListFills {
        order: Some(by_client_id("a")),
        ..fills.clone()
    };
    let smaller = switchyard_sdk::trading::Amend {
        quantity: Some("1".to_owned()),
        ..amend()
    };
    let dearer = switchyard_sdk::trading::Amend {
        price: Some("3".to_owned()),
        ..amend()
    };
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
        VENUE.decode_amend(&cx, &smaller, state, responses).err(),
        VENUE.decode_amend(&cx, &dearer, state, responses).err(),
        VENUE
            .decode_cancel(&cx, &Cancel { order: by_id("1") }, state, responses)
            .err(),
        VENUE.decode_cancel_all(&cx, state, responses).err(),
        VENUE.decode_cancel_all(&all, state, responses).err(),
        VENUE
            .decode_get_order(&cx, &GetOrder { order: by_id("1") }, state, responses)
            .err(),
        VENUE.decode_list_open(&cx, state, responses).err(),
        VENUE
            .decode_list_history(&cx, &history, state, responses)
            .err(),
        VENUE.decode_list_fills(&cx, &fills, state, responses).err(),
        VENUE.decode_list_fills(&cx, &named, state, responses).err(),
        VENUE.decode_list_balances(&all, state, responses).err(),
    ]
}

#[test]
fn no_answer_is_too_strange_for_an_error() {
    let deep = "[".repeat(100_000);
    let deep_objects = "{\"data\":".repeat(100_000);
    let digits = format!("{{\"serverTime\":{0},\"code\":{0}}}", "9".repeat(50_000));
    let bodies: [&[u8]; 14] = [
        b"",
        b"{",
        b"<html></html>",
        b"\xff\xfe\xfd",
        b"{\"serverTime\":\"\xff\"}",
        b"null",
        b"true",
        b"\"text\"",
        b"1e999",
        b"{\"symbol\":null,\"data\":[]}",
        b"[[[]]]",
        deep.as_bytes(),
        deep_objects.as_bytes(),
        digits.as_bytes(),
    ];
    for body in bodies {
        for status in [0, 200, 204, 302, 400, 409, 418, 429, 500, 503, u16::MAX] {
            let responses = [testing::response(status, body)];
            for error in decode_everything(&responses, None) {
                assert!(
                    error.is_some(),
                    "{status} {:?}",
                    String::from_utf8_lossy(&body[..body.len().min(40)])
                );
            }
        }
    }
}

#[test]
fn a_step_without_answers_or_with_too_many_is_an_error() {
    let many = vec![testing::response(200, "{}"); 3];
    for responses in [&[][..], &many] {
        assert!(
            decode_everything(responses, None)
                .iter()
                .all(Option::is_some)
        );
    }
}

#[test]
fn a_spoilt_state_is_an_error() {
    let desk = Desk::everywhere();
    for state in [&b""[..], b"{", b"\xff", b"{\"left\":[],\"canceled\":[]}"] {
        decode_everything(&[testing::response(200, "[]")], Some(state));
        assert!(VENUE.encode_cancel_all(&desk.cx(), Some(state)).is_err());
    }
}

proptest! {
    #[test]
    fn nothing_panics_on_any_bytes(status in any::<u16>(), body in proptest::collection::vec(any::<u8>(), 0..200)) {
        decode_everything(&[testing::response(status, body.clone())], None);
        decode_everything(&[testing::response(200, "[]")], Some(&body));
    }

    #[test]
    fn nothing_panics_on_a_documented_answer_cut_or_spoilt(cut in 0_usize..600, at in 0_usize..600, byte in any::<u8>()) {
        let mut body = format!("[{},{}]", order(1, NOW), order(2, NOW)).into_bytes();
        body.truncate(cut.max(1));
        let at = at % body.len();
        body[at] = byte;
        decode_everything(&[testing::response(200, body)], None);
    }
}
