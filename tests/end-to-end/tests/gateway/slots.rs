//! How many requests are served at once, and whose they are.

use std::time::Duration;

use serde_json::json;
use switchyard_end_to_end::{TestApp, limit_order};
use switchyard_venue_sim::FaultAction;

/// How late the venue answers what holds a slot.
const LATE: Duration = Duration::from_secs(3);

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
    switchyard_end_to_end::eventually("the order is on its way", || async {
        if app.placements_seen() > 0 {
            Ok(())
        } else {
            Err(String::new())
        }
    })
    .await;
    placing.abort();
    assert!(placing.await.is_err(), "nobody waits for the answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_serves_as_many_requests_as_it_may_sheds_the_rest_and_answers_probes() {
    let app = app("max_concurrent_requests = 1").await;
    app.fault(
        "GET",
        "/api/v3/ticker",
        1,
        FaultAction::DelayBefore { ms: 2_000 },
    );
    let viewer = app.viewer();
    let slow = tokio::spawn(async move { viewer.get("/v1/tickers?symbol=BTC/USDT").await });
    let shed = switchyard_end_to_end::eventually("a request is shed", || async {
        let answer = app.viewer().get("/v1/orders").await;
        if answer.status == 503 {
            Ok(answer)
        } else {
            Err(answer.text)
        }
    })
    .await;
    let shed = shed.expect_problem(503, "overloaded");
    assert_eq!(
        (&shed["retryable"], shed.header("retry-after")),
        (&json!(true), Some("1"))
    );
    app.anonymous().get("/health/live").await.expect(200);
    slow.await.unwrap().expect(200);
    app.viewer().get("/v1/orders").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_holds_its_half_of_the_slots_keeps_no_other_from_being_served() {
    let app = app("max_concurrent_requests = 10").await;
    let ms = u64::try_from(LATE.as_millis()).unwrap();
    app.fault("GET", "/api/v3/ticker", 10, FaultAction::DelayBefore { ms });
    let slow: Vec<_> = (0..5)
        .map(|_| {
            let viewer = app.viewer();
            tokio::spawn(async move { viewer.get("/v1/tickers?symbol=BTC/USDT").await })
        })
        .collect();
    switchyard_end_to_end::eventually("the tenant has no slot left", || async {
        let answer = app.viewer().get("/v1/orders").await;
        if answer.status == 503 {
            answer.expect_problem(503, "overloaded");
            Ok(())
        } else {
            Err(answer.text)
        }
    })
    .await;
    app.other_trader().get("/v1/orders").await.expect(200);
    // A slot is kept for what must go through: here the tenant has one more for it.
    app.operator().get("/v1/keys").await.expect(200);
    let cancel = app.trader().cancel("swynosuchorder").await;
    cancel.expect_problem(404, "order-not-found");
    for answer in slow {
        answer.await.unwrap().expect(200);
    }
    app.viewer().get("/v1/orders").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_caller_hung_up_keeps_its_slot_until_the_venue_has_answered() {
    let app = app("max_concurrent_requests = 2").await;
    place_and_hang_up(&app, LATE).await;
    // Longer than it takes the gateway to see that the connection is gone.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let shed = app.viewer().get("/v1/orders").await;
    shed.expect_problem(503, "overloaded");
    app.other_trader().get("/v1/orders").await.expect(200);
    switchyard_end_to_end::eventually("the slot comes back", || async {
        match app.viewer().get("/v1/orders").await.status {
            200 => Ok(()),
            status => Err(status.to_string()),
        }
    })
    .await;
    assert_eq!(app.sim.control().executed().len(), 1);
}
