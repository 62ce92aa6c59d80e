//! A client that signs as Binance asks and shows every byte that comes back.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, unreachable_pub)]

pub mod bitmex;

use std::time::Duration;

use data_encoding::HEXLOWER;
use ring::hmac;
use serde_json::Value;
use switchyard_venue_sim::{ClockMode, SimConfig, VenueSim};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where manual clocks start; a round minute.
pub const START_MS: i64 = 1_800_000_000_000;

/// An answer, taken apart.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub fn code(&self) -> i64 {
        self.json()["code"].as_i64().expect("an error code")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A venue whose clock stands still, and a client of it.
pub struct Bench {
    pub sim: VenueSim,
}

impl Bench {
    pub async fn start() -> Self {
        Self::with(SimConfig::default()).await
    }

    pub async fn with(config: SimConfig) -> Self {
        let seed = 7;
        println!("seed {seed}");
        let clock = ClockMode::Manual { start_ms: START_MS };
        let sim = VenueSim::start(SimConfig {
            seed,
            clock,
            ..config
        })
        .await
        .unwrap();
        Self { sim }
    }

    /// Everything the venue sends until it closes the connection.
    pub async fn raw(&self, request: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.sim.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A connection that is cut may end in a reset; what came before it is what counts.
        let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes))
            .await
            .unwrap();
        bytes
    }

    pub async fn send(&self, method: &str, target: &str, headers: &str, body: &str) -> Response {
        let form = if body.is_empty() || headers.contains("Content-Type") {
            ""
        } else {
            "Content-Type: application/x-www-form-urlencoded\r\n"
        };
        let length = body.len();
        let bytes = self
            .raw(&format!(
                "{method} {target} HTTP/1.1\r\nHost: venue\r\nConnection: close\r\n{form}{headers}\
                 Content-Length: {length}\r\n\r\n{body}"
            ))
            .await;
        parse(&bytes).expect("an HTTP response")
    }

    pub async fn get(&self, target: &str) -> Response {
        self.send("GET", target, "", "").await
    }

    pub fn key_header(&self) -> String {
        format!("X-MBX-APIKEY: {}\r\n", self.sim.credentials().api_key)
    }

    pub fn sign(&self, payload: &str) -> String {
        hmac_hex(&self.sim.credentials().secret, payload)
    }

    /// The query with timestamp and signature.
    pub fn signed(&self, query: &str) -> String {
        let joint = if query.is_empty() { "" } else { "&" };
        let query = format!("{query}{joint}timestamp={}", self.sim.control().now_ms());
        format!("{query}&signature={}", self.sign(&query))
    }

    /// A signed request with its parameters in the query.
    pub async fn call(&self, method: &str, path: &str, query: &str) -> Response {
        self.send(
            method,
            &format!("{path}?{}", self.signed(query)),
            &self.key_header(),
            "",
        )
        .await
    }

    /// The raw bytes that such a request gets.
    pub async fn raw_call(&self, method: &str, path: &str, query: &str) -> Vec<u8> {
        let target = format!("{path}?{}", self.signed(query));
        let key = self.key_header();
        self.raw(&format!(
            "{method} {target} HTTP/1.1\r\nHost: venue\r\nConnection: close\r\n{key}\r\n"
        ))
        .await
    }

    /// Places a limit order that rests far below the market.
    pub async fn resting_order(&self, client_id: &str) -> Response {
        self.call("POST", "/api/v3/order", &resting(client_id))
            .await
    }
}

/// The parameters of a limit order that rests.
pub fn resting(client_id: &str) -> String {
    format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=50000&newClientOrderId={client_id}"
    )
}

pub fn hmac_hex(secret: &str, payload: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    HEXLOWER.encode(hmac::sign(&key, payload.as_bytes()).as_ref())
}

pub fn parse(bytes: &[u8]) -> Option<Response> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some(Response {
        status,
        head,
        body: bytes[end + 4..].to_vec(),
    })
}
