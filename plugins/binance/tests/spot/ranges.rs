use switchyard_sdk::Trading;
use switchyard_sdk::testing;
use switchyard_sdk::trading::{Liquidity, ListFills};
use switchyard_sdk::types::{ErrorKind, HttpResponse, Side};

use crate::desk::*;

const DAY: u64 = 86_400_000;

/// Years after the venue opened.
const LATER: u64 = 1_790_000_000_000;

/// A list of orders with consecutive ids, a second apart.
fn page(first: u64, count: u64, time: u64) -> HttpResponse {
    let orders: Vec<_> = (0..count)
        .map(|n| order(first + n, time + n * 1_000))
        .collect();
    testing::response(200, format!("[{}]", orders.join(",")))
}

#[test]
fn a_range_within_a_day_is_one_request_with_exact_bounds() {
    let desk = Desk::new();
    let cx = desk.cx();
    let command = history(NOW - 10_000, NOW, 10);
    let requests = VENUE
        .encode_list_history(&cx, &command, None)
        .expect("encodes");
    assert_eq!(
        lines(&requests),
        [format!(
            "GET /api/v3/allOrders?symbol=LTCBTC&startTime={}&endTime={}&limit=1000",
            NOW - 10_000,
            NOW - 1
        )]
    );
    assert_eq!(costs(&requests[0]), [("spot_weight", 20), ("spot_raw", 1)]);
    // The venue may give more than was asked for; ranges hold by creation time.
    let body = format!(
        "[{},{},{}]",
        order(3, NOW),
        order(2, NOW - 1),
        order(1, NOW - 10_000)
    );
    let page = done(VENUE.decode_list_history(&cx, &command, None, &ok(&body)));
    let ids: Vec<_> = page
        .orders
        .iter()
        .map(|order| order.venue_id.as_str())
        .collect();
    assert_eq!(ids, ["1", "2"]);
    assert!(page.read_until.is_none());
}

#[test]
fn empty_days_are_asked_side_by_side_and_the_first_find_leads_on_by_id() {
    let desk = Desk::new();
    let cx = desk.cx();
    let since = NOW - 8 * DAY;
    let command = history(since, NOW, 10);
    let requests = VENUE
        .encode_list_history(&cx, &command, None)
        .expect("encodes");
    assert_eq!(requests.len(), 5);
    assert!(lines(&requests)[4].contains(&format!(
        "startTime={}&endTime={}",
        since + 4 * DAY,
        since + 5 * DAY - 1
    )));
    let empty = || testing::response(200, "[]");
    let state = more(VENUE.decode_list_history(
        &cx,
        &command,
        None,
        &[empty(), empty(), empty(), empty(), empty()],
    ));
    let requests = VENUE
        .encode_list_history(&cx, &command, Some(&state))
        .expect("encodes");
    assert_eq!(requests.len(), 3);
    // Nothing at all: the range is read to its end.
    let page_of_nothing =
        done(VENUE.decode_list_history(&cx, &command, Some(&state), &[empty(), empty(), empty()]));
    assert!(page_of_nothing.read_until.is_none() && page_of_nothing.orders.is_empty());
    // One order on the second day: the rest follows by id, whatever the day.
    let answers = [empty(), page(7, 1, since + DAY), empty(), empty(), empty()];
    let state = more(VENUE.decode_list_history(&cx, &command, None, &answers));
    let requests = VENUE
        .encode_list_history(&cx, &command, Some(&state))
        .expect("encodes");
    assert_eq!(
        lines(&requests),
        ["GET /api/v3/allOrders?symbol=LTCBTC&orderId=8&limit=1000"]
    );
    let rest = done(VENUE.decode_list_history(
        &cx,
        &command,
        Some(&state),
        &[page(8, 2, since + 7 * DAY)],
    ));
    let ids: Vec<_> = rest
        .orders
        .iter()
        .map(|order| order.venue_id.as_str())
        .collect();
    assert_eq!(ids, ["7", "8", "9"]);
    assert_eq!(rest.orders[0].symbol, "LTC/BTC");
    assert!(rest.read_until.is_none());
}

#[test]
fn full_pages_follow_each_other_until_the_range_or_the_limit_ends() {
    let desk = Desk::new();
    let cx = desk.cx();
    let command = history(NOW - DAY, NOW, 1_500);
    let state = more(VENUE.decode_list_history(&cx, &command, None, &[page(1, 1_000, NOW - DAY)]));
    let requests = VENUE
        .encode_list_history(&cx, &command, Some(&state))
        .expect("encodes");
    assert!(lines(&requests)[0].contains("&orderId=1001&"));
    let result = done(VENUE.decode_list_history(
        &cx,
        &command,
        Some(&state),
        &[page(1_001, 1_000, NOW - DAY / 2)],
    ));
    assert_eq!(
        (result.orders.len(), result.read_until.is_none()),
        (1_500, false)
    );
    // A full page that reaches past the range ends it.
    let result = done(VENUE.decode_list_history(
        &cx,
        &command,
        Some(&state),
        &[page(1_001, 1_000, NOW - 400_000)],
    ));
    assert_eq!(
        (result.orders.len(), result.read_until.is_none()),
        (1_400, true)
    );
}

