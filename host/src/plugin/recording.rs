//! Exchanges of a plugin that are kept for a while, because an operator wants recorded cases of them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use switchyard_runtime::Exchange;
use tokio::time::Instant;

/// Exchanges that are kept at most, of all operations together.
const MOST: usize = 64;

/// Bytes of answers that are kept at most: one listing of a large venue has several million.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// What is kept of a plugin. Nothing, unless it was asked for.
#[derive(Debug, Default)]
pub struct Recording(Mutex<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    until: Instant,
    each: usize,
    bytes: usize,
    exchanges: Vec<Exchange>,
}

/// What was kept so far.
#[derive(Debug, Serialize)]
pub struct Recorded {
    /// Whether more is being kept.
    pub running: bool,
    /// Oldest first, without keys and signatures.
    pub exchanges: Vec<Exchange>,
}

impl Recording {
    /// Keeps exchanges from now on, for this long, so many of each operation. What was kept before is
    /// forgotten.
    pub fn start(&self, lasts: Duration, each: usize) {
        *self.lock() = Some(Kept {
            until: Instant::now() + lasts,
            each,
            bytes: 0,
            exchanges: Vec::new(),
        });
    }

    /// Whether exchanges are being kept.
    pub fn is_on(&self) -> bool {
        self.lock().as_ref().is_some_and(Kept::is_on)
    }

    /// Keeps an exchange, if it is wanted and was answered.
    pub fn offer(&self, exchange: &Exchange) {
        let mut kept = self.lock();
        let Some(kept) = kept.as_mut().filter(|kept| kept.is_on()) else {
            return;
        };
        let alike = kept
            .exchanges
            .iter()
            .filter(|other| other.operation == exchange.operation)
            .count();
        let bytes: usize = exchange.answers.iter().map(|a| a.body.len()).sum();
        let fits = kept.bytes + bytes <= MOST_BYTES;
        if alike < kept.each && fits && !exchange.answers.is_empty() {
            kept.bytes += bytes;
            kept.exchanges.push(exchange.clone());
        }
    }

    /// What was kept since it was last started.
    pub fn kept(&self) -> Recorded {
        let kept = self.lock();
        Recorded {
            running: kept.as_ref().is_some_and(Kept::is_on),
            exchanges: kept
                .as_ref()
                .map(|kept| kept.exchanges.clone())
                .unwrap_or_default(),
        }
    }

    /// Keeps no more, and forgets what was kept.
    pub fn stop(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_on(&self) -> bool {
        self.exchanges.len() < MOST && Instant::now() < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(operation: &str) -> Exchange {
        serde_json::from_value(serde_json::json!({
            "operation": operation, "adapter": "x", "adapter_version": "1.0.0", "adapter_sha256": "",
            "context": { "now": 0, "nonce": 0, "window_ms": 0, "endpoint": "rest", "account": null, "instrument": null },
            "command": null, "requests": [],
            "answers": [{ "status": 200, "headers": [], "body": "{}" }],
        }))
        .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_of_each_operation_are_kept_until_the_time_is_over() {
        let recording = Recording::default();
        recording.offer(&exchange("get-time"));
        assert!(!recording.is_on() && recording.kept().exchanges.is_empty());
        recording.start(Duration::from_secs(60), 2);
        for _ in 0..5 {
            recording.offer(&exchange("get-time"));
        }
        recording.offer(&exchange("place"));
        let mut unanswered = exchange("cancel");
        unanswered.answers.clear();
        recording.offer(&unanswered);
        let kept = recording.kept();
        let names: Vec<_> = kept
            .exchanges
            .iter()
            .map(|e| e.operation.as_str())
            .collect();
        assert_eq!(names, ["get-time", "get-time", "place"]);
        assert!(kept.running);
        tokio::time::advance(Duration::from_secs(60)).await;
        recording.offer(&exchange("amend"));
        let kept = recording.kept();
        assert!(!kept.running && kept.exchanges.len() == 3);
        recording.stop();
        assert!(recording.kept().exchanges.is_empty());
    }
}
