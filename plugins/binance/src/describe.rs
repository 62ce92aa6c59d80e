//! What the adapter says of itself: endpoints, calls, limits and rules.

use switchyard_sdk::descriptor::{ClientIdRules, Descriptor};

use crate::futures::{dialect, rules};
use crate::spot;

/// The characters of a `newClientOrderId` on spot (`^[a-zA-Z0-9-_]{1,36}$`); futures allow more.
const CLIENT_ID_ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(crate) fn describe() -> Descriptor {
    let mut descriptor = Descriptor {
        venue: "binance".to_owned(),
        adapter_version: env!("CARGO_PKG_VERSION").to_owned(),
        endpoints: vec![spot::rules::endpoint()],
        allowed_calls: spot::rules::allowed_calls(),
        client_id_rules: ClientIdRules {
            max_length: 36,
            alphabet: CLIENT_ID_ALPHABET.to_owned(),
        },
        buckets: spot::rules::buckets(),
        endpoint_rules: vec![spot::rules::endpoint_rules()],
    };
    for dialect in dialect::ALL {
        descriptor.endpoints.push(rules::endpoint(dialect));
        descriptor
            .allowed_calls
            .extend(rules::allowed_calls(dialect));
        descriptor.buckets.extend(rules::buckets(dialect));
        descriptor
            .endpoint_rules
            .push(rules::endpoint_rules(dialect));
    }
    descriptor
}
