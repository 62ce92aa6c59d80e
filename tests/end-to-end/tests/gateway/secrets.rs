//! Secrets stay where they are: not in the log, whatever its level, and not in any answer.

use switchyard_end_to_end::{
    GatewayConfig, GatewayProcess, OPERATOR, OTHER_TRADER, TRADER, VIEWER, limit_order, simulator,
};
use switchyard_venue_sim::{FaultAction, FaultRule};

/// What stands for a signature where exchanges with venues are shown.
const REDACTED_SIGNATURE: &str = "signature=[signature]";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_logged_at_any_level_or_answered_in_any_failure() {
    let sim = simulator().await;
    let directory = tempfile::tempdir().unwrap();
    let mut config = GatewayConfig::in_directory(directory.path()).simulated(&sim);
    config.log_level = "trace".to_owned();
    let process = GatewayProcess::start(&config.write(), &directory.path().join("log")).await;
    process.ready().await;
    let trader = process.anonymous().with(TRADER);
    let mut answers = Vec::new();

    let placed = trader
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201);
    answers.push(
        trader
            .get(&format!("/v1/orders/{}/events", placed.id()))
            .await,
    );
    answers.push(trader.cancel(&placed.id()).await);
    answers.push(placed);
    for fault in [
        FaultAction::DropBefore,
        FaultAction::ExecuteThenDrop,
        FaultAction::TruncatedBody,
        FaultAction::GarbageBody { bytes: 200 },
        FaultAction::HtmlErrorPage { status: 502 },
        FaultAction::Status {
            status: 401,
            retry_after: None,
            body: None,
        },
        FaultAction::Status {
            status: 429,
            retry_after: Some(1),
            body: None,
        },
    ] {
        for (method, path) in [("POST", "/api/v3/order"), ("GET", "/api/v3/account")] {
            let rule = FaultRule::on(method, path).times(1);
            sim.control().add_fault(rule.act(fault.clone()));
        }
        let placed = trader.place(&limit_order("0.001", "50000")).await;
        if let Some(id) = placed["id"].as_str().or(placed["order_id"].as_str()) {
            answers.push(trader.get(&format!("/v1/orders/{id}/events")).await);
        }
        answers.push(placed);
        answers.push(trader.get("/v1/balances").await);
    }
    answers.push(trader.place(&limit_order("100", "59000")).await);
    answers.push(
        process
            .anonymous()
            .showing("a-wrong-key-that-was-shown")
            .get("/v1/orders")
            .await,
    );
    sim.shutdown().await;
    answers.push(trader.place(&limit_order("0.001", "50000")).await);
    for path in [
        "/v1/orders",
        "/v1/orders/active",
        "/v1/balances",
        "/v1/venues",
        "/health",
        "/metrics",
        "/health/venues/sim",
        "/openapi.json",
        "/v1/orders?source=venue&venue=sim&symbol=BTC/USDT",
    ] {
        answers.push(trader.get(path).await);
    }
    let log = process.log();
    assert!(
        log.contains("\"TRACE\"") || log.contains("\"DEBUG\""),
        "the log is at its most talkative"
    );
    assert_eq!(process.terminate().await, Some(0));

    // Journaled exchanges show where a signature was.
    let log = log.replace(REDACTED_SIGNATURE, "");
    for answer in &mut answers {
        answer.text = answer.text.replace(REDACTED_SIGNATURE, "");
    }

    let credentials = sim.credentials();
    for (what, secret) in [
        ("the venue's secret", credentials.secret.as_str()),
        ("the venue's API key", &credentials.api_key),
        ("a signature", "signature="),
        ("a gateway key", VIEWER.key),
        ("a gateway key", TRADER.key),
        ("a gateway key", OPERATOR.key),
        ("a gateway key", OTHER_TRADER.key),
        ("a wrong key", "a-wrong-key-that-was-shown"),
    ] {
        let leak = log.lines().find(|line| line.contains(secret));
        assert_eq!(leak, None, "the log holds {what}");
        for answer in &answers {
            assert!(!answer.text.contains(secret), "{what}: {}", answer.text);
            assert!(!format!("{:?}", answer.headers).contains(secret), "{what}");
        }
    }
}
