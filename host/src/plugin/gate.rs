//! What a candidate must get through before it serves anyone: it fits the venues that it is to serve, and
//! does with what was journaled of late what the active version does.

use std::sync::Arc;

use serde::Deserialize;
use switchyard_conformance::judge_at_load;
use switchyard_runtime::wit::descriptor::AllowedCall;
use switchyard_runtime::{Adapter, Capability, Exchange, method_name};

use super::trial::{Tally, can_be_compared, judge};
use crate::store::{Journal, StoreError};
use crate::venue::Venues;

/// Newest entries of the journal in which exchanges are looked for.
const LOOKED_AT: i64 = 20_000;

/// Entries read at a time, the newest first: orders read the journal meanwhile.
const PAGE: i64 = 100;

/// Says why a candidate cannot take an active version's place.
///
/// # Errors
/// In words, for the adapter's author.
pub(super) fn fits(
    plugin: &str,
    active: &Adapter,
    candidate: &Adapter,
    venues: &Venues,
) -> Result<(), String> {
    let (is, was) = (candidate.descriptor(), active.descriptor());
    if is.venue != was.venue {
        return Err(format!(
            "it is an adapter for {:?}, and plugin {plugin:?} is one for {:?}; is it another's file?",
            is.venue, was.venue
        ));
    }
    for capability in &active.surface().capabilities {
        if !candidate.offers(*capability) {
            return Err(format!(
                "it does not export {capability}, which the active version does"
            ));
        }
    }
    if candidate.offers(Capability::Trading) && !active.offers(Capability::Trading) {
        // What is open at the venue is found out when it goes live, and then never from nothing again.
        return Err(
            "it trades, which the active version does not: start the gateway with it".into(),
        );
    }
    for venue in venues.iter().filter(|venue| venue.adapter_name() == plugin) {
        for endpoint in venue.endpoints() {
            if !is.endpoints.iter().any(|known| known.alias == endpoint) {
                return Err(format!(
                    "it has no endpoint {endpoint:?}, which venue {:?} uses",
                    venue.name()
                ));
            }
        }
        for bucket in venue.configured_limits() {
            if !is.buckets.iter().any(|known| known.name == *bucket) {
                return Err(format!(
                    "it has no bucket {bucket:?}, which venues.{}.limits sets",
                    venue.name()
                ));
            }
        }
    }
    Ok(())
}

/// Holds a version to the part of the conformance kit that every version must pass before it serves.
///
/// # Errors
/// The case that it does not pass, with its rule and what was found.
pub(super) async fn conforms(candidate: &Arc<Adapter>) -> Result<(), String> {
    let candidate = candidate.clone();
    let judged = tokio::task::spawn_blocking(move || judge_at_load(&candidate));
    judged.await.map_err(|error| error.to_string())?
}

/// Why a candidate waits for an operator: the calls that it may make and the active version, if there is one, may
/// not. `None`: there are no such.
pub(super) fn to_be_approved(active: Option<&Adapter>, candidate: &Adapter) -> Option<String> {
    let text = |call: &AllowedCall| {
        let changes = if call.mutates {
            ", which may change something"
        } else {
            ""
        };
        let method = method_name(call.method);
        format!("{method} {}:{}{changes}", call.endpoint, call.path)
    };
    let known = active
        .into_iter()
        .flat_map(|active| &active.descriptor().allowed_calls);
    let known: Vec<String> = known.map(text).collect();
    let wanted = candidate.descriptor().allowed_calls.iter().map(text);
    let wanted: Vec<String> = wanted.filter(|call| !known.contains(call)).collect();
    (!wanted.is_empty()).then(|| {
        format!(
            "it wants to make calls that were not approved ({}); promote it to let it on",
            wanted.join(", ")
        )
    })
}

/// The body of an entry that holds an exchange.
#[derive(Deserialize)]
struct Entry {
    exchange: Exchange,
}

/// The newest exchanges in the journal that an adapter for this venue made, oldest first.
///
/// # Errors
/// [`StoreError`]
pub(super) async fn recent_exchanges(
    journal: &Journal,
    venue: &str,
    most: usize,
) -> Result<Vec<Exchange>, StoreError> {
    let mut before = journal.head().await?.seq + 1;
    let oldest = (before - LOOKED_AT).max(1);
    let mut pages = Vec::new();
    let mut found = 0;
    while found < most && before > oldest {
        let first = (before - PAGE).max(oldest);
        let entries = usize::try_from(before - first).unwrap_or(0);
        let page = journal.entries(first - 1, entries).await?;
        // Where entries were removed, a page reaches into the next one.
        let end = std::mem::replace(&mut before, first);
        let venue = venue.to_owned();
        let read = tokio::task::spawn_blocking(move || {
            page.into_iter()
                .filter(|entry| entry.seq < end && entry.kind == "exchanged")
                .filter_map(|entry| serde_json::from_str::<Entry>(&entry.body).ok())
                .map(|entry| entry.exchange)
                .filter(|exchange| exchange.adapter == venue && can_be_compared(exchange))
                .collect::<Vec<_>>()
        });
        // A page that cannot be read for want of a thread is left out.
        let exchanges = read.await.unwrap_or_default();
        found += exchanges.len();
        pages.push(exchanges);
    }
    let oldest_first = pages.into_iter().rev().flatten();
    Ok(oldest_first.skip(found.saturating_sub(most)).collect())
}

/// Runs exchanges through both versions.
pub(super) fn replay_all(active: &Adapter, candidate: &Adapter, exchanges: &[Exchange]) -> Tally {
    let mut tally = Tally::default();
    for exchange in exchanges {
        tally.add(&exchange.operation, &judge(active, candidate, exchange));
    }
    tally
}
