//! Calls into the adapter: on the task's own thread where they are short, on another where they may not
//! be, and once more where an answer must not be lost.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchyard_runtime::wit::types as wit;
use switchyard_runtime::{Adapter, Call, CallError, LogSink, Operation, Step};

use super::operation::Ask;
use super::registry::Venue;
use crate::model::{Failure, Fate};
use crate::plugin::translate;
use crate::telemetry::{AdapterCallLabels, CallPhase};

/// A call with more than this to read runs on a thread of its own, so that it delays nobody else.
const INLINE_BYTES: usize = 64 * 1024;

/// How long the answer to a request that changed something waits for an instance to read it. The answer is
/// the only word on what became of the request.
const PATIENCE: Duration = Duration::from_secs(2);

/// Adds an adapter's log lines to ours, without the account's API key.
struct AdapterLog {
    venue: String,
    operation: &'static str,
    api_key: Option<String>,
}

impl LogSink for AdapterLog {
    fn write(&self, level: switchyard_runtime::wit::log::Level, message: &str) {
        use switchyard_runtime::wit::log::Level;
        let (venue, operation) = (self.venue.as_str(), self.operation);
        let message = redacted(message, self.api_key.as_deref());
        match level {
            Level::Debug => {
                tracing::debug!(target: "switchyard::adapter", venue, operation, "{message}")
            }
            Level::Info => {
                tracing::info!(target: "switchyard::adapter", venue, operation, "{message}")
            }
            Level::Warn => {
                tracing::warn!(target: "switchyard::adapter", venue, operation, "{message}")
            }
            Level::Error => {
                tracing::error!(target: "switchyard::adapter", venue, operation, "{message}")
            }
        }
    }
}

impl Venue {
    /// What one call into the adapter may know and reach, stamped now.
    pub(super) fn call<O: Operation>(&self, ask: &Ask<'_, O>) -> Call {
        let account = self.account.as_ref();
        Call {
            context: wit::Context {
                now: translate::millis(self.clock.now(ask.endpoint)),
                nonce: self.clock.nonce(),
                window_ms: self.window_ms,
                endpoint: ask.endpoint.to_owned(),
                account: account.map(|account| wit::Account {
                    api_key: account.api_key.clone(),
                    key_type: account.secret.key_type(),
                }),
                instrument: ask.instrument.map(|listed| listed.contract.clone()),
            },
            signer: account.map(|account| account.secret.clone() as _),
            catalogue: self.catalogue(),
            log: Arc::new(AdapterLog {
                venue: self.name.clone(),
                operation: O::NAME,
                api_key: account.map(|account| account.api_key.clone()),
            }),
        }
    }

    /// The requests of one step.
    pub(super) async fn encode<O: Operation>(
        &self,
        adapter: &Arc<Adapter>,
        call: &Call,
        command: &O::Command,
        state: Option<&Vec<u8>>,
    ) -> Result<Vec<wit::HttpRequest>, Failure> {
        let started = Instant::now();
        let called = if state.map_or(0, Vec::len) <= INLINE_BYTES {
            adapter.encode::<O>(call, command, state)
        } else {
            let (adapter, call, command, state) = (
                adapter.clone(),
                call.clone(),
                command.clone(),
                state.cloned(),
            );
            apart(move || adapter.encode::<O>(&call, &command, state.as_ref())).await
        };
        self.note_call::<O, _>(CallPhase::Encode, started, &called);
        called
            .map_err(|error| translate::call_failure(&error, Fate::NotSent))?
            .map_err(|error| Failure {
                fate: Fate::NotSent,
                ..translate::venue_failure(error, false, self.clock.now(&call.context.endpoint))
            })
    }

