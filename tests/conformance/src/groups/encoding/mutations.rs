//! Which requests may change something at the venue.

use data_encoding::BASE64;
use switchyard_runtime::method_name;
use switchyard_runtime::wit::types::{HttpRequest, Method};

use super::{NO_REQUESTS, about, line, requests};
use crate::case::{Checks, Verdict};
use crate::scene::Scene;
use crate::subject::Subject;

/// Steps that a host gives one operation, at most.
const MOST_STEPS: usize = 64;

pub(super) fn mutates(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let called = |request: &HttpRequest| subject.adapter().allowed_calls().check(request).ok();
    // A call by which the adapter reads elsewhere is a read, whatever its method: a host lets no read mutate.
    let reads: Vec<_> = requests(subject)
        .filter(|(scene, request)| !scene.operation.changes_state() && !request.mutates)
        .filter_map(|(_, request)| called(request))
        .collect();
    for (scene, request) in requests(subject) {
        let Some(call) = called(request) else {
            continue; // another case's business
        };
        let changes = scene.operation.changes_state();
        let is_a_read =
            request.method == Method::Get || reads.iter().any(|read| std::ptr::eq(*read, call));
        let must_say = call.mutates || (changes && !is_a_read);
        let says = if request.mutates {
            "mutates"
        } else {
            "does not mutate"
        };
        checks.expect(changes || !(request.mutates || call.mutates), || {
            about(
                scene,
                format!("{}, which {says}", line(request)),
                "a request that changes nothing, by an allowed call that says so",
            )
        });
        checks.expect(!changes || request.mutates || !must_say, || {
            let expected = format!(
                "that it may change something: no read of the adapter's makes this {}",
                method_name(request.method)
            );
            about(scene, format!("{}, which {says}", line(request)), &expected)
        });
        checks.expect(!request.mutates || call.mutates, || {
            about(
                scene,
                format!("{}, whose allowed call does not mutate", line(request)),
                "an allowed call that says that it mutates",
            )
        });
    }
    placed_once(subject, &mut checks);
    checks.verdict(NO_REQUESTS)
}

/// Of the steps by which an order was placed, as far as they are recorded, one changed something: with none the
/// host would journal nothing, and with two it could not tell which one an ambiguity is about.
fn placed_once(subject: &Subject, checks: &mut Checks) {
    let steps: Vec<(&Scene, bool)> = subject
        .encodings()
        .take(subject.recorded_scenes().len())
        .filter(|(scene, _)| scene.operation.name() == "place")
        .filter_map(|(scene, encoding)| {
            let requests = encoding.outcome.as_ref().ok()?.as_ref().ok()?;
            Some((scene, requests.iter().any(|request| request.mutates)))
        })
        .collect();
    let is_last = |scene: &Scene| {
        scene
            .meaning
            .as_ref()
            .is_some_and(|m| m.get("done").is_some())
    };
    for last in steps.iter().filter(|(scene, _)| is_last(scene)) {
        let mut mutating = usize::from(last.1);
        let mut at = last.0;
        for _ in 0..MOST_STEPS {
            let before = steps.iter().find(|(scene, _)| leads_to(scene, at));
            let Some((before, mutates)) = before else {
                break;
            };
            mutating += usize::from(*mutates);
            at = *before;
        }
        if at.state.is_some() {
            continue; // how it began is not recorded
        }
        checks.expect(mutating == 1, || {
            about(
                last.0,
                format!("an order by {mutating} steps that mutate"),
                "an order by one step that mutates",
            )
        });
    }
}

/// Whether a step goes on with another.
fn leads_to(step: &Scene, next: &Scene) -> bool {
    let carried = step.meaning.as_ref().and_then(|m| m.get("continue"));
    let carried = carried.and_then(|state| BASE64.decode(state.as_str()?.as_bytes()).ok());
    carried.is_some()
        && carried == next.state
        && step.command == next.command
        && step.context.endpoint == next.context.endpoint
}
