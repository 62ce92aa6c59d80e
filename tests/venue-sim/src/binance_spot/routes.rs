//! The endpoints: method, path, who may call, what it weighs, who answers.

use super::{BinanceSpot, Call, Reply};
use crate::binance::ApiError;
use crate::binance::params::Params;
use crate::server::Answer;

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// Anyone.
    Public,
    /// Holders of a key, with a signature.
    Signed,
}

type Handler = fn(&BinanceSpot, &Call<'_>) -> Result<Reply, ApiError>;

/// One endpoint.
#[derive(Debug)]
pub(super) struct Route {
    method: &'static str,
    path: &'static str,
    pub(super) security: Security,
    pub(super) weight: fn(&Params) -> u64,
    pub(super) handler: Handler,
}

const fn public(path: &'static str, weight: fn(&Params) -> u64, handler: Handler) -> Route {
    Route {
        method: "GET",
        path,
        security: Security::Public,
        weight,
        handler,
    }
}

const fn signed(
    method: &'static str,
    path: &'static str,
    weight: fn(&Params) -> u64,
    handler: Handler,
) -> Route {
    Route {
        method,
        path,
        security: Security::Signed,
        weight,
        handler,
    }
}

static ROUTES: &[Route] = &[
    public("/api/v3/ping", |_| 1, BinanceSpot::ping),
    public("/api/v3/time", |_| 1, BinanceSpot::time),
    public("/api/v3/exchangeInfo", |_| 20, BinanceSpot::exchange_info),
    public("/api/v3/depth", depth_weight, BinanceSpot::depth),
    public("/api/v3/trades", |_| 25, BinanceSpot::trades),
    public(
        "/api/v3/historicalTrades",
        |_| 25,
        BinanceSpot::historical_trades,
    ),
    public("/api/v3/aggTrades", |_| 4, BinanceSpot::aggregate_trades),
    public("/api/v3/klines", |_| 2, BinanceSpot::klines),
    public("/api/v3/uiKlines", |_| 2, BinanceSpot::klines),
    public("/api/v3/avgPrice", |_| 2, BinanceSpot::average_price),
    public(
        "/api/v3/ticker/24hr",
        day_ticker_weight,
        BinanceSpot::day_ticker,
    ),
    public(
        "/api/v3/ticker/price",
        ticker_weight,
        BinanceSpot::price_ticker,
    ),
    public(
        "/api/v3/ticker/bookTicker",
        ticker_weight,
        BinanceSpot::book_ticker,
    ),
    signed("POST", "/api/v3/order", |_| 1, BinanceSpot::place_order),
    signed(
        "POST",
        "/api/v3/order/test",
        test_weight,
        BinanceSpot::test_order,
    ),
    signed(
        "POST",
        "/api/v3/order/cancelReplace",
        |_| 1,
        BinanceSpot::cancel_replace,
    ),
    signed(
        "PUT",
        "/api/v3/order/amend/keepPriority",
        |_| 4,
        BinanceSpot::amend_order,
    ),
    signed("GET", "/api/v3/order", |_| 4, BinanceSpot::query_order),
    signed("DELETE", "/api/v3/order", |_| 1, BinanceSpot::cancel_order),
    signed(
        "GET",
        "/api/v3/openOrders",
        open_orders_weight,
        BinanceSpot::open_orders,
    ),
    signed(
        "DELETE",
        "/api/v3/openOrders",
        |_| 1,
        BinanceSpot::cancel_open_orders,
    ),
    signed("GET", "/api/v3/allOrders", |_| 20, BinanceSpot::all_orders),
    signed(
        "GET",
        "/api/v3/myTrades",
        my_trades_weight,
        BinanceSpot::my_trades,
    ),
    signed(
        "GET",
        "/api/v3/account",
        |_| 20,
        BinanceSpot::account_information,
    ),
    signed(
        "GET",
        "/api/v3/account/commission",
        |_| 20,
        BinanceSpot::commission_rates,
    ),
    signed(
        "GET",
        "/api/v3/rateLimit/order",
        |_| 40,
        BinanceSpot::order_rate_limits,
    ),
];

/// The endpoint for a method and a path, or what Binance answers when there is none.
pub(super) fn find(method: &str, path: &str) -> Result<&'static Route, Answer> {
    let mut known_path = false;
    for route in ROUTES.iter().filter(|route| route.path == path) {
        if route.method == method {
            return Ok(route);
        }
        known_path = true;
    }
    if known_path {
        let message = format!("Request method '{method}' not supported");
        return Err(ApiError::new(-1020, message).with_status(405).answer());
    }
    let page = Answer {
        status: 404,
        headers: Vec::new(),
        body: b"<html><body>404 Not found</body></html>".to_vec(),
    };
    Err(page.with("content-type", "text/html"))
}

fn depth_weight(params: &Params) -> u64 {
    match params.integer("limit") {
        Ok(Some(limit)) if limit > 1000 => 250,
        Ok(Some(limit)) if limit > 500 => 50,
        Ok(Some(limit)) if limit > 100 => 25,
        _ => 5,
    }
}

fn day_ticker_weight(params: &Params) -> u64 {
    let count = params.symbols().ok().flatten().map(|symbols| symbols.len());
    match count {
        _ if params.has("symbol") => 2,
        Some(1..=20) => 2,
        Some(21..=100) => 40,
        _ => 80,
    }
}

fn ticker_weight(params: &Params) -> u64 {
    if params.has("symbol") { 2 } else { 4 }
}

fn test_weight(params: &Params) -> u64 {
    if params.flag("computeCommissionRates") == Ok(true) {
        20
    } else {
        1
    }
}

fn open_orders_weight(params: &Params) -> u64 {
    if params.has("symbol") { 6 } else { 80 }
}

fn my_trades_weight(params: &Params) -> u64 {
    if params.has("orderId") { 5 } else { 20 }
}
