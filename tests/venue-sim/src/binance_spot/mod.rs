//! Binance's spot REST API, version 3.

mod account;
mod exchange_info;
mod filters;
mod klines;
mod market_data;
mod order_entry;
mod orders;
mod render;
mod replace;
mod routes;
mod tickers;

use std::sync::Arc;

use crate::binance::ApiError;
use crate::binance::access::Access;
use crate::binance::format::TimeUnit;
use crate::binance::limits::{OrderInterval, RateLimiter, Rules, UsedWeight};
use crate::binance::params::Params;
use crate::binance::reply::Reply;
use crate::clock::Stamp;
use crate::config::{AccountConfig, Settings};
use crate::engine::{AccountId, Fees};
use crate::exchange::Exchange;
use crate::server::{Answer, Protocol, RawRequest, Shared};
use crate::sim::StartError;
use routes::{Route, Security};

/// Where the API lives.
const PREFIX: &str = "/api/";

/// The spot protocol over one market.
#[derive(Debug)]
pub struct BinanceSpot {
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
    unit: TimeUnit,
    settings: &'a Settings,
}

impl BinanceSpot {
    /// The protocol over a market, for these accounts.
    ///
    /// # Errors
    /// [`StartError::Key`] when a configured public key cannot be read.
    pub fn new(
        shared: Arc<Shared>,
        exchange: Exchange,
        accounts: &[AccountConfig],
        seed: u64,
    ) -> Result<Self, StartError> {
        Ok(Self {
            shared,
            exchange,
            access: Access::new(accounts, seed)?,
            limiter: RateLimiter::default(),
        })
    }

    fn admitted(
        &self,
        request: &RawRequest,
        route: &Route,
        params: &Params,
        settings: &Settings,
    ) -> Result<(Reply, AccountId), ApiError> {
        let unit = time_unit(request)?;
        let account = match route.security {
            Security::Public => AccountId(0),
            Security::Signed => self.access.authenticate(request, params, &self.shared)?,
        };
        let call = Call {
            params,
            account,
            now: self.shared.clock.now(),
            unit,
            settings,
        };
        (route.handler)(self, &call).map(|reply| (reply, account))
    }

    fn answered(&self, used: UsedWeight, answer: Answer) -> Answer {
        let used = used.0.to_string();
        answer
            .with("x-mbx-uuid", &self.access.uuid())
            .with("x-mbx-used-weight", &used)
            .with("x-mbx-used-weight-1m", &used)
    }
}

impl Protocol for BinanceSpot {
    fn serves(&self, path: &str) -> bool {
        path.starts_with(PREFIX)
    }

    fn handle(&self, request: &RawRequest) -> Answer {
        let route = match routes::find(&request.method, &request.path) {
            Ok(route) => route,
            Err(answer) => return answer,
        };
        let settings = self.shared.settings();
        let parsed = Params::parse(request);
        let weight = parsed.as_ref().map_or(1, route.weight);
        let now_ms = self.shared.clock.now().wall_us / 1000;
        let (used, charged) =
            self.limiter
                .charge(&Rules::from(&settings.limits), request.peer, weight, now_ms);
        let outcome = charged
            .and(parsed)
            .and_then(|params| self.admitted(request, route, &params, &settings));
        match outcome {
            Ok((reply, account)) => {
                let answer = self.answered(used, Answer::json(reply.status, reply.body));
                if !reply.counts_orders {
                    return answer;
                }
                let mut answer = answer;
                for interval in [OrderInterval::TenSeconds, OrderInterval::Day] {
                    let count = self.limiter.orders(account, interval, now_ms).to_string();
                    answer = answer.with(interval.header(), &count);
                }
                answer
            }
            Err(error) => self.answered(used, error.answer()),
        }
    }

    fn error_body(&self, status: u16) -> String {
        let settings = self.shared.settings();
        let now_ms = self.shared.clock.now().wall_us / 1000;
        let rules = Rules::from(&settings.limits);
        match status {
            418 => rules.banned_from(now_ms),
            429 => rules.overweight(),
            504 => ApiError::new(-1007, UNKNOWN_OUTCOME),
            403 => return "<html><body>403 Forbidden</body></html>".to_owned(),
            503 => ApiError::new(-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
            _ => ApiError::new(-1001, "Internal error; unable to process your request. Please try again."),
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
        "spot"
    }

    fn fees(&self, settings: &Settings) -> Fees {
        spot_fees(settings)
    }
}

/// What trading costs on the spot market.
pub(crate) fn spot_fees(settings: &Settings) -> Fees {
    Fees {
        maker: settings.maker_fee,
        taker: settings.taker_fee,
    }
}

const UNKNOWN_OUTCOME: &str = "Timeout waiting for response from backend server. Send status unknown; execution status unknown.";

fn time_unit(request: &RawRequest) -> Result<TimeUnit, ApiError> {
    match request
        .header("x-mbx-time-unit")
        .map(str::to_ascii_uppercase)
        .as_deref()
    {
        None | Some("MILLISECOND") => Ok(TimeUnit::Milliseconds),
        Some("MICROSECOND") => Ok(TimeUnit::Microseconds),
        Some(_) => Err(ApiError::new(
            -1194,
            "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
        )),
    }
}
