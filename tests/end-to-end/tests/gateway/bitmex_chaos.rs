//! Orders placed, changed and cancelled at random through a venue that fails at random, in a market that
//! moves: what the gateway says is what the venue has, each time it is sure and about all at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use ring::digest::{SHA256, digest};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use switchyard_end_to_end::{SEED, TestApp, eventually, eventually_within};
use switchyard_venue_sim::{ExecutedOrder, ExecutionFate, FaultAction, FaultRule};

use crate::bitmex_faults::{KINDS, ORDER, Traded};
use crate::products::{get, number};

/// Orders, each with a life of its own.
const LIVES: u64 = 64;

/// Lives under way at once.
const AT_ONCE: usize = 6;

/// Things done in one life after the placement.
const DEEDS: usize = 5;

/// The chance of each fault, for each request that changes orders or looks for one.
const CHANCE: f64 = 0.06;

/// The faults, each with a seed of its own.
fn make_it_fail(app: &TestApp) {
    let actions = [
        FaultAction::DropBefore,
        FaultAction::ExecuteThenDrop,
        FaultAction::TruncatedBody,
        FaultAction::GarbageBody { bytes: 100 },
        FaultAction::HtmlErrorPage { status: 503 },
        FaultAction::DelayAfter { ms: 200 },
        FaultAction::ExecuteLate {
            ms: 700,
            drop_after_ms: 0,
        },
        FaultAction::UnknownOutcome {
            status: 500,
            execution: ExecutionFate::NotExecuted,
        },
        FaultAction::Status {
            status: 503,
            retry_after: None,
            body: None,
        },
    ];
    let mut seed = SEED;
    for action in actions {
        for method in ["POST", "PUT", "DELETE", "GET"] {
            seed += 1;
            let rule = FaultRule::on(method, ORDER).probability(CHANCE, seed);
            app.sim.control().add_fault(rule.act(action.clone()));
        }
    }
}

/// Lets the market dip to the middle of the range in which the orders rest, and come back.
fn dip(app: &TestApp, traded: &Traded) {
    let market = app.sim.control();
    let mid = market.mid(traded.venue_symbol).unwrap();
    let half_way = (whole(traded.price) + whole(traded.other)) / Decimal::TWO;
    for price in [half_way, mid] {
        market.set_mid(traded.venue_symbol, price).unwrap();
    }
}

