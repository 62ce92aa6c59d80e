//! Market data: tickers, books and candles, from the first venue of a list that answers, the healthiest first.

mod sources;

use std::sync::Arc;

use serde::Serialize;
use switchyard_runtime::wit::market as wit_market;
use switchyard_runtime::{GetCandles, GetOrderBook, GetTicker};
use utoipa::ToSchema;

pub use self::sources::{MarketError, Source, Sourced};

use self::sources::{SourceKey, Turn, first_answer};
use crate::config::CacheSettings;
use crate::model::{Decimal, Failure, Timestamp};
use crate::plugin::translate;
use crate::reads::{Shelf, Wanted};
use crate::reliability::Deadline;
use crate::telemetry::Metrics;

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
#[derive(Debug, Clone, PartialEq)]
pub struct Candles {
    /// The venue that answered.
    pub venue: String,
    /// Unified symbol.
    pub symbol: String,
    /// Oldest first.
    pub candles: Vec<Candle>,
}

/// Which candles are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// Market data of all venues, kept for a while. A clone is the same.
#[derive(Debug, Clone)]
pub struct MarketData {
    tickers: Shelf<SourceKey, Ticker>,
    books: Shelf<(SourceKey, u32), OrderBook>,
    candles: Shelf<(SourceKey, CandlesAsked), Candles>,
}

impl MarketData {
    /// Nothing is kept yet.
    pub fn new(settings: &CacheSettings, metrics: &Arc<Metrics>) -> Self {
        let fresh_for = |ttl_ms| settings.freshness(ttl_ms);
        let (capacity, metrics) = (settings.capacity, || metrics.clone());
        Self {
            tickers: Shelf::new("ticker", fresh_for(settings.ticker_ms), capacity, metrics()),
            books: Shelf::new(
                "orderbook",
                fresh_for(settings.orderbook_ms),
                capacity,
                metrics(),
            ),
            candles: Shelf::new(
                "candles",
                fresh_for(settings.candles_ms),
                capacity,
                metrics(),
            ),
        }
    }

    /// The ticker of an instrument.
    ///
    /// # Errors
    /// [`MarketError`] where none of `sources` gives it.
    pub async fn ticker(
        &self,
        sources: Vec<Source>,
        wanted: Wanted,
        deadline: Deadline,
    ) -> Result<Sourced<Ticker>, MarketError> {
        let load = |turn: Turn| async move {
            let answer = turn.ask::<GetTicker>(()).await?;
            let (venue, symbol) = turn.names();
            translate::ticker(venue, symbol, answer).map_err(translate::unreadable)
        };
        first_answer(&self.tickers, sources, Source::key, wanted, deadline, load).await
    }

    /// The book of an instrument.
    ///
    /// # Errors
    /// [`MarketError`] where none of `sources` gives it.
    pub async fn order_book(
        &self,
        sources: Vec<Source>,
        depth: u32,
        wanted: Wanted,
        deadline: Deadline,
    ) -> Result<Sourced<OrderBook>, MarketError> {
        let load = move |turn: Turn| async move {
            let command = wit_market::GetOrderBook { depth };
            let answer = turn.ask::<GetOrderBook>(command).await?;
            let (venue, symbol) = turn.names();
            translate::order_book(venue, symbol, answer).map_err(translate::unreadable)
        };
        let key = |source: &Source| (source.key(), depth);
        first_answer(&self.books, sources, key, wanted, deadline, load).await
    }

    /// Candles of an instrument.
    ///
    /// # Errors
    /// [`MarketError`] where none of `sources` gives them.
    pub async fn candles(
        &self,
        sources: Vec<Source>,
        asked: CandlesAsked,
        wanted: Wanted,
        deadline: Deadline,
    ) -> Result<Sourced<Candles>, MarketError> {
        let load = move |turn: Turn| async move {
            let command = wit_market::GetCandles {
                seconds: asked.seconds,
                since: asked.from.map(translate::millis),
                before: asked.to.map(translate::millis),
                limit: asked.limit,
            };
            let answer = turn.ask::<GetCandles>(command).await?;
            let (venue, symbol) = turn.names();
            Ok::<_, Failure>(Candles {
                venue: venue.to_owned(),
                symbol: symbol.to_owned(),
                candles: translate::candles(answer).map_err(translate::unreadable)?,
            })
        };
        let key = |source: &Source| (source.key(), asked);
        first_answer(&self.candles, sources, key, wanted, deadline, load).await
    }
}
