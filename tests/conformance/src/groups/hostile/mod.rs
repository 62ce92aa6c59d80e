//! Answers and commands that nobody would document: a typed error or a right answer is due to each, never a
//! trap, a hang or a silent zero.

mod commands;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use switchyard_runtime::wit::types::{Effect, ErrorKind, HttpRequest, HttpResponse};
use switchyard_runtime::{CallError, NamedCallError, Step};

use super::errors::is_a_part;
use super::values::{Leaf, leaves};
use crate::case::{Case, Checks, Finding, Group, Needs, Verdict};
use crate::exact::Exact;
use crate::hostility::{self, Change, Claim, Demand, MessageChange, Mutation, ValueChange};
use crate::scene::Scene;
use crate::stage::{self, Decoding};
use crate::subject::{Subject, meaning_text};

/// Changed answers that are tried, of all recorded ones together; each gets its share of them.
const TRIED: usize = 12_000;

/// Changes of values that are made of one answer, before its share is drawn.
const VALUES: usize = 250;

/// Trials to make a failing answer smaller.
const TRIALS: usize = 300;

/// Time that they may take: each may be one that hangs.
const SHRUNK_WITHIN: Duration = Duration::from_secs(2);

/// Calls that were stopped at their deadline after which no more answers are tried: each costs that time.
const STOPPED: usize = 8;

const RULE: &str = "DESIGN §7; wit/trading.wit, head: malformed-response";

macro_rules! case {
    ($id:literal, $title:literal, $rule:expr, $check:expr) => {
        Case {
            id: $id,
            group: Group::Hostile,
            title: $title,
            rule: $rule,
            needs: Needs::Nothing,
            at_load: false,
            check: $check,
        }
    };
}

pub(super) const CASES: &[Case] = &[
    case!(
        "HOS-001",
        "an answer that was cut short is an error",
        RULE,
        |s| answers(s, "HOS-001")
    ),
    case!(
        "HOS-002",
        "a value of another type is an error or read as what it is",
        RULE,
        |s| answers(s, "HOS-002")
    ),
    case!(
        "HOS-003",
        "a missing field or element leaves no default in its place",
        "DESIGN §7; wit/types.wit, head: an absent value is none",
        |s| answers(s, "HOS-003")
    ),
    case!(
        "HOS-004",
        "null and empty texts leave no default in their place",
        "DESIGN §7; wit/types.wit, head: an absent value is none",
        |s| answers(s, "HOS-004")
    ),
    case!(
        "HOS-005",
        "fields and elements that are more, or twice, do no harm",
        RULE,
        |s| answers(s, "HOS-005")
    ),
    case!("HOS-006", "huge numbers and texts do no harm", RULE, |s| {
        answers(s, "HOS-006")
    }),
    case!("HOS-007", "deep nesting does no harm", RULE, |s| answers(
        s, "HOS-007"
    )),
    case!(
        "HOS-008",
        "bytes in another encoding do no harm",
        RULE,
        |s| answers(s, "HOS-008")
    ),
    case!(
        "HOS-009",
        "pages, words and statuses of something in between are errors",
        RULE,
        |s| answers(s, "HOS-009")
    ),
    case!(
        "HOS-010",
        "a body of nothing, or of something else as a whole, is an error",
        RULE,
        |s| answers(s, "HOS-010")
    ),
    case!(
        "HOS-011",
        "headers that are odd or missing do no harm",
        RULE,
        |s| answers(s, "HOS-011")
    ),
    case!(
        "HOS-012",
        "a command at the edge of what may be asked is encoded or refused",
        "wit/trading.wit, head; wit/types.wit, decimal",
        |s| commands::commands(s, Claim::Askable)
    ),
    case!(
        "HOS-013",
        "a command beyond what may be asked does not become another request",
        "wit/types.wit, http-request.path; DESIGN §3",
        |s| commands::commands(s, Claim::Beyond)
    ),
];

