//! Time and memory. Every call of the kit is bounded as a gateway bounds it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use switchyard_runtime::wit::types::HttpResponse;
use switchyard_runtime::{CallError, NamedCallError};

use crate::case::{Case, Checks, Finding, Group, Needs, Verdict};
use crate::scene::Scene;
use crate::stage;
use crate::subject::{Subject, meaning_text};

/// Calls that fill an instance's caches.
const WARMING: usize = 200;

/// Calls over which memory may not grow.
const WATCHED: usize = 1_000;

/// By how much it may, for what an allocator sets aside: 512 bytes a call.
const GROWTH_BYTES: usize = 512 * WATCHED;

/// A large answer to a call that may have one, and to one that may not.
const BULK_BYTES: usize = 8 * 1024 * 1024;
const LARGE_BYTES: usize = 256 * 1024;

/// Lines of a call that the host keeps.
const LINES: usize = 32;

macro_rules! case {
    ($id:literal, $title:literal, $rule:literal, $at_load:literal, $check:expr) => {
        Case {
            id: $id,
            group: Group::Resources,
            title: $title,
            rule: $rule,
            needs: Needs::Nothing,
            at_load: $at_load,
            check: $check,
        }
    };
}

pub(super) const CASES: &[Case] = &[
    case!(
        "RES-001",
        "an instance is made as fast as a call",
        "plugins.call_deadline_ms; DESIGN §3, runtime",
        true,
        |_| Verdict::Passed { looked_at: 1 }
    ),
    case!(
        "RES-002",
        "no recorded call takes longer, or more memory, than a call may",
        "plugins.call_deadline_ms, plugins.bulk_call_deadline_ms and plugins.memory_bytes",
        false,
        recorded_calls
    ),
    case!(
        "RES-003",
        "an instance does not grow with the calls that it serves",
        "DESIGN §3, runtime: warm instances",
        false,
        growth
    ),
    case!(
        "RES-004",
        "an answer of 8 MB to a list, or of 256 KB to any call, is read or refused in time",
        "plugins.bulk_call_deadline_ms; DESIGN §7",
        false,
        large_answers
    ),
    case!(
        "RES-005",
        "an answer nested 100,000 deep is refused, and no stack runs out",
        "DESIGN §3, runtime; DESIGN §7",
        false,
        deep_answers
    ),
    case!(
        "RES-006",
        "a call writes at most 32 lines into the log",
        "wit/imports.wit, log.write",
        false,
        log_lines
    ),
];

const NOTHING: &str = "there is no recorded answer, and nothing that the kit could have answered";

fn finding(scene: &Scene, what: &str, came_back: String, expected: &str) -> Finding {
    Finding {
        on: scene.origin.clone(),
        sent: format!("{}, {what}", scene.asked()),
        came_back,
        expected: expected.to_owned(),
    }
}

fn recorded_calls(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, decoding) in subject.decodings() {
        let broken = match &decoding.outcome {
            Err(NamedCallError::Call(error)) => Some(error.to_string()),
            _ => None,
        };
        checks.expect(broken.is_none(), || {
            finding(
                scene,
                "with its recorded answers",
                broken.unwrap_or_default(),
                "a result or a typed error",
            )
        });
    }
    checks.verdict("there are no recorded answers")
}

fn growth(subject: &Subject) -> Verdict {
    // An instance of its own, for all calls: in one that had a large answer before, what is kept fits into what the
    // answer left.
    let adapter = match subject.alone() {
        Ok(adapter) => adapter,
        Err(reason) => return Verdict::Skipped { reason },
    };
    let mut checks = Checks::default();
    let scenes = subject.scenes();
    let run = |calls: usize| {
        for scene in scenes.iter().cycle().take(calls) {
            stage::encode(&adapter, scene);
            if !scene.answers.is_empty() {
                stage::decode(&adapter, scene, &scene.answers);
            }
        }
        adapter.memory_bytes()
    };
    if let Some(scene) = scenes.first() {
        let warm = run(WARMING.max(scenes.len() * 2));
        let after = run(WATCHED);
        let grown = after.saturating_sub(warm);
        checks.expect(grown <= GROWTH_BYTES, || {
            let came_back = format!("{warm} bytes became {after} over {WATCHED} calls");
            finding(
                scene,
                "and everything else, over and over",
                came_back,
                "memory that is used again",
            )
        });
    }
    checks.verdict(NOTHING)
}

/// Gives one answer to every request of every operation and looks for calls that gave nothing.
fn completes(
    subject: &Subject,
    checks: &mut Checks,
    what: &str,
    answer: impl Fn(&Scene) -> HttpResponse,
) {
    for (scene, requests, _) in subject.answerable() {
        let answers = vec![answer(scene); requests.min(1)];
        let decoding = stage::decode(subject.adapter(), scene, &answers);
        let broken = match &decoding.outcome {
            Err(NamedCallError::Call(error)) => !matches!(error, CallError::PoolExhausted(_)),
            _ => false,
        };
        checks.expect(!broken, || {
            finding(
                scene,
                what,
                meaning_text(&decoding),
                "a result or a typed error, in time and within memory",
            )
        });
    }
}

fn json_answer(body: Vec<u8>) -> HttpResponse {
    HttpResponse {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body,
    }
}

fn large_answers(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let largest = RefCell::new(BTreeSet::new());
    completes(
        subject,
        &mut checks,
        "answered with a very large body",
        |scene| {
            // Each list once: the code that reads it is the same on every endpoint.
            let is_first =
                scene.operation.is_bulk() && largest.borrow_mut().insert(scene.operation.name());
            let bytes = if is_first { BULK_BYTES } else { LARGE_BYTES };
            json_answer(large(scene, bytes))
        },
    );
    checks.verdict(NOTHING)
}

/// The recorded rows over and over where there are rows, else rows that nobody knows.
fn large(scene: &Scene, bytes: usize) -> Vec<u8> {
    let recorded = scene
        .answers
        .first()
        .and_then(|answer| std::str::from_utf8(&answer.body).ok());
    let rows = recorded
        .and_then(|text| text.trim().strip_prefix('[')?.strip_suffix(']'))
        .map(str::trim);
    let row = match rows {
        Some(rows) if !rows.is_empty() => rows.to_owned(),
        _ => r#"{"id":1,"text":"x","number":1.5,"list":[1,2,3],"object":{"a":null,"b":true}}"#
            .to_owned(),
    };
    let mut body = Vec::with_capacity(bytes + row.len() + 2);
    body.push(b'[');
    while body.len() < bytes {
        if body.len() > 1 {
            body.push(b',');
        }
        body.extend_from_slice(row.as_bytes());
    }
    body.push(b']');
    body
}

fn deep_answers(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (open, close) in [("[", "]"), ("{\"data\":", "}")] {
        let body = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        completes(
            subject,
            &mut checks,
            "answered with a body nested 100,000 deep",
            |_| json_answer(body.clone().into_bytes()),
        );
    }
    checks.verdict(NOTHING)
}

fn log_lines(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let mut check = |scene: &Scene, lines: &[String]| {
        checks.expect(lines.len() < LINES, || {
            finding(
                scene,
                "as it is",
                format!("{} lines or more", lines.len()),
                "fewer than 32 lines, or what matters is lost",
            )
        });
    };
    for (scene, encoding) in subject.encodings() {
        check(scene, &encoding.lines);
    }
    for (scene, decoding) in subject.decodings() {
        check(scene, &decoding.lines);
    }
    checks.verdict(NOTHING)
}