fn whole(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// One life, drawn from the seed and its number. Gives the order's id unless it was certainly not placed.
async fn live(app: &TestApp, life: u64) -> Option<String> {
    let drawn = digest(&SHA256, format!("{SEED} {life}").as_bytes());
    let mut drawn = drawn.as_ref().iter().map(|byte| usize::from(*byte));
    let mut next = |sides: usize| drawn.next().unwrap() % sides;
    let traded = &KINDS[next(KINDS.len())];
    let prices = [traded.price, traded.other];
    let quantities = [traded.quantity, traded.more];
    let order = traded.limit("buy", quantities[next(2)], prices[next(2)]);
    let placed = app.trader().place(&order).await;
    let id = placed["id"].as_str().or(placed["order_id"].as_str());
    let id = id.map(str::to_owned);
    match (placed.status, &id) {
        (201, Some(id)) => assert!(app.truth(id).is_some(), "{}", placed.text),
        (202, Some(_)) => {}
        (503, _) => return None, // should it surface after all, nobody knows of it
        _ => panic!("{}", placed.text),
    }
    let id = id?;
    for _ in 0..DEEDS {
        match next(8) {
            0..=3 => {
                let change = json!({"price": prices[next(2)], "quantity": quantities[next(2)]});
                let answer = app.trader().amend(&id, &change).await;
                match answer.status {
                    // Nobody else changes this order, so that what is certain stays true.
                    200 => agrees(traded, answer.json(), &app.truth(&id).unwrap(), false).unwrap(),
                    202 | 409 | 422 | 503 => {}
                    // The order has what was asked for already, and asking whether it still does failed.
                    502 => {}
                    _ => panic!("{}", answer.text),
                }
            }
            4 => {
                let answer = app.trader().cancel(&id).await;
                match answer.status {
                    200 => agrees(traded, answer.json(), &app.truth(&id).unwrap(), true).unwrap(),
                    202 => {}
                    _ => panic!("{}", answer.text),
                }
            }
            5 | 6 => drop(app.trader().order(&id).await.expect(200)),
            _ => dip(app, traded),
        }
    }
    Some(id)
}

/// Whether the gateway's order is the venue's; its fills too, where they are asked for.
fn agrees(
    traded: &Traded,
    order: &Value,
    truth: &ExecutedOrder,
    with_fills: bool,
) -> Result<(), String> {
    let units = Decimal::from(traded.units);
    let same = number(&order["price"]) == truth.price.unwrap()
        && number(&order["quantity"]) * units == truth.quantity
        && (!with_fills
            || order["state"] == truth.state
                && number(&order["filled_quantity"]) * units == truth.executed_quantity);
    if same && order["venue_order_id"] == truth.venue_order_id {
        Ok(())
    } else {
        Err(format!("{order} is not {truth:?}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_random_faults_and_fills_gateway_and_venue_agree_about_every_order() {
    println!("seed of the lives and faults: {SEED}");
    let app = TestApp::bitmex().await;
    make_it_fail(&app);
    let lives: Vec<_> = stream::iter(0..LIVES)
        .map(|life| live(&app, life))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let struck: u64 = app.sim.control().faults().iter().map(|f| f.hits).sum();
    println!("{struck} faults");
    assert!(struck > 50, "the faults are no exception");
    app.sim.control().clear_faults();
    // What executes late has done so when its delay is over; the venue's clock says when.
    let late = app.sim.control().now_ms() + 1_000;
    eventually("what executes late has executed", || async {
        let now = app.sim.control().now_ms();
        if now > late { Ok(()) } else { Err(now) }
    })
    .await;
    // What has not surfaced by now never will, and the gateway may conclude so.
    app.sim.control().step_clock_ms(120_000);

    let ids: BTreeSet<String> = lives.into_iter().flatten().collect();
    for id in &ids {
        let patience = Duration::from_secs(120);
        eventually_within(patience, "gateway and venue agree", || async {
            let order = app.trader().order(id).await.expect(200);
            let Some(truth) = app.truth(id) else {
                let never = ["PENDING_NEW", "REJECTED"];
                let is_so = never.contains(&order.text_of("state").as_str());
                return if is_so { Ok(()) } else { Err(order.text) };
            };
            let traded = KINDS.iter().find(|t| order["symbol"] == t.symbol);
            agrees(traded.unwrap(), order.json(), &truth, true)
        })
        .await;
    }
    let truth: BTreeMap<String, ExecutedOrder> = app
        .sim
        .control()
        .executed()
        .into_iter()
        .map(|order| (order.client_order_id.clone(), order))
        .collect();
    for (id, order) in &truth {
        assert!(ids.contains(id), "the gateway told of {order:?}");
        assert_eq!(order.client_id_accepted, 1, "{order:?}");
    }
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for order in truth.values() {
        *states.entry(order.state).or_default() += 1;
    }
    println!("{states:?} of {}", ids.len());
    let is_open = |order: &&ExecutedOrder| ["NEW", "PARTIALLY_FILLED"].contains(&order.state);
    let open = truth.values().filter(is_open);
    let open: BTreeSet<&str> = open.map(|order| order.client_order_id.as_str()).collect();
    let active = get(&app, "/v1/orders/active?venue=sim").await;
    assert_eq!(active["sources"][0]["source"], "live", "{}", active.text);
    let listed: BTreeSet<&str> = active
        .items()
        .iter()
        .filter(|order| order["state"] != "PENDING_NEW")
        .map(|order| order["id"].as_str().unwrap())
        .collect();
    assert_eq!(listed, open);
}
