//! COIN-M futures: inverse contracts margined in the coin itself.

use super::dialect::Dialect;

/// The dialect of `/dapi`.
pub static DIALECT: Dialect = Dialect {
    market: "coinm",
    prefix: "/dapi",
    coin_margined: true,
    status: "contractStatus",
    order_value: "cumBase",
    trade_value: "baseQty",
    volume_value: "baseVolume",
    all_orders: (50, 100),
    user_trades: (50, 1000),
    limits: |settings| &settings.coinm_limits,
};
