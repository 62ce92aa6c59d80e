//! Market data: tickers, books and candles, from the first venue of a list that answers.

use std::sync::Arc;

use serde::Serialize;
use switchyard_runtime::wit::market as wit_market;
use switchyard_runtime::{GetCandles, GetOrderBook, GetTicker};
use utoipa::ToSchema;

use crate::model::{Decimal, Failure, Timestamp};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::venue::{Ask, Listed, Venue};

/// Best prices and the last day's trading.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Ticker {
    /// The venue that answered.
    pub venue: String,
    /// Unified symbol.
    pub symbol: String,
    /// Best bid.
    pub bid: Option<Decimal>,
    /// Quantity at the best bid.
    pub bid_quantity: Option<Decimal>,
    /// Best ask.
    pub ask: Option<Decimal>,
    /// Quantity at the best ask.
    pub ask_quantity: Option<Decimal>,
    /// Last trade.
    pub last: Option<Decimal>,
    /// Price 24 hours ago.
    pub open: Option<Decimal>,
    /// Highest price of 24 hours.
    pub high: Option<Decimal>,
    /// Lowest price of 24 hours.
    pub low: Option<Decimal>,
    /// Traded in 24 hours, in the instrument's quantity unit.
    pub volume: Option<Decimal>,
    /// Traded in 24 hours, in the quote asset.
    pub quote_volume: Option<Decimal>,
    /// When the venue made it.
    pub at: Option<Timestamp>,
}

/// A price and what rests there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct BookLevel {
    /// Price.
    pub price: Decimal,
    /// Quantity, in the instrument's quantity unit.
    pub quantity: Decimal,
}

/// A book.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OrderBook {
    /// The venue that answered.
    pub venue: String,
    /// Unified symbol.
    pub symbol: String,
    /// Highest first.
    pub bids: Vec<BookLevel>,
    /// Lowest first.
    pub asks: Vec<BookLevel>,
    /// The venue's sequence number.
    pub sequence: Option<String>,
    /// When the venue made it.
    pub at: Option<Timestamp>,
}

/// Trading over one period.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Candle {
    /// When the period began.
    pub opened_at: Timestamp,
    /// First price.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price.
    pub close: Decimal,
    /// Traded, in the instrument's quantity unit.
    pub volume: Decimal,
    /// Traded, in the quote asset.
    pub quote_volume: Option<Decimal>,
    /// Number of trades.
    pub trades: Option<u64>,
    /// False while the period is still running.
    pub closed: bool,
}

/// Candles of one instrument.
#[derive(Debug, Clone)]
pub struct Candles {
    /// The venue that answered.
    pub venue: String,
    /// Unified symbol.
    pub symbol: String,
    /// Oldest first.
    pub candles: Vec<Candle>,
}

/// Which candles are wanted.
#[derive(Debug, Clone, Copy)]
pub struct CandlesAsked {
    /// Length in seconds.
    pub seconds: u32,
    /// Inclusive, by opening.
    pub from: Option<Timestamp>,
    /// Exclusive.
    pub to: Option<Timestamp>,
    /// At most this many: the newest where neither bound is given, else the oldest.
    pub limit: u32,
}

/// A venue that can be asked about an instrument.
#[derive(Debug, Clone)]
pub struct Source {
    /// The venue.
    pub venue: Arc<Venue>,
    /// The instrument there.
    pub listed: Arc<Listed>,
}

/// Market data could not be had from any venue asked.
#[derive(Debug, Clone)]
pub struct MarketError {
    /// Each venue asked, and why it gave nothing.
    pub failures: Vec<(String, Failure)>,
}

/// The ticker of an instrument, from the first of `sources` that answers.
///
/// # Errors
/// [`MarketError`] where none does.
pub async fn ticker(sources: &[Source], deadline: Deadline) -> Result<Ticker, MarketError> {
    first_answer(sources, |Source { venue, listed }| async move {
        let endpoint = &listed.instrument.endpoint;
        let ask = Ask::<GetTicker> {
            endpoint,
            instrument: Some(&listed),
            command: (),
            deadline,
        };
        let answer = venue.read(ask).await?;
        translate::ticker(venue.name(), &listed.instrument.symbol, answer)
            .map_err(translate::unreadable)
    })
    .await
}

/// The book of an instrument, from the first of `sources` that answers.
///
/// # Errors
/// [`MarketError`] where none does.
pub async fn order_book(
    sources: &[Source],
    depth: u32,
    deadline: Deadline,
) -> Result<OrderBook, MarketError> {
    first_answer(sources, |Source { venue, listed }| async move {
        let endpoint = &listed.instrument.endpoint;
        let command = wit_market::GetOrderBook { depth };
        let ask = Ask::<GetOrderBook> {
            endpoint,
            instrument: Some(&listed),
            command,
            deadline,
        };
        let answer = venue.read(ask).await?;
        translate::order_book(venue.name(), &listed.instrument.symbol, answer)
            .map_err(translate::unreadable)
    })
    .await
}

/// Candles of an instrument, from the first of `sources` that answers.
///
/// # Errors
/// [`MarketError`] where none does.
pub async fn candles(
    sources: &[Source],
    asked: CandlesAsked,
    deadline: Deadline,
) -> Result<Candles, MarketError> {
    first_answer(sources, |Source { venue, listed }| async move {
        let command = wit_market::GetCandles {
            seconds: asked.seconds,
            since: asked.from.map(translate::millis),
            before: asked.to.map(translate::millis),
            limit: asked.limit,
        };
        let ask = Ask::<GetCandles> {
            endpoint: &listed.instrument.endpoint,
            instrument: Some(&listed),
            command,
            deadline,
        };
        let answer = venue.read(ask).await?;
        Ok(Candles {
            venue: venue.name().to_owned(),
            symbol: listed.instrument.symbol.clone(),
            candles: translate::candles(answer).map_err(translate::unreadable)?,
        })
    })
    .await
}

async fn first_answer<T, F>(sources: &[Source], ask: impl Fn(Source) -> F) -> Result<T, MarketError>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut failures = Vec::new();
    for source in sources {
        match ask(source.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failures.push((source.venue.name().to_owned(), failure)),
        }
    }
    Err(MarketError { failures })
}
