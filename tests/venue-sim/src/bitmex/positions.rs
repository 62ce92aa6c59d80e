//! Positions and their leverage.

use std::sync::PoisonError;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

use super::currencies::{minor_name, minor_units};
use super::errors::BitmexError;
use super::format::{number, optional, time};
use super::instruments::{INIT_MARGIN, MAINT_MARGIN, mark, set_all};
use super::realised::Earned;
use super::render::account_number;
use super::sizes::{is_inverse, notionals, order_quantity};
use super::tables::Query;
use super::{Bitmex, CROSS_LEVERAGE, Call};
use crate::engine::{Contract, Engine, Listing, Position, Side, View};

/// Decimals of entry prices.
const PRICE_SCALE: u32 = 4;

impl Bitmex {
    pub(super) fn positions(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let query = Query::read(call.params, usize::MAX, usize::MAX)?;
        let rows = self.exchange.with(|engine| {
            let engine = &*engine;
            let mine = engine
                .positions()
                .filter(|(account, _, _)| *account == call.account);
            mine.filter_map(|(_, symbol, position)| {
                let listing = engine.listing(symbol)?;
                let contract = listing.instrument.contract.as_ref()?;
                Some(self.position_row(engine, listing, contract, position, call))
            })
            .collect()
        });
        Ok(query.choose(rows, &["account", "symbol", "currency"]))
    }

    pub(super) fn set_leverage(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let symbol = call
            .params
            .text("symbol")
            .ok_or_else(|| BitmexError::required("symbol"))?;
        let symbol = symbol.to_ascii_uppercase();
        let leverage = call
            .params
            .decimal("leverage")?
            .ok_or_else(|| BitmexError::required("leverage"))?;
        let most = Decimal::from(CROSS_LEVERAGE);
        let is_legal = leverage.is_zero() || (Decimal::new(1, 2)..=most).contains(&leverage);
        if !is_legal {
            return Err(BitmexError::invalid("leverage"));
        }
        let whole = if leverage.is_zero() {
            CROSS_LEVERAGE
        } else {
            leverage.to_u32().unwrap_or(1).max(1)
        };
        self.exchange.with(|engine| {
            let is_contract = engine
                .listing(&symbol)
                .is_some_and(|listing| listing.instrument.contract.is_some());
            if !is_contract {
                return Err(BitmexError::invalid("symbol"));
            }
            engine
                .set_leverage(call.account, &symbol, whole)
                .map_err(|_| {
                    BitmexError::validation("Account has insufficient Available Balance")
                })?;
            let mut isolated = self.isolated.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (call.account, symbol.clone());
            if leverage.is_zero() {
                isolated.remove(&key);
            } else {
                isolated.insert(key, leverage);
            }
            drop(isolated);
            let position = engine.position(call.account, &symbol);
            let row = engine.listing(&symbol).and_then(|listing| {
                let contract = listing.instrument.contract.as_ref()?;
                Some(self.position_row(engine, listing, contract, &position, call))
            });
            row.ok_or_else(|| BitmexError::invalid("symbol"))
        })
    }

    fn position_row(
        &self,
        engine: &Engine,
        listing: &Listing,
        contract: &Contract,
        position: &Position,
        call: &Call<'_>,
    ) -> Value {
        let instrument = &listing.instrument;
        let symbol = &instrument.symbol;
        let isolated = self.isolated.lock().unwrap_or_else(PoisonError::into_inner);
        let chosen = isolated.get(&(call.account, symbol.clone())).copied();
        drop(isolated);
        let leverage = chosen.unwrap_or(Decimal::from(CROSS_LEVERAGE));
        let exposure = engine.exposure(call.account, symbol);
        let minor = |amount: Decimal| minor_units(&contract.margin_asset, amount);
        // As with trades: what is long costs coin on inverse contracts.
        let sign = if is_inverse(instrument) {
            Decimal::NEGATIVE_ONE
        } else {
            Decimal::ONE
        };
        let (cost, value) = (position.cost * sign, exposure.notional * sign);
        let (home, foreign) = notionals(engine, instrument, position.quantity, listing.mark());
        let is_open = !position.quantity.is_zero();
        let entry = Some(position.entry_price(contract.payoff).round_dp(PRICE_SCALE));
        let entry = entry.filter(|_| is_open);
        let open = |side: Side| -> Decimal {
            let orders = engine.open_orders(View::NOW, call.account, Some(symbol));
            orders
                .iter()
                .filter(|o| o.side == side)
                .map(|o| o.remaining())
                .sum()
        };
        let earned = Earned::of(engine, call.account, symbol, call.now);
        let maintenance = exposure.notional.abs() * MAINT_MARGIN;
        let percent = exposure.unrealised.checked_div(position.cost.abs());
        let mut row = json!({
            "account": account_number(call.account),
            "symbol": symbol,
            "currency": minor_name(&contract.margin_asset),
            "underlying": instrument.base,
            "quoteCurrency": instrument.quote,
            "commission": number(call.settings.bitmex_taker_fee.max(call.settings.bitmex_maker_fee)),
            "initMarginReq": optional(Decimal::ONE.checked_div(leverage).map(|r| r.max(INIT_MARGIN))),
            "maintMarginReq": number(MAINT_MARGIN),
            "riskLimit": 20_000_000_000_i64,
            "leverage": number(leverage),
            "crossMargin": chosen.is_none(),
            "deleveragePercentile": if is_open { json!(1) } else { Value::Null },
            "rebalancedPnl": minor(-earned.transferred),
            "prevRealisedPnl": minor(earned.last_closed),
            "openOrderBuyQty": order_quantity(instrument, open(Side::Buy)),
            "openOrderBuyCost": minor(-exposure.bids),
            "openOrderSellQty": order_quantity(instrument, open(Side::Sell)),
            "openOrderSellCost": minor(exposure.asks),
            "currentQty": order_quantity(instrument, position.quantity),
            "currentCost": minor(cost - earned.profit),
            "currentComm": minor(earned.fees),
            "realisedCost": minor(-earned.profit),
            "unrealisedCost": minor(cost),
        });
        let valued = json!({
            "isOpen": is_open,
            "markPrice": number(mark(listing)),
            "markValue": minor(value),
            "riskValue": minor(exposure.notional.abs()),
            "homeNotional": number(home.round_dp(8)),
            "foreignNotional": number((-foreign).round_dp(8)),
            "posState": "",
            "posCost": minor(cost),
            "posCross": minor(exposure.unrealised.min(Decimal::ZERO).abs()),
            "posMargin": minor(exposure.position_margin),
            "posMaint": minor(maintenance),
            "initMargin": minor(exposure.order_margin),
            "maintMargin": minor(exposure.position_margin + exposure.unrealised),
            "realisedPnl": minor(earned.net()),
            "unrealisedPnl": minor(exposure.unrealised),
            "unrealisedPnlPcnt": optional(percent.map(|p| p.round_dp(PRICE_SCALE))),
            "unrealisedRoePcnt": optional(percent.map(|p| (p * leverage).round_dp(PRICE_SCALE))),
            "avgCostPrice": optional(entry),
            "avgEntryPrice": optional(entry),
            "breakEvenPrice": optional(entry),
            "marginCallPrice": null,
            "liquidationPrice": null,
            "bankruptPrice": null,
            "timestamp": time(if is_open { call.now_ms() } else { position.updated.wall_us / 1000 }),
        });
        set_all(&mut row, valued);
        row
    }
}
