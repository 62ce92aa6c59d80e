//! Candles, made from the simulator's own trades.

use serde_json::{Value, json};

use super::market_data::listing;
use super::{BinanceSpot, Call, Reply};
use crate::binance::ApiError;
use crate::binance::candles::{Interval, starts};
use crate::binance::format::amount;
use crate::engine::{Candle, MINUTE_US};

impl BinanceSpot {
    pub(super) fn klines(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        let interval = Interval::parse(call.params.required("interval")?)
            .ok_or_else(|| ApiError::new(-1120, "Invalid interval."))?;
        let limit = call.params.limit(500, 1000)?;
        let from = call.params.integer("startTime")?.map(|ms| ms * 1000);
        let to = call.params.integer("endTime")?.map(|ms| ms * 1000);
        call.params.finish()?;
        self.exchange.with(|engine| {
            let history = &listing(engine, symbol)?.history;
            let until = to
                .unwrap_or(i64::MAX)
                .min(call.now.wall_us)
                .div_euclid(MINUTE_US);
            let starts = starts(
                history,
                interval,
                from.map(|us| us.div_euclid(MINUTE_US)),
                until,
                limit,
            );
            let rows: Vec<Value> = starts
                .into_iter()
                .filter_map(|start| {
                    let end = interval.next(start);
                    history
                        .candle(start, end)
                        .map(|candle| row(call, start, end, &candle))
                })
                .collect();
            Reply::ok(&rows)
        })
    }
}

fn row(call: &Call<'_>, start: i64, end: i64, candle: &Candle) -> Value {
    json!([
        call.unit.of_us(start * MINUTE_US),
        amount(candle.open),
        amount(candle.high),
        amount(candle.low),
        amount(candle.close),
        amount(candle.volume),
        call.unit.of_us(end * MINUTE_US - 1),
        amount(candle.quote_volume),
        candle.trades,
        amount(candle.taker_buy_volume),
        amount(candle.taker_buy_quote_volume),
        "0",
    ])
}
