//! Answers made into results.

mod lists;
mod symbols;

use serde::de::DeserializeOwned;
use serde_json::Value;
use switchyard_runtime::Step;
use switchyard_runtime::wit::market::OrderBook;
use switchyard_runtime::wit::trading::Place;
use switchyard_runtime::wit::types::{OrderReport, OrderState};

use super::values::{leaves, reports};
use crate::case::{Case, Checks, Finding, Group, Needs, Verdict};
use crate::exact::Exact;
use crate::scene::Scene;
use crate::subject::Subject;

/// Most significant digits of a decimal.
const DIGITS: usize = 28;

/// Times are milliseconds below this, and above what seconds could be.
const LAST_TIME: u64 = 1 << 53;
const FIRST_TIME: u64 = 100_000_000_000;

macro_rules! case {
    ($id:literal, $title:literal, $rule:literal, $needs:expr, $check:expr) => {
        Case {
            id: $id,
            group: Group::Decoding,
            title: $title,
            rule: $rule,
            needs: $needs,
            at_load: false,
            check: $check,
        }
    };
}

const LISTS: Needs = Needs::RecordingsOf(&["get-candles", "list-history", "list-fills"]);
const LISTINGS: Needs = Needs::RecordingsOf(&["list-instruments"]);

pub(super) const CASES: &[Case] = &[
    case!(
        "DEC-001",
        "each recorded answer means what was recorded",
        "DESIGN §7; the recording's source",
        Needs::Recordings,
        recorded
    ),
    case!(
        "DEC-002",
        "every number is a decimal of at most 28 significant digits, without an exponent",
        "wit/types.wit, head and decimal",
        Needs::Recordings,
        decimals
    ),
    case!(
        "DEC-003",
        "an order just placed is reported under the command's client id, symbol and side",
        "wit/trading.wit, encode-place and decode-place",
        Needs::RecordingsOf(&["place"]),
        placed
    ),
    case!(
        "DEC-004",
        "an order's state and its quantities fit together",
        "wit/types.wit, order-state and order-report",
        Needs::Recordings,
        states
    ),
    case!(
        "DEC-005",
        "a book has its best price first on each side, and does not cross",
        "wit/market.wit, order-book",
        Needs::RecordingsOf(&["get-order-book"]),
        books
    ),
    case!(
        "DEC-006",
        "candles, orders and fills come oldest first, each once, within the range asked for",
        "wit/market.wit, get-candles; wit/trading.wit, list-history and list-fills",
        LISTS,
        lists::lists
    ),
    case!(
        "DEC-007",
        "read-until is later than since, unless there are rows",
        "wit/trading.wit, history.read-until",
        Needs::RecordingsOf(&["list-history", "list-fills"]),
        lists::read_until
    ),
    case!(
        "DEC-008",
        "every time is in milliseconds, below 2^53",
        "wit/types.wit, timestamp",
        Needs::Recordings,
        times
    ),
    case!(
        "DEC-009",
        "an instrument's symbol, and the venue's own on its endpoint, are found once, so that both lead back",
        "wit/types.wit, instrument.symbol and venue-symbol",
        LISTINGS,
        symbols::unique_symbols
    ),
    case!(
        "DEC-010",
        "a symbol says what the instrument's parts say",
        "wit/types.wit, head: a unified symbol",
        LISTINGS,
        symbols::symbols
    ),
    case!(
        "DEC-011",
        "no text of a result is empty",
        "wit/types.wit, head: an absent value is none",
        Needs::Recordings,
        absent
    ),
];

/// Every recorded answer that the adapter takes for a result.
pub(super) fn results(subject: &Subject) -> impl Iterator<Item = (&Scene, &Value)> {
    subject
        .decodings()
        .filter_map(|(scene, decoding)| match &decoding.outcome {
            Ok(Ok(Step::Done(output))) => Some((scene, output)),
            _ => None,
        })
}

/// Those of one operation, as what they are.
pub(super) fn typed<'a, T: DeserializeOwned>(
    subject: &'a Subject,
    operation: &'static str,
) -> impl Iterator<Item = (&'a Scene, T)> {
    let of = results(subject).filter(move |(scene, _)| scene.operation.name() == operation);
    of.filter_map(|(scene, output)| Some((scene, T::deserialize(output).ok()?)))
}

/// A command as what it is.
pub(super) fn command<T: DeserializeOwned>(scene: &Scene) -> Option<T> {
    T::deserialize(&scene.command).ok()
}

