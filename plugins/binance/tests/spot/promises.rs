use std::collections::BTreeSet;

use switchyard_sdk::Descriptor;
use switchyard_sdk::types::{HttpRequest, Method, OrderTypes, TimesInForce};

use crate::desk::*;

/// A request of every kind that the adapter makes.
fn every_request() -> Vec<HttpRequest> {
    let (desk, all) = (Desk::new(), Desk::everywhere());
    let amends = [smaller(), dearer()];
    encode_everything(
        &desk.cx(),
        &all.cx(),
        &candles(None, None, 5),
        &limit_order(),
        &amends,
    )
}

#[test]
fn every_request_is_within_the_allowed_calls_and_every_allowed_call_is_made() {
    let allowed: BTreeSet<_> = VENUE
        .describe()
        .allowed_calls
        .into_iter()
        .filter(|call| call.endpoint == "spot")
        .map(|call| (call.method as u8, call.path))
        .collect();
    let made: BTreeSet<_> = every_request().iter().map(call).collect();
    assert_eq!(made, allowed);
}

#[test]
fn every_request_declares_costs_in_buckets_that_exist() {
    let buckets: BTreeSet<_> = VENUE
        .describe()
        .buckets
        .into_iter()
        .map(|bucket| bucket.name)
        .collect();
    for request in every_request() {
        assert!(request.costs.len() >= 2);
        for cost in &request.costs {
            assert!(buckets.contains(&cost.bucket) && cost.amount > 0);
        }
    }
}

#[test]
fn no_request_shows_a_secret_and_only_signed_ones_the_key() {
    for request in every_request() {
        assert!(!request.path.contains(SECRET) && !request.path.contains(API_KEY));
        assert!(request.path.starts_with("/api/v3/") && request.path.is_ascii());
        assert!(!request.path.contains(['#', ' ', '\\']));
        let signed = request.path.contains("&signature=") || request.path.contains("?signature=");
        assert_eq!(signed, !request.headers.is_empty());
        assert!(
            !signed
                || request
                    .path
                    .rsplit_once("&signature=")
                    .is_some_and(|(_, last)| !last.contains('&'))
        );
    }
}

#[test]
fn only_what_is_no_get_mutates() {
    for request in every_request() {
        assert_eq!(
            request.mutates,
            request.method != Method::Get,
            "{}",
            request.path
        );
    }
}

#[test]
fn the_same_arguments_give_the_same_bytes() {
    assert_eq!(every_request(), every_request());
    assert_eq!(VENUE.describe(), VENUE.describe());
}

#[test]
fn the_descriptor_is_whole() {
    let descriptor = VENUE.describe();
    assert_eq!(descriptor.venue, "binance");
    assert_eq!(descriptor.adapter_version, env!("CARGO_PKG_VERSION"));
    let [endpoint, ..] = &descriptor.endpoints[..] else {
        panic!("spot is the first endpoint")
    };
    let [rules, ..] = &descriptor.endpoint_rules[..] else {
        panic!("rules for each endpoint")
    };
    assert_eq!(
        (endpoint.alias.as_str(), rules.endpoint.as_str()),
        ("spot", "spot")
    );
    assert_eq!(
        (rules.order_types, rules.times_in_force),
        (OrderTypes::all(), TimesInForce::all())
    );
    assert!(rules.settle_ms > 10_000 && !rules.reduce_only);
    // Ids made by the gateway fit: 32 of [a-z0-9].
    assert!(descriptor.client_id_rules.max_length >= 32);
    assert!(
        "abcxyz0189"
            .chars()
            .all(|id| descriptor.client_id_rules.alphabet.contains(id))
    );
    assert!(
        descriptor
            .buckets
            .iter()
            .all(|bucket| bucket.name.starts_with("spot_") == (bucket.endpoints == ["spot"]))
    );
}

#[test]
fn requests_can_be_written_down_for_a_judge() {
    write_down(&every_request(), "SPEC_CHECK_SPOT");
}
