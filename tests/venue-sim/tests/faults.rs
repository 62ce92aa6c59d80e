//! Each fault does to the wire, and to the venue's books, exactly what it says.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::json;
use support::{Bench, parse};
use switchyard_venue_sim::{ExecutionFate, FaultAction, FaultRule};

fn on_orders(action: FaultAction) -> FaultRule {
    FaultRule::on("POST", "/api/v3/order").times(1).act(action)
}

async fn with_fault(action: FaultAction) -> (Bench, Vec<u8>) {
    let bench = Bench::start().await;
    bench.sim.control().add_fault(on_orders(action));
    let bytes = bench
        .raw_call("POST", "/api/v3/order", &support::resting("faulty"))
        .await;
    (bench, bytes)
}

#[tokio::test]
async fn drop_before_sends_not_one_byte_and_executes_nothing() {
    let (bench, bytes) = with_fault(FaultAction::DropBefore).await;
    assert_eq!(bytes, b"");
    assert!(bench.sim.control().executed().is_empty());
}

#[tokio::test]
async fn execute_then_drop_sends_not_one_byte_but_the_order_exists() {
    let (bench, bytes) = with_fault(FaultAction::ExecuteThenDrop).await;
    assert_eq!(bytes, b"");
    let executed = bench.sim.control().executed();
    assert_eq!(
        (executed.len(), executed[0].client_order_id.as_str()),
        (1, "faulty")
    );
}

#[tokio::test]
async fn a_truncated_body_is_shorter_than_it_declares() {
    let (bench, bytes) = with_fault(FaultAction::TruncatedBody).await;
    let response = parse(&bytes).unwrap();
    let declared: usize = response.header("content-length").unwrap().parse().unwrap();
    assert!(!response.body.is_empty() && response.body.len() < declared);
    assert_eq!(bench.sim.control().executed().len(), 1);
}

#[tokio::test]
async fn a_garbage_body_comes_with_a_good_status_and_the_order_exists() {
    let (bench, bytes) = with_fault(FaultAction::GarbageBody { bytes: 64 }).await;
    let response = parse(&bytes).unwrap();
    assert_eq!((response.status, response.body.len()), (200, 64));
    assert!(serde_json::from_slice::<serde_json::Value>(&response.body).is_err());
    assert_eq!(bench.sim.control().executed().len(), 1);
}

#[tokio::test]
async fn a_status_fault_carries_retry_after_and_executes_nothing() {
    let action = FaultAction::Status {
        status: 429,
        retry_after: Some(3),
        body: None,
    };
    let (bench, bytes) = with_fault(action).await;
    let response = parse(&bytes).unwrap();
    assert_eq!(
        (
            response.status,
            response.header("retry-after"),
            response.code()
        ),
        (429, Some("3"), -1003)
    );
    assert!(bench.sim.control().executed().is_empty());
}

#[tokio::test]
async fn an_html_error_page_is_not_json() {
    let (bench, bytes) = with_fault(FaultAction::HtmlErrorPage { status: 502 }).await;
    let response = parse(&bytes).unwrap();
    assert_eq!(
        (response.status, response.header("content-type")),
        (502, Some("text/html"))
    );
    assert!(bench.sim.control().executed().is_empty());
}

#[tokio::test]
async fn an_unknown_outcome_looks_the_same_whether_the_order_exists_or_not() {
    for (execution, orders) in [
        (ExecutionFate::Executed, 1),
        (ExecutionFate::NotExecuted, 0),
    ] {
        let (bench, bytes) = with_fault(FaultAction::UnknownOutcome {
            status: 503,
            execution,
        })
        .await;
        let response = parse(&bytes).unwrap();
        assert_eq!((response.status, response.code()), (503, -1007));
        assert_eq!(bench.sim.control().executed().len(), orders);
    }
}

