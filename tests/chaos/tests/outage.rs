//! What callers of one venue notice of another one's outage: their latency, as a ratio.
//!
//! Timing is measured and printed, not asserted: `make chaos` runs it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::Value;
use switchyard_chaos::{BITMEX, MARKETS, Market, Venues};
use switchyard_end_to_end::{Answer, Caller, GatewayProcess, TRADER, VENUE};
use switchyard_venue_sim::{FaultAction, FaultRule};
use tokio::time::{Instant, interval};

/// How long each phase lasts.
const PHASE: Duration = Duration::from_secs(10);

/// Time between two arrivals at each venue; each reads, places and cancels, however long the last one takes.
const EVERY: Duration = Duration::from_millis(50);

/// How the venue beside it fails, phase by phase; nothing where it is well.
const PHASES: [(&str, Option<FaultAction>); 7] = [
    ("warming up", None),
    ("both well", None),
    (
        "the other hangs",
        Some(FaultAction::DelayBefore { ms: 10_000 }),
    ),
    ("both well again", None),
    ("the other drops connections", Some(FaultAction::DropBefore)),
    ("both well, a third time", None),
    (
        "the other answers 502",
        Some(FaultAction::HtmlErrorPage { status: 502 }),
    ),
];

/// What one arrival saw.
struct Seen {
    took: [Option<Duration>; 3],
    statuses: [u16; 3],
}

async fn arrive(caller: &Caller, market: &Market, number: u32) -> Seen {
    let path = format!(
        "/v1/tickers?venue={}&symbol={}",
        market.venue, market.symbol
    );
    let read = caller
        .request(Method::GET, &path)
        .header("cache-control", "no-cache");
    let (read_took, read) = timed(Answer::to(read)).await;
    let order = market.order(market.resting(number)[0]);
    let (place_took, placed) = timed(caller.place(&order)).await;
    let (cancel_took, canceled) = match placed["id"].as_str() {
        Some(id) => {
            let (took, answer) = timed(caller.cancel(id)).await;
            (Some(took), answer.status)
        }
        None => (None, placed.status),
    };
    Seen {
        took: [Some(read_took), Some(place_took), cancel_took],
        statuses: [read.status, placed.status, canceled],
    }
}

async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let started = Instant::now();
    let done = work.await;
    (started.elapsed(), done)
}

/// Arrivals at a venue at a steady rate, for one phase.
async fn visit(caller: &Caller, market: &'static Market, first: u32) -> Vec<Seen> {
    let (mut ticks, mut visits) = (interval(EVERY), Vec::new());
    let arrivals = u32::try_from(PHASE.as_millis() / EVERY.as_millis()).unwrap();
    for number in first..first + arrivals {
        ticks.tick().await;
        let caller = caller.clone();
        visits.push(tokio::spawn(async move {
            arrive(&caller, market, number).await
        }));
    }
    let seen = join_all(visits).await.into_iter();
    seen.map(Result::unwrap).collect()
}

/// The latency that this share of the calls stayed below, in milliseconds.
fn quantile(seen: &[Seen], call: usize, share: f64) -> f64 {
    let mut took: Vec<Duration> = seen.iter().filter_map(|seen| seen.took[call]).collect();
    took.sort_unstable();
    let place = (took.len() as f64 * share) as usize;
    took.get(place.min(took.len().saturating_sub(1)))
        .map_or(f64::NAN, |took| took.as_secs_f64() * 1_000.0)
}

fn well(seen: &[Seen]) -> usize {
    seen.iter()
        .filter(|seen| seen.statuses == [200, 201, 200])
        .count()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a load test of more than a minute: make chaos"]
async fn an_outage_of_one_venue_leaves_the_other_ones_callers_alone() {
    let venues = Venues::start(1).await;
    let directory = tempfile::tempdir().unwrap();
    // With the policies as they are by default.
    let config = venues.configure(directory.path(), "");
    let gateway = GatewayProcess::start(&config, &directory.path().join("gateway.log")).await;
    gateway.ready().await;
    let trader = gateway.anonymous().with(TRADER);
    let market_of = |venue| MARKETS.iter().find(|market| market.venue == venue).unwrap();
    let (failing, healthy) = (market_of(VENUE), market_of(BITMEX));

    println!(
        "latency of the healthy venue's callers in ms, p50 and p99, and its ratio to the calm before"
    );
    let mut calm: Vec<[f64; 2]> = Vec::new();
    let mut first = 0;
    for (name, fault) in PHASES {
        let control = venues.sim(VENUE).control();
        control.clear_faults();
        let is_calm = fault.is_none();
        if let Some(action) = fault {
            control.add_fault(FaultRule::always(action));
        }
        let visits = join(
            visit(&trader, healthy, first),
            visit(&trader, failing, first),
        );
        let (at_healthy, at_failing) = visits.await;
        first += u32::try_from(at_healthy.len()).unwrap();
        let of_call = |call| [0.5, 0.99].map(|share| quantile(&at_healthy, call, share));
        let now: Vec<[f64; 2]> = (0..3).map(of_call).collect();
        let cells = ["read", "place", "cancel"].iter().zip(&now).enumerate();
        let cells = cells.map(|(call, (what, [p50, p99]))| match calm.get(call) {
            Some([before50, before99]) => format!(
                "{what} {p50:.1} (x{:.2}) {p99:.1} (x{:.2})",
                p50 / before50,
                p99 / before99
            ),
            None => format!("{what} {p50:.1} {p99:.1}"),
        });
        let cells: Vec<String> = cells.collect();
        println!(
            "{name:>28}: {}; well {}/{} there, {}/{} at the other",
            cells.join(", "),
            well(&at_healthy),
            at_healthy.len(),
            well(&at_failing),
            at_failing.len(),
        );
        assert_eq!(well(&at_healthy), at_healthy.len(), "{name}");
        if is_calm {
            calm = now;
        } else {
            // Otherwise there was no outage.
            assert!(well(&at_failing) < at_failing.len() / 10, "{name}");
        }
    }
    let health: Value = trader.get("/health").await.json().clone();
    println!("{health}");
}
