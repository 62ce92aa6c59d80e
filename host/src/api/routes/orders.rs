//! `/v1/orders`: place, find, list, cancel.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::selection::{self, PathText};
use super::venues::NoParameters;
use crate::api::access::Principal;
use crate::api::extract::{RequestDeadline, StrictJson, StrictQuery};
use crate::api::page::{OrdersPage, Page, SourcedPage};
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::model::{Decimal, Order, OrderId, OrderState, OrderType, Side, TimeInForce, Timestamp};
use crate::orders::{Found, HistoryAsked, NewOrder, Placed};
use crate::reliability::Deadline;
use crate::store::{Cursor, OrderQuery, StoredEvent};

/// Ids that one request may ask for.
const MAX_IDS: usize = 100;

/// How far back `source=venue` looks where `from` is absent.
const DEFAULT_HISTORY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a response says where its content came from (RFC 9211).
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// How a caller makes a request safe to repeat.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

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
        }
    }
}

/// Places an order. 201: the venue has it. 202: its fate is open; ask for it again. 422: refused, by the
/// gateway before anything was sent, or by the venue. 503 with `retryable`: certainly not placed.
#[utoipa::path(post, path = "/v1/orders", tag = "orders", security(("key" = [])), request_body = NewOrderBody,
    responses((status = 201, body = Order), (status = 202, body = Order), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn place(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    headers: HeaderMap,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
    StrictJson(body): StrictJson<NewOrderBody>,
) -> Result<Response, Problem> {
    refuse_idempotency_key(&headers)?;
    let placed = state
        .orders
        .place(principal.caller(), body.into(), deadline)
        .await?;
    let (status, order) = match placed {
        Placed::Acknowledged(order) => (StatusCode::CREATED, order),
        Placed::FateOpen(order) => (StatusCode::ACCEPTED, order),
    };
    let location = format!("/v1/orders/{}", order.id);
    Ok((status, [(header::LOCATION, location)], Json(order)).into_response())
}

/// A key that was taken and not honoured would let a caller's retry place a second order.
fn refuse_idempotency_key(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(IDEMPOTENCY_KEY) {
        let problem = "is not supported by this version: send the request without it, and do not repeat a placement before you looked the order up";
        return Err(Problem::malformed_field("Idempotency-Key", problem));
    }
    Ok(())
}

/// One order. While it is open its venue is asked; if that fails, the answer is the journal's and says
/// so in `Age` and `Cache-Status`.
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "orders", security(("key" = [])),
    params(("id" = String, Path, description = "The gateway's id of the order")),
    responses((status = 200, body = Order), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn one(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    PathText(id): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<Response, Problem> {
    let found = state
        .orders
        .find(&principal.caller(), &OrderId::from_text(&id), deadline)
        .await?;
    let mut headers = HeaderMap::new();
    describe_age(&found, &mut headers);
    Ok((headers, Json(found.order)).into_response())
}

fn describe_age(found: &Found, headers: &mut HeaderMap) {
    let (Some(age), Some(failure)) = (found.age(), &found.stale) else {
        return;
    };
    let status = format!("switchyard; hit; detail={}", failure.code.name());
    if let (Ok(age), Ok(status)) = (
        HeaderValue::from_str(&age.as_secs().to_string()),
        HeaderValue::from_str(&status),
    ) {
        headers.insert(header::AGE, age);
        headers.insert(CACHE_STATUS, status);
    }
}

/// Everything that happened to an order.
#[utoipa::path(get, path = "/v1/orders/{id}/events", tag = "orders", security(("key" = [])),
    params(("id" = String, Path, description = "The gateway's id of the order")),
    responses((status = 200, body = Page<StoredEvent>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn events(
    State(state): State<AppState>,
    principal: Principal,
    PathText(id): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<Json<Page<StoredEvent>>, Problem> {
    let events = state
        .orders
        .events(&principal.caller(), &OrderId::from_text(&id))
        .await?;
    Ok(Json(Page::whole(events)))
}

/// Cancels an order. 200: it is over, in the state shown. 202: the cancel is under way and is pursued to
/// its end.
#[utoipa::path(delete, path = "/v1/orders/{id}", tag = "orders", security(("key" = [])),
    params(("id" = String, Path, description = "The gateway's id of the order")),
    responses((status = 200, body = Order), (status = 202, body = Order), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn cancel(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    headers: HeaderMap,
    PathText(id): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<(StatusCode, Json<Order>), Problem> {
    refuse_idempotency_key(&headers)?;
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

/// Which open orders are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct ActiveQuery {
    /// Venue, several separated by commas, or `auto` or nothing for all.
    venue: Option<String>,
    /// Unified symbol.
    symbol: Option<String>,
}

/// Open orders, as the venues have them. Where one does not answer its part comes from the journal, and
/// `sources` says so.
#[utoipa::path(get, path = "/v1/orders/active", tag = "orders", security(("key" = [])), params(ActiveQuery),
    responses((status = 200, body = SourcedPage<Order>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn active(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    StrictQuery(query): StrictQuery<ActiveQuery>,
) -> Result<Json<SourcedPage<Order>>, Problem> {
    let venues = selection::venues(&state, query.venue.as_deref())?;
    if let Some(symbol) = query.symbol.as_deref() {
        selection::sources(&state, query.venue.as_deref(), symbol)?;
    }
    let active = state
        .orders
        .active(
            &principal.caller(),
            &venues,
            query.symbol.as_deref(),
            deadline,
        )
        .await?;
    Ok(Json(SourcedPage {
        items: active.orders,
        next_cursor: None,
        sources: active.sources,
    }))
}

/// Which orders are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct OrdersQuery {
    /// Gateway ids, up to 100 separated by commas.
    ids: Option<String>,
    /// Venue.
    venue: Option<String>,
    /// Unified symbol.
    symbol: Option<String>,
    /// State, or several separated by commas.
    state: Option<String>,
    /// Your label.
    client_order_id: Option<String>,
    /// Created then or later, RFC 3339.
    from: Option<Timestamp>,
    /// Created before, RFC 3339.
    to: Option<Timestamp>,
    /// At most this many, 1 to 1000; 100 where absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of an earlier page.
    cursor: Option<String>,
    /// `journal` (the gateway's own orders) or `venue` (everything the account has there).
    source: Option<Source>,
}

/// Whose word is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Source {
    /// The gateway's journal.
    Journal,
    /// The venue.
    Venue,
}

/// Orders by ids, date range and state, oldest first.
#[utoipa::path(get, path = "/v1/orders", tag = "orders", security(("key" = [])), params(OrdersQuery),
    responses((status = 200, body = OrdersPage<Order>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    StrictQuery(query): StrictQuery<OrdersQuery>,
) -> Result<Json<OrdersPage<Order>>, Problem> {
    let limit = selection::limit(query.limit, 100, 1_000)?;
    if let (Some(from), Some(to)) = (query.from, query.to)
        && from >= to
    {
        return Err(Problem::malformed(
            "to",
            &to.to_string(),
            format!("must be after from, {from}"),
        ));
    }
    let states = query.state.as_deref().map(states).transpose()?;
    if query.source == Some(Source::Venue) {
        return venue_history(&state, &principal, query, states, limit, deadline).await;
    }
    let ids = query
        .ids
        .as_deref()
        .map(|ids| selection::list("ids", ids, MAX_IDS))
        .transpose()?;
    let after = query
        .cursor
        .as_deref()
        .map(|cursor| {
            Cursor::decode(cursor)
                .map_err(|error| Problem::malformed("cursor", cursor, error.to_string()))
        })
        .transpose()?;
    let page = state
        .orders
        .list(OrderQuery {
            tenant: principal.tenant,
            ids: ids.map(|ids| ids.into_iter().map(OrderId::from_text).collect()),
            venue: query
                .venue
                .map(|name| selection::venue(&state, &name).map(|_| name))
                .transpose()?,
            symbol: query.symbol,
            states,
            client_order_id: query.client_order_id,
            from: query.from,
            to: query.to,
            only_open: false,
            after,
            limit: limit as usize,
        })
        .await?;
    let items = page
        .records
        .into_iter()
        .map(|record| record.order)
        .collect();
    Ok(Json(OrdersPage {
        items,
        next_cursor: page.next.map(|cursor| cursor.encode()),
        complete: None,
    }))
}

fn states(text: &str) -> Result<Vec<OrderState>, Problem> {
    let names: Vec<&str> = OrderState::ALL.iter().map(|state| state.name()).collect();
    selection::list("state", text, OrderState::ALL.len())?
        .into_iter()
        .map(|name| {
            OrderState::from_name(name).ok_or_else(|| {
                Problem::malformed(
                    "state",
                    name,
                    format!("must be one of {}", names.join(", ")),
                )
            })
        })
        .collect()
}

async fn venue_history(
    state: &AppState,
    principal: &Principal,
    query: OrdersQuery,
    states: Option<Vec<OrderState>>,
    limit: u32,
    deadline: Deadline,
) -> Result<Json<OrdersPage<Order>>, Problem> {
    let Some(venue) = query.venue else {
        return Err(Problem::malformed_field(
            "venue",
            "must be given with source=venue",
        ));
    };
    for (field, given) in [
        ("ids", query.ids.is_some()),
        ("cursor", query.cursor.is_some()),
    ] {
        if given {
            return Err(Problem::malformed_field(
                field,
                "must be absent with source=venue; page with from and to",
            ));
        }
    }
    let now = Timestamp::now();
    let to = query
        .to
        .unwrap_or_else(|| now.plus(Duration::from_secs(60)));
    let default_from = Timestamp::from_millis(now.as_millis() - DEFAULT_HISTORY.as_millis() as i64);
    let asked = HistoryAsked {
        venue,
        symbol: query.symbol,
        from: query.from.unwrap_or(default_from),
        to,
        limit,
    };
    let mut history = state
        .orders
        .venue_history(&principal.caller(), asked, deadline)
        .await?;
    if let Some(states) = states {
        history.orders.retain(|order| states.contains(&order.state));
    }
    if let Some(label) = query.client_order_id {
        history
            .orders
            .retain(|order| order.client_order_id.as_ref() == Some(&label));
    }
    Ok(Json(OrdersPage {
        items: history.orders,
        next_cursor: None,
        complete: Some(history.complete && history.exhausted),
    }))
}
