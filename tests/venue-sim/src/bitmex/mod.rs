//! BitMEX's REST API (`/api/v1`): contracts and spot pairs on one market, with wallets shared by both.
//!
//! The engine counts assets whole and contracts as contracts; [`currencies`] and [`sizes`] turn that into the minor
//! units and signs of the wire.

mod auth;
mod currencies;
mod entry;
mod errors;
mod executions;
mod format;
mod ids;
mod instruments;
mod limits;
mod listings;
mod market_data;
mod notes;
mod orders;
mod params;
mod positions;
mod realised;
mod render;
mod routes;
mod sizes;
mod tables;
mod wallets;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rust_decimal::Decimal;
use serde_json::{Value, json};

pub use listings::{bitmex_balances, bitmex_instruments};

use crate::clock::Stamp;
use crate::config::{AccountConfig, Settings};
use crate::engine::{AccountId, Fees, Order};
use crate::exchange::Exchange;
use crate::server::{Answer, Protocol, RawRequest, Shared};
use crate::sim::StartError;
use auth::Keyring;
use errors::{BitmexError, OVERLOADED};
use ids::Ids;
use limits::{Caller, RateLimiter, Usage};
use notes::Notes;
use params::Params;
use routes::Route;

const PREFIX: &str = "/api/v1";
/// Leverage of cross margin: what the initial margin allows.
const CROSS_LEVERAGE: u32 = 100;

/// The API over one market.
#[derive(Debug)]
pub struct Bitmex {
    shared: Arc<Shared>,
    exchange: Exchange,
    keyring: Keyring,
    limiter: RateLimiter,
    ids: Ids,
    notes: Notes,
    /// Leverage where an account has chosen isolated margin.
    isolated: Mutex<BTreeMap<(AccountId, String), Decimal>>,
}

/// One request, read and admitted.
#[derive(Debug)]
struct Call<'a> {
    params: &'a Params,
    account: AccountId,
    now: Stamp,
    settings: &'a Settings,
}

impl Call<'_> {
    fn now_ms(&self) -> i64 {
        self.now.wall_us / 1000
    }
}

impl Bitmex {
    /// The API over a market, for these accounts.
    ///
    /// # Errors
    /// [`StartError::Key`] when an account has a key other than a shared secret.
    pub fn new(
        shared: Arc<Shared>,
        exchange: Exchange,
        accounts: &[AccountConfig],
        seed: u64,
    ) -> Result<Self, StartError> {
        exchange.with(|engine| {
            engine.expires_unwanted = true;
            engine.default_leverage = CROSS_LEVERAGE;
            engine.fee_scales = currencies::CURRENCIES
                .iter()
                .map(|currency| (currency.major.to_owned(), currency.scale))
                .collect();
        });
        Ok(Self {
            shared,
            exchange,
            keyring: Keyring::new(accounts)?,
            limiter: RateLimiter::default(),
            ids: Ids::new(seed),
            notes: Notes::default(),
            isolated: Mutex::default(),
        })
    }

    fn api_info(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        Ok(json!({ "name": "BitMEX API", "version": "2.0.0", "timestamp": call.now_ms() }))
    }

    fn authenticated(
        &self,
        request: &RawRequest,
        settings: &Settings,
    ) -> Result<Option<AccountId>, BitmexError> {
        let account = self
            .keyring
            .authenticate(request, request.arrived.wall_us)?;
        if settings.recheck_window_before_execution {
            let now_us = self.shared.clock.now().wall_us;
            self.keyring.authenticate(request, now_us)?;
        }
        Ok(account)
    }

    fn answered(
        &self,
        request: &RawRequest,
        route: &Route,
        settings: &Settings,
        account: Option<AccountId>,
    ) -> Result<Value, BitmexError> {
        if route.needs_key && account.is_none() {
            return Err(BitmexError::http(401, "Authorization Required"));
        }
        let params = Params::parse(request)?;
        let call = Call {
            params: &params,
            account: account.unwrap_or(AccountId(0)),
            now: self.shared.clock.now(),
            settings,
        };
        self.exchange.with(|engine| engine.catch_up(call.now));
        (route.handler)(self, &call)
    }
}

fn with_usage(answer: Answer, usage: Usage) -> Answer {
    let answer = answer
        .with("x-ratelimit-limit", &usage.limit.to_string())
        .with("x-ratelimit-remaining", &usage.remaining.to_string())
        .with("x-ratelimit-reset", &usage.reset_s.to_string());
    match usage.remaining_1s {
        Some(left) => answer.with("x-ratelimit-remaining-1s", &left.to_string()),
        None => answer,
    }
}

impl Protocol for Bitmex {
    fn serves(&self, path: &str) -> bool {
        path.strip_prefix(PREFIX)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn handle(&self, request: &RawRequest) -> Answer {
        let rest = request.path.strip_prefix(PREFIX).unwrap_or_default();
        let Some(route) = routes::find(&request.method, rest) else {
            return BitmexError::not_found().answer();
        };
        let settings = self.shared.settings();
        let authenticated = self.authenticated(request, &settings);
        let caller = match &authenticated {
            Ok(Some(account)) => Caller::Account(*account),
            _ => Caller::Address(request.peer),
        };
        let now = self.shared.clock.now();
        let usage = self
            .limiter
            .charge(&settings.bitmex_limits, caller, route.is_order, now);
        let outcome = match usage.refused {
            Some(seconds) => Err(BitmexError::limited(seconds)),
            None => {
                authenticated.and_then(|account| self.answered(request, route, &settings, account))
            }
        };
        let answer = match outcome {
            Ok(body) => Answer::json(200, body.to_string()),
            Err(error) => error.answer(),
        };
        with_usage(answer, usage)
    }

    fn error_body(&self, status: u16) -> String {
        match status {
            401 => BitmexError::http(status, "Invalid API Key."),
            403 => BitmexError::http(status, "Access Denied"),
            404 => BitmexError::not_found(),
            429 => BitmexError::limited(1),
            503 => BitmexError::http(status, OVERLOADED),
            _ => BitmexError::http(status, "Server Error"),
        }
        .body()
    }

    fn unknown_outcome_body(&self) -> String {
        BitmexError::http(500, "Server Error").body()
    }

    fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    fn market(&self) -> &'static str {
        "bitmex"
    }

    fn order_name(&self, order: &Order) -> String {
        self.ids.order(order.id)
    }

    fn fees(&self, settings: &Settings) -> Fees {
        bitmex_fees(settings)
    }
}

/// What trading costs.
pub(crate) fn bitmex_fees(settings: &Settings) -> Fees {
    Fees {
        maker: settings.bitmex_maker_fee,
        taker: settings.bitmex_taker_fee,
    }
}
