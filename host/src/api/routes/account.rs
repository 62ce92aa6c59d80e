//! `GET /v1/balances` and `/v1/positions`.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;

use super::selection;
use crate::account::{Balance, EndpointAnswer, Position};
use crate::api::access::Principal;
use crate::api::extract::{RequestDeadline, StrictQuery};
use crate::api::freshness::{self, Freshness};
use crate::api::page::SourcedPage;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::reads::SourceStatus;

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
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    Freshness(wanted): Freshness,
    StrictQuery(query): StrictQuery<BalanceQuery>,
) -> Result<(HeaderMap, Json<SourcedPage<Balance>>), Problem> {
    let venues = selection::venues(&state, &principal, query.venue.as_deref())?;
    let (headers, page) = gathered(state.accounts.balances(&venues, wanted, deadline).await)?;
    Ok((headers, Json(page)))
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
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    Freshness(wanted): Freshness,
    StrictQuery(query): StrictQuery<PositionQuery>,
) -> Result<(HeaderMap, Json<SourcedPage<Position>>), Problem> {
    let venues = selection::venues(&state, &principal, query.venue.as_deref())?;
    if let Some(symbol) = query.symbol.as_deref() {
        selection::sources(&state, &principal, query.venue.as_deref(), symbol)?;
    }
    let symbol = query.symbol.as_deref();
    let asked = state.accounts.positions(&venues, symbol, wanted, deadline);
    let (headers, mut page) = gathered(asked.await)?;
    if let Some(symbol) = query.symbol {
        page.items.retain(|position| position.symbol == symbol);
    }
    Ok((headers, Json(page)))
}

/// One page out of what each endpoint answered, and how fresh it is.
fn gathered<T: Clone>(
    parts: Vec<EndpointAnswer<T>>,
) -> Result<(HeaderMap, SourcedPage<T>), Problem> {
    let (mut items, mut sources) = (Vec::new(), Vec::new());
    let (mut served, mut first_failure) = (Vec::new(), None);
    for part in parts {
        let (venue, endpoint) = (&part.venue, &part.endpoint);
        match part.result {
            Ok(answer) => {
                items.extend(answer.value.iter().cloned());
                sources.push(SourceStatus::served(venue, endpoint, &answer.served));
                served.push(answer.served);
            }
            Err(failure) => {
                sources.push(SourceStatus::missing(venue, endpoint, &failure));
                first_failure.get_or_insert_with(|| Problem::of_venue(venue, &failure, None));
            }
        }
    }
    match first_failure {
        Some(problem) if served.is_empty() => Err(problem),
        _ => {
            let page = SourcedPage {
                items,
                next_cursor: None,
                sources,
            };
            Ok((freshness::headers(&served), page))
        }
    }
}
