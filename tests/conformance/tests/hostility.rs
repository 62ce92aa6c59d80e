//! The generators of hostile input do what they claim.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use switchyard_conformance::hostility::{
    Change, Claim, CommandRules, Demand, MessageChange, Mutation, Steps, ValueChange, commands,
    minimise, responses,
};
use switchyard_runtime::wit::descriptor::ClientIdRules;
use switchyard_runtime::wit::types::{Context, HttpResponse};

/// No limit on the changes of values.
const ALL: usize = usize::MAX;

fn answer(body: &str) -> HttpResponse {
    HttpResponse {
        status: 200,
        headers: vec![
            ("Content-Type".into(), "application/json".into()),
            ("X-Weight".into(), "3".into()),
        ],
        body: body.as_bytes().to_vec(),
    }
}

const ORDER: &str = r#"{ "id": 12, "price": "0.10000000", "open": true, "reason": null,
  "fills": [{"qty": "1"}, {"qty": "2"}, {"qty": "3"}, {"qty": "4"}, {"qty": "5"}], "a/b": {} }"#;

/// JSON as venues write it.
fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[0-9]{1,9}\\.[0-9]{1,8}".prop_map(Value::from),
        "[ -~é]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z/~]{1,6}", inner, 0..6)
                .prop_map(|map: BTreeMap<String, Value>| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The value at a pointer, as `serde_json` reads it.
fn value_at(answer: &HttpResponse, mutation: &Mutation) -> Option<Value> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    body.pointer(mutation.pointer.as_deref().unwrap()).cloned()
}

proptest! {
    #[test]
    fn what_is_claimed_to_be_json_is_json_and_what_lost_its_value_has_not_got_it(
        value in json_values(),
        seed in any::<u64>(),
    ) {
        let answer = answer(&serde_json::to_string_pretty(&value).unwrap());
        for (mutation, changed) in responses(seed, &answer, ALL) {
            let read = serde_json::from_slice::<Value>(&changed.body);
            match &mutation.change {
                // A number of a great many digits, as a number, is more than this reader holds.
                Change::Value(ValueChange::Number(_)) => {}
                _ if mutation.is_json() => prop_assert!(read.is_ok(), "{mutation}: {read:?}"),
                Change::Value(ValueChange::Nested(_)) | Change::Message(MessageChange::Empty(_)) => {}
                _ => prop_assert!(read.is_err(), "{mutation} is JSON: {value}"),
            }
            prop_assert!(
                changed.status != answer.status
                    || changed.body != answer.body
                    || changed.headers != answer.headers,
                "{mutation} changes nothing"
            );
            if mutation.loses_value() && mutation.is_json() {
                let (was, is) = (value_at(&answer, &mutation), value_at(&changed, &mutation));
                // In a list, what comes after moves up, and may be equal.
                let moved = mutation.change == Change::Value(ValueChange::Missing)
                    && mutation.pointer.as_ref().unwrap().ends_with(|c: char| c.is_ascii_digit());
                prop_assert!(moved || was != is, "{mutation} kept {was:?}");
                prop_assert_eq!(mutation.demand(), Demand::NoDefault);
            }
        }
    }

    #[test]
    fn a_seed_gives_the_same_changes_and_another_seed_others(value in json_values(), seed in any::<u64>()) {
        let answer = answer(&value.to_string());
        let names = |seed| responses(seed, &answer, 40).map(|(m, c)| (m.to_string(), c.body)).collect::<Vec<_>>();
        prop_assert_eq!(names(seed), names(seed));
    }

    #[test]
    fn nothing_but_the_value_named_changes(value in json_values(), seed in any::<u64>()) {
        let answer = answer(&value.to_string());
        for (mutation, changed) in responses(seed, &answer, ALL) {
            if !matches!(mutation.change, Change::Value(ValueChange::Null | ValueChange::ToBool)) {
                continue;
            }
            let mut expected: Value = serde_json::from_slice(&answer.body).unwrap();
            let put = if mutation.change == Change::Value(ValueChange::Null) { Value::Null } else { true.into() };
            *expected.pointer_mut(mutation.pointer.as_deref().unwrap()).unwrap() = put;
            prop_assert_eq!(serde_json::from_slice::<Value>(&changed.body).unwrap(), expected);
        }
    }
}

