//! Commands made into requests.

mod client_ids;
mod mutations;
mod orders;

use switchyard_runtime::wit::types::{Effect, Error, ErrorKind, HttpRequest};
use switchyard_runtime::{Capability, NamedCallError, RefusedRequest, method_name};

use crate::case::{Case, Checks, Finding, Group, Needs, Verdict};
use crate::scene::Scene;
use crate::stage::{self, API_KEY};
use crate::subject::{Subject, json};

/// Requests that a host sends side by side.
const MOST_REQUESTS: usize = 16;

macro_rules! case {
    ($id:literal, $title:literal, $rule:literal, $needs:expr, $at_load:literal, $check:expr) => {
        Case {
            id: $id,
            group: Group::Encoding,
            title: $title,
            rule: $rule,
            needs: $needs,
            at_load: $at_load,
            check: $check,
        }
    };
}

const TRADING: Needs = Needs::Capability(Capability::Trading);

pub(super) const CASES: &[Case] = &[
    case!(
        "ENC-001",
        "each recorded command gives the recorded requests, and signs what was signed",
        "DESIGN §7; the recording's source",
        Needs::Recordings,
        false,
        recorded
    ),
    case!(
        "ENC-002",
        "every request is within the allowed calls",
        "wit/descriptor.wit, allowed-call; wit/types.wit, http-request",
        Needs::Nothing,
        true,
        within_allowed_calls
    ),
    case!(
        "ENC-003",
        "every path is origin-form and percent-encoded",
        "wit/types.wit, http-request.path; RFC 9112, 3.2.1",
        Needs::Nothing,
        true,
        origin_form
    ),
    case!(
        "ENC-004",
        "no request sets a header of the host's, or a header that is none",
        "wit/types.wit, http-request.headers",
        Needs::Nothing,
        true,
        headers
    ),
    case!(
        "ENC-005",
        "every request declares what it costs, in buckets of its endpoint",
        "wit/types.wit, http-request.costs and cost",
        Needs::Nothing,
        true,
        costs
    ),
    case!(
        "ENC-006",
        "what may change something is marked so, a read never is, and placing an order does it once",
        "wit/types.wit, http-request.mutates; wit/descriptor.wit, allowed-call.mutates; wit/trading.wit, head",
        Needs::Nothing,
        true,
        mutations::mutates
    ),
    case!(
        "ENC-007",
        "a step has 1 to 16 requests, at most one of which changes something",
        "wit/trading.wit, head; DESIGN §3",
        Needs::Nothing,
        true,
        how_many
    ),
    case!(
        "ENC-008",
        "what the descriptor claims can be encoded",
        "wit/descriptor.wit, endpoint-rules",
        Needs::Nothing,
        false,
        claims
    ),
    case!(
        "ENC-009",
        "an encode that refuses gives unsupported, invalid-request or auth-failed, of an amend also not-amendable, with effect none",
        "wit/market.wit, wit/trading.wit and wit/account.wit, head",
        Needs::Nothing,
        true,
        refusals
    ),
    case!(
        "ENC-010",
        "without an account nothing that would be signed is sent",
        "wit/trading.wit, head: auth-failed; wit/types.wit, context.account",
        Needs::Nothing,
        true,
        without_account
    ),
    case!(
        "ENC-011",
        "a client id of every character and length that is allowed is sent as it is, or as a name of its own by which the order is looked for",
        "wit/descriptor.wit, client-id-rules; DESIGN §5, 2",
        TRADING,
        false,
        client_ids::client_ids
    ),
    case!(
        "ENC-012",
        "what an endpoint does not claim is refused, not sent as something else",
        "wit/descriptor.wit, endpoint-rules",
        TRADING,
        false,
        orders::not_claimed
    ),
    case!(
        "ENC-013",
        "no call traps, hangs or takes too much memory",
        "DESIGN §3, runtime",
        Needs::Nothing,
        true,
        completes
    ),
];

/// A finding about a request.
pub(super) fn about(scene: &Scene, came_back: String, expected: &str) -> Finding {
    Finding {
        on: scene.origin.clone(),
        sent: scene.asked(),
        came_back,
        expected: expected.into(),
    }
}

/// Every request that the adapter makes, with what it is made for.
fn requests(subject: &Subject) -> impl Iterator<Item = (&Scene, &HttpRequest)> {
    subject.encodings().flat_map(|(scene, encoding)| {
        let requests = encoding
            .outcome
            .as_ref()
            .ok()
            .and_then(|encoded| encoded.as_ref().ok());
        requests
            .into_iter()
            .flatten()
            .map(move |request| (scene, request))
    })
}

