//! The words of the engine: sides, states, identifiers, instruments, orders, trades.

use rust_decimal::Decimal;

use super::contract::Contract;
use crate::clock::Stamp;

/// An account at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u32);

/// The account behind the simulated market; it pays no fees and its finished orders are not kept.
pub const HOUSE: AccountId = AccountId(0);

/// An order in the engine, unique over all instruments. What a venue shows is [`Order::number`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub u64);

/// Buy or sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Bids for the base asset.
    Buy,
    /// Offers the base asset.
    Sell,
}

impl Side {
    /// The side this one trades against.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// How an order meets the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// Trades at this price or better.
    Limit {
        /// The limit.
        price: Decimal,
        /// Refused rather than take liquidity.
        post_only: bool,
    },
    /// Walks the book; what cannot trade at once expires.
    Market,
}

impl OrderKind {
    /// The limit price, if there is one.
    #[must_use]
    pub fn limit(self) -> Option<Decimal> {
        match self {
            Self::Limit { price, .. } => Some(price),
            Self::Market => None,
        }
    }
}

/// How much an order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Units of the base asset.
    Base(Decimal),
    /// Units of the quote asset to spend or earn; market orders only.
    Quote(Decimal),
}

/// How long an order stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeInForce {
    /// Good till cancelled.
    Gtc,
    /// Immediate or cancel.
    Ioc,
    /// Fill or kill.
    Fok,
}

/// What happens when an order would trade with its own account. The taker's mode applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfTradePrevention {
    /// The trade happens.
    None,
    /// The incoming order expires.
    ExpireTaker,
    /// The resting order expires.
    ExpireMaker,
    /// Both expire.
    ExpireBoth,
    /// Both are reduced by the overlap; the smaller expires.
    Decrement,
}

/// Where an order is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderState {
    /// Accepted, nothing traded.
    New,
    /// Part traded, the rest on the book.
    PartiallyFilled,
    /// All traded.
    Filled,
    /// Cancelled on request.
    Canceled,
    /// Ended by its own terms.
    Expired,
    /// Ended by self-trade prevention.
    ExpiredInMatch,
}

impl OrderState {
    /// Whether the order may still trade.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::New | Self::PartiallyFilled)
    }
}

/// One tradable pair and its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrument {
    /// The venue's own symbol.
    pub symbol: String,
    /// What is bought and sold.
    pub base: String,
    /// What it is paid with.
    pub quote: String,
    /// Whether orders are accepted.
    pub trading: bool,
    /// Price increment.
    pub tick: Decimal,
    /// Highest price.
    pub max_price: Decimal,
    /// Quantity increment, and the smallest quantity.
    pub lot: Decimal,
    /// Largest quantity.
    pub max_quantity: Decimal,
    /// Largest quantity of a market order.
    pub max_market_quantity: Decimal,
    /// Smallest price times quantity.
    pub min_notional: Decimal,
    /// Largest price times quantity.
    pub max_notional: Decimal,
    /// How far above and below the average price an order may be, as multipliers.
    pub price_band: (Decimal, Decimal),
    /// Open orders one account may have here.
    pub max_open_orders: usize,
    /// Amendments one order may see.
    pub max_amends: u32,
    /// Where the simulated market starts.
    pub initial_price: Decimal,
    /// What makes it a contract; `None` for a pair of assets that change hands.
    pub contract: Option<Contract>,
}

impl Instrument {
    /// What a trade is worth: in quote units, or in units of the margin asset for a contract.
    /// `None` if too large to compute with.
    #[must_use]
    pub fn value(&self, price: Decimal, quantity: Decimal) -> Option<Decimal> {
        match &self.contract {
            Some(contract) => contract.payoff.value(price, quantity),
            None => price.checked_mul(quantity),
        }
    }

    /// The asset that an order of this side pays with, where assets change hands.
    pub(super) fn pays_with(&self, side: Side) -> &str {
        match side {
            Side::Buy => &self.quote,
            Side::Sell => &self.base,
        }
    }
}

/// An order as it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// Whose it is.
    pub account: AccountId,
    /// The instrument's symbol.
    pub symbol: String,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// How much.
    pub size: Size,
    /// How long.
    pub time_in_force: TimeInForce,
    /// The sender's own id.
    pub client_id: String,
    /// What happens on a self-trade.
    pub self_trade: SelfTradePrevention,
    /// Trades no more than the account's position, and never against its direction.
    pub reduce_only: bool,
    /// When it expires by the venue's clock, in microseconds since the epoch.
    pub good_till_us: Option<i64>,
}

