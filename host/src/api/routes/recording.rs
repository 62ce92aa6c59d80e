//! What an adapter does and what its venue answers, kept for a while, to make recorded cases of.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::plugins::Asked;
use super::selection::PathText;
use super::venues::NoParameters;
use crate::api::access::Principal;
use crate::api::extract::{StrictJsonOrNothing, StrictQuery};
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;

/// Longest recording, in seconds.
const LONGEST: u64 = 3_600;

/// Most exchanges of one operation.
const MOST_OF_EACH: usize = 10;

/// What is to be kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::api) struct RecordBody {
    /// For how long, 1 to 3,600 s.
    seconds: u64,
    /// How many exchanges of each operation, 1 to 10.
    each: usize,
}

impl Default for RecordBody {
    fn default() -> Self {
        Self {
            seconds: 60,
            each: 3,
        }
    }
}

/// Keeps the exchanges of an adapter from now on, without keys and signatures. They hold what the venue answers about
/// the account.
#[utoipa::path(post, path = "/v1/plugins/{name}/recording", tag = "plugins", security(("key" = [])), request_body = Option<RecordBody>,
    params(("name" = String, Path, description = "Name of the adapter")),
    responses((status = 200, body = Value), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn start(
    State(state): State<AppState>,
    principal: Principal,
    PathText(name): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
    StrictJsonOrNothing(body): StrictJsonOrNothing<RecordBody>,
) -> Result<Json<Value>, Problem> {
    state.plugins.view(&name, &state.venues)?;
    let RecordBody { seconds, each } = body;
    if !(1..=LONGEST).contains(&seconds) {
        let problem = "must be from 1 to 3600";
        return Err(Problem::malformed_field("seconds", problem));
    }
    if !(1..=MOST_OF_EACH).contains(&each) {
        return Err(Problem::malformed_field("each", "must be from 1 to 10"));
    }
    let slot = state.plugins.slot(&name);
    let started = async move {
        if let Some(slot) = slot {
            slot.recording().start(Duration::from_secs(seconds), each);
        }
        Ok(())
    };
    Asked::of(&state, &principal, "record", &name)
        .done(started)
        .await?;
    Ok(Json(kept(&state, &name)))
}

/// What was kept so far.
#[utoipa::path(get, path = "/v1/plugins/{name}/recording", tag = "plugins", security(("key" = [])),
    params(("name" = String, Path, description = "Name of the adapter")),
    responses((status = 200, body = Value), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn show(
    State(state): State<AppState>,
    PathText(name): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<Json<Value>, Problem> {
    state.plugins.view(&name, &state.venues)?;
    Ok(Json(kept(&state, &name)))
}

/// Keeps no more, and forgets what was kept.
#[utoipa::path(delete, path = "/v1/plugins/{name}/recording", tag = "plugins", security(("key" = [])),
    params(("name" = String, Path, description = "Name of the adapter")),
    responses((status = 200, body = Value), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn stop(
    State(state): State<AppState>,
    PathText(name): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<Json<Value>, Problem> {
    state.plugins.view(&name, &state.venues)?;
    if let Some(slot) = state.plugins.slot(&name) {
        slot.recording().stop();
    }
    Ok(Json(kept(&state, &name)))
}

fn kept(state: &AppState, name: &str) -> Value {
    let slot = state.plugins.slot(name);
    let kept = slot.map(|slot| slot.recording().kept());
    serde_json::to_value(kept).unwrap_or_default()
}
