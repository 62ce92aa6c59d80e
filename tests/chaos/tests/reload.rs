//! Adapters replaced under load: nobody notices, and nothing leaks. (Killed meanwhile: `crash.rs`.)
//!
//! Short runs are part of every test run. The long ones are `make bench-reload`: `RELOAD_RATE` requests a second
//! from `RELOAD_CALLERS` callers, `RELOAD_SWAPS` versions under load and `RELOAD_MORE` without.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::RangeInclusive;
use std::time::Duration;

use switchyard_chaos::{Breakage, Code, Demand, Form, Load, Seen, Swapping, Usage, Version, shown};
use switchyard_end_to_end::{OPERATOR, TRADER};
use tokio::time::{Instant, sleep};

const SEED: u64 = 6;

/// Phases of the load.
const WARMING_UP: RangeInclusive<usize> = 0..=0;
const CALM: RangeInclusive<usize> = 1..=1;
/// One for each swap, of which the first is this.
const FIRST_SWAP: usize = 2;
const SWAPPING: RangeInclusive<usize> = FIRST_SWAP..=usize::MAX;

/// Swaps that are named for what callers noticed of them.
const NAMED: usize = 5;

/// A trial that is over soon, and sees every kind of request first. The load alone must not fail it: where all
/// processors are busy, what a version takes of the clock says nothing of it.
const SHORT_TRIAL: &str = "trial = { calls = 100, time_ms = 2000, replay = 50, max_slowdown_percent = 100000 }\ncanary_share = 0.5";

fn number(variable: &str, default: u32) -> u32 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    }
}

/// A run under load.
#[derive(Debug, Clone, Copy)]
struct Plan {
    demand: Demand,
    code: Code,
    swaps: u32,
    /// Every so many versions one is broken.
    one_broken_in: u32,
    /// After every so many versions it is calm: what is compared must have grown as old.
    calm_after: u32,
    calm: Duration,
}

/// The version to come next, and how it comes.
fn next(swapping: &Swapping, plan: &Plan, number: u32) -> (Version, Form) {
    let round = number / plan.one_broken_in;
    let is_broken = number % plan.one_broken_in == plan.one_broken_in - 1;
    let version = if is_broken {
        let kinds = Breakage::ALL;
        let kind = kinds[round as usize % kinds.len()];
        swapping.versions.broken(kind, number)
    } else {
        swapping.versions.good(number)
    };
    // Each kind comes in either form when it comes twice.
    let turn = number + round / Breakage::ALL.len() as u32;
    let form = [Form::File, Form::Upload][turn as usize % 2];
    (version, form)
}

