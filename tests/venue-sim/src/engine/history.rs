//! What has traded on an instrument: recent trades, and candles of one minute that make all longer ones.

use std::collections::{BTreeMap, VecDeque};

use rust_decimal::Decimal;

use super::types::Trade;

/// Trades kept per instrument.
const TRADES_KEPT: usize = 20_000;
/// Minutes kept per instrument: two weeks.
const MINUTES_KEPT: usize = 14 * 24 * 60;
/// Microseconds in a minute.
pub const MINUTE_US: i64 = 60_000_000;

/// Trading within an interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candle {
    /// First price.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price.
    pub close: Decimal,
    /// Base units traded.
    pub volume: Decimal,
    /// Quote units traded; of inverse contracts, units of the margin asset.
    pub quote_volume: Decimal,
    /// Base units bought by takers.
    pub taker_buy_volume: Decimal,
    /// The same, of taking buyers.
    pub taker_buy_quote_volume: Decimal,
    /// Number of trades.
    pub trades: u64,
    /// First trade, if there was one.
    pub first_trade: Option<u64>,
    /// Last trade, if there was one.
    pub last_trade: Option<u64>,
}

impl Candle {
    /// An interval without trades, at the last price before it.
    #[must_use]
    pub fn flat(price: Decimal) -> Self {
        let zero = Decimal::ZERO;
        Self {
            open: price,
            high: price,
            low: price,
            close: price,
            volume: zero,
            quote_volume: zero,
            taker_buy_volume: zero,
            taker_buy_quote_volume: zero,
            trades: 0,
            first_trade: None,
            last_trade: None,
        }
    }

    /// Appends a later interval.
    pub fn extend(&mut self, later: &Self) {
        if later.trades == 0 {
            return;
        }
        if self.trades == 0 {
            *self = later.clone();
            return;
        }
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume += later.volume;
        self.quote_volume += later.quote_volume;
        self.taker_buy_volume += later.taker_buy_volume;
        self.taker_buy_quote_volume += later.taker_buy_quote_volume;
        self.trades += later.trades;
        self.last_trade = later.last_trade.or(self.last_trade);
    }

    fn of(trade: &Trade) -> Self {
        let quote = trade.value;
        let bought = if trade.buyer_is_maker {
            Decimal::ZERO
        } else {
            Decimal::ONE
        };
        Self {
            volume: trade.quantity,
            quote_volume: quote,
            taker_buy_volume: trade.quantity * bought,
            taker_buy_quote_volume: quote * bought,
            trades: 1,
            first_trade: Some(trade.id),
            last_trade: Some(trade.id),
            ..Self::flat(trade.price)
        }
    }
}

/// Trades and candles of one instrument.
#[derive(Debug, Default)]
pub struct History {
    trades: VecDeque<Trade>,
    minutes: BTreeMap<i64, Candle>,
}

impl History {
    pub(super) fn push(&mut self, trade: Trade) {
        let minute = trade.at.wall_us.div_euclid(MINUTE_US);
        let candle = Candle::of(&trade);
        self.minutes
            .entry(minute)
            .and_modify(|existing| existing.extend(&candle))
            .or_insert(candle);
        while self.minutes.len() > MINUTES_KEPT {
            self.minutes.pop_first();
        }
        self.trades.push_back(trade);
        if self.trades.len() > TRADES_KEPT {
            self.trades.pop_front();
        }
    }

    /// Recent trades, oldest first.
    #[must_use]
    pub fn trades(&self) -> &VecDeque<Trade> {
        &self.trades
    }

    /// The last price.
    #[must_use]
    pub fn last_price(&self) -> Option<Decimal> {
        self.trades.back().map(|trade| trade.price)
    }

    /// The minute of the first candle kept.
    #[must_use]
    pub fn first_minute(&self) -> Option<i64> {
        self.minutes.first_key_value().map(|(minute, _)| *minute)
    }

    /// Everything in the minutes `from..to` as one candle; flat at the last price before if nothing traded.
    #[must_use]
    pub fn candle(&self, from: i64, to: i64) -> Option<Candle> {
        let mut traded = self.minutes.range(from..to).map(|(_, candle)| candle);
        let Some(first) = traded.next() else {
            return self
                .minutes
                .range(..from)
                .next_back()
                .map(|(_, before)| Candle::flat(before.close));
        };
        let mut whole = first.clone();
        traded.for_each(|candle| whole.extend(candle));
        Some(whole)
    }

    /// The volume-weighted average price since a wall time in microseconds, or the last price.
    #[must_use]
    pub fn average_price(&self, since_us: i64) -> Option<Decimal> {
        let recent = self
            .trades
            .iter()
            .rev()
            .take_while(|trade| trade.at.wall_us >= since_us);
        let (mut volume, mut quote) = (Decimal::ZERO, Decimal::ZERO);
        for trade in recent {
            volume += trade.quantity;
            quote += trade.quantity * trade.price;
        }
        quote.checked_div(volume).or_else(|| self.last_price())
    }
}
