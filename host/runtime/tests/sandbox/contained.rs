//! Loops, hunger, traps, endless recursion and chatter end at their limits, and the next call works.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use switchyard_runtime::wit::log::Level;
use switchyard_runtime::wit::trading::Place;
use switchyard_runtime::wit::types::{OrderType, Side};
use switchyard_runtime::{Call, CallError, GetTicker, Limits, LogSink, Place as PlaceOperation};

use crate::bench::{answer, call, hostile, ticker, works};

const DEADLINE: Duration = Duration::from_millis(40);

/// What no call may take by the wall clock, however busy the machine is with other tests. A call that is
/// not stopped takes for ever.
const WALL: Duration = Duration::from_secs(10);

fn limits() -> Limits {
    Limits {
        call_deadline: DEADLINE,
        memory_bytes: 64 * 1024 * 1024,
        ..Limits::default()
    }
}

#[test]
fn a_loop_is_stopped_at_its_deadline_and_delays_nobody_beyond_it() {
    let adapter = hostile(limits());
    let looping = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let (adapter, looping) = (&adapter, &looping);
        scope.spawn(move || {
            for _ in 0..5 {
                let started = Instant::now();
                let error = ticker(adapter, "LOOP").unwrap_err();
                assert!(
                    matches!(error, CallError::DeadlineExceeded(deadline) if deadline == DEADLINE),
                    "{error}"
                );
                let took = started.elapsed();
                assert!(took < WALL, "{took:?}");
            }
            looping.store(false, Ordering::SeqCst);
        });
        let mut calls = 0_u32;
        while looping.load(Ordering::SeqCst) || calls == 0 {
            let started = Instant::now();
            works(adapter);
            assert!(started.elapsed() < WALL, "{:?}", started.elapsed());
            calls += 1;
        }
        println!("{calls} calls beside the loop");
    });
}

#[test]
fn memory_ends_at_the_limit_and_is_given_back() {
    let adapter = hostile(limits());
    for _ in 0..20 {
        let error = ticker(&adapter, "HUNGRY").unwrap_err();
        let CallError::MemoryExceeded { limit_bytes } = error else {
            panic!("{error}")
        };
        assert_eq!(limit_bytes, limits().memory_bytes);
        assert_eq!(adapter.pool_status().alive, 0);
    }
    works(&adapter);
}

#[test]
fn a_trap_costs_its_instance_and_nothing_else() {
    let adapter = hostile(limits());
    works(&adapter);
    let before = adapter.pool_status();
    assert_eq!((before.alive, before.idle), (1, 1));
    let error = ticker(&adapter, "TRAP").unwrap_err();
    assert!(matches!(error, CallError::Trap(_)), "{error}");
    assert_eq!(
        adapter.pool_status().alive,
        0,
        "nobody gets a trapped instance"
    );
    works(&adapter);
    assert_eq!(adapter.pool_status().alive, 1);
}

#[test]
fn endless_recursion_ends_in_the_adapter_and_not_in_the_host() {
    let adapter = hostile(limits());
    for _ in 0..3 {
        let error = ticker(&adapter, "STACK").unwrap_err();
        assert!(
            matches!(error, CallError::Trap(_) | CallError::DeadlineExceeded(_)),
            "{error}"
        );
        works(&adapter);
    }
}

#[test]
fn a_decode_is_held_to_the_same_limits() {
    let adapter = hostile(limits());
    let order = Place {
        client_id: "swy1".to_owned(),
        side: Side::Buy,
        order_type: OrderType::Limit,
        quantity: "1".to_owned(),
        price: Some("2".to_owned()),
        time_in_force: None,
        reduce_only: false,
    };
    let place =
        |base: &str| adapter.decode::<PlaceOperation>(&call(base), &order, None, &[answer("v1")]);
    assert!(place("HONEST").unwrap().is_ok());
    for base in ["LOOP", "HUNGRY", "TRAP", "STACK"] {
        assert!(place(base).is_err(), "{base}");
        assert!(place("HONEST").unwrap().is_ok(), "after {base}");
    }
}

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl LogSink for Lines {
    fn write(&self, _: Level, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

#[test]
fn chatter_is_cut_in_number_and_length() {
    let adapter = hostile(limits());
    let lines = Arc::new(Lines::default());
    let chatty = Call {
        log: lines.clone(),
        ..call("CHATTY")
    };
    for calls in 1..=2 {
        adapter
            .encode::<GetTicker>(&chatty, &(), None)
            .unwrap()
            .unwrap();
        let lines = lines.0.lock().unwrap();
        assert_eq!(lines.len(), calls * 32, "each call has its own allowance");
        assert!(lines.iter().all(|line| line.len() <= 1_024));
    }
}

#[test]
fn a_request_outside_the_declared_calls_does_not_pass_the_gate() {
    let adapter = hostile(limits());
    let elsewhere = b"127.0.0.1:9".to_vec();
    for base in [
        "ESCAPEPATH",
        "ESCAPEURL",
        "ESCAPEHOST",
        "ESCAPEUSER",
        "ESCAPEDOTS",
        "ESCAPEALIAS",
        "ESCAPEHEADER",
        "ESCAPEINJECTION",
        "ESCAPESPLIT",
    ] {
        let call = call(base);
        let requests = adapter.encode::<GetTicker>(&call, &(), Some(&elsewhere));
        let requests = requests.unwrap().unwrap();
        let checked = adapter.allowed_calls().check(&requests[0]);
        assert!(checked.is_err(), "{base}: {requests:?}");
    }
    let honest = ticker(&adapter, "HONEST").unwrap().unwrap();
    assert!(adapter.allowed_calls().check(&honest[0]).is_ok());
}
