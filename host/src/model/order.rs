//! Orders as callers see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Decimal, OrderId, Timestamp};

/// Which way an order trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Acquires base.
    Buy,
    /// Gives base away.
    Sell,
}

/// How an order is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderType {
    /// At whatever the book offers.
    Market,
    /// At its price or better.
    Limit,
    /// Placed by someone else in a way this gateway does not place orders.
    Other,
}

/// How long an order lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    /// Good till cancelled.
    Gtc,
    /// Immediate or cancel.
    Ioc,
    /// Fill or kill.
    Fok,
    /// Good till crossing: post-only.
    Gtx,
}

/// The state of an order, in FIX's words (tag 39).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderState {
    /// Its fate is open: sent, or about to be, and not confirmed.
    PendingNew,
    /// Open, nothing filled.
    New,
    /// Open, some of it filled.
    PartiallyFilled,
    /// Filled whole. Final.
    Filled,
    /// A cancel is under way.
    PendingCancel,
    /// Cancelled, perhaps partly filled. Final.
    Canceled,
    /// An amend is under way.
    PendingReplace,
    /// Refused, or never sent. Final.
    Rejected,
    /// Ended by its time in force or the venue. Final.
    Expired,
}

impl OrderState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::PendingNew,
        Self::New,
        Self::PartiallyFilled,
        Self::Filled,
        Self::PendingCancel,
        Self::Canceled,
        Self::PendingReplace,
        Self::Rejected,
        Self::Expired,
    ];

    /// Whether nothing more can happen to the order.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Filled | Self::Canceled | Self::Rejected | Self::Expired
        )
    }

    /// Whether something is being done to it whose end is not known yet.
    pub fn is_pending(self) -> bool {
        matches!(
            self,
            Self::PendingNew | Self::PendingCancel | Self::PendingReplace
        )
    }

    /// The name used in JSON and queries.
    pub fn name(self) -> &'static str {
        match self {
            Self::PendingNew => "PENDING_NEW",
            Self::New => "NEW",
            Self::PartiallyFilled => "PARTIALLY_FILLED",
            Self::Filled => "FILLED",
            Self::PendingCancel => "PENDING_CANCEL",
            Self::Canceled => "CANCELED",
            Self::PendingReplace => "PENDING_REPLACE",
            Self::Rejected => "REJECTED",
            Self::Expired => "EXPIRED",
        }
    }

    /// The state of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Who placed an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// This gateway.
    Gateway,
    /// Another client of the same account.
    External,
}

/// How an order came to another venue than the one that was asked for. That one certainly never had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failover {
    /// The venue that was asked for.
    pub from_venue: String,
    /// The symbol there.
    pub from_symbol: String,
    /// The quantity there.
    pub from_quantity: Decimal,
    /// That quantity times this,
    pub multiply: Decimal,
    /// divided by this, is what was placed first at the venue that has it: exactly the same exposure.
    pub divide: Decimal,
    /// Why each venue tried before has it not: its name, a code and a text.
    pub reason: String,
    /// What such a venue showed after all. It is cancelled at once; what of it was filled is beside what the order
    /// itself traded.
    #[serde(default)]
    pub surfaced: Vec<SurfacedOrder>,
}

/// An order at a venue that had refused it, or that it was never sent to by all that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SurfacedOrder {
    /// The venue.
    pub venue: String,
    /// The symbol there.
    pub symbol: String,
    /// The venue's id of it.
    pub venue_order_id: String,
    /// Its state there.
    pub state: OrderState,
    /// In the quantity unit there.
    pub quantity: Option<Decimal>,
    /// In the quantity unit there.
    pub filled_quantity: Decimal,
    /// Average price of what was filled.
    pub average_price: Option<Decimal>,
}

/// An order. Absent values are `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// The gateway's id.
    pub id: OrderId,
    /// The venue that was asked for; `served_by` is the one that has it.
    pub venue: String,
    /// Unified symbol.
    pub symbol: String,
    /// Buy or sell.
    pub side: Side,
    /// Market or limit.
    #[serde(rename = "type")]
    pub order_type: OrderType,
    /// In the quantity unit of the instrument at the venue that has it; absent only for orders of other clients given
    /// in quote units.
    pub quantity: Option<Decimal>,
    /// Limit price; absent for market orders.
    pub price: Option<Decimal>,
    /// Absent for market orders.
    pub time_in_force: Option<TimeInForce>,
    /// Whether it may only reduce a position.
    pub reduce_only: bool,
    /// Where it stands.
    pub state: OrderState,
    /// How much of it traded.
    pub filled_quantity: Decimal,
    /// Volume-weighted price of its fills.
    pub average_price: Option<Decimal>,
    /// The venue's id.
    pub venue_order_id: Option<String>,
    /// The caller's label.
    pub client_order_id: Option<String>,
    /// Who placed it.
    pub origin: Origin,
    /// Why it was rejected, expired or cancelled: a code, a colon, a text.
    pub reason: Option<String>,
    /// The venue that has it; absent until it was sent.
    pub served_by: Option<String>,
    /// How it came to another venue than the one asked for.
    pub failover: Option<Failover>,
    /// When the gateway (or, for external orders, the venue) took it.
    pub created_at: Timestamp,
    /// When the gateway last learned something of it.
    pub updated_at: Timestamp,
}
