//! Orders whose fate is open: found out, never guessed, never sent again.

use reqwest::Method;
use switchyard_end_to_end::{Answer, TestApp, eventually, limit_order};
use switchyard_venue_sim::{ExecutionFate, FaultAction, SettingsPatch};

/// Places an order that meets a fault; the answer must be that its fate is open.
async fn placed_with(app: &TestApp, fault: FaultAction) -> String {
    app.next_placement(fault);
    let placed = app
        .trader()
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(202);
    assert_eq!(placed["state"], "PENDING_NEW", "{}", placed.text);
    let id = placed.id();
    assert_eq!(
        placed.header("location"),
        Some(format!("/v1/orders/{id}").as_str())
    );
    id
}

/// The venue got exactly one placement, accepted exactly one order, and knows it by the gateway's id.
fn exactly_one(app: &TestApp, id: &str) {
    let executed = app.sim.control().executed();
    assert_eq!(executed.len(), 1, "{executed:?}");
    assert_eq!(executed[0].client_order_id, id);
    assert_eq!(executed[0].client_id_accepted, 1);
    assert_eq!(app.placements_seen(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_was_lost_is_found_by_itself() {
    let app = TestApp::start().await;
    let id = placed_with(&app, FaultAction::ExecuteThenDrop).await;
    let found = app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
    assert_eq!(
        found["venue_order_id"],
        app.truth(&id).unwrap().venue_order_id
    );
    exactly_one(&app, &id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_was_garbage_is_found_by_itself() {
    let app = TestApp::start().await;
    let id = placed_with(&app, FaultAction::GarbageBody { bytes: 512 }).await;
    app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
    exactly_one(&app, &id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_was_cut_off_is_found_by_itself() {
    let app = TestApp::start().await;
    let id = placed_with(&app, FaultAction::TruncatedBody).await;
    app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
    exactly_one(&app, &id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_venue_is_unsure_of_is_found_by_itself() {
    let app = TestApp::start().await;
    let fault = FaultAction::UnknownOutcome {
        status: 503,
        execution: ExecutionFate::Executed,
    };
    let id = placed_with(&app, fault).await;
    app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
    exactly_one(&app, &id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_executes_late_is_found_and_never_sent_twice() {
    let app = TestApp::start().await;
    let fault = FaultAction::ExecuteLate {
        ms: 2_500,
        drop_after_ms: 0,
    };
    let id = placed_with(&app, fault).await;
    // Lookups in the meantime miss it, and a miss proves nothing.
    let early = app.trader().order(&id).await.expect(200);
    assert_eq!(early["state"], "PENDING_NEW", "{}", early.text);
    app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
    exactly_one(&app, &id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_found_by_a_lookup_that_lags_is_not_given_up() {
    let app = TestApp::start().await;
    app.sim.control().settings(SettingsPatch {
        lookup_lag_ms: Some(2_500),
        ..SettingsPatch::default()
    });
    let id = placed_with(&app, FaultAction::ExecuteThenDrop).await;
    app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
    exactly_one(&app, &id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_never_arrived_is_not_claimed_and_not_sent_again() {
    let app = TestApp::start().await;
    let id = placed_with(&app, FaultAction::DropBefore).await;
    eventually("the venue was asked twice", || async {
        let asked = app.seen("GET", "/api/v3/order").len();
        if asked >= 2 { Ok(()) } else { Err(asked) }
    })
    .await;
    let read = app.trader().order(&id).await.expect(200);
    assert!(
        ["PENDING_NEW", "REJECTED"].contains(&read["state"].as_str().unwrap()),
        "{}",
        read.text
    );
    assert_eq!(app.placements_seen(), 1);
    assert_eq!(app.sim.control().executed(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxys_error_page_leaves_the_fate_open() {
    let app = TestApp::start().await;
    placed_with(&app, FaultAction::HtmlErrorPage { status: 502 }).await;
    assert_eq!(app.placements_seen(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_server_error_leaves_the_fate_open() {
    let app = TestApp::start().await;
    let fault = FaultAction::Status {
        status: 500,
        retry_after: None,
        body: Some("{}".to_owned()),
    };
    placed_with(&app, fault).await;
    assert_eq!(app.placements_seen(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_takes_longer_than_the_caller_waits_leaves_the_fate_open() {
    let app = TestApp::start().await;
    app.next_placement(FaultAction::DelayAfter { ms: 1_500 });
    let request = app.trader().request(Method::POST, "/v1/orders");
    let request = request
        .header("x-request-timeout-ms", "300")
        .header("content-type", "application/json")
        .body(limit_order("0.01", "50000").to_string());
    let placed = Answer::to(request).await.expect(202);
    assert_eq!(placed["state"], "PENDING_NEW");
    let id = placed.id();
    app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
    exactly_one(&app, &id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_away_leaves_an_order_that_is_still_accounted_for() {
    let app = TestApp::start().await;
    app.next_placement(FaultAction::DelayAfter { ms: 800 });
    let request = app.trader().request(Method::POST, "/v1/orders");
    let request = request
        .timeout(std::time::Duration::from_millis(200))
        .header("content-type", "application/json")
        .body(limit_order("0.01", "50000").to_string());
    request
        .send()
        .await
        .expect_err("the caller goes away first");
    let id = eventually(
        "the order is in the journal as the venue has it",
        || async {
            let list = app.viewer().get("/v1/orders?state=NEW").await.expect(200);
            list.ids()
                .first()
                .map(|id| (*id).to_owned())
                .ok_or(list.text)
        },
    )
    .await;
    exactly_one(&app, &id);
}

#[tokio::test(flavor = "multi_thread")]
async fn being_told_to_slow_down_means_nothing_was_placed() {
    let app = TestApp::start().await;
    app.next_placement(FaultAction::Status {
        status: 429,
        retry_after: Some(3),
        body: None,
    });
    let refused = app.trader().place(&limit_order("0.01", "50000")).await;
    let refused = refused.expect_problem(503, "rate-limited");
    assert_eq!(refused["retryable"], true);
    assert_eq!(refused.header("retry-after"), Some("3"));
    assert_eq!(app.sim.control().executed(), []);
}
