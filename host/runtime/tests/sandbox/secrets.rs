//! The secret never enters the sandbox.

use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use switchyard_runtime::wit::log::Level;
use switchyard_runtime::{Call, GetTicker, Limits, LogSink, SecretKey, Step};

use crate::bench::{API_KEY, answer, call, hostile};

const SECRET: &str = "the-secret-of-the-account-c9f0f895fb98ab91";

#[derive(Default)]
struct Lines(Mutex<String>);

impl LogSink for Lines {
    fn write(&self, _: Level, message: &str) {
        self.0.lock().unwrap().push_str(message);
    }
}

#[test]
fn an_adapter_that_signs_does_not_find_the_secret_in_its_memory() {
    let adapter = hostile(Limits::default());
    let lines = Arc::new(Lines::default());
    let secret = SecretKey::new(SecretString::from(SECRET)).unwrap();
    let call = Call {
        signer: Some(Arc::new(secret)),
        log: lines.clone(),
        ..call("SNOOP")
    };
    let backwards = |text: &str| text.chars().rev().collect::<String>();
    let whisper = format!("100 {} {}", backwards(SECRET), backwards(API_KEY));
    // Twice on one instance: nothing of the first signature is left for the second call either.
    for _ in 0..2 {
        let decoded = adapter.decode::<GetTicker>(&call, &(), None, &[answer(&whisper)]);
        let Step::Done(ticker) = decoded.unwrap().unwrap() else {
            panic!("one step")
        };
        assert_eq!(ticker.volume.as_deref(), Some("1"), "it could sign");
        assert_eq!(
            ticker.high.as_deref(),
            Some("1"),
            "the search finds what is there"
        );
        assert_eq!(ticker.open.as_deref(), Some("0"), "the secret is not there");
    }
    let lines = lines.0.lock().unwrap();
    assert!(!lines.is_empty() && !lines.contains(SECRET), "{lines}");
}

#[test]
fn without_credentials_nothing_is_signed() {
    let adapter = hostile(Limits::default());
    let decoded = adapter.decode::<GetTicker>(&call("SNOOP"), &(), None, &[answer("100 x y")]);
    let Step::Done(ticker) = decoded.unwrap().unwrap() else {
        panic!("one step")
    };
    assert_eq!(ticker.volume.as_deref(), Some("0"));
}

#[test]
fn a_secret_is_never_printed() {
    let secret = SecretKey::new(SecretString::from(SECRET)).unwrap();
    assert!(!format!("{secret:?}").contains(SECRET));
    let call = Call {
        signer: Some(Arc::new(secret)),
        ..call("HONEST")
    };
    assert!(!format!("{call:?}").contains(SECRET));
}
