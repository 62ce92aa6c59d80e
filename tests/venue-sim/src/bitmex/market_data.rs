//! Public market data: the book, the best quotes, trades, and trades put into buckets.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::currencies::minor_units;
use super::errors::BitmexError;
use super::format::{number, optional, time};
use super::ids::Kind;
use super::sizes::{notionals, order_quantity, settles_in};
use super::tables::Query;
use super::{Bitmex, Call};
use crate::engine::{Candle, Engine, Listing, Side, Trade};

/// Levels that the book shows per side by default.
const DEFAULT_DEPTH: usize = 25;
const MINUTE_MS: i64 = 60_000;

impl Bitmex {
    pub(super) fn order_book(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let symbol = call
            .params
            .text("symbol")
            .ok_or_else(|| BitmexError::required("symbol"))?;
        let depth = match call.params.integer("depth")? {
            None => DEFAULT_DEPTH,
            Some(0) => usize::MAX,
            Some(depth) => usize::try_from(depth).map_err(|_| BitmexError::invalid("depth"))?,
        };
        let now = time(call.now_ms());
        Ok(self.exchange.with(|engine| {
            let Some(listing) = engine.listing(&symbol.to_ascii_uppercase()) else {
                return json!([]);
            };
            let rows = |side: Side, name: &'static str| {
                let now = now.clone();
                let level = move |(price, size): (Decimal, Decimal)| {
                    json!({
                        "symbol": listing.instrument.symbol,
                        "id": level_id(listing, price),
                        "side": name,
                        "size": order_quantity(&listing.instrument, size),
                        "price": number(price),
                        "timestamp": now,
                        "transactTime": now,
                    })
                };
                listing
                    .book
                    .depth(side, depth)
                    .into_iter()
                    .map(level)
                    .collect::<Vec<_>>()
            };
            let mut levels = rows(Side::Sell, "Sell");
            // Worst offers first, best bids first: prices fall from the first row to the last.
            levels.reverse();
            levels.extend(rows(Side::Buy, "Buy"));
            Value::Array(levels)
        }))
    }

    pub(super) fn quotes(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let query = Query::read(call.params, 100, 1_000)?;
        let rows = self.per_listing(call, |_, listing| {
            let (bid, ask) = (listing.book.best(Side::Buy), listing.book.best(Side::Sell));
            let size = |level: Option<(Decimal, Decimal)>| {
                level.map(|(_, size)| order_quantity(&listing.instrument, size))
            };
            vec![json!({
                "timestamp": time(call.now_ms()),
                "symbol": listing.instrument.symbol,
                "bidSize": size(bid),
                "bidPrice": optional(bid.map(|(price, _)| price)),
                "askPrice": optional(ask.map(|(price, _)| price)),
                "askSize": size(ask),
            })]
        });
        Ok(query.choose(rows, &["timestamp", "symbol"]))
    }

    pub(super) fn trades(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let query = Query::read(call.params, 100, 1_000)?;
        let rows = self.per_listing(call, |engine, listing| {
            let mut before = None;
            let row = |trade: &Trade| {
                let direction = tick_direction(before.replace(trade.price), trade.price);
                self.trade_row(engine, listing, trade, direction)
            };
            listing.history.trades().iter().map(row).collect()
        });
        Ok(query.choose(rows, &["timestamp", "symbol"]))
    }

    fn trade_row(
        &self,
        engine: &Engine,
        listing: &Listing,
        trade: &Trade,
        direction: &str,
    ) -> Value {
        let instrument = &listing.instrument;
        let (home, foreign) = notionals(engine, instrument, trade.quantity, trade.price);
        let salt = listing_number(engine, &instrument.symbol);
        json!({
            "timestamp": time(trade.at.wall_us / 1000),
            "symbol": instrument.symbol,
            "side": if trade.buyer_is_maker { "Sell" } else { "Buy" },
            "size": order_quantity(instrument, trade.quantity),
            "price": number(trade.price),
            "tickDirection": direction,
            "trdMatchID": self.ids.other(Kind::Match, salt, trade.id),
            "grossValue": minor_units(settles_in(instrument), trade.value),
            "homeNotional": number(home.round_dp(8)),
            "foreignNotional": number(foreign.round_dp(8)),
            "trdType": "Regular",
        })
    }

    /// Trades in buckets; a bucket's timestamp is its end.
    pub(super) fn bucketed(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let minutes = match call.params.text("binSize").as_deref() {
            None | Some("1m") => 1,
            Some("5m") => 5,
            Some("1h") => 60,
            Some("1d") => 24 * 60,
            Some(_) => return Err(BitmexError::invalid("binSize")),
        };
        let partial = call.params.flag("partial");
        let query = Query::read(call.params, 100, 1_000)?;
        let rows = self.per_listing(call, |engine, listing| {
            let history = &listing.history;
            let Some(first) = history.first_minute() else {
                return Vec::new();
            };
            let now = call.now_ms().div_euclid(MINUTE_MS);
            // A bucket that ends when the range starts is in it.
            let from = query
                .earliest_ms()
                .map_or(first, |ms| ms.div_euclid(MINUTE_MS) - minutes)
                .max(first);
            let mut start = from.div_euclid(minutes) * minutes;
            let mut open = history
                .candle(start - minutes, start)
                .map(|candle| candle.close);
            let mut rows = Vec::new();
            while start + minutes <= now || (partial && start <= now) {
                if let Some(candle) = history.candle(start, start + minutes) {
                    let end_ms = (start + minutes) * MINUTE_MS;
                    rows.push(bucket(engine, listing, &candle, open, end_ms));
                    open = Some(candle.close);
                }
                start += minutes;
            }
            rows
        });
        Ok(query.choose(rows, &["timestamp", "symbol"]))
    }

    /// Rows of the instrument asked for, or of all.
    fn per_listing(
        &self,
        call: &Call<'_>,
        mut rows: impl FnMut(&Engine, &Listing) -> Vec<Value>,
    ) -> Vec<Value> {
        let symbol = call
            .params
            .text("symbol")
            .map(|symbol| symbol.to_ascii_uppercase());
        self.exchange.with(|engine| {
            let engine = &*engine;
            let wanted = |listing: &&Listing| {
                symbol
                    .as_ref()
                    .is_none_or(|symbol| listing.instrument.symbol == *symbol)
            };
            engine
                .listings()
                .filter(wanted)
                .flat_map(|listing| rows(engine, listing))
                .collect()
        })
    }
}

