//! Binance's futures REST APIs: USD-M (`/fapi`) and COIN-M (`/dapi`), one implementation for both.
//!
//! What differs is written down in a [`Dialect`]; what they share with spot is in [`crate::binance`].

mod account;
mod algo;
mod algo_entry;
mod amend;
mod batch;
pub mod coinm;
mod dialect;
mod exchange_info;
mod filters;
mod history;
mod market_data;
mod order_entry;
mod orders;
mod positions;
mod refusals;
mod render;
mod routes;
mod settings;
mod tickers;
pub mod usdm;

use std::sync::Arc;

pub use dialect::Dialect;

use crate::binance::ApiError;
use crate::binance::access::Access;
use crate::binance::limits::{RateLimiter, Rules, UsedWeight};
use crate::binance::params::Params;
use crate::binance::reply::Reply;
use crate::clock::Stamp;
use crate::config::{AccountConfig, Settings};
use crate::engine::{AccountId, Contract, Engine, Fees, Listing};
use crate::exchange::Exchange;
use crate::server::{Answer, Protocol, RawRequest, Shared};
use crate::sim::StartError;
use routes::{Route, Security};

const UNKNOWN_OUTCOME: &str = "Timeout waiting for response from backend server. Send status unknown; execution status unknown.";

/// One futures API over one market.
#[derive(Debug)]
pub struct BinanceFutures {
    dialect: &'static Dialect,
    shared: Arc<Shared>,
    exchange: Exchange,
    access: Access,
    limiter: RateLimiter,
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

impl BinanceFutures {
    /// The API over a market, for these accounts.
    ///
    /// # Errors
    /// [`StartError::Key`] when a configured public key cannot be read.
    pub fn new(
        dialect: &'static Dialect,
        shared: Arc<Shared>,
        exchange: Exchange,
        accounts: &[AccountConfig],
        seed: u64,
    ) -> Result<Self, StartError> {
        exchange.with(|engine| engine.refuses_unfillable = !dialect.coin_margined);
        Ok(Self {
            dialect,
            shared,
            exchange,
            access: Access::new(accounts, seed)?,
            limiter: RateLimiter::default(),
        })
    }

    fn rules(&self, settings: &Settings) -> Rules {
        Rules::futures((self.dialect.limits)(settings), &settings.limits)
    }

    fn admitted(
        &self,
        request: &RawRequest,
        route: &Route,
        params: &Params,
        settings: &Settings,
    ) -> Result<(Reply, AccountId), ApiError> {
        let account = match route.security {
            Security::Public => AccountId(0),
            Security::Signed => self.access.authenticate(request, params, &self.shared)?,
        };
        let call = Call {
            params,
            account,
            now: self.shared.clock.now(),
            settings,
        };
        self.exchange.with(|engine| engine.catch_up(call.now));
        let reply = (route.handler)(self, &call)?;
        // What the request traded may have set off what waits for a price.
        self.exchange.with(|engine| engine.catch_up(call.now));
        Ok((reply, account))
    }

    fn answered(&self, used: UsedWeight, answer: Answer) -> Answer {
        answer
            .with("x-mbx-uuid", &self.access.uuid())
            .with("x-mbx-used-weight-1m", &used.0.to_string())
    }
}

/// The listing of a symbol, and what makes it a contract.
fn contract<'e>(engine: &'e Engine, symbol: &str) -> Result<(&'e Listing, &'e Contract), ApiError> {
    engine
        .listing(symbol)
        .and_then(|listing| Some((listing, listing.instrument.contract.as_ref()?)))
        .ok_or_else(ApiError::invalid_symbol)
}

impl Protocol for BinanceFutures {
    fn serves(&self, path: &str) -> bool {
        path.strip_prefix(self.dialect.prefix)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    fn handle(&self, request: &RawRequest) -> Answer {
        let route = match routes::find(self.dialect, &request.method, &request.path) {
            Ok(route) => route,
            Err(answer) => return answer,
        };
        let settings = self.shared.settings();
        let rules = self.rules(&settings);
        let parsed = Params::parse(request);
        let weight = parsed.as_ref().map_or(1, route.weight);
        let now_ms = self.shared.clock.now().wall_us / 1000;
        let (used, charged) = self.limiter.charge(&rules, request.peer, weight, now_ms);
        let outcome = charged
            .and(parsed)
            .and_then(|params| self.admitted(request, route, &params, &settings));
        match outcome {
            Ok((reply, account)) => {
                let mut answer = self.answered(used, Answer::json(reply.status, reply.body));
                if reply.counts_orders {
                    for (interval, _) in &rules.orders {
                        let count = self.limiter.orders(account, *interval, now_ms).to_string();
                        answer = answer.with(interval.header(), &count);
                    }
                }
                answer
            }
            Err(error) => self.answered(used, error.answer()),
        }
    }

    fn error_body(&self, status: u16) -> String {
        let rules = self.rules(&self.shared.settings());
        let now_ms = self.shared.clock.now().wall_us / 1000;
        match status {
            418 => rules.banned_from(now_ms),
            429 => rules.overweight(),
            408 | 504 => ApiError::new(-1007, UNKNOWN_OUTCOME),
            403 => return "<html><body>403 Forbidden</body></html>".to_owned(),
            503 => ApiError::new(
                -1001,
                "Internal error; unable to process your request. Please try again.",
            ),
            _ => ApiError::new(
                -1000,
                "An unknown error occured while processing the request.",
            ),
        }
        .body()
    }

    fn unknown_outcome_body(&self) -> String {
        ApiError::new(-1007, UNKNOWN_OUTCOME).body()
    }

    fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    fn market(&self) -> &'static str {
        self.dialect.market
    }

    fn fees(&self, settings: &Settings) -> Fees {
        futures_fees(settings)
    }
}

/// What trading costs on both futures markets.
pub(crate) fn futures_fees(settings: &Settings) -> Fees {
    Fees {
        maker: settings.futures_maker_fee,
        taker: settings.futures_taker_fee,
    }
}