#[test]
fn pages_that_do_not_advance_are_malformed_and_no_loop() {
    let desk = Desk::new();
    let cx = desk.cx();
    let command = history(NOW - DAY, NOW, 5_000);
    let state = more(VENUE.decode_list_history(&cx, &command, None, &[page(1, 1_000, NOW - DAY)]));
    let step = VENUE.decode_list_history(&cx, &command, Some(&state), &[page(1, 1_000, NOW - DAY)]);
    assert_eq!(verdict(step).0, ErrorKind::MalformedResponse);
    let step = VENUE.decode_list_history(&cx, &command, None, &[]);
    assert_eq!(verdict(step).0, ErrorKind::MalformedResponse);
}

#[test]
fn a_long_range_begins_with_the_first_order_there_is() {
    let mut desk = Desk::new();
    desk.context.now = LATER;
    let cx = desk.cx();
    let since = LATER - 400 * DAY;
    let command = history(since, LATER, 10);
    let requests = VENUE
        .encode_list_history(&cx, &command, None)
        .expect("encodes");
    assert_eq!(
        lines(&requests),
        ["GET /api/v3/allOrders?symbol=LTCBTC&orderId=0&limit=1"]
    );
    let nothing = done(VENUE.decode_list_history(&cx, &command, None, &ok("[]")));
    assert_eq!((nothing.orders.len(), nothing.read_until), (0, None));
    // The account's first order is in the range: all others follow by id.
    let state = more(VENUE.decode_list_history(&cx, &command, None, &[page(7, 1, since + DAY)]));
    let requests = VENUE
        .encode_list_history(&cx, &command, Some(&state))
        .expect("encodes");
    assert_eq!(
        lines(&requests),
        ["GET /api/v3/allOrders?symbol=LTCBTC&orderId=7&limit=1000"]
    );
    // It is older than the range: that is read by days.
    let state = more(VENUE.decode_list_history(&cx, &command, None, &[page(7, 1, since - DAY)]));
    let requests = VENUE
        .encode_list_history(&cx, &command, Some(&state))
        .expect("encodes");
    assert!(lines(&requests)[0].contains(&format!("startTime={since}&")));
}

#[test]
fn a_range_that_costs_too_many_requests_is_read_in_parts() {
    let mut desk = Desk::new();
    desk.context.now = LATER;
    let cx = desk.cx();
    let since = LATER - 400 * DAY;
    let command = history(since, LATER, 10);
    let older = [page(7, 1, since - DAY)];
    let mut state = more(VENUE.decode_list_history(&cx, &command, None, &older));
    let mut weight = 20;
    let part = loop {
        let requests = VENUE
            .encode_list_history(&cx, &command, Some(&state))
            .expect("encodes");
        weight += 20 * requests.len();
        let empty = vec![testing::response(200, "[]"); requests.len()];
        match VENUE
            .decode_list_history(&cx, &command, Some(&state), &empty)
            .expect("decodes")
        {
            switchyard_sdk::Step::Continue(next) => state = next,
            switchyard_sdk::Step::Done(part) => break part,
        }
    };
    assert!(weight <= 1_200, "{weight} of the 6000 that a minute allows");
    assert!(part.orders.is_empty());
    let until = part.read_until.expect("there is more");
    assert!(until > since + 30 * DAY && until < LATER, "{until}");
}

#[test]
fn a_range_ends_with_the_present() {
    let desk = Desk::new();
    let cx = desk.cx();
    let command = history(NOW - DAY, NOW + 20 * DAY, 10);
    let mut state = None;
    let mut steps = 0;
    loop {
        let count = VENUE
            .encode_list_history(&cx, &command, state.as_deref())
            .expect("encodes")
            .len();
        let empty = vec![testing::response(200, "[]"); count];
        match VENUE
            .decode_list_history(&cx, &command, state.as_deref(), &empty)
            .expect("decodes")
        {
            switchyard_sdk::Step::Continue(next) => state = Some(next),
            switchyard_sdk::Step::Done(page) => break assert!(page.read_until.is_none()),
        }
        steps += 1;
        assert!(steps < 3);
    }
}

#[test]
fn an_empty_range_and_an_impossible_limit_are_refused() {
    let desk = Desk::new();
    for command in [
        history(5, 5, 1),
        history(6, 5, 1),
        history(1, 5, 0),
        history(1, 5, 10_001),
    ] {
        let error = VENUE
            .encode_list_history(&desk.cx(), &command, None)
            .expect_err("is refused");
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
    }
    let desk = Desk::everywhere();
    assert!(
        VENUE
            .encode_list_history(&desk.cx(), &history(1, 5, 1), None)
            .is_err()
    );
}

