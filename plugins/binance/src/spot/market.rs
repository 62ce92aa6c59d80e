//! Time, ticker, book and candles.

use serde::Deserialize;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::market::{Candle, GetCandles, GetOrderBook, OrderBook, Ticker};
use switchyard_sdk::query::Query;
use switchyard_sdk::time::Millis;
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Timestamp};
use switchyard_sdk::{Context, Step};

use super::{public, read};
use crate::book::{self, Depth};
use crate::candles::{self, Kline};

/// Depths worth asking for, and what each weighs (REST API, "Order book").
const DEPTHS: &[(u32, u32)] = &[
    (5, 5),
    (10, 5),
    (20, 5),
    (50, 5),
    (100, 5),
    (500, 25),
    (1_000, 50),
    (5_000, 250),
];

pub(crate) fn encode_get_time(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    Ok(public(cx, Query::on("/api/v3/time"), 1))
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
    let time: Time = read(cx, responses)?;
    Ok(Step::Done(time.server_time.0))
}

pub(crate) fn encode_get_ticker(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let query = Query::on("/api/v3/ticker/24hr").with("symbol", &cx.instrument()?.venue_symbol);
    Ok(public(cx, query, 2))
}

pub(crate) fn decode_get_ticker(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Ticker>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Day {
        bid_price: Exact,
        bid_qty: Exact,
        ask_price: Exact,
        ask_qty: Exact,
        last_price: Exact,
        open_price: Exact,
        high_price: Exact,
        low_price: Exact,
        volume: Exact,
        quote_volume: Exact,
        close_time: Millis,
    }
    let symbol = cx.instrument()?.symbol.clone();
    let day: Day = read(cx, responses)?;
    // An empty side and a day without trades are given as zeros.
    let bid = day.bid_price.non_zero();
    let ask = day.ask_price.non_zero();
    Ok(Step::Done(Ticker {
        symbol,
        bid_quantity: bid.is_some().then(|| day.bid_qty.into_string()),
        bid,
        ask_quantity: ask.is_some().then(|| day.ask_qty.into_string()),
        ask,
        last: day.last_price.non_zero(),
        open: day.open_price.non_zero(),
        high: day.high_price.non_zero(),
        low: day.low_price.non_zero(),
        volume: Some(day.volume.into_string()),
        quote_volume: Some(day.quote_volume.into_string()),
        at: Some(day.close_time.0),
    }))
}

pub(crate) fn encode_get_order_book(
    cx: &Context<'_>,
    command: &GetOrderBook,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let (limit, weight) = book::depth(DEPTHS, command)?;
    let query = Query::on("/api/v3/depth")
        .with("symbol", &cx.instrument()?.venue_symbol)
        .with_integer("limit", u64::from(limit));
    Ok(public(cx, query, weight))
}

pub(crate) fn decode_get_order_book(
    cx: &Context<'_>,
    command: &GetOrderBook,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<OrderBook>, Error> {
    let symbol = cx.instrument()?.symbol.clone();
    let depth: Depth = read(cx, responses)?;
    Ok(Step::Done(depth.book(symbol, command)))
}

pub(crate) fn encode_get_candles(
    cx: &Context<'_>,
    command: &GetCandles,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let interval = candles::interval(candles::SPOT, command)?;
    let query = Query::on("/api/v3/klines").with("symbol", &cx.instrument()?.venue_symbol);
    let bounds = candles::bounds(command)?;
    let query = candles::asking(query, interval, bounds, command.limit);
    Ok(public(cx, query, 2))
}

pub(crate) fn decode_get_candles(
    cx: &Context<'_>,
    command: &GetCandles,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Vec<Candle>>, Error> {
    let klines: Vec<Kline> = read(cx, responses)?;
    let candles = klines
        .into_iter()
        .filter_map(|kline| candles::candle(kline, command, cx.now, true))
        .collect();
    Ok(Step::Done(candles))
}
