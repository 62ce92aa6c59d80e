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

use std::sync::{Arc, Mutex, PoisonError};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::binance::ApiError;
use crate::binance::auth::Keyring;
use crate::binance::format::TimeUnit;
use crate::binance::limits::{self, RateLimiter, UsedWeight};
use crate::binance::params::Params;
use crate::binance::timing::Window;
use crate::clock::Stamp;
use crate::config::{AccountConfig, Settings};
use crate::engine::AccountId;
use crate::exchange::Exchange;
use crate::server::{Answer, Protocol, RawRequest, Shared};
use crate::sim::StartError;
use routes::{Route, Security};

/// Where the API lives.
const PREFIX: &str = "/api/";
/// Length of the client ids that Binance makes up.
const GENERATED_ID_LENGTH: usize = 22;

/// The spot protocol over one market.
#[derive(Debug)]
pub struct BinanceSpot {
    shared: Arc<Shared>,
    exchange: Exchange,
    keyring: Keyring,
    limiter: RateLimiter,
    rng: Mutex<ChaCha8Rng>,
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

/// What an endpoint answers.
#[derive(Debug)]
struct Reply {
    status: u16,
    body: String,
    counts_orders: bool,
}

impl Reply {
    fn ok(body: &impl Serialize) -> Result<Self, ApiError> {
        Self::with_status(200, body)
    }

    fn with_status(status: u16, body: &impl Serialize) -> Result<Self, ApiError> {
        let unwritable = |_| {
            ApiError::new(
                -1000,
                "An unknown error occurred while processing the request.",
            )
        };
        let body = serde_json::to_string(body).map_err(unwritable)?;
        Ok(Self {
            status,
            body,
            counts_orders: false,
        })
    }

    fn counting_orders(self) -> Self {
        Self {
            counts_orders: true,
            ..self
        }
    }
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
            keyring: Keyring::new(accounts)?,
            limiter: RateLimiter::default(),
            rng: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
        })
    }

    /// A client id for an order whose sender gave none.
    fn generated_id(&self) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        (0..GENERATED_ID_LENGTH)
            .filter_map(|_| {
                ALPHABET
                    .get(rng.random_range(0..ALPHABET.len()))
                    .map(|byte| char::from(*byte))
            })
            .collect()
    }

    fn uuid(&self) -> String {
        let mut bytes = [0_u8; 16];
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(&mut bytes);
        let hex = data_encoding::HEXLOWER.encode(&bytes);
        let cut = |range| hex.get(range).unwrap_or_default();
        format!(
            "{}-{}-{}-{}-{}",
            cut(0..8),
            cut(8..12),
            cut(12..16),
            cut(16..20),
            cut(20..32)
        )
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
            Security::Signed => self.authenticate(request, params, settings)?,
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

    /// Checks key, window and signature, in the order in which Binance does.
    fn authenticate(
        &self,
        request: &RawRequest,
        params: &Params,
        settings: &Settings,
    ) -> Result<AccountId, ApiError> {
        self.keyring.account(request)?;
        params.required("signature")?;
        let window = Window::read(params)?;
        window.check(request.arrived.wall_us)?;
        let account = self.keyring.verify(request)?;
        if settings.recheck_window_before_execution {
            window.check(self.shared.clock.now().wall_us)?;
        }
        Ok(account)
    }

    fn answered(&self, used: UsedWeight, answer: Answer) -> Answer {
        let used = used.0.to_string();
        answer
            .with("x-mbx-uuid", &self.uuid())
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
        let (used, charged) = self
            .limiter
            .charge(&settings.limits, request.peer, weight, now_ms);
        let outcome = charged
            .and(parsed)
            .and_then(|params| self.admitted(request, route, &params, &settings));
        match outcome {
            Ok((reply, account)) => {
                let answer = self.answered(used, Answer::json(reply.status, reply.body));
                if !reply.counts_orders {
                    return answer;
                }
                let count = self.limiter.orders(account, now_ms);
                answer
                    .with("x-mbx-order-count-10s", &count.in_10s.to_string())
                    .with("x-mbx-order-count-1d", &count.in_1d.to_string())
            }
            Err(error) => self.answered(used, error.answer()),
        }
    }

    fn error_body(&self, status: u16) -> String {
        let settings = self.shared.settings();
        let now_ms = self.shared.clock.now().wall_us / 1000;
        let ban_ms = i64::try_from(settings.limits.ban_ms).unwrap_or(i64::MAX);
        match status {
            418 => limits::banned(now_ms.saturating_add(ban_ms), now_ms),
            429 => limits::overweight(&settings.limits),
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
