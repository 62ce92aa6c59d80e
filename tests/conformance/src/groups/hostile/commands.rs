//! Commands at the edges of what may be asked, and beyond.

use std::collections::BTreeMap;

use switchyard_runtime::NamedCallError;
use switchyard_runtime::wit::types::HttpRequest;

use crate::case::{Checks, Finding, Verdict};
use crate::groups::encoding::{is_encode_error, line, percent_decoded};
use crate::hostility::{self, Claim, CommandRules, Steps};
use crate::scene::Scene;
use crate::stage;
use crate::subject::{Subject, json};

pub(super) fn commands(subject: &Subject, claim: Claim) -> Verdict {
    let mut checks = Checks::default();
    let rules = |scene: &Scene| {
        let endpoint = &scene.context.endpoint;
        let descriptor = subject.adapter().descriptor();
        let rules = descriptor
            .endpoint_rules
            .iter()
            .find(|rules| rules.endpoint == *endpoint);
        CommandRules {
            client_ids: descriptor.client_id_rules.clone(),
            price: Steps::default(),
            quantity: Steps::default(),
            max_window_ms: rules.map_or(0, |rules| rules.max_window_ms),
        }
    };
    for (scene, ..) in subject.answerable() {
        let usual = usual(subject, scene);
        let made = hostility::commands(
            subject.seed(),
            &scene.context,
            &scene.command,
            &rules(scene),
        );
        for hostile in made.into_iter().filter(|hostile| hostile.claim == claim) {
            let asked = Scene {
                origin: format!("{hostile} (seed {})", subject.seed()),
                context: hostile.context,
                command: hostile.command,
                ..scene.clone()
            };
            let encoding = stage::encode(subject.adapter(), &asked);
            let problem = match &encoding.outcome {
                Err(NamedCallError::Call(error)) => Some(error.to_string()),
                // No command of the contract at all, so the adapter never saw it.
                Err(NamedCallError::Command { .. }) => continue,
                Ok(Err(error)) => {
                    (!is_encode_error(&asked, error)).then(|| format!("the error {}", json(error)))
                }
                Ok(Ok(requests)) => changed_shape(subject, &usual, requests),
            };
            checks.expect(problem.is_none(), || Finding {
                on: asked.origin.clone(),
                sent: asked.asked(),
                came_back: problem.unwrap_or_default(),
                expected: "a request of the same shape within the allowed calls, or unsupported, invalid-request or auth-failed".to_owned(),
            });
        }
    }
    checks.verdict("the adapter makes no request whose command has parts")
}

/// Every request that an operation is known to make on an endpoint.
fn usual(subject: &Subject, scene: &Scene) -> Vec<HttpRequest> {
    let alike = subject.encodings().filter(|(other, _)| {
        other.operation == scene.operation && other.context.endpoint == scene.context.endpoint
    });
    let encoded = alike.filter_map(|(_, encoding)| encoding.outcome.as_ref().ok()?.as_ref().ok());
    encoded.flatten().cloned().collect()
}

/// A request that is another than the usual one, not the same with another value.
fn changed_shape(
    subject: &Subject,
    usual: &[HttpRequest],
    requests: &[HttpRequest],
) -> Option<String> {
    for request in requests {
        let allowed = subject.adapter().allowed_calls();
        if let Err(refused) = allowed.check(request) {
            return Some(format!("{}: {refused}", line(request)));
        }
        let shape = |request: &HttpRequest| {
            let call = allowed.check(request).ok();
            (
                call.map(|call| (call.method, call.path.clone())),
                parameters(&request.path),
            )
        };
        let (call, names) = shape(request);
        let same = usual.iter().map(shape).any(|(usual, of_usual)| {
            usual == call
                && names
                    .iter()
                    .all(|(name, count)| of_usual.get(name).is_none_or(|c| c == count))
        });
        // A range may need parameters that a list without one does not have, but none of them twice.
        let once = names.values().all(|count| *count == 1);
        let was_once = usual
            .iter()
            .all(|usual| parameters(&usual.path).values().all(|count| *count == 1));
        if !same || (was_once && !once) {
            return Some(line(request));
        }
    }
    None
}

/// The names in a query, and how often each occurs.
fn parameters(path: &str) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    let query = path.split_once('?').map_or("", |(_, query)| query);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or_default();
        *names.entry(percent_decoded(name)).or_insert(0) += 1;
    }
    names
}
