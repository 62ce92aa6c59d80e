//! What a gateway does from when it is told to stop until it has.

use std::time::Duration;

use serde_json::Value;
use switchyard_end_to_end::{TestApp, limit_order};
use switchyard_venue_sim::FaultAction;
use tokio::net::TcpStream;

use crate::edge::{connected, rest_of};

async fn app(server_lines: &str) -> TestApp {
    TestApp::with(|mut config| {
        config.server_lines = server_lines.to_owned();
        config
    })
    .await
}

/// Places an order that the venue takes its time with, and whose caller hangs up once the venue has the request.
async fn place_and_hang_up(app: &TestApp, late: Duration) {
    let ms = u64::try_from(late.as_millis()).unwrap();
    app.next_placement(FaultAction::DelayBefore { ms });
    let trader = app.trader();
    let placing = tokio::spawn(async move { trader.place(&limit_order("0.001", "50000")).await });
    until_it_is_on_its_way(app).await;
    placing.abort();
    assert!(placing.await.is_err(), "nobody waits for the answer");
}

async fn until_it_is_on_its_way(app: &TestApp) {
    switchyard_end_to_end::eventually("the order is on its way", || async {
        if app.placements_seen() > 0 {
            Ok(())
        } else {
            Err(String::new())
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_stopped_answers_what_it_took_on_and_takes_on_nothing_new() {
    let mut app = TestApp::start().await;
    app.next_placement(FaultAction::DelayBefore { ms: 1_000 });
    let trader = app.trader();
    let placing = tokio::spawn(async move { trader.place(&limit_order("0.001", "50000")).await });
    until_it_is_on_its_way(&app).await;
    let idle = connected(&app).await;
    app.stop_gateway().await;
    placing.await.unwrap().expect(201);
    assert_eq!(rest_of(idle).await, "");
    let base = app.anonymous().base().to_owned();
    assert!(
        TcpStream::connect(base.trim_start_matches("http://"))
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_caller_hung_up_is_answered_for_before_the_gateway_ends() {
    let mut app = TestApp::start().await;
    place_and_hang_up(&app, Duration::from_millis(1_500)).await;
    app.stop_gateway().await;
    app.restart_gateway().await;
    let executed = app.sim.control().executed();
    assert_eq!(executed.len(), 1);
    let path = format!("/v1/orders/{}/events", executed[0].client_order_id);
    let events = app.viewer().get(&path).await.expect(200);
    let kinds: Vec<&Value> = events.items().iter().map(|event| &event["kind"]).collect();
    assert!(
        kinds.iter().any(|kind| **kind == "acknowledged"),
        "{}",
        events.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_told_to_stop_is_not_ready_at_once_and_serves_until_routers_know() {
    let mut app = app("drain_notice_seconds = 3").await;
    let (anonymous, viewer) = (app.anonymous(), app.viewer());
    anonymous.get("/health/ready").await.expect(200);
    let meanwhile = async {
        switchyard_end_to_end::eventually("the gateway is not ready", || async {
            let ready = anonymous.get("/health/ready").await;
            if ready.status == 503 {
                ready.expect_problem(503, "not-ready");
                Ok(())
            } else {
                Err(ready.text)
            }
        })
        .await;
        anonymous.get("/health/live").await.expect(200);
        viewer.get("/v1/orders").await.expect(200);
        let place = anonymous.base().trim_start_matches("http://");
        assert!(TcpStream::connect(place).await.is_ok(), "it listens");
    };
    tokio::join!(app.stop_gateway(), meanwhile);
    let place = anonymous.base().trim_start_matches("http://");
    assert!(TcpStream::connect(place).await.is_err());
}
