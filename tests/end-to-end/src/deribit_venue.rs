//! A small venue that answers as Deribit does, for the adapter in `plugins/examples/deribit`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::get;
use data_encoding::HEXLOWER;
use ring::hmac;
use switchyard_venue_sim::Credentials;

use crate::foreign_venue::{ForeignVenue, Parameters, parameters};

/// The orders, as Deribit writes them but for their state.
type Shared = Arc<Mutex<BTreeMap<String, Order>>>;

#[derive(Debug, Clone)]
struct Order {
    parameters: Parameters,
    side: &'static str,
    state: &'static str,
}

/// What its one account is signed for with.
pub fn deribit_credentials() -> Credentials {
    Credentials {
        api_key: "deribitStubKey".to_owned(),
        secret: "deribit-stub-secret-3f1c".to_owned(),
    }
}

/// A venue with one perpetual, whose orders rest until they are cancelled.
pub async fn deribit_venue() -> ForeignVenue {
    let router = Router::new()
        .route("/api/v2/public/{method}", get(public))
        .route("/api/v2/private/{method}", get(private))
        .with_state(Shared::default());
    ForeignVenue::serve(router).await
}

/// Numbers as Deribit writes them, floats and exponents among them.
const PERPETUAL: &str = r#"[{"tick_size":0.5,"taker_commission":5.0e-4,"settlement_period":"perpetual",
    "settlement_currency":"BTC","quote_currency":"USD","min_trade_amount":10.0,"max_leverage":50,"kind":"future",
    "is_active":true,"instrument_name":"BTC-PERPETUAL","instrument_type":"reversed","future_type":"reversed",
    "expiration_timestamp":32503708800000,"creation_timestamp":1534242287000,"counter_currency":"USD",
    "contract_size":10.0,"base_currency":"BTC"}]"#;

async fn public(Path(method): Path<String>) -> (StatusCode, String) {
    let now = now();
    match method.as_str() {
        "get_time" => done(&now.to_string()),
        "get_instruments" => done(PERPETUAL),
        "ticker" => done(&format!(
            r#"{{"timestamp":{now},"stats":{{"volume_usd":4.1234567e7,"volume":531.2345,"low":29000.5,"high":31000.0}},
               "last_price":30303.5,"instrument_name":"BTC-PERPETUAL","best_bid_price":30300.0,"best_bid_amount":19470.0,
               "best_ask_price":30300.5,"best_ask_amount":3.4328e5}}"#
        )),
        _ => failed(-32601, "Method not found"),
    }
}

async fn private(
    State(orders): State<Shared>,
    Path(method): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> (StatusCode, String) {
    if !is_signed(&uri, &headers) {
        return failed(13009, "unauthorized");
    }
    let asked = parameters(uri.query().unwrap_or_default());
    let mut orders = orders.lock().unwrap();
    let id = asked.get("order_id").cloned().unwrap_or_default();
    match method.as_str() {
        "buy" | "sell" => {
            let id = format!("BTC-{}", orders.len() + 1);
            let order = Order {
                parameters: asked,
                side: if method == "buy" { "buy" } else { "sell" },
                state: "open",
            };
            let shown = format!(r#"{{"trades":[],"order":{}}}"#, order.shown(&id));
            orders.insert(id, order);
            done(&shown)
        }
        "cancel" => match orders.get_mut(&id) {
            Some(order) if order.state == "open" => {
                order.state = "cancelled";
                done(&order.shown(&id))
            }
            Some(_) => failed(11044, "not_open_order"),
            None => failed(10004, "order_not_found"),
        },
        "get_order_state" => match orders.get(&id) {
            Some(order) => done(&order.shown(&id)),
            None => failed(10004, "order_not_found"),
        },
        "get_order_state_by_label" => list(&orders, |order| {
            order.parameters.get("label") == asked.get("label")
        }),
        "get_open_orders" | "get_open_orders_by_instrument" => {
            list(&orders, |order| order.state == "open")
        }
        _ => failed(-32601, "Method not found"),
    }
}

impl Order {
    fn shown(&self, id: &str) -> String {
        let field = |name: &str| self.parameters.get(name).cloned().unwrap_or_default();
        format!(
            r#"{{"time_in_force":"{}","reduce_only":false,"price":{},"post_only":false,"order_type":"{}",
               "order_state":"{}","order_id":"{id}","last_update_timestamp":{now},"label":"{}",
               "instrument_name":"{}","filled_amount":0.0,"direction":"{}","creation_timestamp":{now},
               "average_price":0.0,"api":true,"amount":{}.0}}"#,
            field("time_in_force"),
            field("price"),
            field("type"),
            self.state,
            field("label"),
            field("instrument_name"),
            self.side,
            field("amount"),
            now = now(),
        )
    }
}

fn list(
    orders: &BTreeMap<String, Order>,
    is_meant: impl Fn(&Order) -> bool,
) -> (StatusCode, String) {
    let meant = orders.iter().filter(|(_, order)| is_meant(order));
    let shown: Vec<String> = meant.map(|(id, order)| order.shown(id)).collect();
    done(&format!("[{}]", shown.join(",")))
}

/// Judges `deri-hmac-sha256 id=...,ts=...,sig=...,nonce=...` ("Authentication").
fn is_signed(uri: &Uri, headers: &HeaderMap) -> bool {
    let header = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("deri-hmac-sha256 "));
    let proof: BTreeMap<&str, &str> = header
        .unwrap_or_default()
        .split(',')
        .filter_map(|part| part.split_once('='))
        .collect();
    let part = |name: &str| proof.get(name).copied().unwrap_or_default();
    let credentials = deribit_credentials();
    let text = format!("{}\n{}\nGET\n{uri}\n\n", part("ts"), part("nonce"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, credentials.secret.as_bytes());
    let signature = HEXLOWER.decode(part("sig").as_bytes()).unwrap_or_default();
    part("id") == credentials.api_key && hmac::verify(&key, text.as_bytes(), &signature).is_ok()
}

fn done(result: &str) -> (StatusCode, String) {
    let body =
        format!(r#"{{"jsonrpc":"2.0","result":{result},"usIn":1,"usOut":2,"testnet":false}}"#);
    (StatusCode::OK, body)
}

fn failed(code: i32, message: &str) -> (StatusCode, String) {
    let body =
        format!(r#"{{"jsonrpc":"2.0","error":{{"code":{code},"message":"{message}"}},"usIn":1}}"#);
    (StatusCode::BAD_REQUEST, body)
}

fn now() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}
