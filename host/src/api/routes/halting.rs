//! Stopping and allowing the trading at a venue.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keys::to_its_end;
use super::orders::change::CanceledView;
use super::selection::{PathText, venue_of_path};
use super::venues::NoParameters;
use crate::api::access::Principal;
use crate::api::extract::{RequestDeadline, StrictJsonOrNothing, StrictQuery};
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::model::{FailureCode, Halt};
use crate::orders::{CancelScope, OrderError};
use crate::store::StoreError;

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

/// How trading is stopped. All of it may be left out, and the body too.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::api) struct HaltBody {
    /// Why, for those who look later; at most 500 characters.
    reason: Option<String>,
    /// Whether to cancel every order that the gateway has open there, whoever's it is.
    cancel_open_orders: bool,
}

/// How the trading at a venue stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct HaltView {
    /// The venue.
    venue: String,
    /// How it is stopped; `null` while it is allowed.
    halt: Option<Halt>,
    /// What became of the orders that were to be cancelled; `null` where none were.
    canceled: Option<CanceledView>,
}

/// Stops trading at a venue: nothing is placed or changed there until it is resumed, across restarts too; such
/// requests get 503 `halted`. Cancels and reads go on. What was on its way is not called back.
#[utoipa::path(post, path = "/v1/venues/{venue}/halt", tag = "venues", security(("key" = [])), request_body = Option<HaltBody>,
    params(("venue" = String, Path, description = "Name of the venue")),
    responses((status = 200, body = HaltView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn halt(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    PathText(name): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
    StrictJsonOrNothing(body): StrictJsonOrNothing<HaltBody>,
) -> Result<Json<HaltView>, Problem> {
    venue_of_path(&state, &name)?;
    if let Some(reason) = &body.reason
        && !(1..=MAX_REASON).contains(&reason.chars().count())
    {
        let problem = format!("must have 1 to {MAX_REASON} characters");
        return Err(Problem::malformed("reason", reason, problem));
    }
    let (caller, venue) = (principal.caller(), name.clone());
    let halting = to_its_end(state.orders.detached().clone(), async move {
        let halt = state.orders.halt(&caller, &venue, body.reason).await;
        let halt = halt.map_err(|error| match error {
            OrderError::Store(error @ (StoreError::Standby | StoreError::Fenced(_))) => {
                error.into()
            }
            OrderError::Store(error) => not_recorded(&venue, &error),
            other => other.into(),
        })?;
        if !body.cancel_open_orders {
            return Ok((halt, None));
        }
        let scope = CancelScope::Gateway;
        let canceled = state
            .orders
            .cancel_all(caller, &venue, None, scope, deadline)
            .await?;
        Ok((halt, Some(canceled.into())))
    });
    let (halt, canceled) = halting.await?;
    Ok(Json(HaltView {
        venue: name,
        halt: Some(halt),
        canceled,
    }))
}

fn not_recorded(venue: &str, error: &StoreError) -> Problem {
    tracing::error!(venue, %error, "a halt could not be recorded");
    let detail = "trading is halted, but that could not be recorded: it would not survive a restart or a take-over";
    let code = FailureCode::JournalUnavailable.name();
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retryable(None)
}

/// Allows trading at a venue again.
#[utoipa::path(post, path = "/v1/venues/{venue}/resume", tag = "venues", security(("key" = [])),
    params(("venue" = String, Path, description = "Name of the venue")),
    responses((status = 200, body = HaltView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn resume(
    State(state): State<AppState>,
    principal: Principal,
    PathText(name): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<Json<HaltView>, Problem> {
    venue_of_path(&state, &name)?;
    let (caller, venue) = (principal.caller(), name.clone());
    let resuming = to_its_end(state.orders.detached().clone(), async move {
        Ok(state.orders.resume(&caller, &venue).await?)
    });
    resuming.await?;
    Ok(Json(HaltView {
        venue: name,
        halt: None,
        canceled: None,
    }))
}
