//! What an account can choose: leverage, margin type, position mode; and what it pays.

use serde_json::{Value, json};

use super::refusals::refusal;
use super::render::set;
use super::{BinanceFutures, Call, Reply, contract};
use crate::binance::ApiError;
use crate::engine::{Engine, Reject, View};

/// The highest leverage.
const MOST_LEVERAGE: u32 = 125;
/// The largest position that margin tiers would allow; nothing enforces it.
const LARGEST_NOTIONAL: u64 = 100_000_000;

impl BinanceFutures {
    pub(super) fn change_leverage(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        call.params.required("leverage")?;
        let wanted = call.params.integer("leverage")?.unwrap_or_default();
        call.params.finish()?;
        let leverage = u32::try_from(wanted)
            .ok()
            .filter(|leverage| (1..=MOST_LEVERAGE).contains(leverage))
            .ok_or_else(|| ApiError::new(-4028, format!("Leverage {wanted} is not valid")))?;
        self.exchange.with(|engine| {
            let set_leverage = engine.set_leverage(call.account, symbol, leverage);
            set_leverage.map_err(|reject| match reject {
                Reject::InsufficientBalance(_) => ApiError::new(
                    -2028,
                    "Leverage is smaller than permitted: insufficient margin balance.",
                ),
                other => refusal(other),
            })
        })?;
        let mut body = json!({ "symbol": symbol, "leverage": leverage });
        if let Some(fields) = body.as_object_mut() {
            let name = if self.dialect.coin_margined {
                "maxQty"
            } else {
                "maxNotionalValue"
            };
            set(fields, name, LARGEST_NOTIONAL.to_string());
        }
        Reply::ok(&body)
    }

    /// Everything is cross margin, so there is nothing to change and isolated margin is refused.
    pub(super) fn change_margin_type(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.listed_symbol(call)?;
        let wanted = call.params.required("marginType")?;
        call.params.finish()?;
        match wanted {
            "CROSSED" => Err(ApiError::new(-4046, "No need to change margin type.")),
            "ISOLATED" => Err(not_simulated()),
            _ => Err(ApiError::invalid_value("marginType")),
        }
    }

    pub(super) fn position_mode(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.finish()?;
        Reply::ok(&json!({ "dualSidePosition": false }))
    }

    /// Accounts stay in one-way mode.
    pub(super) fn change_position_mode(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.required("dualSidePosition")?;
        let hedge = call.params.flag("dualSidePosition")?;
        call.params.finish()?;
        if !hedge {
            return Err(ApiError::new(-4059, "No need to change position side."));
        }
        self.exchange.with(|engine| nothing_open(engine, call))?;
        Err(not_simulated())
    }

    pub(super) fn multi_assets_mode(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.finish()?;
        Reply::ok(&json!({ "multiAssetsMargin": false }))
    }

    pub(super) fn commission_rate(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        call.params.finish()?;
        Reply::ok(&json!({
            "symbol": symbol,
            "makerCommissionRate": call.settings.futures_maker_fee.to_string(),
            "takerCommissionRate": call.settings.futures_taker_fee.to_string(),
        }))
    }

    pub(super) fn symbol_config(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.per_contract(call, |engine, symbol| {
            json!({
                "symbol": symbol,
                "marginType": "CROSSED",
                "isAutoAddMargin": "false",
                "leverage": engine.leverage(call.account, symbol),
                "maxNotionalValue": LARGEST_NOTIONAL.to_string(),
            })
        })
    }

    /// One bracket for any size.
    pub(super) fn leverage_brackets(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let (floor, cap) = if self.dialect.coin_margined {
            ("qtyFloor", "qtyCap")
        } else {
            ("notionalFloor", "notionalCap")
        };
        self.per_contract(call, |_, symbol| {
            let mut bracket = json!({
                "bracket": 1, "initialLeverage": MOST_LEVERAGE, "maintMarginRatio": 0.004, "cum": 0.0,
            });
            if let Some(fields) = bracket.as_object_mut() {
                set(fields, floor, 0);
                set(fields, cap, LARGEST_NOTIONAL);
            }
            json!({ "symbol": symbol, "notionalCoef": 1.0, "brackets": [bracket] })
        })
    }

    fn per_contract(
        &self,
        call: &Call<'_>,
        show: impl Fn(&Engine, &str) -> Value,
    ) -> Result<Reply, ApiError> {
        let wanted = call.params.optional_symbol()?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            if let Some(symbol) = wanted {
                contract(engine, symbol)?;
            }
            let shown = engine
                .listings()
                .map(|listing| listing.instrument.symbol.as_str())
                .filter(|symbol| wanted.is_none_or(|wanted| wanted == *symbol))
                .map(|symbol| show(engine, symbol));
            Reply::ok(&shown.collect::<Vec<_>>())
        })
    }
}

/// The position mode can only be changed while nothing is open.
fn nothing_open(engine: &Engine, call: &Call<'_>) -> Result<(), ApiError> {
    let orders = engine.open_orders(View::NOW, call.account, None);
    if !orders.is_empty() {
        let message = "Position side cannot be changed if there exists open orders.";
        return Err(ApiError::new(-4067, message));
    }
    let held = engine
        .positions()
        .any(|(account, _, position)| account == call.account && !position.quantity.is_zero());
    if held {
        let message = "Position side cannot be changed if there exists position.";
        return Err(ApiError::new(-4068, message));
    }
    Ok(())
}

/// `-4084`: what the simulator does not do.
fn not_simulated() -> ApiError {
    ApiError::new(-4084, "Method is not allowed currently. Upcoming soon.")
}
