//! Placing, amending and cancelling orders.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use tracing::Span;
use tracing::field::display;
use utoipa::{IntoParams, ToSchema};

use crate::api::access::{Principal, Privilege};
use crate::api::extract::{RequestDeadline, StrictJson, StrictQuery};
use crate::api::problem::{Problem, ProblemBody};
use crate::api::routes::selection::PathText;
use crate::api::routes::venues::NoParameters;
use crate::api::state::AppState;
use crate::model::{Decimal, Order, OrderId, OrderType, Role, Side, TimeInForce};
use crate::orders::{CancelFailure, CancelScope, CanceledAll, Change, NewOrder, Placed};
use crate::store::StoredAnswer;

/// A new order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewOrderBody {
    /// Venue.
    venue: String,
    /// Unified symbol, such as `BTC/USDT`.
    symbol: String,
    /// Buy or sell.
    side: Side,
    /// Market or limit.
    #[serde(rename = "type")]
    order_type: PlacedType,
    /// In the instrument's quantity unit.
    quantity: Decimal,
    /// For limit orders.
    price: Option<Decimal>,
    /// For limit orders; `gtc` where absent.
    time_in_force: Option<TimeInForce>,
    /// Only reduce a position.
    #[serde(default)]
    reduce_only: bool,
    /// A label of your own, unique among your open orders.
    client_order_id: Option<String>,
    /// Other venues that the order may go to, in this order, where the one before certainly has it not for a passing
    /// reason: it cannot be reached, sheds load, or limits or bans the gateway. Each must have the same instrument and
    /// be able to take exactly the same exposure.
    failover: Option<Vec<String>>,
}

/// Order types that can be placed.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum PlacedType {
    /// At whatever the book offers.
    Market,
    /// At its price or better.
    Limit,
}

impl From<NewOrderBody> for NewOrder {
    fn from(body: NewOrderBody) -> Self {
        Self {
            venue: body.venue,
            symbol: body.symbol,
            side: body.side,
            order_type: match body.order_type {
                PlacedType::Market => OrderType::Market,
                PlacedType::Limit => OrderType::Limit,
            },
            quantity: body.quantity,
            price: body.price,
            time_in_force: body.time_in_force,
            reduce_only: body.reduce_only,
            client_order_id: body.client_order_id,
            failover: body.failover.unwrap_or_default(),
        }
    }
}

/// Places an order. 201: the venue has it. 202: its fate is open; ask for it again. 422: refused, by the
/// gateway before anything was sent (`pre-trade-limit` for a limit of the operator's own), or by the venue. 429: more
/// orders than the operator allows. 503 with `retryable`: certainly not placed, among others `halted`,
/// `not-reconciled`, `rate-limited`, `banned`, `venue-unavailable` and `journal-unavailable`. 409: the same
/// `Idempotency-Key` is being served. With `failover` it may come to another venue, which `served_by` names, in that venue's quantity unit.
#[utoipa::path(post, path = "/v1/orders", tag = "orders", security(("key" = [])), request_body = NewOrderBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; the same request with the same key is carried out once")),
    responses((status = 201, body = Order), (status = 202, body = Order), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn place(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
    StrictJson(body): StrictJson<NewOrderBody>,
) -> Result<Response, Problem> {
    for venue in body.failover.iter().flatten().chain([&body.venue]) {
        principal.check_venue(venue)?;
    }
    Span::current().record("venue", &body.venue);
    let placed = state
        .orders
        .place(principal.caller(), body.into(), deadline)
        .await?;
    let (status, order) = match placed {
        Placed::Acknowledged(order) => (StatusCode::CREATED, order),
        Placed::FateOpen(order) => (StatusCode::ACCEPTED, order),
    };
    Span::current().record("order_id", display(&order.id));
    let location = format!("/v1/orders/{}", order.id);
    Ok((status, [(header::LOCATION, location)], Json(order)).into_response())
}

/// A change to an open order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct AmendBody {
    /// The new total, what is filled included; absent where it stays.
    quantity: Option<Decimal>,
    /// The new price; absent where it stays.
    price: Option<Decimal>,
}

