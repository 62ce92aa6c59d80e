//! The policies of one venue, set up from its configuration: bulkhead, breakers, retries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::health::Condition;
use super::verdict::Kind;
use crate::config::VenueConfig;
use crate::model::{Failure, FailureCode};
use crate::reliability::Deadline;
use crate::reliability::breaker::{
    Breaker, BreakerConfig, Permit, Snapshot, State, Transition, WindowKind,
};
use crate::reliability::bulkhead::{Admission, Bulkhead, BulkheadConfig};
use crate::reliability::retry::{Backoff, RetryBudget, RetryBudgetConfig, RetryPolicy};
use crate::telemetry::{EndpointLabels, Metrics, TransitionLabels};

/// A breaker, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BreakerStatus {
    /// `closed`, `half-open` or `open`.
    pub state: &'static str,
    /// How long it has been so, in milliseconds.
    pub for_ms: u64,
    /// Calls that count.
    pub calls: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// Those of them that were slow.
    pub slow: u64,
    /// When it lets calls through again, in milliseconds from now.
    pub retry_after_ms: Option<u64>,
}

/// Operations that a venue holds of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct BulkheadStatus {
    /// Running.
    pub running: usize,
    /// Waiting for one of those to end.
    pub waiting: usize,
}

/// What stands between callers and one venue.
pub(super) struct Policies {
    venue: String,
    breakers: BTreeMap<String, Breaker>,
    bulkhead: Bulkhead,
    retry: RetryPolicy,
    budget: RetryBudget,
    slow: Duration,
    metrics: Arc<Metrics>,
}

/// The right to run an operation, until it is dropped.
pub(super) struct Admitted<'a> {
    admission: Option<Admission>,
    policies: &'a Policies,
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        drop(self.admission.take());
        self.policies.show_depth();
    }
}

