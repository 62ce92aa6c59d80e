//! All cases, by group.

mod contract;
mod decoding;
mod descriptor;
mod determinism;
mod encoding;
mod errors;
mod hostile;
mod limits;
mod live;
mod money;
mod resources;
mod secrecy;
mod values;

use std::fmt::Write;

pub(crate) use hostile::Hostility;

use crate::case::{Case, Group};

/// Every case, in the order in which they are judged.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [
        contract::CASES,
        descriptor::CASES,
        encoding::CASES,
        decoding::CASES,
        errors::CASES,
        money::CASES,
        limits::CASES,
        hostile::CASES,
        determinism::CASES,
        secrecy::CASES,
        resources::CASES,
    ]
    .into_iter()
    .flatten()
}

/// The steps of an order's life at a venue, in their order. [`judge`](crate::judge()) leaves them out: the kit
/// has no network.
pub fn live_cases() -> impl Iterator<Item = &'static Case> {
    live::CASES.iter()
}

/// The case with this id.
pub fn find_case(id: &str) -> Option<&'static Case> {
    cases().chain(live_cases()).find(|case| case.id == id)
}

/// `CASES.md`: every case, for people.
pub fn page() -> String {
    let mut page = String::from(
        "# The cases of the conformance kit\n\n\
         What `switchyard plugin check FILE.wasm` holds an adapter to. A case that an adapter does not pass says what\n\
         was sent, what came back, what was expected and where the rule is written. A case that does not apply is\n\
         skipped, and says why. Those marked *at load* are held against every new version before it serves.\n",
    );
    for group in Group::ALL {
        // Writing to a text cannot fail.
        let _ = writeln!(
            page,
            "\n## {group}\n\n| id | rule | written in | needs | |\n|---|---|---|---|---|"
        );
        for case in cases()
            .chain(live_cases())
            .filter(|case| case.group == group)
        {
            let at_load = if case.at_load { "at load" } else { "" };
            let Case {
                id,
                title,
                rule,
                needs,
                ..
            } = case;
            let _ = writeln!(page, "| {id} | {title} | {rule} | {needs} | {at_load} |");
        }
    }
    page
}