/// The case that a change belongs to.
fn case_of(change: &Change) -> &'static str {
    use MessageChange as M;
    use ValueChange as V;
    match change {
        Change::Message(change) => match change {
            M::Truncated(_) => "HOS-001",
            M::HtmlPage(_) | M::PlainWords(_) | M::Status(_) | M::ContentType(_) => "HOS-009",
            M::Brackets(_) => "HOS-007",
            M::InvalidUtf8(_)
            | M::NulByte(_)
            | M::Utf16Le
            | M::Utf16Be
            | M::ByteOrderMark
            | M::Gzip => "HOS-008",
            M::NoHeaders | M::HeaderNoNumber(_) | M::HeaderGreatNumber(_) | M::Header(..) => {
                "HOS-011"
            }
            _ => "HOS-010",
        },
        Change::Value(change) => match change {
            V::Missing | V::MissingElement | V::RenamedField | V::EmptyArray => "HOS-003",
            V::Null | V::EmptyText => "HOS-004",
            V::DuplicateBefore
            | V::DuplicateAfter
            | V::ExtraField
            | V::ExtraElement
            | V::RepeatedElement => "HOS-005",
            V::InvalidUtf8 | V::LoneSurrogate | V::ControlCharacter | V::EscapedNul => "HOS-008",
            V::ToNumber | V::ToText | V::ToBool | V::ToObject | V::ToArray | V::NoDecimal(_) => {
                "HOS-002"
            }
            V::Nested(_) => "HOS-007",
            _ => "HOS-006",
        },
    }
}

/// What came of all changed answers, by case; made once for all of them.
pub(crate) type Hostility = BTreeMap<&'static str, Verdict>;

fn answers(subject: &Subject, id: &'static str) -> Verdict {
    let verdicts = subject.hostility(judge_answers);
    verdicts.get(id).cloned().unwrap_or(Verdict::Skipped {
        reason: "no recorded answer can be changed like this".to_owned(),
    })
}

fn judge_answers(subject: &Subject) -> Hostility {
    let mut checks: BTreeMap<&'static str, Checks> = BTreeMap::new();
    let recorded: Vec<(&Scene, &Decoding)> = subject.decodings().collect();
    let share = (TRIED / recorded.len().max(1)).max(40);
    let mutating = mutating(subject);
    let mut stopped = 0;
    'judged: for (nth, (scene, unchanged)) in recorded.into_iter().enumerate() {
        let mutates = mutating.contains(&(scene as *const Scene));
        for (place, answer) in scene.answers.iter().enumerate() {
            let seed = subject.seed() ^ (nth as u64) << 8 ^ place as u64;
            let held_to =
                |(mutation, _): &(Mutation, _)| subject.is_held_to(case_of(&mutation.change));
            let changes = hostility::responses(seed, answer, VALUES).filter(held_to);
            let all: Vec<_> = changes.collect();
            // Evenly spaced, so that every kind of change is among them, others at each answer.
            let stride = all.len().div_ceil(share).max(1);
            for (mutation, changed) in all.into_iter().skip(nth % stride).step_by(stride) {
                let try_with = |answer: &HttpResponse| {
                    let mut answers = scene.answers.clone();
                    answers[place] = answer.clone();
                    decode(subject, scene, &answers)
                };
                let decoding = try_with(&changed);
                let demand = demand(scene, &mutation, changed.status);
                let lenient = matches!(mutation.change, Change::Value(_)).then_some(&changed);
                let found = problem(
                    demand,
                    lenient,
                    unchanged,
                    &decoding,
                    mutates,
                    changed.status,
                );
                let checks = checks.entry(case_of(&mutation.change)).or_default();
                checks.expect(found.is_none(), || {
                    let until = Instant::now() + SHRUNK_WITHIN;
                    let smallest =
                        hostility::minimise(answer, &mutation, TRIALS, |before, after| {
                            if Instant::now() >= until {
                                return false;
                            }
                            let unchanged = try_with(before);
                            let was_right = matches!(unchanged.outcome, Ok(Ok(_)));
                            let decoding = try_with(after);
                            let lenient = lenient.map(|_| after);
                            let status = after.status;
                            was_right
                                && problem(demand, lenient, &unchanged, &decoding, mutates, status)
                                    .is_some()
                        });
                    let (mutation, changed) = smallest
                        .map_or((mutation.clone(), changed.clone()), |s| {
                            (s.mutation, s.changed)
                        });
                    Finding {
                        on: scene.origin.clone(),
                        sent: format!(
                            "{}, answered ({mutation}, seed {}) {} {}",
                            scene.asked(),
                            subject.seed(),
                            changed.status,
                            String::from_utf8_lossy(&changed.body)
                        ),
                        came_back: meaning_text(&try_with(&changed)),
                        expected: found.unwrap_or_default(),
                    }
                });
                stopped += usize::from(is_stopped(&decoding));
                if stopped >= STOPPED {
                    break 'judged;
                }
            }
        }
    }
    if checks.is_empty() {
        judge_made_up(subject, &mut checks);
    }
    let verdict = |(id, checks): (_, Checks)| (id, checks.verdict(""));
    checks.into_iter().map(verdict).collect()
}

