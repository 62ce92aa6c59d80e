//! Every fault, on BitMEX: what the client sees, and whether the order exists.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod support;

use serde_json::{Value, json};
use support::bitmex::{ORDER, call, get, head, resting, start};
use support::{Bench, Response, parse};
use switchyard_venue_sim::{ExecutionFate, FaultAction, FaultRule, SettingsPatch};

/// The bytes that an order gets while the next request to place one meets a fault.
async fn faulty(bench: &Bench, action: FaultAction) -> Vec<u8> {
    let rule = FaultRule::on("POST", ORDER).symbol("XBTUSD").times(1);
    bench.sim.control().add_fault(rule.act(action));
    let expires_s = bench.sim.control().now_ms() / 1000 + 5;
    sent(bench, expires_s).await
}

async fn sent(bench: &Bench, expires_s: i64) -> Vec<u8> {
    let body = resting("faulty").to_string();
    let head = head(bench, "POST", ORDER, &body, expires_s);
    let length = body.len();
    bench
        .raw(&format!(
            "POST {ORDER} HTTP/1.1\r\nHost: venue\r\nConnection: close\r\n{head}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await
}

fn accepted(bench: &Bench) -> usize {
    bench.sim.control().executed().len()
}

fn error_of(response: &Response) -> Value {
    response.json()["error"]["message"].clone()
}

async fn until_accepted(bench: &Bench, count: usize) {
    for _ in 0..1_000 {
        if accepted(bench) == count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("{} orders, not {count}", accepted(bench));
}

#[tokio::test]
async fn connections_are_dropped_before_or_after_the_order_executes() {
    for (action, count) in [
        (FaultAction::DropBefore, 0),
        (FaultAction::ExecuteThenDrop, 1),
    ] {
        let bench = start().await;
        assert_eq!(faulty(&bench, action).await, b"");
        assert_eq!(accepted(&bench), count);
        let found = get(
            &bench,
            "/api/v1/order?filter=%7B%22clOrdID%22%3A%22faulty%22%7D",
        )
        .await;
        assert_eq!(found.as_array().unwrap().len(), count);
    }
}

#[tokio::test]
async fn delays_before_and_after_the_execution_end_in_the_true_answer() {
    for action in [
        FaultAction::DelayBefore { ms: 20 },
        FaultAction::DelayAfter { ms: 20 },
    ] {
        let bench = start().await;
        let answer = parse(&faulty(&bench, action).await).unwrap();
        assert_eq!(
            (answer.status, &answer.json()["ordStatus"]),
            (200, &json!("New"))
        );
        assert_eq!(accepted(&bench), 1);
    }
}

#[tokio::test]
async fn statuses_come_in_bitmex_words_and_execute_nothing() {
    for (status, text) in [
        (401, "Invalid API Key."),
        (403, "Access Denied"),
        (404, "Not Found"),
        (429, "Rate limit exceeded, retry in 1 seconds."),
        (500, "Server Error"),
        (
            503,
            "The system is currently overloaded. Please try again later.",
        ),
    ] {
        let bench = start().await;
        let action = FaultAction::Status {
            status,
            retry_after: Some(2),
            body: None,
        };
        let answer = parse(&faulty(&bench, action).await).unwrap();
        assert_eq!(
            (
                answer.status,
                answer.header("retry-after"),
                error_of(&answer)
            ),
            (status, Some("2"), json!(text))
        );
        assert_eq!(accepted(&bench), 0);
    }
}

#[tokio::test]
async fn an_unknown_outcome_says_the_same_whether_the_order_exists_or_not() {
    for (execution, count) in [
        (ExecutionFate::Executed, 1),
        (ExecutionFate::NotExecuted, 0),
    ] {
        let bench = start().await;
        let action = FaultAction::UnknownOutcome {
            status: 504,
            execution,
        };
        let answer = parse(&faulty(&bench, action).await).unwrap();
        assert_eq!(
            (answer.status, error_of(&answer)),
            (504, json!("Server Error"))
        );
        assert_eq!(accepted(&bench), count);
    }
    let bench = start().await;
    let action = FaultAction::UnknownOutcome {
        status: 500,
        execution: ExecutionFate::Late { ms: 100 },
    };
    assert_eq!(parse(&faulty(&bench, action).await).unwrap().status, 500);
    assert_eq!(accepted(&bench), 0);
    until_accepted(&bench, 1).await;
}

#[tokio::test]
async fn unreadable_answers_follow_an_order_that_exists_and_proxy_pages_do_not() {
    let bench = start().await;
    let garbage = faulty(&bench, FaultAction::GarbageBody { bytes: 64 }).await;
    let garbage = parse(&garbage).unwrap();
    assert_eq!((garbage.status, garbage.body.len()), (200, 64));
    assert!(serde_json::from_slice::<Value>(&garbage.body).is_err());
    assert_eq!(accepted(&bench), 1);

    let bench = start().await;
    let cut = parse(&faulty(&bench, FaultAction::TruncatedBody).await).unwrap();
    let declared: usize = cut.header("content-length").unwrap().parse().unwrap();
    assert!(!cut.body.is_empty() && cut.body.len() < declared);
    assert_eq!(accepted(&bench), 1);

    let bench = start().await;
    let page = faulty(&bench, FaultAction::HtmlErrorPage { status: 502 }).await;
    let page = parse(&page).unwrap();
    assert_eq!(
        (page.status, page.header("content-type")),
        (502, Some("text/html"))
    );
    assert_eq!(accepted(&bench), 0);
}

#[tokio::test]
async fn a_late_order_executes_after_it_has_expired_unless_the_venue_looks_twice() {
    for (looks_twice, count) in [(false, 1), (true, 0)] {
        let bench = start().await;
        let control = bench.sim.control();
        control.settings(SettingsPatch {
            recheck_window_before_execution: Some(looks_twice),
            ..SettingsPatch::default()
        });
        let late = FaultAction::ExecuteLate {
            ms: 200,
            drop_after_ms: 0,
        };
        assert_eq!(faulty(&bench, late).await, b"");
        assert_eq!(accepted(&bench), 0);
        control.advance_ms(60_000).unwrap();
        if count == 1 {
            until_accepted(&bench, 1).await;
        } else {
            // What would have executed it is due before this one.
            let slow = FaultAction::DelayBefore { ms: 400 };
            control.add_fault(FaultRule::on("GET", "/api/v1/position").act(slow));
            get(&bench, "/api/v1/position").await;
        }
        assert_eq!(accepted(&bench), count, "looks twice: {looks_twice}");
    }
}

#[tokio::test]
async fn an_expired_request_is_refused_before_it_waits_in_any_queue() {
    let bench = start().await;
    let expires_s = bench.sim.control().now_ms() / 1000 - 1;
    let answer = parse(&sent(&bench, expires_s).await).unwrap();
    assert_eq!((answer.status, accepted(&bench)), (400, 0));
}

#[tokio::test]
async fn lookups_lag_and_what_lags_is_there_all_the_same() {
    let bench = start().await;
    let control = bench.sim.control();
    control.settings(SettingsPatch {
        lookup_lag_ms: Some(1_500),
        ..SettingsPatch::default()
    });
    control.advance_ms(10_000).unwrap();
    let order = json!({ "symbol": "XBTUSD", "orderQty": 100, "ordType": "Market", "clOrdID": "m" });
    let placed = call(&bench, "POST", ORDER, &order).await.json();
    assert_eq!(placed["ordStatus"], "Filled");
    let tables = [ORDER, "/api/v1/execution", "/api/v1/execution/tradeHistory"];
    for table in tables {
        assert_eq!(get(&bench, table).await, json!([]), "{table}");
    }
    assert_eq!(accepted(&bench), 1);
    control.advance_ms(1_500).unwrap();
    for table in tables {
        let rows = get(&bench, table).await;
        assert!(
            rows.as_array()
                .unwrap()
                .iter()
                .all(|row| row["clOrdID"] == "m")
                && rows != json!([]),
            "{table}: {rows}"
        );
    }
}

#[tokio::test]
async fn a_client_id_is_refused_while_its_order_is_open_and_taken_twice_where_ids_are_not_unique() {
    for (unique, status, count) in [(true, 400, 1), (false, 200, 2)] {
        let bench = start().await;
        bench.sim.control().settings(SettingsPatch {
            unique_open_client_ids: Some(unique),
            ..SettingsPatch::default()
        });
        call(&bench, "POST", ORDER, &resting("same")).await;
        // On another instrument too, because ids belong to the account.
        let mut again = resting("same");
        again["symbol"] = json!("XBTZ26");
        let second = call(&bench, "POST", ORDER, &again).await;
        assert_eq!((second.status, accepted(&bench)), (status, count));
    }
}
