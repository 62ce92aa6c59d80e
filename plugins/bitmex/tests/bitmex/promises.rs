use std::collections::BTreeSet;

use switchyard_sdk::descriptor::{AmendMode, BucketScope};
use switchyard_sdk::market::{GetCandles, GetOrderBook};
use switchyard_sdk::trading::{Amend, Cancel, GetOrder, ListFills, ListHistory, Place};
use switchyard_sdk::types::{HttpRequest, Method, OrderType, TimeInForce};
use switchyard_sdk::{Account, Descriptor, Market, Trading};

use crate::desk::*;

/// A request of every kind that the adapter makes.
fn every_request() -> Vec<HttpRequest> {
    let desk = Desk::at(inverse());
    let all = Desk::everywhere();
    let (cx, all) = (desk.cx(), all.cx());
    let history = ListHistory {
        since: NOW - 1_000,
        before: NOW,
        limit: 10,
    };
    let fills = ListFills {
        order: Some(by_id(ORDER_ID)),
        since: NOW - 1_000,
        before: NOW,
        limit: 10,
    };
    let candles = GetCandles {
        seconds: 60,
        since: Some(NOW - 600_000),
        before: Some(NOW),
        limit: 5,
    };
    let dearer = Amend {
        quantity: Some("200".to_owned()),
        price: Some("98100.5".to_owned()),
        ..amend()
    };
    let named = Amend {
        order: by_client_id(CLIENT_ID),
        ..dearer.clone()
    };
    let market = Place {
        order_type: OrderType::Market,
        price: None,
        time_in_force: None,
        reduce_only: true,
        ..limit_order()
    };
    let post_only = Place {
        time_in_force: Some(TimeInForce::Gtx),
        ..limit_order()
    };
    let by = |order| GetOrder { order };
    let cancel = |order| Cancel { order };
    [
        VENUE.encode_list_instruments(&all, None),
        VENUE.encode_get_time(&all, None),
        VENUE.encode_get_ticker(&cx, None),
        VENUE.encode_get_order_book(&cx, &GetOrderBook { depth: 5 }, None),
        VENUE.encode_get_candles(&cx, &candles, None),
        VENUE.encode_place(&cx, &limit_order(), None),
        VENUE.encode_place(&cx, &market, None),
        VENUE.encode_place(&cx, &post_only, None),
        VENUE.encode_amend(&cx, &dearer, None),
        VENUE.encode_amend(&cx, &named, None),
        VENUE.encode_cancel(&cx, &cancel(by_id(ORDER_ID)), None),
        VENUE.encode_cancel(&cx, &cancel(by_client_id(CLIENT_ID)), None),
        VENUE.encode_cancel_all(&cx, None),
        VENUE.encode_cancel_all(&all, None),
        VENUE.encode_get_order(&cx, &by(by_id(ORDER_ID)), None),
        VENUE.encode_get_order(&cx, &by(by_client_id(CLIENT_ID)), None),
        VENUE.encode_list_open(&cx, None),
        VENUE.encode_list_open(&all, None),
        VENUE.encode_list_history(&cx, &history, None),
        VENUE.encode_list_history(&all, &history, None),
        VENUE.encode_list_fills(&cx, &fills, None),
        VENUE.encode_list_balances(&all, None),
        VENUE.encode_list_positions(&all, None),
    ]
    .into_iter()
    .flat_map(|requests| requests.expect("encodes"))
    .collect()
}

#[test]
fn every_request_is_an_allowed_call_and_every_allowed_call_is_made() {
    let allowed: BTreeSet<_> = VENUE
        .describe()
        .allowed_calls
        .into_iter()
        .map(|call| (call.method as u8, call.path, call.mutates))
        .collect();
    let made: BTreeSet<_> = every_request()
        .into_iter()
        .map(|request| {
            let path = request.path.split('?').next().unwrap_or_default();
            (request.method as u8, path.to_owned(), request.mutates)
        })
        .collect();
    assert_eq!(made, allowed);
}

#[test]
fn every_request_costs_what_its_route_does() {
    for request in every_request() {
        let signed = header(&request, "api-signature").is_some();
        let expected: &[(&str, u32)] = match (signed, request.method) {
            (false, Method::Get) => &[("public_minute", 1)],
            (true, Method::Get) => &[("rest_minute", 1)],
            _ => &[("rest_minute", 1), ("rest_second", 1)],
        };
        assert_eq!(costs(&request), expected);
        assert_eq!(request.endpoint, "rest");
        assert!(request.path.is_ascii() && request.path.starts_with("/api/v1"));
        assert!(!request.path.contains(SECRET) && !request.path.contains(API_KEY));
        assert!(!body(&request).contains(SECRET) && !body(&request).contains(API_KEY));
        assert_eq!(request.mutates, request.method != Method::Get);
    }
    assert_eq!(every_request(), every_request());
}

#[test]
fn the_descriptor_says_what_holds() {
    let told = VENUE.describe();
    assert_eq!(told.venue, "bitmex");
    assert_eq!(told.endpoints.len(), 1);
    assert_eq!(told.endpoints[0].products.len(), 5);
    assert_eq!(told.client_id_rules.max_length, 36);
    let buckets: Vec<_> = told
        .buckets
        .iter()
        .map(|bucket| {
            (
                bucket.name.as_str(),
                bucket.scope,
                bucket.window_ms,
                bucket.limit,
            )
        })
        .collect();
    assert_eq!(
        buckets,
        [
            ("rest_minute", BucketScope::Account, 60_000, 120),
            ("rest_second", BucketScope::Account, 1_000, 10),
            ("public_minute", BucketScope::Ip, 60_000, 30),
        ]
    );
    let headers: Vec<_> = told
        .buckets
        .iter()
        .map(|bucket| bucket.remaining_header.as_deref())
        .collect();
    let each_minute = Some("x-ratelimit-remaining");
    assert_eq!(
        headers,
        [each_minute, Some("x-ratelimit-remaining-1s"), each_minute]
    );
    let rules = &told.endpoint_rules[0];
    assert_eq!(rules.amend_mode, AmendMode::Native);
    assert!(rules.open_without_instrument && rules.history_without_instrument);
    // The window is looked at before the engine's queue, so it closes nothing behind it.
    assert!(rules.settle_ms > 30_000);
    assert_eq!(rules.candle_seconds, [60, 300, 3_600, 86_400]);
}

#[test]
fn another_endpoint_is_refused() {
    let mut desk = Desk::everywhere();
    desk.context.endpoint = "spot".to_owned();
    assert!(VENUE.encode_get_time(&desk.cx(), None).is_err());
    assert!(VENUE.encode_list_open(&desk.cx(), None).is_err());
}

#[test]
fn requests_can_be_written_down_for_a_judge() {
    // Method, target and body, one request a line: for `tests/spec/check-bitmex.sh`.
    let lines: Vec<String> = every_request()
        .iter()
        .map(|request| {
            let line = line(request);
            let method = line.split(' ').next().unwrap_or_default();
            format!("{method} {} {}", request.path, body(request))
        })
        .collect();
    if let Ok(file) = std::env::var("SPEC_CHECK_BITMEX") {
        std::fs::write(file, lines.join("\n") + "\n").expect("is written");
    }
}