    /// What the answers of one step mean: the adapter's word, or why there is none.
    pub(super) async fn decode<O: Operation>(
        &self,
        adapter: &Arc<Adapter>,
        call: Call,
        command: &O::Command,
        state: Option<&Vec<u8>>,
        responses: Vec<wit::HttpResponse>,
        mutated: bool,
    ) -> Result<Result<Step<O::Output>, wit::Error>, Failure> {
        let started = Instant::now();
        let bytes: usize = responses.iter().map(|response| response.body.len()).sum();
        let is_short = !O::BULK && bytes + state.map_or(0, Vec::len) <= INLINE_BYTES;
        let first = is_short.then(|| adapter.decode::<O>(&call, command, state, &responses));
        let called = match first {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) if !is_worth_another_try(&error, mutated) => Err(error),
            // Long, or failed on this thread and worth another try on one where it may wait.
            again => {
                let tries = if again.is_some() { 1 } else { 2 };
                let (adapter, command, state) = (adapter.clone(), command.clone(), state.cloned());
                apart(move || {
                    decode_patiently::<O>(
                        &adapter,
                        &call,
                        &command,
                        state.as_ref(),
                        &responses,
                        mutated,
                        tries,
                    )
                })
                .await
            }
        };
        self.note_call::<O, _>(CallPhase::Decode, started, &called);
        let fate = if mutated {
            Fate::Unknown
        } else {
            Fate::Refused
        };
        called.map_err(|error| translate::call_failure(&error, fate))
    }

    fn note_call<O: Operation, T>(
        &self,
        phase: CallPhase,
        started: Instant,
        called: &Result<T, CallError>,
    ) {
        let labels = AdapterCallLabels {
            venue: self.name.clone(),
            operation: O::NAME,
            phase,
        };
        self.metrics
            .adapter_called(labels, started.elapsed(), called.is_err());
        if let Err(error) = called {
            tracing::error!(venue = %self.name, operation = O::NAME, ?phase, %error, "call into the adapter failed");
        }
    }

    /// A failure whose texts do not hold the API key, which adapters and venues may repeat.
    pub(super) fn without_key(&self, failure: Failure) -> Failure {
        let key = self
            .account
            .as_ref()
            .map(|account| account.api_key.as_str());
        let clean = |text: String| redacted(&text, key).into_owned();
        Failure {
            message: clean(failure.message),
            venue_code: failure.venue_code.map(clean),
            field: failure.field.map(clean),
            ..failure
        }
    }
}

/// Whether decoding once more, on a fresh instance, may give what this did not: a decode is pure. What an
/// answer says of a change is worth more than what it says of a read.
fn is_worth_another_try(error: &CallError, mutated: bool) -> bool {
    match error {
        CallError::Trap(_) | CallError::MemoryExceeded { .. } => true,
        CallError::DeadlineExceeded(_) | CallError::PoolExhausted(_) => mutated,
        CallError::NoCapability(_) => false,
    }
}

/// Decodes up to `tries` times. While all instances are busy, the answer to a change waits.
fn decode_patiently<O: Operation>(
    adapter: &Adapter,
    call: &Call,
    command: &O::Command,
    state: Option<&Vec<u8>>,
    responses: &[wit::HttpResponse],
    mutated: bool,
    mut tries: u32,
) -> Result<Result<Step<O::Output>, wit::Error>, CallError> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match adapter.decode::<O>(call, command, state, responses) {
            // The pool itself waits a little before it says so.
            Err(CallError::PoolExhausted(_)) if mutated && Instant::now() < give_up => {}
            Err(error) if tries > 1 && is_worth_another_try(&error, mutated) => {
                tracing::warn!(operation = O::NAME, %error, "decode failed; trying a fresh instance");
                tries -= 1;
            }
            other => return other,
        }
    }
}

/// Runs a call on a thread that nobody else waits for.
async fn apart<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, CallError> + Send + 'static,
) -> Result<T, CallError> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(call))
        .await
        .unwrap_or_else(|_| Err(CallError::Trap("the calling thread ended".into())))
}

/// A text without the API key.
fn redacted<'a>(text: &'a str, api_key: Option<&str>) -> Cow<'a, str> {
    match api_key {
        Some(key) if text.contains(key) => Cow::Owned(text.replace(key, "[api key]")),
        _ => Cow::Borrowed(text),
    }
}
