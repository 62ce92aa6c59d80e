//! Finding and listing orders and their fills.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::api::access::Principal;
use crate::api::extract::{RequestDeadline, StrictQuery};
use crate::api::freshness::{self, CACHE_STATUS, Freshness};
use crate::api::page::{HistoryPage, Page, SourcedPage};
use crate::api::problem::{Problem, ProblemBody};
use crate::api::routes::selection::{self, PathText};
use crate::api::routes::venues::NoParameters;
use crate::api::state::AppState;
use crate::model::{Order, OrderId, OrderState, Timestamp};
use crate::orders::{ActiveAsked, Fill, FillsOf, Found, HistoryAsked, HistoryRange, VenuePlace};
use crate::reliability::Deadline;
use crate::store::{Cursor, OrderQuery, StoredEvent};

/// Ids that one request may ask for.
const MAX_IDS: usize = 100;

/// How far back a venue is asked where `from` is absent.
const DEFAULT_HISTORY: Duration = Duration::from_secs(24 * 60 * 60);

/// How far ahead of our clock a venue's may be.
const CLOCK_MARGIN: Duration = Duration::from_secs(60);

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
    Freshness(wanted): Freshness,
    StrictQuery(query): StrictQuery<ActiveQuery>,
) -> Result<(HeaderMap, Json<SourcedPage<Order>>), Problem> {
    let venues = selection::venues(&state, &principal, query.venue.as_deref())?;
    if let Some(symbol) = query.symbol.as_deref() {
        selection::sources(&state, &principal, query.venue.as_deref(), symbol)?;
    }
    let asked = ActiveAsked {
        venues: &venues,
        symbol: query.symbol.as_deref(),
        wanted,
    };
    let active = state
        .orders
        .active(&principal.caller(), asked, deadline)
        .await?;
    let page = SourcedPage {
        items: active.orders,
        next_cursor: None,
        sources: active.sources,
    };
    Ok((freshness::headers(&active.served), Json(page)))
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

/// Orders by ids, date range and state, oldest first. A key for some venues only may get short pages: `next_cursor` tells
/// whether there is more.
#[utoipa::path(get, path = "/v1/orders", tag = "orders", security(("key" = [])), params(OrdersQuery),
    responses((status = 200, body = HistoryPage<Order>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    StrictQuery(query): StrictQuery<OrdersQuery>,
) -> Result<Json<HistoryPage<Order>>, Problem> {
    let limit = selection::limit(query.limit, 100, 1_000)?;
    selection::check_range(query.from, query.to)?;
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
            tenant: principal.tenant.clone(),
            ids: ids.map(|ids| ids.into_iter().map(OrderId::from_text).collect()),
            venue: query
                .venue
                .map(|name| selection::venue(&state, &principal, &name).map(|_| name))
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
        .filter(|record| principal.sees(record))
        .map(|record| record.order)
        .collect();
    Ok(Json(HistoryPage {
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
) -> Result<Json<HistoryPage<Order>>, Problem> {
    let Some(venue) = query.venue else {
        return Err(Problem::malformed_field(
            "venue",
            "must be given with source=venue",
        ));
    };
    if query.ids.is_some() {
        let problem = "must be absent with source=venue, which is asked by time";
        return Err(Problem::malformed_field("ids", problem));
    }
    let asked = HistoryAsked {
        venue,
        symbol: query.symbol,
        range: history_range(query.from, query.to, query.cursor.as_deref(), limit)?,
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
    Ok(Json(HistoryPage {
        items: history.orders,
        next_cursor: history.next.map(|place| place.encode()),
        complete: Some(history.complete),
    }))
}

/// The range of a venue's history that a query is about.
fn history_range(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    cursor: Option<&str>,
    limit: u32,
) -> Result<HistoryRange, Problem> {
    selection::check_range(from, to)?;
    let now = Timestamp::now();
    let past = Timestamp::from_millis(now.as_millis() - DEFAULT_HISTORY.as_millis() as i64);
    let after = cursor
        .map(|text| {
            VenuePlace::decode(text).ok_or_else(|| {
                Problem::malformed("cursor", text, "must be a next_cursor of an earlier page")
            })
        })
        .transpose()?;
    let from = from.unwrap_or(past);
    let to = to.unwrap_or_else(|| now.max(from).plus(CLOCK_MARGIN));
    selection::check_range(Some(from), Some(to))?;
    Ok(HistoryRange {
        from,
        to,
        after,
        limit,
    })
}

/// Which fills are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct FillsQuery {
    /// Venue; must be given unless `order_id` is.
    venue: Option<String>,
    /// Unified symbol; some venues have no fills without it.
    symbol: Option<String>,
    /// Only this order's, by the gateway's id; instead of `venue` and `symbol`.
    order_id: Option<String>,
    /// Then or later, RFC 3339; 24 hours ago where absent, and with `order_id` the order's life.
    from: Option<Timestamp>,
    /// Before, RFC 3339.
    to: Option<Timestamp>,
    /// At most this many, 1 to 1000; 100 where absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of an earlier page.
    cursor: Option<String>,
}

/// The account's trades as the venue remembers them, oldest first.
#[utoipa::path(get, path = "/v1/fills", tag = "account", security(("key" = [])), params(FillsQuery),
    responses((status = 200, body = HistoryPage<Fill>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn fills(
    State(state): State<AppState>,
    principal: Principal,
    RequestDeadline(deadline): RequestDeadline,
    StrictQuery(query): StrictQuery<FillsQuery>,
) -> Result<Json<HistoryPage<Fill>>, Problem> {
    let limit = selection::limit(query.limit, 100, 1_000)?;
    let mut from = query.from;
    let of = match (query.order_id, query.venue) {
        (Some(id), None) if query.symbol.is_none() => {
            from.get_or_insert(Timestamp::from_millis(0));
            FillsOf::Order(OrderId::from_text(&id))
        }
        (Some(_), _) => {
            let problem = "must be absent with order_id, which says it already";
            let field = if query.symbol.is_some() {
                "symbol"
            } else {
                "venue"
            };
            return Err(Problem::malformed_field(field, problem));
        }
        (None, Some(venue)) => FillsOf::Account {
            venue: selection::venue(&state, &principal, &venue)?
                .name()
                .to_owned(),
            symbol: query.symbol,
        },
        (None, None) => {
            return Err(Problem::malformed_field(
                "venue",
                "must be given, or order_id",
            ));
        }
    };
    let range = history_range(from, query.to, query.cursor.as_deref(), limit)?;
    let page = state
        .orders
        .fills(&principal.caller(), of, range, deadline)
        .await?;
    Ok(Json(HistoryPage {
        items: page.fills,
        next_cursor: page.next.map(|place| place.encode()),
        complete: Some(page.complete),
    }))
}
