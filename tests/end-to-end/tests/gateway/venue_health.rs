//! How the gateway says how its venues are.

use std::time::Duration;

use serde_json::Value;
use switchyard_end_to_end::{
    GatewayConfig, TRADER, TestApp, VENUE, VIEWER, eventually, eventually_within, limit_order,
    simulator, start_gateway,
};
use switchyard_venue_sim::{Credentials, FaultAction};

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_is_down_at_the_start_degrades_the_gateway_until_it_comes_up() {
    let sim = simulator().await;
    sim.shutdown().await;
    let directory = tempfile::tempdir().unwrap();
    let config = GatewayConfig::in_directory(directory.path()).simulated(&sim);
    let gateway = start_gateway(&config).await.unwrap();
    gateway.ready().await;
    let viewer = gateway.anonymous().with(VIEWER);
    let health = viewer.get("/health").await.expect(200);
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["venues"][VENUE], "down");
    let venue = viewer.get("/health/venues/sim").await.expect(200);
    assert!(venue.text.contains("last_error"), "{}", venue.text);
    assert_eq!(
        venue["endpoints"]["spot"]["latency_ms"],
        Value::Null,
        "nothing was answered yet"
    );

    let trader = gateway.anonymous().with(TRADER);
    let refused = trader.place(&limit_order("0.001", "50000")).await;
    let refused = refused.expect_problem(503, "venue-unavailable");
    assert_eq!(refused["retryable"], true);
    assert!(refused.header("retry-after").is_some());

    sim.restart().await.unwrap();
    eventually("the venue is up by itself", || async {
        let health = viewer.get("/health").await.expect(200);
        if health["status"] == "ok" {
            Ok(())
        } else {
            Err(health.text)
        }
    })
    .await;
    trader
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_goes_away_and_comes_back_is_noticed_both_times() {
    let app = TestApp::start().await;
    let status = |wanted: &'static str| {
        let viewer = app.viewer();
        async move {
            eventually(&format!("the venue is {wanted}"), || async {
                let venue = viewer.get("/v1/venues/sim").await.expect(200);
                if venue["status"] == wanted {
                    Ok(())
                } else {
                    Err(venue.text)
                }
            })
            .await;
        }
    };
    status("up").await;
    app.sim.shutdown().await;
    status("down").await;
    app.anonymous().get("/health/live").await.expect(200);
    app.sim.restart().await.unwrap();
    status("up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_a_clear_refusal_and_no_order() {
    let wrong = Credentials {
        api_key: "x".repeat(64),
        secret: "y".repeat(64),
    };
    let app = TestApp::with(|mut config| {
        config.venues[0].credentials = Some(wrong);
        config
    })
    .await;
    let refused = app.trader().place(&limit_order("0.001", "50000")).await;
    let refused = refused.expect_problem(422, "auth-failed");
    assert_eq!(refused["venue"], VENUE);
    let balances = app.viewer().get("/v1/balances").await;
    balances.expect_problem(502, "auth-failed");
    assert_eq!(app.sim.control().executed(), []);
    // What needs no account works.
    app.viewer()
        .get("/v1/tickers?symbol=BTC/USDT")
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_without_credentials_serves_public_data_only() {
    let app = TestApp::with(|mut config| {
        config.venues[0].credentials = None;
        config
    })
    .await;
    app.viewer()
        .get("/v1/tickers?symbol=BTC/USDT")
        .await
        .expect(200);
    let refused = app.trader().place(&limit_order("0.001", "50000")).await;
    assert!((400..600).contains(&refused.status), "{}", refused.text);
    assert_eq!(app.placements_seen(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_measured_and_corrected() {
    let app = TestApp::start().await;
    app.sim.control().set_clock_offset_ms(-90_000);
    eventually("the skew is known", || async {
        let venue = app.viewer().get("/v1/venues/sim").await.expect(200);
        let skew = venue["endpoints"]["spot"]["clock_skew_ms"]
            .as_i64()
            .unwrap_or_default();
        if skew < -80_000 {
            Ok(())
        } else {
            Err(venue.text)
        }
    })
    .await;
    app.trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_word_on_the_time_is_not_believed_and_a_clock_that_was_set_is() {
    let app = TestApp::start().await;
    let path = "/api/v3/time";
    let skew = || async {
        let venue = app.viewer().get("/v1/venues/sim").await.expect(200);
        venue["endpoints"]["spot"]["clock_skew_ms"].as_i64()
    };
    let wrong = app.sim.control().now_ms() + 600_000;
    app.fault(
        "GET",
        path,
        1,
        FaultAction::Status {
            status: 200,
            retry_after: None,
            body: Some(format!("{{\"serverTime\":{wrong}}}")),
        },
    );
    let before = app.seen("GET", path).len();
    eventually("the time is asked for three times", || async {
        let skew = skew().await;
        assert!(skew < Some(60_000), "{skew:?}");
        let asked = app.seen("GET", path).len() - before;
        if asked >= 3 { Ok(()) } else { Err(asked) }
    })
    .await;
    app.sim.control().step_clock_ms(600_000);
    eventually("the new time is believed", || async {
        let skew = skew().await;
        if skew > Some(500_000) {
            Ok(())
        } else {
            Err(skew)
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latency_of_an_endpoint_is_that_of_its_last_answered_probe() {
    /// Milliseconds by which the venue's answers are late; less than a probe may take.
    const LATE: u64 = 1_200;
    /// Longer than a probe may take, in milliseconds.
    const TOO_LONG: u64 = 10_000;
    /// Some probes, on a machine that is busy with other tests.
    const PATIENCE: Duration = Duration::from_secs(60);
    let app = TestApp::start().await;
    let latency = |path: &'static str| {
        let viewer = app.viewer();
        async move {
            let venue = viewer.get(path).await.expect(200);
            venue["endpoints"]["spot"]["latency_ms"].as_u64()
        }
    };
    let paths = ["/health/venues/sim", "/v1/venues/sim"];
    let until = async |what: &str, holds: fn(u64) -> bool| {
        for path in paths {
            eventually_within(PATIENCE, &format!("{what} at {path}"), || async {
                let shown = latency(path).await;
                shown.filter(|ms| holds(*ms)).ok_or(shown)
            })
            .await;
        }
    };
    until("a latency is shown", |ms| ms < TOO_LONG).await;
    let late = FaultAction::DelayBefore { ms: LATE };
    app.fault("GET", "/api/v3/time", 1_000, late);
    until("the latency is the venue's", |ms| {
        (LATE..TOO_LONG).contains(&ms)
    })
    .await;
    app.sim.control().clear_faults();
    until("the venue is as fast as it was", |ms| ms < LATE).await;
}
