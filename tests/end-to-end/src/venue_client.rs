//! Another client of the simulated venue's account, which signs for itself.

use data_encoding::HEXLOWER;
use reqwest::Method;
use ring::hmac;
use serde_json::Value;
use switchyard_venue_sim::{Credentials, VenueSim};

use crate::caller::{Answer, Caller};

/// A client that speaks to the venue and not to the gateway.
#[derive(Debug)]
pub struct VenueClient {
    caller: Caller,
    credentials: Credentials,
    now_ms: i64,
}

impl VenueClient {
    /// A client of the default account.
    pub fn of(sim: &VenueSim) -> Self {
        Self::with(sim, sim.credentials().clone())
    }

    /// A client of the account that has these credentials.
    pub fn with(sim: &VenueSim, credentials: Credentials) -> Self {
        Self {
            caller: Caller::anonymous(&sim.url()),
            credentials,
            now_ms: sim.control().now_ms(),
        }
    }

    /// Sends a signed request and gives the venue's own answer.
    pub async fn signed(&self, method: Method, path: &str, query: &str) -> Value {
        let query = format!("{query}&recvWindow=60000&timestamp={}", self.now_ms);
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.credentials.secret.as_bytes());
        let signature = HEXLOWER.encode(hmac::sign(&key, query.as_bytes()).as_ref());
        let request = self
            .caller
            .request(method, &format!("{path}?{query}&signature={signature}"))
            .header("X-MBX-APIKEY", &self.credentials.api_key);
        Answer::to(request).await.expect(200).json().clone()
    }

    /// Places a limit order of its own.
    pub async fn place(&self, client_id: &str, quantity: &str, price: &str) -> Value {
        let query = format!(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}\
             &newClientOrderId={client_id}"
        );
        self.signed(Method::POST, "/api/v3/order", &query).await
    }

    /// Sells at a limit, against whoever buys.
    pub async fn sell(&self, quantity: &str, price: &str) -> Value {
        let query = format!(
            "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}"
        );
        self.signed(Method::POST, "/api/v3/order", &query).await
    }

    /// Cancels an order behind the gateway's back.
    pub async fn cancel(&self, client_id: &str) -> Value {
        let query = format!("symbol=BTCUSDT&origClientOrderId={client_id}");
        self.signed(Method::DELETE, "/api/v3/order", &query).await
    }
}
