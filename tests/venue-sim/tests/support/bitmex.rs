//! A client that signs as BitMEX asks.

use serde_json::{Value, json};
use switchyard_venue_sim::SimConfig;

use super::{Bench, Response};

/// Where orders are placed.
pub const ORDER: &str = "/api/v1/order";

/// A BitMEX whose clock stands still.
pub async fn start() -> Bench {
    Bench::with(SimConfig::bitmex()).await
}

/// The head of a signed request.
pub fn head(bench: &Bench, method: &str, target: &str, body: &str, expires_s: i64) -> String {
    let signature = bench.sign(&format!("{method}{target}{expires_s}{body}"));
    let key = &bench.sim.credentials().api_key;
    format!("api-key: {key}\r\napi-expires: {expires_s}\r\napi-signature: {signature}\r\n")
}

/// A signed request with its parameters as JSON.
pub async fn call(bench: &Bench, method: &str, target: &str, body: &Value) -> Response {
    let expires_s = bench.sim.control().now_ms() / 1000 + 5;
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let head = head(bench, method, target, &body, expires_s);
    bench
        .send(
            method,
            target,
            &format!("{head}Content-Type: application/json\r\n"),
            &body,
        )
        .await
}

/// The answer to a signed query.
pub async fn get(bench: &Bench, target: &str) -> Value {
    call(bench, "GET", target, &Value::Null).await.json()
}

/// A limit order far below the market.
pub fn resting(client_id: &str) -> Value {
    json!({ "symbol": "XBTUSD", "orderQty": 100, "price": 50_000, "clOrdID": client_id })
}

/// The text of a refusal.
pub fn message(response: &Response) -> String {
    response.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned()
}
