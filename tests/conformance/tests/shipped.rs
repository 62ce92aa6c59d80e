//! The shipped adapters before the kit, and what the kit promises of itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use switchyard_conformance::{
    Group, Options, Recording, Report, Verdict, bless, cases, find_case, judge, judge_at_load,
    page, read_recordings,
};
use switchyard_runtime::{Limits, Runtime};

const SEED: u64 = 20_261_121;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn component(name: &str) -> Vec<u8> {
    let path = root().join("plugins/dist").join(format!("{name}.wasm"));
    std::fs::read(&path)
        .unwrap_or_else(|_| panic!("{} is missing: run `make plugins`", path.display()))
}

fn recordings(name: &str) -> Vec<Recording> {
    read_recordings(&root().join("plugins").join(name).join("cases")).unwrap()
}

fn runtime() -> Runtime {
    Runtime::new(Limits::default(), None).unwrap()
}

fn judged(bytes: &[u8], recordings: Vec<Recording>) -> Report {
    judge(
        &runtime(),
        "an adapter",
        bytes,
        recordings,
        Options {
            seed: SEED,
            only: None,
        },
    )
    .unwrap()
}

#[test]
fn the_shipped_adapters_pass_every_case_and_every_operation_is_recorded() {
    for name in ["binance", "bitmex"] {
        let report = judged(&component(name), recordings(name));
        assert!(report.passed(), "{}", report.to_table());
        assert_eq!(report.unrecorded, Vec::<String>::new(), "{name}");
        let exact = report.verdict("MON-005");
        assert!(matches!(exact, Some(Verdict::Passed { .. })), "{exact:?}");
    }
}

#[test]
fn without_recordings_an_adapter_is_judged_by_what_it_claims_and_the_rest_is_skipped_with_a_reason()
{
    let report = judged(&component("binance"), Vec::new());
    assert!(report.passed(), "{}", report.to_table());
    let skipped = report.verdict("DEC-001").unwrap();
    let reason = "there are no recorded exchanges".to_owned();
    assert_eq!(*skipped, Verdict::Skipped { reason });
    for id in ["ENC-002", "MON-001", "HOS-013", "DET-002", "RES-004"] {
        let verdict = report.verdict(id).unwrap();
        assert!(
            matches!(verdict, Verdict::Passed { looked_at } if *looked_at > 0),
            "{id}"
        );
    }
    assert!(report.unrecorded.contains(&"place on usdm".to_owned()));
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let told = || {
        let mut report = judged(&component("bitmex"), recordings("bitmex")).to_json();
        report["took_ms"] = 0.into();
        for case in report["cases"].as_array_mut().unwrap() {
            case["took_ms"] = 0.into();
        }
        report
    };
    assert_eq!(told(), told());
}

#[test]
fn a_request_that_is_not_the_recorded_one_fails_its_case_and_shows_both() {
    let mut recordings = recordings("binance");
    let recording = recordings
        .iter_mut()
        .find(|r| r.name == "place/001-spot-limit.json")
        .unwrap();
    let path = &mut recording.exchange.requests[0].path;
    *path = path.replace("quantity=1", "quantity=2");
    let report = judged(&component("binance"), recordings);
    let Some(Verdict::Failed { findings, .. }) = report.verdict("ENC-001") else {
        panic!("{}", report.to_table());
    };
    assert!(findings[0].on.contains("place/001-spot-limit.json"));
    assert!(findings[0].came_back.contains("quantity=1"));
    assert!(findings[0].expected.contains("quantity=2"));
    assert_eq!(report.failed(), 1, "{}", report.to_table());
}

#[test]
fn a_meaning_that_is_not_the_recorded_one_fails_its_case() {
    let mut recordings = recordings("bitmex");
    for recording in &mut recordings {
        let exchange = &mut recording.exchange;
        if let Some(meaning) = &mut exchange.meaning {
            let text = meaning
                .to_string()
                .replace("\"InsufficientFunds\"", "\"AuthFailed\"");
            *meaning = serde_json::from_str(&text).unwrap();
        }
    }
    let report = judged(&component("bitmex"), recordings);
    assert!(matches!(
        report.verdict("ERR-001"),
        Some(Verdict::Failed { .. })
    ));
    assert!(matches!(
        report.verdict("DEC-001"),
        Some(Verdict::Passed { .. })
    ));
}