/// An order the venue has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Unique in the engine.
    pub id: OrderId,
    /// Sequence within the instrument, as venues show it.
    pub number: u64,
    /// Whose it is.
    pub account: AccountId,
    /// The instrument's symbol.
    pub symbol: String,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// How long.
    pub time_in_force: TimeInForce,
    /// The sender's own id.
    pub client_id: String,
    /// What happens on a self-trade.
    pub self_trade: SelfTradePrevention,
    /// Trades no more than the account's position, and never against its direction.
    pub reduce_only: bool,
    /// When it expires by the venue's clock, in microseconds since the epoch.
    pub good_till_us: Option<i64>,
    /// Total quantity in base units; for an order sized in quote, what it came to.
    pub quantity: Decimal,
    /// The quote amount asked for, if it was sized so.
    pub quote_quantity: Option<Decimal>,
    /// Traded so far, in base units.
    pub executed: Decimal,
    /// What it has traded was worth: quote units, or units of the margin asset for inverse contracts.
    pub executed_quote: Decimal,
    /// Kept from trading by self-trade prevention.
    pub prevented: Decimal,
    /// Still reserved in the account for this order.
    pub locked: Decimal,
    /// Where it is in its life.
    pub state: OrderState,
    /// Times its quantity was amended.
    pub amends: u32,
    /// When it was accepted.
    pub created: Stamp,
    /// When it last changed.
    pub updated: Stamp,
}

impl Order {
    /// What may still trade.
    #[must_use]
    pub fn remaining(&self) -> Decimal {
        self.quantity - self.executed - self.prevented
    }

    /// The order as it would be placed anew.
    pub(super) fn as_new(&self) -> NewOrder {
        NewOrder {
            account: self.account,
            symbol: self.symbol.clone(),
            side: self.side,
            kind: self.kind,
            size: Size::Base(self.quantity),
            time_in_force: self.time_in_force,
            client_id: self.client_id.clone(),
            self_trade: self.self_trade,
            reduce_only: self.reduce_only,
            good_till_us: self.good_till_us,
        }
    }
}

/// A trade as the public sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// Sequence within the instrument.
    pub id: u64,
    /// Price.
    pub price: Decimal,
    /// Base units, or contracts.
    pub quantity: Decimal,
    /// What it was worth; see [`Instrument::value`].
    pub value: Decimal,
    /// Whether the resting order was the buyer's.
    pub buyer_is_maker: bool,
    /// The incoming order; trades of one taker at one price are one aggregate.
    pub taker: OrderId,
    /// When.
    pub at: Stamp,
}

/// One account's part in a trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// The trade's sequence within the instrument.
    pub trade_id: u64,
    /// Whose.
    pub account: AccountId,
    /// Which order.
    pub order: OrderId,
    /// That order's sequence within the instrument.
    pub order_number: u64,
    /// The instrument's symbol.
    pub symbol: String,
    /// Bought or sold.
    pub side: Side,
    /// Price.
    pub price: Decimal,
    /// Base units, or contracts.
    pub quantity: Decimal,
    /// What it was worth; see [`Instrument::value`].
    pub value: Decimal,
    /// Profit that it realised, in the margin asset; zero where assets change hands.
    pub realised: Decimal,
    /// What it cost.
    pub fee: Decimal,
    /// In which asset.
    pub fee_asset: String,
    /// Whether this side was resting.
    pub is_maker: bool,
    /// When.
    pub at: Stamp,
}

/// Fee rates as fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// For the resting side.
    pub maker: Decimal,
    /// For the incoming side.
    pub taker: Decimal,
}

/// Why the engine refused; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// No such symbol.
    #[error("unknown instrument {0}")]
    UnknownInstrument(String),
    /// The instrument is halted.
    #[error("the market is closed")]
    MarketClosed,
    /// Zero, negative, or too large to compute with.
    #[error("invalid price or quantity")]
    InvalidSize,
    /// An open order of this account and instrument has the id.
    #[error("duplicate client order id")]
    DuplicateClientId,
    /// Not enough free balance.
    #[error("insufficient balance of {0}")]
    InsufficientBalance(String),
    /// There is no position that a reduce-only order could reduce.
    #[error("nothing to reduce")]
    NothingToReduce,
    /// A conditional order would go off at once.
    #[error("order would immediately trigger")]
    WouldTrigger,
    /// A post-only order would trade at once.
    #[error("order would immediately match")]
    WouldTake,
    /// A fill-or-kill order could not be filled whole.
    #[error("order would not fill at once")]
    WouldNotFill,
    /// No such order, or no longer open.
    #[error("unknown order")]
    UnknownOrder,
    /// An amendment may only reduce the quantity.
    #[error("amendment would not reduce the quantity")]
    NotAReduction,
    /// The amendment changes nothing.
    #[error("amendment would change nothing")]
    NoChange,
}
