//! What a simulated venue is started with, and what can be changed while it runs.

use std::net::{Ipv4Addr, SocketAddr};

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};

use crate::bitmex::{bitmex_balances, bitmex_instruments};
use crate::clock::ClockMode;
use crate::engine::Instrument;
use crate::market::{
    coinm_balances, coinm_instruments, default_balances, default_instruments, usdm_balances,
    usdm_instruments,
};

/// The API key of the default account. It exists in the simulator only.
pub const SIMULATOR_ONLY_API_KEY: &str =
    "switchyardSimulatorOnlyKey0000000000000000000000000000000000000";
/// The secret of the default account. It exists in the simulator only and protects nothing.
pub const SIMULATOR_ONLY_SECRET: &str =
    "switchyardSimulatorOnlySecret0000000000000000000000000000000000";

/// What a client signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Sent in the open.
    pub api_key: String,
    /// Never sent.
    pub secret: String,
}

/// What the venue verifies a key's signatures with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyMaterial {
    /// HMAC-SHA256 with a shared secret.
    Hmac(String),
    /// An Ed25519 public key: PEM, or base64 of the 32 raw bytes.
    Ed25519(String),
    /// An RSA public key in PEM (PKCS#1 v1.5 signatures over SHA-256).
    Rsa(String),
}

/// An API key of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The key as it is sent.
    pub key: String,
    /// How its signatures are verified.
    pub material: KeyMaterial,
}

/// An account at the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountConfig {
    /// What the truth listing calls it.
    pub name: String,
    /// Keys that act for it.
    pub keys: Vec<ApiKey>,
    /// What it owns on the spot market at the start.
    pub balances: Vec<(String, Decimal)>,
}

impl AccountConfig {
    /// An account with one HMAC key and the default balances.
    #[must_use]
    pub fn with_secret(name: &str, credentials: &Credentials) -> Self {
        let material = KeyMaterial::Hmac(credentials.secret.clone());
        Self {
            name: name.to_owned(),
            keys: vec![ApiKey {
                key: credentials.api_key.clone(),
                material,
            }],
            balances: default_balances(),
        }
    }
}

/// Which exchange a venue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VenueKind {
    /// Binance: spot, USD-M and COIN-M, each with a market of its own.
    #[default]
    Binance,
    /// BitMEX: one market of contracts and spot pairs.
    Bitmex,
}

/// Everything a venue is started with.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Seed of the market, of generated ids and of faults without a seed of their own.
    pub seed: u64,
    /// Which exchange it is.
    pub venue: VenueKind,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where time comes from.
    pub clock: ClockMode,
    /// Key and secret of the default account.
    pub credentials: Credentials,
    /// Accounts beside the default one.
    pub more_accounts: Vec<AccountConfig>,
    /// What the default account owns on the spot market.
    pub balances: Vec<(String, Decimal)>,
    /// What is traded on the spot market.
    pub instruments: Vec<Instrument>,
    /// What is traded on the USD-M futures market.
    pub usdm_instruments: Vec<Instrument>,
    /// What is traded on the COIN-M futures market.
    pub coinm_instruments: Vec<Instrument>,
    /// What every account has in its USD-M wallet.
    pub usdm_balances: Vec<(String, Decimal)>,
    /// What every account has in its COIN-M wallet.
    pub coinm_balances: Vec<(String, Decimal)>,
    /// What is traded on BitMEX.
    pub bitmex_instruments: Vec<Instrument>,
    /// What every account has in its BitMEX wallets.
    pub bitmex_balances: Vec<(String, Decimal)>,
    /// Behaviour that can change while the venue runs.
    pub settings: Settings,
    /// Milliseconds between market steps; `None` keeps the market still unless it is stepped.
    pub market_interval_ms: Option<u64>,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            venue: VenueKind::Binance,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock: ClockMode::System,
            credentials: Credentials {
                api_key: SIMULATOR_ONLY_API_KEY.to_owned(),
                secret: SIMULATOR_ONLY_SECRET.to_owned(),
            },
            more_accounts: Vec::new(),
            balances: default_balances(),
            instruments: default_instruments(),
            usdm_instruments: usdm_instruments(),
            coinm_instruments: coinm_instruments(),
            usdm_balances: usdm_balances(),
            coinm_balances: coinm_balances(),
            bitmex_instruments: bitmex_instruments(),
            bitmex_balances: bitmex_balances(),
            settings: Settings::default(),
            market_interval_ms: None,
        }
    }
}

