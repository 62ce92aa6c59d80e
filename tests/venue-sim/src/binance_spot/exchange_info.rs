//! What is traded and by which rules.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::filters::filters_json;
use super::{BinanceSpot, Call, Reply};
use crate::binance::ApiError;
use crate::config::Limits;
use crate::engine::Instrument;

/// Modes of self-trade prevention on offer; the last one is the default.
pub(super) const SELF_TRADE_MODES: [&str; 5] = [
    "NONE",
    "EXPIRE_TAKER",
    "EXPIRE_BOTH",
    "DECREMENT",
    "EXPIRE_MAKER",
];

impl BinanceSpot {
    pub(super) fn ping(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.finish()?;
        Reply::ok(&json!({}))
    }

    pub(super) fn time(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.finish()?;
        Reply::ok(&json!({ "serverTime": call.unit.of_us(call.now.wall_us) }))
    }

    pub(super) fn exchange_info(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.optional_symbol()?.map(str::to_owned);
        let symbols = call.params.symbols()?;
        let permissions = call
            .params
            .text("permissions")?
            .map(permissions)
            .transpose()?;
        let status = call.params.text("symbolStatus")?.map(str::to_owned);
        let show_sets =
            !call.params.has("showPermissionSets") || call.params.flag("showPermissionSets")?;
        call.params.finish()?;
        let named = symbol.is_some() || symbols.is_some();
        if (symbol.is_some() && symbols.is_some())
            || (named && (permissions.is_some() || status.is_some()))
        {
            return Err(ApiError::bad_combination());
        }
        if let Some(status) = &status
            && !["TRADING", "HALT", "BREAK"].contains(&status.as_str())
        {
            return Err(ApiError::new(-1122, "Invalid symbolStatus."));
        }
        let wanted: Option<BTreeSet<String>> = symbols
            .or(symbol.map(|s| vec![s]))
            .map(|s| s.into_iter().collect());
        // Every pair here is plain spot, so any set of permissions without SPOT selects nothing.
        let permitted =
            permissions.is_none_or(|permissions| permissions.iter().any(|p| p == "SPOT"));
        let listed = self.exchange.with(|engine| {
            if let Some(wanted) = &wanted
                && wanted.iter().any(|symbol| engine.listing(symbol).is_none())
            {
                return Err(ApiError::invalid_symbol());
            }
            let listed = engine
                .listings()
                .map(|listing| &listing.instrument)
                .filter(|i| {
                    wanted
                        .as_ref()
                        .is_none_or(|wanted| wanted.contains(&i.symbol))
                })
                .filter(|i| {
                    status
                        .as_deref()
                        .is_none_or(|status| status == status_name(i))
                })
                .filter(|_| permitted)
                .map(|i| symbol_json(i, show_sets))
                .collect::<Vec<_>>();
            Ok(listed)
        })?;
        Reply::ok(&json!({
            "timezone": "UTC",
            "serverTime": call.unit.of_us(call.now.wall_us),
            "rateLimits": rate_limits(&call.settings.limits),
            "exchangeFilters": [],
            "symbols": listed,
        }))
    }
}

/// The limits as Binance lists them.
fn rate_limits(limits: &Limits) -> Value {
    json!([
        rate_limit("REQUEST_WEIGHT", "MINUTE", 1, limits.request_weight_1m),
        rate_limit("ORDERS", "SECOND", 10, limits.orders_10s),
        rate_limit("ORDERS", "DAY", 1, limits.orders_1d),
        rate_limit("RAW_REQUESTS", "MINUTE", 5, limits.raw_requests_5m),
    ])
}

/// One limit.
pub(super) fn rate_limit(kind: &str, interval: &str, interval_num: u32, limit: u64) -> Value {
    json!({ "rateLimitType": kind, "interval": interval, "intervalNum": interval_num, "limit": limit })
}

fn permissions(raw: &str) -> Result<Vec<String>, ApiError> {
    if raw.starts_with('[') {
        return serde_json::from_str(raw).map_err(|_| ApiError::invalid_value("permissions"));
    }
    Ok(vec![raw.to_owned()])
}

fn status_name(instrument: &Instrument) -> &'static str {
    if instrument.trading {
        "TRADING"
    } else {
        "BREAK"
    }
}

fn symbol_json(instrument: &Instrument, show_sets: bool) -> Value {
    let permission_sets = if show_sets {
        json!([["SPOT"]])
    } else {
        json!([])
    };
    json!({
        "symbol": instrument.symbol,
        "status": status_name(instrument),
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": false,
        "ocoAllowed": false,
        "otoAllowed": false,
        "opoAllowed": false,
        "quoteOrderQtyMarketAllowed": true,
        "allowTrailingStop": false,
        "cancelReplaceAllowed": true,
        "amendAllowed": true,
        "pegInstructionsAllowed": false,
        "isSpotTradingAllowed": true,
        "isMarginTradingAllowed": false,
        "filters": filters_json(instrument),
        "permissions": [],
        "permissionSets": permission_sets,
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": SELF_TRADE_MODES,
    })
}
