//! One try of an operation: encode, wait for leave, keep the attempt, send, decode, and again where the adapter
//! asks for it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchyard_runtime::wit::types as wit;
use switchyard_runtime::{Adapter, Call, Operation, RecordedStep, Recorder, Step, method_name};

use tracing::{Instrument as _, Span};

use super::operation::{Ask, By, Stopped, Talk};
use super::registry::Venue;
use super::tape::Tape;
use super::verdict::Kind;
use crate::model::{Attempt, Failure, FailureCode, Fate, Timestamp};
use crate::plugin::translate;

/// Rounds of requests one operation may take; 10,000 orders of history in pages of 500 take 20.
const MAX_STEPS: usize = 64;

/// Largest state an adapter may carry from one step to the next, in bytes.
const MAX_STATE_BYTES: usize = 16 * 1024 * 1024;

/// A request that waited this long for a rate limit is stamped and signed anew.
const STAMP_LASTS: Duration = Duration::from_millis(50);

impl Venue {
    pub(super) async fn run_steps<O, R, F>(
        &self,
        ask: &Ask<'_, O>,
        record: &R,
        kind: Kind,
        tape: Option<&Tape>,
        talk: &mut Talk,
        by: By<'_>,
    ) -> Result<O::Output, Stopped>
    where
        O: Operation,
        R: Fn(Attempt) -> F + Send + Sync,
        F: Future<Output = Result<(), Failure>> + Send,
    {
        let By {
            adapter,
            shadow,
            is_heeded,
        } = by;
        let is_kept = tape.is_some() || shadow.is_some() || self.slot.recording().is_on();
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
            self.must_not_be_halted(kind).map_err(|failure| Stopped {
                failure: settled(failure),
                by_us: !changed,
            })?;
            let mut recorder = is_kept.then(|| Arc::new(Recorder::default()));
            let mut call = watched(self.call::<O>(ask), recorder.as_ref());
            let mut requests = self
                .encode::<O>(adapter, &call, &ask.command, state.as_ref())
                .instrument(adapter_span::<O>("encode", adapter))
                .await
                .map_err(settled)?;
            let pass = self
                .limits
                .acquire(&requests, kind.priority(), ask.deadline)
                .await
                .map_err(|failure| Stopped {
                    failure: settled(failure),
                    by_us: !changed,
                })?;
            if pass.waited() >= STAMP_LASTS {
                // Stamped and signed when it is sent, not when it began to wait.
                recorder = is_kept.then(|| Arc::new(Recorder::default()));
                call = watched(self.call::<O>(ask), recorder.as_ref());
                requests = self
                    .encode::<O>(adapter, &call, &ask.command, state.as_ref())
                    .instrument(adapter_span::<O>("encode", adapter))
                    .await
                    .map_err(settled)?;
            }
            let stamped_at = translate::timestamp(call.context.now);
            let mutating = self
                .mutating_request::<O>(adapter, &requests)
                .map_err(settled)?;
            if let Some(request) = mutating.and_then(|place| requests.get(place)) {
                let expires_at =
                    stamped_at.plus(Duration::from_millis(call.context.window_ms.into()));
                let attempt = attempt::<O>(adapter, request, stamped_at, expires_at);
                // Keeping the attempt may take long, and much may happen meanwhile.
                let may_go = record(attempt)
                    .await
                    .and_then(|()| self.must_not_be_halted(kind))
                    .and_then(|()| self.limits.must_be_open(&pass));
                if let Err(failure) = may_go {
                    pass.refund();
                    return Err(Stopped {
                        failure: settled(failure),
                        by_us: !changed,
                    });
                }
                if self.clock.now(ask.endpoint) >= expires_at || ask.deadline.has_passed() {
                    pass.refund();
                    return Err(settled(Failure::not_sent(
                        FailureCode::Timeout,
                        "the request went stale before it could be sent",
                    ))
                    .into());
                }
            }
            let (began, sent) = (Timestamp::now(), Instant::now());
            let answered = self.send_all(&requests, mutating, ask.deadline).await;
            let took = sent.elapsed();
            *talk = Talk {
                began,
                took,
                in_all: talk.in_all + took,
            };
            let context = call.context.clone();
            let keep = |answers: Result<&[wit::HttpResponse], String>, meaning: Option<_>| {
                if let Some(recorder) = &recorder {
                    let step = RecordedStep::<O> {
                        adapter,
                        context: &context,
                        command: &ask.command,
                        state: state.as_ref(),
                        requests: &requests,
                        answers,
                    };
                    let exchange = recorder.exchange(&step, meaning);
                    self.slot.recording().offer(&exchange);
                    if let Some(trial) = shadow {
                        trial.shadow(exchange.clone());
                    }
                    if let Some(tape) = tape {
                        tape.add(exchange);
                    }
                }
            };
            let responses = answered.map_err(|failure| {
                keep(Err(failure.message.clone()), None);
                settled(failure)
            })?;
            self.limits.note(&pass, &requests, &responses);
            drop(pass);
            let taped = if is_kept {
                responses.clone()
            } else {
                Vec::new()
            };
            let decoded = self
                .decode::<O>(
                    adapter,
                    call,
                    &ask.command,
                    state.as_ref(),
                    responses,
                    mutating.is_some(),
                )
                .instrument(adapter_span::<O>("decode", adapter))
                .await;
            keep(
                Ok(&taped),
                decoded.as_ref().ok().map(|meaning| meaning.as_ref()),
            );
            let step = decoded.and_then(|meaning| {
                meaning.map_err(|error| {
                    let now = self.clock.now(ask.endpoint);
                    translate::venue_failure(error, mutating.is_some(), now)
                })
            });
            let step = step.map_err(|failure| {
                if is_heeded {
                    self.limits.heed(&failure, &requests);
                }
                settled(failure)
            })?;
            changed |= mutating.is_some();
            match step {
                Step::Done(output) => return Ok(output),
                Step::Continue(next) if next.len() <= MAX_STATE_BYTES => state = Some(next),
                Step::Continue(_) => {
                    return Err(after(
                        changed,
                        "the adapter's state between two steps is too large",
                    )
                    .into());
                }
            }
        }
        Err(after(
            changed,
            &format!("the adapter did not finish within {MAX_STEPS} steps"),
        )
        .into())
    }
}

/// A call into an adapter, for traces.
fn adapter_span<O: Operation>(phase: &'static str, adapter: &Adapter) -> Span {
    tracing::info_span!(
        "adapter",
        otel.name = format!("{phase} {}", O::NAME),
        phase,
        operation = O::NAME,
        adapter_version = adapter.descriptor().adapter_version
    )
}

fn watched(call: Call, recorder: Option<&Arc<Recorder>>) -> Call {
    match recorder {
        Some(recorder) => recorder.watch(call),
        None => call,
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
            method_name(request.method),
            request.endpoint
        ),
        stamped_at,
        expires_at,
        adapter_version: adapter.descriptor().adapter_version.clone(),
        adapter_sha256: adapter.sha256().to_owned(),
    }
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
