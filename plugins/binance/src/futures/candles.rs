//! Candles.
//!
//! USD-M gives the oldest of a range, as the contract asks. COIN-M gives the newest ("the most recent
//! limit data from endTime") of at most 200 days. There the range is cut to the candles wanted, which begin
//! no earlier than the contract itself, and into pieces of 200 days that are asked for side by side.

use serde::Deserialize;
use serde::de::IgnoredAny;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::market::{Candle, GetCandles};
use switchyard_sdk::time::{MS_PER_DAY, MS_PER_SECOND, Millis};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Timestamp};
use switchyard_sdk::{Context, Step};

use super::dialect::Dialect;
use super::instruments::ONBOARDED;
use super::{public, read_lists};

/// Candle lengths in seconds and Binance's names for them; a month has no length in seconds.
pub(crate) const INTERVALS: &[(u32, &str)] = &[
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

/// Most candles that one command asks for.
const MAX_CANDLES: u32 = 1_000;

/// "The difference between startTime and endTime can only be up to 200 days" (COIN-M).
const PIECE_MS: u64 = 200 * MS_PER_DAY;

/// 2020-05-01, before COIN-M opened: for contracts that do not say since when they are listed.
const EARLIEST: Timestamp = 1_588_291_200_000;

/// What a number of candles weighs ("based on parameter LIMIT").
fn weight(limit: u32) -> u32 {
    match limit {
        0..100 => 1,
        100..500 => 2,
        500..=1_000 => 5,
        _ => 10,
    }
}

/// A range as first and last millisecond, where there is one, and how many candles to ask for in it.
type Piece = (Option<Timestamp>, Option<Timestamp>, u32);

pub(crate) fn encode_get_candles(
    cx: &Context<'_>,
    command: &GetCandles,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    let (seconds, interval) = INTERVALS
        .iter()
        .find(|(seconds, _)| *seconds == command.seconds)
        .ok_or_else(|| Error::invalid("seconds", "no candles of this length"))?;
    if !(1..=MAX_CANDLES).contains(&command.limit) {
        return Err(Error::invalid("limit", "a limit is 1 to 1000"));
    }
    if let Some(before) = command.before
        && command.since.unwrap_or(0) >= before
    {
        return Err(Error::invalid("before", "the range is empty"));
    }
    let pieces: Vec<Piece> = match (command.since, command.before) {
        (None, None) => vec![(None, None, command.limit)],
        (since, before) if !dialect.inverse => vec![(
            // With an end alone Binance gives the newest; the oldest need a beginning.
            Some(since.unwrap_or(0)),
            before.map(|before| before - 1),
            command.limit,
        )],
        (since, before) => {
            let length = u64::from(*seconds) * MS_PER_SECOND;
            let first = since.unwrap_or(0).max(onboarded(cx)?);
            let end = first
                .saturating_add(length * u64::from(command.limit))
                .min(before.unwrap_or(u64::MAX))
                .min(cx.now.saturating_add(length));
            pieces(first, end, length)
        }
    };
    pieces
        .into_iter()
        .map(|(first, last, limit)| {
            let mut query = dialect
                .query_symbol(cx, "/v1/klines")?
                .with("interval", interval);
            if let Some(first) = first {
                query = query.with_integer("startTime", first);
            }
            if let Some(last) = last {
                query = query.with_integer("endTime", last);
            }
            let query = query.with_integer("limit", u64::from(limit));
            Ok(public(cx, dialect, query, weight(limit)))
        })
        .collect()
}

/// A range in pieces of 200 days; at least one, as a step asks something.
fn pieces(first: Timestamp, end: Timestamp, length: u64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut start = first;
    loop {
        let stop = start.saturating_add(PIECE_MS).min(end).max(start + 1);
        let count = (stop - start).div_ceil(length);
        let limit = u32::try_from(count).unwrap_or(MAX_CANDLES).min(MAX_CANDLES);
        pieces.push((Some(start), Some(stop - 1), limit));
        start = stop;
        if start >= end {
            return pieces;
        }
    }
}

/// Since when the context's instrument is listed.
fn onboarded(cx: &Context<'_>) -> Result<Timestamp, Error> {
    let hints = &cx.instrument()?.hints;
    let told = hints.iter().find(|(name, _)| name == ONBOARDED);
    Ok(told
        .and_then(|(_, time)| time.parse().ok())
        .filter(|time| (EARLIEST..switchyard_sdk::time::END).contains(time))
        .unwrap_or(EARLIEST))
}

/// Open time, open, high, low, close, volume, close time, then on USD-M the quote volume and on COIN-M
/// the base volume, trades, and three not needed.
#[derive(Deserialize)]
struct Kline(
    Millis,
    Exact,
    Exact,
    Exact,
    Exact,
    Exact,
    Millis,
    Exact,
    u64,
    #[allow(dead_code)] IgnoredAny,
    #[allow(dead_code)] IgnoredAny,
    #[allow(dead_code)] IgnoredAny,
);

pub(crate) fn decode_get_candles(
    cx: &Context<'_>,
    command: &GetCandles,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Vec<Candle>>, Error> {
    let dialect = Dialect::of(cx)?;
    if responses.is_empty() {
        return Err(Error::malformed("a response expected"));
    }
    let lists: Vec<Vec<Kline>> = read_lists(cx, dialect, responses)?;
    let since = command.since.unwrap_or(0);
    let before = command.before.unwrap_or(u64::MAX);
    let mut candles: Vec<Candle> = lists
        .into_iter()
        .flatten()
        .filter(|kline| (since..before).contains(&kline.0.0))
        .map(|kline| Candle {
            opened_at: kline.0.0,
            open: kline.1.into_string(),
            high: kline.2.into_string(),
            low: kline.3.into_string(),
            close: kline.4.into_string(),
            volume: kline.5.into_string(),
            quote_volume: (!dialect.inverse).then(|| kline.7.into_string()),
            trades: Some(kline.8),
            closed: kline.6.0 < cx.now,
        })
        .collect();
    // A piece may begin within a candle that the piece before has given.
    candles.sort_by_key(|candle| candle.opened_at);
    candles.dedup_by_key(|candle| candle.opened_at);
    candles.truncate(usize::try_from(command.limit).unwrap_or(usize::MAX));
    Ok(Step::Done(candles))
}
