//! What a container wants of the program: a health check of its own, and metrics on standard output.

use std::fs;
use std::net::TcpListener;

use futures_util::future::join_all;
use serde_json::Value;
use switchyard_end_to_end::{
    GatewayConfig, GatewayProcess, VENUE, eventually, run_switchyard, run_switchyard_with,
};

/// A venue that nobody asks: port 9 of loopback.
const NOWHERE: (&str, &str) = ("spot", "http://127.0.0.1:9");

/// Requests without a key, which are answered 401.
const REFUSED: usize = 400;

/// The sum of a counter over all documents in a log.
fn told(log: &str, metric: &str, dimension: (&str, &str)) -> i64 {
    let documents = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    documents
        .filter(|document| document["_aws"].is_object() && document[dimension.0] == dimension.1)
        .filter_map(|document| document[metric].as_i64())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_for_cloudwatch_stand_between_the_logs_lines_and_never_in_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut config =
        GatewayConfig::in_directory(directory.path()).venue(VENUE, "binance", NOWHERE, None);
    config.log_level = "debug".into();
    config.top_lines =
        "[telemetry.emf]\ninterval_seconds = 1\ndimensions.stage = \"test\"\n".into();
    let log = directory.path().join("log");
    let process = GatewayProcess::start(&config.write(), &log).await;
    let caller = process.anonymous();
    eventually("a report while the gateway serves", || async {
        let answers = join_all((0..10).map(|_| caller.get("/v1/orders/x"))).await;
        answers.into_iter().for_each(|answer| {
            answer.expect(401);
        });
        let log = process.log();
        let told = told(&log, "switchyard_http_requests", ("status", "401"));
        if told > 0 { Ok(()) } else { Err(log) }
    })
    .await;
    let before = told(
        &process.log(),
        "switchyard_http_requests",
        ("status", "401"),
    );
    for _ in 0..REFUSED / 20 {
        join_all((0..20).map(|_| caller.get("/v1/orders/x"))).await;
    }
    assert_eq!(process.terminate().await, Some(0));

    let log = fs::read_to_string(&log).unwrap();
    let mut lines = 0;
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        let is_document = line["_aws"].is_object();
        assert!(is_document != line["message"].is_string(), "{line}");
        assert!(!is_document || line["stage"] == "test", "{line}");
        lines += 1;
    }
    assert!(lines > REFUSED, "every request is in the log: {lines}");
    // The last of them in the report that the process ends with.
    let all = told(&log, "switchyard_http_requests", ("status", "401"));
    assert!(all >= before + i64::try_from(REFUSED).unwrap(), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_needs_nothing_but_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let config =
        GatewayConfig::in_directory(directory.path()).venue(VENUE, "binance", NOWHERE, None);
    let process = GatewayProcess::start(&config.write(), &directory.path().join("log")).await;
    let url = |path: &str| format!("{}{path}", process.anonymous().base());

    let live = url("/health/live");
    let asked = run_switchyard(&["health", "--url", &live]).await;
    assert_eq!((asked.code, asked.output.as_str()), (Some(0), ""));
    let by_variable = [("SWITCHYARD_HEALTH_URL", live.as_str())];
    let asked = run_switchyard_with(&by_variable, &["health"]).await;
    assert_eq!(asked.code, Some(0), "{}", asked.output);

    let asked = run_switchyard(&["health", "--url", &url("/v1/orders")]).await;
    assert_eq!(asked.code, Some(1));
    assert!(asked.output.contains("401"), "{}", asked.output);

    process.kill();
    let asked = run_switchyard(&["health", "--url", &live]).await;
    assert_eq!(asked.code, Some(1));
    assert!(asked.output.contains(&live), "{}", asked.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_does_not_wait_for_a_gateway_that_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/health/live", listener.local_addr().unwrap());
    let asked = run_switchyard(&["health", "--url", &url, "--timeout-ms", "200"]).await;
    assert_eq!(asked.code, Some(1));
    let expected = format!("error: {url}: no answer within 200 ms\n");
    assert_eq!(asked.output, expected);
}
