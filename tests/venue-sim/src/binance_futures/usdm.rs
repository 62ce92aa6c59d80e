//! USD-M futures: linear contracts margined in stablecoins.

use super::dialect::Dialect;

/// The dialect of `/fapi`.
pub static DIALECT: Dialect = Dialect {
    market: "usdm",
    prefix: "/fapi",
    coin_margined: false,
    status: "status",
    order_value: "cumQuote",
    trade_value: "quoteQty",
    volume_value: "quoteVolume",
    all_orders: (500, 1000),
    user_trades: (500, 1000),
    limits: |settings| &settings.usdm_limits,
};
