//! Each fault that an adapter's author can make is caught by the case meant for it, and the honest adapter by none.
//!
//! `switchyard-faulty-adapter` is one component; a fault is switched on by writing its number into the bytes
//! (`make test-adapters` builds it). `BLESS=1` rewrites what its recordings expect.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use switchyard_conformance::{
    CaseResult, Group, Options, Recording, Report, Verdict, find_case, judge, read_recordings,
};
use switchyard_faulty_adapter::{Fault, MARKER};
use switchyard_runtime::{Limits, Runtime};

/// Another than the default, so that nothing hangs on that one.
const SEED: u64 = 2_026;

/// Changes of the component that break its outside: text, what stands there instead, the case meant for it.
const BROKEN_OUTSIDE: &[(&str, &str, &str, &str)] = &[
    ("another major version", "@1.0.0", "@2.0.0", "CON-003"),
    (
        "an import that nobody offers",
        "switchyard:adapter/log@",
        "switchyard:adapter/net@",
        "CON-002",
    ),
    ("a newer minor version", "@1.0.0", "@1.9.0", "CON-004"),
    (
        "no descriptor",
        "adapter/descriptor@",
        "adapter/describtor@",
        "CON-005",
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn honest() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let path = root().join("target/test-adapters/faulty-adapter.wasm");
        std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; run `make test-adapters`", path.display()))
    })
}

fn cases() -> PathBuf {
    root().join("tests/faulty-adapter/cases")
}

fn recordings() -> Vec<Recording> {
    read_recordings(&cases()).unwrap()
}

/// The component with every occurrence of a text replaced by another of the same length.
fn with(bytes: &[u8], text: &str, other: &str) -> Vec<u8> {
    assert_eq!(text.len(), other.len());
    let mut changed = bytes.to_vec();
    let places: Vec<usize> = bytes
        .windows(text.len())
        .enumerate()
        .filter(|(_, window)| *window == text.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "the component does not hold {text:?}");
    for at in places {
        changed[at..at + other.len()].copy_from_slice(other.as_bytes());
    }
    changed
}

fn planted(fault: Fault) -> Vec<u8> {
    with(
        honest(),
        &format!("{MARKER}00"),
        &format!("{MARKER}{:02}", fault.number()),
    )
}

fn judged(runtime: &Runtime, bytes: &[u8], only: Option<&'static str>) -> Report {
    let options = Options { seed: SEED, only };
    judge(runtime, "faulty-adapter.wasm", bytes, recordings(), options).unwrap()
}

/// The kit's verdict of a case, or why it is not the one wanted.
fn is_caught(report: &Report, case: &str) -> Result<(), String> {
    let result: Option<&CaseResult> = report.results.iter().find(|result| result.case.id == case);
    match result.map(|result| &result.verdict) {
        Some(Verdict::Failed { .. }) => Ok(()),
        other => Err(format!("{case} says {other:?}")),
    }
}

#[test]
fn the_honest_adapter_passes_every_case_with_the_recordings_of_its_own() {
    let runtime = Runtime::new(Limits::default(), None).unwrap();
    if std::env::var_os("BLESS").is_some() {
        bless(&runtime);
    }
    let report = judged(&runtime, honest(), None);
    let failed: Vec<String> = report
        .results
        .iter()
        .filter(|result| matches!(result.verdict, Verdict::Failed { .. }))
        .map(|result| {
            format!(
                "{} {}: {:#?}",
                result.case.id, result.case.title, result.verdict
            )
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    // What is skipped is what a spot venue without candles, amends and fills cannot have.
    for fault in Fault::ALL {
        let case = fault.caught_by();
        let result = report.results.iter().find(|result| result.case.id == case);
        let verdict = result.map(|result| &result.verdict);
        assert!(
            matches!(verdict, Some(Verdict::Passed { looked_at }) if *looked_at > 0),
            "{case}, meant for {:?}, says {verdict:?} of the honest adapter",
            fault.words()
        );
    }
}

fn bless(runtime: &Runtime) {
    let adapter = runtime.load(honest()).unwrap();
    for mut recording in recordings() {
        recording.bless(&adapter).unwrap();
        std::fs::write(cases().join(&recording.name), recording.to_text()).unwrap();
    }
}

#[test]
fn every_planted_fault_is_caught_by_the_case_meant_for_it() {
    let runtime = Runtime::new(Limits::default(), None).unwrap();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut lines = Vec::new();
        while let Some(fault) = Fault::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            let case = fault.caught_by();
            // How much memory an instance has depends on what it was asked before.
            let only = find_case(case).filter(|case| case.group != Group::Resources);
            let report = judged(&runtime, &planted(*fault), only.map(|case| case.id));
            lines.push((*fault, is_caught(&report, case)));
        }
        lines
    };
    let mut lines: Vec<_> = std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    lines.sort_by_key(|(fault, _)| fault.number());
    for (fault, caught) in &lines {
        let words = fault.words();
        println!(
            "{:2} {words}: {}: {caught:?}",
            fault.number(),
            fault.caught_by()
        );
    }
    assert_eq!(lines.len(), Fault::ALL.len());
    let missed: Vec<_> = lines.iter().filter(|(_, caught)| caught.is_err()).collect();
    assert!(missed.is_empty(), "seed {SEED}: {missed:#?}");
}

#[test]
fn a_component_that_is_broken_outside_fails_the_case_for_it_and_skips_the_rest() {
    let runtime = Runtime::new(Limits::default(), None).unwrap();
    for (words, text, other, case) in BROKEN_OUTSIDE {
        let report = judged(&runtime, &with(honest(), text, other), None);
        is_caught(&report, case).unwrap_or_else(|verdict| panic!("{words}: {verdict}"));
        let skipped = |result: &&CaseResult| matches!(result.verdict, Verdict::Skipped { .. });
        let skipped = report.results.iter().filter(skipped).count();
        assert_eq!(skipped, report.results.len() - 1, "{words}");
    }
    let report = judged(&runtime, &honest()[..honest().len() / 2], None);
    is_caught(&report, "CON-001").unwrap();
}

#[test]
fn every_fault_has_a_number_of_its_own_and_a_case_that_exists() {
    assert!(Fault::ALL.len() >= 30);
    for (place, fault) in Fault::ALL.iter().enumerate() {
        assert_eq!(usize::from(fault.number()), place + 1, "{}", fault.words());
        assert!(find_case(fault.caught_by()).is_some(), "{}", fault.words());
    }
}
