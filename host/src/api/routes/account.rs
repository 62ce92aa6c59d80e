//! `GET /v1/balances` and `/v1/positions`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::selection;
use crate::account::{self, Balance, EndpointAnswer, Position};
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
    gathered(account::balances(&venues, deadline).await)
}

/// Which positions are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct PositionQuery {
    /// Venue, several separated by commas, or `auto` or nothing for all.
    venue: Option<String>,
    /// Unified symbol.
    symbol: Option<String>,
}

/// The account's open positions. A venue that does not answer is named among the sources; if none does,
/// that is the answer.
#[utoipa::path(get, path = "/v1/positions", tag = "account", security(("key" = [])), params(PositionQuery),
    responses((status = 200, body = SourcedPage<Position>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn positions(
    State(state): State<AppState>,
    RequestDeadline(deadline): RequestDeadline,
    StrictQuery(query): StrictQuery<PositionQuery>,
) -> Result<Json<SourcedPage<Position>>, Problem> {
    let venues = selection::venues(&state, query.venue.as_deref())?;
    if let Some(symbol) = query.symbol.as_deref() {
        selection::sources(&state, query.venue.as_deref(), symbol)?;
    }
    let symbol = query.symbol.as_deref();
    let mut page = gathered(account::positions(&venues, symbol, deadline).await)?;
    if let Some(symbol) = query.symbol {
        page.items.retain(|position| position.symbol == symbol);
    }
    Ok(page)
}

/// One page out of what each endpoint answered.
fn gathered<T>(parts: Vec<EndpointAnswer<T>>) -> Result<Json<SourcedPage<T>>, Problem> {
    let (mut items, mut sources) = (Vec::new(), Vec::new());
    let (mut answered, mut first_failure) = (false, None);
    for part in parts {
        let reason = part.result.as_ref().err().map(ToString::to_string);
        let source = if reason.is_none() {
            SourceKind::Live
        } else {
            SourceKind::Missing
        };
        match part.result {
            Ok(found) => {
                items.extend(found);
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
