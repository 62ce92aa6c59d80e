//! Candles: their lengths, what of them may be asked for, and the rows of an answer.

use serde::de::IgnoredAny;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::market::{Candle, GetCandles};
use switchyard_sdk::query::Query;
use switchyard_sdk::time::Millis;
use switchyard_sdk::types::{Error, Timestamp};

/// Candle lengths in seconds and Binance's names for them; a month has no length in seconds.
pub(crate) type Intervals = &'static [(u32, &'static str)];

/// The candles of spot.
pub(crate) const SPOT: Intervals = &[
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

/// The candles of futures, which have none of a second.
pub(crate) const FUTURES: Intervals = SPOT.split_at(1).1;

/// Most candles that one command asks for.
pub(crate) const MAX: u32 = 1_000;

/// Binance's name for the length asked for, where there are such candles and not too many are wanted.
pub(crate) fn interval(intervals: Intervals, command: &GetCandles) -> Result<&'static str, Error> {
    let (_, interval) = intervals
        .iter()
        .find(|(seconds, _)| *seconds == command.seconds)
        .ok_or_else(|| Error::invalid("seconds", "no candles of this length"))?;
    if !(1..=MAX).contains(&command.limit) {
        return Err(Error::invalid("limit", "a limit is 1 to 1000"));
    }
    Ok(interval)
}

/// The first and the last millisecond of a range, where it has them.
pub(crate) type Bounds = (Option<Timestamp>, Option<Timestamp>);

/// What the command asks for.
///
/// With an end alone Binance gives the newest; the oldest need a beginning.
pub(crate) fn bounds(command: &GetCandles) -> Result<Bounds, Error> {
    let since = command.since.unwrap_or(0);
    let last = command.before.and_then(|before| before.checked_sub(1));
    if command.before.is_some() && last.is_none_or(|last| last < since) {
        return Err(Error::invalid("before", "the range is empty"));
    }
    let first = command.since.or(command.before.and(Some(0)));
    Ok((first, last))
}

/// The query of a symbol's candles, with which of them are wanted.
pub(crate) fn asking(query: Query, interval: &str, (first, last): Bounds, limit: u32) -> Query {
    let mut query = query.with("interval", interval);
    if let Some(first) = first {
        query = query.with_integer("startTime", first);
    }
    if let Some(last) = last {
        query = query.with_integer("endTime", last);
    }
    query.with_integer("limit", u64::from(limit))
}

/// Open time, open, high, low, close, volume, close time, then the quote volume (on COIN-M the base
/// volume), trades, and three not needed.
pub(crate) type Kline = (
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

/// The candle of a row, if it opens within what was asked for.
pub(crate) fn candle(
    kline: Kline,
    command: &GetCandles,
    now: Timestamp,
    in_quote: bool,
) -> Option<Candle> {
    let (opened, open, high, low, close, volume, closed, turnover, trades, ..) = kline;
    let asked = command.since.unwrap_or(0)..command.before.unwrap_or(u64::MAX);
    asked.contains(&opened.0).then(|| Candle {
        opened_at: opened.0,
        open: open.into_string(),
        high: high.into_string(),
        low: low.into_string(),
        close: close.into_string(),
        volume: volume.into_string(),
        quote_volume: in_quote.then(|| turnover.into_string()),
        trades: Some(trades),
        closed: closed.0 < now,
    })
}
