//! Candles.
//!
//! USD-M gives the oldest of a range, as the contract asks. COIN-M gives the newest ("the most recent
//! limit data from endTime") of at most 200 days. There the range is cut to the candles wanted, which begin
//! no earlier than the contract itself, and into pieces of 200 days that are asked for side by side.

use switchyard_sdk::market::{Candle, GetCandles};
use switchyard_sdk::time::{MS_PER_DAY, MS_PER_SECOND};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Timestamp};
use switchyard_sdk::{Context, Step};

use super::dialect::Dialect;
use super::instruments::ONBOARDED;
use super::{public, read_lists};
use crate::candles::{self, Bounds, Kline};

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

/// A range, and how many candles to ask for in it.
type Piece = (Bounds, u32);

pub(crate) fn encode_get_candles(
    cx: &Context<'_>,
    command: &GetCandles,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    let interval = candles::interval(candles::FUTURES, command)?;
    let (first, last) = candles::bounds(command)?;
    let pieces: Vec<Piece> = match first {
        Some(first) if dialect.inverse => {
            let length = u64::from(command.seconds) * MS_PER_SECOND;
            let first = first.max(onboarded(cx)?);
            let end = first
                .saturating_add(length * u64::from(command.limit))
                .min(command.before.unwrap_or(u64::MAX))
                .min(cx.now.saturating_add(length));
            pieces(first, end, length)
        }
        _ => vec![((first, last), command.limit)],
    };
    pieces
        .into_iter()
        .map(|(bounds, limit)| {
            let query = dialect.query_symbol(cx, "/v1/klines")?;
            let query = candles::asking(query, interval, bounds, limit);
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
        let limit = u32::try_from(count)
            .unwrap_or(candles::MAX)
            .min(candles::MAX);
        pieces.push(((Some(start), Some(stop - 1)), limit));
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
    let mut candles: Vec<Candle> = lists
        .into_iter()
        .flatten()
        .filter_map(|kline| candles::candle(kline, command, cx.now, !dialect.inverse))
        .collect();
    // A piece may begin within a candle that the piece before has given.
    candles.sort_by_key(|candle| candle.opened_at);
    candles.dedup_by_key(|candle| candle.opened_at);
    candles.truncate(usize::try_from(command.limit).unwrap_or(usize::MAX));
    Ok(Step::Done(candles))
}