pub(super) fn line(request: &HttpRequest) -> String {
    let HttpRequest {
        endpoint,
        path,
        method,
        ..
    } = request;
    let body = String::from_utf8_lossy(&request.body);
    let body = if body.is_empty() {
        String::new()
    } else {
        format!(" {body}")
    };
    format!("{} {endpoint}:{path}{body}", method_name(*method))
}

const NO_REQUESTS: &str =
    "the adapter refuses every command that the kit can make; record exchanges of it";

fn recorded(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (recording, replayed) in subject.replays() {
        let differences = match replayed {
            Ok(differences) => differences,
            Err(error) => {
                checks.expect(false, || Finding {
                    on: recording.name.clone(),
                    sent: format!(
                        "{} {}",
                        recording.exchange.operation, recording.exchange.command
                    ),
                    came_back: error.to_string(),
                    expected: "the recorded request".into(),
                });
                continue;
            }
        };
        let of_requests = |at: &str| at.starts_with("requests") || at.starts_with("signed");
        let found = differences
            .iter()
            .find(|difference| of_requests(&difference.at));
        checks.expect(found.is_none(), || {
            let found = found.map(|d| (&d.at, &d.replayed, &d.recorded));
            let (at, replayed, recorded) = found
                .map_or_else(Default::default, |(at, replayed, recorded)| {
                    (at.clone(), replayed.to_string(), recorded.to_string())
                });
            Finding {
                on: format!("{} ({})", recording.name, recording.title),
                sent: format!(
                    "{} {}",
                    recording.exchange.operation, recording.exchange.command
                ),
                came_back: format!("{at} {replayed}"),
                expected: format!("{at} {recorded}"),
            }
        });
    }
    checks.verdict("")
}

fn within_allowed_calls(subject: &Subject) -> Verdict {
    refused(subject, |refused| {
        matches!(refused, RefusedRequest::NotAllowed { .. })
    })
}

fn origin_form(subject: &Subject) -> Verdict {
    refused(subject, |refused| {
        matches!(refused, RefusedRequest::NotOriginForm(_))
    })
}

fn headers(subject: &Subject) -> Verdict {
    refused(subject, |refused| {
        matches!(refused, RefusedRequest::Header(_))
    })
}

fn refused(subject: &Subject, is_it: impl Fn(&RefusedRequest) -> bool) -> Verdict {
    let mut checks = Checks::default();
    for (scene, request) in requests(subject) {
        let refused = subject.adapter().allowed_calls().check(request).err();
        let broken = refused.filter(|refused| is_it(refused));
        checks.expect(broken.is_none(), || {
            let why = broken
                .map(|refused| refused.to_string())
                .unwrap_or_default();
            about(scene, line(request), &why)
        });
    }
    checks.verdict(NO_REQUESTS)
}

fn costs(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let buckets = &subject.adapter().descriptor().buckets;
    for (scene, request) in requests(subject) {
        let declared = |at: &str| buckets.iter().find(|bucket| bucket.name == at);
        let covered = buckets
            .iter()
            .any(|bucket| bucket.endpoints.contains(&request.endpoint));
        checks.expect(!covered || !request.costs.is_empty(), || {
            about(
                scene,
                format!("{} without costs", line(request)),
                "what it costs in each bucket of its endpoint",
            )
        });
        for (at, cost) in request.costs.iter().enumerate() {
            let bucket = declared(&cost.bucket);
            let is_twice = request.costs[..at]
                .iter()
                .any(|other| other.bucket == cost.bucket);
            let is_right = bucket.is_some_and(|bucket| {
                bucket.endpoints.contains(&request.endpoint) && cost.amount <= bucket.limit
            });
            checks.expect(is_right && !is_twice && cost.amount > 0, || {
                let text = format!("{} costs {} of {:?}", line(request), cost.amount, cost.bucket);
                about(scene, text, "units above zero and within the limit, once, of a bucket of the request's endpoint")
            });
        }
    }
    checks.verdict(NO_REQUESTS)
}

