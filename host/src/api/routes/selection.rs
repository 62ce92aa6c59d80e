//! Reads what several routes have in common from query and path: venues, lists, limits.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Path};
use axum::http::request::Parts;
use tracing::Span;

use crate::api::access::Principal;
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::market::Source;
use crate::model::Timestamp;
use crate::orders::OrderError;
use crate::venue::{NoVenue, Venue};

/// Any venue that has what is asked for.
const AUTO: &str = "auto";

/// A path parameter.
pub(in crate::api) struct PathText(pub(in crate::api) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::malformed_field("path", "must be valid percent-encoded UTF-8"))?;
        let route = parts.extensions.get::<MatchedPath>();
        let route = route.map_or("", MatchedPath::as_str);
        if route.starts_with("/v1/orders/") {
            Span::current().record("order_id", &text);
        } else if route.contains("{venue}") {
            Span::current().record("venue", &text);
        }
        Ok(Self(text))
    }
}

/// The venues of a comma-separated list, in its order; all that the caller may reach for `auto` or nothing.
pub(super) fn venues(
    state: &AppState,
    principal: &Principal,
    names: Option<&str>,
) -> Result<Vec<Arc<Venue>>, Problem> {
    match names {
        None | Some(AUTO) => {
            let reached = state.venues.iter();
            let reached = reached.filter(|venue| principal.venues.covers(venue.name()));
            Ok(reached.cloned().collect())
        }
        Some(names) => {
            let names = names.split(',');
            names.map(|name| venue(state, principal, name)).collect()
        }
    }
}

/// One venue that a query names.
pub(super) fn venue(
    state: &AppState,
    principal: &Principal,
    name: &str,
) -> Result<Arc<Venue>, Problem> {
    principal.check_venue(name)?;
    let venue = state.venues.named(name).cloned();
    venue.map_err(|missing| match missing {
        NoVenue::Waiting(failure) => Problem::of_venue(name, &failure, None),
        NoVenue::Unknown => {
            let known = state.venues.names().join(", ");
            Problem::malformed(
                "venue",
                name,
                format!("must be a configured venue: {known}"),
            )
        }
    })
}

/// One venue that a path names.
pub(super) fn venue_of_path<'a>(
    state: &'a AppState,
    name: &str,
) -> Result<&'a Arc<Venue>, Problem> {
    state.venues.named(name).map_err(|missing| match missing {
        NoVenue::Waiting(failure) => Problem::of_venue(name, &failure, None),
        NoVenue::Unknown => {
            let known = state.venues.names().join(", ");
            Problem::not_found(format!("no venue {name:?}; there are: {known}"))
        }
    })
}

/// Where an instrument can be asked for: each venue of the list that has it.
pub(super) fn sources(
    state: &AppState,
    principal: &Principal,
    names: Option<&str>,
    symbol: &str,
) -> Result<Vec<Source>, Problem> {
    let venues = venues(state, principal, names)?;
    let sources: Vec<_> = venues
        .iter()
        .filter_map(|venue| {
            Some(Source {
                venue: venue.clone(),
                listed: venue.instrument(symbol)?,
            })
        })
        .collect();
    if !sources.is_empty() {
        return Ok(sources);
    }
    if let Some(venue) = venues.iter().find(|venue| !venue.is_listed()) {
        return Err(OrderError::not_listed(venue).into());
    }
    let names: Vec<&str> = venues.iter().map(|venue| venue.name()).collect();
    Err(Problem::malformed(
        "symbol",
        symbol,
        format!("must be an instrument of {}", names.join(" or ")),
    ))
}

/// A number of items wanted, within bounds.
pub(super) fn limit(wanted: Option<u32>, default: u32, most: u32) -> Result<u32, Problem> {
    let limit = wanted.unwrap_or(default);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::malformed(
        "limit",
        &limit.to_string(),
        format!("must be from 1 to {most}"),
    ))
}

/// That a range of time has something in it.
pub(super) fn check_range(from: Option<Timestamp>, to: Option<Timestamp>) -> Result<(), Problem> {
    match (from, to) {
        (Some(from), Some(to)) if from >= to => Err(Problem::malformed(
            "to",
            &to.to_string(),
            format!("must be after from, {from}"),
        )),
        _ => Ok(()),
    }
}

/// The parts of a comma-separated list, none of them empty.
pub(super) fn list<'a>(field: &str, text: &'a str, most: usize) -> Result<Vec<&'a str>, Problem> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if parts.len() > most || parts.iter().any(|part| part.is_empty()) {
        return Err(Problem::malformed(
            field,
            text,
            format!("must be 1 to {most} values separated by commas"),
        ));
    }
    Ok(parts)
}