#[test]
fn each_kind_of_hostility_is_among_the_changes_of_an_order() {
    let names: BTreeSet<String> = responses(7, &answer(ORDER), ALL)
        .map(|(mutation, _)| mutation.to_string())
        .collect();
    for name in [
        "/price: missing",
        "/price: null",
        "/price: as a number",
        "/id: as a text",
        "/price: the text \"NaN\" instead",
        "/price: the text \"1e5\" instead",
        "/id: the number 9007199254740993 instead",
        "/price: a byte that is not UTF-8",
        "/price: half of a surrogate pair",
        "/fills: emptied",
        "/fills/4/qty: missing",
        "/a~1b: with an unknown member",
        "/id: named twice, another value last",
        "body {}",
        "empty body with status 200",
        "web page with status 502",
        "still compressed with gzip",
        "in UTF-16, little-endian",
        "with a byte order mark",
        "right body with status 500",
        "content type \"text/html\"",
        "header 1 a great number",
        "100000 opening brackets",
    ] {
        assert!(names.contains(name), "{name} not in {names:#?}");
    }
    assert!(names.iter().any(|name| name.starts_with("cut after")));
    assert!(names.iter().any(|name| name.contains("262144 digits")));
    assert!(names.iter().any(|name| name.contains("100000 nested")));
}

#[test]
fn elements_of_a_long_list_are_sampled_and_a_limit_is_kept() {
    let body = json!({ "list": vec![json!({ "a": "1.5", "b": 2 }); 500] }).to_string();
    let answer = answer(&body);
    let values = |limit| {
        responses(7, &answer, limit)
            .filter(|(mutation, _)| matches!(mutation.change, Change::Value(_)))
            .count()
    };
    assert!(values(ALL) < 400, "{}", values(ALL));
    assert_eq!(values(30), 30);
    let losing = responses(7, &answer, 30)
        .filter(|(mutation, _)| mutation.loses_value())
        .count();
    assert_eq!(losing, 20);
}

#[test]
fn a_success_with_a_failures_status_and_a_failure_with_a_success_must_be_errors() {
    let demand_of = |answer: &HttpResponse, status| {
        responses(1, answer, 0)
            .find(|(mutation, _)| mutation.change == Change::Message(MessageChange::Status(status)))
            .map(|(mutation, _)| mutation.demand())
    };
    let mut answer = answer(ORDER);
    assert_eq!(demand_of(&answer, 500), Some(Demand::Error));
    assert_eq!(demand_of(&answer, 201), Some(Demand::Valid));
    answer.status = 400;
    assert_eq!(demand_of(&answer, 200), Some(Demand::Error));
}

