//! Prices, quantities and amounts: exact on the way out and on the way in.

use serde_json::Value;
use switchyard_runtime::wit::trading::{Amend, Place};
use switchyard_runtime::wit::types::{HttpRequest, HttpResponse, Instrument, OrderTypes};
use switchyard_runtime::{Capability, Step};

use super::decoding::results;
use super::encoding::{about, line, percent_decoded};
use super::values::leaves;
use crate::case::{Case, Checks, Finding, Group, Needs, Verdict};
use crate::exact::Exact;
use crate::scene::Scene;
use crate::stage;
use crate::subject::{Subject, meaning_text};
use crate::synthetic::Setting;

/// What binary floats, and 18 digits of an integer, do not hold.
const EDGES: [&str; 9] = [
    "0.1",
    "0.00000001",
    "0.00000003",
    "1234.56789",
    "9007199254740993",
    "0.1234567890123456789",
    "123456789.000000001",
    "1.000000000000000000000000001",
    "7922816251426433759354395.033",
];

/// Values of one answer that are tried.
const TRIED: usize = 40;

macro_rules! case {
    ($id:literal, $title:literal, $rule:literal, $needs:expr, $check:expr) => {
        Case {
            id: $id,
            group: Group::Money,
            title: $title,
            rule: $rule,
            needs: $needs,
            at_load: false,
            check: $check,
        }
    };
}

const TRADING: Needs = Needs::Capability(Capability::Trading);

pub(super) const CASES: &[Case] = &[
    case!(
        "MON-001",
        "a price of an order is sent exactly, or refused",
        "wit/types.wit, head: money is exact",
        TRADING,
        order_prices
    ),
    case!(
        "MON-002",
        "a quantity of an order is sent exactly, scaled alike for all, or refused",
        "wit/types.wit, head: money is exact",
        TRADING,
        order_quantities
    ),
    case!(
        "MON-003",
        "a price or total of an amend is sent exactly, or refused",
        "wit/types.wit, head: money is exact; wit/trading.wit, amend",
        TRADING,
        changes
    ),
    case!(
        "MON-004",
        "the same number is sent however it was written",
        "wit/types.wit, decimal",
        TRADING,
        spellings
    ),
    case!(
        "MON-005",
        "a number of an answer is given exactly",
        "wit/types.wit, head: money is exact",
        Needs::Recordings,
        answers
    ),
    case!(
        "MON-006",
        "free and locked make the total of a balance",
        "wit/account.wit, balance",
        Needs::RecordingsOf(&["list-balances"]),
        balances
    ),
];

/// Numbers in a request: in its query's values and in its body.
fn numbers(request: &HttpRequest) -> Vec<Exact> {
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    let text = format!(
        "{} {}",
        percent_decoded(query),
        percent_decoded(&String::from_utf8_lossy(&request.body))
    );
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.split(|c| !is_part(c))
        .filter_map(Exact::parse)
        .collect()
}

const NO_ORDERS: &str = "the adapter takes no limit order that the kit can make; record one";

/// Every endpoint on which limit orders are placed, with an instrument.
fn desks(subject: &Subject) -> impl Iterator<Item = (&Setting, &Instrument)> {
    let takes_limits = |setting: &&Setting| setting.rules.order_types.contains(OrderTypes::LIMIT);
    subject
        .settings()
        .iter()
        .filter(takes_limits)
        .flat_map(|setting| {
            setting
                .instruments
                .iter()
                .map(move |instrument| (setting, instrument))
        })
}

/// The numbers that a command becomes; `None` where it is refused.
fn sent(subject: &Subject, scene: &Scene) -> Option<(Vec<Exact>, String)> {
    let requests = stage::encode(subject.adapter(), scene).outcome.ok()?.ok()?;
    let lines: Vec<String> = requests.iter().map(line).collect();
    Some((
        requests.iter().flat_map(numbers).collect(),
        lines.join(", "),
    ))
}

fn order(
    subject: &Subject,
    setting: &Setting,
    instrument: &Instrument,
    change: impl Fn(&mut Place),
) -> Option<(Scene, Vec<Exact>, String)> {
    let mut order = setting.limit_order(instrument);
    change(&mut order);
    let scene = setting.scene("place", Some(instrument), &order)?;
    let (numbers, line) = sent(subject, &scene)?;
    Some((scene, numbers, line))
}

fn order_prices(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (setting, instrument) in desks(subject) {
        for edge in EDGES {
            let set = |order: &mut Place| order.price = Some(edge.to_owned());
            if let Some((scene, numbers, line)) = order(subject, setting, instrument, set) {
                let is_there = Exact::parse(edge).is_some_and(|edge| numbers.contains(&edge));
                checks.expect(is_there, || {
                    about(&scene, line, &format!("the price {edge}"))
                });
            }
        }
    }
    checks.verdict(NO_ORDERS)
}

