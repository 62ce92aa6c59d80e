//! What the spot API lets be done: calls, limits, memory and settling.

use switchyard_sdk::descriptor::{
    AllowedCall, AmendMode, Bucket, BucketScope, Endpoint, EndpointRules,
};
use switchyard_sdk::time::{MS_PER_DAY, MS_PER_MINUTE, MS_PER_SECOND};
use switchyard_sdk::types::{Method, OrderTypes, Product, TimesInForce};

use super::{ENDPOINT, ORDERS_1D, ORDERS_10S, RAW, WEIGHT};
use crate::candles;
use crate::signing::MAX_WINDOW_MS;

/// How long after its window an ambiguous request may still surface.
///
/// Binance answers -1007 when its backend has not spoken for 10 s, and the order may appear after that;
/// lookups are served from memory and database, which it says may lag the engine without giving a bound.
/// Three times the documented time-out leaves room for both.
const SETTLE_MS: u64 = 30 * MS_PER_SECOND;

/// "Order was canceled or expired with no executed qty over 90 days ago and has been archived" (-2026).
const UNFILLED_HISTORY_MS: u64 = 90 * MS_PER_DAY;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint {
        alias: ENDPOINT.to_owned(),
        description: "Binance spot, https://api.binance.com".to_owned(),
        products: vec![Product::Spot],
    }
}

pub(crate) fn allowed_calls() -> Vec<AllowedCall> {
    [
        (Method::Get, "/api/v3/time"),
        (Method::Get, "/api/v3/exchangeInfo"),
        (Method::Get, "/api/v3/ticker/24hr"),
        (Method::Get, "/api/v3/depth"),
        (Method::Get, "/api/v3/klines"),
        (Method::Get, "/api/v3/account"),
        (Method::Get, "/api/v3/order"),
        (Method::Post, "/api/v3/order"),
        (Method::Delete, "/api/v3/order"),
        (Method::Put, "/api/v3/order/amend/keepPriority"),
        (Method::Post, "/api/v3/order/cancelReplace"),
        (Method::Get, "/api/v3/openOrders"),
        (Method::Delete, "/api/v3/openOrders"),
        (Method::Get, "/api/v3/allOrders"),
        (Method::Get, "/api/v3/myTrades"),
    ]
    .into_iter()
    .map(|(method, path)| AllowedCall {
        // Spot reads by GET alone.
        mutates: method != Method::Get,
        endpoint: ENDPOINT.to_owned(),
        method,
        path: path.to_owned(),
    })
    .collect()
}

/// The limits as documented; `GET /api/v3/exchangeInfo` publishes those in force.
pub(crate) fn buckets() -> Vec<Bucket> {
    let bucket = |name: &str, scope, window_ms, limit, used: Option<&str>| Bucket {
        name: name.to_owned(),
        scope,
        endpoints: vec![ENDPOINT.to_owned()],
        window_ms,
        limit,
        used_header: used.map(str::to_owned),
        remaining_header: None,
    };
    vec![
        bucket(
            WEIGHT,
            BucketScope::Ip,
            MS_PER_MINUTE,
            6_000,
            Some("x-mbx-used-weight-1m"),
        ),
        bucket(RAW, BucketScope::Ip, 5 * MS_PER_MINUTE, 61_000, None),
        bucket(
            ORDERS_10S,
            BucketScope::Account,
            10 * MS_PER_SECOND,
            100,
            Some("x-mbx-order-count-10s"),
        ),
        bucket(
            ORDERS_1D,
            BucketScope::Account,
            MS_PER_DAY,
            200_000,
            Some("x-mbx-order-count-1d"),
        ),
    ]
}

pub(crate) fn endpoint_rules() -> EndpointRules {
    EndpointRules {
        endpoint: ENDPOINT.to_owned(),
        // Reducing the quantity is native; everything else replaces the order, so its id may change.
        amend_mode: AmendMode::CancelReplace,
        order_types: OrderTypes::all(),
        times_in_force: TimesInForce::all(),
        reduce_only: false,
        open_without_instrument: true,
        history_without_instrument: false,
        unfilled_history_ms: Some(UNFILLED_HISTORY_MS),
        filled_history_ms: None,
        max_window_ms: MAX_WINDOW_MS,
        settle_ms: SETTLE_MS,
        candle_seconds: candles::SPOT.iter().map(|(seconds, _)| *seconds).collect(),
    }
}
