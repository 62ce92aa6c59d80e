use switchyard_sdk::Trading;
use switchyard_sdk::testing;
use switchyard_sdk::trading::{History, Liquidity, ListFills, ListHistory};
use switchyard_sdk::types::{ErrorKind, HttpResponse, Side};

use crate::desk::*;

const DAY: u64 = 86_400_000;

fn page(symbol: &str, first: u64, count: u64, time: u64) -> HttpResponse {
    let orders: Vec<_> = (first..first + count)
        .map(|id| order(symbol, id, time + id - first))
        .collect();
    testing::response(200, format!("[{}]", orders.join(",")))
}

#[test]
fn history_is_asked_for_in_windows_of_seven_days() {
    for (endpoint, root) in BOTH {
        let desk = Desk::on(endpoint);
        let symbol = desk.symbol();
        let since = NOW - 10 * DAY;
        let limit = if endpoint == "usdm" { 1_000 } else { 100 };
        let requests = VENUE
            .encode_list_history(&desk.cx(), &history(since, NOW, 10), None)
            .expect("encodes");
        let middle = since + 7 * DAY;
        assert_eq!(
            lines(&requests),
            [
                format!(
                    "GET {root}/v1/allOrders?symbol={symbol}&startTime={since}&endTime={}&limit={limit}",
                    middle - 1
                ),
                format!(
                    "GET {root}/v1/allOrders?symbol={symbol}&startTime={middle}&endTime={}&limit={limit}",
                    NOW - 1
                )
            ]
        );
        let weight = if endpoint == "usdm" { 5 } else { 20 };
        assert!(
            requests
                .iter()
                .all(|request| request.costs[0].amount == weight)
        );
    }
}

#[test]
fn a_full_window_is_read_on_by_id_to_its_end_and_no_further() {
    let desk = Desk::on("coinm");
    let cx = desk.cx();
    let symbol = desk.symbol();
    let since = NOW - 10 * DAY;
    let command = history(since, NOW, 5_000);
    let answers = [
        page(symbol, 1, 100, since),
        page(symbol, 5_000, 1, NOW - DAY),
    ];
    let state = more(VENUE.decode_list_history(&cx, &command, None, &answers));
    let requests = VENUE
        .encode_list_history(&cx, &command, Some(&state))
        .expect("encodes");
    assert_eq!(
        lines(&requests),
        [format!(
            "GET /dapi/v1/allOrders?symbol={symbol}&orderId=101&limit=100"
        )]
    );
    // The last of these lies in the next window, which is asked for in its turn.
    let rest = format!(
        "[{},{}]",
        order(symbol, 101, since + DAY),
        order(symbol, 5_000, NOW - DAY)
    );
    let state = more(VENUE.decode_list_history(&cx, &command, Some(&state), &ok(&rest)));
    let requests = VENUE
        .encode_list_history(&cx, &command, Some(&state))
        .expect("encodes");
    assert!(lines(&requests)[0].contains(&format!("startTime={}&", since + 7 * DAY)));
    let last = [page(symbol, 5_000, 1, NOW - DAY)];
    let state = more(VENUE.decode_list_history(&cx, &command, Some(&state), &last));
    let nothing = [testing::response(200, "[]"), testing::response(200, "[]")];
    let found = done(VENUE.decode_list_history(&cx, &command, Some(&state), &nothing));
    assert_eq!((found.orders.len(), found.read_until), (102, None));
}

#[test]
fn a_page_that_does_not_advance_is_malformed_and_no_loop() {
    let desk = Desk::on("coinm");
    let cx = desk.cx();
    let command = history(NOW - DAY, NOW, 5_000);
    let full = [page(desk.symbol(), 1, 100, NOW - DAY)];
    let state = more(VENUE.decode_list_history(&cx, &command, None, &full));
    assert_eq!(
        verdict(VENUE.decode_list_history(&cx, &command, Some(&state), &full)).0,
        ErrorKind::MalformedResponse
    );
}

/// Reads a USD-M history from the orders and conditional orders of one window.
fn whole(command: &ListHistory, orders: &str, algos: &str) -> History {
    let desk = Desk::on("usdm");
    let cx = desk.cx();
    let state = more(VENUE.decode_list_history(&cx, command, None, &ok(orders)));
    let requests = VENUE
        .encode_list_history(&cx, command, Some(&state))
        .expect("encodes");
    assert!(
        lines(&requests)[0].starts_with("GET /fapi/v1/allAlgoOrders?symbol=BTCUSDT&startTime=")
    );
    assert_eq!(requests[0].costs[0].amount, 5);
    done(VENUE.decode_list_history(&cx, command, Some(&state), &ok(algos)))
}

#[test]
fn conditional_orders_that_never_triggered_are_part_of_history() {
    let orders = format!("[{}]", order("BTCUSDT", 5, NOW - 500));
    let triggered =
        algo(8, "FINISHED", NOW - 800).replace("\"actualOrderId\":\"\"", "\"actualOrderId\":\"5\"");
    let algos = format!("[{},{triggered}]", algo(7, "CANCELED", NOW - 900));
    let ids = |found: &History| -> Vec<String> {
        let ids = found.orders.iter().map(|order| order.venue_id.clone());
        ids.collect()
    };
    let found = whole(&history(NOW - 1_000, NOW, 10), &orders, &algos);
    assert_eq!(ids(&found), ["algo-7", "5"]);
    assert!(found.read_until.is_none());
    let found = whole(&history(NOW - 1_000, NOW, 1), &orders, &algos);
    assert_eq!(ids(&found), ["algo-7"]);
    assert!(found.read_until.is_some());
}

