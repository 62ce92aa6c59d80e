//! What a venue of another shape refuses, and what it answers that is no answer: reads, limits, keys, clocks.

use serde_json::json;
use switchyard_end_to_end::{
    GatewayConfig, TRADER, TestApp, VENUE, VIEWER, eventually, start_gateway,
};
use switchyard_venue_sim::{BitmexLimitsPatch, Credentials, FaultAction, FaultRule, SettingsPatch};

use crate::bitmex_faults::{KINDS, ORDER, answered, refused};
use crate::products::get;

/// The venue judges that a request's expiry has passed.
fn expired() -> FaultAction {
    refused(
        400,
        "This request has expired - `expires` is in the past. Current time: 1795271400",
    )
}

/// What callers read, where the venue answers it, and whether the gateway has something of its own to show.
const READS: [(&str, &str, bool); 8] = [
    (
        "/v1/tickers?venue=sim&symbol=BTC/USD:BTC",
        "/api/v1/instrument",
        false,
    ),
    (
        "/v1/orderbook?venue=sim&symbol=ETH/USD:BTC",
        "/api/v1/orderBook/L2",
        false,
    ),
    (
        "/v1/candles?venue=sim&symbol=BTC/USDT",
        "/api/v1/trade/bucketed",
        false,
    ),
    ("/v1/balances?venue=sim", "/api/v1/user/margin", false),
    ("/v1/positions?venue=sim", "/api/v1/position", false),
    (
        "/v1/fills?venue=sim",
        "/api/v1/execution/tradeHistory",
        false,
    ),
    ("/v1/orders?source=venue&venue=sim", ORDER, false),
    ("/v1/orders/active?venue=sim", ORDER, true),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_is_never_shown_as_what_the_venue_has() {
    let app = TestApp::bitmex().await;
    let id = KINDS[0].resting(&app).await;
    for (fault, code, status) in [
        (
            FaultAction::GarbageBody { bytes: 300 },
            "malformed-response",
            502,
        ),
        (answered(200, ""), "malformed-response", 502),
        (
            FaultAction::HtmlErrorPage { status: 503 },
            "venue-unavailable",
            503,
        ),
        (answered(500, ""), "venue-unavailable", 503),
        (FaultAction::TruncatedBody, "venue-unavailable", 503),
        (FaultAction::DropBefore, "venue-unavailable", 503),
        (refused(401, "Invalid API Key."), "auth-failed", 502),
        (
            FaultAction::Status {
                status: 429,
                retry_after: Some(7),
                body: None,
            },
            "rate-limited",
            503,
        ),
    ] {
        for (path, at_venue, has_own) in READS {
            let rule = FaultRule::on("GET", at_venue).act(fault.clone());
            app.sim.control().add_fault(rule);
            let answer = app.viewer().get(path).await;
            app.sim.control().clear_faults();
            if has_own {
                let answer = answer.expect(200);
                assert_eq!(answer.ids(), [id.as_str()], "the journal's word");
                assert_ne!(answer["sources"][0]["source"], "live", "{}", answer.text);
                continue;
            }
            let problem = answer.expect_problem(status, code);
            assert_eq!(problem["retryable"], status == 503, "{path} {fault:?}");
            let wait = (code == "rate-limited").then_some("7");
            assert_eq!(problem.header("retry-after"), wait, "{path} {fault:?}");
        }
        let rule = FaultRule::on("GET", ORDER).act(fault.clone());
        app.sim.control().add_fault(rule);
        let known = app.trader().order(&id).await.expect(200);
        app.sim.control().clear_faults();
        assert_eq!(known["state"], "NEW");
        assert!(known.header("age").is_some(), "{fault:?} {}", known.text);
        // Told to wait, the gateway waits: nothing is live until then.
        let live = app.trader().order(&id).await.expect(200);
        assert_eq!(live.header("age").is_some(), code == "rate-limited");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rate_limit_refuses_was_not_done_and_the_wait_is_told() {
    let app = TestApp::bitmex().await;
    let limit = |orders| {
        app.sim.control().settings(SettingsPatch {
            bitmex_limits: Some(BitmexLimitsPatch {
                orders_1s: Some(orders),
                ..BitmexLimitsPatch::default()
            }),
            ..SettingsPatch::default()
        });
    };
    for traded in &KINDS {
        let id = traded.resting(&app).await;
        let before = app.truth(&id);
        limit(0);
        let placed = app.trader().place(&traded.order()).await;
        let amended = app.trader().amend(&id, &traded.change()).await;
        for answer in [placed, amended] {
            let limited = answer.expect_problem(503, "rate-limited");
            assert_eq!(limited["retryable"], true);
            assert_eq!(limited.header("retry-after"), Some("1"));
        }
        let as_before = app.trader().order(&id).await.expect(200);
        assert_eq!(
            (&as_before["state"], &as_before["price"]),
            (&json!("NEW"), &json!(traded.price))
        );
        assert_eq!(app.truth(&id), before);
        let pending = app.trader().cancel(&id).await.expect(202);
        assert_eq!(pending["state"], "PENDING_CANCEL", "it is pursued");
        limit(100_000);
        app.becomes_by_itself(&app.viewer(), &id, "CANCELED").await;
    }
    assert_eq!(app.sim.control().executed().len(), KINDS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_leaves_every_order_as_it_was() {
    let app = TestApp::bitmex().await;
    let traded = &KINDS[0];
    let id = traded.resting(&app).await;
    let before = app.truth(&id);
    for fault in [
        refused(401, "Invalid API Key."),
        refused(401, "Signature not valid."),
        refused(403, "Access Denied"),
    ] {
        for method in ["POST", "PUT", "DELETE"] {
            app.fault(method, ORDER, 1, fault.clone());
        }
        let placed = app.trader().place(&traded.order()).await;
        let amended = app.trader().amend(&id, &traded.change()).await;
        let canceled = app.trader().cancel(&id).await;
        for answer in [placed, amended, canceled] {
            let refused = answer.expect_problem(422, "auth-failed");
            assert_eq!(refused["retryable"], false, "{fault:?}");
        }
        let read = app.trader().order(&id).await.expect(200);
        assert_eq!(
            (&read["state"], app.truth(&id)),
            (&json!("NEW"), before.clone())
        );
    }
    // The fence in front of the API speaks no JSON, and means a ban.
    app.fault("POST", ORDER, 1, FaultAction::HtmlErrorPage { status: 403 });
    let banned = app.trader().place(&traded.order()).await;
    banned.expect_problem(503, "banned");
    assert_eq!(app.sim.control().executed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_secret_public_data_is_served_and_nothing_is_placed() {
    let app = TestApp::bitmex().await;
    let directory = tempfile::tempdir().unwrap();
    let wrong = Credentials {
        secret: "y".repeat(48),
        ..app.sim.credentials().clone()
    };
    let config = GatewayConfig::in_directory(directory.path()).venue(
        VENUE,
        "bitmex",
        ("rest", &app.sim.url()),
        Some(&wrong),
    );
    let gateway = start_gateway(&config).await.unwrap();
    gateway.ready().await;
    let (trader, viewer) = (
        gateway.anonymous().with(TRADER),
        gateway.anonymous().with(VIEWER),
    );
    let refused = trader.place(&KINDS[0].order()).await;
    refused.expect_problem(422, "auth-failed");
    let balances = viewer.get("/v1/balances").await;
    balances.expect_problem(502, "auth-failed");
    let tickers = viewer.get("/v1/tickers?symbol=BTC/USD:BTC").await;
    assert_eq!(tickers.expect(200).items().len(), 1);
    assert_eq!(app.sim.control().executed(), []);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_came_too_late_was_not_done_and_a_clock_that_is_off_is_followed() {
    let app = TestApp::bitmex().await;
    for traded in &KINDS {
        let id = traded.resting(&app).await;
        for method in ["POST", "PUT", "DELETE"] {
            let rule = FaultRule::on(method, ORDER).act(expired());
            app.sim.control().add_fault(rule);
        }
        let placed = app.trader().place(&traded.order()).await;
        let amended = app.trader().amend(&id, &traded.change()).await;
        for answer in [placed, amended] {
            let late = answer.expect_problem(503, "clock-skew");
            assert_eq!(late["retryable"], true);
        }
        let read = app.trader().order(&id).await.expect(200);
        assert_eq!(read["price"], traded.price);
        app.trader().cancel(&id).await.expect(202);
        app.sim.control().clear_faults();
        app.becomes_by_itself(&app.viewer(), &id, "CANCELED").await;
    }
    assert_eq!(app.sim.control().executed().len(), KINDS.len());
    for offset_ms in [-90_000, 90_000] {
        app.sim.control().set_clock_offset_ms(offset_ms);
        eventually("the skew is known", || async {
            let venue = get(&app, "/v1/venues/sim").await;
            match venue["endpoints"]["rest"]["clock_skew_ms"].as_i64() {
                Some(skew_ms) if (skew_ms - offset_ms).abs() < 10_000 => Ok(()),
                _ => Err(venue.text),
            }
        })
        .await;
        let id = KINDS[0].resting(&app).await;
        let change = KINDS[0].change();
        app.trader().amend(&id, &change).await.expect(200);
        app.trader().cancel(&id).await.expect(200);
    }
}