#[test]
fn what_cannot_be_loaded_fails_the_case_for_that_and_skips_the_others() {
    for (bytes, id) in [
        (&b"not wasm"[..], "CON-001"),
        (b"\0asm\x01\0\0\0", "CON-001"),
    ] {
        let report = judged(bytes, Vec::new());
        assert!(matches!(report.verdict(id), Some(Verdict::Failed { .. })));
        assert_eq!(report.failed(), 1);
        assert!(report.identity.is_none());
    }
}

#[test]
fn the_cases_of_a_load_pass_for_the_shipped_adapters_and_are_quick() {
    for name in ["binance", "bitmex"] {
        let adapter = runtime().load(&component(name)).unwrap();
        judge_at_load(&adapter).unwrap();
        let started = std::time::Instant::now();
        judge_at_load(&adapter).unwrap();
        // 50 ms of processor time in a release build; this one is not, and shares its machine.
        assert!(
            started.elapsed().as_millis() < 1_000,
            "{:?}",
            started.elapsed()
        );
    }
}

#[test]
fn recordings_are_written_as_they_were_read_and_blessing_changes_nothing_that_holds() {
    for name in ["binance", "bitmex"] {
        let directory = root().join("plugins").join(name).join("cases");
        for recording in recordings(name) {
            let text = std::fs::read_to_string(directory.join(&recording.name)).unwrap();
            assert_eq!(recording.to_text(), text, "{}", recording.name);
        }
        let copy = tempfile::tempdir().unwrap();
        for recording in recordings(name) {
            let path = copy.path().join(&recording.name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, recording.to_text()).unwrap();
        }
        let adapter = runtime().load(&component(name)).unwrap();
        assert!(bless(copy.path(), &adapter).unwrap().is_empty());
    }
}

#[test]
fn blessing_takes_what_the_adapter_does_and_says_what_that_changes() {
    let mut recording = recordings("binance")
        .into_iter()
        .find(|r| r.name == "place/001-spot-limit.json")
        .unwrap();
    let right = recording.clone();
    recording.exchange.requests.clear();
    recording.exchange.meaning = None;
    let adapter = runtime().load(&component("binance")).unwrap();
    let differences = recording.bless(&adapter).unwrap();
    assert!(
        differences
            .iter()
            .any(|difference| difference.at == "requests")
    );
    assert_eq!(recording, right);
}

#[test]
fn a_file_that_holds_something_else_is_refused_and_says_what() {
    for (text, problem) in [
        ("{", "EOF"),
        (r#"{"title":"t","source":"s"}"#, "exchange"),
        (
            r#"{"title":"t","source":"s","exchange":{"answer":[]}}"#,
            "exchange.answer",
        ),
        (
            r#"{"title":"t","source":"s","exchange":{"operation":"withdraw","context":{"now":0,"nonce":0,"window_ms":0,"endpoint":"x","account":null,"instrument":null},"command":null}}"#,
            "withdraw",
        ),
    ] {
        let error = Recording::parse("x.json", text).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn cases_have_one_id_each_of_their_group_and_the_page_lists_them_all() {
    let mut seen = std::collections::BTreeSet::new();
    for case in cases() {
        assert!(seen.insert(case.id), "{} twice", case.id);
        assert!(!case.rule.is_empty() && !case.title.is_empty());
        assert_eq!(find_case(case.id).unwrap().title, case.title);
    }
    for group in Group::ALL.into_iter().filter(|group| *group != Group::Live) {
        assert!(cases().any(|case| case.group == group), "{group}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("CASES.md");
    if std::env::var_os("UPDATE_CASES").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        written,
        page(),
        "run the test with UPDATE_CASES=1 and read the change"
    );
}

#[test]
fn a_report_is_valid_junit_with_a_suite_for_each_group() {
    let report = judged(b"not wasm", Vec::new());
    let text = report.to_junit().unwrap();
    let read = quick_junit::Report::deserialize_from_str(&text).unwrap();
    assert_eq!(read.tests, cases().count());
    assert_eq!(read.failures, 1);
    assert_eq!(read.test_suites.len(), Group::ALL.len());
}