#[test]
fn nothing_is_asked_that_the_venue_has_forgotten_and_a_long_range_ends() {
    for (endpoint, _) in BOTH {
        let desk = Desk::on(endpoint);
        let cx = desk.cx();
        let command = history(0, u64::MAX / 2, 10);
        let mut state = None;
        for step in 0.. {
            assert!(step < 12);
            let requests = VENUE
                .encode_list_history(&cx, &command, state.as_deref())
                .expect("encodes");
            for request in &requests {
                let start = request.path.split("startTime=").nth(1).expect("has one");
                let start: u64 = start
                    .split('&')
                    .next()
                    .unwrap_or("")
                    .parse()
                    .expect("is a time");
                assert!(start > NOW - 90 * DAY);
            }
            let empty = vec![testing::response(200, "[]"); requests.len()];
            match VENUE
                .decode_list_history(&cx, &command, state.as_deref(), &empty)
                .expect("decodes")
            {
                switchyard_sdk::Step::Continue(next) => state = Some(next),
                switchyard_sdk::Step::Done(page) => {
                    assert!(page.read_until.is_none());
                    break;
                }
            }
        }
        // A range that is forgotten whole is asked for once, and has nothing.
        let command = history(1_000, 2_000, 10);
        let requests = VENUE
            .encode_list_history(&cx, &command, None)
            .expect("encodes");
        assert_eq!(requests.len(), 1);
    }
}

/// The documents' examples of `userTrades`.
const LINEAR: &str = r#"{"buyer":false,"commission":"-0.07819010","commissionAsset":"USDT","id":698759,
    "maker":false,"orderId":25851813,"price":"7819.01","qty":"0.002","quoteQty":"15.63802",
    "realizedPnl":"-0.91539999","side":"SELL","positionSide":"SHORT","symbol":"BTCUSDT","time":TIME}"#;
const INVERSE: &str = r#"{"symbol":"BTCUSD_PERP","id":6,"orderId":28,"pair":"BTCUSD","side":"SELL",
    "price":"8800","qty":"1","realizedPnl":"0","marginAsset":"BTC","baseQty":"0.01136364",
    "commission":"0.00000454","commissionAsset":"BTC","time":TIME,"positionSide":"BOTH","buyer":false,
    "maker":true}"#;

#[test]
fn a_fill_is_in_the_instruments_unit_and_says_what_it_cost() {
    for (endpoint, example, quantity, fee, liquidity) in [
        ("usdm", LINEAR, "0.002", "-0.07819010", Liquidity::Taker),
        ("coinm", INVERSE, "1", "0.00000454", Liquidity::Maker),
    ] {
        let desk = Desk::on(endpoint);
        let command = ListFills {
            order: None,
            since: NOW - 1_000,
            before: NOW,
            limit: 10,
        };
        let body = format!("[{}]", example.replace("TIME", &(NOW - 5).to_string()));
        let page = done(VENUE.decode_list_fills(&desk.cx(), &command, None, &ok(&body)));
        let fill = &page.fills[0];
        assert_eq!(
            (fill.quantity.as_str(), fill.fee.as_deref()),
            (quantity, Some(fee))
        );
        assert_eq!(
            (fill.side, fill.liquidity, fill.at),
            (Side::Sell, Some(liquidity), NOW - 5)
        );
        assert!(page.read_until.is_none());
    }
}

#[test]
fn the_fills_of_one_order_are_read_by_time_as_well() {
    let desk = Desk::on("coinm");
    let cx = desk.cx();
    let named = ListFills {
        order: Some(by_client_id("abc")),
        since: NOW - 8 * DAY,
        before: NOW,
        limit: 10,
    };
    let request = sole(VENUE.encode_list_fills(&cx, &named, None));
    assert_eq!(
        line(&request),
        "GET /dapi/v1/order?symbol=BTCUSD_PERP&origClientOrderId=abc"
    );
    let state =
        more(VENUE.decode_list_fills(&cx, &named, None, &ok(&order("BTCUSD_PERP", 28, NOW))));
    let requests = VENUE
        .encode_list_fills(&cx, &named, Some(&state))
        .expect("encodes");
    assert_eq!(requests.len(), 2);
    assert!(
        lines(&requests)[0]
            .starts_with("GET /dapi/v1/userTrades?symbol=BTCUSD_PERP&orderId=28&startTime=")
    );
    let answers = [
        testing::response(
            200,
            format!(
                "[{}]",
                INVERSE.replace("TIME", &(NOW - 7 * DAY).to_string())
            ),
        ),
        testing::response(200, "[]"),
    ];
    let page = done(VENUE.decode_list_fills(&cx, &named, Some(&state), &answers));
    assert_eq!(page.fills[0].client_id.as_deref(), Some("abc"));
}
