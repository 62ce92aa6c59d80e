//! Many orders through a venue that fails at random: whatever the gateway says must be true.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use reqwest::Method;
use switchyard_end_to_end::{
    Answer, ConfiguredVenue, SEED, TestApp, VENUE, eventually, eventually_within, limit_order,
    simulator,
};
use switchyard_venue_sim::{ExecutionFate, FaultAction, FaultRule};

/// Orders placed through the faults.
const ORDERS: usize = 60;

/// Placements under way at once.
const AT_ONCE: usize = 6;

/// What the gateway said of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// The venue has it.
    Placed,
    /// Its fate is open.
    Open,
    /// The venue does not have it.
    NotPlaced,
}

/// The claim of an answer, and the id of its order where it has one.
fn claim(answer: &Answer) -> (Claim, Option<String>) {
    let id = answer["id"].as_str().or(answer["order_id"].as_str());
    let claim = match answer.status {
        201 => Claim::Placed,
        202 => Claim::Open,
        422 | 503 => Claim::NotPlaced,
        status => panic!("{status}: {}", answer.text),
    };
    (claim, id.map(str::to_owned))
}

/// Every claim agrees with the venue's own truth, now and after what was open has been followed.
async fn claims_are_true(app: &TestApp, claims: Vec<(Claim, Option<String>)>) {
    let truth: BTreeMap<String, u64> = app
        .sim
        .control()
        .executed()
        .into_iter()
        .map(|order| (order.client_order_id, order.client_id_accepted))
        .collect();
    assert!(truth.values().all(|accepted| *accepted == 1), "{truth:?}");
    let mut accounted = 0;
    for (claim, id) in &claims {
        let has = id.as_ref().is_some_and(|id| truth.contains_key(id));
        accounted += usize::from(has);
        match claim {
            Claim::Placed => assert!(has, "{id:?} was said to be placed"),
            Claim::NotPlaced => assert!(!has, "{id:?} was said not to be placed"),
            Claim::Open => {}
        }
    }
    assert_eq!(
        accounted,
        truth.len(),
        "every order at the venue was told of"
    );
    let open = claims.iter().filter(|(claim, _)| *claim == Claim::Open);
    for (_, id) in open {
        let id = id.as_deref().unwrap();
        if truth.contains_key(id) {
            app.becomes_by_itself(&app.viewer(), id, "NEW").await;
        } else {
            let read = app.viewer().order(id).await.expect(200);
            assert!(
                ["PENDING_NEW", "REJECTED"].contains(&read.text_of("state").as_str()),
                "{}",
                read.text
            );
        }
    }
    // As many placements arrived as there were orders at most: nothing was sent twice.
    assert!(app.placements_seen() <= claims.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn under_random_faults_every_answer_is_true() {
    let app = TestApp::start().await;
    for (number, action) in [
        FaultAction::DropBefore,
        FaultAction::ExecuteThenDrop,
        FaultAction::TruncatedBody,
        FaultAction::GarbageBody { bytes: 100 },
        FaultAction::HtmlErrorPage { status: 504 },
        FaultAction::DelayAfter { ms: 200 },
        FaultAction::ExecuteLate {
            ms: 700,
            drop_after_ms: 0,
        },
        FaultAction::UnknownOutcome {
            status: 503,
            execution: ExecutionFate::NotExecuted,
        },
    ]
    .into_iter()
    .enumerate()
    {
        let seed = SEED + number as u64;
        for method in ["POST", "GET"] {
            let rule = FaultRule::on(method, "/api/v3/order").probability(0.08, seed);
            app.sim.control().add_fault(rule.act(action.clone()));
        }
    }
    let trader = app.trader();
    let claims: Vec<_> = stream::iter(0..ORDERS)
        .map(|number| {
            let (trader, price) = (trader.clone(), (50_000 + number).to_string());
            async move { claim(&trader.place(&limit_order("0.001", &price)).await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    for kind in [Claim::Placed, Claim::Open, Claim::NotPlaced] {
        let count = claims.iter().filter(|(claim, _)| *claim == kind).count();
        println!("{kind:?}: {count}");
    }
    app.sim.control().clear_faults();
    // What executes late has done so when its delay is over; the venue's clock says when.
    let late = app.sim.control().now_ms() + 1_000;
    eventually("what executes late has executed", || async {
        let now = app.sim.control().now_ms();
        if now > late { Ok(()) } else { Err(now) }
    })
    .await;
    claims_are_true(&app, claims).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_short_the_callers_patience_the_answer_is_true() {
    let app = TestApp::start().await;
    let mut claims = Vec::new();
    for millis in [1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 10, 15, 20] {
        let request = app.trader().request(Method::POST, "/v1/orders");
        let request = request
            .header("x-request-timeout-ms", millis.to_string())
            .header("content-type", "application/json");
        let answer = Answer::to(request.body(limit_order("0.001", "50000").to_string())).await;
        claims.push(claim(&answer));
    }
    println!("{claims:?}");
    // A request that was on its way when its caller gave up arrives within this time on loopback.
    let settled = app.sim.control().now_ms() + 500;
    eventually("requests on their way have arrived", || async {
        let now = app.sim.control().now_ms();
        if now > settled { Ok(()) } else { Err(now) }
    })
    .await;
    claims_are_true(&app, claims).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_orders_with_one_label_at_once_the_venue_gets_one() {
    let app = TestApp::start().await;
    let mut order = limit_order("0.001", "50000");
    order["client_order_id"] = "one-of-a-kind".into();
    let trader = app.trader();
    let answers: Vec<Answer> = stream::iter(0..8)
        .map(|_| trader.place(&order))
        .buffer_unordered(8)
        .collect()
        .await;
    let count = |status| answers.iter().filter(|a| a.status == status).count();
    assert_eq!((count(201), count(422)), (1, 7));
    assert_eq!(app.sim.control().executed().len(), 1);
    assert_eq!(app.placements_seen(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_hangs_does_not_keep_the_orders_of_another_from_being_found() {
    let hanging = simulator().await;
    let app = TestApp::with(|mut config| {
        let first = config.venues[0].clone();
        config.venues.push(ConfiguredVenue {
            name: "hanging".to_owned(),
            endpoints: vec![("spot".to_owned(), hanging.url())],
            ..first
        });
        config
    })
    .await;
    let hang = FaultRule::on("GET", "/api/v3/order").act(FaultAction::DelayBefore { ms: 60_000 });
    hanging.control().add_fault(hang);
    for _ in 0..4 {
        let lost = FaultRule::on("POST", "/api/v3/order").times(1);
        hanging
            .control()
            .add_fault(lost.act(FaultAction::ExecuteThenDrop));
        let mut order = limit_order("0.001", "50000");
        order["venue"] = "hanging".into();
        app.trader().place(&order).await.expect(202);
    }
    app.next_placement(FaultAction::ExecuteThenDrop);
    let placed = app.trader().place(&limit_order("0.001", "50000")).await;
    let id = placed.expect(202).id();
    let viewer = app.viewer();
    let path = format!("/v1/orders?ids={id}&venue={VENUE}");
    // Well below one time-out of the venue that hangs.
    eventually_within(Duration::from_secs(4), "the order is found", || async {
        let listed = viewer.get(&path).await.expect(200);
        match listed.items().first() {
            Some(order) if order["state"] == "NEW" => Ok(()),
            _ => Err(listed.text),
        }
    })
    .await;
}