const TRADE: &str = r#"{"symbol":"LTCBTC","id":28457,"orderId":100234,"orderListId":-1,"price":"4.00000100",
    "qty":"12.00000000","quoteQty":"48.000012","commission":"10.10000000","commissionAsset":"BNB",
    "time":1499827319000,"isBuyer":true,"isMaker":false,"isBestMatch":true}"#;

#[test]
fn a_fill_says_what_it_cost_and_who_waited() {
    let desk = Desk::new();
    let command = fills(NOW - 10_000, NOW);
    let requests = VENUE
        .encode_list_fills(&desk.cx(), &command, None)
        .expect("encodes");
    assert!(lines(&requests)[0].starts_with("GET /api/v3/myTrades?symbol=LTCBTC&startTime="));
    let page =
        done(VENUE.decode_list_fills(&desk.cx(), &command, None, &ok(&format!("[{TRADE}]"))));
    let fill = &page.fills[0];
    assert_eq!(
        (fill.venue_fill_id.as_str(), fill.venue_order_id.as_str()),
        ("28457", "100234")
    );
    assert_eq!(
        (fill.side, fill.liquidity),
        (Side::Buy, Some(Liquidity::Taker))
    );
    assert_eq!(
        (fill.quantity.as_str(), fill.price.as_str()),
        ("12.00000000", "4.00000100")
    );
    assert_eq!(
        (fill.fee.as_deref(), fill.fee_asset.as_deref()),
        (Some("10.10000000"), Some("BNB"))
    );
    assert_eq!(
        (fill.symbol.as_str(), fill.at),
        ("LTC/BTC", 1_499_827_319_000)
    );
    assert!(page.read_until.is_none());
}

#[test]
fn fills_of_one_order_are_found_by_its_venue_id_from_the_first_on() {
    let desk = Desk::new();
    let cx = desk.cx();
    let named = ListFills {
        order: Some(by_id("100234")),
        ..fills(0, NOW)
    };
    let requests = VENUE.encode_list_fills(&cx, &named, None).expect("encodes");
    assert_eq!(
        lines(&requests),
        ["GET /api/v3/myTrades?symbol=LTCBTC&orderId=100234&fromId=0&limit=1000"]
    );
    // By client id the order itself comes first.
    let named = ListFills {
        order: Some(by_client_id("mine")),
        ..fills(0, NOW)
    };
    let requests = VENUE.encode_list_fills(&cx, &named, None).expect("encodes");
    assert_eq!(
        lines(&requests),
        ["GET /api/v3/order?symbol=LTCBTC&origClientOrderId=mine"]
    );
    let state = more(VENUE.decode_list_fills(&cx, &named, None, &ok(&order(100_234, NOW))));
    let requests = VENUE
        .encode_list_fills(&cx, &named, Some(&state))
        .expect("encodes");
    assert_eq!(
        lines(&requests),
        ["GET /api/v3/myTrades?symbol=LTCBTC&orderId=100234&fromId=0&limit=1000"]
    );
    let page = done(VENUE.decode_list_fills(&cx, &named, Some(&state), &ok(&format!("[{TRADE}]"))));
    assert_eq!(page.fills[0].client_id.as_deref(), Some("mine"));
}

#[test]
fn fills_travel_between_steps_unchanged() {
    let desk = Desk::new();
    let cx = desk.cx();
    let command = fills(NOW - 8 * DAY, NOW);
    let early = TRADE.replace("1499827319000", &(NOW - 8 * DAY).to_string());
    let empty = || testing::response(200, "[]");
    let answers = [
        testing::response(200, format!("[{early}]")),
        empty(),
        empty(),
        empty(),
        empty(),
    ];
    let state = more(VENUE.decode_list_fills(&cx, &command, None, &answers));
    let requests = VENUE
        .encode_list_fills(&cx, &command, Some(&state))
        .expect("encodes");
    assert_eq!(
        lines(&requests),
        ["GET /api/v3/myTrades?symbol=LTCBTC&fromId=28458&limit=1000"]
    );
    let late = TRADE.replace("28457", "28458");
    let page =
        done(VENUE.decode_list_fills(&cx, &command, Some(&state), &ok(&format!("[{late}]"))));
    let [first, second] = &page.fills[..] else {
        panic!("two fills")
    };
    assert_eq!((first.at, second.at), (NOW - 8 * DAY, 1_499_827_319_000));
    assert_eq!(
        (&first.price, &first.fee, first.side),
        (&second.price, &second.fee, second.side)
    );
    assert_eq!(
        (&first.fee_asset, first.liquidity),
        (&second.fee_asset, second.liquidity)
    );
}
