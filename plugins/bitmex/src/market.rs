//! Time, ticker and book.

use std::borrow::Cow;
use std::cmp::Reverse;

use rust_decimal::Decimal;
use serde::Deserialize;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::market::{GetOrderBook, Level, OrderBook, Ticker};
use switchyard_sdk::time::Millis;
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Instrument, Payoff, Timestamp};
use switchyard_sdk::{Context, Step, decimal};

use crate::amounts;
use crate::failures::read;
use crate::measures::Measure;
use crate::moments::Moment;
use crate::signing::{public, query};

pub(crate) fn encode_get_time(
    _: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    // The root says its time to the millisecond, and hardly anything else.
    Ok(vec![public(query(""))])
}

pub(crate) fn decode_get_time(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Timestamp>, Error> {
    #[derive(Deserialize)]
    struct Root {
        timestamp: Millis,
    }
    let root: Root = read(cx, responses)?;
    Ok(Step::Done(root.timestamp.0))
}

pub(crate) fn encode_get_ticker(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    // One request of the thirty that a minute has; the quantities at the best prices would be another.
    let query = query("/instrument")
        .with("symbol", &cx.instrument()?.venue_symbol)
        .with_integer("count", 1);
    Ok(vec![public(query)])
}

/// A day's trades and the best prices.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Day<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(default)]
    bid_price: Option<Exact>,
    #[serde(default)]
    ask_price: Option<Exact>,
    #[serde(default)]
    last_price: Option<Exact>,
    #[serde(default)]
    prev_price24h: Option<Exact>,
    #[serde(default)]
    high_price: Option<Exact>,
    #[serde(default)]
    low_price: Option<Exact>,
    #[serde(default)]
    volume24h: Option<Exact>,
    #[serde(default)]
    turnover24h: Option<Exact>,
    #[serde(default)]
    foreign_notional24h: Option<Exact>,
    #[serde(default)]
    timestamp: Option<Moment>,
}

pub(crate) fn decode_get_ticker(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Ticker>, Error> {
    let instrument = cx.instrument()?;
    let days: Vec<Day<'_>> = read(cx, responses)?;
    if days.is_empty() {
        // A symbol that BitMEX does not have is a filter that nothing fits.
        return Err(Error::invalid("symbol", "BitMEX has no such instrument"));
    }
    let day = days
        .into_iter()
        .find(|day| day.symbol == instrument.venue_symbol)
        .ok_or_else(|| Error::malformed("a ticker of another symbol"))?;
    let measure = Measure::here(cx)?;
    let volume = day.volume24h.as_ref();
    let price = |price: Option<Exact>| price.and_then(Exact::non_zero);
    Ok(Step::Done(Ticker {
        symbol: instrument.symbol.clone(),
        bid: price(day.bid_price),
        bid_quantity: None,
        ask: price(day.ask_price),
        ask_quantity: None,
        last: price(day.last_price),
        open: price(day.prev_price24h),
        high: price(day.high_price),
        low: price(day.low_price),
        volume: volume.map(|volume| measure.quantity(volume)).transpose()?,
        quote_volume: quote_volume(
            instrument,
            &measure,
            volume,
            day.turnover24h.as_ref(),
            day.foreign_notional24h,
        )?,
        at: day.timestamp.map(|time| time.0),
    }))
}

/// What was traded, in the quote asset: exact where it can be told from whole numbers, else as BitMEX
/// divided it.
pub(crate) fn quote_volume(
    instrument: &Instrument,
    measure: &Measure,
    volume: Option<&Exact>,
    turnover: Option<&Exact>,
    foreign_notional: Option<Exact>,
) -> Result<Option<String>, Error> {
    match (instrument.payoff, volume, turnover) {
        (Payoff::Inverse, Some(volume), _) => {
            let size: Decimal = decimal::value(&instrument.contract_size)?;
            amounts::scaled(volume, size).map(Some)
        }
        (Payoff::Linear, _, Some(turnover)) if instrument.quote == instrument.settle => {
            let money = measure.money(turnover, None)?;
            Ok(money.map(|(amount, _)| amount))
        }
        _ => Ok(foreign_notional.map(Exact::into_string)),
    }
}

pub(crate) fn encode_get_order_book(
    cx: &Context<'_>,
    command: &GetOrderBook,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    if !(1..=5_000).contains(&command.depth) {
        return Err(Error::invalid("depth", "a depth is 1 to 5000"));
    }
    let query = query("/orderBook/L2")
        .with("symbol", &cx.instrument()?.venue_symbol)
        .with_integer("depth", u64::from(command.depth));
    Ok(vec![public(query)])
}

/// A level of the book, of either side.
#[derive(Deserialize)]
struct WireLevel<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    size: Exact,
    price: Exact,
    #[serde(default)]
    timestamp: Option<Moment>,
}

pub(crate) fn decode_get_order_book(
    cx: &Context<'_>,
    command: &GetOrderBook,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<OrderBook>, Error> {
    let instrument = cx.instrument()?;
    let measure = Measure::here(cx)?;
    let levels: Vec<WireLevel<'_>> = read(cx, responses)?;
    let mut bids = Vec::new();
    let mut asks = Vec::new();
    let mut at = None;
    for level in levels {
        if level.symbol != instrument.venue_symbol {
            return Err(Error::malformed("a book of another symbol"));
        }
        at = at.max(level.timestamp);
        let side = match &*level.side {
            "Buy" => &mut bids,
            "Sell" => &mut asks,
            _ => return Err(Error::malformed("a side of a book that is not documented")),
        };
        let value = level.price.value()?;
        side.push((
            value,
            Level {
                price: level.price.into_string(),
                quantity: measure.quantity(&level.size)?,
            },
        ));
    }
    let depth = usize::try_from(command.depth).unwrap_or(usize::MAX);
    bids.sort_by_key(|(price, _)| Reverse(*price));
    asks.sort_by_key(|(price, _)| *price);
    let cut = |levels: Vec<(Decimal, Level)>| -> Vec<Level> {
        levels
            .into_iter()
            .take(depth)
            .map(|(_, level)| level)
            .collect()
    };
    Ok(Step::Done(OrderBook {
        symbol: instrument.symbol.clone(),
        bids: cut(bids),
        asks: cut(asks),
        sequence: None,
        at: at.map(|time: Moment| time.0),
    }))
}