/// Changes an open order. 200: the order as it is now. 202: the change's fate is open, the order reads
/// `PENDING_REPLACE` until it is found out. 409 `not-amendable`: the order is over, or the venue cannot make
/// this change; `change-in-flight`: something else is being done to it. Where a venue can only replace an
/// order, a partly filled one is cancelled and what is left is placed anew: its `venue_order_id` changes.
#[utoipa::path(patch, path = "/v1/orders/{id}", tag = "orders", security(("key" = [])), request_body = AmendBody,
    params(("id" = String, Path, description = "The gateway's id of the order"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; the same request with the same key is carried out once")),
    responses((status = 200, body = Order), (status = 202, body = Order), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn amend(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    PathText(id): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
    StrictJson(body): StrictJson<AmendBody>,
) -> Result<(StatusCode, Json<Order>), Problem> {
    let change = Change {
        quantity: body.quantity,
        price: body.price,
    };
    let order = state
        .orders
        .amend(
            principal.caller(),
            OrderId::from_text(&id),
            change,
            deadline,
        )
        .await?;
    let status = if order.state.is_pending() {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(order)))
}

/// Cancels an order. 200: it is over, in the state shown. 202: the cancel is under way and is pursued to
/// its end.
#[utoipa::path(delete, path = "/v1/orders/{id}", tag = "orders", security(("key" = [])),
    params(("id" = String, Path, description = "The gateway's id of the order"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; the same request with the same key is carried out once")),
    responses((status = 200, body = Order), (status = 202, body = Order), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn cancel(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    PathText(id): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<(StatusCode, Json<Order>), Problem> {
    let order = state
        .orders
        .cancel(principal.caller(), OrderId::from_text(&id), deadline)
        .await?;
    let status = if order.state.is_final() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(order)))
}

/// Which orders are cancelled.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct CancelAllQuery {
    /// Venue.
    venue: String,
    /// Unified symbol; all instruments where absent.
    symbol: Option<String>,
    /// `own` (your tenant's orders) or, for operators, `account` (everything, whoever placed it).
    #[serde(default)]
    scope: ScopeName,
}

/// Whose orders are cancelled.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum ScopeName {
    /// Your tenant's own.
    #[default]
    Own,
    /// Everything on the account.
    Account,
}

/// What a cancel of many orders led to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CanceledView {
    /// Every order concerned, as it is now.
    items: Vec<Order>,
    /// Always `null`: there is one page.
    next_cursor: Option<String>,
    /// What could not be cancelled.
    failures: Vec<CancelFailureView>,
}

impl From<CanceledAll> for CanceledView {
    fn from(canceled: CanceledAll) -> Self {
        Self {
            items: canceled.orders,
            next_cursor: None,
            failures: canceled.failures.into_iter().map(Into::into).collect(),
        }
    }
}

/// A cancel that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CancelFailureView {
    /// The order, where it was about one.
    order_id: Option<OrderId>,
    /// Endpoint alias.
    endpoint: String,
    /// The typed code.
    code: &'static str,
    /// In words.
    detail: String,
    /// The venue's own code.
    venue_code: Option<String>,
}

impl From<CancelFailure> for CancelFailureView {
    fn from(failed: CancelFailure) -> Self {
        Self {
            order_id: failed.order_id,
            endpoint: failed.endpoint,
            code: failed.failure.code.name(),
            detail: failed.failure.message,
            venue_code: failed.failure.venue_code,
        }
    }
}

/// The answer to a cancel of which nothing is known yet but what it is about.
fn under_way(canceled: CanceledAll) -> StoredAnswer {
    StoredAnswer {
        status: StatusCode::ACCEPTED.as_u16(),
        location: None,
        content_type: Some("application/json".to_owned()),
        body: serde_json::json!(CanceledView::from(canceled)).to_string(),
    }
}

/// Cancels all open orders at a venue. 200: all of them are over. 202: some cancels are under way and are
/// pursued to their end, or could not be made; `failures` says which.
#[utoipa::path(delete, path = "/v1/orders", tag = "orders", security(("key" = [])), params(CancelAllQuery, ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; the same request with the same key is carried out once")),
    responses((status = 200, body = CanceledView), (status = 202, body = CanceledView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn cancel_all(
    State(state): State<AppState>,
    principal: Principal,
    Extension(privilege): Extension<Privilege>,
    RequestDeadline(deadline): RequestDeadline,
    StrictQuery(query): StrictQuery<CancelAllQuery>,
) -> Result<(StatusCode, Json<CanceledView>), Problem> {
    principal.check_venue(&query.venue)?;
    let scope = match query.scope {
        ScopeName::Own => CancelScope::Own,
        ScopeName::Account if principal.role >= Role::Operator => {
            privilege.mark_used();
            CancelScope::Account
        }
        ScopeName::Account => {
            let detail =
                "scope=account cancels other tenants' orders too: it needs the role operator";
            return Err(Problem::forbidden(detail));
        }
    };
    let canceled = state
        .orders
        .cancel_all_once(
            principal.caller(),
            &query.venue,
            query.symbol.as_deref(),
            scope,
            deadline,
            Some(under_way),
        )
        .await?;
    let is_over =
        canceled.failures.is_empty() && canceled.orders.iter().all(|order| order.state.is_final());
    let status = if is_over {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(canceled.into())))
}
