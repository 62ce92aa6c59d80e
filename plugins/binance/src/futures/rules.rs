//! What a futures API lets be done: calls, limits, memory and settling.

use switchyard_sdk::descriptor::{
    AllowedCall, AmendMode, Bucket, BucketScope, Endpoint, EndpointRules,
};
use switchyard_sdk::time::{MS_PER_MINUTE, MS_PER_SECOND};
use switchyard_sdk::types::{Method, OrderTypes, TimesInForce};

use super::dialect::{Dialect, FILLED_HISTORY_MS, UNFILLED_HISTORY_MS};
use crate::candles;
use crate::signing::MAX_WINDOW_MS;

/// How long after its window an ambiguous request may still surface.
///
/// As on spot, -1007 and a 503 with "Unknown error" come when the backend has not spoken in time, and the
/// order may appear after that; how late is not documented.
const SETTLE_MS: u64 = 30 * MS_PER_SECOND;

pub(crate) fn endpoint(dialect: &Dialect) -> Endpoint {
    Endpoint {
        alias: dialect.endpoint.to_owned(),
        description: dialect.description.to_owned(),
        products: dialect.products.to_vec(),
    }
}

pub(crate) fn allowed_calls(dialect: &Dialect) -> Vec<AllowedCall> {
    [
        (Method::Get, "/v1/time"),
        (Method::Get, "/v1/exchangeInfo"),
        (Method::Get, "/v1/ticker/24hr"),
        (Method::Get, "/v1/ticker/bookTicker"),
        (Method::Get, "/v1/depth"),
        (Method::Get, "/v1/klines"),
        (Method::Get, dialect.balances),
        (Method::Get, dialect.positions),
        (Method::Get, "/v1/order"),
        (Method::Post, "/v1/order"),
        (Method::Put, "/v1/order"),
        (Method::Delete, "/v1/order"),
        (Method::Get, "/v1/openOrders"),
        (Method::Delete, "/v1/allOpenOrders"),
        (Method::Get, "/v1/allOrders"),
        (Method::Get, "/v1/userTrades"),
        (Method::Get, "/v1/algoOrder"),
        (Method::Delete, "/v1/algoOrder"),
        (Method::Get, "/v1/openAlgoOrders"),
        (Method::Delete, "/v1/algoOpenOrders"),
        (Method::Get, "/v1/allAlgoOrders"),
    ]
    .into_iter()
    .map(|(method, path)| AllowedCall {
        // Futures read by GET alone.
        mutates: method != Method::Get,
        endpoint: dialect.endpoint.to_owned(),
        method,
        path: dialect.path(path),
    })
    .collect()
}

/// The limits until `exchangeInfo` publishes those in force: the lowest that was ever documented.
pub(crate) fn buckets(dialect: &Dialect) -> Vec<Bucket> {
    let bucket = |name: &str, scope, window_ms, limit, used: &str| Bucket {
        name: name.to_owned(),
        scope,
        endpoints: vec![dialect.endpoint.to_owned()],
        window_ms,
        limit,
        used_header: Some(used.to_owned()),
        remaining_header: None,
    };
    let mut buckets = vec![bucket(
        dialect.weight,
        BucketScope::Ip,
        MS_PER_MINUTE,
        2_400,
        "x-mbx-used-weight-1m",
    )];
    for name in dialect.orders {
        // "The order rate limit is counted against each account."
        buckets.push(if name.ends_with("_10s") {
            bucket(
                name,
                BucketScope::Account,
                10 * MS_PER_SECOND,
                300,
                "x-mbx-order-count-10s",
            )
        } else {
            bucket(
                name,
                BucketScope::Account,
                MS_PER_MINUTE,
                1_200,
                "x-mbx-order-count-1m",
            )
        });
    }
    buckets
}

pub(crate) fn endpoint_rules(dialect: &Dialect) -> EndpointRules {
    EndpointRules {
        endpoint: dialect.endpoint.to_owned(),
        amend_mode: AmendMode::Native,
        order_types: OrderTypes::all(),
        times_in_force: TimesInForce::all(),
        reduce_only: true,
        open_without_instrument: true,
        history_without_instrument: false,
        unfilled_history_ms: Some(UNFILLED_HISTORY_MS),
        filled_history_ms: Some(FILLED_HISTORY_MS),
        max_window_ms: MAX_WINDOW_MS,
        settle_ms: SETTLE_MS,
        candle_seconds: candles::FUTURES
            .iter()
            .map(|(seconds, _)| *seconds)
            .collect(),
    }
}
