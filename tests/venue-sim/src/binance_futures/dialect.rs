//! Where the two futures APIs differ, as data.

use crate::config::{FuturesLimits, Settings};

/// One of the two futures APIs.
#[derive(Debug)]
pub struct Dialect {
    /// What the truth listing calls the market.
    pub market: &'static str,
    /// Where the API lives.
    pub(super) prefix: &'static str,
    /// Contracts are inverse: quantities are contracts, tickers come in lists and carry their pair, requests may name
    /// a pair, and there is neither a minimum notional nor `GTD`.
    pub(super) coin_margined: bool,
    /// The field for the state of a symbol.
    pub(super) status: &'static str,
    /// The field for what an order has traded was worth.
    pub(super) order_value: &'static str,
    /// The field for what a trade was worth.
    pub(super) trade_value: &'static str,
    /// The field for what a day's trades were worth.
    pub(super) volume_value: &'static str,
    /// Default and maximum of `limit` at `allOrders`.
    pub(super) all_orders: (usize, usize),
    /// Default and maximum of `limit` at `userTrades`.
    pub(super) user_trades: (usize, usize),
    /// The rate limits of this API.
    pub(super) limits: fn(&Settings) -> &FuturesLimits,
}
