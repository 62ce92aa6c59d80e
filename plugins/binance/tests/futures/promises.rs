use std::collections::BTreeSet;

use switchyard_sdk::trading::{Cancel, GetOrder};
use switchyard_sdk::types::{HttpRequest, Method};
use switchyard_sdk::{Account, Descriptor, Trading};

use crate::desk::*;

/// A request of every kind that the adapter makes of an API.
fn every_request(endpoint: &str) -> Vec<HttpRequest> {
    let desk = Desk::on(endpoint);
    let all = Desk::everywhere(endpoint);
    let (cx, all) = (desk.cx(), all.cx());
    let candles = candles(Some(NOW - 600_000), Some(NOW), 5);
    let mut requests = encode_everything(&cx, &all, &candles, &limit_order(), &[dearer()]);
    let history = history(NOW - 1_000, NOW, 10);
    let order = by_id("algo-1");
    let cleared = ok(r#"{"code":200,"msg":"done"}"#);
    let rest = more(VENUE.decode_cancel_all(&cx, None, &cleared));
    let past = more(VENUE.decode_list_history(&cx, &history, None, &ok("[]")));
    let get = GetOrder {
        order: order.clone(),
    };
    let more_requests = [
        VENUE.encode_list_positions(&all, None),
        VENUE.encode_get_order(&cx, &get, None),
        VENUE.encode_cancel(&cx, &Cancel { order }, None),
        VENUE.encode_cancel_all(&cx, Some(&rest)),
        VENUE.encode_list_history(&cx, &history, Some(&past)),
    ];
    for more in more_requests {
        requests.extend(more.expect("encodes"));
    }
    requests
}

#[test]
fn every_request_is_an_allowed_call_and_every_allowed_call_is_made() {
    for (endpoint, _) in BOTH {
        let allowed: BTreeSet<_> = VENUE
            .describe()
            .allowed_calls
            .into_iter()
            .filter(|call| call.endpoint == endpoint)
            .map(|call| (call.method as u8, call.path))
            .collect();
        let made: BTreeSet<_> = every_request(endpoint).iter().map(call).collect();
        assert_eq!(made, allowed);
    }
}

#[test]
fn every_request_costs_something_of_its_own_endpoints_buckets() {
    let buckets = VENUE.describe().buckets;
    for (endpoint, root) in BOTH {
        for request in every_request(endpoint) {
            assert!(!request.costs.is_empty() && request.endpoint == endpoint);
            for cost in &request.costs {
                let bucket = buckets.iter().find(|bucket| bucket.name == cost.bucket);
                assert!(bucket.is_some_and(|bucket| bucket.endpoints == [endpoint]));
                assert!(cost.amount > 0);
            }
            assert!(request.path.starts_with(root) && request.path.is_ascii());
            assert!(!request.path.contains(SECRET) && !request.path.contains(API_KEY));
            assert_eq!(request.mutates, request.method != Method::Get);
            assert_eq!(
                request.path.contains("signature="),
                !request.headers.is_empty()
            );
        }
        assert_eq!(every_request(endpoint), every_request(endpoint));
    }
}

#[test]
fn what_futures_forget_is_said() {
    const DAY: u64 = 86_400_000;
    for (endpoint, _) in BOTH {
        let rules = VENUE.describe().endpoint_rules;
        let rules = rules.iter().find(|rules| rules.endpoint == endpoint);
        let rules = rules.expect("has rules");
        assert_eq!(rules.unfilled_history_ms, Some(3 * DAY));
        assert_eq!(rules.filled_history_ms, Some(90 * DAY));
        assert!(rules.reduce_only && rules.open_without_instrument);
        assert!(!rules.history_without_instrument && rules.settle_ms > 10_000);
    }
}

#[test]
fn requests_can_be_written_down_for_a_judge() {
    write_down(&every_request("usdm"), "SPEC_CHECK_USDM");
    write_down(&every_request("coinm"), "SPEC_CHECK_COINM");
}
