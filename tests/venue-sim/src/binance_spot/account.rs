//! Balances, own trades, and what of the order limits is used.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::exchange_info::rate_limit;
use super::market_data::listing;
use super::orders::{TimeRange, keep};
use super::{BinanceSpot, Call, Reply, render};
use crate::binance::ApiError;
use crate::binance::format::amount;
use crate::binance::limits::OrderInterval;
use crate::exchange::lookup_view;

impl BinanceSpot {
    pub(super) fn account_information(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let omit_zero = call.params.flag("omitZeroBalances")?;
        call.params.finish()?;
        let balances: Vec<Value> = self.exchange.with(|engine| {
            let mut assets: Vec<&str> = engine
                .listings()
                .flat_map(|listing| [listing.instrument.base.as_str(), listing.instrument.quote.as_str()])
                .chain(engine.ledger.balances(call.account).map(|(asset, _)| asset))
                .collect();
            assets.sort_unstable();
            assets.dedup();
            assets
                .into_iter()
                .map(|asset| (asset, engine.ledger.balance(call.account, asset)))
                .filter(|(_, balance)| !omit_zero || !(balance.free + balance.locked).is_zero())
                .map(|(asset, balance)| {
                    json!({ "asset": asset, "free": amount(balance.free), "locked": amount(balance.locked) })
                })
                .collect()
        });
        let (maker, taker) = (call.settings.maker_fee, call.settings.taker_fee);
        let basis_points =
            |fee: Decimal| u64::try_from((fee * Decimal::from(10_000)).trunc()).unwrap_or_default();
        Reply::ok(&json!({
            "makerCommission": basis_points(maker),
            "takerCommission": basis_points(taker),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": { "maker": amount(maker), "taker": amount(taker),
                                 "buyer": "0.00000000", "seller": "0.00000000" },
            "canTrade": true,
            "canWithdraw": true,
            "canDeposit": true,
            "brokered": false,
            "requireSelfTradePrevention": false,
            "preventSor": false,
            "updateTime": call.unit.of_us(call.now.wall_us),
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": call.account.0,
        }))
    }

    pub(super) fn commission_rates(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        call.params.finish()?;
        self.exchange
            .with(|engine| listing(engine, symbol).map(|_| ()))?;
        let zero = "0.00000000";
        let nothing = json!({ "maker": zero, "taker": zero, "buyer": zero, "seller": zero });
        Reply::ok(&json!({
            "symbol": symbol,
            "standardCommission": { "maker": amount(call.settings.maker_fee),
                                    "taker": amount(call.settings.taker_fee), "buyer": zero, "seller": zero },
            "specialCommission": nothing,
            "taxCommission": nothing,
            "discount": { "enabledForAccount": false, "enabledForSymbol": false, "discountAsset": "BNB",
                          "discount": zero },
        }))
    }

    pub(super) fn my_trades(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        let order = call
            .params
            .integer("orderId")?
            .and_then(|id| u64::try_from(id).ok());
        let from = call
            .params
            .integer("fromId")?
            .and_then(|id| u64::try_from(id).ok());
        let range = TimeRange::read(call)?;
        let limit = call.params.limit(500, 1000)?;
        call.params.finish()?;
        if from.is_some() && range.is_given() {
            return Err(ApiError::bad_combination());
        }
        self.exchange.with(|engine| {
            listing(engine, symbol)?;
            let view = lookup_view(call.settings, call.now);
            let mut trades: Vec<_> = engine
                .fills(view, call.account)
                .filter(|fill| {
                    fill.symbol == symbol && order.is_none_or(|order| fill.order_number == order)
                })
                .filter(|fill| from.is_none_or(|from| fill.trade_id >= from))
                .filter(|fill| range.holds(fill.at.wall_us / 1000))
                .map(|fill| render::trade(call, fill))
                .collect();
            keep(&mut trades, limit, from.is_some() || range.start.is_some());
            Reply::ok(&trades)
        })
    }

    pub(super) fn order_rate_limits(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.finish()?;
        let used = |interval| {
            let now_ms = call.now.wall_us / 1000;
            self.limiter.orders(call.account, interval, now_ms)
        };
        let limits = &call.settings.limits;
        let with_count = |mut limit: Value, count: u64| {
            if let Some(fields) = limit.as_object_mut() {
                fields.insert("count".to_owned(), json!(count));
            }
            limit
        };
        Reply::ok(&[
            with_count(
                rate_limit("ORDERS", "SECOND", 10, limits.orders_10s),
                used(OrderInterval::TenSeconds),
            ),
            with_count(
                rate_limit("ORDERS", "DAY", 1, limits.orders_1d),
                used(OrderInterval::Day),
            ),
        ])
    }
}
