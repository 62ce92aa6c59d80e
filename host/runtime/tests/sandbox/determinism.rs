//! Same input, same bytes: on a warm instance, on a fresh one, and in another engine.

use std::sync::Arc;

use secrecy::SecretString;
use switchyard_runtime::wit::trading::Place;
use switchyard_runtime::wit::types::{HttpResponse, OrderType, Side, TimeInForce};
use switchyard_runtime::{
    Adapter, Call, GetTicker, Limits, ListInstruments, Place as PlaceOperation, SecretKey,
};

use crate::bench::{answer, call_about, instrument, runtime, shipped_bytes};

fn signed_call() -> Call {
    let secret = SecretKey::new(SecretString::from("a secret of the account")).unwrap();
    Call {
        signer: Some(Arc::new(secret)),
        ..call_about(instrument("spot", "BTC", "USDT"))
    }
}

fn order() -> Place {
    Place {
        client_id: "swy0123456789abcdefghij".to_owned(),
        side: Side::Sell,
        order_type: OrderType::Limit,
        quantity: "0.00012345".to_owned(),
        price: Some("60000.01".to_owned()),
        time_in_force: Some(TimeInForce::Gtc),
        reduce_only: false,
    }
}

/// Everything the adapter says to a fixed input, as text.
fn transcript(adapter: &Adapter) -> String {
    let call = signed_call();
    let listing: HttpResponse = answer(r#"{"symbols":[],"rateLimits":[]}"#);
    let refusal = HttpResponse {
        status: 400,
        ..answer(r#"{"code":-2010,"msg":"Account has insufficient balance for requested action."}"#)
    };
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        adapter
            .encode::<PlaceOperation>(&call, &order(), None)
            .unwrap(),
        adapter
            .decode::<PlaceOperation>(&call, &order(), None, &[refusal])
            .unwrap(),
        adapter
            .decode::<PlaceOperation>(&call, &order(), None, &[answer("<html>")])
            .unwrap(),
        adapter.encode::<GetTicker>(&call, &(), None).unwrap(),
        adapter
            .decode::<ListInstruments>(&call, &(), None, &[listing])
            .unwrap(),
    )
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let bytes = shipped_bytes();
    let first = runtime(Limits::default()).load(&bytes).unwrap();
    let expected = transcript(&first);
    assert!(expected.contains("signature="), "{expected}");
    for _ in 0..50 {
        assert_eq!(transcript(&first), expected, "on a warm instance");
    }
    let fresh = Limits {
        uses_per_instance: 1,
        ..Limits::default()
    };
    let second = runtime(fresh).load(&bytes).unwrap();
    for _ in 0..5 {
        assert_eq!(
            transcript(&second),
            expected,
            "on fresh instances of another engine"
        );
    }
}

#[test]
fn what_one_call_did_is_not_seen_by_the_next() {
    let adapter = runtime(Limits::default()).load(&shipped_bytes()).unwrap();
    let expected = transcript(&adapter);
    let garbage: Vec<u8> = (0..200_000_u32).map(|place| (place % 251) as u8).collect();
    for length in [0, 1, 1_000, 200_000] {
        let response = HttpResponse {
            body: garbage[..length].to_vec(),
            ..answer("")
        };
        let decoded = adapter.decode::<PlaceOperation>(&signed_call(), &order(), None, &[response]);
        assert!(decoded.unwrap().is_err(), "garbage is a typed error");
        assert_eq!(transcript(&adapter), expected);
    }
}
