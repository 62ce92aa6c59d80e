//! A real Prometheus watches a real gateway in front of a simulated venue: what goes wrong there raises the alerts
//! that say so, and no others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use switchyard_end_to_end::{GatewayConfig, TestApp, VIEWER, limit_order};
use switchyard_monitoring::{
    Prometheus, Query, dashboards, prometheus_is_here, promtool, queries_of,
};
use switchyard_venue_sim::{FaultAction, FaultRule};
use tokio::task::JoinHandle;

/// A breaker that opens after some failures and tries again soon; what fails is not tried twice.
const QUICK_BREAKER: &str = "retry.max_retries = 0\n\
    breaker = { minimum_calls = 5, window_calls = 10, open_ms = 500, open_max_ms = 1000 }";

async fn gateway() -> TestApp {
    TestApp::with(|config| GatewayConfig {
        venue_lines: QUICK_BREAKER.to_owned(),
        ..config
    })
    .await
}

/// Orders and reads, several a second, until it is dropped.
struct Traffic(JoinHandle<()>);

impl Traffic {
    fn at(app: &TestApp) -> Self {
        let (trader, viewer, operator) = (app.trader(), app.viewer(), app.operator());
        Self(tokio::spawn(async move {
            loop {
                viewer.get("/v1/tickers?venue=sim&symbol=BTC/USDT").await;
                operator.get("/v1/keys").await;
                let placed = trader.place(&limit_order("0.001", "50000")).await;
                if placed.status == 201 {
                    trader.cancel(&placed.id()).await;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether a series may not be there while all is well.
fn is_of_trouble(series: &str) -> bool {
    const OF_TROUBLE: [&str; 7] = [
        "switchyard_adapter_failures_total",
        "switchyard_order_failovers_total",
        "switchyard_order_reconciliation_duration_seconds_bucket",
        "switchyard_pre_trade_refusals_total",
        "switchyard_read_age_seconds_bucket", // these tests keep nothing in the cache
        "switchyard_read_failovers_total",
        "switchyard_venue_retries_total",
    ];
    OF_TROUBLE.contains(&series)
}

/// The alerts that fire now, without those that are expected to.
async fn unexpected(prometheus: &Prometheus, expected: &[&str]) -> Vec<String> {
    let mut firing = prometheus.firing().await.unwrap();
    firing.retain(|name| !expected.contains(&name.as_str()));
    firing
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_goes_away_raises_the_alerts_that_say_so_until_it_is_back() {
    if !prometheus_is_here() {
        return;
    }
    let app = gateway().await;
    let _traffic = Traffic::at(&app);
    let prometheus = Prometheus::watching(app.viewer().base(), VIEWER).await;
    let success = "venue:switchyard_orders_success:ratio_rate5m";
    prometheus.finds(success, 1.0).await;
    assert_eq!(unexpected(&prometheus, &[]).await, [""; 0], "all is well");
    for rule in prometheus.rules().await.unwrap() {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    for (file, dashboard) in dashboards() {
        for query in queries_of(&dashboard) {
            let answer = prometheus.query(&query.as_asked()).await;
            let found = answer.unwrap_or_else(|error| panic!("{file}: {query:?}: {error}"));
            let read = Query::parse(&query.expr).selectors;
            assert!(
                !found.is_empty() || read.iter().any(|series| is_of_trouble(&series.name)),
                "{file}: {query:?} shows nothing"
            );
        }
    }

    let everything = FaultRule {
        method: None,
        ..FaultRule::on("GET", "/")
    };
    app.sim
        .control()
        .add_fault(everything.act(FaultAction::DropBefore));
    let expected = [
        "BreakerOpen",
        "OrderPlacementFailing",
        "VenueDown",
        "VenueErrorRateHigh",
    ];
    prometheus.raises(&expected).await;
    // The order whose answer was dropped may be at the venue, which cannot be asked.
    let also = ["OrdersUnresolved", "ReadsStale"];
    let others = unexpected(&prometheus, &[&expected[..], &also[..]].concat()).await;
    assert_eq!(others, [""; 0]);

    app.sim.control().clear_faults();
    // That an order never arrived takes longer to prove than a test has time for.
    prometheus.calms_down_but_for("OrdersUnresolved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_fate_stays_open_raises_an_alert_until_its_fate_is_known() {
    if !prometheus_is_here() {
        return;
    }
    let app = TestApp::start().await;
    let prometheus = Prometheus::watching(app.viewer().base(), VIEWER).await;
    prometheus.calms_down().await;

    app.next_placement(FaultAction::ExecuteThenDrop);
    for path in [
        "/api/v3/order",
        "/api/v3/openOrders",
        "/api/v3/allOrders",
        "/api/v3/myTrades",
    ] {
        let unavailable = FaultAction::Status {
            status: 503,
            retry_after: None,
            body: None,
        };
        app.sim
            .control()
            .add_fault(FaultRule::on("GET", path).act(unavailable));
    }
    let placed = app.trader().place(&limit_order("0.001", "50000")).await;
    assert_eq!(placed.expect(202)["state"], "PENDING_NEW");
    prometheus.raises(&["OrdersUnresolved"]).await;
    // Asking in vain is what the venue's errors are.
    let also = [
        "OrdersUnresolved",
        "OrderPlacementFailing",
        "VenueErrorRateHigh",
    ];
    assert_eq!(unexpected(&prometheus, &also).await, [""; 0]);

    app.sim.control().clear_faults();
    prometheus.calms_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trouble_with_a_venue_raises_the_alert_that_names_it() {
    if !prometheus_is_here() {
        return;
    }
    let app = gateway().await;
    let _traffic = Traffic::at(&app);
    let prometheus = Prometheus::watching(app.viewer().base(), VIEWER).await;
    prometheus.calms_down().await;

    app.sim.control().set_clock_offset_ms(-3_000);
    prometheus.raises(&["ClockSkewHigh"]).await;
    app.sim.control().set_clock_offset_ms(0);
    prometheus.calms_down().await;

    // -2015: the key, the address or the permission is not the account's.
    let refused = FaultAction::Status {
        status: 401,
        retry_after: None,
        body: Some(
            r#"{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}"#.into(),
        ),
    };
    app.sim
        .control()
        .add_fault(FaultRule::on("POST", "/api/v3/order").act(refused));
    prometheus.raises(&["CredentialsRefused"]).await;
    app.sim.control().clear_faults();
    prometheus.calms_down().await;

    app.operator()
        .post(
            "/v1/venues/sim/halt",
            &serde_json::json!({"reason": "a test"}),
        )
        .await
        .expect(200);
    prometheus.raises(&["TradingHalted"]).await;
    assert_eq!(unexpected(&prometheus, &["TradingHalted"]).await, [""; 0]);
    app.operator()
        .post("/v1/venues/sim/resume", &serde_json::json!({}))
        .await
        .expect(200);
    prometheus.calms_down().await;

    let banned = FaultAction::Status {
        status: 418,
        retry_after: Some(60),
        body: None,
    };
    app.fault("GET", "/api/v3/ticker", 1, banned);
    prometheus.raises(&["VenueBans"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_finds_nothing_to_say_against_the_metrics() {
    if !prometheus_is_here() {
        return;
    }
    let app = gateway().await;
    let traffic = Traffic::at(&app);
    app.viewer().get("/v1/balances").await.expect(200);
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(traffic);
    let metrics = app.viewer().get("/metrics").await.expect(200).text;
    let linted = promtool(&["check", "metrics"], &metrics);
    let said = String::from_utf8_lossy(&linted.stderr).into_owned()
        + &String::from_utf8_lossy(&linted.stdout);
    assert!(linted.status.success() && said.is_empty(), "{said}");
}

#[test]
fn the_rules_pass_their_own_tests() {
    if !prometheus_is_here() {
        return;
    }
    for arguments in [
        &["check", "rules", "alerts.rules.yml", "recording.rules.yml"][..],
        &["check", "config", "--syntax-only", "prometheus.yml"],
        &["test", "rules", "tests/recording.yml", "tests/alerts.yml"],
    ] {
        let checked = promtool(arguments, "");
        assert!(
            checked.status.success(),
            "promtool {arguments:?}: {}{}",
            String::from_utf8_lossy(&checked.stdout),
            String::from_utf8_lossy(&checked.stderr)
        );
    }
}
