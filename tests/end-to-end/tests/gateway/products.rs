//! One instrument of each product, asset and settle currency, for tests that go over all of them.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use switchyard_end_to_end::{Answer, TestApp, VENUE};

/// An instrument with an order that rests far below the market, and what its quantity is counted in.
pub(crate) struct Traded {
    pub(crate) symbol: &'static str,
    pub(crate) product: &'static str,
    pub(crate) settle: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) quantity: &'static str,
    pub(crate) more: &'static str,
    pub(crate) price: &'static str,
    pub(crate) other_price: &'static str,
    /// Where the venue takes its orders.
    pub(crate) path: &'static str,
}

const fn contract(
    symbol: &'static str,
    product: &'static str,
    settle: &'static str,
    (unit, quantity, more): (&'static str, &'static str, &'static str),
    (price, other_price): (&'static str, &'static str),
    path: &'static str,
) -> Traded {
    Traded {
        symbol,
        product,
        settle,
        unit,
        quantity,
        more,
        price,
        other_price,
        path,
    }
}

const BTC: (&str, &str) = ("50000", "51000");
const ETH: (&str, &str) = ("2500", "2600");
const SOL: (&str, &str) = ("120", "125");
pub(crate) const LINEAR: &str = "/fapi/v1/order";
pub(crate) const INVERSE: &str = "/dapi/v1/order";

/// One of each product, asset and settle currency.
pub(crate) const ALL: [Traded; 14] = [
    contract(
        "BTC/USDT",
        "spot",
        "USDT",
        ("base", "0.02", "0.03"),
        BTC,
        "/api/v3/order",
    ),
    contract(
        "ETH/USDC",
        "spot",
        "USDC",
        ("base", "0.02", "0.03"),
        ETH,
        "/api/v3/order",
    ),
    contract(
        "SOL/USDT",
        "spot",
        "USDT",
        ("base", "0.2", "0.3"),
        SOL,
        "/api/v3/order",
    ),
    contract(
        "BTC/USDT:USDT",
        "usd_m_perpetual",
        "USDT",
        ("base", "0.02", "0.03"),
        BTC,
        LINEAR,
    ),
    contract(
        "ETH/USDT:USDT",
        "usd_m_perpetual",
        "USDT",
        ("base", "0.02", "0.03"),
        ETH,
        LINEAR,
    ),
    contract(
        "SOL/USDT:USDT",
        "usd_m_perpetual",
        "USDT",
        ("base", "2", "3"),
        SOL,
        LINEAR,
    ),
    contract(
        "BTC/USDC:USDC",
        "usd_m_perpetual",
        "USDC",
        ("base", "0.02", "0.03"),
        BTC,
        LINEAR,
    ),
    contract(
        "SOL/USDC:USDC",
        "usd_m_perpetual",
        "USDC",
        ("base", "2", "3"),
        SOL,
        LINEAR,
    ),
    contract(
        "BTC/USDT:USDT-261225",
        "usd_m_delivery",
        "USDT",
        ("base", "0.02", "0.03"),
        BTC,
        LINEAR,
    ),
    contract(
        "ETH/USDT:USDT-270326",
        "usd_m_delivery",
        "USDT",
        ("base", "0.02", "0.03"),
        ETH,
        LINEAR,
    ),
    contract(
        "BTC/USD:BTC",
        "usd_c_perpetual",
        "BTC",
        ("contracts", "2", "3"),
        BTC,
        INVERSE,
    ),
    contract(
        "ETH/USD:ETH",
        "usd_c_perpetual",
        "ETH",
        ("contracts", "2", "3"),
        ETH,
        INVERSE,
    ),
    contract(
        "SOL/USD:SOL",
        "usd_c_perpetual",
        "SOL",
        ("contracts", "2", "3"),
        SOL,
        INVERSE,
    ),
    contract(
        "BTC/USD:BTC-261225",
        "usd_c_delivery",
        "BTC",
        ("contracts", "2", "3"),
        BTC,
        INVERSE,
    ),
];

pub(crate) fn limit(traded: &Traded) -> Value {
    json!({
        "venue": VENUE, "symbol": traded.symbol, "side": "buy", "type": "limit",
        "quantity": traded.quantity, "price": traded.price,
    })
}

pub(crate) fn market(symbol: &str, side: &str, quantity: &str) -> Value {
    json!({
        "venue": VENUE, "symbol": symbol, "side": side, "type": "market", "quantity": quantity,
    })
}

pub(crate) fn with(mut order: Value, field: &str, value: Value) -> Value {
    order[field] = value;
    order
}

pub(crate) fn number(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

pub(crate) async fn get(app: &TestApp, path: &str) -> Answer {
    app.viewer().get(path).await.expect(200)
}