/// Without recordings: nothing that is made of an answer that nobody knows may trap.
fn judge_made_up(subject: &Subject, checks: &mut BTreeMap<&'static str, Checks>) {
    let answer = HttpResponse {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: br#"{"id":1,"price":"1.5","time":1700000000000,"rows":[{"a":"b"}]}"#.to_vec(),
    };
    for (scene, requests, _) in subject.answerable() {
        for (mutation, changed) in hostility::responses(subject.seed(), &answer, 100) {
            let decoding = decode(subject, scene, &vec![changed; requests]);
            let checks = checks.entry(case_of(&mutation.change)).or_default();
            checks.expect(broken(&decoding).is_none(), || Finding {
                on: scene.origin.clone(),
                sent: format!("{}, answered with made-up JSON ({mutation})", scene.asked()),
                came_back: meaning_text(&decoding),
                expected: "a result or a typed error".to_owned(),
            });
        }
    }
}

/// Scenes in which a request may change something.
fn mutating(subject: &Subject) -> Vec<*const Scene> {
    let mutates = |requests: &[HttpRequest]| requests.iter().any(|request| request.mutates);
    let encodings = subject
        .encodings()
        .filter(|(_, encoding)| matches!(&encoding.outcome, Ok(Ok(requests)) if mutates(requests)));
    encodings.map(|(scene, _)| scene as *const Scene).collect()
}

/// What an adapter makes of answers. Processor time varies with what else a machine does: only who takes all of it twice
/// is stopped.
fn decode(subject: &Subject, scene: &Scene, answers: &[HttpResponse]) -> Decoding {
    let decoding = stage::decode(subject.adapter(), scene, answers);
    if is_stopped(&decoding) {
        return stage::decode(subject.adapter(), scene, answers);
    }
    decoding
}

/// A call that took all the time it had.
fn is_stopped(decoding: &Decoding) -> bool {
    matches!(
        decoding.outcome,
        Err(NamedCallError::Call(CallError::DeadlineExceeded(_)))
    )
}

/// A call that gave nothing.
fn broken(decoding: &Decoding) -> Option<String> {
    match &decoding.outcome {
        Err(NamedCallError::Call(error)) => Some(error.to_string()),
        _ => None,
    }
}

/// What is due to a changed answer. Of a step that is one of several a refusal may be passed over, and a listing
/// leaves out what cannot be read, with a word in the log.
fn demand(scene: &Scene, mutation: &Mutation, status: u16) -> Demand {
    let is_a_part = is_a_part(scene, scene.answers.len());
    match mutation.demand() {
        Demand::Error if is_a_part && (400..500).contains(&status) => Demand::Valid,
        // A list without one of its rows is a shorter list.
        Demand::NoDefault if is_row_left_out(mutation) => Demand::Valid,
        Demand::SameOrError
            if scene.operation.name() == "list-instruments" && mutation.pointer.is_some() =>
        {
            Demand::NoDefault
        }
        // What is read as the number that it is, is read rightly.
        _ if matches!(mutation.change, Change::Value(ValueChange::NoDecimal(text)) if Exact::parse_scientific(text).is_some()) => {
            Demand::Valid
        }
        demand => demand,
    }
}

