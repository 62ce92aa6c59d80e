//! Runs one operation at one venue: encode, send, decode, and again where the adapter asks for it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchyard_runtime::{Adapter, GetCandles, GetOrderBook, GetTicker, Operation};
use tracing::Instrument as _;
use tracing::field::Empty;

use super::catalogue::Listed;
use super::registry::Venue;
use super::tape::Tape;
use super::verdict::{self, Kind};
use crate::model::{Attempt, Failure, FailureCode, Fate, Timestamp};
use crate::plugin::{Serving, Trial};
use crate::reliability::Deadline;
use crate::telemetry::{RetryLabels, VenueCallLabels};

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
pub(super) struct Stopped {
    pub(super) failure: Failure,
    /// Whether the gateway itself kept it from being sent: that says nothing of the venue, and trying again
    /// at once leads to the same.
    pub(super) by_us: bool,
}

/// The version that does the work, and who goes through it again.
#[derive(Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) adapter: &'a Arc<Adapter>,
    pub(super) shadow: Option<&'a Trial>,
    /// Whether what it makes of an answer may close the venue's limits: not a candidate's.
    pub(super) is_heeded: bool,
}

impl<'a> By<'a> {
    fn active(serving: &'a Serving) -> Self {
        Self {
            adapter: &serving.active,
            shadow: serving.trial.as_deref(),
            is_heeded: true,
        }
    }

    fn candidate(trial: &'a Trial) -> Self {
        Self {
            adapter: trial.candidate(),
            shadow: None,
            is_heeded: false,
        }
    }
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
            let serving = self.slot.serving();
            let by = By::active(&serving);
            self.run_steps(&ask, &unrecorded, Kind::Probe, None, &mut talk, by)
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
        let span = tracing::info_span!(
            "venue call",
            otel.name = format!("{} at {}", O::NAME, self.name),
            otel.status_code = Empty,
            venue = self.name,
            endpoint,
            operation = O::NAME,
            outcome = Empty
        );
        let result = run.instrument(span.clone()).await;
        let result = result.map_err(|failure| self.without_key(failure));
        let outcome = result
            .as_ref()
            .map_or_else(|failure| failure.code.name(), |_| "ok");
        span.record("outcome", outcome);
        if result.is_err() {
            span.record("otel.status_code", "ERROR");
        }
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
                problem = %failure.message, "venue call failed"
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
            let serving = self.slot.serving();
            let tried = self.try_candidate(kind, ask, record, &serving).await;
            let result = match tried {
                Some(Ok(output)) => Ok(output),
                tried => {
                    let by = By::active(&serving);
                    let result = self.run_steps(ask, record, kind, tape, &mut talk, by).await;
                    if let (Some(Err((trial, failure))), Ok(_)) = (tried, &result) {
                        trial.failed(O::NAME, &failure);
                    }
                    result
                }
            };
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

    /// Lets a candidate read market data, if there is one and it is its turn: nothing that says what became of an
    /// order. What it fails to do within half of the time says nothing of the venue, and is done again by the active
    /// version.
    async fn try_candidate<O, R, F>(
        &self,
        kind: Kind,
        ask: &Ask<'_, O>,
        record: &R,
        serving: &Serving,
    ) -> Option<Result<O::Output, (Arc<Trial>, Failure)>>
    where
        O: Operation,
        R: Fn(Attempt) -> F + Send + Sync,
        F: Future<Output = Result<(), Failure>> + Send,
    {
        let trial = serving.trial.as_ref()?;
        if kind != Kind::Read || !is_market_data::<O>() || !trial.takes_read() {
            return None;
        }
        let ask = Ask::<O> {
            endpoint: ask.endpoint,
            instrument: ask.instrument,
            command: ask.command.clone(),
            deadline: ask.deadline.share(2),
        };
        let mut talk = Talk::none();
        let by = By::candidate(trial);
        let run = self.run_steps(&ask, record, kind, None, &mut talk, by);
        match run.await {
            Ok(output) => {
                trial.served();
                Some(Ok(output))
            }
            Err(Stopped { by_us: true, .. }) => None,
            Err(Stopped { failure, .. }) => Some(Err((trial.clone(), failure))),
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
}

/// What a candidate may read for callers. The clock and the instruments are what orders are made with.
fn is_market_data<O: Operation>() -> bool {
    [GetTicker::NAME, GetOrderBook::NAME, GetCandles::NAME].contains(&O::NAME)
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
