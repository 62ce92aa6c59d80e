//! Calls into the adapter: on the task's own thread where they are short, on another where they may not
//! be, and once more where an answer must not be lost.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchyard_runtime::wit::types as wit;
use switchyard_runtime::{Adapter, Call, CallError, Capability, LogSink, Operation, Step};

use super::operation::Ask;
use super::registry::Venue;
use crate::model::{Failure, FailureCode, Fate};
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
        // Key and secret of one moment, whatever is rotated meanwhile.
        let account = self.account();
        let account = account.as_deref();
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
        let sha256 = adapter.sha256();
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
        self.note_call::<O, _>(CallPhase::Encode, sha256, started, &called);
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
        // What was carried over is the version's own: another could make anything of it.
        let previous = self.slot.serving().previous.clone();
        let previous =
            previous.filter(|previous| state.is_none() && previous.sha256() != adapter.sha256());
        let mut fell_back = false;
        let is_short = !O::BULK && bytes + state.map_or(0, Vec::len) <= INLINE_BYTES;
        let first = is_short.then(|| adapter.decode::<O>(&call, command, state, &responses));
        let called = match first {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) if !is_worth_another_try(&error, mutated) => Err(error),
            // Long, or failed on this thread and worth another try on one where it may wait.
            again => {
                let tries = if again.is_some() { 1 } else { 2 };
                let (first, command, state) = (adapter.clone(), command.clone(), state.cloned());
                let decoded = apart(move || {
                    let read = |adapter: &Adapter, tries| {
                        let state = state.as_ref();
                        decode_patiently::<O>(
                            adapter, &call, &command, state, &responses, mutated, tries,
                        )
                    };
                    match (read(&first, tries), previous) {
                        (Err(error), Some(previous)) if is_its_fault(&error) => {
                            Ok((read(&previous, 1).map_err(|_| error.clone()), Some(error)))
                        }
                        (decoded, _) => Ok((decoded, None)),
                    }
                });
                match decoded.await {
                    Ok((decoded, None)) => decoded,
                    Ok((decoded, Some(error))) => {
                        fell_back = decoded.is_ok();
                        if fell_back {
                            self.slot.trapped(adapter.sha256());
                        }
                        tracing::error!(venue = %self.name, operation = O::NAME, %error, fell_back, "an answer could not be read");
                        decoded
                    }
                    Err(error) => Err(error),
                }
            }
        };
        self.note_call::<O, _>(CallPhase::Decode, adapter.sha256(), started, &called);
        if fell_back {
            self.metrics.plugins.fell_back(self.slot.name());
            if !mutated && !may_be_read_by_another::<O>(&called) {
                return Err(Failure::new(
                    FailureCode::AdapterFailed,
                    Fate::Refused,
                    "the answer could be read by an earlier version of the adapter only",
                ));
            }
            if mutated {
                // What an earlier version makes of it is no word to end an order by: the venue is asked.
                return Err(Failure::new(
                    FailureCode::OutcomeUnknown,
                    Fate::Unknown,
                    "the answer could be read by an earlier version of the adapter only; the venue is asked what became of it",
                ));
            }
        }
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
        sha256: &str,
        started: Instant,
        called: &Result<T, CallError>,
    ) {
        let labels = AdapterCallLabels {
            venue: self.name.clone(),
            operation: O::NAME,
            phase,
        };
        let failed = called.as_ref().err().map(CallError::kind);
        self.metrics
            .adapter_called(labels, started.elapsed(), failed);
        if let Err(error) = called {
            if is_its_fault(error) {
                self.slot.trapped(sha256);
            }
            tracing::error!(venue = %self.name, operation = O::NAME, ?phase, %error, "call into the adapter failed");
        }
    }

    /// A failure whose texts do not hold the API key, which adapters and venues may repeat.
    pub(super) fn without_key(&self, failure: Failure) -> Failure {
        let account = self.account();
        let account = account.as_deref();
        let key = account.map(|account| account.api_key.as_str());
        let former = account.and_then(|account| account.former_api_key.as_deref());
        let clean = |text: String| redacted(&redacted(&text, key), former).into_owned();
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

/// Whether what an earlier version made of an answer is taken: not of orders, which nothing that the version in
/// service cannot read may end, and not as a state that this one would go on from.
fn may_be_read_by_another<O: Operation>(
    called: &Result<Result<Step<O::Output>, wit::Error>, CallError>,
) -> bool {
    let goes_on = matches!(called, Ok(Ok(Step::Continue(_))));
    O::CAPABILITY != Capability::Trading && !goes_on
}

/// Whether the version is to blame for a call that did not complete.
fn is_its_fault(error: &CallError) -> bool {
    match error {
        CallError::Trap(_) | CallError::MemoryExceeded { .. } | CallError::DeadlineExceeded(_) => {
            true
        }
        CallError::PoolExhausted(_) | CallError::NoCapability(_) => false,
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