fn how_many(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, encoding) in subject.encodings() {
        if let Ok(Ok(requests)) = &encoding.outcome {
            let mutating = requests.iter().filter(|request| request.mutates).count();
            let is_right = (1..=MOST_REQUESTS).contains(&requests.len()) && mutating <= 1;
            checks.expect(is_right, || {
                let text = format!("{} requests, {mutating} of which mutate", requests.len());
                about(
                    scene,
                    text,
                    "1 to 16 requests, at most one of which mutates",
                )
            });
        }
    }
    checks.verdict(NO_REQUESTS)
}

/// What may be left out although its interface is exported.
const OPTIONAL: [&str; 7] = [
    "get-time",
    "cancel-all",
    "list-history",
    "list-fills",
    "list-positions",
    "get-candles",
    "get-order",
];

fn claims(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let has_recordings = !subject.recordings().is_empty();
    let recorded = subject.recorded_scenes().len();
    for (scene, encoding) in subject.encodings().skip(recorded) {
        if OPTIONAL.contains(&scene.operation.name()) && scene.operation.name() != "get-candles" {
            continue;
        }
        // A made-up instrument may lack the hints that the adapter gave it: only `unsupported` is a word on the claim.
        let says_unsupported = |error: &Error| error.kind == ErrorKind::Unsupported;
        let refused = match &encoding.outcome {
            Ok(Err(error)) if says_unsupported(error) || has_recordings => Some(error),
            _ => None,
        };
        let is_about_the_order =
            refused.is_some_and(|error| error.field.as_deref() == Some("order"));
        // An account that has no balances or open orders to list is no claim of the descriptor's.
        let is_claimed = !matches!(
            scene.operation.name(),
            "list-balances" | "list-open" | "cancel"
        );
        checks.expect(
            refused.is_none() || is_about_the_order || !is_claimed,
            || {
                about(
                    scene,
                    format!("the error {}", refused.map(json).unwrap_or_default()),
                    "a request, since the descriptor claims it",
                )
            },
        );
    }
    checks.verdict("the descriptor claims nothing that can be asked")
}

/// Whether an error of an encode is one that the contract has there. That an order cannot be changed like
/// this may be said before anything is sent.
pub(super) fn is_encode_error(scene: &Scene, error: &Error) -> bool {
    error.effect == Effect::None
        && match error.kind {
            ErrorKind::Unsupported | ErrorKind::InvalidRequest | ErrorKind::AuthFailed => true,
            ErrorKind::NotAmendable => scene.operation.name() == "amend",
            _ => false,
        }
}

fn refusals(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, encoding) in subject.encodings() {
        if let Ok(Err(error)) = &encoding.outcome {
            checks.expect(is_encode_error(scene, error) && !error.message.is_empty(), || {
                let expected =
                    "unsupported, invalid-request or auth-failed, with effect none and a message";
                about(scene, format!("the error {}", json(error)), expected)
            });
        }
    }
    checks.verdict("the adapter refuses none of the commands")
}

fn without_account(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, encoding) in subject.encodings() {
        let Ok(Ok(requests)) = &encoding.outcome else {
            continue;
        };
        let names_key = |request: &HttpRequest| {
            request.path.contains(API_KEY)
                || request
                    .headers
                    .iter()
                    .any(|(_, value)| value.contains(API_KEY))
                || String::from_utf8_lossy(&request.body).contains(API_KEY)
        };
        if encoding.signatures.is_empty() && !requests.iter().any(names_key) {
            continue; // public
        }
        let mut nobody = scene.clone();
        nobody.context.account = None;
        let outcome = stage::encode(subject.adapter(), &nobody).outcome;
        let is_refused = matches!(&outcome, Ok(Err(error)) if error.kind == ErrorKind::AuthFailed);
        checks.expect(is_refused, || {
            let came_back = match &outcome {
                Ok(Ok(requests)) => requests.iter().map(line).collect::<Vec<_>>().join(", "),
                Ok(Err(error)) => format!("the error {}", json(error)),
                Err(error) => error.to_string(),
            };
            about(
                &nobody,
                format!("without an account: {came_back}"),
                "the error auth-failed",
            )
        });
    }
    checks.verdict("the adapter signs nothing")
}

/// A text with its percent-encoding taken back, as far as it is one.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn completes(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, encoding) in subject.encodings() {
        let broken = match &encoding.outcome {
            Err(NamedCallError::Call(error)) => Some(error.to_string()),
            _ => None,
        };
        checks.expect(broken.is_none(), || {
            about(
                scene,
                broken.unwrap_or_default(),
                "requests or a typed error",
            )
        });
    }
    checks.verdict("")
}