#[test]
fn a_failure_shrinks_to_what_it_needs_and_its_pointer_follows() {
    let answer = answer(ORDER);
    let (mutation, _) = responses(3, &answer, ALL)
        .find(|(mutation, _)| mutation.to_string() == "/fills/4/qty: missing")
        .unwrap();
    // Fails where an order with an id has a fill without a quantity that had one before.
    let fails = |before: &HttpResponse, after: &HttpResponse| {
        let before: Value = serde_json::from_slice(&before.body).unwrap();
        let after: Value = serde_json::from_slice(&after.body).unwrap();
        let fills = |order: &Value| order["fills"].as_array().cloned().unwrap_or_default();
        let lost = |fill: &Value| fill.get("qty").is_none();
        !after["id"].is_null() && fills(&after).iter().any(lost) && !fills(&before).iter().any(lost)
    };
    let smallest = minimise(&answer, &mutation, 500, fails).unwrap();
    assert_eq!(
        String::from_utf8(smallest.answer.body.clone()).unwrap(),
        r#"{"id":12,"fills":[{"qty":"5"}]}"#
    );
    assert_eq!(smallest.mutation.to_string(), "/fills/0/qty: missing");
    assert_eq!(smallest.changed.body, br#"{"id":12,"fills":[{}]}"#);
    assert!(smallest.changed.headers.is_empty());
    assert!(smallest.trials < 60, "{}", smallest.trials);
}

#[test]
fn bytes_and_sizes_shrink_too_and_trials_are_bounded() {
    let answer = answer(ORDER);
    let named = |name: &str| {
        let found =
            responses(3, &answer, ALL).find(|(mutation, _)| mutation.to_string().contains(name));
        found.unwrap().0
    };
    let page = minimise(
        &answer,
        &named("web page with status 502"),
        2_000,
        |_, page| page.body.contains(&b'<'),
    );
    assert_eq!(page.unwrap().changed.body, b"<");
    let deep = minimise(&answer, &named("100000 nested"), 2_000, |_, changed| {
        changed.body.iter().filter(|byte| **byte == b'[').count() > 1_000
    });
    let Change::Value(ValueChange::Nested(levels)) = deep.unwrap().mutation.change else {
        panic!("another change");
    };
    assert!((1_000..2_001).contains(&levels), "{levels}");
    let bounded = minimise(&answer, &named("web page with status 502"), 5, |_, _| false);
    assert_eq!(bounded.unwrap().trials, 5);
    // A body of a hundred thousand bytes, of which none can go, ends with its trials too.
    let brackets = named("100000 opening brackets");
    let began = std::time::Instant::now();
    let whole = minimise(&answer, &brackets, 50, |_, _| false).unwrap();
    assert_eq!((whole.trials, whole.changed.body.len()), (50, 100_000));
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

fn context() -> Context {
    Context {
        now: 1_700_000_000_000,
        nonce: 1,
        window_ms: 5_000,
        endpoint: "rest".into(),
        account: None,
        instrument: None,
    }
}

fn rules() -> CommandRules {
    CommandRules {
        client_ids: ClientIdRules {
            max_length: 8,
            alphabet: "abc-".into(),
        },
        price: Steps {
            min: Some("0.5".into()),
            max: Some("1000".into()),
            step: Some("0.5".into()),
        },
        quantity: Steps::default(),
        max_window_ms: 60_000,
    }
}

#[test]
fn commands_stand_at_every_edge_and_say_which_a_host_may_ask() {
    let command = json!({
        "client_id": "abc", "side": "Buy", "order_type": "Limit", "quantity": "2",
        "price": "1.5", "time_in_force": "Gtc", "reduce_only": false,
    });
    let made = commands(9, &context(), &command, &rules());
    assert_eq!(made, commands(9, &context(), &command, &rules()));
    let claim = |pointer: &str, value: &Value| {
        let found = made
            .iter()
            .find(|c| c.pointer == pointer && c.command.pointer(pointer) == Some(value));
        found.map(|c| c.claim)
    };
    for (pointer, value, wanted) in [
        (
            "/quantity",
            json!("9999999999999999999999999999"),
            Claim::Askable,
        ),
        (
            "/quantity",
            json!("0.0000000000000000000000000001"),
            Claim::Askable,
        ),
        ("/quantity", json!("1.50000000"), Claim::Askable),
        ("/quantity", json!("0"), Claim::Beyond),
        ("/quantity", json!("1e5"), Claim::Beyond),
        ("/price", json!("1000"), Claim::Askable),
        ("/price", json!("1000.5"), Claim::Beyond),
        ("/price", json!("0.25"), Claim::Beyond),
        ("/client_id", json!("a"), Claim::Askable),
        (
            "/client_id",
            json!("----------------"[..8].to_owned()),
            Claim::Askable,
        ),
        ("/client_id", json!("a".repeat(9)), Claim::Beyond),
        ("/client_id", json!("🚀🚀"), Claim::Beyond),
        (
            "/client_id",
            json!("a&symbol=OTHER&side=SELL"),
            Claim::Beyond,
        ),
    ] {
        assert_eq!(claim(pointer, &value), Some(wanted), "{pointer} {value}");
    }
    assert!(
        made.iter()
            .any(|c| c.context.now == (1 << 53) - 1 && c.claim == Claim::Askable)
    );
    assert!(
        made.iter()
            .any(|c| c.context.window_ms == 0 && c.claim == Claim::Beyond)
    );
    for changed in &made {
        let elsewhere = changed.command != command && changed.context != context();
        assert!(!elsewhere, "{changed} is changed in two places");
    }
}

#[test]
fn an_amend_below_what_is_filled_and_a_range_that_ends_before_it_begins_are_not_asked() {
    let amend = json!({
        "order": { "venue_id": "77", "client_id": null }, "current_quantity": "5", "filled_quantity": "2",
        "quantity": "4", "price": null, "new_client_id": "abc",
    });
    let made = commands(9, &context(), &amend, &rules());
    let claim = |value: &str| {
        made.iter()
            .find(|c| c.command["quantity"] == value)
            .map(|c| c.claim)
    };
    assert_eq!(claim("1"), Some(Claim::Beyond));
    assert_eq!(claim("100.000"), Some(Claim::Askable));
    assert!(made.iter().any(
        |c| c.pointer == "/order/venue_id" && c.command["order"]["venue_id"] == "../../secret"
    ));
    assert!(made.iter().all(|c| c.pointer != "/price"));

    let range = json!({ "since": 5_000, "before": 6_000, "limit": 100 });
    let made = commands(9, &context(), &range, &rules());
    let claims = |pointer: &str| {
        made.iter()
            .filter(|c| c.pointer == pointer)
            .map(|c| (c.name.clone(), c.claim))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(claims("/since")["the epoch"], Claim::Askable);
    assert_eq!(claims("/since")["now"], Claim::Beyond);
    assert_eq!(claims("/before")["the last moment"], Claim::Askable);
    assert_eq!(claims("/before")["the epoch"], Claim::Beyond);
    assert_eq!(claims("/limit")["the most"], Claim::Askable);
}
