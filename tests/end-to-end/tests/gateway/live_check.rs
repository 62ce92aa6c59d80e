//! `switchyard plugin check --against`: an order's life at a venue, step by step.

use std::process::Command;

use serde_json::Value;
use switchyard_end_to_end::{adapters, built, simulated_bitmex, simulator};
use switchyard_venue_sim::{FaultAction, FaultRule, VenueSim};

/// Every step, so that none is lost.
const STEPS: usize = 22;

/// The command's report, and whether it said that all passed.
async fn check(sim: &VenueSim, adapter: &str, more: &[&str]) -> (Value, bool) {
    let mut command = Command::new(built("switchyard"));
    command
        .args(["plugin", "check"])
        .arg(adapters().join(format!("{adapter}.wasm")))
        .args(["--format", "json", "--against", &sim.url()])
        .args(more)
        .env("LIVE_KEY", &sim.credentials().api_key)
        .env("LIVE_SECRET", &sim.credentials().secret);
    let ended = tokio::task::spawn_blocking(move || command.output());
    let ended = ended.await.unwrap().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    let report = serde_json::from_slice(&ended.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {} {stderr}",
            String::from_utf8_lossy(&ended.stdout)
        )
    });
    println!("{stderr}");
    (report, ended.status.success())
}

/// The same, with the account that the simulator knows.
async fn life(sim: &VenueSim, adapter: &str, more: &[&str]) -> (Value, bool) {
    let mut arguments = vec!["--api-key", "env:LIVE_KEY", "--secret", "env:LIVE_SECRET"];
    arguments.extend(more);
    check(sim, adapter, &arguments).await
}

/// The steps with this verdict: id, and what a skip gives as its reason.
fn with_verdict<'a>(report: &'a Value, verdict: &str) -> Vec<(&'a str, &'a Value)> {
    let cases = report["cases"].as_array().unwrap();
    assert_eq!(cases.len(), STEPS);
    let having = cases.iter().filter(|case| case["verdict"] == verdict);
    having
        .map(|case| (case["id"].as_str().unwrap(), case))
        .collect()
}

fn assert_passed(report: &Value, passed: bool, skipped: &[&str]) {
    let failed = with_verdict(report, "failed");
    assert!(passed && failed.is_empty(), "{failed:#?}");
    let found = with_verdict(report, "skipped");
    let ids: Vec<&str> = found.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, skipped, "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_lives_through_every_step_on_spot() {
    let sim = simulator().await;
    let (report, passed) = life(&sim, "binance", &[]).await;
    assert_passed(&report, passed, &[]);
    // What it did is what the venue has: orders, and nothing left of them.
    assert!(
        sim.control().executed().len() >= 8,
        "{:#?}",
        sim.control().executed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_lives_through_every_step_on_a_linear_contract() {
    let sim = simulator().await;
    let (report, passed) = life(&sim, "binance", &["--symbol", "BTC/USDT:USDT"]).await;
    assert_passed(&report, passed, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_lives_through_every_step_on_an_inverse_contract() {
    let sim = simulated_bitmex().await;
    let (report, passed) = life(&sim, "bitmex", &["--symbol", "BTC/USD:BTC"]).await;
    assert_passed(&report, passed, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_the_market_is_read_and_the_rest_says_why_not() {
    let sim = simulator().await;
    let (report, succeeded) = check(&sim, "binance", &[]).await;
    assert!(succeeded, "{report:#}");
    let passed: Vec<&str> = with_verdict(&report, "passed")
        .iter()
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(passed, ["LIV-001", "LIV-002"]);
    let reasons = with_verdict(&report, "skipped");
    assert!(
        reasons
            .iter()
            .all(|(_, case)| case.to_string().contains("--api-key"))
    );
    assert!(sim.control().executed().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_answers_cancels_with_an_error_fails_the_step_and_the_command() {
    let sim = simulator().await;
    let refuse = FaultAction::Status {
        status: 400,
        retry_after: None,
        body: Some(r#"{"code":-2011,"msg":"Unknown order sent."}"#.to_owned()),
    };
    sim.control()
        .add_fault(FaultRule::on("DELETE", "/api/v3/order").act(refuse));
    let (report, passed) = life(&sim, "binance", &[]).await;
    assert!(!passed);
    let failed: Vec<&str> = with_verdict(&report, "failed")
        .iter()
        .map(|(id, _)| *id)
        .collect();
    assert!(failed.contains(&"LIV-008"), "{failed:?}");
    let finding = &with_verdict(&report, "failed")[0].1["findings"][0];
    for part in ["sent", "came_back", "expected"] {
        assert!(
            finding[part].as_str().is_some_and(|text| !text.is_empty()),
            "{finding}"
        );
    }
}
