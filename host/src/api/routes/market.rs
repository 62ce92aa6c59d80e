//! `GET /v1/tickers`, `/v1/orderbook` and `/v1/candles`, from the first venue of a list that answers, the
//! healthiest first.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::selection;
use crate::api::access::Principal;
use crate::api::extract::{RequestDeadline, StrictQuery};
use crate::api::freshness::{self, Freshness};
use crate::api::page::{Page, SourcedItem};
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::market::{Candle, CandlesAsked, OrderBook, Source, Ticker};
use crate::model::Timestamp;
use crate::reads::SourceStatus;

/// Symbols that one request may ask for.
const MAX_SYMBOLS: usize = 20;

/// Which tickers are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct TickerQuery {
    /// Venue; several separated by commas, or all for `auto` or nothing, are tried in turn: the healthiest first,
    /// and among equals in the order given.
    venue: Option<String>,
    /// Unified symbol, or up to 20 separated by commas.
    symbol: String,
}

/// Which book is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct BookQuery {
    /// Venue; several separated by commas, or all for `auto` or nothing, are tried in turn: the healthiest first,
    /// and among equals in the order given.
    venue: Option<String>,
    /// Unified symbol.
    symbol: String,
    /// Levels on each side, 1 to 5000; 20 where absent.
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<u32>,
}

