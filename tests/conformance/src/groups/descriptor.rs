//! What the adapter says of itself.

use switchyard_runtime::wit::descriptor::Descriptor;
use switchyard_runtime::wit::types::{OrderTypes, TimesInForce};
use switchyard_runtime::{Capability, method_name};

use crate::case::{Case, Checks, Finding, Group, Needs, Verdict};
use crate::subject::Subject;

macro_rules! case {
    ($id:literal, $title:literal, $rule:literal, $needs:expr, $check:ident) => {
        Case {
            id: $id,
            group: Group::Descriptor,
            title: $title,
            rule: $rule,
            needs: $needs,
            at_load: true,
            check: $check,
        }
    };
}

const TRADING: Needs = Needs::Capability(Capability::Trading);

pub(super) const CASES: &[Case] = &[
    case!(
        "DSC-001",
        "names, version, endpoints, calls, buckets and client ids are well-formed and fit together",
        "wit/descriptor.wit",
        Needs::Nothing,
        is_loaded
    ),
    case!(
        "DSC-002",
        "every endpoint serves products, each named once, and has calls",
        "wit/descriptor.wit, endpoint and allowed-call",
        Needs::Nothing,
        endpoints
    ),
    case!(
        "DSC-003",
        "no call is declared twice",
        "wit/descriptor.wit, allowed-call",
        Needs::Nothing,
        calls
    ),
    case!(
        "DSC-004",
        "every bucket is drawn on by an endpoint, and its headers are headers",
        "wit/descriptor.wit, bucket",
        Needs::Nothing,
        buckets
    ),
    case!(
        "DSC-005",
        "an endpoint on which orders are placed says which, for how long, and how late an ambiguous one may surface",
        "wit/descriptor.wit, endpoint-rules; DESIGN §5, 5",
        TRADING,
        trading_rules
    ),
    case!(
        "DSC-006",
        "the venue remembers something: no history horizon is zero",
        "wit/descriptor.wit, endpoint-rules",
        TRADING,
        horizons
    ),
    case!(
        "DSC-007",
        "candle lengths are above zero, each once, shortest first",
        "wit/descriptor.wit, endpoint-rules.candle-seconds",
        Needs::Capability(Capability::Market),
        candles
    ),
    case!(
        "DSC-008",
        "the alphabet of client ids has printable ASCII characters, each once",
        "wit/descriptor.wit, client-id-rules",
        TRADING,
        alphabet
    ),
];

fn is_loaded(_: &Subject) -> Verdict {
    Verdict::Passed { looked_at: 1 }
}

fn found(came_back: String, expected: &str) -> Finding {
    Finding {
        on: "the descriptor".into(),
        sent: "describe".into(),
        came_back,
        expected: expected.into(),
    }
}

fn descriptor(subject: &Subject) -> &Descriptor {
    subject.adapter().descriptor()
}

fn endpoints(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for endpoint in &descriptor(subject).endpoints {
        let (alias, products) = (&endpoint.alias, &endpoint.products);
        let is_once = |at: usize| !products[..at].contains(&products[at]);
        let is_well = !products.is_empty() && (0..products.len()).all(is_once);
        checks.expect(is_well, || {
            found(
                format!("endpoint {alias:?} with products {products:?}"),
                "at least one product, none twice",
            )
        });
        let mut calls = descriptor(subject).allowed_calls.iter();
        checks.expect(calls.any(|call| call.endpoint == *alias), || {
            found(
                format!("endpoint {alias:?} without an allowed call"),
                "a call that it is for",
            )
        });
    }
    checks.verdict("")
}

fn calls(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let calls = &descriptor(subject).allowed_calls;
    for (at, call) in calls.iter().enumerate() {
        let same = |other: &&switchyard_runtime::wit::descriptor::AllowedCall| {
            (&other.endpoint, other.method, &other.path)
                == (&call.endpoint, call.method, &call.path)
        };
        checks.expect(calls[..at].iter().find(same).is_none(), || {
            let text = format!(
                "{} {}:{} twice",
                method_name(call.method),
                call.endpoint,
                call.path
            );
            found(
                text,
                "each call once, so that it is plain whether it changes something",
            )
        });
    }
    checks.verdict("")
}

fn buckets(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for bucket in &descriptor(subject).buckets {
        let name = &bucket.name;
        checks.expect(!bucket.endpoints.is_empty(), || {
            found(
                format!("bucket {name:?} of no endpoint"),
                "the endpoints whose requests draw on it",
            )
        });
        for header in bucket.used_header.iter().chain(&bucket.remaining_header) {
            let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
            checks.expect(!header.is_empty() && header.bytes().all(token), || {
                found(
                    format!("bucket {name:?} counted by {header:?}"),
                    "a header's name (RFC 9110, section 5.6.2)",
                )
            });
        }
    }
    checks.verdict("the venue has no buckets")
}

fn trading_rules(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for rules in &descriptor(subject).endpoint_rules {
        if rules.order_types == OrderTypes::empty() {
            continue; // prices alone
        }
        let has_times = !rules.order_types.contains(OrderTypes::LIMIT)
            || rules.times_in_force != TimesInForce::empty();
        checks.expect(has_times, || {
            let text = format!(
                "endpoint {:?} takes limit orders and no time in force",
                rules.endpoint
            );
            found(text, "at least one")
        });
        checks.expect(rules.max_window_ms > 0, || {
            let text = format!("endpoint {:?} with max-window-ms 0", rules.endpoint);
            found(text, "a window in which a request can arrive")
        });
        checks.expect(rules.settle_ms > 0, || {
            let text = format!("endpoint {:?} with settle-ms 0", rules.endpoint);
            found(text, "how long after its window a request may still surface: a window is no proof of absence")
        });
    }
    checks.verdict("no endpoint takes orders")
}

fn horizons(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for rules in &descriptor(subject).endpoint_rules {
        for horizon in [rules.unfilled_history_ms, rules.filled_history_ms] {
            checks.expect(horizon != Some(0), || {
                let text = format!(
                    "endpoint {:?} with a history horizon of 0 ms",
                    rules.endpoint
                );
                found(text, "a time, or none for ever")
            });
        }
    }
    checks.verdict("")
}

fn candles(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for rules in &descriptor(subject).endpoint_rules {
        let lengths = &rules.candle_seconds;
        let ascend = lengths.windows(2).all(|pair| pair[0] < pair[1]);
        checks.expect(ascend && !lengths.contains(&0), || {
            found(
                format!("endpoint {:?} with {lengths:?}", rules.endpoint),
                "lengths above zero, shortest first, each once",
            )
        });
    }
    checks.verdict("")
}

fn alphabet(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let alphabet = &descriptor(subject).client_id_rules.alphabet;
    let is_once = |(at, c): (usize, char)| !alphabet[..at].contains(c);
    let is_well =
        alphabet.chars().all(|c| c.is_ascii_graphic()) && alphabet.char_indices().all(is_once);
    checks.expect(is_well, || {
        found(
            format!("the alphabet {alphabet:?}"),
            "visible ASCII characters, each once",
        )
    });
    checks.verdict("")
}
