//! Positions, in the several shapes in which Binance shows them.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::account::MAINTENANCE;
use super::render::{average_price, set};
use super::{BinanceFutures, Call, Reply, contract};
use crate::binance::ApiError;
use crate::binance::format::{amount, fixed};
use crate::engine::{AccountId, Contract, Engine, Exposure, Listing, Phase, Position};

/// The largest position that margin tiers would allow; nothing enforces it.
const LARGEST_NOTIONAL: &str = "100000000";

/// Which generation of the API asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V2,
    V3,
    Coin,
}

/// Everything there is to say about one position.
struct View<'e> {
    listing: &'e Listing,
    contract: &'e Contract,
    position: Position,
    exposure: Exposure,
    leverage: u32,
}

impl<'e> View<'e> {
    fn of(engine: &'e Engine, account: AccountId, symbol: &str) -> Option<Self> {
        let (listing, contract) = contract(engine, symbol).ok()?;
        Some(Self {
            listing,
            contract,
            position: engine.position(account, symbol),
            exposure: engine.exposure(account, symbol),
            leverage: engine.leverage(account, symbol),
        })
    }

    /// Whether there is anything to it: a position or an order.
    fn is_live(&self) -> bool {
        let open = self.exposure.bids + self.exposure.asks;
        !self.position.quantity.is_zero() || !open.is_zero()
    }

    fn quantity(&self) -> String {
        fixed(self.position.quantity, self.contract.quantity_precision)
    }

    fn entry(&self) -> String {
        average_price(
            self.contract,
            self.position.entry_price(self.contract.payoff),
        )
    }

    /// Binance's notional is negative when short.
    fn notional(&self) -> String {
        amount(self.exposure.notional)
    }

    fn maintenance(&self) -> String {
        amount(self.exposure.notional.abs() * MAINTENANCE)
    }

    fn updated_ms(&self) -> i64 {
        self.position.updated.wall_us / 1000
    }

    fn risk(&self, version: Version) -> Value {
        let zero = amount(Decimal::ZERO);
        let mut body = json!({
            "symbol": self.listing.instrument.symbol,
            "positionSide": "BOTH",
            "positionAmt": self.quantity(),
            "entryPrice": self.entry(),
            "breakEvenPrice": self.entry(),
            "markPrice": amount(self.listing.mark()),
            "unRealizedProfit": amount(self.exposure.unrealised),
            "liquidationPrice": "0",
            "isolatedMargin": zero,
            "updateTime": self.updated_ms(),
        });
        let Some(fields) = body.as_object_mut() else {
            return body;
        };
        if version != Version::Coin {
            set(fields, "notional", self.notional());
            set(fields, "isolatedWallet", "0");
        } else {
            set(fields, "notionalValue", self.notional());
            set(fields, "maxQty", LARGEST_NOTIONAL);
        }
        if version == Version::V3 {
            set(fields, "marginAsset", self.contract.margin_asset.as_str());
            set(fields, "initialMargin", amount(self.exposure.margin()));
            set(fields, "maintMargin", self.maintenance());
            set(
                fields,
                "positionInitialMargin",
                amount(self.exposure.position_margin),
            );
            set(
                fields,
                "openOrderInitialMargin",
                amount(self.exposure.order_margin),
            );
            set(fields, "adl", 0);
            set(fields, "bidNotional", amount(self.exposure.bids));
            set(fields, "askNotional", amount(self.exposure.asks));
        } else {
            set(fields, "marginType", "cross");
            set(fields, "isAutoAddMargin", "false");
            set(fields, "leverage", self.leverage.to_string());
        }
        if version == Version::V2 {
            set(fields, "maxNotionalValue", LARGEST_NOTIONAL);
        }
        body
    }

    fn in_account(&self, version: Version) -> Value {
        let mut body = json!({
            "symbol": self.listing.instrument.symbol,
            "positionSide": "BOTH",
            "positionAmt": self.quantity(),
            "unrealizedProfit": amount(self.exposure.unrealised),
            "initialMargin": amount(self.exposure.margin()),
            "maintMargin": self.maintenance(),
            "updateTime": self.updated_ms(),
        });
        let Some(fields) = body.as_object_mut() else {
            return body;
        };
        if version == Version::V3 {
            set(fields, "isolatedMargin", "0");
            set(fields, "isolatedWallet", "0");
            set(fields, "notional", self.notional());
            return body;
        }
        set(
            fields,
            "positionInitialMargin",
            amount(self.exposure.position_margin),
        );
        set(
            fields,
            "openOrderInitialMargin",
            amount(self.exposure.order_margin),
        );
        set(fields, "leverage", self.leverage.to_string());
        set(fields, "isolated", false);
        set(fields, "entryPrice", self.entry());
        set(fields, "breakEvenPrice", self.entry());
        if version == Version::Coin {
            set(fields, "maxQty", LARGEST_NOTIONAL);
            set(fields, "notionalValue", self.notional());
        } else {
            set(fields, "maxNotional", LARGEST_NOTIONAL);
            set(fields, "bidNotional", amount(self.exposure.bids));
            set(fields, "askNotional", amount(self.exposure.asks));
        }
        body
    }
}

/// The positions of an account; the third version leaves out those without position or order.
pub(super) fn account_positions(
    engine: &Engine,
    account: AccountId,
    version: Version,
) -> Vec<Value> {
    engine
        .listings()
        .filter_map(|listing| View::of(engine, account, &listing.instrument.symbol))
        .filter(|view| version != Version::V3 || view.is_live())
        .map(|view| view.in_account(version))
        .collect()
}

impl BinanceFutures {
    pub(super) fn position_risk(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let version = if self.dialect.coin_margined {
            Version::Coin
        } else {
            Version::V2
        };
        self.risk(call, version)
    }

    pub(super) fn position_risk_v3(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        self.risk(call, Version::V3)
    }

    fn risk(&self, call: &Call<'_>, version: Version) -> Result<Reply, ApiError> {
        let symbol = match version {
            Version::Coin => None,
            _ => call.params.optional_symbol()?,
        };
        let margin_asset = match version {
            Version::Coin => call.params.text("marginAsset")?,
            _ => None,
        };
        let pair = self.pair(call)?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            if let Some(symbol) = symbol {
                contract(engine, symbol)?;
            }
            let all = symbol.is_some() || pair.is_some() || margin_asset.is_some();
            let shown = engine
                .listings()
                .filter_map(|listing| View::of(engine, call.account, &listing.instrument.symbol))
                .filter(|view| {
                    let traded = view.contract.phase == Phase::Listed;
                    symbol.is_none_or(|symbol| view.listing.instrument.symbol == symbol)
                        && pair.is_none_or(|pair| view.contract.pair == pair)
                        && margin_asset.is_none_or(|asset| view.contract.margin_asset == asset)
                        && (all || traded || view.is_live())
                })
                .filter(|view| version != Version::V3 || view.is_live())
                .map(|view| view.risk(version));
            Reply::ok(&shown.collect::<Vec<_>>())
        })
    }
}
