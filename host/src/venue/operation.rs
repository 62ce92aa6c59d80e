//! Runs one operation at one venue: encode, send, decode, and again where the adapter asks for it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchyard_runtime::wit::types as wit;
use switchyard_runtime::{Adapter, Call, Operation, RecordedStep, Recorder, Step, method_name};

use super::catalogue::Listed;
use super::registry::Venue;
use super::tape::Tape;
use super::verdict::{self, Kind};
use crate::model::{Attempt, Failure, FailureCode, Fate, Timestamp};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::telemetry::{RetryLabels, VenueCallLabels};

/// Rounds of requests one operation may take; 10,000 orders of history in pages of 500 take 20.
const MAX_STEPS: usize = 64;

/// Largest state an adapter may carry from one step to the next, in bytes.
const MAX_STATE_BYTES: usize = 16 * 1024 * 1024;

/// A request that waited this long for a rate limit is stamped and signed anew.
const STAMP_LASTS: Duration = Duration::from_millis(50);

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

/// How an operation went that gave no result.
struct Stopped {
    failure: Failure,
    /// Whether the gateway itself kept it from being sent: that says nothing of the venue, and trying again
    /// at once leads to the same.
    by_us: bool,
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            by_us: false,
        }
    }
}

/// When requests of an operation were out, what the gateway itself made it wait for left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Talk {
    /// When those of the last step were sent, by the gateway's clock.
    pub(super) began: Timestamp,
    /// How long those of the last step took.
    pub(super) took: Duration,
    /// How long those of all steps took.
    pub(super) in_all: Duration,
}

impl Talk {
    /// Nothing was sent yet.
    fn none() -> Self {
        Self {
            began: Timestamp::now(),
            took: Duration::ZERO,
            in_all: Duration::ZERO,
        }
    }
}

/// How often something is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tries {
    /// As often as the policy allows.
    Policy,
    /// Once: somebody else can be asked.
    One,
}

impl Venue {
    /// Runs an operation that changes nothing.
    ///
    /// # Errors
    /// [`Failure`]; its fate says nothing of interest.
    pub async fn read<O: Operation>(&self, ask: Ask<'_, O>) -> Result<O::Output, Failure> {
        self.told(&ask, self.guarded(&ask, &unrecorded, None, Tries::Policy))
            .await
    }

    /// Runs an operation that changes nothing, without a second try: for callers that can ask elsewhere.
    ///
    /// # Errors
    /// [`Failure`], as for [`Venue::read`].
    pub async fn read_once<O: Operation>(&self, ask: Ask<'_, O>) -> Result<O::Output, Failure> {
        self.told(&ask, self.guarded(&ask, &unrecorded, None, Tries::One))
            .await
    }

    /// Asks how the venue is. Neither breaker nor bulkhead stand before it, which are there to keep others
    /// from finding out; the venue's limits and bans do. Beside the answer comes how long the venue took for it.
    pub(super) async fn probe_with<O: Operation>(
        &self,
        ask: Ask<'_, O>,
    ) -> Result<(O::Output, Talk), Failure> {
        let mut talk = Talk::none();
        let run = async {
            self.run_steps(&ask, &unrecorded, Kind::Probe, None, &mut talk)
                .await
                .map_err(|stopped| stopped.failure)
        };
        let output = self.told(&ask, run).await?;
        Ok((output, talk))
    }

    /// Runs an operation, giving `record` every attempt that may change something before it is sent. What
    /// `record` refuses is not sent. What was said on both sides is on the `tape` afterwards, however it
    /// ended.
    ///
    /// # Errors
    /// [`Failure`], whose fate says whether the venue may have acted.
    pub async fn run<O, R, F>(
        &self,
        ask: Ask<'_, O>,
        record: R,
        tape: &Tape,
    ) -> Result<O::Output, Failure>
    where
        O: Operation,
        R: Fn(Attempt) -> F + Send + Sync,
        F: Future<Output = Result<(), Failure>> + Send,
    {
        self.told(&ask, self.guarded(&ask, &record, Some(tape), Tries::Policy))
            .await
    }