impl SimConfig {
    /// The defaults of a venue that is BitMEX.
    #[must_use]
    pub fn bitmex() -> Self {
        Self {
            venue: VenueKind::Bitmex,
            ..Self::default()
        }
    }
}

/// Rate limits and what follows when they are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Request weight per address and minute.
    pub request_weight_1m: u64,
    /// Requests per address and five minutes.
    pub raw_requests_5m: u64,
    /// Orders per account and ten seconds.
    pub orders_10s: u64,
    /// Orders per account and day.
    pub orders_1d: u64,
    /// Requests refused with 429 before the address is banned with 418.
    pub ban_after: u64,
    /// How long a ban lasts.
    pub ban_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_weight_1m: 6_000,
            raw_requests_5m: 61_000,
            orders_10s: 100,
            orders_1d: 200_000,
            ban_after: 10,
            ban_ms: 120_000,
        }
    }
}

/// Rate limits of a futures API. What follows when they are ignored is as in [`Limits`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FuturesLimits {
    /// Request weight per address and minute.
    pub request_weight_1m: u64,
    /// Orders per account and ten seconds; `None` where that is not limited.
    pub orders_10s: Option<u64>,
    /// Orders per account and minute.
    pub orders_1m: u64,
}

/// Rate limits of BitMEX and what follows when they are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BitmexLimits {
    /// Requests per account and minute, as a bucket that fills evenly.
    pub requests_1m: u64,
    /// Requests per address and minute without a key.
    pub public_requests_1m: u64,
    /// Requests per account and second that place, amend or cancel.
    pub orders_1s: u64,
    /// Requests refused in a row before the caller is banned.
    pub ban_after: u64,
    /// How long a ban lasts, in milliseconds.
    pub ban_ms: u64,
}

impl Default for BitmexLimits {
    fn default() -> Self {
        Self {
            requests_1m: 120,
            public_requests_1m: 30,
            orders_1s: 10,
            ban_after: 100,
            ban_ms: 3_600_000,
        }
    }
}

/// A change of [`BitmexLimits`]; absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BitmexLimitsPatch {
    /// See [`BitmexLimits::requests_1m`].
    pub requests_1m: Option<u64>,
    /// See [`BitmexLimits::public_requests_1m`].
    pub public_requests_1m: Option<u64>,
    /// See [`BitmexLimits::orders_1s`].
    pub orders_1s: Option<u64>,
    /// See [`BitmexLimits::ban_after`].
    pub ban_after: Option<u64>,
    /// See [`BitmexLimits::ban_ms`].
    pub ban_ms: Option<u64>,
}

impl BitmexLimits {
    fn apply(&mut self, patch: BitmexLimitsPatch) {
        set(&mut self.requests_1m, patch.requests_1m);
        set(&mut self.public_requests_1m, patch.public_requests_1m);
        set(&mut self.orders_1s, patch.orders_1s);
        set(&mut self.ban_after, patch.ban_after);
        set(&mut self.ban_ms, patch.ban_ms);
    }
}

