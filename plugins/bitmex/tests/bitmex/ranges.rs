use switchyard_sdk::Trading;
use switchyard_sdk::trading::{Liquidity, ListFills, ListHistory};
use switchyard_sdk::types::{Error, ErrorKind, Side};

use crate::answers::{list, numbered, order, trade};
use crate::desk::*;

/// 2026-11-20 in UTC.
const DAY: u64 = NOW - 86_400_000;

fn history(limit: u32) -> ListHistory {
    ListHistory {
        since: DAY,
        before: NOW,
        limit,
    }
}

fn fills(limit: u32) -> ListFills {
    ListFills {
        order: None,
        since: DAY,
        before: NOW,
        limit,
    }
}

fn is_invalid<T>(result: Result<T, Error>) -> bool {
    result.is_err_and(|error| error.kind == ErrorKind::InvalidRequest)
}

#[test]
fn history_is_read_from_its_beginning_on() {
    let desk = Desk::at(inverse());
    let request = sole(VENUE.encode_list_history(&desk.cx(), &history(10), None));
    assert_eq!(
        line(&request),
        "GET /api/v1/order?symbol=XBTUSD&count=500&start=0&reverse=false&startTime=2026-11-20T00:00:00.000Z"
    );
    assert_eq!(costs(&request), [("rest_minute", 1)]);
    let desk = Desk::everywhere();
    let request = sole(VENUE.encode_list_history(&desk.cx(), &history(10), None));
    assert!(line(&request).starts_with("GET /api/v1/order?count=500"));
    let empty = ListHistory {
        before: DAY,
        ..history(10)
    };
    for command in [empty, history(0), history(10_001)] {
        assert!(is_invalid(VENUE.encode_list_history(
            &desk.cx(),
            &command,
            None
        )));
    }
}

#[test]
fn an_order_placed_within_the_range_and_filled_after_it_is_history() {
    let desk = Desk::everywhere();
    let late = order(&[
        ("ordStatus", "\"Filled\""),
        ("transactTime", "\"2026-11-20T23:59:59.999Z\""),
        ("timestamp", "\"2026-11-22T08:00:00.000Z\""),
    ]);
    let earlier = numbered(1, "12:00:00.000");
    let before = order(&[
        ("orderID", "\"4e1ef998-33c1-4736-b58b-000000000002\""),
        ("transactTime", "\"2026-11-19T23:59:59.999Z\""),
        ("timestamp", "\"2026-11-20T08:00:00.000Z\""),
    ]);
    let answer = ok(&list(&[before, late, earlier]));
    let page = done(VENUE.decode_list_history(&desk.cx(), &history(10), None, &answer));
    assert_eq!(page.read_until, None);
    let created: Vec<_> = page.orders.iter().map(|order| order.created_at).collect();
    assert_eq!(created, [Some(DAY + 43_200_000), Some(NOW - 1)]);
}

#[test]
fn a_limit_cuts_and_says_where() {
    let desk = Desk::everywhere();
    let rows: Vec<_> = (0..5)
        .map(|at| numbered(at, &format!("12:00:00.00{at}")))
        .collect();
    let answer = ok(&list(&rows));
    let page = done(VENUE.decode_list_history(&desk.cx(), &history(3), None, &answer));
    assert_eq!(page.orders.len(), 3);
    assert_eq!(page.read_until, Some(DAY + 43_200_002));
    let page = done(VENUE.decode_list_history(&desk.cx(), &history(5), None, &answer));
    assert_eq!((page.orders.len(), page.read_until), (5, None));
}

#[test]
fn a_full_page_is_followed_by_another() {
    let desk = Desk::everywhere();
    let cx = desk.cx();
    let full: Vec<_> = (0..500).map(|at| numbered(at, "12:00:00.000")).collect();
    let state = more(VENUE.decode_list_history(&cx, &history(1_000), None, &ok(&list(&full))));
    let request = sole(VENUE.encode_list_history(&cx, &history(1_000), Some(&state)));
    assert!(line(&request).contains("count=500&start=480&"));
    let answer = ok(&list(&[
        numbered(499, "12:00:00.000"),
        numbered(500, "12:00:01.000"),
    ]));
    let page = done(VENUE.decode_list_history(&cx, &history(1_000), Some(&state), &answer));
    assert_eq!((page.orders.len(), page.read_until), (501, None));
}