/// Best prices and the last day's trading. An answer may be as old as the gateway's configuration allows, and says
/// so; `Cache-Control: no-cache` asks the venue now.
#[utoipa::path(get, path = "/v1/tickers", tag = "market data", security(("key" = [])), params(TickerQuery),
    responses((status = 200, body = Page<SourcedItem<Ticker>>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn tickers(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    Freshness(wanted): Freshness,
    StrictQuery(query): StrictQuery<TickerQuery>,
) -> Result<(HeaderMap, Json<Page<SourcedItem<Ticker>>>), Problem> {
    let mut asks = Vec::new();
    for symbol in selection::list("symbol", &query.symbol, MAX_SYMBOLS)? {
        let sources = selection::sources(&state, &principal, query.venue.as_deref(), symbol)?;
        asks.push(state.market.ticker(sources, wanted, deadline));
    }
    let found = try_join_all(asks).await?;
    let headers = freshness::headers(found.iter().map(|ticker| &ticker.served));
    let items = found.iter().map(SourcedItem::from).collect();
    Ok((headers, Json(Page::whole(items))))
}

/// Resting quantities by price.
#[utoipa::path(get, path = "/v1/orderbook", tag = "market data", security(("key" = [])), params(BookQuery),
    responses((status = 200, body = SourcedItem<OrderBook>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn order_book(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    Freshness(wanted): Freshness,
    StrictQuery(query): StrictQuery<BookQuery>,
) -> Result<(HeaderMap, Json<SourcedItem<OrderBook>>), Problem> {
    let depth = selection::limit(query.limit, 20, 5_000)?;
    let sources = selection::sources(&state, &principal, query.venue.as_deref(), &query.symbol)?;
    let asked = state.market.order_book(sources, depth, wanted, deadline);
    let found = asked.await?;
    let headers = freshness::headers([&found.served]);
    Ok((headers, Json(SourcedItem::from(&found))))
}

/// Which candles are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct CandleQuery {
    /// Venue; several separated by commas, or all for `auto` or nothing, are tried in turn: the healthiest first,
    /// and among equals in the order given.
    venue: Option<String>,
    /// Unified symbol.
    symbol: String,
    /// Length of a candle: a number and `s`, `m`, `h`, `d` or `w`, such as `1m`; `1m` where absent.
    interval: Option<String>,
    /// Opened then or later, RFC 3339.
    from: Option<Timestamp>,
    /// Opened before, RFC 3339.
    to: Option<Timestamp>,
    /// At most this many, 1 to 1000; 100 where absent. The newest where neither `from` nor `to` is given,
    /// else the oldest.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Candles of one instrument.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CandlesView {
    /// The venue that answered.
    venue: String,
    /// Unified symbol.
    symbol: String,
    /// Length of each.
    interval: String,
    /// Oldest first.
    items: Vec<Candle>,
    /// Always `null`: ask again with `from` behind the last candle.
    next_cursor: Option<String>,
    /// The venues asked, in that order: the last one served, and the others did not, for the reason given.
    sources: Vec<SourceStatus>,
}

/// Prices over time.
#[utoipa::path(get, path = "/v1/candles", tag = "market data", security(("key" = [])), params(CandleQuery),
    responses((status = 200, body = CandlesView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn candles(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    Freshness(wanted): Freshness,
    StrictQuery(query): StrictQuery<CandleQuery>,
) -> Result<(HeaderMap, Json<CandlesView>), Problem> {
    let limit = selection::limit(query.limit, 100, 1_000)?;
    selection::check_range(query.from, query.to)?;
    let interval = query.interval.unwrap_or_else(|| "1m".to_owned());
    let sources = selection::sources(&state, &principal, query.venue.as_deref(), &query.symbol)?;
    let (seconds, sources) = with_interval(sources, &interval)?;
    let asked = CandlesAsked {
        seconds,
        from: query.from,
        to: query.to,
        limit,
    };
    let found = state
        .market
        .candles(sources, asked, wanted, deadline)
        .await?;
    let headers = freshness::headers([&found.served]);
    let candles = (*found.value).clone();
    let view = CandlesView {
        venue: candles.venue,
        symbol: candles.symbol,
        interval,
        items: candles.candles,
        next_cursor: None,
        sources: found.sources,
    };
    Ok((headers, Json(view)))
}

/// An interval in seconds, and the sources that have candles of that length.
fn with_interval(sources: Vec<Source>, interval: &str) -> Result<(u32, Vec<Source>), Problem> {
    let offered = |source: &Source| {
        let rules = source.venue.rules(&source.listed.instrument.endpoint);
        rules.map_or_else(Vec::new, |rules| rules.candle_seconds)
    };
    let seconds = interval_seconds(interval);
    let (have, lack): (Vec<Source>, Vec<Source>) = sources
        .into_iter()
        .partition(|source| seconds.is_some_and(|seconds| offered(source).contains(&seconds)));
    match seconds.filter(|_| !have.is_empty()) {
        Some(seconds) => Ok((seconds, have)),
        None => {
            let mut allowed: Vec<u32> = lack.iter().flat_map(offered).collect();
            allowed.sort_unstable();
            allowed.dedup();
            let allowed: Vec<String> = allowed.into_iter().map(interval_name).collect();
            let problem = format!("must be one of: {}", allowed.join(", "));
            Err(Problem::malformed("interval", interval, problem))
        }
    }
}

/// Units of an interval, longest first.
const UNITS: [(char, u32); 5] = [
    ('w', 7 * 24 * 60 * 60),
    ('d', 24 * 60 * 60),
    ('h', 60 * 60),
    ('m', 60),
    ('s', 1),
];

fn interval_seconds(interval: &str) -> Option<u32> {
    let unit = interval.chars().next_back()?;
    let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let number = interval.strip_suffix(unit)?;
    let is_plain = number.bytes().all(|c| c.is_ascii_digit());
    number
        .parse::<u32>()
        .ok()
        .filter(|_| is_plain)?
        .checked_mul(seconds)
}

/// The shortest name of an interval: `1h`, not `60m`.
fn interval_name(seconds: u32) -> String {
    let unit = UNITS
        .into_iter()
        .find(|(_, unit)| seconds.is_multiple_of(*unit));
    unit.map_or_else(
        || format!("{seconds}s"),
        |(name, unit)| format!("{}{name}", seconds / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_a_number_and_a_unit() {
        for (text, seconds) in [("1s", 1), ("15m", 900), ("4h", 14_400), ("1w", 604_800)] {
            assert_eq!(interval_seconds(text), Some(seconds));
            assert_eq!(interval_name(seconds), text);
        }
        assert_eq!(interval_name(interval_seconds("60m").unwrap()), "1h");
        for text in [
            "",
            "m",
            "1",
            "1M",
            "-1m",
            "+1m",
            "1.5h",
            "99999999999d",
            "4000000w",
            "1\u{e9}",
        ] {
            assert_eq!(interval_seconds(text), None, "{text:?}");
        }
    }
}
