//! Books and trades.

use serde::Serialize;
use serde_json::json;

use super::filters::AVERAGE_MINUTES;
use super::{BinanceSpot, Call, Reply};
use crate::binance::ApiError;
use crate::binance::format::amount;
use crate::engine::{Engine, Listing, MINUTE_US, OrderId, Side, Trade};

/// A trade as `/trades` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PublicTrade {
    id: u64,
    price: String,
    qty: String,
    quote_qty: String,
    time: i64,
    is_buyer_maker: bool,
    is_best_match: bool,
}

/// Trades of one taker at one price, as `/aggTrades` shows them.
#[derive(Debug, Serialize)]
struct AggregateTrade {
    a: u64,
    p: String,
    q: String,
    f: u64,
    l: u64,
    #[serde(rename = "T")]
    time: i64,
    m: bool,
    #[serde(rename = "M")]
    best_match: bool,
}

/// The listing of a symbol.
pub(super) fn listing<'e>(engine: &'e Engine, symbol: &str) -> Result<&'e Listing, ApiError> {
    engine.listing(symbol).ok_or_else(ApiError::invalid_symbol)
}

impl BinanceSpot {
    pub(super) fn depth(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        let limit = call.params.limit(100, 5000)?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            let book = &listing(engine, symbol)?.book;
            let levels = |side| -> Vec<[String; 2]> {
                book.depth(side, limit)
                    .into_iter()
                    .map(|(price, quantity)| [amount(price), amount(quantity)])
                    .collect()
            };
            let (bids, asks) = (levels(Side::Buy), levels(Side::Sell));
            Reply::ok(&json!({ "lastUpdateId": book.update_id(), "bids": bids, "asks": asks }))
        })
    }

    pub(super) fn trades(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        let limit = call.params.limit(500, 1000)?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            let trades = listing(engine, symbol)?.history.trades();
            let skip = trades.len().saturating_sub(limit);
            Reply::ok(
                &trades
                    .iter()
                    .skip(skip)
                    .map(|trade| public_trade(call, trade))
                    .collect::<Vec<_>>(),
            )
        })
    }

    pub(super) fn historical_trades(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        if !call.params.has("fromId") {
            return self.trades(call);
        }
        let symbol = call.params.symbol()?;
        let limit = call.params.limit(500, 1000)?;
        let from = call
            .params
            .integer("fromId")?
            .and_then(|id| u64::try_from(id).ok())
            .unwrap_or_default();
        call.params.finish()?;
        self.exchange.with(|engine| {
            let trades = listing(engine, symbol)?.history.trades();
            let wanted = trades.iter().filter(|trade| trade.id >= from).take(limit);
            Reply::ok(
                &wanted
                    .map(|trade| public_trade(call, trade))
                    .collect::<Vec<_>>(),
            )
        })
    }

    pub(super) fn aggregate_trades(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        let limit = call.params.limit(500, 1000)?;
        let from = call
            .params
            .integer("fromId")?
            .and_then(|id| u64::try_from(id).ok());
        let start = call.params.integer("startTime")?;
        let end = call.params.integer("endTime")?;
        call.params.finish()?;
        if from.is_some() && (start.is_some() || end.is_some()) {
            return Err(ApiError::bad_combination());
        }
        self.exchange.with(|engine| {
            let trades = listing(engine, symbol)?.history.trades();
            let wanted = trades.iter().filter(|trade| {
                let ms = trade.at.wall_us / 1000;
                from.is_none_or(|from| trade.id >= from)
                    && start.is_none_or(|start| ms >= start)
                    && end.is_none_or(|end| ms <= end)
            });
            let mut aggregates = aggregate(call, wanted);
            if from.is_none() && start.is_none() {
                aggregates.drain(..aggregates.len().saturating_sub(limit));
            } else {
                aggregates.truncate(limit);
            }
            Reply::ok(&aggregates)
        })
    }

    pub(super) fn average_price(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            let history = &listing(engine, symbol)?.history;
            let price = history.average_price(call.now.wall_us - AVERAGE_MINUTES * MINUTE_US).unwrap_or_default();
            let closed = history.trades().back().map_or(call.now.wall_us, |trade| trade.at.wall_us);
            let close_time = call.unit.of_us(closed);
            Reply::ok(&json!({ "mins": AVERAGE_MINUTES, "price": amount(price), "closeTime": close_time }))
        })
    }
}

fn public_trade(call: &Call<'_>, trade: &Trade) -> PublicTrade {
    PublicTrade {
        id: trade.id,
        price: amount(trade.price),
        qty: amount(trade.quantity),
        quote_qty: amount(trade.price * trade.quantity),
        time: call.unit.of_us(trade.at.wall_us),
        is_buyer_maker: trade.buyer_is_maker,
        is_best_match: true,
    }
}

fn aggregate<'t>(call: &Call<'_>, trades: impl Iterator<Item = &'t Trade>) -> Vec<AggregateTrade> {
    let mut groups: Vec<(Trade, u64)> = Vec::new();
    for trade in trades {
        match groups.last_mut() {
            Some((group, last))
                if trade.taker != OrderId(0)
                    && group.taker == trade.taker
                    && group.price == trade.price =>
            {
                group.quantity += trade.quantity;
                *last = trade.id;
            }
            _ => groups.push((trade.clone(), trade.id)),
        }
    }
    let show = |(group, last): (Trade, u64)| AggregateTrade {
        // The first trade's number stands in for a sequence of its own: it never repeats and only grows.
        a: group.id,
        p: amount(group.price),
        q: amount(group.quantity),
        f: group.id,
        l: last,
        time: call.unit.of_us(group.at.wall_us),
        m: group.buyer_is_maker,
        best_match: true,
    };
    groups.into_iter().map(show).collect()
}
