//! The endpoints: method, path, who may call, what it weighs, who answers.

use super::{BinanceFutures, Call, Dialect, Reply};
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

type Handler = fn(&BinanceFutures, &Call<'_>) -> Result<Reply, ApiError>;
type Weight = fn(&Params) -> u64;

/// One endpoint.
#[derive(Debug)]
pub(super) struct Route {
    method: &'static str,
    /// After the prefix of the API.
    path: &'static str,
    /// The only API that has it, if not both do.
    only: Option<&'static str>,
    pub(super) security: Security,
    pub(super) weight: Weight,
    pub(super) handler: Handler,
}

const fn public(path: &'static str, weight: Weight, handler: Handler) -> Route {
    Route {
        method: "GET",
        path,
        only: None,
        security: Security::Public,
        weight,
        handler,
    }
}

const fn signed(
    method: &'static str,
    path: &'static str,
    weight: Weight,
    handler: Handler,
) -> Route {
    Route {
        method,
        path,
        only: None,
        security: Security::Signed,
        weight,
        handler,
    }
}

const fn usdm(route: Route) -> Route {
    Route {
        only: Some("usdm"),
        ..route
    }
}

const fn coinm(route: Route) -> Route {
    Route {
        only: Some("coinm"),
        ..route
    }
}

type F = BinanceFutures;

static ROUTES: &[Route] = &[
    public("/v1/ping", |_| 1, F::ping),
    public("/v1/time", |_| 1, F::time),
    public("/v1/exchangeInfo", |_| 1, F::exchange_info),
    public("/v1/depth", depth_weight, F::depth),
    public("/v1/trades", |_| 5, F::trades),
    public("/v1/aggTrades", |_| 20, F::aggregate_trades),
    public("/v1/klines", klines_weight, F::klines),
    public("/v1/ticker/24hr", |p| symbol_or(p, 1, 40), F::day_ticker),
    public("/v1/ticker/price", |p| symbol_or(p, 1, 2), F::price_ticker),
    usdm(public(
        "/v2/ticker/price",
        |p| symbol_or(p, 1, 2),
        F::price_ticker,
    )),
    public(
        "/v1/ticker/bookTicker",
        |p| symbol_or(p, 2, 5),
        F::book_ticker,
    ),
    usdm(public(
        "/v1/premiumIndex",
        |p| symbol_or(p, 1, 10),
        F::premium_index,
    )),
    coinm(public("/v1/premiumIndex", |_| 10, F::premium_index)),
    usdm(public("/v1/fundingRate", |_| 0, F::funding_rate)),
    coinm(public("/v1/fundingRate", |_| 1, F::funding_rate)),
    public("/v1/fundingInfo", |_| 0, F::funding_info),
    signed("POST", "/v1/order", |_| 0, F::place_order),
    usdm(signed("PUT", "/v1/order", |_| 0, F::modify_order)),
    coinm(signed("PUT", "/v1/order", |_| 1, F::modify_order)),
    signed("GET", "/v1/order", |_| 1, F::query_order),
    signed("DELETE", "/v1/order", |_| 1, F::cancel_order),
    signed("GET", "/v1/openOrder", |_| 1, F::query_open_order),
    signed(
        "GET",
        "/v1/openOrders",
        |p| symbol_or(p, 1, 40),
        F::open_orders,
    ),
    signed("DELETE", "/v1/allOpenOrders", |_| 1, F::cancel_all),
    usdm(signed("GET", "/v1/allOrders", |_| 5, F::all_orders)),
    coinm(signed(
        "GET",
        "/v1/allOrders",
        |p| symbol_or(p, 20, 40),
        F::all_orders,
    )),
    usdm(signed("GET", "/v1/userTrades", |_| 5, F::user_trades)),
    coinm(signed(
        "GET",
        "/v1/userTrades",
        |p| symbol_or(p, 20, 40),
        F::user_trades,
    )),
    signed("GET", "/v1/orderAmendment", |_| 1, F::amendments),
    signed("POST", "/v1/batchOrders", |_| 5, F::place_batch),
    signed("DELETE", "/v1/batchOrders", |_| 1, F::cancel_batch),
    signed("POST", "/v1/algoOrder", |_| 0, F::place_algo),
    signed("GET", "/v1/algoOrder", |_| 1, F::query_algo),
    signed("DELETE", "/v1/algoOrder", |_| 1, F::cancel_algo),
    signed(
        "GET",
        "/v1/openAlgoOrders",
        |p| symbol_or(p, 1, 40),
        F::open_algos,
    ),
    signed("DELETE", "/v1/algoOpenOrders", |_| 1, F::cancel_all_algos),
    signed("GET", "/v1/allAlgoOrders", |_| 5, F::all_algos),
    usdm(signed("GET", "/v2/account", |_| 5, F::account_v2)),
    usdm(signed("GET", "/v3/account", |_| 5, F::account_v3)),
    coinm(signed("GET", "/v1/account", |_| 5, F::account_coinm)),
    usdm(signed("GET", "/v2/balance", |_| 5, F::balance)),
    usdm(signed("GET", "/v3/balance", |_| 5, F::balance)),
    coinm(signed("GET", "/v1/balance", |_| 1, F::balance)),
    usdm(signed("GET", "/v2/positionRisk", |_| 5, F::position_risk)),
    usdm(signed(
        "GET",
        "/v3/positionRisk",
        |_| 5,
        F::position_risk_v3,
    )),
    coinm(signed("GET", "/v1/positionRisk", |_| 1, F::position_risk)),
    signed("GET", "/v1/commissionRate", |_| 20, F::commission_rate),
    signed("GET", "/v1/positionSide/dual", |_| 30, F::position_mode),
    signed(
        "POST",
        "/v1/positionSide/dual",
        |_| 1,
        F::change_position_mode,
    ),
    signed("POST", "/v1/leverage", |_| 1, F::change_leverage),
    signed("POST", "/v1/marginType", |_| 1, F::change_margin_type),
    usdm(signed(
        "GET",
        "/v1/multiAssetsMargin",
        |_| 30,
        F::multi_assets_mode,
    )),
    usdm(signed("GET", "/v1/symbolConfig", |_| 5, F::symbol_config)),
    usdm(signed("GET", "/v1/accountConfig", |_| 5, F::account_config)),
    usdm(signed(
        "GET",
        "/v1/leverageBracket",
        |_| 1,
        F::leverage_brackets,
    )),
    coinm(signed(
        "GET",
        "/v2/leverageBracket",
        |_| 1,
        F::leverage_brackets,
    )),
    usdm(signed(
        "GET",
        "/v1/rateLimit/order",
        |_| 1,
        F::order_rate_limits,
    )),
];

/// The endpoint for a method and a path, or what Binance answers when there is none.
pub(super) fn find(dialect: &Dialect, method: &str, path: &str) -> Result<&'static Route, Answer> {
    let rest = path.strip_prefix(dialect.prefix).unwrap_or_default();
    let mut known_path = false;
    let here =
        |route: &&Route| route.path == rest && route.only.is_none_or(|only| only == dialect.market);
    for route in ROUTES.iter().filter(here) {
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

fn symbol_or(params: &Params, with_symbol: u64, without: u64) -> u64 {
    if params.has("symbol") {
        with_symbol
    } else {
        without
    }
}

fn depth_weight(params: &Params) -> u64 {
    match params.integer("limit") {
        Ok(Some(..=50)) => 2,
        Ok(Some(51..=100)) => 5,
        Ok(Some(501..)) => 20,
        _ => 10,
    }
}

fn klines_weight(params: &Params) -> u64 {
    match params.integer("limit") {
        Ok(Some(..=99)) => 1,
        Ok(Some(100..=499)) => 2,
        Ok(Some(1001..)) => 10,
        _ => 5,
    }
}
