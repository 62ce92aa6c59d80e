use std::collections::BTreeSet;

use switchyard_sdk::trading::{Cancel, CancelOutcome, GetOrder};
use switchyard_sdk::types::{Effect, ErrorKind, OrderState, OrderType, Side, TimeInForce};
use switchyard_sdk::{Step, Trading};

use crate::answers::{list, numbered, order};
use crate::desk::*;

fn cancel() -> Cancel {
    Cancel {
        order: by_id(ORDER_ID),
    }
}

#[test]
fn a_cancel_names_one_order_in_its_body() {
    let desk = Desk::at(inverse());
    let request = sole(VENUE.encode_cancel(&desk.cx(), &cancel(), None));
    assert_eq!(line(&request), "DELETE /api/v1/order");
    assert_eq!(body(&request), format!(r#"{{"orderID":"{ORDER_ID}"}}"#));
    assert_eq!(costs(&request), [("rest_minute", 1), ("rest_second", 1)]);
    let named = Cancel {
        order: by_client_id("a\"b"),
    };
    let request = sole(VENUE.encode_cancel(&desk.cx(), &named, None));
    assert_eq!(body(&request), r#"{"clOrdID":"a\"b"}"#);
    for order in [
        by_id("1"),
        by_id("4e1ef998-33c1-4736-b58b-9d8b4d085c4g"),
        by_client_id(""),
    ] {
        let refused = VENUE.encode_cancel(&desk.cx(), &Cancel { order }, None);
        assert_eq!(blamed(refused).as_deref(), Some("order"));
    }
}

#[test]
fn a_cancelled_order_is_confirmed() {
    let desk = Desk::at(inverse());
    let canceled = list(&[order(&[("ordStatus", "\"Canceled\""), ("cumQty", "40")])]);
    let outcome = done(VENUE.decode_cancel(&desk.cx(), &cancel(), None, &ok(&canceled)));
    let CancelOutcome::Confirmed(report) = outcome else {
        panic!("is not confirmed");
    };
    assert_eq!(report.state, OrderState::Canceled);
    assert_eq!(report.filled_quantity, "40");
    let pending = list(&[order(&[("ordStatus", "\"PendingCancel\"")])]);
    let outcome = done(VENUE.decode_cancel(&desk.cx(), &cancel(), None, &ok(&pending)));
    assert!(matches!(outcome, CancelOutcome::Accepted));
}

#[test]
fn an_order_that_could_not_be_cancelled_says_why() {
    let desk = Desk::at(inverse());
    let filled = list(&[order(&[
        ("ordStatus", "\"Filled\""),
        (
            "error",
            r#""Unable to cancel order due to existing state: Filled""#,
        ),
    ])]);
    let verdict_of =
        |body: &str| verdict(VENUE.decode_cancel(&desk.cx(), &cancel(), None, &ok(body)));
    assert_eq!(verdict_of(&filled), (ErrorKind::NotAmendable, Effect::None));
    // An order that ended by itself just before has little more than its id.
    let gone = format!(
        r#"[{{"account":0,"orderID":"{ORDER_ID}","ordRejReason":"Invalid orderID","ordStatus":"Rejected","text":"","timestamp":"2026-07-20T21:23:23.167Z","transactTime":"2026-07-20T21:23:23.167Z","workingIndicator":false}}]"#
    );
    assert_eq!(verdict_of(&gone), (ErrorKind::OrderNotFound, Effect::None));
    for body in ["[]", "{}", &list(&[numbered(7, "10:00:00.000")])] {
        assert_eq!(
            verdict_of(body),
            (ErrorKind::MalformedResponse, Effect::Unknown)
        );
    }
    let not_found =
        verdict(VENUE.decode_cancel(&desk.cx(), &cancel(), None, &said(404, "Not Found")));
    assert_eq!(not_found, (ErrorKind::OrderNotFound, Effect::None));
}

#[test]
fn all_orders_are_cancelled_on_a_symbol_or_everywhere() {
    let desk = Desk::at(spot());
    let request = sole(VENUE.encode_cancel_all(&desk.cx(), None));
    assert_eq!(line(&request), "DELETE /api/v1/order/all");
    assert_eq!(body(&request), r#"{"symbol":"XBT_USDT"}"#);
    let desk = Desk::everywhere();
    let request = sole(VENUE.encode_cancel_all(&desk.cx(), None));
    assert_eq!(body(&request), "{}");
    assert_eq!(costs(&request), [("rest_minute", 1), ("rest_second", 1)]);

    let canceled = order(&[("symbol", "\"XBT_USDT\""), ("ordStatus", "\"Canceled\"")]);
    let gone = r#"{"orderID":"f36a053b-a5b6-451a-a9c4-fa5d027b05db","ordRejReason":"Invalid orderID","ordStatus":"Rejected"}"#;
    let outcome = done(VENUE.decode_cancel_all(
        &desk.cx(),
        None,
        &ok(&list(std::slice::from_ref(&canceled))),
    ));
    assert!(outcome.complete);
    assert_eq!(outcome.canceled[0].symbol, "BTC/USDT");
    assert_eq!(outcome.canceled[0].quantity.as_deref(), Some("0.000001"));
    let both = list(&[canceled, gone.to_owned()]);
    let outcome = done(VENUE.decode_cancel_all(&desk.cx(), None, &ok(&both)));
    assert_eq!((outcome.canceled.len(), outcome.complete), (1, false));
    let outcome = done(VENUE.decode_cancel_all(&desk.cx(), None, &ok("[]")));
    assert!(outcome.canceled.is_empty() && outcome.complete);
}

#[test]
fn an_order_is_found_by_either_id() {
    let desk = Desk::at(inverse());
    let by = |order| {
        let request = sole(VENUE.encode_get_order(&desk.cx(), &GetOrder { order }, None));
        assert_eq!(costs(&request), [("rest_minute", 1)]);
        line(&request)
    };
    assert_eq!(
        by(by_id(ORDER_ID)),
        format!(
            r#"GET /api/v1/order?symbol=XBTUSD&filter={{"orderID":"{ORDER_ID}"}}&count=1&reverse=true"#
        )
    );
    assert_eq!(
        by(by_client_id(CLIENT_ID)),
        r#"GET /api/v1/order?symbol=XBTUSD&filter={"clOrdID":"mm0a1b2c"}&count=1&reverse=true"#
    );
    let get = GetOrder {
        order: by_client_id(CLIENT_ID),
    };
    let found = done(VENUE.decode_get_order(&desk.cx(), &get, None, &ok(&list(&[order(&[])]))));
    assert_eq!(found.venue_id, ORDER_ID);
    let none = verdict(VENUE.decode_get_order(&desk.cx(), &get, None, &ok("[]")));
    assert_eq!(none, (ErrorKind::OrderNotFound, Effect::None));
    let other = list(&[order(&[("clOrdID", "\"other\"")])]);
    let other = verdict(VENUE.decode_get_order(&desk.cx(), &get, None, &ok(&other)));
    assert_eq!(other, (ErrorKind::MalformedResponse, Effect::None));
}

#[test]
fn open_orders_are_read_page_by_page() {
    let desk = Desk::everywhere();
    let cx = desk.cx();
    let request = sole(VENUE.encode_list_open(&cx, None));
    assert_eq!(
        line(&request),
        r#"GET /api/v1/order?filter={"open":true}&count=500&start=0&reverse=false"#
    );
    let full: Vec<_> = (0..500).map(|at| numbered(at, "10:00:00.000")).collect();
    let state = more(VENUE.decode_list_open(&cx, None, &ok(&list(&full))));
    let request = sole(VENUE.encode_list_open(&cx, Some(&state)));
    // The pages overlap, and no order is told twice.
    assert!(line(&request).ends_with("&count=500&start=480&reverse=false"));
    let rest: Vec<_> = (480..501).map(|at| numbered(at, "10:00:00.000")).collect();
    let orders = done(VENUE.decode_list_open(&cx, Some(&state), &ok(&list(&rest))));
    assert_eq!(orders.len(), 501);
    let desk = Desk::at(linear());
    let request = sole(VENUE.encode_list_open(&desk.cx(), None));
    assert!(line(&request).starts_with(r#"GET /api/v1/order?symbol=XBTUSDT&filter={"open":true}"#));
}

/// Reads the open orders of a venue on which something `happens` after each answer; gives their ids and how
/// many requests it took.
fn read_open(mut open: Vec<String>, happens: impl Fn(&mut Vec<String>)) -> (Vec<String>, usize) {
    let desk = Desk::everywhere();
    let cx = desk.cx();
    let mut state: Option<Vec<u8>> = None;
    for asked in 1..=21 {
        let request = sole(VENUE.encode_list_open(&cx, state.as_deref()));
        let line = line(&request);
        let (_, start) = line.split_once("&start=").expect("has a start");
        let start: usize = start
            .trim_end_matches("&reverse=false")
            .parse()
            .expect("is a number");
        let page: Vec<_> = open.iter().skip(start).take(500).cloned().collect();
        happens(&mut open);
        match VENUE.decode_list_open(&cx, state.as_deref(), &ok(&list(&page))) {
            Ok(Step::Continue(next)) => state = Some(next),
            Ok(Step::Done(orders)) => {
                return (
                    orders.into_iter().map(|order| order.venue_id).collect(),
                    asked,
                );
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("is never done");
}

fn ids(of: std::ops::Range<usize>) -> Vec<String> {
    of.map(|at| format!("4e1ef998-33c1-4736-b58b-{at:012}"))
        .collect()
}

#[test]
fn the_next_page_is_asked_for_without_reading_what_came_before() {
    // An encode has milliseconds, and what was read may have megabytes: rows that nobody could read say that
    // nobody did.
    let desk = Desk::everywhere();
    let cx = desk.cx();
    let full: Vec<_> = (0..500).map(|at| numbered(at, "10:00:00.000")).collect();
    let mut state = more(VENUE.decode_list_open(&cx, None, &ok(&list(&full))));
    let whole = line(&sole(VENUE.encode_list_open(&cx, Some(&state))));
    state.truncate(1_000);
    let cut = line(&sole(VENUE.encode_list_open(&cx, Some(&state))));
    assert_eq!(cut, whole);
    assert!(
        VENUE
            .decode_list_open(&cx, Some(&state), &ok("[]"))
            .is_err()
    );
}

#[test]
fn an_order_that_ends_between_two_pages_hides_no_other() {
    // As many as a page is meant to bear, one more than that, and more than a page has.
    for (ends, asked) in [(1, 3), (19, 3), (20, 5), (600, 4)] {
        let open: Vec<_> = (0..1_300).map(|at| numbered(at, "10:00:00.000")).collect();
        let has_happened = std::cell::Cell::new(false);
        let (told, requests) = read_open(open, |open| {
            if !has_happened.replace(true) {
                open.drain(..ends);
            }
        });
        assert_eq!(told.len(), told.iter().collect::<BTreeSet<_>>().len());
        let missed: Vec<_> = ids(ends..1_300)
            .into_iter()
            .filter(|id| !told.contains(id))
            .collect();
        assert!(missed.is_empty(), "{ends} ended, {missed:?} were missed");
        assert_eq!(requests, asked, "{ends} ended");
    }
}

#[test]
fn an_order_that_moves_to_the_end_hides_no_other_and_is_told_as_it_is_then() {
    let open: Vec<_> = (0..700).map(|at| numbered(at, "10:00:00.000")).collect();
    let has_happened = std::cell::Cell::new(false);
    let (told, _) = read_open(open, |open| {
        if !has_happened.replace(true) {
            for at in 0..30 {
                open.remove(0);
                open.push(numbered(at, "11:00:00.000"));
            }
        }
    });
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), 700);
    assert_eq!(told.len(), 700);
    let desk = Desk::everywhere();
    let twice = list(&[
        order(&[]),
        order(&[("ordStatus", "\"PartiallyFilled\""), ("cumQty", "40")]),
    ]);
    let orders = done(VENUE.decode_list_open(&desk.cx(), None, &ok(&twice)));
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].filled_quantity, "40");
}

#[test]
fn open_orders_that_never_hold_still_are_refused_and_not_told_in_part() {
    let desk = Desk::everywhere();
    let cx = desk.cx();
    let mut state: Option<Vec<u8>> = None;
    for page in 1..=21 {
        let rows: Vec<_> = (page * 500..page * 500 + 500)
            .map(|at| numbered(at, "10:00:00.000"))
            .collect();
        let step = VENUE.decode_list_open(&cx, state.as_deref(), &ok(&list(&rows)));
        if page < 21 {
            state = Some(more(step));
        } else {
            assert_eq!(verdict(step), (ErrorKind::Unsupported, Effect::None));
        }
    }
}

#[test]
fn a_waiting_order_of_which_a_part_is_filled_is_partly_filled() {
    let desk = Desk::everywhere();
    for status in [
        "New",
        "Triggered",
        "DoneForDay",
        "Stopped",
        "Suspended",
        "PartiallyFilled",
    ] {
        let status = format!("\"{status}\"");
        let rows = list(&[order(&[("ordStatus", &status), ("cumQty", "40")])]);
        let orders = done(VENUE.decode_list_open(&desk.cx(), None, &ok(&rows)));
        assert_eq!(orders[0].state, OrderState::PartiallyFilled, "{status}");
    }
    let rows = list(&[order(&[("ordStatus", "\"Stopped\""), ("cumQty", "null")])]);
    let orders = done(VENUE.decode_list_open(&desk.cx(), None, &ok(&rows)));
    assert_eq!(orders[0].state, OrderState::New);
}

#[test]
fn other_clients_orders_are_told_as_far_as_there_are_words() {
    let desk = Desk::everywhere();
    let stop = order(&[
        ("ordType", "\"Stop\""),
        ("ordStatus", "\"Untriggered\""),
        ("execInst", "\"Close,LastPrice\""),
        ("orderQty", "null"),
        ("price", "null"),
        ("stopPx", "90000"),
        ("timeInForce", "\"Day\""),
        ("clOrdID", "\"\""),
        ("side", "\"Sell\""),
        ("symbol", "\"P_FTXZ26\""),
    ]);
    let orders = done(VENUE.decode_list_open(&desk.cx(), None, &ok(&list(&[stop]))));
    let report = &orders[0];
    assert_eq!(report.symbol, "P_FTXZ26");
    assert_eq!(report.order_type, OrderType::Other);
    assert_eq!(report.state, OrderState::New);
    assert_eq!((report.side, report.reduce_only), (Side::Sell, true));
    assert_eq!(
        (&report.quantity, &report.price, &report.client_id),
        (&None, &None, &None)
    );
    assert_eq!(report.time_in_force, None);
}

#[test]
fn a_market_order_that_filled_shows_its_average() {
    let desk = Desk::at(linear());
    let filled = order(&[
        ("symbol", "\"XBTUSDT\""),
        ("ordType", "\"Market\""),
        ("ordStatus", "\"Filled\""),
        ("timeInForce", "\"ImmediateOrCancel\""),
        ("price", "66000"),
        ("orderQty", "200"),
        ("cumQty", "200"),
        ("avgPx", "66358.8"),
    ]);
    let get = GetOrder {
        order: by_id(&ORDER_ID.to_uppercase()),
    };
    let report = done(VENUE.decode_get_order(&desk.cx(), &get, None, &ok(&list(&[filled]))));
    assert_eq!(report.state, OrderState::Filled);
    assert_eq!(report.filled_quantity, "0.0002");
    assert_eq!(report.average_price.as_deref(), Some("66358.8"));
    assert_eq!(
        (report.price, report.time_in_force),
        (None, None::<TimeInForce>)
    );
}
