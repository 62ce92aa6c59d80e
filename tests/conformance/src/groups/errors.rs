//! Answers made into typed errors.

use switchyard_runtime::wit::types::{Effect, Error, ErrorKind, HttpResponse};

use super::decoding::meanings;
use crate::case::{Case, Checks, Finding, Group, Needs, Verdict};
use crate::scene::Scene;
use crate::stage::{self, Decoding};
use crate::subject::{Subject, meaning_text};

macro_rules! case {
    ($id:literal, $title:literal, $rule:literal, $needs:expr, $check:expr) => {
        Case {
            id: $id,
            group: Group::Errors,
            title: $title,
            rule: $rule,
            needs: $needs,
            at_load: false,
            check: $check,
        }
    };
}

pub(super) const CASES: &[Case] = &[
    case!(
        "ERR-001",
        "each recorded error has the recorded type",
        "wit/types.wit, error-kind; the recording's source",
        Needs::Recordings,
        recorded
    ),
    case!(
        "ERR-002",
        "a 5xx that nothing documents leaves the fate of a change open",
        "wit/types.wit, effect; DESIGN §3, one typed error set",
        Needs::Nothing,
        server_errors
    ),
    case!(
        "ERR-003",
        "a 429 is rate-limited or banned, and Retry-After is in seconds",
        "wit/types.wit, error-kind.rate-limited; RFC 9110, 10.2.3",
        Needs::Nothing,
        rate_limits
    ),
    case!(
        "ERR-004",
        "a web page is a typed error, whatever its status",
        "wit/trading.wit, head: malformed-response",
        Needs::Nothing,
        pages
    ),
    case!(
        "ERR-005",
        "an empty body is a typed error",
        "wit/trading.wit, head: malformed-response",
        Needs::Nothing,
        empty_bodies
    ),
    case!(
        "ERR-006",
        "the error of a read has effect none",
        "wit/types.wit, effect; wit/market.wit, head",
        Needs::Nothing,
        reads
    ),
    case!(
        "ERR-007",
        "an answer to a change that cannot be read leaves its fate open",
        "wit/trading.wit, head: effect unknown if the request could change something",
        Needs::Nothing,
        unreadable_changes
    ),
    case!(
        "ERR-008",
        "too few or too many answers do no harm",
        "wit/trading.wit: the answers to the requests of the same step",
        Needs::Nothing,
        answer_counts
    ),
    case!(
        "ERR-009",
        "an error says what went wrong",
        "wit/types.wit, error.message",
        Needs::Nothing,
        messages
    ),
];

pub(super) const NOTHING_ANSWERABLE: &str = "the adapter makes no request that could be answered";

const PAGE: &str = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>";

pub(super) fn response(status: u16, body: &str) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![("content-type".to_owned(), "text/html".to_owned())],
        body: body.as_bytes().to_vec(),
    }
}

fn finding(scene: &Scene, answer: &HttpResponse, decoding: &Decoding, expected: &str) -> Finding {
    Finding {
        on: scene.origin.clone(),
        sent: format!(
            "{}, answered {} {:?}",
            scene.asked(),
            answer.status,
            String::from_utf8_lossy(&answer.body)
        ),
        came_back: meaning_text(decoding),
        expected: expected.to_owned(),
    }
}

/// Whether a step is one of several, or one of its requests is. Then a refusal of it may leave the rest as it
/// is: of one symbol of many, or of a list that an API does not have (plugins/README.md, cancel-all).
pub(super) fn is_a_part(scene: &Scene, requests: usize) -> bool {
    scene.state.is_some() || requests > 1
}

/// Gives the same answer to every request of every operation.
fn answer_all(
    subject: &Subject,
    checks: &mut Checks,
    answer: &HttpResponse,
    expected: &str,
    mut holds: impl FnMut(&Decoding, bool) -> bool,
) {
    for (scene, requests, mutates) in subject.answerable() {
        if is_a_part(scene, requests) && (400..500).contains(&answer.status) {
            continue;
        }
        let decoding = stage::decode(subject.adapter(), scene, &vec![answer.clone(); requests]);
        checks.expect(holds(&decoding, mutates), || {
            finding(scene, answer, &decoding, expected)
        });
    }
}

