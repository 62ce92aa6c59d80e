//! What becomes of an order's client id.
//!
//! A venue may have no room for the ids that a host makes. Then an adapter may name orders there by something that
//! follows from the id: always the same, another for every other id, and what it looks orders up by.

use std::collections::BTreeSet;

use switchyard_runtime::wit::trading::GetOrder;
use switchyard_runtime::wit::types::{HttpRequest, Instrument, OrderRef};

use super::{NO_REQUESTS, about, line, percent_decoded};
use crate::case::{Checks, Verdict};
use crate::scene::Scene;
use crate::stage;
use crate::subject::Subject;
use crate::synthetic::Setting;

/// An id, and what is sent for an order of that id.
struct Sent {
    id: String,
    scene: Scene,
    requests: Vec<HttpRequest>,
}

pub(super) fn client_ids(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let rules = &subject.adapter().descriptor().client_id_rules;
    let length = usize::try_from(rules.max_length).unwrap_or(usize::MAX);
    let ids = ids(&rules.alphabet.chars().collect::<Vec<_>>(), length.min(128));
    for setting in subject.settings() {
        for instrument in setting.instruments.iter().take(1) {
            let sent: Vec<Sent> = ids
                .iter()
                .filter_map(|id| placed(subject, setting, instrument, id))
                .collect();
            for one in &sent {
                let is_sent = one.requests.iter().any(|request| holds(request, &one.id));
                let problem = if is_sent {
                    None
                } else {
                    let look_up = |id: &str| looked_up(subject, setting, instrument, id);
                    problem_of_a_name(one, &sent, look_up)
                };
                checks.expect(problem.is_none(), || {
                    let lines: Vec<_> = one.requests.iter().map(line).collect();
                    let expected = format!(
                        "a request with the client id {:?}, or with a name for it; {}",
                        one.id,
                        problem.unwrap_or_default()
                    );
                    about(&one.scene, lines.join(", "), &expected)
                });
            }
        }
    }
    checks.verdict(NO_REQUESTS)
}

/// Every character that is allowed, the shortest and the longest id, and ids that differ from those in one character:
/// in its case, at the end, at the beginning.
fn ids(alphabet: &[char], length: usize) -> Vec<String> {
    let Some((&first, &last)) = alphabet.first().zip(alphabet.last()) else {
        return Vec::new();
    };
    let mut ids: BTreeSet<String> = alphabet
        .chunks(length.max(1))
        .map(|chunk| chunk.iter().collect())
        .collect();
    let longest: Vec<char> = alphabet.iter().cycle().take(length).copied().collect();
    for at in [0, longest.len().saturating_sub(1)] {
        let mut changed = longest.clone();
        if let Some(character) = changed.get_mut(at) {
            *character = if *character == first { last } else { first };
        }
        ids.insert(changed.into_iter().collect());
    }
    ids.insert(longest.into_iter().collect());
    let in_both_cases = alphabet.iter().find(|character| {
        character.is_ascii_lowercase() && alphabet.contains(&character.to_ascii_uppercase())
    });
    if let Some(character) = in_both_cases {
        ids.insert(character.to_ascii_uppercase().to_string());
        ids.insert(character.to_string());
    }
    ids.insert(first.to_string());
    ids.insert(last.to_string());
    ids.into_iter().collect()
}

fn placed(subject: &Subject, setting: &Setting, instrument: &Instrument, id: &str) -> Option<Sent> {
    let mut order = setting.limit_order(instrument);
    order.client_id = id.to_owned();
    let scene = setting.scene("place", Some(instrument), &order)?;
    // What is refused is refused for something else, or another case's business.
    let requests = stage::encode(subject.adapter(), &scene)
        .outcome
        .ok()?
        .ok()?;
    Some(Sent {
        id: id.to_owned(),
        scene,
        requests,
    })
}

/// What is sent to find the order of a client id whose id at the venue is not known.
fn looked_up(
    subject: &Subject,
    setting: &Setting,
    instrument: &Instrument,
    id: &str,
) -> Vec<HttpRequest> {
    let order = OrderRef {
        venue_id: None,
        client_id: Some(id.to_owned()),
    };
    let scene = setting.scene("get-order", Some(instrument), &GetOrder { order });
    let encoded = scene.map(|scene| stage::encode(subject.adapter(), &scene).outcome);
    encoded
        .and_then(|outcome| outcome.ok()?.ok())
        .unwrap_or_default()
}

/// Why what is sent in place of a client id is no name for it, if so.
fn problem_of_a_name(
    one: &Sent,
    all: &[Sent],
    look_up: impl Fn(&str) -> Vec<HttpRequest>,
) -> Option<String> {
    let words = words(&one.requests);
    for other in all.iter().filter(|other| other.id != one.id) {
        if words.is_subset(&self::words(&other.requests)) {
            return Some(format!("the same is sent for {:?}", other.id));
        }
    }
    // What no order of another id has is the name, wherever it stands.
    let mut names = words;
    for other in all.iter().filter(|other| other.id != one.id) {
        names = &names - &self::words(&other.requests);
    }
    let asked = self::words(&look_up(&one.id));
    (names.is_empty() || names.is_disjoint(&asked))
        .then(|| "the order cannot be looked for by what is sent".to_owned())
}

/// The values that requests are made of: what stands between the marks of URLs, forms and JSON.
fn words(requests: &[HttpRequest]) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for request in requests {
        let body = String::from_utf8_lossy(&request.body);
        for text in [&request.path, &*body] {
            let apart = text.split(|c: char| "/?&=,:;\"'{}[]() \t\r\n".contains(c));
            words.extend(apart.filter(|word| !word.is_empty()).map(percent_decoded));
        }
    }
    words
}

/// Whether a request carries a text, percent-encoded or as it is.
fn holds(request: &HttpRequest, text: &str) -> bool {
    let body = String::from_utf8_lossy(&request.body);
    percent_decoded(&request.path).contains(text)
        || body.contains(text)
        || percent_decoded(&body).contains(text)
        || json_escaped(&body, text)
}

fn json_escaped(body: &str, text: &str) -> bool {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    body.contains(quoted.trim_matches('"'))
}
