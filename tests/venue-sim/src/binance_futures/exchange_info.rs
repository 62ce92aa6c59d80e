//! What is traded and by which rules.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::filters::filters_json;
use super::render::set;
use super::{BinanceFutures, Call, Reply};
use crate::binance::ApiError;
use crate::binance::limits::Rules;
use crate::engine::{Contract, Instrument, Phase, Series};

impl BinanceFutures {
    pub(super) fn exchange_info(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.finish()?;
        let (symbols, assets) = self.exchange.with(|engine| {
            let contracts = || {
                engine.listings().filter_map(|listing| {
                    Some((&listing.instrument, listing.instrument.contract.as_ref()?))
                })
            };
            let symbols: Vec<Value> = contracts()
                .map(|(instrument, contract)| self.symbol_json(instrument, contract))
                .collect();
            let assets: BTreeSet<String> = contracts()
                .map(|(_, contract)| contract.margin_asset.clone())
                .collect();
            (symbols, assets)
        });
        let mut body = json!({
            "timezone": "UTC",
            "serverTime": call.now_ms(),
            "rateLimits": rate_limits(&self.rules(call.settings)),
            "exchangeFilters": [],
            "symbols": symbols,
        });
        if let Some(fields) = body.as_object_mut().filter(|_| !self.dialect.coin_margined) {
            let assets: Vec<Value> = assets
                .into_iter()
                .map(|asset| json!({ "asset": asset, "marginAvailable": true, "autoAssetExchange": "0" }))
                .collect();
            set(fields, "futuresType", "U_MARGINED");
            set(fields, "assets", assets);
        }
        Reply::ok(&body)
    }

    pub(super) fn order_rate_limits(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.finish()?;
        let limits = rate_limits(&self.rules(call.settings));
        Reply::ok(&limits.get(1..).unwrap_or_default())
    }

    fn symbol_json(&self, instrument: &Instrument, contract: &Contract) -> Value {
        let mut body = json!({
            "symbol": instrument.symbol,
            "pair": contract.pair,
            "contractType": contract_type(contract.series),
            "deliveryDate": contract.delivery_ms,
            "onboardDate": contract.onboard_ms,
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": instrument.base,
            "quoteAsset": instrument.quote,
            "marginAsset": contract.margin_asset,
            "pricePrecision": contract.price_precision,
            "quantityPrecision": contract.quantity_precision,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": underlying_type(contract.series),
            "underlyingSubType": [],
            "triggerProtect": "0.0500",
            "liquidationFee": "0.012500",
            "marketTakeBound": "0.05",
            "filters": filters_json(self.dialect, instrument, contract),
            "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET",
                           "TRAILING_STOP_MARKET"],
            "timeInForce": self.times_in_force(),
        });
        if let Some(fields) = body.as_object_mut() {
            set(
                fields,
                self.dialect.status,
                status_name(instrument, contract),
            );
            self.set_size(fields, contract);
        }
        body
    }

    fn times_in_force(&self) -> &'static [&'static str] {
        if self.dialect.coin_margined {
            &["GTC", "IOC", "FOK", "GTX"]
        } else {
            &["GTC", "IOC", "FOK", "GTX", "GTD"]
        }
    }

    fn set_size(&self, fields: &mut Map<String, Value>, contract: &Contract) {
        match contract.payoff {
            crate::engine::Payoff::Linear | crate::engine::Payoff::Multiplied { .. } => {
                set(fields, "settlePlan", 0);
            }
            crate::engine::Payoff::Inverse { contract_size, .. } => {
                // Contract sizes are whole numbers of dollars.
                set(
                    fields,
                    "contractSize",
                    i64::try_from(contract_size).unwrap_or_default(),
                );
                set(fields, "equalQtyPrecision", 4);
            }
        }
    }
}

/// The limits as Binance lists them; the weight comes first.
fn rate_limits(rules: &Rules) -> Vec<Value> {
    let listed = |kind: &str, (unit, number): (&str, u32), limit: u64| json!({ "rateLimitType": kind, "interval": unit, "intervalNum": number, "limit": limit });
    let orders = rules
        .orders
        .iter()
        .map(|(interval, limit)| listed("ORDERS", interval.listed(), *limit));
    std::iter::once(listed("REQUEST_WEIGHT", ("MINUTE", 1), rules.weight_1m))
        .chain(orders)
        .collect()
}

fn contract_type(series: Series) -> &'static str {
    match series {
        Series::Perpetual => "PERPETUAL",
        Series::TraditionalPerpetual => "TRADIFI_PERPETUAL",
        Series::CurrentQuarter => "CURRENT_QUARTER",
        Series::NextQuarter => "NEXT_QUARTER",
    }
}

fn underlying_type(series: Series) -> &'static str {
    match series {
        Series::TraditionalPerpetual => "COMMODITY",
        _ => "COIN",
    }
}

/// Binance has no state for a halt of its own; a halted symbol is shown as waiting to be traded.
fn status_name(instrument: &Instrument, contract: &Contract) -> &'static str {
    match contract.phase {
        Phase::Listed if instrument.trading => "TRADING",
        Phase::Pending | Phase::Listed => "PENDING_TRADING",
        Phase::Settling => "SETTLING",
    }
}