    /// Runs an operation as [`Venue::run`] does, without a second try: for callers that can go elsewhere.
    ///
    /// # Errors
    /// [`Failure`], whose fate says whether the venue may have acted.
    pub async fn run_once<O, R, F>(
        &self,
        ask: Ask<'_, O>,
        record: R,
        tape: &Tape,
    ) -> Result<O::Output, Failure>
    where
        O: Operation,
        R: Fn(Attempt) -> F + Send + Sync,
        F: Future<Output = Result<(), Failure>> + Send,
    {
        self.told(&ask, self.guarded(&ask, &record, Some(tape), Tries::One))
            .await
    }

    /// Counts and logs how an operation went.
    async fn told<O: Operation>(
        &self,
        ask: &Ask<'_, O>,
        run: impl Future<Output = Result<O::Output, Failure>> + Send,
    ) -> Result<O::Output, Failure> {
        let started = Instant::now();
        let endpoint = ask.endpoint;
        let result = run.await.map_err(|failure| self.without_key(failure));
        let outcome = result
            .as_ref()
            .map_or_else(|failure| failure.code.name(), |_| "ok");
        let took = started.elapsed();
        self.metrics.venue_called(
            VenueCallLabels {
                venue: self.name.clone(),
                endpoint: endpoint.to_owned(),
                operation: O::NAME,
                outcome,
            },
            took,
        );
        let millis = took.as_secs_f64() * 1_000.0;
        match &result {
            Ok(_) => {
                tracing::info!(venue = %self.name, endpoint, operation = O::NAME, outcome, millis, "venue call");
            }
            Err(failure) => tracing::info!(
                venue = %self.name, endpoint, operation = O::NAME, outcome, millis,
                fate = ?failure.fate, venue_code = failure.venue_code.as_deref(),
                message = %failure.message, "venue call failed"
            ),
        }
        result
    }

    /// Runs an operation behind bulkhead and breaker, and again where that may help and can do no harm.
    async fn guarded<O, R, F>(
        &self,
        ask: &Ask<'_, O>,
        record: &R,
        tape: Option<&Tape>,
        tries: Tries,
    ) -> Result<O::Output, Failure>
    where
        O: Operation,
        R: Fn(Attempt) -> F + Send + Sync,
        F: Future<Output = Result<(), Failure>> + Send,
    {
        let kind = Kind::of::<O>();
        let _admission = self.policies.admit(kind, ask.deadline).await?;
        let mut retries = 0;
        let mut may_resync = true;
        let mut before: Option<Failure> = None;
        loop {
            let permit = match self.policies.pass(ask.endpoint) {
                Ok(permit) => permit,
                // What failed before says more than that it is not tried once more.
                Err(refused) => return Err(before.unwrap_or(refused)),
            };
            let mut talk = Talk::none();
            let result = self.run_steps(ask, record, kind, tape, &mut talk).await;
            let talked = talk.in_all;
            let failure = match result {
                Ok(output) => {
                    let well = verdict::health(&Ok(()), talked, self.policies.slow());
                    permit.record_after(well, talked);
                    return Ok(output);
                }
                Err(Stopped {
                    failure,
                    by_us: true,
                }) => return Err(after_earlier(kind, before, failure)),
                Err(Stopped { failure, .. }) => failure,
            };
            let judged = Err::<(), _>(failure.clone());
            permit.record_after(
                verdict::health(&judged, talked, self.policies.slow()),
                talked,
            );
            let failure = after_earlier(kind, before.take(), failure);
            let is_skewed = failure.code == FailureCode::ClockSkew;
            if is_skewed && may_resync && verdict::is_harmless(kind, &failure) {
                may_resync = false;
                self.note_retry::<O>(ask.endpoint, &failure);
                self.resync(ask.endpoint, ask.deadline).await;
                before = Some(failure);
                continue;
            }
            if tries == Tries::One || !verdict::may_repeat(kind, &failure) {
                return Err(failure);
            }
            match self.policies.again(retries, &failure, ask.deadline) {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(failure),
            }
            retries += 1;
            self.note_retry::<O>(ask.endpoint, &failure);
            before = Some(failure);
        }
    }

