//! Tickers: last prices, best prices, the last 24 hours, and mark prices.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::render::set;
use super::{BinanceFutures, Call, Reply, contract};
use crate::binance::ApiError;
use crate::binance::format::{amount, fixed};
use crate::engine::{Candle, Contract, Listing, MINUTE_US, Phase, Series, Side};

const DAY_MINUTES: i64 = 24 * 60;
/// Funding is due every eight hours.
const FUNDING_INTERVAL_MS: i64 = 8 * 60 * 60 * 1000;

/// Whether a request about one symbol is answered with an object or, as always on COIN-M, with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum One {
    Object,
    List,
}

impl BinanceFutures {
    /// How this API answers a request about one symbol.
    fn one(&self) -> One {
        if self.dialect.coin_margined {
            One::List
        } else {
            One::Object
        }
    }

    /// Shows the symbol that a request names, or those of its pair, or all.
    fn per_symbol(
        &self,
        call: &Call<'_>,
        one: One,
        show: impl Fn(&Listing, &Contract) -> Value,
    ) -> Result<Reply, ApiError> {
        let symbol = call.params.optional_symbol()?;
        let pair = self.pair(call)?;
        call.params.finish()?;
        if symbol.is_some() && pair.is_some() {
            return Err(ApiError::bad_combination());
        }
        self.exchange.with(|engine| {
            if let Some(symbol) = symbol {
                let (listing, contract) = contract(engine, symbol)?;
                let shown = show(listing, contract);
                return match one {
                    One::Object => Reply::ok(&shown),
                    One::List => Reply::ok(&[shown]),
                };
            }
            let shown = engine.listings().filter_map(|listing| {
                let contract = listing.instrument.contract.as_ref()?;
                let wanted = pair.is_none_or(|pair| contract.pair == pair);
                let live = contract.phase != Phase::Pending;
                (wanted && live).then(|| show(listing, contract))
            });
            Reply::ok(&shown.collect::<Vec<_>>())
        })
    }

    pub(super) fn price_ticker(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.per_symbol(call, self.one(), |listing, contract| {
            let last = listing.history.last_price().unwrap_or_default();
            let mut body = json!({
                "symbol": listing.instrument.symbol,
                "price": fixed(last, contract.price_precision),
                "time": last_trade_ms(listing),
            });
            if let Some(fields) = body.as_object_mut().filter(|_| self.dialect.coin_margined) {
                set(fields, "ps", contract.pair.as_str());
            }
            body
        })
    }

    pub(super) fn book_ticker(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.per_symbol(call, self.one(), |listing, contract| {
            let best = |side| listing.book.best(side).unwrap_or_default();
            let (bid, bid_quantity) = best(Side::Buy);
            let (ask, ask_quantity) = best(Side::Sell);
            let mut body = json!({
                "symbol": listing.instrument.symbol,
                "bidPrice": fixed(bid, contract.price_precision),
                "bidQty": fixed(bid_quantity, contract.quantity_precision),
                "askPrice": fixed(ask, contract.price_precision),
                "askQty": fixed(ask_quantity, contract.quantity_precision),
                "time": call.now_ms(),
                "lastUpdateId": listing.book.update_id(),
            });
            if let Some(fields) = body.as_object_mut().filter(|_| self.dialect.coin_margined) {
                set(fields, "pair", contract.pair.as_str());
            }
            body
        })
    }

    pub(super) fn day_ticker(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.per_symbol(call, self.one(), |listing, contract| {
            let mut body = day(call, listing, contract);
            if let Some(fields) = body.as_object_mut() {
                let until = call.now.wall_us.div_euclid(MINUTE_US) + 1;
                let worth = listing.history.candle(until - DAY_MINUTES, until);
                let worth = worth.map(|day| day.quote_volume).unwrap_or_default();
                set(fields, self.dialect.volume_value, amount(worth));
                if self.dialect.coin_margined {
                    set(fields, "pair", contract.pair.as_str());
                }
            }
            body
        })
    }

    pub(super) fn premium_index(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.per_symbol(call, self.one(), |listing, contract| {
            let mark = amount(listing.mark());
            let ends = matches!(
                contract.series,
                Series::CurrentQuarter | Series::NextQuarter
            );
            let rate = if ends { "" } else { "0.00000000" };
            let next = (call.now_ms() / FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS;
            let mut body = json!({
                "symbol": listing.instrument.symbol,
                "markPrice": mark,
                "indexPrice": mark,
                "estimatedSettlePrice": mark,
                "lastFundingRate": rate,
                "interestRate": rate,
                "nextFundingTime": if ends { 0 } else { next },
                "time": call.now_ms(),
            });
            if let Some(fields) = body.as_object_mut().filter(|_| self.dialect.coin_margined) {
                set(fields, "pair", contract.pair.as_str());
            }
            body
        })
    }

    /// There is no funding, so there is no history of it.
    pub(super) fn funding_rate(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.optional_symbol()?;
        for name in ["startTime", "endTime", "limit"] {
            call.params.integer(name)?;
        }
        call.params.finish()?;
        if let Some(symbol) = symbol {
            self.exchange
                .with(|engine| contract(engine, symbol).map(|_| ()))?;
        }
        Reply::ok(&json!([]))
    }

    /// No symbol has funding terms of its own.
    pub(super) fn funding_info(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.finish()?;
        Reply::ok(&json!([]))
    }
}

fn last_trade_ms(listing: &Listing) -> i64 {
    let last = listing.history.trades().back();
    last.map_or(0, |trade| trade.at.wall_us / 1000)
}

fn day(call: &Call<'_>, listing: &Listing, contract: &Contract) -> Value {
    let until = call.now.wall_us.div_euclid(MINUTE_US) + 1;
    let day = listing
        .history
        .candle(until - DAY_MINUTES, until)
        .unwrap_or_else(|| Candle::flat(Decimal::ZERO));
    let price = |value: Decimal| fixed(value, contract.price_precision);
    let quantity = |value: Decimal| fixed(value, contract.quantity_precision);
    let change = day.close - day.open;
    let percent = (change * Decimal::ONE_HUNDRED)
        .checked_div(day.open)
        .unwrap_or_default();
    let average = contract.payoff.average_price(day.volume, day.quote_volume);
    let last = listing.history.trades().back();
    let id = |trade: Option<u64>| trade.and_then(|id| i64::try_from(id).ok()).unwrap_or(-1);
    json!({
        "symbol": listing.instrument.symbol,
        "priceChange": price(change),
        "priceChangePercent": fixed(percent.round_dp(3), 3),
        "weightedAvgPrice": price(average.unwrap_or(day.close)),
        "lastPrice": price(day.close),
        "lastQty": quantity(last.map(|trade| trade.quantity).unwrap_or_default()),
        "openPrice": price(day.open),
        "highPrice": price(day.high),
        "lowPrice": price(day.low),
        "volume": quantity(day.volume),
        "openTime": call.now_ms() - DAY_MINUTES * MINUTE_US / 1000,
        "closeTime": call.now_ms(),
        "firstId": id(day.first_trade),
        "lastId": id(day.last_trade),
        "count": day.trades,
    })
}
