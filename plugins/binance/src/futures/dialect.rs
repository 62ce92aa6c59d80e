//! What differs between the two futures APIs.

use switchyard_sdk::Context;
use switchyard_sdk::query::Query;
use switchyard_sdk::time::MS_PER_DAY;
use switchyard_sdk::types::{Error, Product, Timestamp};

use super::error_codes;
use crate::failures::Errors;
use crate::walk::Pace;

/// "created time + 3 days < current time": then an order that is CANCELED or EXPIRED and has no fill is
/// not found (Query Order, All Orders).
pub(crate) const UNFILLED_HISTORY_MS: u64 = 3 * MS_PER_DAY;

/// "order create time + 90 days < current time": then no order is found (Query Order, All Orders); and
/// "Only support querying trade in the past 3 months" (Account Trade List).
pub(crate) const FILLED_HISTORY_MS: u64 = 90 * MS_PER_DAY;

/// One futures API.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// The alias of its origin.
    pub(crate) endpoint: &'static str,
    pub(crate) description: &'static str,
    pub(crate) products: &'static [Product],
    /// What its paths begin with.
    root: &'static str,
    /// The bucket of `REQUEST_WEIGHT`, per address.
    pub(crate) weight: &'static str,
    /// The buckets of `ORDERS`, per account.
    pub(crate) orders: &'static [&'static str],
    pub(crate) balances: &'static str,
    /// What `balances` weighs.
    pub(crate) balances_weight: u32,
    pub(crate) positions: &'static str,
    pub(crate) positions_weight: u32,
    /// What a page of `allOrders` or `userTrades` of one symbol weighs.
    pub(crate) page_weight: u32,
    /// Most orders that a page of `allOrders` gives; of trades and conditional orders it is 1,000.
    pub(crate) orders_page: usize,
    /// What a change of an order weighs.
    pub(crate) amend_weight: u32,
    /// Whether a change of an order counts against the buckets of orders.
    pub(crate) amend_is_order: bool,
    /// Whether the contracts are inverse and counted, rather than linear and in units of the base.
    pub(crate) inverse: bool,
    pub(crate) errors: &'static Errors,
}

pub(crate) const USDM: Dialect = Dialect {
    endpoint: "usdm",
    description: "Binance USD-M futures, https://fapi.binance.com",
    products: &[Product::UsdMPerpetual, Product::UsdMDelivery],
    root: "/fapi",
    weight: "usdm_weight",
    orders: &["usdm_orders_10s", "usdm_orders_1m"],
    balances: "/v3/balance",
    balances_weight: 5,
    positions: "/v3/positionRisk",
    positions_weight: 5,
    page_weight: 5,
    orders_page: 1_000,
    // "0 on IP rate limit", and one of either count of orders
    amend_weight: 0,
    amend_is_order: true,
    inverse: false,
    errors: &error_codes::USDM,
};

pub(crate) const COINM: Dialect = Dialect {
    endpoint: "coinm",
    description: "Binance COIN-M futures, https://dapi.binance.com",
    products: &[Product::UsdCPerpetual, Product::UsdCDelivery],
    root: "/dapi",
    weight: "coinm_weight",
    orders: &["coinm_orders_1m"],
    balances: "/v1/balance",
    balances_weight: 1,
    positions: "/v1/positionRisk",
    positions_weight: 1,
    // "20 with symbol"
    page_weight: 20,
    // "Default 50; max 100", where USD-M says 1000
    orders_page: 100,
    amend_weight: 1,
    amend_is_order: false,
    inverse: true,
    errors: &error_codes::COINM,
};

/// Both of them.
pub(crate) const ALL: [&Dialect; 2] = [&USDM, &COINM];

impl Dialect {
    /// The API of the context's endpoint.
    pub(crate) fn of(cx: &Context<'_>) -> Result<&'static Self, Error> {
        ALL.into_iter()
            .find(|dialect| dialect.endpoint == cx.endpoint)
            .ok_or_else(|| Error::unsupported("this endpoint"))
    }

    /// A path: `/v1/order` is `/fapi/v1/order`.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// An empty query on a path.
    pub(crate) fn query(&self, path: &str) -> Query {
        Query::on(&self.path(path))
    }

    /// An empty query on a path, for the context's instrument.
    pub(crate) fn query_symbol(&self, cx: &Context<'_>, path: &str) -> Result<Query, Error> {
        Ok(self
            .query(path)
            .with("symbol", &cx.instrument()?.venue_symbol))
    }

    /// How history and fills are walked: "The query time period must be less then 7 days", by id without
    /// such a limit. Older than 90 days there is nothing, and to ask for it is an error.
    pub(crate) fn pace(&self, now: Timestamp, page: usize) -> Pace {
        let horizon = now.saturating_sub(FILLED_HISTORY_MS);
        Pace {
            window_ms: 7 * MS_PER_DAY,
            page,
            // To the day, so that both halves of a step agree although time goes on between them.
            earliest: horizon - horizon % MS_PER_DAY + MS_PER_DAY,
            follows_ids: false,
        }
    }
}