    fn note_retry<O: Operation>(&self, endpoint: &str, failure: &Failure) {
        self.metrics.reliability.retried(&RetryLabels {
            venue: self.name.clone(),
            endpoint: endpoint.to_owned(),
            operation: O::NAME,
            reason: failure.code.name(),
        });
        tracing::info!(venue = %self.name, endpoint, operation = O::NAME, %failure, "trying again");
    }

    async fn run_steps<O, R, F>(
        &self,
        ask: &Ask<'_, O>,
        record: &R,
        kind: Kind,
        tape: Option<&Tape>,
        talk: &mut Talk,
    ) -> Result<O::Output, Stopped>
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
            self.must_not_be_halted(kind).map_err(|failure| Stopped {
                failure: settled(failure),
                by_us: !changed,
            })?;
            let mut recorder = tape.map(|_| Arc::new(Recorder::default()));
            let mut call = watched(self.call::<O>(ask), recorder.as_ref());
            let mut requests = self
                .encode::<O>(&adapter, &call, &ask.command, state.as_ref())
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
                recorder = tape.map(|_| Arc::new(Recorder::default()));
                call = watched(self.call::<O>(ask), recorder.as_ref());
                requests = self
                    .encode::<O>(&adapter, &call, &ask.command, state.as_ref())
                    .await
                    .map_err(settled)?;
            }
            let stamped_at = translate::timestamp(call.context.now);
            let mutating = self
                .mutating_request::<O>(&adapter, &requests)
                .map_err(settled)?;
            if let Some(request) = mutating.and_then(|place| requests.get(place)) {
                let expires_at =
                    stamped_at.plus(Duration::from_millis(call.context.window_ms.into()));
                let attempt = attempt::<O>(&adapter, request, stamped_at, expires_at);
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
                if let (Some(tape), Some(recorder)) = (tape, &recorder) {
                    let step = RecordedStep::<O> {
                        adapter: &adapter,
                        context: &context,
                        command: &ask.command,
                        state: state.as_ref(),
                        requests: &requests,
                        answers,
                    };
                    tape.add(recorder.exchange(&step, meaning));
                }
            };
            let responses = answered.map_err(|failure| {
                keep(Err(failure.message.clone()), None);
                settled(failure)
            })?;
            self.limits.note(&pass, &requests, &responses);
            drop(pass);
            let taped = tape.map(|_| responses.clone()).unwrap_or_default();
            let decoded = self
                .decode::<O>(
                    &adapter,
                    call,
                    &ask.command,
                    state.as_ref(),
                    responses,
                    mutating.is_some(),
                )
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
                self.limits.heed(&failure, &requests);
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

fn watched(call: Call, recorder: Option<&Arc<Recorder>>) -> Call {
    match recorder {
        Some(recorder) => recorder.watch(call),
        None => call,
    }
}

/// Nothing is recorded of what changes nothing.
fn unrecorded(_: Attempt) -> std::future::Ready<Result<(), Failure>> {
    std::future::ready(Ok(()))
}

/// A failure after an earlier one of the same operation: what may have happened then may have happened.
fn after_earlier(kind: Kind, earlier: Option<Failure>, failure: Failure) -> Failure {
    let was_open = earlier.is_some_and(|earlier| earlier.fate == Fate::Unknown);
    if was_open && kind != Kind::Read {
        return Failure {
            fate: Fate::Unknown,
            ..failure
        };
    }
    failure
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
