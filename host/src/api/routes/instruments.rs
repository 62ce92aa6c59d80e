//! `GET /v1/instruments`: the catalogue.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::selection;
use crate::api::access::Principal;
use crate::api::extract::StrictQuery;
use crate::api::page::Page;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::model::{Conversion, Instrument, Product};
use crate::venue::{Listed, NoVenue};

/// Which instruments are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct InstrumentQuery {
    /// Venue, several separated by commas, or `auto` for all.
    venue: Option<String>,
    /// Product.
    product: Option<Product>,
    /// Base asset.
    base: Option<String>,
    /// Asset in which margin and profit are settled; for spot, the quote asset.
    settle: Option<String>,
    /// Unified symbol.
    symbol: Option<String>,
    /// A unified symbol, or `VENUE:SYMBOL`: only what is the same thing, on any venue asked for, with how a
    /// quantity of the one named converts. Without a venue, the first that has the symbol is meant.
    equivalent_to: Option<String>,
    /// At most this many, 1 to 5000; 1000 where absent.
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<u32>,
    /// `next_cursor` of an earlier page.
    cursor: Option<String>,
}

/// An instrument, and where it was asked for what it is the same thing as.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct InstrumentView {
    #[serde(flatten)]
    instrument: Instrument,
    /// Only with `equivalent_to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    equivalence: Option<Equivalence>,
}

/// That an instrument is the same thing as another.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::api) struct Equivalence {
    /// Venue of the other.
    venue: String,
    /// Unified symbol of the other.
    symbol: String,
    /// How a quantity of the other converts into one of this: `multiply`, then `divide`.
    quantity: Conversion,
}

/// Instruments by venue and symbol.
#[utoipa::path(get, path = "/v1/instruments", tag = "market data", security(("key" = [])), params(InstrumentQuery),
    responses((status = 200, body = Page<InstrumentView>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    StrictQuery(query): StrictQuery<InstrumentQuery>,
) -> Result<Json<Page<InstrumentView>>, Problem> {
    let limit = selection::limit(query.limit, 1_000, 5_000)? as usize;
    let after = query.cursor.as_deref().map(decode_cursor).transpose()?;
    let reference = query
        .equivalent_to
        .as_deref()
        .map(|named| reference(&state, &principal, named))
        .transpose()?;
    let mut listed = Vec::new();
    for venue in selection::venues(&state, &principal, query.venue.as_deref())? {
        let catalogue = venue.catalogue();
        listed.extend(
            catalogue
                .iter()
                .filter(|listed| wanted(&query, &listed.instrument))
                .filter(|listed| match &reference {
                    Some(other) => other.instrument.conversion_to(&listed.instrument).is_some(),
                    None => true,
                })
                .cloned(),
        );
    }
    listed.sort_by(|a, b| place(&a.instrument).cmp(&place(&b.instrument)));
    if let Some((venue, symbol)) = &after {
        listed.retain(|listed| place(&listed.instrument) > (venue.as_str(), symbol.as_str()));
    }
    let more = listed.len() > limit;
    listed.truncate(limit);
    let next_cursor = listed
        .last()
        .filter(|_| more)
        .map(|last| encode_cursor(&last.instrument));
    let items = listed
        .iter()
        .map(|listed| view(listed.instrument.clone(), reference.as_deref()))
        .collect();
    Ok(Json(Page { items, next_cursor }))
}

fn view(instrument: Instrument, reference: Option<&Listed>) -> InstrumentView {
    let equivalence = reference.and_then(|other| {
        Some(Equivalence {
            venue: other.instrument.venue.clone(),
            symbol: other.instrument.symbol.clone(),
            quantity: other.instrument.conversion_to(&instrument)?,
        })
    });
    InstrumentView {
        instrument,
        equivalence,
    }
}

/// The instrument that others are to be equivalent to.
fn reference(state: &AppState, principal: &Principal, named: &str) -> Result<Arc<Listed>, Problem> {
    let at_venue = named
        .split_once(':')
        .filter(|(venue, _)| principal.venues.covers(venue));
    if let Some((venue, _)) = at_venue
        && let Err(NoVenue::Waiting(failure)) = state.venues.named(venue)
    {
        return Err(Problem::of_venue(venue, &failure, None));
    }
    let at_venue = at_venue.and_then(|(venue, symbol)| state.venues.get(venue)?.instrument(symbol));
    at_venue
        .or_else(|| {
            state
                .venues
                .iter()
                .filter(|venue| principal.venues.covers(venue.name()))
                .find_map(|venue| venue.instrument(named))
        })
        .ok_or_else(|| {
            let problem = "must be a symbol that a venue lists, or VENUE:SYMBOL";
            Problem::malformed("equivalent_to", named, problem)
        })
}

fn wanted(query: &InstrumentQuery, instrument: &Instrument) -> bool {
    query
        .product
        .is_none_or(|product| instrument.product == product)
        && query
            .base
            .as_ref()
            .is_none_or(|base| instrument.base == *base)
        && query
            .settle
            .as_ref()
            .is_none_or(|settle| instrument.settle == *settle)
        && query
            .symbol
            .as_ref()
            .is_none_or(|symbol| instrument.symbol == *symbol)
}

fn place(instrument: &Instrument) -> (&str, &str) {
    (&instrument.venue, &instrument.symbol)
}

fn encode_cursor(last: &Instrument) -> String {
    BASE64URL_NOPAD.encode(format!("{}\n{}", last.venue, last.symbol).as_bytes())
}

fn decode_cursor(text: &str) -> Result<(String, String), Problem> {
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|plain| {
            plain
                .split_once('\n')
                .map(|(venue, symbol)| (venue.to_owned(), symbol.to_owned()))
        })
        .ok_or_else(|| {
            Problem::malformed("cursor", text, "must be a next_cursor of an earlier page")
        })
}
