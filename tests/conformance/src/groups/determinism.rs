//! Same input, same bytes.

use switchyard_runtime::Adapter;

use crate::case::{Case, Checks, Finding, Group, Needs, Verdict};
use crate::scene::Scene;
use crate::stage;
use crate::subject::Subject;

macro_rules! case {
    ($id:literal, $title:literal, $at_load:literal, $check:ident) => {
        Case {
            id: $id,
            group: Group::Determinism,
            title: $title,
            rule: "wit/trading.wit, head: both are pure; DESIGN §3, §7",
            needs: Needs::Nothing,
            at_load: $at_load,
            check: $check,
        }
    };
}

pub(super) const CASES: &[Case] = &[
    case!(
        "DET-001",
        "the same call on the same instance gives the same",
        true,
        again
    ),
    case!(
        "DET-002",
        "a new instance gives the same as one that was used",
        false,
        afresh
    ),
    case!(
        "DET-003",
        "the order of calls makes no difference",
        false,
        in_another_order
    ),
];

/// All that an adapter says in a scene.
fn said(adapter: &Adapter, scene: &Scene) -> String {
    let encoding = stage::encode(adapter, scene);
    let mut text = format!("{:?} {:?}", encoding.outcome, encoding.lines);
    if !scene.answers.is_empty() {
        let decoding = stage::decode(adapter, scene, &scene.answers);
        text.push_str(&format!(" {:?} {:?}", decoding.outcome, decoding.lines));
    }
    text
}

fn compare<'a>(scenes: impl Iterator<Item = (&'a Scene, String, String)>, how: &str) -> Verdict {
    let mut checks = Checks::default();
    for (scene, first, second) in scenes {
        checks.expect(first == second, || {
            let differs = first.bytes().zip(second.bytes()).position(|(a, b)| a != b);
            let at = differs.unwrap_or_else(|| first.len().min(second.len()));
            Finding {
                on: scene.origin.clone(),
                sent: format!("{}, {how}", scene.asked()),
                came_back: from(&second, at),
                expected: from(&first, at),
            }
        });
    }
    checks.verdict("")
}

/// A text from shortly before a place on.
fn from(text: &str, at: usize) -> String {
    let start = text.floor_char_boundary(at.saturating_sub(60));
    text[start..].to_owned()
}

fn again(subject: &Subject) -> Verdict {
    let adapter = subject.adapter();
    let twice = subject
        .scenes()
        .iter()
        .map(|scene| (scene, said(adapter, scene), said(adapter, scene)));
    compare(twice, "a second time")
}

fn afresh(subject: &Subject) -> Verdict {
    let fresh = match subject.fresh() {
        Ok(fresh) => fresh,
        Err(error) => return Verdict::Skipped { reason: error },
    };
    let both = subject
        .scenes()
        .iter()
        .map(|scene| (scene, said(subject.adapter(), scene), said(&fresh, scene)));
    compare(both, "on a new instance")
}

fn in_another_order(subject: &Subject) -> Verdict {
    let adapter = subject.adapter();
    let forwards: Vec<String> = subject
        .scenes()
        .iter()
        .map(|scene| said(adapter, scene))
        .collect();
    let mut backwards: Vec<String> = subject
        .scenes()
        .iter()
        .rev()
        .map(|scene| said(adapter, scene))
        .collect();
    backwards.reverse();
    let both = subject.scenes().iter().zip(forwards).zip(backwards);
    compare(
        both.map(|((scene, first), second)| (scene, first, second)),
        "after the other calls",
    )
}
