//! Wallets: the account and its balances.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::positions::Version;
use super::render::set;
use super::{BinanceFutures, Call, Reply};
use crate::binance::ApiError;
use crate::binance::format::amount;
use crate::engine::{AccountId, Engine, Wallet};

/// Maintenance margin as a fraction of what a position is worth; nothing is ever liquidated.
pub(super) const MAINTENANCE: Decimal = Decimal::from_parts(4, 0, 0, false, 3);

impl BinanceFutures {
    pub(super) fn account_v2(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.account(call, Version::V2)
    }

    pub(super) fn account_v3(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.account(call, Version::V3)
    }

    pub(super) fn account_coinm(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.account(call, Version::Coin)
    }

    fn account(&self, call: &Call<'_>, version: Version) -> Result<Reply, ApiError> {
        call.params.finish()?;
        self.exchange.with(|engine| {
            let mut body = Map::new();
            let mut total = Wallet::default();
            let mut assets = Vec::new();
            for asset in margin_assets(engine, call.account) {
                let wallet = engine.wallet(call.account, &asset);
                // In single-asset mode the totals are those of USDT.
                if asset == "USDT" {
                    total = wallet;
                }
                assets.push(asset_json(call, &asset, &wallet, version));
            }
            if version != Version::Coin {
                for (name, value) in wallet_fields(&total) {
                    let mut letters = name.chars();
                    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
                    let capital: String = first.into_iter().chain(letters).collect();
                    let name = match name {
                        "availableBalance" | "maxWithdrawAmount" => name.to_owned(),
                        _ => format!("total{capital}"),
                    };
                    set(&mut body, &name, value);
                }
            }
            if version != Version::V3 {
                for name in ["canTrade", "canDeposit", "canWithdraw"] {
                    set(&mut body, name, true);
                }
                set(&mut body, "feeTier", 0);
                set(&mut body, "updateTime", 0);
            }
            if version == Version::V2 {
                set(&mut body, "feeBurn", true);
                set(&mut body, "multiAssetsMargin", false);
                set(&mut body, "tradeGroupId", -1);
            }
            set(&mut body, "assets", assets);
            let positions = super::positions::account_positions(engine, call.account, version);
            set(&mut body, "positions", positions);
            Reply::ok(&body)
        })
    }

    pub(super) fn balance(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.finish()?;
        self.exchange.with(|engine| {
            let shown = margin_assets(engine, call.account)
                .into_iter()
                .map(|asset| {
                    let wallet = engine.wallet(call.account, &asset);
                    let mut body = json!({
                        "accountAlias": "SgsR",
                        "asset": asset,
                        "balance": amount(wallet.balance),
                        "crossWalletBalance": amount(wallet.balance),
                        "crossUnPnl": amount(wallet.unrealised),
                        "availableBalance": amount(wallet.available()),
                        "updateTime": call.now_ms(),
                    });
                    if let Some(fields) = body.as_object_mut() {
                        let free = amount(withdrawable(&wallet));
                        if self.dialect.coin_margined {
                            set(fields, "withdrawAvailable", free);
                        } else {
                            set(fields, "maxWithdrawAmount", free);
                            set(fields, "marginAvailable", true);
                        }
                    }
                    body
                });
            Reply::ok(&shown.collect::<Vec<_>>())
        })
    }

    pub(super) fn account_config(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        call.params.finish()?;
        Reply::ok(&json!({
            "feeTier": 0,
            "canTrade": true,
            "canDeposit": true,
            "canWithdraw": true,
            "dualSidePosition": false,
            "updateTime": 0,
            "multiAssetsMargin": false,
            "tradeGroupId": -1,
        }))
    }
}

/// Assets that contracts are margined in, and any other that the account has.
fn margin_assets(engine: &Engine, account: AccountId) -> BTreeSet<String> {
    let margins = engine.listings().filter_map(|listing| {
        let contract = listing.instrument.contract.as_ref()?;
        Some(contract.margin_asset.clone())
    });
    let held = engine.ledger.balances(account);
    margins
        .chain(held.map(|(asset, _)| asset.to_owned()))
        .collect()
}

/// What can be taken out: profit that is not realised yet cannot.
fn withdrawable(wallet: &Wallet) -> Decimal {
    wallet.available().min(wallet.balance).max(Decimal::ZERO)
}

fn wallet_fields(wallet: &Wallet) -> [(&'static str, String); 11] {
    let maintenance = wallet.maintenance_base * MAINTENANCE;
    [
        ("walletBalance", wallet.balance),
        ("unrealizedProfit", wallet.unrealised),
        ("marginBalance", wallet.balance + wallet.unrealised),
        ("maintMargin", maintenance),
        (
            "initialMargin",
            wallet.position_margin + wallet.order_margin,
        ),
        ("positionInitialMargin", wallet.position_margin),
        ("openOrderInitialMargin", wallet.order_margin),
        ("crossWalletBalance", wallet.balance),
        ("crossUnPnl", wallet.unrealised),
        ("availableBalance", wallet.available()),
        ("maxWithdrawAmount", withdrawable(wallet)),
    ]
    .map(|(name, value)| (name, amount(value)))
}

fn asset_json(call: &Call<'_>, asset: &str, wallet: &Wallet, version: Version) -> Value {
    let mut fields = Map::new();
    set(&mut fields, "asset", asset);
    for (name, value) in wallet_fields(wallet) {
        set(&mut fields, name, value);
    }
    if version == Version::V2 {
        set(&mut fields, "marginAvailable", true);
    }
    set(&mut fields, "updateTime", call.now_ms());
    Value::Object(fields)
}
