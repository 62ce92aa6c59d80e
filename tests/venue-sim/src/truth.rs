//! The venue's truth: every order it ever accepted and every request it has seen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;
use serde::Serialize;

use crate::engine::{AccountId, Engine, HOUSE, Order, OrderKind, OrderState, Side};

/// Requests remembered.
const REQUESTS_KEPT: usize = 20_000;

/// An order the venue has accepted, as it is now, whatever lookups would show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExecutedOrder {
    /// `spot`, `usdm`, `coinm` or `bitmex`.
    pub market: &'static str,
    /// Name of the account.
    pub account: String,
    /// The client's id.
    pub client_order_id: String,
    /// The venue's id, unique per symbol at least.
    pub venue_order_id: String,
    /// The venue's symbol.
    pub symbol: String,
    /// `BUY` or `SELL`.
    pub side: &'static str,
    /// `LIMIT`, `LIMIT_MAKER` or `MARKET`.
    #[serde(rename = "type")]
    pub order_type: &'static str,
    /// The limit price.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub price: Option<Decimal>,
    /// Total quantity in base units; in contracts on `coinm`, and for the contracts of `bitmex`.
    #[serde(with = "rust_decimal::serde::str")]
    pub quantity: Decimal,
    /// Traded, in the same unit.
    #[serde(with = "rust_decimal::serde::str")]
    pub executed_quantity: Decimal,
    /// What it was worth in quote units; in the margin asset on `coinm`.
    #[serde(with = "rust_decimal::serde::str")]
    pub executed_quote_quantity: Decimal,
    /// Whether it could only reduce a position.
    pub reduce_only: bool,
    /// `NEW`, `PARTIALLY_FILLED`, `FILLED`, `CANCELED`, `EXPIRED` or `EXPIRED_IN_MATCH`.
    pub state: &'static str,
    /// When it was accepted, by the venue's clock, in milliseconds.
    pub accepted_at_ms: i64,
    /// When it last changed, by the venue's clock, in milliseconds.
    pub updated_at_ms: i64,
    /// How many orders the venue has ever accepted under this client id.
    pub client_id_accepted: u64,
}

/// A position on a futures market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenPosition {
    /// `usdm`, `coinm` or `bitmex`.
    pub market: &'static str,
    /// Name of the account.
    pub account: String,
    /// The venue's symbol.
    pub symbol: String,
    /// Base units, or contracts on `coinm` and `bitmex`; negative when short.
    #[serde(with = "rust_decimal::serde::str")]
    pub quantity: Decimal,
    /// Average price at which it was opened.
    #[serde(with = "rust_decimal::serde::str")]
    pub entry_price: Decimal,
    /// Profit at the mark price, in the margin asset.
    #[serde(with = "rust_decimal::serde::str")]
    pub unrealised_profit: Decimal,
}

/// A request as the venue saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenRequest {
    /// When it arrived, by the venue's clock, in milliseconds.
    pub at_ms: i64,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The raw query, signature redacted.
    pub query: String,
    /// The raw form body, signature redacted.
    pub body: String,
    /// The status answered; absent while under way and when the connection was dropped.
    pub status: Option<u16>,
    /// The fault it met.
    pub fault: Option<String>,
}

/// The venue's words for a state, as FIX has them.
#[must_use]
pub fn state_name(state: OrderState) -> &'static str {
    match state {
        OrderState::New => "NEW",
        OrderState::PartiallyFilled => "PARTIALLY_FILLED",
        OrderState::Filled => "FILLED",
        OrderState::Canceled => "CANCELED",
        OrderState::Expired => "EXPIRED",
        OrderState::ExpiredInMatch => "EXPIRED_IN_MATCH",
    }
}

/// `BUY` or `SELL`.
#[must_use]
pub fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// `LIMIT`, `LIMIT_MAKER` or `MARKET`.
#[must_use]
pub fn type_name(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit {
            post_only: false, ..
        } => "LIMIT",
        OrderKind::Limit {
            post_only: true, ..
        } => "LIMIT_MAKER",
        OrderKind::Market => "MARKET",
    }
}

/// Every order the engine has accepted from a client, oldest first.
#[must_use]
pub fn executed(
    engine: &Engine,
    market: &'static str,
    account_names: &BTreeMap<AccountId, String>,
    order_name: &dyn Fn(&Order) -> String,
) -> Vec<ExecutedOrder> {
    engine
        .accepted()
        .map(|order| ExecutedOrder {
            venue_order_id: order_name(order),
            ..truth_of(engine, market, account_names, order)
        })
        .collect()
}

/// Every position that a client has.
#[must_use]
pub fn positions(
    engine: &Engine,
    market: &'static str,
    account_names: &BTreeMap<AccountId, String>,
) -> Vec<OpenPosition> {
    engine
        .positions()
        .filter(|(account, _, position)| *account != HOUSE && !position.quantity.is_zero())
        .filter_map(|(account, symbol, position)| {
            let listing = engine.listing(symbol)?;
            let payoff = listing.instrument.contract.as_ref()?.payoff;
            Some(OpenPosition {
                market,
                account: account_names.get(&account).cloned().unwrap_or_default(),
                symbol: symbol.to_owned(),
                quantity: position.quantity,
                entry_price: position.entry_price(payoff),
                unrealised_profit: position.unrealised(payoff, listing.mark()),
            })
        })
        .collect()
}

fn truth_of(
    engine: &Engine,
    market: &'static str,
    names: &BTreeMap<AccountId, String>,
    order: &Order,
) -> ExecutedOrder {
    let key = (order.account, order.client_id.clone());
    ExecutedOrder {
        market,
        account: names.get(&order.account).cloned().unwrap_or_default(),
        client_order_id: order.client_id.clone(),
        venue_order_id: order.number.to_string(),
        symbol: order.symbol.clone(),
        side: side_name(order.side),
        order_type: type_name(order.kind),
        price: order.kind.limit(),
        quantity: order.quantity,
        executed_quantity: order.executed,
        executed_quote_quantity: order.executed_quote,
        reduce_only: order.reduce_only,
        state: state_name(order.state),
        accepted_at_ms: order.created.wall_us / 1000,
        updated_at_ms: order.updated.wall_us / 1000,
        client_id_accepted: engine
            .accepted_client_ids()
            .get(&key)
            .copied()
            .unwrap_or_default(),
    }
}

/// Remembers recent requests.
#[derive(Debug, Default)]
pub struct RequestLog {
    entries: Mutex<(u64, VecDeque<SeenRequest>)>,
}

impl RequestLog {
    /// Notes a request on arrival and returns its number.
    pub fn arrived(&self, request: SeenRequest) -> u64 {
        let mut entries = self.entries();
        entries.1.push_back(request);
        if entries.1.len() > REQUESTS_KEPT {
            entries.1.pop_front();
            entries.0 += 1;
        }
        entries.0 + entries.1.len() as u64 - 1
    }

    /// Notes how a request was answered.
    pub fn answered(&self, number: u64, status: Option<u16>, fault: Option<String>) {
        let mut entries = self.entries();
        let index = number
            .checked_sub(entries.0)
            .and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| entries.1.get_mut(index)) {
            entry.status = status;
            entry.fault = fault;
        }
    }

    /// The requests remembered, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<SeenRequest> {
        self.entries().1.iter().cloned().collect()
    }

    /// Forgets them.
    pub fn clear(&self) {
        let mut entries = self.entries();
        entries.0 += entries.1.len() as u64;
        entries.1.clear();
    }

    fn entries(&self) -> MutexGuard<'_, (u64, VecDeque<SeenRequest>)> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