#[test]
fn a_range_with_more_orders_than_can_be_read_is_refused_and_not_cut_somewhere() {
    let desk = Desk::everywhere();
    let cx = desk.cx();
    let mut state: Option<Vec<u8>> = None;
    for page in 0..21 {
        let rows: Vec<_> = (page * 480..page * 480 + 500)
            .map(|at| numbered(at, &format!("12:{:02}:00.000", at / 480)))
            .collect();
        let step =
            VENUE.decode_list_history(&cx, &history(10_000), state.as_deref(), &ok(&list(&rows)));
        if page < 20 {
            state = Some(more(step));
        } else {
            let error = step.expect_err("is refused");
            assert_eq!(
                (error.kind, error.field.as_deref()),
                (ErrorKind::Unsupported, Some("since"))
            );
        }
    }
}

#[test]
fn an_order_that_an_amend_made_look_younger_hides_none_that_come_on_later_pages() {
    let desk = Desk::everywhere();
    let cx = desk.cx();
    // The first page is full of orders that were changed late; one placed before them is on the second.
    let late: Vec<_> = (0..500).map(|at| numbered(at, "18:00:00.000")).collect();
    let state = more(VENUE.decode_list_history(&cx, &history(100), None, &ok(&list(&late))));
    let early = [numbered(499, "18:00:00.000"), numbered(900, "09:00:00.000")];
    let page =
        done(VENUE.decode_list_history(&cx, &history(100), Some(&state), &ok(&list(&early))));
    assert_eq!(page.orders.len(), 100);
    assert_eq!(page.orders[0].created_at, Some(DAY + 9 * 3_600_000));
}

#[test]
fn an_order_that_is_amended_while_history_is_read_stays_where_it_was_placed() {
    let desk = Desk::everywhere();
    let cx = desk.cx();
    let full: Vec<_> = (0..500).map(|at| numbered(at, "12:00:00.000")).collect();
    let state = more(VENUE.decode_list_history(&cx, &history(1_000), None, &ok(&list(&full))));
    let amended = order(&[
        ("orderID", "\"4e1ef998-33c1-4736-b58b-000000000003\""),
        ("price", "97000"),
        ("transactTime", "\"2026-11-21T00:00:05.000Z\""),
        ("timestamp", "\"2026-11-21T00:00:05.000Z\""),
    ]);
    let answer = ok(&list(&[numbered(499, "12:00:00.000"), amended]));
    let page = done(VENUE.decode_list_history(&cx, &history(1_000), Some(&state), &answer));
    assert_eq!(page.orders.len(), 500);
    let amended = page
        .orders
        .iter()
        .find(|order| order.price.as_deref() == Some("97000"))
        .expect("is told as it stands");
    assert_eq!(amended.created_at, Some(DAY + 43_200_000));
    assert_eq!(amended.updated_at, Some(NOW + 5_000));
}

#[test]
fn a_range_begins_with_its_first_millisecond_and_ends_before_its_last() {
    let desk = Desk::everywhere();
    let at = |number: usize, time: &str| {
        let id = format!("\"4e1ef998-33c1-4736-b58b-{number:012}\"");
        let exec = format!("\"00000000-006d-1000-0000-{number:012}\"");
        trade(&[
            ("orderID", &id),
            ("execID", &exec),
            ("transactTime", time),
            ("timestamp", time),
        ])
    };
    let rows = list(&[
        at(1, "\"2026-11-19T23:59:59.999Z\""),
        at(2, "\"2026-11-20T00:00:00.000Z\""),
        at(3, "\"2026-11-20T23:59:59.999Z\""),
        at(4, "\"2026-11-21T00:00:00.000Z\""),
    ]);
    let page = done(VENUE.decode_list_fills(&desk.cx(), &fills(10), None, &ok(&rows)));
    let times: Vec<_> = page.fills.iter().map(|fill| fill.at).collect();
    assert_eq!(times, [DAY, NOW - 1]);
    let page = done(VENUE.decode_list_history(&desk.cx(), &history(10), None, &ok(&rows)));
    let times: Vec<_> = page.orders.iter().map(|order| order.created_at).collect();
    assert_eq!(times, [Some(DAY), Some(NOW - 1)]);
}

#[test]
fn what_is_no_trade_is_no_fill() {
    let desk = Desk::everywhere();
    let rows: Vec<_> = [
        "Funding",
        "Settlement",
        "New",
        "Replaced",
        "Canceled",
        "Insurance",
    ]
    .iter()
    .enumerate()
    .map(|(at, kind)| {
        trade(&[
            ("execID", &format!("\"00000000-006d-1000-0000-{at:012}\"")),
            ("execType", &format!("\"{kind}\"")),
            ("side", "\"\""),
            ("lastQty", "null"),
        ])
    })
    .collect();
    let page = done(VENUE.decode_list_fills(&desk.cx(), &fills(10), None, &ok(&list(&rows))));
    assert!(page.fills.is_empty());
}

