//! Runs one operation at one venue: encode, send, decode, and again where the adapter asks for it.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use switchyard_runtime::wit::types as wit;
use switchyard_runtime::{Adapter, Call, CallError, LogSink, Operation, Step};

use super::catalogue::Listed;
use super::http::SendError;
use super::registry::Venue;
use crate::model::{Attempt, Failure, FailureCode, Fate, Timestamp};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::telemetry::{AdapterCallLabels, CallPhase, VenueCallLabels};

/// Rounds of requests one operation may take; 10,000 orders of history in pages of 500 take 20.
const MAX_STEPS: usize = 64;

/// Requests one step may send side by side.
const MAX_REQUESTS_PER_STEP: usize = 16;

/// Largest state an adapter may carry from one step to the next, in bytes.
const MAX_STATE_BYTES: usize = 16 * 1024 * 1024;

/// A decode of more than this runs on a thread of its own, so that it delays nobody else.
const INLINE_DECODE_BYTES: usize = 64 * 1024;

/// What is asked of a venue, and until when.
#[derive(Debug)]
pub struct Ask<'a, O: Operation> {
    /// Endpoint alias.
    pub endpoint: &'a str,
    /// The instrument it is about, where there is one.
    pub instrument: Option<&'a Arc<Listed>>,
    /// The command.
    pub command: O::Command,
    /// When the caller stops waiting.
    pub deadline: Deadline,
}

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
    /// Runs an operation that changes nothing.
    ///
    /// # Errors
    /// [`Failure`]; its fate says nothing of interest.
    pub async fn read<O: Operation>(&self, ask: Ask<'_, O>) -> Result<O::Output, Failure> {
        self.run::<O, _, _>(ask, |_| std::future::ready(Ok(())))
            .await
    }

    /// Runs an operation, giving `record` every attempt that may change something before it is sent. What
    /// `record` refuses is not sent.
    ///
    /// # Errors
    /// [`Failure`], whose fate says whether the venue may have acted.
    pub async fn run<O, R, F>(&self, ask: Ask<'_, O>, record: R) -> Result<O::Output, Failure>
    where
        O: Operation,
        R: Fn(Attempt) -> F + Send + Sync,
        F: Future<Output = Result<(), Failure>> + Send,
    {
        let started = Instant::now();
        let endpoint = ask.endpoint.to_owned();
        let api_key = self
            .account
            .as_ref()
            .map(|account| account.api_key.as_str());
        let result = self
            .run_steps::<O, R, F>(&ask, &record)
            .await
            .map_err(|failure| {
                let message = redacted(&failure.message, api_key).into_owned();
                Failure { message, ..failure }
            });
        let outcome = result
            .as_ref()
            .map_or_else(|failure| failure.code.name(), |_| "ok");
        let took = started.elapsed();
        self.metrics.venue_called(
            VenueCallLabels {
                venue: self.name.clone(),
                endpoint: endpoint.clone(),
                operation: O::NAME,
                outcome,
            },
            took,
        );
        let millis = took.as_secs_f64() * 1_000.0;
        match &result {
            Ok(_) => {
                tracing::info!(venue = %self.name, %endpoint, operation = O::NAME, outcome, millis, "venue call");
            }
            Err(failure) => tracing::info!(
                venue = %self.name, %endpoint, operation = O::NAME, outcome, millis,
                fate = ?failure.fate, venue_code = failure.venue_code.as_deref(),
                message = %failure.message, "venue call failed"
            ),
        }
        result
    }

    async fn run_steps<O, R, F>(&self, ask: &Ask<'_, O>, record: &R) -> Result<O::Output, Failure>
    where
        O: Operation,
        R: Fn(Attempt) -> F + Send + Sync,
        F: Future<Output = Result<(), Failure>> + Send,
    {
        let adapter = self.adapter();
        let mut state: Option<Vec<u8>> = None;
        // Once a step changed something, no later failure may claim that nothing happened.
        let mut changed = false;
        for _ in 0..MAX_STEPS {
            let settled = |failure: Failure| {
                if changed {
                    Failure {
                        fate: Fate::Unknown,
                        ..failure
                    }
                } else {
                    failure
                }
            };
            let call = self.call::<O>(ask)?;
            let stamped_at = translate::timestamp(call.context.now);
            let requests = self
                .encode::<O>(&adapter, &call, &ask.command, state.as_ref())
                .map_err(settled)?;
            let mutates = requests.iter().any(|request| request.mutates);
            self.check_requests(&adapter, &requests, O::CHANGES_STATE)
                .map_err(settled)?;
            if let Some(request) = requests.iter().find(|request| request.mutates) {
                let expires_at =
                    stamped_at.plus(Duration::from_millis(call.context.window_ms.into()));
                let attempt = attempt::<O>(&adapter, request, stamped_at, expires_at);
                record(attempt).await.map_err(settled)?;
                if self.clock.now() >= expires_at || ask.deadline.has_passed() {
                    return Err(settled(Failure::not_sent(
                        FailureCode::Timeout,
                        "the request went stale before it could be sent",
                    )));
                }
            }
            let responses = self
                .send_all(&requests, ask.deadline)
                .await
                .map_err(settled)?;
            self.note_limits(&adapter, &requests, &responses);
            let step = self
                .decode::<O>(
                    &adapter,
                    call,
                    &ask.command,
                    state.as_ref(),
                    responses,
                    mutates,
                )
                .await
                .map_err(settled)?;
            changed |= mutates;
            match step {
                Step::Done(output) => return Ok(output),
                Step::Continue(next) if next.len() <= MAX_STATE_BYTES => state = Some(next),
                Step::Continue(_) => {
                    return Err(after(
                        changed,
                        "the adapter's state between two steps is too large",
                    ));
                }
            }
        }
        Err(after(
            changed,
            &format!("the adapter did not finish within {MAX_STEPS} steps"),
        ))
    }

    fn call<O: Operation>(&self, ask: &Ask<'_, O>) -> Result<Call, Failure> {
        let account = self.account.as_ref();
        Ok(Call {
            context: wit::Context {
                now: translate::millis(self.clock.now()),
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
        })
    }

    fn encode<O: Operation>(
        &self,
        adapter: &Adapter,
        call: &Call,
        command: &O::Command,
        state: Option<&Vec<u8>>,
    ) -> Result<Vec<wit::HttpRequest>, Failure> {
        let started = Instant::now();
        let called = adapter.encode::<O>(call, command, state);
        self.note_call::<O, _>(CallPhase::Encode, started, &called);
        called
            .map_err(|error| translate::call_failure(&error, Fate::NotSent))?
            .map_err(|error| Failure {
                fate: Fate::NotSent,
                ..translate::venue_failure(error, false, self.clock.now())
            })
    }

    fn check_requests(
        &self,
        adapter: &Adapter,
        requests: &[wit::HttpRequest],
        may_change_state: bool,
    ) -> Result<(), Failure> {
        let broken = |message: &str| {
            tracing::error!(venue = %self.name, "{message}; nothing was sent");
            self.metrics.request_refused(&self.name);
            Err(Failure::not_sent(FailureCode::AdapterFailed, message))
        };
        let changing = requests.iter().filter(|request| request.mutates).count();
        if requests.is_empty() || requests.len() > MAX_REQUESTS_PER_STEP {
            return broken(&format!(
                "the adapter made {} requests in one step",
                requests.len()
            ));
        }
        if changing > 1 || (changing == 1 && !may_change_state) {
            return broken(
                "the adapter made a state-changing request where none, or only one, is allowed",
            );
        }
        for request in requests {
            if let Err(refused) = adapter.allowed_calls().check(request) {
                return broken(&refused.to_string());
            }
            if !self.endpoints.contains_key(&request.endpoint) {
                return broken(&format!(
                    "the venue has no endpoint {:?} configured",
                    request.endpoint
                ));
            }
        }
        Ok(())
    }

    async fn send_all(
        &self,
        requests: &[wit::HttpRequest],
        deadline: Deadline,
    ) -> Result<Vec<wit::HttpResponse>, Failure> {
        let sends = requests.iter().map(|request| async move {
            let origin = self
                .endpoints
                .get(&request.endpoint)
                .ok_or(SendError::Target);
            let sent = match origin {
                Ok(origin) => self.sender.send(origin, request, deadline).await,
                Err(error) => Err(error),
            };
            sent.map_err(|error| send_failure(&error, request.mutates))
        });
        // An answer to a request that changes state outweighs the failure of one beside it that does not;
        // the contract allows one such request in a step, and its failure decides the step's fate.
        let mut results = join_all(sends).await;
        if let Some(at) = results
            .iter()
            .position(|r| r.as_ref().is_err_and(|f| f.fate == Fate::Unknown))
        {
            return Err(results
                .swap_remove(at)
                .err()
                .unwrap_or_else(|| after(true, "a request failed")));
        }
        results.into_iter().collect()
    }

    async fn decode<O: Operation>(
        &self,
        adapter: &Arc<Adapter>,
        call: Call,
        command: &O::Command,
        state: Option<&Vec<u8>>,
        responses: Vec<wit::HttpResponse>,
        mutates: bool,
    ) -> Result<Step<O::Output>, Failure> {
        let fate = if mutates {
            Fate::Unknown
        } else {
            Fate::Refused
        };
        let started = Instant::now();
        let bytes: usize = responses.iter().map(|response| response.body.len()).sum();
        let called = if bytes <= INLINE_DECODE_BYTES {
            decode_twice::<O>(adapter, &call, command, state, &responses)
        } else {
            let (adapter, command, state) = (adapter.clone(), command.clone(), state.cloned());
            let span = tracing::Span::current();
            tokio::task::spawn_blocking(move || {
                span.in_scope(|| {
                    decode_twice::<O>(&adapter, &call, &command, state.as_ref(), &responses)
                })
            })
            .await
            .unwrap_or_else(|_| Err(CallError::Trap("the decoding thread ended".into())))
        };
        self.note_call::<O, _>(CallPhase::Decode, started, &called);
        called
            .map_err(|error| translate::call_failure(&error, fate))?
            .map_err(|error| translate::venue_failure(error, mutates, self.clock.now()))
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
}

/// A text without the API key, which adapters and venues may repeat.
fn redacted<'a>(text: &'a str, api_key: Option<&str>) -> Cow<'a, str> {
    match api_key {
        Some(key) if text.contains(key) => Cow::Owned(text.replace(key, "[api key]")),
        _ => Cow::Borrowed(text),
    }
}

/// Decodes, and after a trap once more on a fresh instance: a decode is pure, and the answer is the
/// only word on what became of a request.
fn decode_twice<O: Operation>(
    adapter: &Adapter,
    call: &Call,
    command: &O::Command,
    state: Option<&Vec<u8>>,
    responses: &[wit::HttpResponse],
) -> Result<Result<Step<O::Output>, wit::Error>, CallError> {
    match adapter.decode::<O>(call, command, state, responses) {
        Err(error @ (CallError::Trap(_) | CallError::MemoryExceeded { .. })) => {
            tracing::warn!(operation = O::NAME, %error, "decode failed; trying a fresh instance");
            adapter.decode::<O>(call, command, state, responses)
        }
        other => other,
    }
}

fn attempt<O: Operation>(
    adapter: &Adapter,
    request: &wit::HttpRequest,
    stamped_at: Timestamp,
    expires_at: Timestamp,
) -> Attempt {
    let path = request.path.split('?').next().unwrap_or_default();
    Attempt {
        operation: O::NAME.to_owned(),
        request: format!(
            "{} {}:{path}",
            super::http::method(request.method),
            request.endpoint
        ),
        stamped_at,
        expires_at,
        adapter_version: adapter.descriptor().adapter_version.clone(),
        adapter_sha256: adapter.sha256().to_owned(),
    }
}

fn send_failure(error: &SendError, mutates: bool) -> Failure {
    let fate = if error.was_not_sent() || !mutates {
        Fate::NotSent
    } else {
        Fate::Unknown
    };
    let code = match error {
        SendError::Target => FailureCode::AdapterFailed,
        SendError::Connect(_) | SendError::Broken(_) => FailureCode::VenueUnavailable,
        SendError::Timeout => FailureCode::Timeout,
        SendError::TooLarge => FailureCode::MalformedResponse,
    };
    Failure::new(code, fate, error.to_string())
}

fn after(changed: bool, message: &str) -> Failure {
    Failure::new(
        FailureCode::AdapterFailed,
        if changed {
            Fate::Unknown
        } else {
            Fate::Refused
        },
        message,
    )
}