/// Behaviour of the venue that can be changed while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// How far order and trade lookups lag the engine.
    pub lookup_lag_ms: u64,
    /// Age at which orders that ended without a fill are forgotten; `None` remembers for ever, on the futures
    /// markets for as long as Binance documents.
    pub forget_unfilled_after_ms: Option<u64>,
    /// Refuse a client id that an open order has.
    pub unique_open_client_ids: bool,
    /// Check a request's window a second time just before it executes, as well as on arrival.
    pub recheck_window_before_execution: bool,
    /// Fee fraction of the resting side.
    #[serde(with = "rust_decimal::serde::str")]
    pub maker_fee: Decimal,
    /// Fee fraction of the incoming side.
    #[serde(with = "rust_decimal::serde::str")]
    pub taker_fee: Decimal,
    /// Fee fraction of the resting side on both futures markets.
    #[serde(with = "rust_decimal::serde::str")]
    pub futures_maker_fee: Decimal,
    /// Fee fraction of the incoming side on both futures markets.
    #[serde(with = "rust_decimal::serde::str")]
    pub futures_taker_fee: Decimal,
    /// Rate limits.
    pub limits: Limits,
    /// Rate limits of USD-M futures.
    pub usdm_limits: FuturesLimits,
    /// Rate limits of COIN-M futures.
    pub coinm_limits: FuturesLimits,
    /// Fee fraction of the resting side on BitMEX.
    #[serde(with = "rust_decimal::serde::str")]
    pub bitmex_maker_fee: Decimal,
    /// Fee fraction of the incoming side on BitMEX.
    #[serde(with = "rust_decimal::serde::str")]
    pub bitmex_taker_fee: Decimal,
    /// Rate limits of BitMEX.
    pub bitmex_limits: BitmexLimits,
}

impl Default for Settings {
    fn default() -> Self {
        let tenth_of_a_percent = Decimal::new(1, 3);
        Self {
            lookup_lag_ms: 0,
            forget_unfilled_after_ms: None,
            unique_open_client_ids: true,
            recheck_window_before_execution: false,
            maker_fee: tenth_of_a_percent,
            taker_fee: tenth_of_a_percent,
            futures_maker_fee: Decimal::new(2, 4),
            futures_taker_fee: Decimal::new(4, 4),
            limits: Limits::default(),
            usdm_limits: FuturesLimits {
                request_weight_1m: 2_400,
                orders_10s: Some(300),
                orders_1m: 1_200,
            },
            coinm_limits: FuturesLimits {
                request_weight_1m: 2_400,
                orders_10s: None,
                orders_1m: 1_200,
            },
            bitmex_maker_fee: Decimal::new(2, 4),
            bitmex_taker_fee: Decimal::new(5, 4),
            bitmex_limits: BitmexLimits::default(),
        }
    }
}

/// A change of [`Settings`]; absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsPatch {
    /// See [`Settings::lookup_lag_ms`].
    pub lookup_lag_ms: Option<u64>,
    /// See [`Settings::forget_unfilled_after_ms`]; `null` remembers for ever.
    #[serde(deserialize_with = "present")]
    pub forget_unfilled_after_ms: Option<Option<u64>>,
    /// See [`Settings::unique_open_client_ids`].
    pub unique_open_client_ids: Option<bool>,
    /// See [`Settings::recheck_window_before_execution`].
    pub recheck_window_before_execution: Option<bool>,
    /// See [`Settings::maker_fee`].
    #[serde(with = "rust_decimal::serde::str_option")]
    pub maker_fee: Option<Decimal>,
    /// See [`Settings::taker_fee`].
    #[serde(with = "rust_decimal::serde::str_option")]
    pub taker_fee: Option<Decimal>,
    /// See [`Settings::futures_maker_fee`].
    #[serde(with = "rust_decimal::serde::str_option")]
    pub futures_maker_fee: Option<Decimal>,
    /// See [`Settings::futures_taker_fee`].
    #[serde(with = "rust_decimal::serde::str_option")]
    pub futures_taker_fee: Option<Decimal>,
    /// Changes to [`Settings::limits`].
    pub limits: Option<LimitsPatch>,
    /// Changes to [`Settings::usdm_limits`].
    pub usdm_limits: Option<FuturesLimitsPatch>,
    /// Changes to [`Settings::coinm_limits`].
    pub coinm_limits: Option<FuturesLimitsPatch>,
    /// See [`Settings::bitmex_maker_fee`].
    #[serde(with = "rust_decimal::serde::str_option")]
    pub bitmex_maker_fee: Option<Decimal>,
    /// See [`Settings::bitmex_taker_fee`].
    #[serde(with = "rust_decimal::serde::str_option")]
    pub bitmex_taker_fee: Option<Decimal>,
    /// Changes to [`Settings::bitmex_limits`].
    pub bitmex_limits: Option<BitmexLimitsPatch>,
}

