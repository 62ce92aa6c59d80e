//! What the gateway says of itself, and what asking costs.

use std::fs;
use std::time::Instant;

use futures_util::future::join_all;
use serde_json::json;
use switchyard_end_to_end::{GatewayConfig, TestApp, VENUE, eventually, limit_order};

/// More than any disk has.
const MORE_THAN_THERE_IS: &str = "least_free_bytes = 9000000000000000000";

/// Waits until a gateway says this of itself and of its disk.
async fn until(app: &TestApp, status: &str, disk: &str) {
    eventually(&format!("{status}, and the disk is {disk}"), || async {
        let health = app.anonymous().get("/health").await.expect(200);
        let is_so = health["status"] == status && health["disk"]["status"] == disk;
        is_so.then_some(()).ok_or(health.text)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_probes_at_once_are_answered_and_ask_no_venue_anything() {
    const ROOM: &str = "max_connections = 4096\nmax_connections_per_address = 4096\nmax_concurrent_requests = 4096";
    let app = TestApp::with(|config| GatewayConfig {
        server_lines: ROOM.to_owned(),
        ..config
    })
    .await;
    app.anonymous().until_ready().await;
    let viewer = app.viewer();
    let began = Instant::now();
    let before = app.sim.control().requests().len();
    let venue = format!("/health/venues/{VENUE}");
    let paths = ["/health", "/health/live", "/health/ready", venue.as_str()];
    let asked = (0..1_000).map(|turn| viewer.get(paths[turn % paths.len()]));
    for answer in join_all(asked).await {
        answer.expect(200);
    }
    // What the watch asks by itself meanwhile: the time, every second at most, and what the start left to ask.
    let by_itself = usize::try_from(began.elapsed().as_secs()).unwrap() + 10;
    let asked = app.sim.control().requests().len() - before;
    assert!(asked <= by_itself, "{asked}, and {by_itself} at most");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_runs_full_degrades_the_gateway_and_takes_nothing_from_it() {
    let app = TestApp::with(|config| GatewayConfig {
        store_lines: MORE_THAN_THERE_IS.to_owned(),
        ..config
    })
    .await;
    let health = app.anonymous().get("/health").await.expect(200);
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["journal"]["status"], "ok");
    let disk = &health["disk"];
    assert_eq!(disk["status"], "low");
    assert!(disk["free_bytes"].as_u64() > Some(0), "{disk}");
    assert_eq!(
        disk["least_free_bytes"],
        json!(9_000_000_000_000_000_000_u64)
    );
    app.anonymous().get("/health/ready").await.expect(200);
    let placed = app.trader().place(&limit_order("0.001", "50000")).await;
    placed.expect(201);
    let metrics = app.viewer().get("/metrics").await.expect(200).text;
    for line in [
        "switchyard_dependency_up{dependency=\"disk\"} 0\n",
        "switchyard_dependency_up{dependency=\"journal\"} 1\n",
        "switchyard_disk_free_bytes{of=\"journal\"} ",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_whose_file_goes_away_is_noticed_and_so_is_its_return() {
    let app = TestApp::start().await;
    until(&app, "ok", "ok").await;
    let file = app.directory().join("journal.db");
    let aside = app.directory().join("aside.db");
    fs::rename(&file, &aside).unwrap();
    until(&app, "degraded", "unknown").await;
    let health = app.anonymous().get("/health").await.expect(200);
    assert_eq!(health["disk"]["free_bytes"], json!(null));
    // Why, the log says: anyone may ask here, and the system's words name places.
    assert!(!health.text.contains("problem"), "{}", health.text);
    let place = app.directory().display().to_string();
    assert!(!health.text.contains(&place), "{}", health.text);
    fs::rename(&aside, &file).unwrap();
    until(&app, "ok", "ok").await;
}