fn is_row_left_out(mutation: &Mutation) -> bool {
    let pointer = mutation.pointer.as_deref().unwrap_or_default();
    let place = pointer.rsplit('/').next().unwrap_or_default();
    let is_element = !place.is_empty() && place.bytes().all(|c| c.is_ascii_digit());
    let row = mutation.before.as_deref().unwrap_or_default();
    matches!(mutation.change, Change::Value(ValueChange::Missing))
        && is_element
        && row.starts_with(['{', '['])
}

/// What is wrong with what was made of a changed answer; `body` has the values that may have been read.
fn problem(
    demand: Demand,
    body: Option<&HttpResponse>,
    unchanged: &Decoding,
    decoding: &Decoding,
    mutates: bool,
    status: u16,
) -> Option<String> {
    if broken(decoding).is_some() {
        return Some("a result or a typed error".to_owned());
    }
    let step = match decoding.outcome.as_ref().ok()? {
        Err(error) => {
            let is_open =
                error.kind == ErrorKind::MalformedResponse && (200..300).contains(&status);
            let is_wrong = mutates && is_open && error.effect != Effect::Unknown;
            return is_wrong.then(|| "effect unknown: the change may have been made".to_owned());
        }
        Ok(step) => step,
    };
    // Nothing to compare with: what is carried on, or an error that became a success of which nothing is known.
    let (Ok(Ok(Step::Done(before))), Step::Done(after)) = (unchanged.outcome.as_ref(), step) else {
        return None;
    };
    match demand {
        Demand::Error => Some("a typed error".to_owned()),
        Demand::SameOrError => (before != after).then(|| format!("a typed error, or {before}")),
        Demand::NoDefault => default_in(before, after, body),
        Demand::Valid => invalid(after),
    }
}

/// A default that stands where something was lost: a number that neither the result before had nor the answer
/// has, a zero that was none, another side or state.
fn default_in(before: &Value, after: &Value, body: Option<&HttpResponse>) -> Option<String> {
    let had = leaves(before);
    let body = body
        .map(|answer| String::from_utf8_lossy(&answer.body))
        .unwrap_or_default();
    let mut told = None;
    for leaf in leaves(after) {
        let text = leaf.value.as_str().unwrap_or_default();
        if leaf.is_decimal() {
            let exact = Exact::parse(text);
            let is_zero = exact.as_ref().is_some_and(Exact::is_zero);
            let was = |had: &&Leaf<'_>| {
                had.is_decimal() && had.value.as_str().and_then(Exact::parse) == exact
            };
            let had_it = had
                .iter()
                .filter(was)
                .any(|had| !is_zero || had.name == leaf.name);
            let told = told.get_or_insert_with(|| numbers_in(&body));
            if !had_it && (is_zero || !exact.is_some_and(|exact| told.contains(&exact))) {
                return Some(format!("{} absent, or an error, not {text}", leaf.at));
            }
        } else if matches!(leaf.name, "side" | "state")
            && !had
                .iter()
                .any(|had| had.name == leaf.name && had.value == leaf.value)
        {
            return Some(format!("an error, not the {} {text}", leaf.at));
        }
    }
    invalid(after)
}

/// The numbers in a body, exponents understood.
fn numbers_in(body: &str) -> Vec<Exact> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    body.split(|c| !is_part(c))
        .filter_map(Exact::parse_scientific)
        .collect()
}

/// Something that the contract does not have in a result.
fn invalid(after: &Value) -> Option<String> {
    let is_wrong = |leaf: &&Leaf<'_>| {
        let text = leaf.value.as_str();
        (leaf.is_decimal()
            && text
                .and_then(Exact::parse)
                .is_none_or(|exact| exact.precision() > 28))
            || text == Some("")
            || (leaf.is_time() && leaf.value.as_u64().is_none_or(|time| time >= 1 << 53))
    };
    let leaves = leaves(after);
    let wrong = leaves.iter().find(is_wrong)?;
    Some(format!(
        "an error, or none; {} is {}",
        wrong.at, wrong.value
    ))
}