/// A change of [`FuturesLimits`]; absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FuturesLimitsPatch {
    /// See [`FuturesLimits::request_weight_1m`].
    pub request_weight_1m: Option<u64>,
    /// See [`FuturesLimits::orders_10s`].
    pub orders_10s: Option<u64>,
    /// See [`FuturesLimits::orders_1m`].
    pub orders_1m: Option<u64>,
}

impl FuturesLimits {
    fn apply(&mut self, patch: FuturesLimitsPatch) {
        set(&mut self.request_weight_1m, patch.request_weight_1m);
        set(&mut self.orders_10s, patch.orders_10s.map(Some));
        set(&mut self.orders_1m, patch.orders_1m);
    }
}

/// A change of [`Limits`]; absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsPatch {
    /// See [`Limits::request_weight_1m`].
    pub request_weight_1m: Option<u64>,
    /// See [`Limits::raw_requests_5m`].
    pub raw_requests_5m: Option<u64>,
    /// See [`Limits::orders_10s`].
    pub orders_10s: Option<u64>,
    /// See [`Limits::orders_1d`].
    pub orders_1d: Option<u64>,
    /// See [`Limits::ban_after`].
    pub ban_after: Option<u64>,
    /// See [`Limits::ban_ms`].
    pub ban_ms: Option<u64>,
}

impl Settings {
    /// Takes over what the patch names.
    pub fn apply(&mut self, patch: SettingsPatch) {
        set(&mut self.lookup_lag_ms, patch.lookup_lag_ms);
        set(
            &mut self.forget_unfilled_after_ms,
            patch.forget_unfilled_after_ms,
        );
        set(
            &mut self.unique_open_client_ids,
            patch.unique_open_client_ids,
        );
        set(
            &mut self.recheck_window_before_execution,
            patch.recheck_window_before_execution,
        );
        set(&mut self.maker_fee, patch.maker_fee);
        set(&mut self.taker_fee, patch.taker_fee);
        set(&mut self.futures_maker_fee, patch.futures_maker_fee);
        set(&mut self.futures_taker_fee, patch.futures_taker_fee);
        set(&mut self.bitmex_maker_fee, patch.bitmex_maker_fee);
        set(&mut self.bitmex_taker_fee, patch.bitmex_taker_fee);
        if let Some(limits) = patch.bitmex_limits {
            self.bitmex_limits.apply(limits);
        }
        if let Some(limits) = patch.usdm_limits {
            self.usdm_limits.apply(limits);
        }
        if let Some(limits) = patch.coinm_limits {
            self.coinm_limits.apply(limits);
        }
        if let Some(limits) = patch.limits {
            set(&mut self.limits.request_weight_1m, limits.request_weight_1m);
            set(&mut self.limits.raw_requests_5m, limits.raw_requests_5m);
            set(&mut self.limits.orders_10s, limits.orders_10s);
            set(&mut self.limits.orders_1d, limits.orders_1d);
            set(&mut self.limits.ban_after, limits.ban_after);
            set(&mut self.limits.ban_ms, limits.ban_ms);
        }
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Tells a field that is `null` from one that is absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::<u64>::deserialize(deserializer).map(Some)
}
