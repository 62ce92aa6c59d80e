//! Runs one operation at one venue: encode, send, decode, and again where the adapter asks for it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchyard_runtime::wit::types as wit;
use switchyard_runtime::{Adapter, Operation, Step, method_name};

use super::catalogue::Listed;
use super::registry::Venue;
use crate::model::{Attempt, Failure, FailureCode, Fate, Timestamp};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::telemetry::VenueCallLabels;

/// Rounds of requests one operation may take; 10,000 orders of history in pages of 500 take 20.
const MAX_STEPS: usize = 64;

/// Largest state an adapter may carry from one step to the next, in bytes.
const MAX_STATE_BYTES: usize = 16 * 1024 * 1024;

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
        let endpoint = ask.endpoint;
        let result = self
            .run_steps::<O, R, F>(&ask, &record)
            .await
            .map_err(|failure| self.without_key(failure));
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
            let call = self.call::<O>(ask);
            let stamped_at = translate::timestamp(call.context.now);
            let requests = self
                .encode::<O>(&adapter, &call, &ask.command, state.as_ref())
                .await
                .map_err(settled)?;
            let mutating = self
                .mutating_request::<O>(&adapter, &requests)
                .map_err(settled)?;
            if let Some(request) = mutating.and_then(|place| requests.get(place)) {
                let expires_at =
                    stamped_at.plus(Duration::from_millis(call.context.window_ms.into()));
                let attempt = attempt::<O>(&adapter, request, stamped_at, expires_at);
                record(attempt).await.map_err(settled)?;
                if self.clock.now(ask.endpoint) >= expires_at || ask.deadline.has_passed() {
                    return Err(settled(Failure::not_sent(
                        FailureCode::Timeout,
                        "the request went stale before it could be sent",
                    )));
                }
            }
            let responses = self
                .send_all(&requests, mutating, ask.deadline)
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
                    mutating.is_some(),
                )
                .await
                .map_err(settled)?;
            changed |= mutating.is_some();
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
