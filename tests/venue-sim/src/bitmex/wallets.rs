//! Money: margin and wallets per currency, the assets there are, and whose account it is.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::currencies::{CURRENCIES, Currency};
use super::errors::BitmexError;
use super::format::{number, time};
use super::realised::Session;
use super::render::account_number;
use super::{Bitmex, Call};
use crate::engine::Engine;

impl Bitmex {
    pub(super) fn margin(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        self.per_currency(call, margin_row)
    }

    pub(super) fn wallet(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        self.per_currency(call, |engine, call, currency| {
            let balance = engine.ledger.balance(call.account, currency.major);
            let session = Session::of(engine, call.account, currency.major, call.now);
            let amount = currency.minor_units(balance.free + balance.locked - session.net);
            let deposited = engine.ledger.deposited(call.account, currency.major);
            json!({
                "account": account_number(call.account),
                "currency": currency.minor,
                "deposited": currency.minor_units(deposited),
                "withdrawn": 0,
                "transferIn": 0,
                "transferOut": 0,
                "amount": amount,
                "pendingCredit": 0,
                "pendingDebit": 0,
                "confirmedDebit": 0,
                "timestamp": time(call.now_ms()),
            })
        })
    }

    pub(super) fn user(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let account = account_number(call.account);
        Ok(json!({
            "id": account,
            "username": format!("simulated-{account}"),
            "accountName": Value::Null,
            "isUser": true,
            "email": format!("simulated-{account}@example.invalid"),
            "created": "2020-08-10T08:00:00.000Z",
            "lastUpdated": time(call.now_ms()),
            "preferences": {},
            "TFAEnabled": "",
            "typ": "Individual",
        }))
    }

    pub(super) fn assets(&self, _call: &Call<'_>) -> Result<Value, BitmexError> {
        let asset = |currency: &Currency| {
            json!({
                "asset": currency.major,
                "currency": currency.minor,
                "majorCurrency": currency.major,
                "name": currency.name,
                "currencyType": "Crypto",
                "scale": currency.scale,
                "enabled": true,
                "isMarginCurrency": currency.is_margin,
                "memoRequired": false,
                "networks": [],
            })
        };
        Ok(CURRENCIES.iter().map(asset).collect())
    }

    /// One currency, the XBT wallet by default, or `all` that the account has.
    fn per_currency(
        &self,
        call: &Call<'_>,
        row: fn(&Engine, &Call<'_>, &Currency) -> Value,
    ) -> Result<Value, BitmexError> {
        let wanted = call
            .params
            .text("currency")
            .unwrap_or_else(|| "XBt".to_owned());
        self.exchange.with(|engine| {
            if wanted == "all" {
                let owned: Vec<&str> = engine
                    .ledger
                    .balances(call.account)
                    .map(|(asset, _)| asset)
                    .collect();
                let has = |currency: &&Currency| owned.contains(&currency.major);
                let owned = CURRENCIES.iter().filter(has);
                return Ok(owned.map(|currency| row(engine, call, currency)).collect());
            }
            Currency::of_minor(&wanted)
                .map(|currency| row(engine, call, currency))
                .ok_or_else(|| BitmexError::invalid("currency"))
        })
    }
}

fn margin_row(engine: &Engine, call: &Call<'_>, currency: &Currency) -> Value {
    let wallet = engine.wallet(call.account, currency.major);
    let locked = engine.ledger.balance(call.account, currency.major).locked;
    let minor = |amount: Decimal| currency.minor_units(amount);
    let balance = wallet.balance + locked;
    let session = Session::of(engine, call.account, currency.major, call.now);
    let equity = balance + wallet.unrealised;
    let used = (wallet.position_margin + wallet.order_margin + locked)
        .checked_div(equity)
        .unwrap_or_default();
    let leverage = wallet
        .maintenance_base
        .checked_div(equity)
        .unwrap_or_default();
    json!({
        "account": account_number(call.account),
        "currency": currency.minor,
        "riskLimit": 1_000_000_000_000_i64,
        "state": "",
        "amount": minor(balance - session.net),
        "grossComm": minor(session.fees),
        "grossOpenCost": minor(wallet.order_margin + locked),
        "grossMarkValue": minor(wallet.maintenance_base),
        "riskValue": minor(wallet.maintenance_base),
        "initMargin": minor(wallet.order_margin + locked),
        "maintMargin": minor(wallet.position_margin),
        "targetExcessMargin": 0,
        "realisedPnl": minor(session.net),
        "unrealisedPnl": minor(wallet.unrealised),
        "walletBalance": minor(balance),
        "marginBalance": minor(equity),
        "marginLeverage": number(leverage.round_dp(8)),
        "marginUsedPcnt": number(used.round_dp(4)),
        "excessMargin": minor(wallet.available()),
        "availableMargin": minor(wallet.available()),
        "withdrawableMargin": minor(wallet.available()),
        "makerFeeDiscount": 0,
        "takerFeeDiscount": 0,
        "timestamp": time(call.now_ms()),
    })
}
