use proptest::prelude::*;
use switchyard_sdk::market::{GetCandles, GetOrderBook};
use switchyard_sdk::testing;
use switchyard_sdk::trading::{Amend, Cancel, GetOrder, ListFills, ListHistory};
use switchyard_sdk::types::{Error, HttpResponse};
use switchyard_sdk::{Account, Market, Trading};

use crate::desk::*;

/// Every decode there is, on the same answers.
fn decode_everything(
    endpoint: &str,
    responses: &[HttpResponse],
    state: Option<&[u8]>,
) -> Vec<Option<Error>> {
    let desk = Desk::on(endpoint);
    let all = Desk::everywhere(endpoint);
    let (cx, all) = (desk.cx(), all.cx());
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
    let dearer = Amend {
        price: Some("3".to_owned()),
        ..amend()
    };
    let get = GetOrder { order: by_id("1") };
    let cancel = Cancel { order: by_id("1") };
    let conditional = by_id("algo-1");
    let book = GetOrderBook { depth: 5 };
    let mut errors = vec![
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
        VENUE.decode_cancel_all(&all, state, responses).err(),
        VENUE.decode_get_order(&cx, &get, state, responses).err(),
        VENUE.decode_list_open(&cx, state, responses).err(),
        VENUE
            .decode_list_history(&cx, &history, state, responses)
            .err(),
        VENUE.decode_list_fills(&cx, &fills, state, responses).err(),
        VENUE.decode_list_fills(&cx, &named, state, responses).err(),
        VENUE.decode_list_balances(&all, state, responses).err(),
        VENUE.decode_list_positions(&all, state, responses).err(),
    ];
    let get = GetOrder {
        order: conditional.clone(),
    };
    let cancel = Cancel { order: conditional };
    errors.push(VENUE.decode_get_order(&cx, &get, state, responses).err());
    errors.push(VENUE.decode_cancel(&cx, &cancel, state, responses).err());
    errors
}

#[test]
fn no_answer_is_too_strange_for_an_error() {
    let deep = "[".repeat(100_000);
    let digits = format!("{{\"serverTime\":{0},\"code\":{0}}}", "9".repeat(50_000));
    let bodies: [&[u8]; 12] = [
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
        deep.as_bytes(),
        digits.as_bytes(),
    ];
    for (endpoint, _) in BOTH {
        for body in bodies {
            for status in [0, 200, 204, 302, 400, 418, 429, 500, 503, u16::MAX] {
                for count in [1, 2] {
                    let responses = vec![testing::response(status, body); count];
                    for error in decode_everything(endpoint, &responses, None) {
                        assert!(
                            error.is_some(),
                            "{status} {:?}",
                            String::from_utf8_lossy(&body[..body.len().min(40)])
                        );
                    }
                }
            }
        }
        assert!(
            decode_everything(endpoint, &[], None)
                .iter()
                .all(Option::is_some)
        );
    }
}

proptest! {
    #[test]
    fn nothing_panics_on_any_bytes(status in any::<u16>(), body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (endpoint, _) in BOTH {
            decode_everything(endpoint, &[testing::response(status, body.clone())], None);
            decode_everything(endpoint, &[testing::response(200, "[]")], Some(&body));
        }
    }

    #[test]
    fn nothing_panics_on_a_documented_answer_cut_or_spoilt(cut in 0_usize..600, at in 0_usize..600, byte in any::<u8>()) {
        for text in [order("BTCUSDT", 1, NOW), format!("[{}]", algo(1, "NEW", NOW))] {
            let mut body = text.into_bytes();
            body.truncate(cut.max(1));
            let at = at % body.len();
            body[at] = byte;
            decode_everything("usdm", &[testing::response(200, body.clone()), testing::response(200, body)], None);
        }
    }
}
