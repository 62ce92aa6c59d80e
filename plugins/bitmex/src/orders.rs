//! An order as BitMEX writes it in every answer, and as the contract of adapters reports it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use switchyard_sdk::Context;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::types::{
    Error, OrderRef, OrderReport, OrderState, OrderType, Side, TimeInForce, Timestamp,
};

use crate::body::{Body, quoted};
use crate::failures::rejection;
use crate::measures::Measures;
use crate::moments::Moment;

/// Post-only: "If this order would have executed on placement, it will cancel instead."
pub(crate) const POST_ONLY: &str = "ParticipateDoNotInitiate";
/// "A ReduceOnly order can only reduce your position, not increase it."
pub(crate) const REDUCE_ONLY: &str = "ReduceOnly";
/// "Close implies ReduceOnly."
const CLOSE: &str = "Close";

/// An order in an answer: placed, changed, cancelled or listed. A refused cancel has little more than the
/// id and the reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireOrder<'a> {
    /// Absent only where a cancel by client id found nothing.
    #[serde(borrow, default, rename = "orderID")]
    pub(crate) order_id: Cow<'a, str>,
    #[serde(borrow, default, rename = "clOrdID")]
    pub(crate) cl_ord_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    symbol: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    side: Option<Cow<'a, str>>,
    #[serde(default)]
    order_qty: Option<Exact>,
    #[serde(default)]
    price: Option<Exact>,
    #[serde(borrow, default)]
    ord_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    time_in_force: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    exec_inst: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) ord_status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    ord_rej_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    cum_qty: Option<Exact>,
    #[serde(default)]
    avg_px: Option<Exact>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    /// When the order was placed, or its owner last changed it.
    #[serde(default)]
    transact_time: Option<Moment>,
    /// When anything of it last changed.
    #[serde(default)]
    timestamp: Option<Moment>,
    /// Why this one of several could not be cancelled.
    #[serde(borrow, default)]
    error: Option<Cow<'a, str>>,
}

impl WireOrder<'_> {
    /// When the order was placed or last amended: `transactTime` moves with an amend, and an order has no other
    /// time of its placing.
    pub(crate) fn placed_at(&self) -> Option<Timestamp> {
        let placed = self.transact_time.or(self.timestamp)?;
        let changed = self.timestamp.unwrap_or(placed);
        Some(placed.min(changed).0)
    }

    /// Whether it is the order that a command names.
    pub(crate) fn is(&self, order: &OrderRef) -> bool {
        match (&order.venue_id, &order.client_id) {
            (Some(id), _) => self.order_id.eq_ignore_ascii_case(id),
            (None, Some(id)) => self.cl_ord_id.as_deref() == Some(id),
            (None, None) => false,
        }
    }

    /// Whether BitMEX rejected what was asked of it.
    pub(crate) fn is_rejected(&self) -> bool {
        self.ord_status.as_deref() == Some("Rejected")
    }

    /// The error that a rejected order, or one that could not be cancelled, was answered with.
    pub(crate) fn refusal(&self, cx: &Context<'_>) -> Option<Error> {
        let said = |text: &Option<Cow<'_, str>>| {
            text.as_deref()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        if let Some(reason) = said(&self.error) {
            return Some(rejection(cx, &reason, "error"));
        }
        if !self.is_rejected() {
            return None;
        }
        let reason = said(&self.ord_rej_reason)
            .or_else(|| said(&self.text))
            .unwrap_or_else(|| "rejected without a reason".to_owned());
        Some(rejection(cx, &reason, "Rejected"))
    }

    /// The contract's report.
    pub(crate) fn report(self, measures: &mut Measures<'_, '_>) -> Result<OrderReport, Error> {
        let placed_at = self.placed_at();
        let (Some(symbol), Some(side), Some(status)) = (&self.symbol, &self.side, &self.ord_status)
        else {
            return Err(Error::malformed("an order without symbol, side or status"));
        };
        if symbol.is_empty() || self.order_id.is_empty() {
            return Err(Error::malformed("an order without symbol or id"));
        }
        let side = match &**side {
            "Buy" => Side::Buy,
            "Sell" => Side::Sell,
            _ => return Err(Error::malformed("an order side that is not documented")),
        };
        let is_touched = self
            .cum_qty
            .as_ref()
            .is_some_and(|filled| !filled.is_zero());
        let state = match state(status)? {
            // Its words for orders that wait say nothing of what is filled.
            OrderState::New if is_touched => OrderState::PartiallyFilled,
            state => state,
        };
        let order_type = match self.ord_type.as_deref() {
            Some("Market") => OrderType::Market,
            Some("Limit") => OrderType::Limit,
            _ => OrderType::Other,
        };
        let told = |instruction: &str| {
            let all = self.exec_inst.as_deref().unwrap_or("");
            all.split(',').any(|one| one.trim() == instruction)
        };
        let measure = measures.of(symbol)?;
        let quantity = |contracts: &Exact| {
            if contracts.is_negative() {
                return Err(Error::malformed("a negative quantity"));
            }
            measure.quantity(contracts)
        };
        let time_in_force = match (order_type, self.time_in_force.as_deref()) {
            (OrderType::Market, _) => None,
            (_, Some("GoodTillCancel")) if told(POST_ONLY) => Some(TimeInForce::Gtx),
            (_, Some("GoodTillCancel")) => Some(TimeInForce::Gtc),
            (_, Some("ImmediateOrCancel")) => Some(TimeInForce::Ioc),
            (_, Some("FillOrKill")) => Some(TimeInForce::Fok),
            // `Day` is other clients' own.
            _ => None,
        };
        let reason = [&self.ord_rej_reason, &self.text]
            .into_iter()
            .filter_map(|text| text.as_deref())
            .find(|text| !text.is_empty())
            .filter(|_| {
                matches!(
                    state,
                    OrderState::Canceled | OrderState::Rejected | OrderState::Expired
                )
            });
        Ok(OrderReport {
            symbol: measure.symbol.clone(),
            venue_id: self.order_id.to_string(),
            client_id: self
                .cl_ord_id
                .as_deref()
                .filter(|id| !id.is_empty())
                .map(str::to_owned),
            side,
            order_type,
            time_in_force,
            reduce_only: told(REDUCE_ONLY) || told(CLOSE),
            quantity: self.order_qty.as_ref().map(quantity).transpose()?,
            price: match order_type {
                OrderType::Market => None,
                _ => self
                    .price
                    .as_ref()
                    .and_then(|price| price.clone().non_zero()),
            },
            state,
            filled_quantity: match (&self.cum_qty, state) {
                (Some(filled), _) => quantity(filled)?,
                // Nothing said of an order that waits, or never was one, is nothing filled; of any other it is no zero.
                (None, OrderState::New | OrderState::PendingNew | OrderState::Rejected) => {
                    "0".to_owned()
                }
                (None, _) => {
                    return Err(Error::malformed("an order without its filled quantity"));
                }
            },
            average_price: self
                .avg_px
                .as_ref()
                .and_then(|price| price.clone().non_zero()),
            created_at: placed_at,
            updated_at: self.timestamp.map(|time| time.0),
            reason: reason.map(str::to_owned),
        })
    }
}

