//! Keys and signatures. The secret itself never enters the sandbox, so it cannot come out of it.

use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use serde_json::Value;
use switchyard_runtime::Step;
use switchyard_runtime::wit::types::HttpResponse;

use super::encoding::percent_decoded;
use super::errors::{NOTHING_ANSWERABLE, response};
use crate::case::{Case, Checks, Finding, Group, Needs, Verdict};
use crate::recording;
use crate::scene::Scene;
use crate::stage::{self, API_KEY};
use crate::subject::{Subject, json};

macro_rules! case {
    ($id:literal, $title:literal, $rule:literal, $needs:expr, $at_load:literal, $check:ident) => {
        Case {
            id: $id,
            group: Group::Secrecy,
            title: $title,
            rule: $rule,
            needs: $needs,
            at_load: $at_load,
            check: $check,
        }
    };
}

pub(super) const CASES: &[Case] = &[
    case!(
        "SEC-001",
        "no log line holds the API key or a signature",
        "DESIGN §7",
        Needs::Nothing,
        true,
        log_lines
    ),
    case!(
        "SEC-002",
        "no error holds the API key or a signature, even where the venue quotes them",
        "wit/types.wit, error.message",
        Needs::Nothing,
        false,
        errors
    ),
    case!(
        "SEC-003",
        "no URL holds the API key or a signature, unless the recordings have it there",
        "DESIGN §7; the recordings",
        Needs::Recordings,
        false,
        urls
    ),
    case!(
        "SEC-004",
        "what is carried from step to step holds no API key",
        "wit/types.wit, state",
        Needs::Recordings,
        false,
        states
    ),
    case!(
        "SEC-005",
        "recordings hold a placeholder in place of the API key",
        "DESIGN §7; plugins/README.md",
        Needs::Recordings,
        false,
        recordings
    ),
];

/// The texts that must not get out: the key, and signatures in every spelling in use.
fn secrets(signatures: &[Vec<u8>]) -> Vec<String> {
    let mut secrets = vec![API_KEY.to_owned()];
    for signature in signatures {
        secrets.extend([
            HEXLOWER.encode(signature),
            HEXUPPER.encode(signature),
            BASE64.encode(signature),
            BASE64URL.encode(signature),
            BASE64URL_NOPAD.encode(signature),
        ]);
    }
    secrets
}

fn held(text: &str, secrets: &[String]) -> bool {
    secrets.iter().any(|secret| text.contains(secret))
}

fn finding(scene: &Scene, came_back: String) -> Finding {
    Finding {
        on: scene.origin.clone(),
        sent: scene.asked(),
        came_back,
        expected: "neither the API key nor a signature".to_owned(),
    }
}

fn log_lines(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let mut check = |scene: &Scene, lines: &[String], signatures: &[Vec<u8>]| {
        let secrets = secrets(signatures);
        let line = lines.iter().find(|line| held(line, &secrets));
        checks.expect(line.is_none(), || {
            finding(scene, format!("the log line {line:?}"))
        });
    };
    for (scene, encoding) in subject.encodings() {
        check(scene, &encoding.lines, &encoding.signatures);
    }
    for (scene, decoding) in subject.decodings() {
        check(scene, &decoding.lines, &[]);
    }
    for (scene, requests, _) in subject.answerable() {
        let answers = quoting(scene, requests, 401, &[]);
        check(
            scene,
            &stage::decode(subject.adapter(), scene, &answers).lines,
            &[],
        );
    }
    checks.verdict("")
}

/// An error's answer that quotes the key, and signatures where there are any.
fn quoting(
    scene: &Scene,
    requests: usize,
    status: u16,
    signatures: &[String],
) -> Vec<HttpResponse> {
    let quoted = format!("Invalid API-key {API_KEY} {}", signatures.join(" "));
    // The texts of a recorded error, each with the key behind it; else what an error may look like.
    let recorded = scene.answers.first().filter(|answer| answer.status >= 400);
    let body = recorded.and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok());
    let body = body.map(|body| quote(body, &quoted).to_string());
    let body = body.unwrap_or_else(|| {
        format!(
            r#"{{"code":-2015,"msg":"{quoted}","message":"{quoted}","error":{{"message":"{quoted}","name":"HTTPError"}},"retMsg":"{quoted}"}}"#
        )
    });
    let answer = response(recorded.map_or(status, |answer| answer.status), &body);
    vec![answer; requests]
}

