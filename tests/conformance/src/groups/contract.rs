//! What the component imports and exports. What keeps a component from being loaded fails the case for it
//! (`judge.rs`); here is what can be said of one that is.

use switchyard_runtime::Capability;

use crate::case::{Case, Checks, Finding, Group, Needs, Verdict};
use crate::subject::Subject;

macro_rules! loaded {
    ($id:literal, $title:literal, $rule:literal) => {
        Case {
            id: $id,
            group: Group::Contract,
            title: $title,
            rule: $rule,
            needs: Needs::Nothing,
            at_load: true,
            check: is_loaded,
        }
    };
}

pub(super) const CASES: &[Case] = &[
    loaded!(
        "CON-001",
        "the file is a WebAssembly component, not larger than allowed",
        "DESIGN §3; plugins.component_bytes"
    ),
    loaded!(
        "CON-002",
        "it imports nothing but what the contract and an empty WASI offer",
        "wit/imports.wit; DESIGN §3"
    ),
    loaded!(
        "CON-003",
        "every interface is of the host's major version",
        "wit/world.wit; DESIGN §3"
    ),
    loaded!(
        "CON-004",
        "it imports no newer minor version than the host has",
        "wit/world.wit; DESIGN §3"
    ),
    loaded!("CON-005", "it exports `descriptor`", "wit/world.wit"),
    loaded!(
        "CON-006",
        "its interfaces have the contract's functions and types",
        "wit/*.wit"
    ),
    loaded!(
        "CON-007",
        "`describe` gives a descriptor",
        "wit/descriptor.wit, describe"
    ),
    Case {
        id: "CON-008",
        group: Group::Contract,
        title: "every instance gives the same descriptor",
        rule: "wit/descriptor.wit, describe: pure and constant for one version",
        needs: Needs::Nothing,
        at_load: true,
        check: describes_itself_alike,
    },
    Case {
        id: "CON-009",
        group: Group::Contract,
        title: "it exports `market`, without whose instruments nothing can be traded or named",
        rule: "wit/world.wit; DESIGN §3, capabilities",
        needs: Needs::Nothing,
        at_load: false,
        check: exports_market,
    },
];

fn is_loaded(_: &Subject) -> Verdict {
    Verdict::Passed { looked_at: 1 }
}

fn describes_itself_alike(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let described = subject.adapter().descriptor();
    let again = subject.fresh();
    let same = again
        .as_ref()
        .is_ok_and(|again| again.descriptor() == described);
    checks.expect(same, || Finding {
        on: "describe, on another instance".into(),
        sent: "describe".into(),
        came_back: match &again {
            Ok(again) => format!("{:?}", again.descriptor()),
            Err(error) => error.clone(),
        },
        expected: format!("{described:?}"),
    });
    checks.verdict("")
}

fn exports_market(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let surface = subject.adapter().surface();
    checks.expect(subject.offers(Capability::Market), || Finding {
        on: "the component".into(),
        sent: "it was loaded".into(),
        came_back: format!("exports {}", surface.exports.join(", ")),
        expected: "switchyard:adapter/market among them".into(),
    });
    checks.verdict("")
}
