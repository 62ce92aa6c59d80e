//! Probes and metrics. All of them read what the watches found: a probe is never load on a venue. What everyone may ask
//! tells how things are; why they are so is in the log.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::selection::{PathText, venue_of_path};
use super::venues::{NoParameters, VenueView};
use crate::api::extract::StrictQuery;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::store::{Condition, DiskHealth, DiskStatus};
use crate::venue::VenueStatus;

/// The media type by which OpenMetrics is asked for.
const OPENMETRICS_NAME: &str = "application/openmetrics-text";

/// What an OpenMetrics answer says that it is.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What an answer in Prometheus' own text says that it is.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How the gateway is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum OverallStatus {
    /// Everything answers.
    Ok,
    /// It serves, and some venue, or the journal, does not, or a venue is not reconciled or waits for its adapter, or
    /// the journal's disk is not well.
    Degraded,
    /// Another gateway is active, and this one waits to take over.
    Standby,
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
    /// The disk of the journal's file; `null` where the journal is on a server.
    disk: Option<DiskHealth>,
    /// Each venue's summary.
    venues: BTreeMap<String, VenueStatus>,
}

/// How the journal is. Where it is not `ok`, orders are refused, and reads go on.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct JournalView {
    /// `ok`, `standby`, `unwritable`, `broken` or `unreadable`.
    status: &'static str,
    /// Where the chain is broken: the number of the first entry that cannot be right.
    broken_at: Option<i64>,
}

impl JournalView {
    fn of(condition: &Condition, is_read: bool) -> Self {
        let (status, broken_at) = match condition {
            Condition::Broken(at) => ("broken", Some(at.sequence)),
            _ if !is_read => ("unreadable", None),
            Condition::Sound | Condition::Checking => ("ok", None),
            Condition::Standby => ("standby", None),
            Condition::Unwritable { .. } => ("unwritable", None),
        };
        Self { status, broken_at }
    }
}

/// The gateway, what it stands on, and its venues at a glance, as they were seen last: asking is load on none of them. A
/// venue that is down, or waits for its adapter, and a disk that runs full, make it degraded, not down.
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
    let (journal, disk) = (state.journal.condition(), state.dependencies.disk());
    let is_read = state.dependencies.journal().is_ok();
    let has_room = disk
        .as_ref()
        .is_none_or(|disk| disk.status == DiskStatus::Ok);
    let all_reconciled = state.venues.iter().all(|venue| {
        let mut endpoints = venue.endpoints();
        endpoints.all(|endpoint| state.orders.is_reconciled(venue.name(), endpoint))
    });
    let status = if journal == Condition::Standby && is_read {
        OverallStatus::Standby
    } else if all_up && all_reconciled && journal.is_writable() && is_read && has_room {
        OverallStatus::Ok
    } else {
        OverallStatus::Degraded
    };
    Json(HealthView {
        status,
        version: env!("CARGO_PKG_VERSION"),
        journal: JournalView::of(&journal, is_read),
        disk,
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
/// waits for its adapter, or got it later. A standby is not ready: it shows what the journal holds, and takes no order.
/// Nor is a gateway that was told to stop, from that moment on.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses((status = 200, description = "Ready for requests"), (status = 503, body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn ready(
    State(state): State<AppState>,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<StatusCode, Problem> {
    let not_ready = |detail: String| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail).retryable(None)
    };
    if state.stopping.has_begun() {
        return Err(not_ready("the gateway was told to stop".to_owned()));
    }
    if state.journal.condition() == Condition::Standby {
        return Err(Problem::standby());
    }
    if !state.journal.lease().is_held() {
        return Err(not_ready(
            "the lease on the journal is over: another gateway may have it".into(),
        ));
    }
    let mut venues = state.venues.from_the_start();
    if let Some(venue) = venues.find(|venue| venue.health().is_settling()) {
        return Err(not_ready(format!("{} is starting", venue.name())));
    }
    let mut venues = state.venues.from_the_start();
    if let Some(venue) = venues.find(|venue| state.orders.waits_for(venue)) {
        let detail = format!("{} is being reconciled", venue.name());
        return Err(not_ready(detail));
    }
    let read = state.dependencies.journal();
    read.map_err(|_| not_ready("the journal cannot be read".to_owned()))?;
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

/// Metrics: in OpenMetrics text for those whose `Accept` names it, as Prometheus' does; in Prometheus' own text
/// (0.0.4) for all others, as `promtool check metrics` reads it.
#[utoipa::path(get, path = "/metrics", tag = "health", security(("key" = [])),
    responses((status = 200, content((String = "application/openmetrics-text"), (String = "text/plain"))), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn metrics(
    State(state): State<AppState>,
    headers: HeaderMap,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> impl IntoResponse {
    let is_active = state.journal.lease().is_held();
    state.metrics.journal.is_active(is_active);
    let accepts = headers.get_all(header::ACCEPT).iter();
    let wants_open_metrics = accepts
        .filter_map(|accept| accept.to_str().ok())
        .any(|accept| accept.contains(OPENMETRICS_NAME));
    let (content_type, text) = if wants_open_metrics {
        (OPENMETRICS, state.metrics.render())
    } else {
        (PROMETHEUS_TEXT, state.metrics.render_prometheus_text())
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::VARY, "Accept"),
    ];
    (headers, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_fails_is_told_by_its_status_and_not_by_what_went_wrong() {
        let unwritable = Condition::Unwritable {
            problem: "/srv/journal.db: disk I/O error".to_owned(),
        };
        for (condition, is_read, status) in [
            (Condition::Sound, true, "ok"),
            (Condition::Sound, false, "unreadable"),
            (Condition::Standby, true, "standby"),
            (unwritable, true, "unwritable"),
        ] {
            let view = serde_json::to_value(JournalView::of(&condition, is_read)).unwrap();
            let told = serde_json::json!({"status": status, "broken_at": null});
            assert_eq!(view, told);
        }
    }
}