fn quote(value: Value, text: &str) -> Value {
    match value {
        Value::String(own) if own.contains(' ') => Value::String(format!("{own} {text}")),
        Value::Array(values) => values.into_iter().map(|value| quote(value, text)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, quote(value, text)))
            .collect(),
        other => other,
    }
}

fn errors(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let recorded = subject.recorded_scenes().iter().filter(|scene| {
        scene
            .meaning
            .as_ref()
            .is_some_and(|meaning| meaning.get("error").is_some())
            && !scene.answers.is_empty()
    });
    let answerable = subject.answerable();
    let scenes = answerable
        .iter()
        .map(|(scene, requests, _)| (*scene, *requests));
    let scenes = scenes.chain(recorded.map(|scene| (scene, scene.answers.len())));
    for (scene, requests) in scenes.filter(|(scene, _)| scene.context.account.is_some()) {
        for status in [400, 401, 503] {
            let answers = quoting(scene, requests, status, &[]);
            let decoding = stage::decode(subject.adapter(), scene, &answers);
            if let Ok(Err(error)) = &decoding.outcome {
                checks.expect(!held(&json(error), &secrets(&[])), || {
                    let mut finding = finding(scene, format!("the error {}", json(error)));
                    let answer = answers
                        .first()
                        .map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
                    finding.sent = format!(
                        "{}, answered {status} {}",
                        scene.asked(),
                        answer.unwrap_or_default()
                    );
                    finding
                });
            }
        }
    }
    for (scene, encoding) in subject.encodings() {
        if let Ok(Err(error)) = &encoding.outcome {
            let secrets = secrets(&encoding.signatures);
            checks.expect(!held(&json(error), &secrets), || {
                finding(scene, format!("the error {}", json(error)))
            });
        }
    }
    checks.verdict(NOTHING_ANSWERABLE)
}

fn urls(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let recorded = |mark: &str| {
        let mut recordings = subject
            .recordings()
            .iter()
            .flat_map(|r| &r.exchange.requests);
        recordings.any(|request| request.path.contains(mark))
    };
    let (key_is_there, signature_is_there) = (recorded("[api-key]"), recorded("[signature]"));
    for (scene, encoding) in subject.encodings() {
        let Ok(Ok(requests)) = &encoding.outcome else {
            continue;
        };
        let secrets = secrets(&encoding.signatures);
        for request in requests {
            let paths = [request.path.clone(), percent_decoded(&request.path)];
            let holds = |secrets: &[String]| paths.iter().any(|path| held(path, secrets));
            let is_held = (!key_is_there && holds(&secrets[..1]))
                || (!signature_is_there && holds(&secrets[1..]));
            checks.expect(!is_held, || finding(scene, request.path.clone()));
        }
    }
    checks.verdict(NOTHING_ANSWERABLE)
}

fn states(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, decoding) in subject.decodings() {
        if let Ok(Ok(Step::Continue(state))) = &decoding.outcome {
            let text = String::from_utf8_lossy(state);
            checks.expect(!held(&text, &secrets(&[])), || {
                finding(scene, text.clone().into_owned())
            });
        }
    }
    checks.verdict("no recorded answer leads to another step")
}

fn recordings(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for recording in subject.recordings() {
        let account = recording.exchange.context.account.as_ref();
        let is_clean = account.is_none_or(|account| account.api_key == recording::API_KEY);
        checks.expect(is_clean, || Finding {
            on: recording.name.clone(),
            sent: "context.account.api_key".to_owned(),
            came_back: "another text".to_owned(),
            expected: recording::API_KEY.to_owned(),
        });
    }
    checks.verdict("")
}
