//! The endpoints: method, path, who may call, whether the order limit counts it, who answers.

use serde_json::Value;

use super::errors::BitmexError;
use super::{Bitmex, Call};

type Handler = fn(&Bitmex, &Call<'_>) -> Result<Value, BitmexError>;

/// One endpoint.
#[derive(Debug)]
pub(super) struct Route {
    method: &'static str,
    /// After `/api/v1`.
    path: &'static str,
    pub(super) needs_key: bool,
    /// Whether the limit per second counts it.
    pub(super) is_order: bool,
    pub(super) handler: Handler,
}

const fn public(path: &'static str, handler: Handler) -> Route {
    Route {
        method: "GET",
        path,
        needs_key: false,
        is_order: false,
        handler,
    }
}

const fn private(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route {
        method,
        path,
        needs_key: true,
        is_order: false,
        handler,
    }
}

const fn order(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route {
        is_order: true,
        ..private(method, path, handler)
    }
}

static ROUTES: &[Route] = &[
    public("", Bitmex::api_info),
    public("/instrument", Bitmex::instruments),
    public("/instrument/active", Bitmex::active_instruments),
    public("/orderBook/L2", Bitmex::order_book),
    public("/quote", Bitmex::quotes),
    public("/trade", Bitmex::trades),
    public("/trade/bucketed", Bitmex::bucketed),
    public("/wallet/assets", Bitmex::assets),
    private("GET", "/order", Bitmex::list_orders),
    order("POST", "/order", Bitmex::place_order),
    order("PUT", "/order", Bitmex::amend_order),
    order("DELETE", "/order", Bitmex::cancel_orders),
    order("DELETE", "/order/all", Bitmex::cancel_all),
    private("GET", "/execution", Bitmex::executions),
    private("GET", "/execution/tradeHistory", Bitmex::trade_history),
    private("GET", "/position", Bitmex::positions),
    order("POST", "/position/leverage", Bitmex::set_leverage),
    private("GET", "/user", Bitmex::user),
    private("GET", "/user/margin", Bitmex::margin),
    private("GET", "/user/wallet", Bitmex::wallet),
];

/// The endpoint for a method and a path after `/api/v1`.
pub(super) fn find(method: &str, path: &str) -> Option<&'static Route> {
    let path = path.trim_end_matches('/');
    let here = |route: &&Route| route.method == method && route.path == path;
    ROUTES.iter().find(here)
}
