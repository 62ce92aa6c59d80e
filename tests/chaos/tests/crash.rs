//! Whatever kills the gateway, and whenever: one key is at most one order, no acknowledged order is forgotten,
//! and what is not known is found out.
//!
//! The short runs are part of every test run. The long one is `make chaos`: from `CHAOS_SEED` on, `CHAOS_RUNS` seeds
//! one after the other, each with the files as they are, with files that lose every unsynced write, and with files
//! that lose some; the gateway dies `CHAOS_KILLS` times in each.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use switchyard_chaos::{Plan, Verdict, crash_and_judge};

fn number(variable: &str, default: u32) -> u32 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    }
}

async fn is_sound(plan: Plan) -> Verdict {
    let verdict = crash_and_judge(&plan).await;
    assert!(
        verdict.is_sound(),
        "{} violations of {plan:?}",
        verdict.violations.len()
    );
    // A run in which nothing happened proves nothing.
    assert!(verdict.venue_orders >= plan.kills as usize, "{verdict}");
    let faults: u64 = verdict.faults.values().sum();
    assert!(faults >= plan.kills.into(), "{verdict}");
    verdict
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_placed_exactly_once_whenever_the_process_is_killed() {
    is_sound(Plan {
        seed: number("CHAOS_SEED", 1).into(),
        kills: 12,
        lives_at_once: 12,
        losing_writes: None,
        replacing_adapters: false,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_placed_exactly_once_whenever_the_power_fails() {
    is_sound(Plan {
        seed: number("CHAOS_SEED", 2).into(),
        kills: 12,
        lives_at_once: 12,
        losing_writes: Some(30),
        replacing_adapters: false,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_process_is_killed_while_adapters_are_replaced_only_good_ones_serve() {
    is_sound(Plan {
        seed: number("CHAOS_SEED", 3).into(),
        kills: 12,
        lives_at_once: 12,
        losing_writes: None,
        replacing_adapters: true,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes many minutes: make chaos"]
async fn orders_are_placed_exactly_once_over_hundreds_of_crashes() {
    let first = number("CHAOS_SEED", 1);
    let kills = number("CHAOS_KILLS", 70);
    for seed in first..first + number("CHAOS_RUNS", 1) {
        for losing_writes in [None, Some(0), Some(30)] {
            let verdict = is_sound(Plan {
                seed: seed.into(),
                kills,
                lives_at_once: 16,
                losing_writes,
                replacing_adapters: seed % 2 == 0,
            })
            .await;
            assert!(verdict.faults.values().all(|made| *made > 0), "{verdict}");
        }
    }
}