fn error(decoding: &Decoding) -> Option<&Error> {
    decoding.outcome.as_ref().ok()?.as_ref().err()
}

fn recorded(subject: &Subject) -> Verdict {
    meanings(subject, |meaning| meaning.get("error").is_some())
}

fn server_errors(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for status in [500, 502, 504] {
        for body in ["", PAGE] {
            let expected = "an error; of a change, with effect unknown";
            answer_all(
                subject,
                &mut checks,
                &response(status, body),
                expected,
                |decoding, mutates| {
                    error(decoding).is_some_and(|error| !mutates || error.effect == Effect::Unknown)
                },
            );
        }
    }
    checks.verdict(NOTHING_ANSWERABLE)
}

fn rate_limits(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for body in ["", PAGE, "{}"] {
        let mut answer = response(429, body);
        answer
            .headers
            .push(("Retry-After".to_owned(), "7".to_owned()));
        let expected = "rate-limited for 7,000 ms, rate-limited for an unknown time, or banned";
        answer_all(subject, &mut checks, &answer, expected, |decoding, _| {
            error(decoding).is_some_and(|error| match error.kind {
                ErrorKind::RateLimited(wait) => wait.is_none_or(|wait| wait == 7_000),
                ErrorKind::Banned(_) => true,
                _ => false,
            })
        });
    }
    checks.verdict(NOTHING_ANSWERABLE)
}

fn pages(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for status in [200, 302, 403, 404, 500, 502, 503] {
        answer_all(
            subject,
            &mut checks,
            &response(status, PAGE),
            "a typed error",
            |decoding, _| error(decoding).is_some(),
        );
    }
    checks.verdict(NOTHING_ANSWERABLE)
}

fn empty_bodies(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for status in [200, 400, 401, 403, 429, 500, 503] {
        answer_all(
            subject,
            &mut checks,
            &response(status, ""),
            "a typed error",
            |decoding, _| error(decoding).is_some(),
        );
    }
    checks.verdict(NOTHING_ANSWERABLE)
}

fn reads(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (status, body) in [
        (200, PAGE),
        (400, "{}"),
        (500, ""),
        (503, PAGE),
        (504, "{}"),
    ] {
        let expected = "of a read, an error with effect none";
        answer_all(
            subject,
            &mut checks,
            &response(status, body),
            expected,
            |decoding, mutates| {
                mutates || error(decoding).is_some_and(|error| error.effect == Effect::None)
            },
        );
    }
    checks.verdict(NOTHING_ANSWERABLE)
}

fn unreadable_changes(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for body in ["", PAGE, "{", "[]", "null", "\"ok\""] {
        let expected = "of a change, an error with effect unknown";
        answer_all(
            subject,
            &mut checks,
            &response(200, body),
            expected,
            |decoding, mutates| {
                // What an empty list of what was cancelled means is the venue's to say.
                let is_read = body == "[]" && error(decoding).is_none();
                !mutates
                    || is_read
                    || error(decoding).is_some_and(|error| error.effect == Effect::Unknown)
            },
        );
    }
    checks.verdict(NOTHING_ANSWERABLE)
}

fn answer_counts(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, requests, _) in subject.answerable() {
        let spare = response(200, "{}");
        let one = scene.answers.first().unwrap_or(&spare);
        for count in [0, requests + 1] {
            let decoding = stage::decode(subject.adapter(), scene, &vec![one.clone(); count]);
            checks.expect(decoding.outcome.is_ok(), || {
                let mut finding = finding(scene, one, &decoding, "a typed error or a result");
                finding.sent = format!("{count} answers to {requests} requests: {}", finding.sent);
                finding
            });
        }
    }
    checks.verdict(NOTHING_ANSWERABLE)
}

fn messages(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (status, body) in [(400, "{}"), (401, ""), (503, PAGE), (200, "")] {
        let answer = response(status, body);
        answer_all(subject, &mut checks, &answer, "a message", |decoding, _| {
            error(decoding).is_none_or(|error| !error.message.is_empty())
        });
    }
    checks.verdict(NOTHING_ANSWERABLE)
}
