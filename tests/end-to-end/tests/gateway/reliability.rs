//! What stands between callers and a venue's bad day: retries, breaker, limits, bans, bulkhead, clocks.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use switchyard_end_to_end::{
    Answer, Caller, GatewayConfig, TestApp, VENUE, VIEWER, eventually, limit_order, simulator,
    start_gateway,
};
use switchyard_venue_sim::{FaultAction, FaultRule};

const TICKER: &str = "/v1/tickers?venue=sim&symbol=BTC/USDT";
const TICKER_AT_VENUE: &str = "/api/v3/ticker/24hr";

/// A gateway whose venue's section has these lines.
async fn with(venue_lines: &str) -> TestApp {
    TestApp::with(|config| GatewayConfig {
        venue_lines: venue_lines.to_owned(),
        ..config
    })
    .await
}

fn answered(status: u16, retry_after: Option<u64>) -> FaultAction {
    FaultAction::Status {
        status,
        retry_after,
        body: None,
    }
}

async fn venue(app: &TestApp) -> Answer {
    app.viewer().get("/v1/venues/sim").await.expect(200)
}

async fn metric(app: &TestApp, line: &str) -> f64 {
    let text = app.viewer().get("/metrics").await.expect(200).text;
    let value = text.lines().find_map(|found| found.strip_prefix(line));
    value.map_or(0.0, |value| value.trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_for_a_moment_is_tried_again_and_the_caller_never_hears_of_it() {
    let app = with("retry = { max_retries = 3, base_ms = 10 }").await;
    for fault in [answered(500, None), FaultAction::DropBefore] {
        app.fault("GET", TICKER_AT_VENUE, 2, fault);
        app.viewer().get(TICKER).await.expect(200);
    }
    assert_eq!(app.seen("GET", TICKER_AT_VENUE).len(), 6);
    let retries = "switchyard_venue_retries_total{venue=\"sim\",endpoint=\"spot\",operation=\"get-ticker\",reason=\"venue-unavailable\"}";
    assert!(metric(&app, retries).await >= 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_is_tried_again_only_where_the_venue_said_that_it_did_nothing() {
    let app = with("retry = { max_retries = 3, base_ms = 10 }").await;
    app.next_placement(answered(429, Some(1)));
    let placed = app.trader().place(&limit_order("0.001", "50000")).await;
    let id = placed.expect(201).id();
    assert_eq!(app.placements_seen(), 2);
    assert!(app.truth(&id).is_some());

    app.next_placement(FaultAction::DropBefore);
    let open = app.trader().place(&limit_order("0.001", "50000")).await;
    assert_eq!(open.expect(202)["state"], "PENDING_NEW");
    assert_eq!(
        app.placements_seen(),
        3,
        "what may have been placed is not sent again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_whose_answer_is_lost_is_sent_again_at_once() {
    let app = with("retry = { max_retries = 3, base_ms = 10 }").await;
    for fault in [FaultAction::DropBefore, FaultAction::ExecuteThenDrop] {
        let order = limit_order("0.001", "50000");
        let id = app.trader().place(&order).await.expect(201).id();
        app.next_cancel(fault);
        let canceled = app.trader().cancel(&id).await.expect(200);
        assert_eq!(canceled["state"], "CANCELED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_ban_nothing_at_all_is_sent_and_everything_resumes_by_itself() {
    let app = with("").await;
    let order = limit_order("0.001", "50000");
    let id = app.trader().place(&order).await.expect(201).id();
    let ban = FaultAction::Status {
        status: 418,
        retry_after: Some(7), // longer than anyone waits
        body: Some(r#"{"code":-1003,"msg":"Too many requests."}"#.to_owned()),
    };
    app.fault("GET", TICKER_AT_VENUE, 1, ban);
    let banned = app.viewer().get(TICKER).await.expect_problem(503, "banned");
    assert_eq!(banned.header("retry-after"), Some("7"));
    let before = app.sim.control().requests().len();

    let placed = app.trader().place(&order).await;
    let refused = placed.expect_problem(503, "banned");
    assert_eq!(refused["retryable"], true);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused["order_id"], Value::Null, "nothing was sent");
    app.viewer().get(TICKER).await.expect_problem(503, "banned");
    let pending = app.trader().cancel(&id).await.expect(202);
    assert_eq!(pending["state"], "PENDING_CANCEL");
    assert!(venue(&app).await["limits"]["spot_weight"]["closed_ms"].is_u64());
    let banned_for = Duration::from_millis(1_500);
    tokio::time::sleep(banned_for).await; // probes and follow-ups would show in it
    assert_eq!(app.sim.control().requests().len(), before);

    eventually("the venue is asked again", || async {
        let answer = app.viewer().get(TICKER).await;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(answer.text)
        }
    })
    .await;
    app.becomes_by_itself(&app.viewer(), &id, "CANCELED").await;
    app.trader().place(&order).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_keeps_failing_is_given_a_rest_and_taken_back_when_it_is_well() {
    let app = with(
        "retry.max_retries = 0\nbreaker = { minimum_calls = 4, window_calls = 8, open_ms = 700, half_open_calls = 2 }",
    )
    .await;
    app.fault("GET", TICKER_AT_VENUE, 20, answered(500, None));
    let mut last = app.viewer().get(TICKER).await;
    for _ in 0..12 {
        last = app.viewer().get(TICKER).await;
    }
    let refused = last.expect_problem(503, "venue-unavailable");
    assert!(refused.header("retry-after").is_some(), "{}", refused.text);
    let asked = app.seen("GET", TICKER_AT_VENUE).len();
    assert!(asked < 12, "the open breaker let {asked} calls through");
    let breaker = venue(&app).await["endpoints"]["spot"]["breaker"].clone();
    assert_eq!(breaker["state"], "open");
    let state = "switchyard_breaker_state{venue=\"sim\",endpoint=\"spot\"}";
    assert!(metric(&app, state).await > 1.9);
    let order = limit_order("0.001", "50000");
    let not_sent = app.trader().place(&order).await;
    let not_sent = not_sent.expect_problem(503, "venue-unavailable");
    assert_eq!(not_sent["order_id"], Value::Null);
    assert_eq!(app.placements_seen(), 0);

    app.sim.control().clear_faults();
    eventually("the breaker closes", || async {
        let answer = app.viewer().get(TICKER).await;
        let breaker = venue(&app).await["endpoints"]["spot"]["breaker"].clone();
        if answer.status == 200 && breaker["state"] == "closed" {
            Ok(())
        } else {
            Err(breaker.to_string())
        }
    })
    .await;
    app.trader().place(&order).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_order_says_nothing_against_the_venue() {
    let app = with("breaker = { minimum_calls = 2, window_calls = 4 }").await;
    for _ in 0..8 {
        let unpayable = limit_order("100", "60000");
        let refused = app.trader().place(&unpayable).await;
        refused.expect_problem(422, "insufficient-funds");
    }
    let breaker = venue(&app).await["endpoints"]["spot"]["breaker"].clone();
    assert_eq!(breaker["state"], "closed", "{breaker}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_venues_limit_is_never_overrun_and_cancels_have_what_reads_cannot_spend() {
    // The sweep of all open orders at the start takes 80 of it.
    let app = with("limits = { spot_weight = 240 }").await;
    let order = limit_order("0.001", "50000");
    let id = app.trader().place(&order).await.expect(201).id();
    let mut refused = None;
    for _ in 0..240 {
        let answer = app.viewer().get(TICKER).await;
        if answer.status != 200 {
            refused = Some(answer.expect_problem(503, "rate-limited"));
            break;
        }
    }
    let refused =
        refused.expect("240 units pay for fewer than 240 tickers, the probes and the sweep");
    assert!(refused.header("retry-after").is_some(), "{}", refused.text);
    let limits = venue(&app).await["limits"]["spot_weight"].clone();
    assert_eq!(limits["limit"], 240);
    assert!(limits["used"].as_u64().unwrap() <= 240);
    let canceled = app.trader().cancel(&id).await.expect(200);
    assert_eq!(canceled["state"], "CANCELED");
}

#[tokio::test(flavor = "multi_thread")]
async fn venues_that_share_an_account_share_its_limits() {
    let app = TestApp::with(|config| {
        let sim = config.venues[0].clone();
        let (alias, origin) = sim.endpoints[0].clone();
        let credentials = sim.credentials.clone();
        let twin = config.venue("twin", "binance", (&alias, &origin), credentials.as_ref());
        GatewayConfig {
            venue_lines: "limits = { spot_orders_10s = 5 }".to_owned(),
            ..twin
        }
    })
    .await;
    let mut order = limit_order("0.001", "50000");
    for venue in ["sim", "twin", "sim", "twin"] {
        order["venue"] = venue.into();
        app.trader().place(&order).await.expect(201);
    }
    for venue in ["sim", "twin"] {
        order["venue"] = venue.into();
        let request = app.trader().request(reqwest::Method::POST, "/v1/orders");
        let request = request
            .header("x-request-timeout-ms", "300")
            .header("content-type", "application/json")
            .body(order.to_string());
        let refused = Answer::to(request)
            .await
            .expect_problem(503, "rate-limited");
        assert!(refused.header("retry-after").is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_slow_venue_cannot_take_is_shed_at_once_and_told_when_to_come_back() {
    let app = with("bulkhead = { concurrency = 2, queue = 2 }").await;
    let delay = FaultAction::DelayBefore { ms: 1_500 };
    app.fault("GET", "/api/v3/klines", 100, delay);
    let viewer = app.viewer();
    // Those that ask for the same share one request: each asks for something else.
    let paths: Vec<String> = (1..=20)
        .map(|limit| format!("/v1/candles?venue=sim&symbol=BTC/USDT&limit={limit}"))
        .collect();
    let answers = join_all(paths.iter().map(|path| viewer.get(path))).await;
    let (well, shed): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.status == 200);
    assert_eq!(well.len(), 4);
    for answer in shed {
        let answer = answer.expect_problem(503, "overloaded");
        assert!(answer.header("retry-after").is_some());
    }
    let depth = venue(&app).await["bulkhead"].clone();
    assert_eq!(
        (&depth["running"], &depth["waiting"]),
        (&0.into(), &0.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_is_measured_anew_and_the_order_goes_through_in_one_call() {
    let app = with("").await;
    for offset in [120_000, -120_000] {
        app.sim.control().set_clock_offset_ms(offset);
        let before = app.placements_seen();
        let placed = app.trader().place(&limit_order("0.001", "50000")).await;
        placed.expect(201);
        assert!(app.placements_seen() <= before + 2, "tried again once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_at_an_address_stops_every_venue_that_sends_there_whatever_else_it_has() {
    let sim = simulator().await;
    let directory = tempfile::tempdir().unwrap();
    let mut config = GatewayConfig::in_directory(directory.path()).simulated(&sim);
    config = config.with_futures(&sim); // of which every alias has an origin of its own
    let futures = simulator().await;
    let all = config.venues.iter_mut().find(|venue| venue.name == VENUE);
    for (alias, origin) in &mut all.unwrap().endpoints {
        if alias != "spot" {
            *origin = futures.url();
        }
    }
    let spot = ("spot", sim.url());
    let config = config.venue("narrow", "binance", (spot.0, &spot.1), None);
    let gateway = start_gateway(&config).await.unwrap();
    gateway.ready().await;
    let viewer = gateway.anonymous().with(VIEWER);
    ticker(&viewer, "narrow", "BTC/USDT").await.expect(200);
    let ban = FaultAction::Status {
        status: 418,
        retry_after: Some(60),
        body: Some(r#"{"code":-1003,"msg":"Too many requests."}"#.to_owned()),
    };
    let rule = FaultRule::on("GET", TICKER_AT_VENUE).times(1);
    sim.control().add_fault(rule.act(ban));
    let banned = ticker(&viewer, VENUE, "BTC/USDT").await;
    banned.expect_problem(503, "banned");
    let (before, elsewhere) = (
        sim.control().requests().len(),
        futures.control().requests().len(),
    );
    for (venue, symbol) in [("narrow", "BTC/USDT"), (VENUE, "BTC/USDT:USDT")] {
        ticker(&viewer, venue, symbol)
            .await
            .expect_problem(503, "banned");
    }
    assert_eq!(sim.control().requests().len(), before);
    assert_eq!(futures.control().requests().len(), elsewhere);
    gateway.stop().await;
}

async fn ticker(viewer: &Caller, venue: &str, symbol: &str) -> Answer {
    let path = format!("/v1/tickers?venue={venue}&symbol={symbol}");
    viewer.get(&path).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_waited_for_the_journal_does_not_go_out_under_a_ban() {
    let app = with("").await;
    let journal = rusqlite::Connection::open(app.directory().join("journal.db")).unwrap();
    journal.execute_batch("BEGIN IMMEDIATE").unwrap();
    let trader = app.trader();
    let waiting = tokio::spawn(async move { trader.place(&limit_order("0.001", "50000")).await });
    let ban = FaultAction::Status {
        status: 418,
        retry_after: Some(7),
        body: Some(r#"{"code":-1003,"msg":"Too many requests."}"#.to_owned()),
    };
    // By then it has its leave to go, and waits for its intent to be kept.
    eventually("it waits", async || {
        let bulkhead = venue(&app).await["bulkhead"]["running"].as_u64();
        (bulkhead == Some(1)).then_some(()).ok_or(bulkhead)
    })
    .await;
    app.fault("GET", TICKER_AT_VENUE, 1, ban);
    app.viewer().get(TICKER).await.expect_problem(503, "banned");
    journal.execute_batch("ROLLBACK").unwrap();
    waiting.await.unwrap().expect_problem(503, "banned");
    assert_eq!(app.placements_seen(), 0);
}
