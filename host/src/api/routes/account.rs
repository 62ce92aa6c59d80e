//! `GET /v1/balances`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::selection;
use crate::account::{self, Balance};
use crate::api::extract::{RequestDeadline, StrictQuery};
use crate::api::page::SourcedPage;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::orders::{SourceKind, SourceStatus};

/// Which balances are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct BalanceQuery {
    /// Venue, several separated by commas, or `auto` or nothing for all.
    venue: Option<String>,
}

/// What the account holds. A venue that does not answer is named among the sources; if none does, that
/// is the answer.
#[utoipa::path(get, path = "/v1/balances", tag = "account", security(("key" = [])), params(BalanceQuery),
    responses((status = 200, body = SourcedPage<Balance>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn balances(
    State(state): State<AppState>,
    RequestDeadline(deadline): RequestDeadline,
    StrictQuery(query): StrictQuery<BalanceQuery>,
) -> Result<Json<SourcedPage<Balance>>, Problem> {
    let venues = selection::venues(&state, query.venue.as_deref())?;
    let (mut items, mut sources) = (Vec::new(), Vec::new());
    let (mut answered, mut first_failure) = (false, None);
    for part in account::balances(&venues, deadline).await {
        let reason = part.result.as_ref().err().map(ToString::to_string);
        let source = if reason.is_none() {
            SourceKind::Live
        } else {
            SourceKind::Missing
        };
        match part.result {
            Ok(balances) => {
                items.extend(balances);
                answered = true;
            }
            Err(failure) => {
                first_failure.get_or_insert_with(|| Problem::of_venue(&part.venue, &failure, None));
            }
        }
        sources.push(SourceStatus {
            venue: part.venue,
            endpoint: part.endpoint,
            source,
            reason,
        });
    }
    match first_failure {
        Some(problem) if !answered => Err(problem),
        _ => Ok(Json(SourcedPage {
            items,
            next_cursor: None,
            sources,
        })),
    }
}
