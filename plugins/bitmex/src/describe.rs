//! What the adapter says of itself: endpoint, calls, limits and rules.

use switchyard_sdk::descriptor::{
    AllowedCall, AmendMode, Bucket, BucketScope, ClientIdRules, Descriptor, Endpoint, EndpointRules,
};
use switchyard_sdk::time::{MS_PER_MINUTE, MS_PER_SECOND};
use switchyard_sdk::types::{Method, OrderTypes, Product, TimesInForce};

use crate::candles;
use crate::signing::ROOT;

/// The alias of BitMEX's one origin.
pub(crate) const ENDPOINT: &str = "rest";

/// "120 requests per minute on all routes", of an account.
pub(crate) const REST_MINUTE: &str = "rest_minute";
/// "10 requests per second on certain routes": those that place, change and cancel orders.
pub(crate) const REST_SECOND: &str = "rest_second";
/// "reduced to 30 when unauthenticated", of an address.
pub(crate) const PUBLIC_MINUTE: &str = "public_minute";

/// Longest clOrdID ("Max length is 36 characters").
const CLIENT_ID_LENGTH: u32 = 36;

/// What an identifier of another system may hold; BitMEX documents no alphabet, and its own example has a
/// slash besides.
const CLIENT_ID_ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// BitMEX documents no longest `api-expires`; a minute is long enough for any request.
const MAX_WINDOW_MS: u32 = 60_000;

/// How long after its expiry an ambiguous request may still surface.
///
/// `api-expires` "is compared against our system time before reaching the trading engine. It cannot be used
/// as a mechanism to cancel submission of an order that is waiting in queue to be processed" (API Keys
/// Usage). How long the queue can be is not documented, so this is twice what a venue gets whose engine
/// looks at the window itself.
const SETTLE_MS: u64 = 60 * MS_PER_SECOND;

pub(crate) fn describe() -> Descriptor {
    Descriptor {
        venue: "bitmex".to_owned(),
        adapter_version: env!("CARGO_PKG_VERSION").to_owned(),
        endpoints: vec![Endpoint {
            alias: ENDPOINT.to_owned(),
            description: "BitMEX, https://www.bitmex.com".to_owned(),
            products: vec![
                Product::Spot,
                Product::UsdMPerpetual,
                Product::UsdMDelivery,
                Product::UsdCPerpetual,
                Product::UsdCDelivery,
            ],
        }],
        allowed_calls: allowed_calls(),
        client_id_rules: ClientIdRules {
            max_length: CLIENT_ID_LENGTH,
            alphabet: CLIENT_ID_ALPHABET.to_owned(),
        },
        buckets: buckets(),
        endpoint_rules: vec![endpoint_rules()],
    }
}

fn allowed_calls() -> Vec<AllowedCall> {
    [
        (Method::Get, ""),
        (Method::Get, "/instrument"),
        (Method::Get, "/instrument/active"),
        (Method::Get, "/wallet/assets"),
        (Method::Get, "/orderBook/L2"),
        (Method::Get, "/trade/bucketed"),
        (Method::Get, "/user/margin"),
        (Method::Get, "/position"),
        (Method::Get, "/execution/tradeHistory"),
        (Method::Get, "/order"),
        (Method::Post, "/order"),
        (Method::Put, "/order"),
        (Method::Delete, "/order"),
        (Method::Delete, "/order/all"),
    ]
    .into_iter()
    .map(|(method, path)| AllowedCall {
        endpoint: ENDPOINT.to_owned(),
        method,
        path: format!("{ROOT}{path}"),
        mutates: method != Method::Get,
    })
    .collect()
}

fn buckets() -> Vec<Bucket> {
    let bucket = |name: &str, scope, window_ms, limit, left: &str| Bucket {
        name: name.to_owned(),
        scope,
        endpoints: vec![ENDPOINT.to_owned()],
        window_ms,
        limit,
        used_header: None,
        remaining_header: Some(left.to_owned()),
    };
    vec![
        bucket(
            REST_MINUTE,
            BucketScope::Account,
            MS_PER_MINUTE,
            120,
            "x-ratelimit-remaining",
        ),
        bucket(
            REST_SECOND,
            BucketScope::Account,
            MS_PER_SECOND,
            10,
            "x-ratelimit-remaining-1s",
        ),
        // The same header, which counts the address where a request is not signed.
        bucket(
            PUBLIC_MINUTE,
            BucketScope::Ip,
            MS_PER_MINUTE,
            30,
            "x-ratelimit-remaining",
        ),
    ]
}

fn endpoint_rules() -> EndpointRules {
    EndpointRules {
        endpoint: ENDPOINT.to_owned(),
        amend_mode: AmendMode::Native,
        order_types: OrderTypes::all(),
        times_in_force: TimesInForce::all(),
        reduce_only: true,
        open_without_instrument: true,
        history_without_instrument: true,
        // BitMEX documents no end of its memory.
        unfilled_history_ms: None,
        filled_history_ms: None,
        max_window_ms: MAX_WINDOW_MS,
        settle_ms: SETTLE_MS,
        candle_seconds: candles::INTERVALS
            .iter()
            .map(|(seconds, _)| *seconds)
            .collect(),
    }
}
