//! A small venue that answers as Kraken does, for the adapter in `plugins/examples/kraken`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use data_encoding::BASE64;
use ring::digest::{SHA256, digest};
use ring::hmac;
use serde_json::{Value, json};
use switchyard_venue_sim::Credentials;

use crate::foreign_venue::{ForeignVenue, Parameters, parameters};

#[derive(Debug, Default)]
struct Book {
    secret: Vec<u8>,
    nonce: u64,
    orders: BTreeMap<String, Value>,
}

type Shared = Arc<Mutex<Book>>;

/// What its one account is signed for with: the secret of Kraken's own documentation.
pub fn kraken_credentials() -> Credentials {
    Credentials {
        api_key: "krakenStubKey".to_owned(),
        secret: "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
            .to_owned(),
    }
}

/// A venue with one pair, whose orders rest until they are cancelled.
pub async fn kraken_venue() -> ForeignVenue {
    let book = Shared::new(Mutex::new(Book {
        secret: BASE64
            .decode(kraken_credentials().secret.as_bytes())
            .unwrap(),
        ..Book::default()
    }));
    let router = Router::new()
        .route("/0/public/{method}", get(public))
        .route("/0/private/{method}", post(private))
        .with_state(book);
    ForeignVenue::serve(router).await
}

async fn public(Path(method): Path<String>) -> String {
    let answer = match method.as_str() {
        "Time" => json!({ "unixtime": now().as_secs() }),
        "AssetPairs" => json!({ "XXBTZUSD": {
            "altname": "XBTUSD", "wsname": "XBT/USD", "base": "XXBT", "quote": "ZUSD", "pair_decimals": 1,
            "lot_decimals": 8, "lot_multiplier": 1, "ordermin": "0.0001", "costmin": "0.5", "tick_size": "0.1",
            "status": "online",
        } }),
        "Ticker" => json!({ "XXBTZUSD": {
            "a": ["30300.10000", "1", "1.000"], "b": ["30300.00000", "2", "2.000"],
            "c": ["30303.20000", "0.00067643"], "v": ["4083.6", "4412.73601799"],
            "h": ["31500.0", "31631.00000"], "l": ["29714.9", "29868.30000"], "o": "30502.8",
        } }),
        _ => return json!({ "error": ["EGeneral:Unknown method"] }).to_string(),
    };
    done(&answer)
}

async fn private(
    State(book): State<Shared>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: String,
) -> String {
    let mut book = book.lock().unwrap();
    let fields = parameters(&body);
    let answer = book
        .admit(&method, &headers, &fields, &body)
        .and_then(|()| match method.as_str() {
            "AddOrder" => Ok(book.add(&fields)),
            "CancelOrder" => book.cancel(&fields),
            "QueryOrders" => Ok(book.matching(|id, _| fields.get("txid") == Some(id))),
            "OpenOrders" => {
                Ok(json!({ "open": book.matching(|_, order| is_meant(order, &fields, true)) }))
            }
            "ClosedOrders" => {
                Ok(json!({ "closed": book.matching(|_, order| is_meant(order, &fields, false)) }))
            }
            _ => Err("EGeneral:Unknown method"),
        });
    match answer {
        Ok(result) => done(&result),
        Err(error) => json!({ "error": [error] }).to_string(),
    }
}

impl Book {
    /// Judges key, nonce and signature as Kraken documents them ("REST Authentication").
    fn admit(
        &mut self,
        method: &str,
        headers: &HeaderMap,
        fields: &Parameters,
        body: &str,
    ) -> Result<(), &'static str> {
        let header = |name| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        if header("api-key") != kraken_credentials().api_key {
            return Err("EAPI:Invalid key");
        }
        let nonce = fields.get("nonce").map_or("", String::as_str);
        let path = format!("/0/private/{method}");
        let hashed = digest(&SHA256, format!("{nonce}{body}").as_bytes());
        let payload = [path.as_bytes(), hashed.as_ref()].concat();
        let signature = BASE64
            .decode(header("api-sign").as_bytes())
            .unwrap_or_default();
        let key = hmac::Key::new(hmac::HMAC_SHA512, &self.secret);
        if hmac::verify(&key, &payload, &signature).is_err() {
            return Err("EAPI:Invalid signature");
        }
        let nonce = nonce.parse().unwrap_or_default();
        if nonce <= self.nonce {
            return Err("EAPI:Invalid nonce");
        }
        self.nonce = nonce;
        Ok(())
    }

    fn add(&mut self, fields: &Parameters) -> Value {
        let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
        let id = format!("OSTUB{}-ORDER-KRAKEN", self.orders.len());
        let order = json!({
            "cl_ord_id": field("cl_ord_id"), "status": "open", "opentm": now().as_secs(),
            "descr": {
                "pair": field("pair"), "type": field("type"), "ordertype": field("ordertype"), "price": field("price"),
            },
            "vol": field("volume"), "vol_exec": "0.00000000", "price": "0.00000", "oflags": "fciq",
        });
        self.orders.insert(id.clone(), order);
        json!({ "descr": { "order": "" }, "txid": [id] })
    }

    fn cancel(&mut self, fields: &Parameters) -> Result<Value, &'static str> {
        let mut orders = self.orders.iter_mut();
        let found = orders.find(|(id, order)| {
            fields.get("txid") == Some(id) || is_named(order, fields) && order["status"] == "open"
        });
        let (_, order) = found.ok_or("EOrder:Unknown order")?;
        order["status"] = "canceled".into();
        order["reason"] = "User requested".into();
        Ok(json!({ "count": 1 }))
    }

    fn matching(&self, is_meant: impl Fn(&String, &Value) -> bool) -> Value {
        let orders = self.orders.iter();
        orders
            .filter(|(id, order)| is_meant(id, order))
            .map(|(id, order)| (id.clone(), order.clone()))
            .collect()
    }
}

fn is_named(order: &Value, fields: &Parameters) -> bool {
    fields
        .get("cl_ord_id")
        .is_some_and(|id| order["cl_ord_id"] == id.as_str())
}

fn is_meant(order: &Value, fields: &Parameters, open: bool) -> bool {
    (order["status"] == "open") == open
        && (!fields.contains_key("cl_ord_id") || is_named(order, fields))
}

fn done(result: &Value) -> String {
    json!({ "error": [], "result": result }).to_string()
}

fn now() -> std::time::Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