/// Order states: FIX's, and BitMEX's words for conditional orders, which are open until they trigger.
fn state(status: &str) -> Result<OrderState, Error> {
    Ok(match status {
        "PendingNew" => OrderState::PendingNew,
        // FIX's "Stopped" is a trade that is guaranteed and has not happened yet.
        "New" | "Untriggered" | "Triggered" | "DoneForDay" | "Stopped" | "Suspended" => {
            OrderState::New
        }
        "PartiallyFilled" => OrderState::PartiallyFilled,
        "Filled" => OrderState::Filled,
        "PendingCancel" => OrderState::PendingCancel,
        "Canceled" => OrderState::Canceled,
        "PendingReplace" => OrderState::PendingReplace,
        "Rejected" => OrderState::Rejected,
        "Expired" => OrderState::Expired,
        _ => return Err(Error::malformed("an order status that is not documented")),
    })
}

/// Each order once, as it was read last.
pub(crate) fn latest(rows: Vec<WireOrder<'_>>) -> Vec<WireOrder<'_>> {
    let mut seen = BTreeSet::new();
    let mut orders: Vec<_> = rows
        .into_iter()
        .rev()
        .filter(|order| seen.insert(order.order_id.clone()))
        .collect();
    orders.reverse();
    orders
}

/// Whether an order in this state can change no more.
pub(crate) fn is_final(state: OrderState) -> bool {
    matches!(
        state,
        OrderState::Filled | OrderState::Canceled | OrderState::Rejected | OrderState::Expired
    )
}

pub(crate) fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "Buy",
        Side::Sell => "Sell",
    }
}

/// The order that is meant: BitMEX's own id is preferred.
enum Named<'a> {
    Venue(&'a str),
    Client(&'a str),
}

fn named(order: &OrderRef) -> Result<Named<'_>, Error> {
    match (&order.venue_id, &order.client_id) {
        (Some(id), _) if is_guid(id) => Ok(Named::Venue(id)),
        (Some(_), _) => Err(Error::invalid("order", "a BitMEX order id is a GUID")),
        (None, Some(id)) if !id.is_empty() => Ok(Named::Client(id)),
        (None, _) => Err(Error::invalid("order", "no order is named")),
    }
}

/// A body with the order that is meant; `client_field` is what the path calls the client's id.
pub(crate) fn naming(body: Body, order: &OrderRef, client_field: &str) -> Result<Body, Error> {
    Ok(match named(order)? {
        Named::Venue(id) => body.text("orderID", id),
        Named::Client(id) => body.text(client_field, id),
    })
}

/// The field and value of a filter that finds an order or its fills.
pub(crate) fn filter_of(order: &OrderRef) -> Result<String, Error> {
    Ok(match named(order)? {
        Named::Venue(id) => format!("\"orderID\":{}", quoted(id)),
        Named::Client(id) => format!("\"clOrdID\":{}", quoted(id)),
    })
}

/// `4e1ef998-33c1-4736-b58b-9d8b4d085c49`
fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
