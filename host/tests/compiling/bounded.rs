//! A compiler gets so much memory, so much time, the lowest priority, and no second one beside it.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use switchyard::plugin::compile::{CompileError, CompileLimits, Pace};
use switchyard_runtime::Limits;

use crate::bench::{Bench, eventually, good, heavy, instead, is_stopped};

fn kill(child: i32) {
    kill_process(Pid::from_raw(child).unwrap(), Signal::KILL).unwrap();
}

/// Afterwards the same compiler compiles what is good.
async fn works_on(bench: &Bench) {
    assert!(bench.children().is_empty(), "no compiler is left");
    assert!(bench.files().is_empty(), "nothing is kept");
    bench.compile(&good()).await.unwrap();
}

#[tokio::test]
async fn a_component_that_takes_too_much_memory_ends_its_compiler_and_nothing_else() {
    let limit = 400 << 20;
    let bench = Bench::new(CompileLimits::new(limit, 600));
    let error = bench.compile(&heavy()).await.unwrap_err();
    assert!(
        matches!(error, CompileError::TooMuchMemory { limit_bytes } if limit_bytes == limit),
        "{error:?}"
    );
    assert!(error.is_final());
    works_on(&bench).await;
}

#[tokio::test]
async fn a_component_that_takes_too_much_time_ends_its_compiler_and_nothing_else() {
    let bench = Bench::new(CompileLimits::new(8 << 30, 1));
    let error = bench.compile(&heavy()).await.unwrap_err();
    assert!(
        matches!(error, CompileError::TooMuchTime { seconds: 1 }),
        "{error:?}"
    );
    assert!(error.is_final());
    assert!(bench.children().is_empty(), "no compiler is left");
}

#[tokio::test]
async fn a_killed_compiler_is_an_error_and_leaves_no_half_entry() {
    let bench = Bench::new(CompileLimits::default());
    let bytes = heavy();
    let (compiled, ()) = tokio::join!(bench.compile(&bytes), async {
        kill(bench.child_at_work().await);
    });
    let error = compiled.unwrap_err();
    assert!(
        matches!(&error, CompileError::Died { status, .. } if status.contains("signal: 9")),
        "{error:?}"
    );
    assert!(!error.is_final(), "it may work the next time");
    works_on(&bench).await;
}

#[tokio::test]
async fn a_compilation_that_nobody_waits_for_any_more_ends() {
    let bench = Bench::new(CompileLimits::default());
    let bytes = heavy();
    tokio::select! {
        _ = bench.compile(&bytes) => panic!("it cannot be done yet"),
        _ = bench.child_at_work() => {}
    }
    eventually("the compiler's end", || {
        bench.children().is_empty().then_some(())
    })
    .await;
    works_on(&bench).await;
}

#[tokio::test]
async fn a_compiler_that_hangs_is_ended() {
    let directory = tempfile::tempdir().unwrap();
    let hangs = instead(&directory, "exec sleep 3600");
    let limits = CompileLimits {
        overdue_after: Duration::from_millis(300),
        ..CompileLimits::default()
    };
    let bench = Bench::with(hangs, limits, Limits::default());
    let error = bench.compile(&good()).await.unwrap_err();
    assert!(matches!(error, CompileError::Overdue(_)), "{error:?}");
    assert!(bench.children().is_empty(), "no compiler is left");
}

#[tokio::test]
async fn a_compiler_has_the_lowest_priority_its_limits_and_none_of_the_gateways_environment() {
    let bench = Bench::new(CompileLimits::new(3 << 30, 77));
    let bytes = heavy();
    let looked = async {
        let child = bench.child_at_work().await;
        let read = |file: &str| fs::read_to_string(format!("/proc/{child}/{file}")).unwrap();
        let seen = (read("stat"), read("limits"), read("environ"));
        kill(child);
        seen
    };
    let (_, (stat, limits, environment)) = tokio::join!(bench.compile(&bytes), looked);

    let nice = stat.rsplit_once(") ").unwrap().1.split(' ').nth(16);
    assert_eq!(nice, Some("19"), "{stat}");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
        numbers.collect::<Vec<u64>>()
    };
    assert_eq!(limit("Max address space"), [3 << 30, 3 << 30]);
    assert_eq!(limit("Max cpu time"), [77, 79]);
    assert_eq!(limit("Max core file size"), [0, 0]);
    assert_eq!(environment, "");
}

#[tokio::test]
async fn one_component_is_compiled_at_a_time_and_what_is_cached_does_not_wait() {
    let bench = Bench::new(CompileLimits::default());
    bench.compile(&good()).await.unwrap();
    let (one, mut other) = (heavy(), heavy());
    other.extend([0, 2, 1, b'x']); // a custom section, so that it is another component
    let watched = async {
        let first = bench.child_at_work().await;
        bench.compile(&good()).await.unwrap();
        assert_eq!(bench.children(), [first]);
        kill(first);
        let second = eventually("the next compiler", || {
            bench.children().into_iter().find(|child| *child != first)
        })
        .await;
        kill(second);
    };
    let (one, other, ()) = tokio::join!(bench.compile(&one), bench.compile(&other), watched);
    assert!(matches!(one, Err(CompileError::Died { .. })));
    assert!(matches!(other, Err(CompileError::Died { .. })));
}

#[tokio::test]
async fn beside_a_gateway_that_serves_a_compiler_pauses_again_and_again_and_still_comes_to_its_end()
{
    let bench = Bench::new(CompileLimits::default());
    let bytes = heavy();
    let watched = async {
        let child = bench.child_at_work().await;
        for paused in [true, false, true, false] {
            let what = if paused { "a pause" } else { "work" };
            eventually(what, || (is_stopped(child) == Some(paused)).then_some(())).await;
        }
        kill(child);
    };
    let (compiled, ()) = tokio::join!(bench.compile_at(&bytes, Pace::Beside), watched);
    assert!(
        matches!(compiled, Err(CompileError::Died { .. })),
        "{compiled:?}"
    );
    bench.compile_at(&good(), Pace::Beside).await.unwrap();
}