#[test]
fn fills_are_trades_in_a_range() {
    let desk = Desk::at(inverse());
    let request = sole(VENUE.encode_list_fills(&desk.cx(), &fills(10), None));
    assert_eq!(
        line(&request),
        r#"GET /api/v1/execution/tradeHistory?symbol=XBTUSD&filter={"execType":"Trade"}&count=500&start=0&reverse=false&startTime=2026-11-20T00:00:00.000Z&endTime=2026-11-20T23:59:59.999Z"#
    );
    for (order, expected) in [
        (by_id(ORDER_ID), format!(r#","orderID":"{ORDER_ID}"}}"#)),
        (
            by_client_id(CLIENT_ID),
            format!(r#","clOrdID":"{CLIENT_ID}"}}"#),
        ),
    ] {
        let command = ListFills {
            order: Some(order),
            ..fills(10)
        };
        let request = sole(VENUE.encode_list_fills(&desk.cx(), &command, None));
        assert!(line(&request).contains(&expected));
    }
    assert!(is_invalid(VENUE.encode_list_fills(
        &desk.cx(),
        &fills(0),
        None
    )));
}

#[test]
fn a_fill_and_its_fee_are_exact() {
    let desk = Desk::everywhere();
    let rows = [
        trade(&[]),
        trade(&[
            ("execID", "\"00000000-006d-1000-0000-000e8737d541\""),
            ("symbol", "\"XBTUSDT\""),
            ("settlCurrency", "\"USDt\""),
            ("execComm", "-33179"),
            ("lastLiquidityInd", "\"AddedLiquidity\""),
            ("side", "\"Sell\""),
            ("timestamp", "\"2026-11-20T10:31:00.000Z\""),
        ]),
        // "BitMEX spot fees are charged in the quote currency."
        trade(&[
            ("execID", "\"00000000-006d-1000-0000-000e8737d542\""),
            ("symbol", "\"XBT_USDT\""),
            ("settlCurrency", "\"\""),
            ("execComm", "98"),
            ("timestamp", "\"2026-11-20T10:32:00.000Z\""),
        ]),
        trade(&[
            ("execID", "\"00000000-006d-1000-0000-000e8737d543\""),
            ("execType", "\"Funding\""),
        ]),
    ];
    let page = done(VENUE.decode_list_fills(&desk.cx(), &fills(10), None, &ok(&list(&rows))));
    assert_eq!((page.fills.len(), page.read_until), (3, None));
    let [inverse, linear, spot] = page.fills.as_slice() else {
        panic!("three fills expected");
    };
    assert_eq!(
        inverse.venue_fill_id,
        "00000000-006d-1000-0000-000e8737d540"
    );
    assert_eq!(inverse.venue_order_id, ORDER_ID);
    assert_eq!(inverse.client_id.as_deref(), Some(CLIENT_ID));
    assert_eq!(
        (inverse.quantity.as_str(), inverse.price.as_str()),
        ("100", "98000.5")
    );
    assert_eq!(inverse.fee.as_deref(), Some("0.00000051"));
    assert_eq!(inverse.fee_asset.as_deref(), Some("BTC"));
    assert_eq!(inverse.liquidity, Some(Liquidity::Taker));
    assert_eq!(inverse.at, 1_795_170_600_123);
    assert_eq!(
        (linear.side, linear.quantity.as_str()),
        (Side::Sell, "0.0001")
    );
    assert_eq!(linear.fee.as_deref(), Some("-0.033179"));
    assert_eq!(linear.fee_asset.as_deref(), Some("USDT"));
    assert_eq!(linear.liquidity, Some(Liquidity::Maker));
    assert_eq!(spot.quantity, "0.000001");
    assert_eq!(spot.fee.as_deref(), Some("0.000098"));
    assert_eq!(spot.fee_asset.as_deref(), Some("USDT"));
}

#[test]
fn a_fee_in_an_asset_of_unknown_scale_is_not_guessed() {
    let desk = Desk::everywhere();
    let rows = [
        trade(&[("settlCurrency", "\"NEw\"")]),
        trade(&[
            ("settlCurrency", "\"NEw\""),
            ("execID", "\"00000000-006d-1000-0000-000e8737d541\""),
        ]),
    ];
    let page = done(VENUE.decode_list_fills(&desk.cx(), &fills(10), None, &ok(&list(&rows))));
    assert_eq!(
        (&page.fills[0].fee, &page.fills[0].fee_asset),
        (&None, &None)
    );
    assert_eq!(desk.lines().len(), 1);
    // Of a contract that is no longer listed, the documented units are known still.
    let rows = [trade(&[("symbol", "\"XBTM25\"")])];
    let page = done(VENUE.decode_list_fills(&desk.cx(), &fills(10), None, &ok(&list(&rows))));
    assert_eq!(page.fills[0].symbol, "XBTM25");
    assert_eq!(page.fills[0].fee.as_deref(), Some("0.00000051"));
}