fn bucket(
    engine: &Engine,
    listing: &Listing,
    candle: &Candle,
    open: Option<Decimal>,
    end_ms: i64,
) -> Value {
    let instrument = &listing.instrument;
    let traded = candle.trades > 0;
    let vwap = match &instrument.contract {
        Some(contract) => contract
            .payoff
            .average_price(candle.volume, candle.quote_volume),
        None => candle.quote_volume.checked_div(candle.volume),
    };
    let (home, foreign) = notionals(engine, instrument, candle.volume, candle.close);
    json!({
        "timestamp": time(end_ms),
        "symbol": instrument.symbol,
        "open": number(open.unwrap_or(candle.open)),
        "high": number(candle.high.max(open.unwrap_or(candle.high))),
        "low": number(candle.low.min(open.unwrap_or(candle.low))),
        "close": number(candle.close),
        "trades": candle.trades,
        "volume": order_quantity(instrument, candle.volume),
        "vwap": optional(vwap.filter(|_| traded).map(|vwap| vwap.round_dp(4))),
        "lastSize": Value::Null,
        "turnover": minor_units(settles_in(instrument), candle.quote_volume),
        "homeNotional": number(home.round_dp(8)),
        "foreignNotional": number(foreign.round_dp(8)),
    })
}

/// The place of an instrument among all, which tells its trades from others with the same number.
pub(super) fn listing_number(engine: &Engine, symbol: &str) -> u64 {
    engine
        .listings()
        .take_while(|listing| listing.instrument.symbol != symbol)
        .count() as u64
}

/// A number that stands for a price level as long as the venue exists.
fn level_id(listing: &Listing, price: Decimal) -> Value {
    let ticks = price
        .checked_div(listing.instrument.tick)
        .unwrap_or_default();
    number(Decimal::from(8_800_000_000_i64) - ticks.trunc())
}

fn tick_direction(before: Option<Decimal>, price: Decimal) -> &'static str {
    match before {
        Some(before) if price > before => "PlusTick",
        Some(before) if price < before => "MinusTick",
        _ => "ZeroPlusTick",
    }
}
