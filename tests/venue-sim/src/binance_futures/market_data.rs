//! The clock, books, trades and candles.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::history::limit;
use super::render::set;
use super::{BinanceFutures, Call, Reply, contract};
use crate::binance::ApiError;
use crate::binance::candles::{Interval, starts};
use crate::binance::format::{amount, fixed};
use crate::engine::{Candle, Contract, MINUTE_US, Payoff, Side, Trade};

/// The depths that can be asked for.
const DEPTHS: [usize; 7] = [5, 10, 20, 50, 100, 500, 1000];

impl BinanceFutures {
    pub(super) fn ping(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.finish()?;
        Reply::ok(&json!({}))
    }

    pub(super) fn time(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.finish()?;
        Reply::ok(&json!({ "serverTime": call.now_ms() }))
    }

    pub(super) fn depth(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        let limit = call.params.limit(500, usize::MAX)?;
        call.params.finish()?;
        if !DEPTHS.contains(&limit) {
            let message = format!("{limit} is not valid depth limit.");
            return Err(ApiError::new(-4021, message));
        }
        self.exchange.with(|engine| {
            let (listing, contract) = contract(engine, symbol)?;
            let levels = |side| -> Vec<[String; 2]> {
                let levels = listing.book.depth(side, limit).into_iter();
                levels
                    .map(|(price, quantity)| {
                        [
                            fixed(price, contract.price_precision),
                            fixed(quantity, contract.quantity_precision),
                        ]
                    })
                    .collect()
            };
            let mut body = json!({
                "lastUpdateId": listing.book.update_id(),
                "E": call.now_ms(),
                "T": call.now_ms(),
                "bids": levels(Side::Buy),
                "asks": levels(Side::Sell),
            });
            if let Some(fields) = body.as_object_mut().filter(|_| self.dialect.coin_margined) {
                set(fields, "symbol", symbol);
                set(fields, "pair", contract.pair.as_str());
            }
            Reply::ok(&body)
        })
    }

    pub(super) fn trades(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        let limit = limit(call, (500, 1000))?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            let (listing, contract) = contract(engine, symbol)?;
            let trades = listing.history.trades();
            let shown = trades
                .iter()
                .skip(trades.len().saturating_sub(limit))
                .map(|trade| {
                    let mut fields = Map::new();
                    set(&mut fields, "id", trade.id);
                    set(
                        &mut fields,
                        "price",
                        fixed(trade.price, contract.price_precision),
                    );
                    let quantity = fixed(trade.quantity, contract.quantity_precision);
                    set(&mut fields, "qty", quantity);
                    set(
                        &mut fields,
                        self.dialect.trade_value,
                        worth(contract, trade.value),
                    );
                    set(&mut fields, "time", trade.at.wall_us / 1000);
                    set(&mut fields, "isBuyerMaker", trade.buyer_is_maker);
                    Value::Object(fields)
                });
            Reply::ok(&shown.collect::<Vec<_>>())
        })
    }

    pub(super) fn aggregate_trades(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        let from = call.params.integer("fromId")?;
        let start = call.params.integer("startTime")?;
        let end = call.params.integer("endTime")?;
        let limit = limit(call, (500, 1000))?;
        call.params.finish()?;
        if from.is_some() && (start.is_some() || end.is_some()) {
            return Err(ApiError::bad_combination());
        }
        self.exchange.with(|engine| {
            let (listing, contract) = contract(engine, symbol)?;
            let wanted = |trade: &&Trade| {
                let ms = trade.at.wall_us / 1000;
                from.is_none_or(|from| i64::try_from(trade.id).is_ok_and(|id| id >= from))
                    && start.is_none_or(|start| ms >= start)
                    && end.is_none_or(|end| ms <= end)
            };
            // Every trade is an aggregate of its own; its number stands in for a sequence of aggregates.
            let mut shown: Vec<Value> = listing
                .history
                .trades()
                .iter()
                .filter(wanted)
                .map(|trade| {
                    json!({
                        "a": trade.id,
                        "p": fixed(trade.price, contract.price_precision),
                        "q": fixed(trade.quantity, contract.quantity_precision),
                        "f": trade.id,
                        "l": trade.id,
                        "T": trade.at.wall_us / 1000,
                        "m": trade.buyer_is_maker,
                    })
                })
                .collect();
            super::history::keep(&mut shown, limit, from.is_some() || start.is_some());
            Reply::ok(&shown)
        })
    }

    pub(super) fn klines(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        let interval = Interval::parse(call.params.required("interval")?)
            .ok_or_else(|| ApiError::new(-1120, "Invalid interval."))?;
        let limit = limit(call, (500, 1500))?;
        let minute = |name| {
            let ms = call.params.integer(name)?;
            Ok::<_, ApiError>(ms.map(|ms| (ms.saturating_mul(1000)).div_euclid(MINUTE_US)))
        };
        let (from, to) = (minute("startTime")?, minute("endTime")?);
        call.params.finish()?;
        self.exchange.with(|engine| {
            let (listing, contract) = contract(engine, symbol)?;
            let history = &listing.history;
            let now = call.now.wall_us.div_euclid(MINUTE_US);
            let until = to.map_or(now, |to| to.min(now));
            let rows = starts(history, interval, from, until, limit)
                .into_iter()
                .filter_map(|start| {
                    let end = interval.next(start);
                    let candle = history.candle(start, end)?;
                    Some(row(contract, start, end, &candle))
                });
            Reply::ok(&rows.collect::<Vec<_>>())
        })
    }
}

/// What a public trade was worth: a product in full, a coin in its eight decimals.
fn worth(contract: &Contract, value: Decimal) -> String {
    match contract.payoff {
        Payoff::Linear => value.normalize().to_string(),
        Payoff::Inverse { .. } | Payoff::Multiplied { .. } => amount(value),
    }
}

fn row(contract: &Contract, start: i64, end: i64, candle: &Candle) -> Value {
    let price = |value: Decimal| fixed(value, contract.price_precision);
    let quantity = |value: Decimal| fixed(value, contract.quantity_precision);
    json!([
        start * MINUTE_US / 1000,
        price(candle.open),
        price(candle.high),
        price(candle.low),
        price(candle.close),
        quantity(candle.volume),
        (end * MINUTE_US - 1).div_euclid(1000),
        amount(candle.quote_volume),
        candle.trades,
        quantity(candle.taker_buy_volume),
        amount(candle.taker_buy_quote_volume),
        "0",
    ])
}