fn order_quantities(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (setting, instrument) in desks(subject) {
        let (usual, _) = setting.size(instrument);
        let with = |quantity: &str| {
            order(subject, setting, instrument, |order| {
                order.quantity = quantity.to_owned()
            })
        };
        let (Some((_, base, _)), Some(usual)) = (with(&usual), Exact::parse(&usual)) else {
            continue;
        };
        for edge in EDGES {
            if let (Some((scene, numbers, line)), Some(exact)) = (with(edge), Exact::parse(edge)) {
                // As it is, or as many times as much as every other: so many contracts, minor units.
                let scaled = |number: &Exact| {
                    base.iter()
                        .any(|of_usual| number.times(&usual) == of_usual.times(&exact))
                };
                let is_there = numbers.contains(&exact)
                    || numbers
                        .iter()
                        .any(|number| !number.is_zero() && scaled(number));
                checks.expect(is_there, || {
                    about(
                        &scene,
                        line,
                        &format!("the quantity {edge}, as it is or in the venue's unit"),
                    )
                });
            }
        }
    }
    checks.verdict(NO_ORDERS)
}

fn changes(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (setting, instrument) in desks(subject) {
        let with = |change: &dyn Fn(&mut Amend)| {
            let mut amend = setting.change(instrument);
            change(&mut amend);
            let scene = setting.scene("amend", Some(instrument), &amend)?;
            let (numbers, line) = sent(subject, &scene)?;
            Some((scene, numbers, line))
        };
        for edge in EDGES {
            let Some(exact) = Exact::parse(edge) else {
                continue;
            };
            if let Some((scene, numbers, line)) = with(&|amend| amend.price = Some(edge.to_owned()))
            {
                checks.expect(numbers.contains(&exact), || {
                    about(&scene, line, &format!("the price {edge}"))
                });
            }
            // A total below what the order has now, so that no venue's way to amend refuses it.
            let total = |amend: &mut Amend| {
                amend.current_quantity = "79228162514264337593543950".to_owned();
                amend.quantity = Some(edge.to_owned());
            };
            let unit = |amend: &mut Amend| {
                amend.current_quantity = "79228162514264337593543950".to_owned();
                amend.quantity = Some("1000000".to_owned());
            };
            if let (Some((scene, numbers, line)), base) = (with(&total), with(&unit)) {
                let million = Exact::parse("1000000");
                let scaled = |number: &Exact| {
                    base.iter()
                        .flat_map(|(_, numbers, _)| numbers)
                        .any(|of_unit| {
                            million.as_ref().is_some_and(|million| {
                                number.times(million) == of_unit.times(&exact)
                            })
                        })
                };
                let is_there = numbers.contains(&exact)
                    || numbers
                        .iter()
                        .any(|number| !number.is_zero() && scaled(number));
                checks.expect(is_there, || {
                    about(
                        &scene,
                        line,
                        &format!("the total {edge}, as it is or in the venue's unit"),
                    )
                });
            }
        }
    }
    checks.verdict("the adapter makes no amend that the kit can ask for")
}

fn spellings(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (setting, instrument) in desks(subject) {
        let (quantity, price) = setting.size(instrument);
        let longer = |text: &str| {
            if text.contains('.') {
                format!("{text}000")
            } else {
                format!("{text}.000")
            }
        };
        let plain = order(subject, setting, instrument, |_| {});
        let padded = order(subject, setting, instrument, |order| {
            order.quantity = longer(&quantity);
            order.price = Some(longer(&price));
        });
        if let (Some((_, plain, _)), Some((scene, padded, line))) = (plain, padded) {
            // Times and nonces are the same in both, and a signature is no number.
            checks.expect(plain == padded, || {
                about(
                    &scene,
                    line,
                    &format!("the same numbers as for {quantity} at {price}"),
                )
            });
        }
    }
    checks.verdict(NO_ORDERS)
}

fn answers(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, output) in results(subject) {
        if scene.operation.name() == "list-instruments" {
            continue; // a bound may be moved onto the grid of its step
        }
        for (place, answer) in scene.answers.iter().enumerate() {
            let Ok(text) = std::str::from_utf8(&answer.body) else {
                continue;
            };
            for number in numbers_of(text).into_iter().take(TRIED) {
                try_edge(subject, &mut checks, scene, output, place, text, &number);
            }
        }
    }
    checks.verdict("no recorded answer has a number that is given as it stands")
}

