//! What the adapter is and what it will ever do. The operator approves this list, as a phone asks for
//! permissions; a request outside of it is dropped unsent.

use switchyard_sdk::descriptor::{
    AllowedCall, AmendMode, Bucket, BucketScope, ClientIdRules, Descriptor, Endpoint, EndpointRules,
};
use switchyard_sdk::time::{MS_PER_MINUTE, MS_PER_SECOND};
use switchyard_sdk::types::{Method, OrderTypes, Product, TimesInForce};

/// The alias of the venue's one origin. Configuration maps it to a URL; an adapter never names a host.
pub(crate) const ENDPOINT: &str = "rest";

/// The budget that the venue enforces. Each request says what it spends of it.
pub(crate) const BUCKET: &str = "requests";

pub(crate) fn describe() -> Descriptor {
    Descriptor {
        venue: "{{name}}".to_owned(),
        adapter_version: env!("CARGO_PKG_VERSION").to_owned(),
        endpoints: vec![Endpoint {
            alias: ENDPOINT.to_owned(),
            description: "The REST API of {{name}}".to_owned(),
            products: vec![Product::Spot],
        }],
        allowed_calls: [
            (Method::Get, "/v1/time"),
            (Method::Get, "/v1/instruments"),
            (Method::Get, "/v1/ticker"),
            (Method::Get, "/v1/book"),
            (Method::Get, "/v1/orders"),
            // `{}` stands for one segment of any text.
            (Method::Get, "/v1/orders/{}"),
            (Method::Get, "/v1/orders/by-client-id/{}"),
            (Method::Post, "/v1/orders"),
            (Method::Delete, "/v1/orders/{}"),
            (Method::Delete, "/v1/orders/by-client-id/{}"),
        ]
        .into_iter()
        .map(|(method, path)| AllowedCall {
            endpoint: ENDPOINT.to_owned(),
            method,
            path: path.to_owned(),
            // The gateway journals such a request before it sends it.
            mutates: method != Method::Get,
        })
        .collect(),
        // The gateway makes ids within these rules. It needs [a-z0-9] and 20 characters at the least.
        client_id_rules: ClientIdRules {
            max_length: 36,
            alphabet: "abcdefghijklmnopqrstuvwxyz0123456789-".to_owned(),
        },
        buckets: vec![Bucket {
            name: BUCKET.to_owned(),
            scope: BucketScope::Account,
            endpoints: vec![ENDPOINT.to_owned()],
            window_ms: MS_PER_MINUTE,
            limit: 600,
            used_header: None,
            remaining_header: Some("x-ratelimit-remaining".to_owned()),
        }],
        endpoint_rules: vec![EndpointRules {
            endpoint: ENDPOINT.to_owned(),
            amend_mode: AmendMode::Unsupported,
            order_types: OrderTypes::all(),
            times_in_force: TimesInForce::all(),
            reduce_only: false,
            open_without_instrument: true,
            history_without_instrument: false,
            unfilled_history_ms: None,
            filled_history_ms: None,
            max_window_ms: 60_000,
            // How long after its window a request that got no answer may still become an order. Take the
            // venue's own figure; where it has none, be generous: a short one risks placing twice.
            settle_ms: 30 * MS_PER_SECOND,
            candle_seconds: Vec::new(),
        }],
    }
}