#[tokio::test]
async fn a_late_execution_happens_even_after_the_window_has_closed() {
    let (bench, bytes) = with_fault(FaultAction::ExecuteLate {
        ms: 300,
        drop_after_ms: 0,
    })
    .await;
    assert_eq!(bytes, b"");
    bench.sim.control().advance_ms(120_000).unwrap();
    assert!(
        bench.sim.control().executed().is_empty(),
        "executed before its time"
    );
    while bench.sim.control().executed().is_empty() {
        tokio::task::yield_now().await;
    }
    let order = &bench.sim.control().executed()[0];
    assert_eq!(
        (order.accepted_at_ms - support::START_MS, order.state),
        (120_000, "NEW")
    );
}

#[tokio::test]
async fn a_request_is_executed_even_if_the_client_goes_away_while_it_waits() {
    let bench = Bench::start().await;
    bench
        .sim
        .control()
        .add_fault(on_orders(FaultAction::DelayBefore { ms: 50 }));
    let target = format!(
        "/api/v3/order?{}",
        bench.signed(&support::resting("impatient"))
    );
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: venue\r\n{}\r\n",
        bench.key_header()
    );
    let mut stream = tokio::net::TcpStream::connect(bench.sim.address())
        .await
        .unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes())
        .await
        .unwrap();
    while bench.sim.control().requests().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    while bench.sim.control().executed().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_log_of_requests_shows_what_was_sent_without_the_signature() {
    let (bench, _) = with_fault(FaultAction::DropBefore).await;
    bench.get("/api/v3/ping").await;
    let requests = bench.sim.control().requests();
    assert_eq!(
        (requests[0].status, requests[0].fault.as_deref()),
        (None, Some("drop_before"))
    );
    assert!(requests[0].query.contains("newClientOrderId=faulty"));
    assert!(
        requests[0].query.ends_with("signature=REDACTED"),
        "{}",
        requests[0].query
    );
    assert_eq!(
        (requests[1].path.as_str(), requests[1].status),
        ("/api/v3/ping", Some(200))
    );
}

#[tokio::test]
async fn an_unknown_control_field_is_refused_by_name() {
    let bench = Bench::start().await;
    let bodies = [
        (
            "faults",
            r#"{"action":"drop_before","metod":"POST"}"#,
            "metod",
        ),
        (
            "faults",
            r#"{"action":{"delay_before":{"ms":1,"mss":2}}}"#,
            "mss",
        ),
        ("faults", r#"{"action":"explode"}"#, "explode"),
        ("clock", r#"{"offset":1}"#, "offset"),
        ("settings", r#"{"limits":{"orders_10":1}}"#, "orders_10"),
        ("settings", r#"{"maker_fee":0.1}"#, "maker_fee"),
        ("market", r#"{"symbol":"NOPE","mid":"1"}"#, "symbol"),
    ];
    for (endpoint, body, named) in bodies {
        let response = bench
            .send("POST", &format!("/_control/{endpoint}"), "", body)
            .await;
        let error = response.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(response.status, 400, "{body}");
        assert!(error.contains(named), "{error} does not name {named}");
    }
}

#[tokio::test]
async fn faults_set_over_rest_are_counted_and_cleared() {
    let bench = Bench::start().await;
    let rule = json!({ "method": "GET", "path_prefix": "/api/v3/time", "count": 2,
                       "action": { "status": { "status": 503, "retry_after": 1 } } });
    assert_eq!(
        bench
            .send("POST", "/_control/faults", "", &rule.to_string())
            .await
            .json(),
        json!({ "id": 1 })
    );
    assert_eq!(bench.get("/api/v3/time").await.status, 503);
    assert_eq!(
        bench.get("/_control/faults").await.json()["faults"][0]["hits"],
        1
    );
    bench.send("DELETE", "/_control/faults", "", "").await;
    assert_eq!(bench.get("/api/v3/time").await.status, 200);
}

#[tokio::test]
async fn a_venue_that_goes_down_comes_back_on_its_port_with_its_orders() {
    let bench = Bench::start().await;
    bench.resting_order("survivor").await;
    let address = bench.sim.address();
    bench.sim.shutdown().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    bench.sim.restart().await.unwrap();
    assert_eq!(bench.sim.address(), address);
    let open = bench
        .call("GET", "/api/v3/openOrders", "symbol=BTCUSDT")
        .await
        .json();
    assert_eq!(open[0]["clientOrderId"], "survivor");
}