impl Policies {
    pub(super) fn new<'a>(
        venue: &str,
        endpoints: impl Iterator<Item = &'a String>,
        config: &VenueConfig,
        metrics: Arc<Metrics>,
    ) -> Self {
        let millis = Duration::from_millis;
        let settings = &config.breaker;
        let breaker = BreakerConfig {
            window: match settings.window_calls {
                0 => WindowKind::Time(millis(settings.window_ms)),
                calls => WindowKind::Calls(calls),
            },
            minimum_calls: settings.minimum_calls,
            failure_rate: settings.failure_percent,
            slow_after: millis(settings.slow_ms),
            slow_rate: settings.slow_percent,
            open_for: millis(settings.open_ms),
            open_for_max: millis(settings.open_max_ms),
            half_open_calls: settings.half_open_calls,
            half_open_for: millis(settings.half_open_ms),
        };
        let breakers = endpoints
            .map(|endpoint| {
                let on_change = on_change(venue, endpoint, metrics.clone());
                (endpoint.clone(), Breaker::new(breaker.clone(), on_change))
            })
            .collect();
        Self {
            venue: venue.to_owned(),
            breakers,
            bulkhead: Bulkhead::new(BulkheadConfig {
                concurrency: config.bulkhead.concurrency,
                queue: config.bulkhead.queue,
            }),
            retry: RetryPolicy {
                max_retries: config.retry.max_retries,
                backoff: Backoff {
                    base: millis(config.retry.base_ms),
                    cap: millis(config.retry.cap_ms),
                },
            },
            budget: RetryBudget::new(RetryBudgetConfig {
                min_per_second: config.retry.budget_per_second,
                percent: config.retry.budget_percent,
                ..RetryBudgetConfig::default()
            }),
            slow: millis(settings.slow_ms),
            metrics,
        }
    }

    /// From when on a call is slow.
    pub(super) fn slow(&self) -> Duration {
        self.slow
    }

    /// Waits until there is room for one more operation.
    pub(super) async fn admit(
        &self,
        kind: Kind,
        deadline: Deadline,
    ) -> Result<Admitted<'_>, Failure> {
        let entered = self.bulkhead.enter(kind.priority() as u8, deadline).await;
        self.show_depth();
        let admission = entered.map_err(|shed| {
            self.metrics.reliability.shed(&self.venue, "bulkhead");
            let message = format!("{shed} for {}; nothing was sent", self.venue);
            Failure {
                retry_after: Some(shed.retry_after()),
                ..Failure::not_sent(FailureCode::Overloaded, message)
            }
        })?;
        self.budget.deposit();
        Ok(Admitted {
            admission: Some(admission),
            policies: self,
        })
    }

    fn show_depth(&self) {
        let depth = self.bulkhead.depth();
        let reliability = &self.metrics.reliability;
        reliability.bulkhead_is(&self.venue, depth.running, depth.waiting);
    }

    /// The breaker's leave for one call.
    pub(super) fn pass(&self, endpoint: &str) -> Result<Permit, Failure> {
        let Some(breaker) = self.breakers.get(endpoint) else {
            let message = format!("{} has no endpoint {endpoint:?}", self.venue);
            return Err(Failure::not_sent(FailureCode::Unsupported, message));
        };
        breaker.acquire().map_err(|refused| {
            self.metrics.reliability.shed(&self.venue, "breaker");
            let message = format!(
                "{} has failed too often of late and is given a rest; nothing was sent",
                self.venue
            );
            Failure {
                retry_after: Some(refused.retry_after),
                ..Failure::not_sent(FailureCode::VenueUnavailable, message)
            }
        })
    }

    /// How long to wait before an operation that failed is tried again, if it is.
    pub(super) fn again(
        &self,
        retries: u32,
        failure: &Failure,
        deadline: Deadline,
    ) -> Option<Duration> {
        let mut random = [0; 8];
        // Without randomness all retry at once, as late as they may.
        if getrandom::fill(&mut random).is_err() {
            random = [u8::MAX; 8];
        }
        let random = u64::from_le_bytes(random);
        let next = self
            .retry
            .next(retries, failure.retry_after, deadline, &self.budget, random);
        match next {
            Ok(delay) => Some(delay),
            Err(why) => {
                tracing::debug!(venue = %self.venue, retries, %why, "not tried again");
                None
            }
        }
    }

    /// How an endpoint's breaker stands.
    pub(super) fn breaker(&self, endpoint: &str) -> Option<BreakerStatus> {
        let Snapshot {
            state,
            since,
            calls,
            failures,
            slow,
            retry_after,
        } = self.breakers.get(endpoint)?.snapshot();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Some(BreakerStatus {
            state: state.as_str(),
            for_ms: millis(since.elapsed()),
            calls,
            failures,
            slow,
            retry_after_ms: retry_after.map(millis),
        })
    }

    /// What an endpoint's breaker makes of it. An open one that has waited long enough lets a call through.
    pub(super) fn condition(&self, endpoint: &str) -> Condition {
        match self.breakers.get(endpoint).map(Breaker::snapshot) {
            Some(snapshot) if snapshot.state == State::Closed => Condition::Well,
            Some(snapshot) if snapshot.retry_after.is_none() => Condition::OnTrial,
            _ => Condition::Ill,
        }
    }

    /// How much of the process the venue holds.
    pub(super) fn bulkhead(&self) -> BulkheadStatus {
        let depth = self.bulkhead.depth();
        BulkheadStatus {
            running: depth.running,
            waiting: depth.waiting,
        }
    }
}

fn on_change(
    venue: &str,
    endpoint: &str,
    metrics: Arc<Metrics>,
) -> Box<dyn Fn(Transition) + Send + Sync> {
    let (venue, endpoint) = (venue.to_owned(), endpoint.to_owned());
    metrics.reliability.watch(
        &EndpointLabels {
            venue: venue.clone(),
            endpoint: endpoint.clone(),
        },
        [State::Closed, State::HalfOpen, State::Open].map(State::as_str),
    );
    Box::new(move |Transition { from, to, reason }| {
        tracing::warn!(
            venue,
            endpoint,
            from = from.as_str(),
            to = to.as_str(),
            reason,
            "breaker changed its state"
        );
        let labels = TransitionLabels {
            venue: venue.clone(),
            endpoint: endpoint.clone(),
            to: to.as_str(),
        };
        metrics.reliability.breaker_changed(&labels, level(to));
    })
}

fn level(state: State) -> i64 {
    match state {
        State::Closed => 0,
        State::HalfOpen => 1,
        State::Open => 2,
    }
}
