//! The whole REST API in one list: path, who may call, handler; and the layers around all of them.

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use super::access::{RequiredRole, guard};
use super::caller::identify;
use super::documentation;
use super::idempotency::once;
use super::problem::Problem;
use super::routes::orders::{change, read};
use super::routes::{account, halting, health, instruments, market, plugins, recording, venues};
use super::state::AppState;
use crate::config::Role;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everyone: probes and documentation, which tell nothing of any tenant.
    Public,
    /// Keys of at least this role.
    Role(Role),
    /// Keys that may trade: the request changes orders, and may be made safe to repeat.
    Trade,
}

/// One route of the API.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) methods: MethodRouter<AppState>,
}

const VIEWER: Access = Access::Role(Role::Viewer);
const OPERATOR: Access = Access::Role(Role::Operator);

fn route(path: &'static str, access: Access, methods: MethodRouter<AppState>) -> Route {
    Route {
        path,
        access,
        methods,
    }
}

/// Every route there is.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/v1/venues", VIEWER, get(venues::list)),
        route("/v1/venues/{venue}", VIEWER, get(venues::one)),
        route("/v1/venues/{venue}/halt", OPERATOR, post(halting::halt)),
        route("/v1/venues/{venue}/resume", OPERATOR, post(halting::resume)),
        route("/v1/plugins", VIEWER, get(plugins::list)),
        route("/v1/plugins/{name}", VIEWER, get(plugins::one)),
        route("/v1/plugins/{name}", OPERATOR, put(plugins::install)),
        route("/v1/plugins/{name}", OPERATOR, delete(plugins::remove)),
        route(
            "/v1/plugins/{name}/promote",
            OPERATOR,
            post(plugins::promote),
        ),
        route(
            "/v1/plugins/{name}/rollback",
            OPERATOR,
            post(plugins::rollback),
        ),
        route("/v1/plugins/{name}/pin", OPERATOR, post(plugins::pin)),
        route("/v1/plugins/{name}/unpin", OPERATOR, post(plugins::unpin)),
        route(
            "/v1/plugins/{name}/recording",
            OPERATOR,
            post(recording::start)
                .get(recording::show)
                .delete(recording::stop),
        ),
        route("/v1/instruments", VIEWER, get(instruments::list)),
        route("/v1/tickers", VIEWER, get(market::tickers)),
        route("/v1/orderbook", VIEWER, get(market::order_book)),
        route("/v1/candles", VIEWER, get(market::candles)),
        route("/v1/orders", VIEWER, get(read::list)),
        route("/v1/orders", Access::Trade, post(change::place)),
        route("/v1/orders", Access::Trade, delete(change::cancel_all)),
        route("/v1/orders/active", VIEWER, get(read::active)),
        route("/v1/orders/{id}", VIEWER, get(read::one)),
        route("/v1/orders/{id}", Access::Trade, patch(change::amend)),
        route("/v1/orders/{id}", Access::Trade, delete(change::cancel)),
        route("/v1/orders/{id}/events", VIEWER, get(read::events)),
        route("/v1/balances", VIEWER, get(account::balances)),
        route("/v1/positions", VIEWER, get(account::positions)),
        route("/v1/fills", VIEWER, get(read::fills)),
        route("/health", Access::Public, get(health::overall)),
        route("/health/live", Access::Public, get(health::live)),
        route("/health/ready", Access::Public, get(health::ready)),
        route("/health/venues/{venue}", VIEWER, get(health::venue)),
        route("/metrics", VIEWER, get(health::metrics)),
    ]
}

fn guarded(
    methods: MethodRouter<AppState>,
    state: &AppState,
    role: Role,
) -> MethodRouter<AppState> {
    methods.route_layer(from_fn_with_state(
        (state.clone(), RequiredRole(role)),
        guard,
    ))
}

/// The API as one service.
pub fn router(state: AppState) -> Router {
    let mut router = Router::new();
    for Route {
        path,
        access,
        methods,
    } in routes()
    {
        let methods = match access {
            Access::Public => methods,
            Access::Role(role) => guarded(methods, &state, role),
            Access::Trade => {
                let methods = methods.route_layer(from_fn_with_state(state.clone(), once));
                guarded(methods, &state, Role::Trader)
            }
        };
        router = router.route(path, methods);
    }
    router
        .merge(documentation::router())
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
        .layer(map_response(documentation::no_sniffing))
        .layer(from_fn_with_state(state.clone(), identify))
        .with_state(state)
}