/// Replaces the adapter under load. Returns what the callers saw and prints what there is to say.
async fn swap_under_load(plan: Plan) -> Seen {
    println!("seed {SEED}, {plan:?}");
    let mut swapping = Swapping::prepare(SEED, plan.code, SHORT_TRIAL).await;
    let gateway = swapping.gateway().await;
    let load = Load::begin(plan.demand, &gateway.anonymous().with(TRADER));
    sleep(plan.calm).await;
    let before = Usage::of(gateway.id(), &[]);
    let (mut calm, mut swapped) = (Duration::ZERO, Duration::ZERO);
    let (mut promoted, mut rejected) = (0, 0);
    let mut serving = swapping.versions.built().sha256;
    for number in 0..plan.swaps {
        if number % plan.calm_after == 0 {
            load.phase(*CALM.start());
            let begun = Instant::now();
            sleep(plan.calm).await;
            calm += begun.elapsed();
        }
        let (version, form) = next(&swapping, &plan, number);
        load.phase(FIRST_SWAP + number as usize);
        let started = Instant::now();
        let decided = swapping.swap(&gateway, &version, form).await;
        let (state, reason) = (&decided["state"], decided["reason"].as_str().unwrap());
        let took = started.elapsed();
        swapped += took;
        println!(
            "{number:>3} {form:?} {:?} {state} in {took:.1?}: {reason}",
            version.breakage
        );
        match version.breakage {
            None => {
                assert_eq!(state, "active", "{decided}");
                serving = version.sha256;
                promoted += 1;
            }
            Some(breakage) => {
                assert_eq!(state, "rejected", "{breakage:?}: {decided}");
                let mut expected = breakage.reasons().iter();
                assert!(
                    expected.any(|text| reason.contains(text)),
                    "{breakage:?}: {reason}"
                );
                rejected += 1;
            }
        }
        let operator = gateway.anonymous().with(OPERATOR);
        assert_eq!(shown(&operator).await["active"]["sha256"], *serving);
    }
    let after = Usage::of(gateway.id(), &[]);
    let seen = load.end().await;

    let rate = |phase, time: Duration| seen.requests(phase) as f64 / time.as_secs_f64();
    let [p50, p99] = [0.5, 0.99].map(|share| [CALM, SWAPPING].map(|p| seen.quantile(p, share)));
    println!("{promoted} versions promoted, {rejected} rejected, in {swapped:.1?}");
    println!(
        "requests/s: {:.0} calm, {:.0} during swaps; {} orders, {} failed requests",
        rate(CALM, calm),
        rate(SWAPPING, swapped),
        seen.orders.len(),
        seen.failed
    );
    println!(
        "p50 in ms: {:.2} calm, {:.2} during swaps, x{:.2}",
        p50[0],
        p50[1],
        p50[1] / p50[0]
    );
    println!(
        "p99 in ms: {:.2} calm, {:.2} during swaps, x{:.2}",
        p99[0],
        p99[1],
        p99[1] / p99[0]
    );
    let mut swaps: Vec<(usize, f64)> = (0..plan.swaps as usize)
        .map(|swap| (swap, FIRST_SWAP + swap))
        .map(|(swap, phase)| (swap, seen.quantile(phase..=phase, 0.99)))
        .collect();
    swaps.sort_by(|one, other| other.1.total_cmp(&one.1));
    println!(
        "p99 in ms of the swaps that were noticed most: {:.1?}",
        &swaps[..swaps.len().min(NAMED)]
    );
    println!("before {before:?}\nafter  {after:?}");
    assert_eq!(seen.failed, 0, "{:#?}", seen.failures);
    let wrong = seen.wrong_orders(&swapping.venues);
    assert!(
        wrong.is_empty(),
        "{} wrong orders: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(10)]
    );
    // A run in which nothing happened proves nothing.
    assert!(seen.requests(SWAPPING) > 0 && !seen.orders.is_empty());
    assert_eq!(promoted + rejected, plan.swaps);
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_and_no_order_is_doubled_while_the_adapter_is_replaced() {
    swap_under_load(Plan {
        demand: Demand {
            seed: SEED,
            callers: 8,
            per_second: 100,
        },
        code: Code::Kept,
        swaps: 10,
        one_broken_in: 3,
        calm_after: 5,
        calm: Duration::from_millis(500),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a load test of minutes: make bench-reload"]
async fn no_request_fails_and_no_order_is_doubled_in_a_hundred_swaps_under_full_load() {
    let seen = swap_under_load(Plan {
        demand: Demand {
            seed: SEED,
            callers: number("RELOAD_CALLERS", 32),
            per_second: number("RELOAD_RATE", 2_000),
        },
        code: Code::Compiled,
        swaps: number("RELOAD_SWAPS", 100),
        one_broken_in: 5,
        calm_after: 10,
        calm: Duration::from_secs(10),
    })
    .await;
    assert!(seen.requests(WARMING_UP) > 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make bench-reload"]
async fn a_thousand_swaps_leave_no_memory_thread_or_file_behind() {
    /// Versions that are really different; after them all come again.
    const DIFFERENT: u32 = 50;
    /// Swaps after which everything that is needed once is there.
    const SETTLED: u32 = 100;
    let mut swapping = Swapping::prepare(SEED, Code::Compiled, "canary_share = 0").await;
    let gateway = swapping.gateway().await;
    let mut settled = None;
    for swap in 0..number("RELOAD_MORE", 1_000) {
        if swap == SETTLED {
            settled = Some(Usage::of(gateway.id(), &[]));
        }
        let version = swapping.versions.good(swap % DIFFERENT);
        let decided = swapping.swap(&gateway, &version, Form::Upload).await;
        assert_eq!(decided["state"], "active", "{decided}");
        if swap % 100 == 0 {
            println!("{swap:>4} swaps: {:?}", Usage::of(gateway.id(), &[]));
        }
    }
    let (settled, after) = (settled.unwrap(), Usage::of(gateway.id(), &[]));
    println!("after {SETTLED} {settled:?}\nafter all {after:?}");
    assert!(after.files <= settled.files + 8, "{after:?}");
    assert!(after.threads <= settled.threads + 8, "{after:?}");
    assert!(
        after.resident_kib <= settled.resident_kib + 64 * 1024,
        "{after:?}"
    );
}
