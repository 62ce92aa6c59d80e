//! Time, ticker and book.

use std::borrow::Cow;

use serde::Deserialize;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::market::{GetOrderBook, OrderBook, Ticker};
use switchyard_sdk::time::Millis;
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Timestamp};
use switchyard_sdk::{Context, Step};

use super::dialect::Dialect;
use super::{public, read};
use crate::book::{self, Depth};
use crate::failures;

/// Depths that there are, and what each weighs ("Order Book").
const DEPTHS: &[(u32, u32)] = &[
    (5, 2),
    (10, 2),
    (20, 2),
    (50, 2),
    (100, 5),
    (500, 10),
    (1_000, 20),
];

pub(crate) fn encode_get_time(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    Ok(vec![public(cx, dialect, dialect.query("/v1/time"), 1)])
}

pub(crate) fn decode_get_time(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Timestamp>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Time {
        server_time: Millis,
    }
    let time: Time = read(cx, Dialect::of(cx)?, responses)?;
    Ok(Step::Done(time.server_time.0))
}

pub(crate) fn encode_get_ticker(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    let day = dialect.query_symbol(cx, "/v1/ticker/24hr")?;
    let best = dialect.query_symbol(cx, "/v1/ticker/bookTicker")?;
    Ok(vec![
        public(cx, dialect, day, 1),
        public(cx, dialect, best, 2),
    ])
}

/// A day's trades. `volume` is in the instrument's quantity unit: base units on USD-M, contracts on
/// COIN-M, which has `baseVolume` instead of `quoteVolume`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Day<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    last_price: Exact,
    open_price: Exact,
    high_price: Exact,
    low_price: Exact,
    volume: Exact,
    #[serde(default)]
    quote_volume: Option<Exact>,
    close_time: Millis,
}

/// The best prices, with quantities in the instrument's unit.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Best<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    bid_price: Exact,
    bid_qty: Exact,
    ask_price: Exact,
    ask_qty: Exact,
}

/// The one entry of an answer about a symbol, which COIN-M wraps in a list.
fn sole<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    dialect: &Dialect,
    response: &'a HttpResponse,
    is_meant: impl Fn(&T) -> bool,
) -> Result<T, Error> {
    let entry = if dialect.inverse {
        let entries: Vec<T> = failures::accept(cx, dialect.errors, response, false)?;
        entries.into_iter().find(&is_meant)
    } else {
        Some(failures::accept(cx, dialect.errors, response, false)?).filter(&is_meant)
    };
    entry.ok_or_else(|| Error::malformed("a ticker of another symbol"))
}

pub(crate) fn decode_get_ticker(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Ticker>, Error> {
    let dialect = Dialect::of(cx)?;
    let instrument = cx.instrument()?;
    let [day, best] = responses else {
        return Err(Error::malformed("two responses expected"));
    };
    let meant = instrument.venue_symbol.as_str();
    let day: Day<'_> = sole(cx, dialect, day, |day: &Day<'_>| day.symbol == meant)?;
    let best: Best<'_> = sole(cx, dialect, best, |best: &Best<'_>| best.symbol == meant)?;
    // An empty side and a day without trades are given as zeros.
    let bid = best.bid_price.non_zero();
    let ask = best.ask_price.non_zero();
    Ok(Step::Done(Ticker {
        symbol: instrument.symbol.clone(),
        bid_quantity: bid.is_some().then(|| best.bid_qty.into_string()),
        bid,
        ask_quantity: ask.is_some().then(|| best.ask_qty.into_string()),
        ask,
        last: day.last_price.non_zero(),
        open: day.open_price.non_zero(),
        high: day.high_price.non_zero(),
        low: day.low_price.non_zero(),
        volume: Some(day.volume.into_string()),
        quote_volume: day.quote_volume.map(Exact::into_string),
        at: Some(day.close_time.0),
    }))
}

pub(crate) fn encode_get_order_book(
    cx: &Context<'_>,
    command: &GetOrderBook,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    let (limit, weight) = book::depth(DEPTHS, command)?;
    let query = dialect
        .query_symbol(cx, "/v1/depth")?
        .with_integer("limit", u64::from(limit));
    Ok(vec![public(cx, dialect, query, weight)])
}

pub(crate) fn decode_get_order_book(
    cx: &Context<'_>,
    command: &GetOrderBook,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<OrderBook>, Error> {
    let symbol = cx.instrument()?.symbol.clone();
    let depth: Depth = read(cx, Dialect::of(cx)?, responses)?;
    Ok(Step::Done(depth.book(symbol, command)))
}
