//! Every encode and every decode that the APIs have alike, for what must hold whatever the call.

use switchyard_sdk::market::{GetCandles, GetOrderBook};
use switchyard_sdk::testing;
use switchyard_sdk::trading::{Amend, Cancel, GetOrder, ListFills, Place};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse};
use switchyard_sdk::{Account, Context, Market, Trading};

use super::{VENUE, by_client_id, by_id, candles, fills, history};

/// A request of every kind: on an instrument with `cx`, and without one with `all`.
pub(crate) fn encode_everything(
    cx: &Context<'_>,
    all: &Context<'_>,
    candles: &GetCandles,
    place: &Place,
    amends: &[Amend],
) -> Vec<HttpRequest> {
    let since = cx.now - 1_000;
    let book = GetOrderBook { depth: 5 };
    let get = GetOrder { order: by_id("1") };
    let cancel = Cancel { order: by_id("1") };
    let mut requests = vec![
        VENUE.encode_list_instruments(all, None),
        VENUE.encode_get_time(all, None),
        VENUE.encode_get_ticker(cx, None),
        VENUE.encode_get_order_book(cx, &book, None),
        VENUE.encode_get_candles(cx, candles, None),
        VENUE.encode_place(cx, place, None),
        VENUE.encode_cancel(cx, &cancel, None),
        VENUE.encode_cancel_all(cx, None),
        VENUE.encode_cancel_all(all, None),
        VENUE.encode_get_order(cx, &get, None),
        VENUE.encode_list_open(cx, None),
        VENUE.encode_list_history(cx, &history(since, cx.now, 10), None),
        VENUE.encode_list_fills(cx, &fills(since, cx.now), None),
        VENUE.encode_list_balances(all, None),
    ];
    requests.extend(
        amends
            .iter()
            .map(|amend| VENUE.encode_amend(cx, amend, None)),
    );
    requests
        .into_iter()
        .flat_map(|requests| requests.expect("encodes"))
        .collect()
}

/// What every decode says to the same answers: on an instrument with `cx`, and without one with `all`.
pub(crate) fn decode_everything(
    cx: &Context<'_>,
    all: &Context<'_>,
    place: &Place,
    amends: &[Amend],
    responses: &[HttpResponse],
    state: Option<&[u8]>,
) -> Vec<Option<Error>> {
    let (since, before) = (cx.now - 1_000, cx.now + 1_000);
    let book = GetOrderBook { depth: 5 };
    let history = history(since, before, 10);
    let fills = fills(since, before);
    let named = ListFills {
        order: Some(by_client_id("a")),
        ..fills.clone()
    };
    let get = GetOrder { order: by_id("1") };
    let cancel = Cancel { order: by_id("1") };
    let mut errors = vec![
        VENUE.decode_list_instruments(all, state, responses).err(),
        VENUE.decode_get_time(all, state, responses).err(),
        VENUE.decode_get_ticker(cx, state, responses).err(),
        VENUE
            .decode_get_order_book(cx, &book, state, responses)
            .err(),
        VENUE
            .decode_get_candles(cx, &candles(None, None, 5), state, responses)
            .err(),
        VENUE.decode_place(cx, place, state, responses).err(),
        VENUE.decode_cancel(cx, &cancel, state, responses).err(),
        VENUE.decode_cancel_all(cx, state, responses).err(),
        VENUE.decode_cancel_all(all, state, responses).err(),
        VENUE.decode_get_order(cx, &get, state, responses).err(),
        VENUE.decode_list_open(cx, state, responses).err(),
        VENUE
            .decode_list_history(cx, &history, state, responses)
            .err(),
        VENUE.decode_list_fills(cx, &fills, state, responses).err(),
        VENUE.decode_list_fills(cx, &named, state, responses).err(),
        VENUE.decode_list_balances(all, state, responses).err(),
        VENUE.decode_list_positions(all, state, responses).err(),
    ];
    errors.extend(
        amends
            .iter()
            .map(|amend| VENUE.decode_amend(cx, amend, state, responses).err()),
    );
    errors
}

/// Has answers judged that no venue would give, each `count` times; every decode must call them an error.
pub(crate) fn no_answer_is_taken(
    count: usize,
    decode: impl Fn(&[HttpResponse]) -> Vec<Option<Error>>,
) {
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
            let responses = vec![testing::response(status, body); count];
            for error in decode(&responses) {
                assert!(
                    error.is_some(),
                    "{status} {:?}",
                    String::from_utf8_lossy(&body[..body.len().min(40)])
                );
            }
        }
    }
}
