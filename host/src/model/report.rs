//! An order as a venue reports it, in the gateway's types.

use super::{Decimal, OrderState, OrderType, Side, TimeInForce, Timestamp};

/// What a venue says of one order.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OrderReport {
    /// Unified symbol, or the venue's own name where the catalogue does not know it.
    pub symbol: String,
    /// The venue's id.
    pub venue_order_id: String,
    /// The client order id that the venue holds.
    pub client_id: Option<String>,
    /// Buy or sell.
    pub side: Side,
    /// Market, limit or another client's kind.
    pub order_type: OrderType,
    /// Absent for market orders.
    pub time_in_force: Option<TimeInForce>,
    /// Whether it may only reduce a position.
    pub reduce_only: bool,
    /// Original quantity.
    pub quantity: Option<Decimal>,
    /// Limit price.
    pub price: Option<Decimal>,
    /// Where it stands at the venue.
    pub state: OrderState,
    /// How much of it traded.
    pub filled_quantity: Decimal,
    /// Volume-weighted price of its fills.
    pub average_price: Option<Decimal>,
    /// When the venue took it.
    pub created_at: Option<Timestamp>,
    /// When the venue last changed it.
    pub updated_at: Option<Timestamp>,
    /// The venue's words on why it ended.
    pub reason: Option<String>,
}

/// Whether a fill added or took liquidity.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Liquidity {
    /// It rested in the book.
    Maker,
    /// It met what rested there.
    Taker,
}

/// What a venue says of one trade.
#[derive(Debug, Clone, PartialEq)]
pub struct FillReport {
    /// Unified symbol, or the venue's own name where the catalogue does not know it.
    pub symbol: String,
    /// The venue's id of the trade.
    pub fill_id: String,
    /// The venue's id of the order.
    pub venue_order_id: String,
    /// The client order id that the venue holds, where it tells it with a fill.
    pub client_id: Option<String>,
    /// Buy or sell.
    pub side: Side,
    /// How much traded.
    pub quantity: Decimal,
    /// Price.
    pub price: Decimal,
    /// What was paid; negative is a rebate.
    pub fee: Option<Decimal>,
    /// Asset in which it was paid.
    pub fee_asset: Option<String>,
    /// Whether it added or took liquidity.
    pub liquidity: Option<Liquidity>,
    /// When.
    pub at: Timestamp,
}
