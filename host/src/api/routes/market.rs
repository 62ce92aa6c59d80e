//! `GET /v1/tickers` and `/v1/orderbook`, from the first venue of a list that answers.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::selection;
use crate::api::extract::{RequestDeadline, StrictQuery};
use crate::api::page::Page;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::market::{self, OrderBook, Ticker};

/// Symbols that one request may ask for.
const MAX_SYMBOLS: usize = 20;

/// Which tickers are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct TickerQuery {
    /// Venue; several separated by commas are tried in turn; `auto` or nothing tries all.
    venue: Option<String>,
    /// Unified symbol, or up to 20 separated by commas.
    symbol: String,
}

/// Which book is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct BookQuery {
    /// Venue; several separated by commas are tried in turn; `auto` or nothing tries all.
    venue: Option<String>,
    /// Unified symbol.
    symbol: String,
    /// Levels on each side, 1 to 5000; 20 where absent.
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<u32>,
}

/// Best prices and the last day's trading.
#[utoipa::path(get, path = "/v1/tickers", tag = "market data", security(("key" = [])), params(TickerQuery),
    responses((status = 200, body = Page<Ticker>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn tickers(
    State(state): State<AppState>,
    RequestDeadline(deadline): RequestDeadline,
    StrictQuery(query): StrictQuery<TickerQuery>,
) -> Result<Json<Page<Ticker>>, Problem> {
    let mut items = Vec::new();
    for symbol in selection::list("symbol", &query.symbol, MAX_SYMBOLS)? {
        let sources = selection::sources(&state, query.venue.as_deref(), symbol)?;
        items.push(market::ticker(&sources, deadline).await?);
    }
    Ok(Json(Page::whole(items)))
}

/// Resting quantities by price.
#[utoipa::path(get, path = "/v1/orderbook", tag = "market data", security(("key" = [])), params(BookQuery),
    responses((status = 200, body = OrderBook), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn order_book(
    State(state): State<AppState>,
    RequestDeadline(deadline): RequestDeadline,
    StrictQuery(query): StrictQuery<BookQuery>,
) -> Result<Json<OrderBook>, Problem> {
    let depth = selection::limit(query.limit, 20, 5_000)?;
    let sources = selection::sources(&state, query.venue.as_deref(), &query.symbol)?;
    Ok(Json(market::order_book(&sources, depth, deadline).await?))
}
