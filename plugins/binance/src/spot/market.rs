//! Time, ticker, book and candles.

use serde::Deserialize;
use serde::de::IgnoredAny;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::market::{Candle, GetCandles, GetOrderBook, Level, OrderBook, Ticker};
use switchyard_sdk::query::Query;
use switchyard_sdk::time::Millis;
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Timestamp};
use switchyard_sdk::{Context, Step};

use super::{public, read};

/// Candle lengths in seconds and Binance's names for them; a month has no length in seconds.
pub(crate) const INTERVALS: &[(u32, &str)] = &[
    (1, "1s"),
    (60, "1m"),
    (180, "3m"),
    (300, "5m"),
    (900, "15m"),
    (1_800, "30m"),
    (3_600, "1h"),
    (7_200, "2h"),
    (14_400, "4h"),
    (21_600, "6h"),
    (28_800, "8h"),
    (43_200, "12h"),
    (86_400, "1d"),
    (259_200, "3d"),
    (604_800, "1w"),
];

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

/// Most candles that one request gives.
const MAX_CANDLES: u32 = 1_000;

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
    let (limit, weight) = DEPTHS
        .iter()
        .find(|(limit, _)| command.depth >= 1 && *limit >= command.depth)
        .ok_or_else(|| Error::invalid("depth", "a depth is 1 to 5000"))?;
    let query = Query::on("/api/v3/depth")
        .with("symbol", &cx.instrument()?.venue_symbol)
        .with_integer("limit", u64::from(*limit));
    Ok(public(cx, query, *weight))
}

pub(crate) fn decode_get_order_book(
    cx: &Context<'_>,
    command: &GetOrderBook,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<OrderBook>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Depth {
        last_update_id: u64,
        bids: Vec<(Exact, Exact)>,
        asks: Vec<(Exact, Exact)>,
    }
    let symbol = cx.instrument()?.symbol.clone();
    let depth: Depth = read(cx, responses)?;
    let wanted = usize::try_from(command.depth).unwrap_or(usize::MAX);
    let side = |levels: Vec<(Exact, Exact)>| {
        levels
            .into_iter()
            .take(wanted)
            .map(|(price, quantity)| Level {
                price: price.into_string(),
                quantity: quantity.into_string(),
            })
            .collect()
    };
    Ok(Step::Done(OrderBook {
        symbol,
        bids: side(depth.bids),
        asks: side(depth.asks),
        sequence: Some(depth.last_update_id.to_string()),
        at: None,
    }))
}

pub(crate) fn encode_get_candles(
    cx: &Context<'_>,
    command: &GetCandles,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let (_, interval) = INTERVALS
        .iter()
        .find(|(seconds, _)| *seconds == command.seconds)
        .ok_or_else(|| Error::invalid("seconds", "no candles of this length"))?;
    if !(1..=MAX_CANDLES).contains(&command.limit) {
        return Err(Error::invalid("limit", "a limit is 1 to 1000"));
    }
    let mut query = Query::on("/api/v3/klines")
        .with("symbol", &cx.instrument()?.venue_symbol)
        .with("interval", interval);
    // With an end alone Binance gives the newest; the oldest need a beginning.
    if command.since.is_some() || command.before.is_some() {
        query = query.with_integer("startTime", command.since.unwrap_or(0));
    }
    if let Some(before) = command.before {
        let last = before
            .checked_sub(1)
            .filter(|last| command.since.is_none_or(|since| since <= *last))
            .ok_or_else(|| Error::invalid("before", "the range is empty"))?;
        query = query.with_integer("endTime", last);
    }
    let query = query.with_integer("limit", u64::from(command.limit));
    Ok(public(cx, query, 2))
}

/// Open time, open, high, low, close, volume, close time, quote volume, trades, and three not needed.
type Kline = (
    Millis,
    Exact,
    Exact,
    Exact,
    Exact,
    Exact,
    Millis,
    Exact,
    u64,
    IgnoredAny,
    IgnoredAny,
    IgnoredAny,
);

pub(crate) fn decode_get_candles(
    cx: &Context<'_>,
    command: &GetCandles,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Vec<Candle>>, Error> {
    let klines: Vec<Kline> = read(cx, responses)?;
    let since = command.since.unwrap_or(0);
    let before = command.before.unwrap_or(u64::MAX);
    let candles = klines
        .into_iter()
        .filter(|kline| (since..before).contains(&kline.0.0))
        .map(|kline| Candle {
            opened_at: kline.0.0,
            open: kline.1.into_string(),
            high: kline.2.into_string(),
            low: kline.3.into_string(),
            close: kline.4.into_string(),
            volume: kline.5.into_string(),
            quote_volume: Some(kline.7.into_string()),
            trades: Some(kline.8),
            closed: kline.6.0 < cx.now,
        })
        .collect();
    Ok(Step::Done(candles))
}
