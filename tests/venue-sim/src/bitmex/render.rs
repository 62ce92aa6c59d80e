//! Orders as BitMEX shows them.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Bitmex;
use super::currencies::minor_name;
use super::format::{number, optional, time};
use super::sizes::{is_inverse, order_quantity};
use crate::engine::{
    AccountId, Engine, Fill, Instrument, Order, OrderId, OrderKind, OrderState, Side, TimeInForce,
    View,
};

/// Decimals of average prices.
const AVERAGE_SCALE: u32 = 8;
/// The account numbers that BitMEX shows start somewhere.
const FIRST_ACCOUNT: u32 = 100_000;

/// What orders have traded, for their average prices.
#[derive(Debug, Default)]
pub(super) struct Averages {
    /// Quantity, and quantity times or divided by price, per order.
    sums: BTreeMap<OrderId, (Decimal, Decimal)>,
}

impl Averages {
    /// Of all orders of an account. They are taken from the fills' prices, because worths are rounded.
    pub(super) fn of(engine: &Engine, view: View, account: AccountId) -> Self {
        let mut averages = Self::default();
        for fill in engine.fills(view, account) {
            averages.add(engine, fill);
        }
        averages
    }

    /// Takes in another fill.
    pub(super) fn add(&mut self, engine: &Engine, fill: &Fill) {
        let inverse = engine
            .listing(&fill.symbol)
            .is_some_and(|listing| is_inverse(&listing.instrument));
        let weight = if inverse {
            fill.quantity.checked_div(fill.price).unwrap_or_default()
        } else {
            fill.quantity * fill.price
        };
        let sum = self.sums.entry(fill.order).or_default();
        sum.0 += fill.quantity;
        sum.1 += weight;
    }

    /// The average price of an order; none if it has not traded.
    pub(super) fn price(&self, instrument: &Instrument, order: OrderId) -> Option<Decimal> {
        let (quantity, weight) = self.sums.get(&order)?;
        let price = if is_inverse(instrument) {
            quantity.checked_div(*weight)
        } else {
            weight.checked_div(*quantity)
        };
        price.map(|price| price.round_dp(AVERAGE_SCALE))
    }
}

/// The number of an account.
pub(super) fn account_number(account: AccountId) -> u32 {
    FIRST_ACCOUNT + account.0
}

pub(super) fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "Buy",
        Side::Sell => "Sell",
    }
}

pub(super) fn status_name(state: OrderState) -> &'static str {
    match state {
        OrderState::New => "New",
        OrderState::PartiallyFilled => "PartiallyFilled",
        OrderState::Filled => "Filled",
        OrderState::Canceled | OrderState::Expired | OrderState::ExpiredInMatch => "Canceled",
    }
}

impl Bitmex {
    /// What an order and all that happens to it have in common.
    pub(super) fn common(&self, instrument: &Instrument, order: &Order) -> Value {
        let note = self.notes.of(order.id);
        let (ord_type, price) = match order.kind {
            OrderKind::Limit { price, .. } => ("Limit", Some(price)),
            OrderKind::Market => ("Market", None),
        };
        let settle = instrument
            .contract
            .as_ref()
            .map_or("", |c| minor_name(&c.margin_asset));
        json!({
            "orderID": self.ids.order(order.id),
            "clOrdID": order.client_id,
            "clOrdLinkID": "",
            "account": account_number(order.account),
            "symbol": order.symbol,
            "side": side_name(order.side),
            "orderQty": order_quantity(instrument, order.quantity),
            "price": optional(price),
            "displayQty": null,
            "stopPx": null,
            "pegOffsetValue": null,
            "pegPriceType": "",
            "currency": instrument.quote,
            "settlCurrency": settle,
            "ordType": ord_type,
            "timeInForce": note.time_in_force,
            "execInst": note.exec_inst,
            "contingencyType": "",
            "triggered": "",
            "ordRejReason": "",
        })
    }

    pub(super) fn order_row(&self, engine: &Engine, order: &Order, averages: &Averages) -> Value {
        let Some(listing) = engine.listing(&order.symbol) else {
            return Value::Null;
        };
        let instrument = &listing.instrument;
        let open = order.state.is_open();
        let left = if open {
            order.remaining()
        } else {
            Decimal::ZERO
        };
        let mut row = self.common(instrument, order);
        let now = time(order.updated.wall_us / 1000);
        super::instruments::set_all(
            &mut row,
            json!({
                "ordStatus": status_name(order.state),
                "workingIndicator": open,
                "leavesQty": order_quantity(instrument, left),
                "cumQty": order_quantity(instrument, order.executed),
                "avgPx": averages.price(instrument, order.id).map(number),
                "text": self.text(order),
                "transactTime": now,
                "timestamp": now,
                ".open": open,
                ".ordStatus.isTerminated": !open,
            }),
        );
        row
    }

    /// The annotation of an order; of one that has ended without being filled it says why.
    pub(super) fn text(&self, order: &Order) -> String {
        let note = self.notes.of(order.id);
        let post_only = matches!(
            order.kind,
            OrderKind::Limit {
                post_only: true,
                ..
            }
        );
        let reason = match order.state {
            OrderState::New | OrderState::PartiallyFilled | OrderState::Filled => return note.text,
            OrderState::Canceled => note
                .cancel_text
                .unwrap_or_else(|| "Canceled via API.".to_owned()),
            OrderState::ExpiredInMatch => "Order would have traded with its own account".to_owned(),
            OrderState::Expired
                if order.reduce_only
                    && (order.time_in_force == TimeInForce::Gtc || order.executed.is_zero()) =>
            {
                "Order had execInst of Close or ReduceOnly but current position is 0".to_owned()
            }
            OrderState::Expired if post_only => {
                "Order had execInst of ParticipateDoNotInitiate".to_owned()
            }
            OrderState::Expired => format!("Order had timeInForce of {}", note.time_in_force),
        };
        format!("Canceled: {reason}\n{}", note.text)
    }
}

/// An order as an answer shows it, without what is there to be filtered by.
pub(super) fn shown(row: Value) -> Value {
    match row {
        Value::Object(fields) => {
            let shown = fields
                .into_iter()
                .filter(|(name, _)| !name.starts_with('.'));
            Value::Object(shown.collect())
        }
        other => other,
    }
}
