//! A caller who repeats a request, with the same key and body, until there is a final answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use switchyard_end_to_end::Caller;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long the gateway may take for an answer.
const REQUEST_TIMEOUT_MS: &str = "3000";

/// How long a caller waits for it.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long a request is repeated before it counts as never answered.
const UNANSWERED_AFTER: Duration = Duration::from_secs(240);

/// Repetitions of what is refused because something else is being done to the order.
const IN_THE_WAY: u32 = 30;

/// Pause between two tries; a caller that is told to wait longer does not.
const PAUSE: Duration = Duration::from_millis(60);

/// What a caller does, and what it was told.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    gateway: watch::Receiver<Caller>,
    sent: Arc<AtomicU64>,
    started: Instant,
}

/// A request, repeated as it is.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: Option<Value>,
    /// After how long the caller goes away from the first try.
    pub(crate) leaves_after: Option<Duration>,
}

/// The last word on a request.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Told {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.body["id"].as_str().filter(|_| self.is_success())
    }

    pub(crate) fn state(&self) -> &str {
        self.body["state"].as_str().unwrap_or_default()
    }
}

/// What an answer means to a caller.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Final,
    Again,
    /// Something else is being done to the order.
    InTheWay,
}

fn meaning(told: &Told) -> Meaning {
    match (told.status, told.body["code"].as_str()) {
        (409, Some("idempotency-key-in-flight")) => Meaning::Again,
        (409, _) if told.body["retryable"] == true => Meaning::InTheWay,
        (408 | 429 | 500..600, _) => Meaning::Again,
        _ => Meaning::Final,
    }
}

impl Desk {
    pub(crate) fn new(gateway: watch::Receiver<Caller>) -> Self {
        Self {
            gateway,
            sent: Arc::default(),
            started: Instant::now(),
        }
    }

    /// Requests sent so far by whoever shares this desk.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Repeats a request until it is answered. None where something else was in the way for long.
    ///
    /// # Errors
    /// There never was a final answer.
    pub(crate) async fn ask(
        &self,
        asked: &Asked,
        log: &mut Vec<String>,
    ) -> Result<Option<Told>, String> {
        let until = Instant::now() + UNANSWERED_AFTER;
        let mut leaves_after = asked.leaves_after;
        let mut in_the_way = 0;
        while Instant::now() < until {
            let patience = leaves_after.take().unwrap_or(PATIENCE);
            let answer = timeout(patience, self.send(asked)).await;
            let at = self.started.elapsed().as_millis();
            let what = format!("{at} {} {} {}", asked.method, asked.path, asked.key);
            match answer {
                Err(_) => log.push(format!("{what}: left after {patience:?}")),
                Ok(Err(error)) => log.push(format!("{what}: {}", error.without_url())),
                Ok(Ok(told)) => {
                    log.push(format!("{what}: {} {}", told.status, told.body));
                    match meaning(&told) {
                        Meaning::Final => return Ok(Some(told)),
                        Meaning::Again => {}
                        Meaning::InTheWay if in_the_way >= IN_THE_WAY => return Ok(None),
                        Meaning::InTheWay => in_the_way += 1,
                    }
                }
            }
            sleep(PAUSE).await;
        }
        Err(format!(
            "{} {} {}: no final answer",
            asked.method, asked.path, asked.key
        ))
    }

    async fn send(&self, asked: &Asked) -> Result<Told, reqwest::Error> {
        let gateway = self.gateway.borrow().clone();
        let request = gateway
            .request(asked.method.clone(), &asked.path)
            .header("idempotency-key", &asked.key)
            .header("x-request-timeout-ms", REQUEST_TIMEOUT_MS)
            .header("content-type", "application/json");
        let request = match &asked.body {
            Some(body) => request.body(body.to_string()),
            None => request,
        };
        self.sent.fetch_add(1, Ordering::SeqCst);
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok(Told {
            status,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        })
    }
}
