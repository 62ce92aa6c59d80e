//! The whole REST API in one list: method, path, who may call, handler; and the layers around all of them.

use axum::Router;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter, on};
use tower_http::catch_panic::CatchPanicLayer;

use super::access::{Access, RouteRule, Rule, VenueRule, guard};
use super::caller::identify;
use super::documentation;
use super::edge;
use super::idempotency::once;
use super::problem::Problem;
use super::routes::orders::{change, read};
use super::routes::{
    account, halting, health, instruments, keys, log_level, market, plugins, recording, venues,
};
use super::state::AppState;
use crate::model::Role;

/// One route of the API.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) rule: Rule,
    handler: MethodRouter<AppState>,
}

const PUBLIC: Access = Access::Public;
const VIEWER: Access = Access::Role(Role::Viewer);
const TRADE: Access = Access::Trade;
const OPERATOR: Access = Access::Role(Role::Operator);

/// A route: there is none without a rule.
macro_rules! routes {
    ($($method:ident $path:literal $access:ident $venues:ident $handler:expr;)+) => {
        vec![$(route(
            (Method::$method, MethodFilter::$method),
            $path,
            Rule { access: $access, venues: VenueRule::$venues },
            $handler,
        )),+]
    };
}

fn route<H, T>(
    (method, filter): (Method, MethodFilter),
    path: &'static str,
    rule: Rule,
    handler: H,
) -> Route
where
    H: Handler<T, AppState>,
    T: 'static,
{
    Route {
        method,
        path,
        rule,
        handler: on(filter, handler),
    }
}

/// Every route there is.
pub(super) fn routes() -> Vec<Route> {
    routes! {
        GET "/v1/venues" VIEWER Named venues::list;
        GET "/v1/venues/{venue}" VIEWER InPath venues::one;
        POST "/v1/venues/{venue}/halt" OPERATOR InPath halting::halt;
        POST "/v1/venues/{venue}/resume" OPERATOR InPath halting::resume;
        GET "/v1/plugins" VIEWER Whole plugins::list;
        GET "/v1/plugins/{name}" VIEWER Whole plugins::one;
        PUT "/v1/plugins/{name}" OPERATOR Whole plugins::install;
        DELETE "/v1/plugins/{name}" OPERATOR Whole plugins::remove;
        POST "/v1/plugins/{name}/promote" OPERATOR Whole plugins::promote;
        POST "/v1/plugins/{name}/rollback" OPERATOR Whole plugins::rollback;
        POST "/v1/plugins/{name}/pin" OPERATOR Whole plugins::pin;
        POST "/v1/plugins/{name}/unpin" OPERATOR Whole plugins::unpin;
        POST "/v1/plugins/{name}/recording" OPERATOR Whole recording::start;
        GET "/v1/plugins/{name}/recording" OPERATOR Whole recording::show;
        DELETE "/v1/plugins/{name}/recording" OPERATOR Whole recording::stop;
        GET "/v1/keys" OPERATOR Whole keys::list;
        POST "/v1/keys" OPERATOR Whole keys::create;
        DELETE "/v1/keys/{id}" OPERATOR Whole keys::revoke;
        POST "/v1/keys/{id}/rotate" OPERATOR Whole keys::rotate;
        GET "/v1/log-level" OPERATOR Whole log_level::show;
        PUT "/v1/log-level" OPERATOR Whole log_level::change;
        GET "/v1/instruments" VIEWER Named instruments::list;
        GET "/v1/tickers" VIEWER Named market::tickers;
        GET "/v1/orderbook" VIEWER Named market::order_book;
        GET "/v1/candles" VIEWER Named market::candles;
        GET "/v1/orders" VIEWER Named read::list;
        POST "/v1/orders" TRADE Named change::place;
        DELETE "/v1/orders" TRADE Named change::cancel_all;
        GET "/v1/orders/active" VIEWER Named read::active;
        GET "/v1/orders/{id}" VIEWER OfOrder read::one;
        PATCH "/v1/orders/{id}" TRADE OfOrder change::amend;
        DELETE "/v1/orders/{id}" TRADE OfOrder change::cancel;
        GET "/v1/orders/{id}/events" VIEWER OfOrder read::events;
        GET "/v1/balances" VIEWER Named account::balances;
        GET "/v1/positions" VIEWER Named account::positions;
        GET "/v1/fills" VIEWER Named read::fills;
        GET "/health" PUBLIC Nothing health::overall;
        GET "/health/live" PUBLIC Nothing health::live;
        GET "/health/ready" PUBLIC Nothing health::ready;
        GET "/health/venues/{venue}" VIEWER InPath health::venue;
        GET "/metrics" VIEWER Whole health::metrics;
        GET "/openapi.json" PUBLIC Nothing documentation::openapi;
    }
}

/// Who may call what: a row for each route.
pub fn access_table() -> Vec<RouteRule> {
    let routes = routes().into_iter();
    let rows = routes.map(|route| RouteRule {
        method: route.method,
        path: route.path,
        role: route.rule.role(),
        venues: route.rule.venues,
    });
    rows.collect()
}

/// The API as one service.
pub fn router(state: AppState) -> Router {
    let mut router = Router::new();
    for Route {
        path,
        rule,
        handler,
        ..
    } in routes()
    {
        let guarded = from_fn_with_state((state.clone(), rule), guard);
        let handler = match rule.access {
            Access::Public => handler,
            Access::Role(_) => handler.route_layer(guarded),
            Access::Trade => {
                let once = from_fn_with_state(state.clone(), once);
                handler.route_layer(once).route_layer(guarded)
            }
        };
        router = router.route(path, handler);
    }
    let router = router
        .merge(documentation::browser())
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "this path does not take this method",
            )
        })
        .fallback(|| async { Problem::not_found("no such path; /docs lists them") })
        .layer(CatchPanicLayer::custom(|_| {
            Problem::internal("a handler panicked").into_response()
        }))
        .layer(from_fn_with_state(state.clone(), edge::within_limits))
        .layer(from_fn_with_state(state.clone(), edge::secure))
        .layer(from_fn_with_state(state.clone(), identify));
    edge::with_cors(router, &state.server).with_state(state)
}
