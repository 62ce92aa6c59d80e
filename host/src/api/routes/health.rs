//! Probes and metrics. All of them read what the watches found: a probe is never load on a venue.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::selection::{PathText, venue_of_path};
use super::venues::{NoParameters, VenueView};
use crate::api::extract::StrictQuery;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::store::Condition;
use crate::venue::VenueStatus;

/// What Prometheus expects of an OpenMetrics answer.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How the gateway is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum OverallStatus {
    /// Everything answers.
    Ok,
    /// It serves, and some venue, or the journal, does not, or a venue is not reconciled or waits for its adapter.
    Degraded,
}

/// The gateway and its venues at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct HealthView {
    /// Summary.
    status: OverallStatus,
    /// Version of the gateway.
    version: &'static str,
    /// The journal's condition.
    journal: JournalView,
    /// Each venue's summary.
    venues: BTreeMap<String, VenueStatus>,
}

/// How the journal is. Where it is not `ok`, orders are refused, and reads go on.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct JournalView {
    /// `ok`, `unwritable` or `broken`.
    status: &'static str,
    /// Where the chain is broken: the number of the first entry that cannot be right.
    broken_at: Option<i64>,
    /// What is wrong.
    problem: Option<String>,
}

impl From<Condition> for JournalView {
    fn from(condition: Condition) -> Self {
        let (status, broken_at, problem) = match condition {
            Condition::Sound | Condition::Checking => ("ok", None, None),
            Condition::Unwritable { problem } => ("unwritable", None, Some(problem)),
            Condition::Broken(at) => ("broken", Some(at.sequence), Some(at.problem)),
        };
        Self {
            status,
            broken_at,
            problem,
        }
    }
}

/// The gateway and its venues at a glance. A venue that is down, or waits for its adapter, makes it degraded, not down.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, body = HealthView)))]
pub(in crate::api) async fn overall(
    State(state): State<AppState>,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Json<HealthView> {
    let here = state.venues.iter();
    let here = here.map(|venue| (venue.name().to_owned(), venue.status()));
    let waiting = state.venues.waiting();
    let waiting = waiting.map(|name| (name.to_owned(), VenueStatus::Waiting));
    let venues: BTreeMap<String, VenueStatus> = waiting.chain(here).collect();
    let all_up = venues.values().all(|status| *status == VenueStatus::Up);
    let journal = state.journal.condition();
    let all_reconciled = state.venues.iter().all(|venue| {
        let mut endpoints = venue.endpoints();
        endpoints.all(|endpoint| state.orders.is_reconciled(venue.name(), endpoint))
    });
    let status = if all_up && all_reconciled && journal.is_writable() {
        OverallStatus::Ok
    } else {
        OverallStatus::Degraded
    };
    Json(HealthView {
        status,
        version: env!("CARGO_PKG_VERSION"),
        journal: journal.into(),
        venues,
    })
}

/// Answers as long as the process can.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "The process answers")))]
pub(in crate::api) async fn live(
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> StatusCode {
    StatusCode::OK
}

/// 200 once the journal is read and every venue that can be reached is reconciled: what became of the orders
/// whose fate was open is asked and answered, and its open orders were looked through. A venue that is down
/// does not keep the gateway from serving the others; its own orders get 503 until it is reconciled. Nor does one that
/// waits for its adapter, or got it later.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses((status = 200, description = "Ready for requests"), (status = 503, body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn ready(
    State(state): State<AppState>,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<StatusCode, Problem> {
    let not_ready = |detail: String| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail).retryable(None)
    };
    let mut venues = state.venues.from_the_start();
    if let Some(venue) = venues.find(|venue| venue.health().is_settling()) {
        return Err(not_ready(format!("{} is starting", venue.name())));
    }
    let mut venues = state.venues.from_the_start();
    if let Some(venue) = venues.find(|venue| state.orders.waits_for(venue)) {
        let detail = format!("{} is being reconciled", venue.name());
        return Err(not_ready(detail));
    }
    state
        .journal
        .check()
        .await
        .map_err(|error| not_ready(error.to_string()))?;
    Ok(StatusCode::OK)
}

/// One venue in full.
#[utoipa::path(get, path = "/health/venues/{venue}", tag = "health", security(("key" = [])),
    params(("venue" = String, Path, description = "Name of the venue")),
    responses((status = 200, body = VenueView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = 503, description = "It waits for its adapter", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn venue(
    State(state): State<AppState>,
    PathText(name): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<Json<VenueView>, Problem> {
    let venue = venue_of_path(&state, &name)?;
    Ok(Json(VenueView::of(venue, &state.orders)))
}

/// Metrics in OpenMetrics text.
#[utoipa::path(get, path = "/metrics", tag = "health", security(("key" = [])),
    responses((status = 200, body = String, content_type = "application/openmetrics-text"), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn metrics(
    State(state): State<AppState>,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, OPENMETRICS)],
        state.metrics.render(),
    )
}
