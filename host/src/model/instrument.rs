//! Instruments as the gateway lists them, with every limit their venue enforces.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Decimal, OrderType, TimeInForce, Timestamp};

/// What kind of market an instrument trades on.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// Immediate exchange of base for quote.
    Spot,
    /// Perpetual contract settled in a dollar stablecoin.
    UsdMPerpetual,
    /// Delivery contract settled in a dollar stablecoin.
    UsdMDelivery,
    /// Perpetual contract quoted in USD, settled in coin.
    UsdCPerpetual,
    /// Delivery contract quoted in USD, settled in coin.
    UsdCDelivery,
}

/// How a position's value follows the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payoff {
    /// The asset itself changes hands.
    Delivery,
    /// Quantity times contract size times price difference.
    Linear,
    /// Contracts times contract size times (1/entry - 1/exit).
    Inverse,
    /// Contracts times contract size times price difference, in another asset.
    Quanto,
}

/// What one unit of quantity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuantityUnit {
    /// Units of the base asset.
    Base,
    /// Contracts of `contract_size`.
    Contracts,
}

/// Whether orders are taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstrumentStatus {
    /// Yes.
    Trading,
    /// Not for now.
    Halted,
    /// Never again.
    Closed,
}

/// Bounds and step of a value; an absent part binds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Bounds {
    /// Smallest value.
    pub min: Option<Decimal>,
    /// Largest value.
    pub max: Option<Decimal>,
    /// Distance between allowed values, counted from `min` (or zero).
    pub step: Option<Decimal>,
}

/// Bounds of price times quantity, in the quote asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotionalBounds {
    /// Smallest value.
    pub min: Option<Decimal>,
    /// Largest value.
    pub max: Option<Decimal>,
    /// Whether `min` binds market orders too.
    pub min_applies_to_market: bool,
    /// Whether `max` binds market orders too.
    pub max_applies_to_market: bool,
    /// Whether `min` binds orders that only reduce a position too.
    pub min_applies_to_reduce_only: bool,
}

/// The price that a venue measures a limit price against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReferencePrice {
    /// The last trade's.
    LastTrade,
    /// An average over some minutes.
    Average,
    /// A contract's mark price.
    Mark,
}

/// Bounds of a limit price as multiples of the venue's reference price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PriceBand {
    /// Highest buy.
    pub bid_up: Option<Decimal>,
    /// Lowest buy.
    pub bid_down: Option<Decimal>,
    /// Highest sell.
    pub ask_up: Option<Decimal>,
    /// Lowest sell.
    pub ask_down: Option<Decimal>,
    /// The price they are multiples of.
    pub reference: ReferencePrice,
    /// Minutes over which the reference price is averaged; 0 where it is not.
    pub average_minutes: u32,
}

/// One instrument of one venue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Instrument {
    /// The venue, as configured.
    pub venue: String,
    /// Unified symbol, unique within the venue.
    pub symbol: String,
    /// The venue's own name.
    pub venue_symbol: String,
    /// Alias of the endpoint on which it trades.
    pub endpoint: String,
    /// Kind of market.
    pub product: Product,
    /// How value follows price.
    pub payoff: Payoff,
    /// Asset bought or sold.
    pub base: String,
    /// Asset the price is in.
    pub quote: String,
    /// Asset profit and margin are in.
    pub settle: String,
    /// What one unit of quantity is.
    pub quantity_unit: QuantityUnit,
    /// What one contract is worth; 1 where quantity is in base units.
    pub contract_size: Decimal,
    /// Whether orders are taken now.
    pub status: InstrumentStatus,
    /// When a delivery contract expires.
    pub expiry: Option<Timestamp>,
    /// Limit prices: bounds and tick.
    pub price: Bounds,
    /// Quantities of limit orders: bounds and lot.
    pub quantity: Bounds,
    /// Quantities of market orders, where they have bounds of their own.
    pub market_quantity: Option<Bounds>,
    /// Price times quantity.
    pub notional: Option<NotionalBounds>,
    /// Limit prices relative to the venue's reference price.
    pub price_band: Option<PriceBand>,
    /// Orders one account may have open here.
    pub max_open_orders: Option<u32>,
    /// Largest position, in base units.
    pub max_position: Option<Decimal>,
    /// Order types taken.
    pub order_types: Vec<OrderType>,
    /// Times in force taken.
    pub times_in_force: Vec<TimeInForce>,
    /// Rules of the venue that have no field of their own, in the venue's words.
    pub other_rules: indexmap::IndexMap<String, String>,
}