/// A number in an answer, quoted or not.
struct Number {
    range: std::ops::Range<usize>,
    text: String,
}

/// The numbers of a JSON text that have a point, which are prices, quantities and amounts, not ids and times.
fn numbers_of(text: &str) -> Vec<Number> {
    let mut found: Vec<Number> = Vec::new();
    let mut start = None;
    let bytes = text.as_bytes();
    for at in 0..=bytes.len() {
        let is_part = bytes.get(at).is_some_and(|c| {
            c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b'+' | b':')
        });
        match (is_part, start) {
            (true, None) => start = Some(at),
            (false, Some(begin)) => {
                start = None;
                // What is in front of a member's value is no part of it; within a time it is.
                let begin = begin + usize::from(bytes.get(begin) == Some(&b':'));
                let word = text.get(begin..at).unwrap_or_default();
                if word.contains('.') && Exact::parse(word).is_some_and(|exact| !exact.is_zero()) {
                    let is_new = !found.iter().any(|number| number.text == word);
                    if is_new {
                        found.push(Number {
                            range: begin..at,
                            text: word.to_owned(),
                        });
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Puts a number that no float holds in a number's place: where the result had the old one it must have the
/// new one, or still the old one, which then came from elsewhere.
fn try_edge(
    subject: &Subject,
    checks: &mut Checks,
    scene: &Scene,
    output: &Value,
    place: usize,
    text: &str,
    number: &Number,
) {
    let (Some(old), was_negative) = (Exact::parse(&number.text), number.text.starts_with('-'))
    else {
        return;
    };
    let sites: Vec<String> = leaves(output)
        .iter()
        .filter(|leaf| {
            leaf.is_decimal() && leaf.value.as_str().and_then(Exact::parse).as_ref() == Some(&old)
        })
        .map(|leaf| leaf.at.clone())
        .collect();
    if sites.is_empty() {
        return; // not given as it is
    }
    let edge = near(&number.text, was_negative);
    let mut answers: Vec<HttpResponse> = scene.answers.clone();
    answers[place].body = [
        &text[..number.range.start],
        &edge,
        &text[number.range.end..],
    ]
    .concat()
    .into_bytes();
    let decoding = stage::decode(subject.adapter(), scene, &answers);
    let Ok(Ok(Step::Done(changed))) = &decoding.outcome else {
        return; // a typed error; a trap is another case's business
    };
    let new = Exact::parse(&edge);
    let after = leaves(changed);
    let is_lost = sites.iter().find(|site| {
        let leaf = after.iter().find(|leaf| leaf.at == **site);
        let value = leaf
            .and_then(|leaf| leaf.value.as_str())
            .and_then(Exact::parse);
        value.is_some() && value != new && value.as_ref() != Some(&old)
    });
    checks.expect(is_lost.is_none(), || Finding {
        on: scene.origin.clone(),
        sent: format!(
            "{}, answered with {edge} in place of {}",
            scene.asked(),
            number.text
        ),
        came_back: meaning_text(&decoding),
        expected: format!("{edge} at {}", is_lost.cloned().unwrap_or_default()),
    });
}

/// A number close to another that needs more digits than a float has.
fn near(text: &str, is_negative: bool) -> String {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let more = 26_usize.saturating_sub(digits).min(17);
    let tail: String = "12345678901234567".chars().take(more).collect();
    debug_assert_eq!(is_negative, text.starts_with('-'));
    format!("{text}{tail}")
}

fn balances(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, output) in results(subject) {
        if scene.operation.name() != "list-balances" {
            continue;
        }
        for balance in output.as_array().into_iter().flatten() {
            let of = |name: &str| {
                balance
                    .get(name)
                    .and_then(Value::as_str)
                    .and_then(Exact::parse)
            };
            let (Some(free), Some(locked), Some(total)) = (of("free"), of("locked"), of("total"))
            else {
                continue;
            };
            checks.expect(free.plus(&locked) == total, || {
                super::decoding::about(
                    scene,
                    balance.to_string(),
                    "a total that is free and locked together",
                )
            });
        }
    }
    checks.verdict("no recorded answer has balances")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_quoted_or_not_and_times_are_none() {
        let text = r#"{"a":1.5,"b": 2.5,"c":"3.5","d":[4.5,-5.5],"at":"12:33:19.034Z","v":"1.2.3","n":0.0,"id":7}"#;
        let found = numbers_of(text);
        let texts: Vec<&str> = found.iter().map(|number| number.text.as_str()).collect();
        assert_eq!(texts, ["1.5", "2.5", "3.5", "4.5", "-5.5"]);
        for number in &found {
            assert_eq!(&text[number.range.clone()], number.text);
        }
    }
}
