//! What is logged, seen and changed while the gateway works.

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::venues::NoParameters;
use crate::api::access::Principal;
use crate::api::extract::{StrictJson, StrictQuery};
use crate::api::problem::{Problem, ProblemBody};
use crate::telemetry::{AUDIT_TARGET, LogFilter, LogLevel};

/// What is to be logged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct LogLevelBody {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace` for everything; such levels for targets, as in
    /// `switchyard::venue=debug`; or several of these with commas between them.
    #[schema(example = "switchyard::venue=debug,info")]
    level: String,
}

/// What is logged.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct LogLevelView {
    /// The filter that is in force.
    level: String,
    /// The filter of the configuration, in force again after a restart.
    configured: String,
}

impl LogLevelView {
    fn of(level: &LogLevel) -> Json<Self> {
        Json(Self {
            level: level.current(),
            configured: level.configured().to_owned(),
        })
    }
}

/// What this gateway logs.
#[utoipa::path(get, path = "/v1/log-level", tag = "log", security(("key" = [])),
    responses((status = 200, body = LogLevelView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn show(
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<Json<LogLevelView>, Problem> {
    Ok(LogLevelView::of(level_of_process()?))
}

/// Changes what this gateway logs, at once and until it stops. Refusals and operators' calls are logged whatever the
/// level; secrets are not, at any.
#[utoipa::path(put, path = "/v1/log-level", tag = "log", security(("key" = [])), request_body = LogLevelBody,
    responses((status = 200, body = LogLevelView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn change(
    principal: Principal,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
    StrictJson(body): StrictJson<LogLevelBody>,
) -> Result<Json<LogLevelView>, Problem> {
    let refused = |problem: String| Problem::malformed("level", &body.level, problem);
    let filter = body.level.parse::<LogFilter>();
    let filter = filter.map_err(|error| refused(error.to_string()))?;
    if filter.names_audit() {
        let problem = format!("must not name {AUDIT_TARGET}, which only the configuration may");
        return Err(refused(problem));
    }
    let level = level_of_process()?;
    let before = level.change(filter);
    tracing::warn!(
        target: AUDIT_TARGET,
        key_id = %principal.key_id,
        tenant = %principal.tenant,
        before,
        after = body.level,
        "the log's level was changed"
    );
    Ok(LogLevelView::of(level))
}

fn level_of_process() -> Result<&'static LogLevel, Problem> {
    let detail = "this gateway is part of a program that keeps the log itself";
    LogLevel::of_process()
        .ok_or_else(|| Problem::new(StatusCode::CONFLICT, "no-log-of-its-own", detail))
}