/// What the venue answered in a scene, as text.
pub(super) fn answered(scene: &Scene) -> String {
    let answers = scene.answers.iter();
    let text = |answer: &switchyard_runtime::wit::types::HttpResponse| {
        format!(
            "{} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        )
    };
    answers.map(text).collect::<Vec<_>>().join(" and ")
}

pub(super) fn about(scene: &Scene, came_back: String, expected: &str) -> Finding {
    Finding {
        on: scene.origin.clone(),
        sent: format!("{}, answered {}", scene.asked(), answered(scene)),
        came_back,
        expected: expected.to_owned(),
    }
}

const NO_RESULTS: &str = "no recorded answer is a result of this kind";

fn recorded(subject: &Subject) -> Verdict {
    meanings(subject, |meaning| meaning.get("error").is_none())
}

/// Compares what recorded answers mean, for those recordings that say so.
pub(super) fn meanings(subject: &Subject, is_meant: impl Fn(&Value) -> bool) -> Verdict {
    let mut checks = Checks::default();
    for (recording, replayed) in subject.replays() {
        let Some(meaning) = recording.exchange.meaning.as_ref().filter(|m| is_meant(m)) else {
            continue;
        };
        let finding = |came_back: String, expected: String| Finding {
            on: format!("{} ({})", recording.name, recording.title),
            sent: recording
                .exchange
                .answers
                .iter()
                .map(|a| format!("{} {}", a.status, a.body))
                .collect::<Vec<_>>()
                .join(" and "),
            came_back,
            expected,
        };
        match replayed {
            Err(error) => checks.expect(false, || finding(error.to_string(), meaning.to_string())),
            Ok(differences) => {
                let found = differences
                    .iter()
                    .find(|difference| difference.at.starts_with("meaning"));
                checks.expect(found.is_none(), || {
                    let at = |value: &Value| {
                        found
                            .map(|found| format!("{} {value}", found.at))
                            .unwrap_or_default()
                    };
                    let (replayed, recorded) = found
                        .map(|found| (at(&found.replayed), at(&found.recorded)))
                        .unwrap_or_default();
                    finding(replayed, recorded)
                });
            }
        }
    }
    checks.verdict("no recording says so")
}

fn decimals(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, output) in results(subject) {
        for leaf in leaves(output).iter().filter(|leaf| leaf.is_decimal()) {
            let text = leaf.value.as_str().unwrap_or_default();
            let is_decimal = Exact::parse(text).is_some_and(|exact| exact.precision() <= DIGITS);
            checks.expect(is_decimal, || {
                about(
                    scene,
                    format!("{} {text:?}", leaf.at),
                    "digits with at most one point, at most 28 of them significant",
                )
            });
        }
    }
    checks.verdict(NO_RESULTS)
}

fn placed(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, report) in typed::<OrderReport>(subject, "place") {
        let Some(place) = command::<Place>(scene) else {
            continue;
        };
        let symbol = scene
            .context
            .instrument
            .as_ref()
            .map(|instrument| &instrument.symbol);
        let is_it = report.client_id.as_ref() == Some(&place.client_id)
            && symbol.is_none_or(|symbol| *symbol == report.symbol)
            && report.side == place.side;
        checks.expect(is_it && !report.venue_id.is_empty(), || {
            let came_back = format!(
                "{:?} {} {:?} {:?}",
                report.client_id, report.symbol, report.side, report.venue_id
            );
            about(
                scene,
                came_back,
                "the order that was asked for, with the venue's id, or an error",
            )
        });
    }
    checks.verdict(NO_RESULTS)
}

fn states(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, output) in results(subject) {
        for report in reports(output) {
            let Ok(report) = serde_json::from_value::<OrderReport>(report.clone()) else {
                continue;
            };
            let (Some(filled), quantity) = (
                Exact::parse(&report.filled_quantity),
                report.quantity.as_deref().and_then(Exact::parse),
            ) else {
                continue; // another case's business
            };
            let within = quantity.as_ref().is_none_or(|quantity| filled <= *quantity);
            let fits = match report.state {
                OrderState::New | OrderState::PendingNew | OrderState::Rejected => filled.is_zero(),
                OrderState::PartiallyFilled => {
                    !filled.is_zero() && quantity.as_ref() != Some(&filled)
                }
                OrderState::Filled => quantity.as_ref().is_none_or(|quantity| *quantity == filled),
                _ => true,
            };
            let priced = report.average_price.is_none() || !filled.is_zero();
            checks.expect(within && fits && priced && !filled.is_negative(), || {
                let came_back = format!(
                    "{:?} with {} of {:?} filled at {:?}",
                    report.state, report.filled_quantity, report.quantity, report.average_price
                );
                about(scene, came_back, "new without fills, partially-filled with some, filled with all of them; an average only with fills")
            });
        }
    }
    checks.verdict(NO_RESULTS)
}

fn books(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, book) in typed::<OrderBook>(subject, "get-order-book") {
        let prices = |levels: &[switchyard_runtime::wit::market::Level]| -> Vec<Exact> {
            levels
                .iter()
                .filter_map(|level| Exact::parse(&level.price))
                .collect()
        };
        let (bids, asks) = (prices(&book.bids), prices(&book.asks));
        let sorted = bids.windows(2).all(|pair| pair[0] > pair[1])
            && asks.windows(2).all(|pair| pair[0] < pair[1]);
        let apart = match (bids.first(), asks.first()) {
            (Some(bid), Some(ask)) => bid < ask,
            _ => true,
        };
        checks.expect(sorted && apart, || {
            about(
                scene,
                format!("bids {:?}, asks {:?}", book.bids, book.asks),
                "bids highest first, asks lowest first, each price once, bids below asks",
            )
        });
    }
    checks.verdict(NO_RESULTS)
}

fn times(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, output) in results(subject) {
        let mut all: Vec<(String, u64)> = leaves(output)
            .iter()
            .filter(|leaf| leaf.is_time())
            .filter_map(|leaf| Some((leaf.at.clone(), leaf.value.as_u64()?)))
            .collect();
        if scene.operation.name() == "get-time" {
            all.extend(output.as_u64().map(|time| ("the time".to_owned(), time)));
        }
        for (at, time) in all {
            checks.expect((FIRST_TIME..LAST_TIME).contains(&time), || {
                about(scene, format!("{at} {time}"), "milliseconds since 1970, below 2^53; seconds, microseconds and 0 for unknown are none")
            });
        }
    }
    checks.verdict(NO_RESULTS)
}

fn absent(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, output) in results(subject) {
        for leaf in leaves(output).iter().filter(|leaf| leaf.value.is_string()) {
            checks.expect(leaf.value.as_str() != Some(""), || {
                about(
                    scene,
                    format!("{} is empty", leaf.at),
                    "none, where there is no value",
                )
            });
        }
    }
    checks.verdict(NO_RESULTS)
}
