//! What the made-up venue is, and how it wants to be asked.

use std::cell::RefCell;

use data_encoding::HEXLOWER;
use switchyard_sdk::Context;
use switchyard_sdk::descriptor::{
    AllowedCall, AmendMode, Bucket, BucketScope, ClientIdRules, Descriptor, Endpoint, EndpointRules,
};
use switchyard_sdk::log::Level;
use switchyard_sdk::query::Query;
use switchyard_sdk::request::{get, request};
use switchyard_sdk::signer::{Algorithm, KeyEncoding};
use switchyard_sdk::types::{
    Error, ErrorKind, HttpRequest, Method, OrderTypes, Product, TimesInForce,
};

use crate::fault::Fault;

/// The only endpoint.
pub(crate) const ENDPOINT: &str = "rest";

const BUCKET: &str = "requests";

thread_local! {
    /// What only faults keep between calls.
    static KEPT: RefCell<Kept> = const { RefCell::new(Kept { calls: 0, bytes: Vec::new(), last: None }) };
}

struct Kept {
    calls: u64,
    bytes: Vec<Vec<u8>>,
    last: Option<String>,
}

/// How many times this was called on this instance.
pub(crate) fn count() -> u64 {
    KEPT.with_borrow_mut(|kept| {
        kept.calls += 1;
        kept.calls
    })
}

/// The last price that this instance saw, once it saw one.
pub(crate) fn stale(last: &str) -> String {
    KEPT.with_borrow_mut(|kept| {
        kept.last
            .replace(last.to_owned())
            .unwrap_or_else(|| last.to_owned())
    })
}

/// What a call keeps for ever.
const KEPT_BYTES: usize = 2 * 1024;

pub(crate) fn describe() -> Descriptor {
    let call = |method, path: &str| AllowedCall {
        endpoint: ENDPOINT.to_owned(),
        method,
        path: path.to_owned(),
        mutates: method != Method::Get
            && !(method == Method::Post && Fault::OrderDeclaredRead.is_on()),
    };
    Descriptor {
        venue: "faulty".to_owned(),
        adapter_version: env!("CARGO_PKG_VERSION").to_owned(),
        endpoints: vec![Endpoint {
            alias: ENDPOINT.to_owned(),
            description: "A venue that nobody runs.".to_owned(),
            products: vec![Product::Spot],
        }],
        allowed_calls: vec![
            call(Method::Get, "/v1/time"),
            call(Method::Get, "/v1/markets"),
            call(Method::Get, "/v1/ticker"),
            call(Method::Get, "/v1/book"),
            call(Method::Post, "/v1/order"),
            call(Method::Get, "/v1/order"),
            call(Method::Delete, "/v1/order"),
            call(Method::Get, "/v1/orders/open"),
            call(Method::Get, "/v1/orders"),
            call(Method::Get, "/v1/balances"),
        ],
        client_id_rules: ClientIdRules {
            max_length: 36,
            alphabet: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".to_owned(),
        },
        buckets: vec![Bucket {
            name: BUCKET.to_owned(),
            scope: BucketScope::Account,
            endpoints: vec![ENDPOINT.to_owned()],
            window_ms: 60_000,
            limit: 600,
            used_header: Some("x-requests-used".to_owned()),
            remaining_header: None,
        }],
        endpoint_rules: vec![EndpointRules {
            endpoint: ENDPOINT.to_owned(),
            amend_mode: AmendMode::Unsupported,
            order_types: OrderTypes::all(),
            times_in_force: TimesInForce::GTC | TimesInForce::IOC | TimesInForce::FOK,
            reduce_only: false,
            open_without_instrument: true,
            history_without_instrument: false,
            unfilled_history_ms: None,
            filled_history_ms: None,
            max_window_ms: 60_000,
            settle_ms: 1_000,
            candle_seconds: Vec::new(),
        }],
    }
}

/// A request for what anyone may see.
pub(crate) fn public(query: Query) -> Vec<HttpRequest> {
    vec![spend(get(ENDPOINT, query.into_target()))]
}

/// A signed request for what only the account may do.
pub(crate) fn private(
    cx: &Context<'_>,
    method: Method,
    query: Query,
    body: Option<String>,
) -> Result<Vec<HttpRequest>, Error> {
    let mut query = query;
    if let (Some(account), true) = (&cx.account, Fault::KeyInUrl.is_on()) {
        query = query.with("key", &account.api_key);
    }
    let path = query.into_target();
    let body = body.unwrap_or_default();
    let (nonce, expires) = (cx.nonce, cx.now.saturating_add(u64::from(cx.window_ms)));
    let mut made = request(method, ENDPOINT, path);
    if !body.is_empty() {
        made = made.content("application/json", body.clone().into_bytes());
    }
    made = spend(made);
    let account = match cx.account() {
        Ok(account) => account,
        Err(_) if Fault::Unsigned.is_on() => return Ok(vec![made]),
        Err(refusal) => return Err(refusal),
    };
    if Fault::KeyInLog.is_on() {
        cx.log(Level::Debug, &format!("signing for {}", account.api_key));
    }
    let payload = format!("{nonce}.{expires}.{}.{body}", made.path);
    let signature = cx.sign(Algorithm::HmacSha256, KeyEncoding::Utf8, payload.as_bytes())?;
    let key = account.api_key.clone();
    made = made
        .header("x-key", &key)
        .header("x-nonce", &nonce.to_string())
        .header("x-expires", &expires.to_string())
        .header("x-signature", &HEXLOWER.encode(&signature));
    if Fault::NonDeterminism.is_on() {
        made = made.header("x-request-number", &count().to_string());
    }
    Ok(vec![made])
}

/// A parameter whose text a venue or a caller chose.
pub(crate) fn with_foreign(query: Query, name: &str, value: &str) -> Query {
    if !Fault::Unescaped.is_on() {
        return query.with(name, value);
    }
    // The adapter that forgot to encode glued texts together, which a `Query` does not let anyone do.
    let glued = format!("{}&{name}={value}", query.into_target());
    Query::on(&glued)
}

fn spend(request: HttpRequest) -> HttpRequest {
    if Fault::MemoryGrowth.is_on() {
        KEPT.with_borrow_mut(|kept| kept.bytes.push(vec![1; KEPT_BYTES]));
    }
    if Fault::MissingCost.is_on() {
        return request;
    }
    let bucket = if Fault::UnknownBucket.is_on() {
        "weight"
    } else {
        BUCKET
    };
    request.cost(bucket, 1)
}

/// The order meant by a command.
pub(crate) fn order_query(
    cx: &Context<'_>,
    order: &switchyard_sdk::types::OrderRef,
) -> Result<Query, Error> {
    let query = Query::on("/v1/order").with("market", &cx.instrument()?.venue_symbol);
    match (&order.venue_id, &order.client_id) {
        (Some(id), _) => Ok(with_foreign(query, "id", id)),
        (None, Some(id)) => Ok(with_foreign(query, "client_id", id)),
        (None, None) => Err(Error::refused(ErrorKind::InvalidRequest)
            .because("no order is named")
            .at("order")),
    }
}
