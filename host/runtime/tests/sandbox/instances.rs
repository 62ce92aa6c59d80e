//! Instances are reused, replaced after their uses, and never more than allowed.

use std::time::Duration;

use switchyard_runtime::{CallError, Limits};

use crate::bench::{hostile, ticker, works};

#[test]
fn one_warm_instance_serves_call_after_call() {
    let adapter = hostile(Limits::default());
    for _ in 0..1_000 {
        works(&adapter);
    }
    let pool = adapter.pool_status();
    assert_eq!((pool.alive, pool.idle), (1, 1));
}

#[test]
fn an_instance_is_replaced_after_its_uses_and_calls_go_on() {
    let adapter = hostile(Limits {
        uses_per_instance: 3,
        ..Limits::default()
    });
    for calls in 1..=20 {
        works(&adapter);
        let alive = usize::from(calls % 3 != 0);
        assert_eq!(adapter.pool_status().alive, alive, "after {calls} calls");
    }
}

#[test]
fn there_are_never_more_instances_than_allowed() {
    let most = 2;
    let adapter = hostile(Limits {
        instances_per_adapter: most,
        call_deadline: Duration::from_millis(20),
        ..Limits::default()
    });
    let (mut served, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                let adapter = &adapter;
                scope.spawn(move || {
                    let base = if caller % 2 == 0 { "HONEST" } else { "LOOP" };
                    let (mut served, mut refused) = (0, 0);
                    for _ in 0..20 {
                        match ticker(adapter, base) {
                            Ok(_) => served += 1,
                            Err(CallError::PoolExhausted(limit)) => {
                                assert_eq!(limit, most);
                                refused += 1;
                            }
                            Err(error) => {
                                assert!(matches!(error, CallError::DeadlineExceeded(_)), "{error}");
                            }
                        }
                        let pool = adapter.pool_status();
                        assert!(pool.alive <= most && pool.idle <= pool.alive, "{pool:?}");
                    }
                    (served, refused)
                })
            })
            .collect();
        for caller in callers {
            let (by_one, not_by_one) = caller.join().unwrap();
            served += by_one;
            refused += not_by_one;
        }
    });
    println!("{served} served, {refused} refused");
    assert!(served > 0);
    let pool = adapter.pool_status();
    assert_eq!(pool.alive, pool.idle, "no place is lost");
    works(&adapter);
}

#[test]
fn two_versions_live_side_by_side_and_one_is_dropped_whole() {
    let runtime = crate::bench::runtime(Limits::default());
    let hostile = runtime.load(&crate::bench::hostile_bytes()).unwrap();
    for _ in 0..3 {
        let other = runtime.load(&crate::bench::shipped_bytes()).unwrap();
        assert_ne!(other.descriptor().venue, hostile.descriptor().venue);
        drop(other);
        works(&hostile);
    }
}

#[test]
fn what_a_version_uses_is_counted_until_it_is_dropped() {
    let adapter = hostile(Limits::default());
    let usage = adapter.usage().clone();
    let (idle, before) = (usage.memory_bytes(), usage.time_in_calls());
    assert_eq!((usage.instances(), usage.busy()), (1, 0));
    assert!(idle >= 64 * 1024, "an instance has memory: {idle}");
    works(&adapter);
    assert!(usage.time_in_calls() > before);
    drop(adapter);
    assert_eq!((usage.instances(), usage.memory_bytes()), (0, 0));
    assert!(
        usage.time_in_calls() > before,
        "what it did is not forgotten"
    );
}
