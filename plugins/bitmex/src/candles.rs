//! Candles.
//!
//! "Timestamps returned by our bucketed endpoints are the end of the period"; a candle here is named by its
//! beginning. "The open price is equal to the close price of the previous timeframe bucket", and is passed on
//! as it comes.

use std::borrow::Cow;

use serde::Deserialize;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::market::{Candle, GetCandles};
use switchyard_sdk::time::MS_PER_SECOND;
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Timestamp};
use switchyard_sdk::{Context, Step};

use crate::failures::accept;
use crate::market::quote_volume;
use crate::measures::Measure;
use crate::moments::{self, Moment};
use crate::pages::PAGE;
use crate::signing::{public, query};

/// Candle lengths in seconds and BitMEX's names for them ("Available options: [1m,5m,1h,1d]").
pub(crate) const INTERVALS: &[(u32, &str)] =
    &[(60, "1m"), (300, "5m"), (3_600, "1h"), (86_400, "1d")];

/// Most candles that one command asks for.
const MAX_CANDLES: u32 = 1_000;

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
    if let Some(before) = command.before
        && command.since.unwrap_or(0) >= before
    {
        return Err(Error::invalid("before", "the range is empty"));
    }
    let length = length(command);
    let newest = command.since.is_none() && command.before.is_none();
    let limit = usize::try_from(command.limit).unwrap_or(PAGE);
    (0..limit)
        .step_by(PAGE)
        .map(|start| {
            let mut query = query("/trade/bucketed")
                .with("binSize", interval)
                .with("partial", "true")
                .with("symbol", &cx.instrument()?.venue_symbol)
                .with_integer("count", (limit - start).min(PAGE) as u64)
                .with_integer("start", start as u64)
                .with("reverse", if newest { "true" } else { "false" });
            // From the end of the first candle that begins in the range to that of the last.
            if let Some(since) = command.since {
                query = query.with("startTime", &moments::text(since.saturating_add(length)));
            }
            if let Some(before) = command.before {
                let last = before.saturating_add(length).saturating_sub(1);
                query = query.with("endTime", &moments::text(last));
            }
            Ok(public(query))
        })
        .collect()
}

/// Length of a candle in milliseconds.
fn length(command: &GetCandles) -> u64 {
    u64::from(command.seconds) * MS_PER_SECOND
}

/// A bucket; prices are null before the first trade ever.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bucket<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    /// The end of the period.
    timestamp: Moment,
    #[serde(default)]
    open: Option<Exact>,
    #[serde(default)]
    high: Option<Exact>,
    #[serde(default)]
    low: Option<Exact>,
    #[serde(default)]
    close: Option<Exact>,
    #[serde(default)]
    trades: Option<u64>,
    #[serde(default)]
    volume: Option<Exact>,
    #[serde(default)]
    turnover: Option<Exact>,
    #[serde(default)]
    foreign_notional: Option<Exact>,
}

pub(crate) fn decode_get_candles(
    cx: &Context<'_>,
    command: &GetCandles,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Vec<Candle>>, Error> {
    if responses.is_empty() {
        return Err(Error::malformed("a response expected"));
    }
    let instrument = cx.instrument()?;
    let measure = Measure::here(cx)?;
    let length = length(command);
    let range = command.since.unwrap_or(0)..command.before.unwrap_or(Timestamp::MAX);
    let mut candles = Vec::new();
    for response in responses {
        let buckets: Vec<Bucket<'_>> = accept(cx, response, false)?;
        for bucket in buckets {
            if bucket.symbol != instrument.venue_symbol {
                return Err(Error::malformed("a candle of another symbol"));
            }
            let Some(opened_at) = bucket.timestamp.0.checked_sub(length) else {
                return Err(Error::malformed("a candle from before 1970"));
            };
            let (Some(open), Some(high), Some(low), Some(close), Some(volume)) = (
                bucket.open,
                bucket.high,
                bucket.low,
                bucket.close,
                bucket.volume,
            ) else {
                continue;
            };
            if !range.contains(&opened_at) {
                continue;
            }
            candles.push(Candle {
                opened_at,
                open: open.into_string(),
                high: high.into_string(),
                low: low.into_string(),
                close: close.into_string(),
                quote_volume: quote_volume(
                    instrument,
                    &measure,
                    Some(&volume),
                    bucket.turnover.as_ref(),
                    bucket.foreign_notional,
                )?,
                volume: measure.quantity(&volume)?,
                trades: bucket.trades,
                closed: bucket.timestamp.0 <= cx.now,
            });
        }
    }
    // Newest first where no bound was given, and the same twice where one ended between two pages.
    candles.sort_by_key(|candle| candle.opened_at);
    candles.dedup_by_key(|candle| candle.opened_at);
    candles.truncate(usize::try_from(command.limit).unwrap_or(usize::MAX));
    Ok(Step::Done(candles))
}
