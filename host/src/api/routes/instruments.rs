//! `GET /v1/instruments`: the catalogue.

use axum::Json;
use axum::extract::State;
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use utoipa::IntoParams;

use super::selection;
use crate::api::extract::StrictQuery;
use crate::api::page::Page;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::model::{Instrument, Product};

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
    /// At most this many, 1 to 5000; 1000 where absent.
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<u32>,
    /// `next_cursor` of an earlier page.
    cursor: Option<String>,
}

/// Instruments by venue and symbol.
#[utoipa::path(get, path = "/v1/instruments", tag = "market data", security(("key" = [])), params(InstrumentQuery),
    responses((status = 200, body = Page<Instrument>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn list(
    State(state): State<AppState>,
    StrictQuery(query): StrictQuery<InstrumentQuery>,
) -> Result<Json<Page<Instrument>>, Problem> {
    let limit = selection::limit(query.limit, 1_000, 5_000)? as usize;
    let after = query.cursor.as_deref().map(decode_cursor).transpose()?;
    let mut listed = Vec::new();
    for venue in selection::venues(&state, query.venue.as_deref())? {
        let catalogue = venue.catalogue();
        listed.extend(
            catalogue
                .iter()
                .filter(|listed| wanted(&query, &listed.instrument))
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
        .map(|listed| listed.instrument.clone())
        .collect();
    Ok(Json(Page { items, next_cursor }))
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
