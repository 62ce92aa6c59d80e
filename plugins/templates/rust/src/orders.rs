//! Placing, cancelling and finding orders.

use serde::{Deserialize, Serialize};
use switchyard_sdk::Context;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::query::Query;
use switchyard_sdk::time::Millis;
use switchyard_sdk::trading::{CancelOutcome, Place};
use switchyard_sdk::types::{
    Error, ErrorKind, HttpRequest, HttpResponse, Method, OrderRef, OrderReport, OrderState,
    OrderType, Side, TimeInForce,
};

use crate::answers::{Text, read, written};
use crate::describe::ENDPOINT;
use crate::signing::signed;

const ORDERS: &str = "/v1/orders";

// ---- Requests --------------------------------------------------------------------------------

/// A new order as the venue reads it. Decimals go out as they came in, as texts. By the client id an order is
/// found again whose answer was lost, so a venue that takes none needs another way.
#[derive(Serialize)]
struct NewOrder<'a> {
    client_id: &'a str,
    symbol: &'a str,
    side: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    size: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_in_force: Option<&'a str>,
}

/// The gateway has checked the order against the instrument; what the venue cannot do at all is said here.
pub(crate) fn place(cx: &Context<'_>, command: &Place) -> Result<HttpRequest, Error> {
    if command.reduce_only {
        return Err(Error::invalid(
            "reduce-only",
            "there are no positions on spot",
        ));
    }
    let (kind, price, time_in_force) =
        match (command.order_type, &command.price, command.time_in_force) {
            (OrderType::Market, None, None) => ("market", None, None),
            (OrderType::Limit, Some(price), Some(time_in_force)) => (
                "limit",
                Some(price.as_str()),
                Some(time_in_force_name(time_in_force)),
            ),
            _ => {
                return Err(Error::invalid(
                    "order-type",
                    "a limit order has a price and a time in force, a market order has neither",
                ));
            }
        };
    let order = NewOrder {
        client_id: &command.client_id,
        symbol: &cx.instrument()?.venue_symbol,
        side: side_name(command.side),
        kind,
        size: &command.quantity,
        price,
        time_in_force,
    };
    let body = serde_json::to_string(&order)
        .map_err(|error| Error::invalid("order", error.to_string()))?;
    signed(cx, Method::Post, ORDERS.to_owned(), body)
}

pub(crate) fn cancel(cx: &Context<'_>, order: &OrderRef) -> Result<HttpRequest, Error> {
    signed(cx, Method::Delete, path_of(order)?, String::new())
}

pub(crate) fn find(cx: &Context<'_>, order: &OrderRef) -> Result<HttpRequest, Error> {
    signed(cx, Method::Get, path_of(order)?, String::new())
}

/// On one instrument, or without one on the whole endpoint.
pub(crate) fn list_open(cx: &Context<'_>) -> Result<HttpRequest, Error> {
    let instrument = cx.instrument.as_ref();
    let symbol = instrument.map(|instrument| instrument.venue_symbol.as_str());
    let path = Query::on(ORDERS)
        .with("status", "open")
        .with_some("symbol", symbol);
    signed(cx, Method::Get, path.into_target(), String::new())
}

/// The path of one order, by the venue's id where it is known.
fn path_of(order: &OrderRef) -> Result<String, Error> {
    let (path, id) = match (&order.venue_id, &order.client_id) {
        (Some(id), _) => (ORDERS.to_owned(), id),
        (None, Some(id)) => (format!("{ORDERS}/by-client-id"), id),
        (None, None) => return Err(Error::invalid("order", "no id at all")),
    };
    // The venue's ids are of these characters. Any other id would make the path name something else: the list of
    // orders where it is empty, another order where it has a `/`.
    let is_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if id.is_empty() || !id.chars().all(is_id) {
        return Err(Error::invalid("order", "no order has such an id"));
    }
    Ok(format!("{path}/{id}"))
}

// ---- Answers ---------------------------------------------------------------------------------

#[derive(Deserialize)]
struct WireOrder {
    id: Text,
    client_id: Option<Text>,
    symbol: Text,
    side: String,
    #[serde(rename = "type")]
    kind: String,
    time_in_force: Option<String>,
    size: Exact,
    price: Option<Exact>,
    status: String,
    // Not `Option`: a missing fill is no fill of zero, but an answer that cannot be read.
    filled: Exact,
    average_price: Option<Exact>,
    created: Millis,
    updated: Millis,
    reason: Option<Text>,
}

#[derive(Deserialize)]
struct WireOrders {
    orders: Vec<WireOrder>,
}

pub(crate) fn placed(
    cx: &Context<'_>,
    command: &Place,
    responses: &[HttpResponse],
) -> Result<OrderReport, Error> {
    let order: WireOrder = written(cx, responses)?;
    // An answer about another order says nothing of this one.
    if order.client_id.as_ref().map(|id| &id.0) != Some(&command.client_id) {
        return Err(Error::malformed("the answer is about another order").after(true));
    }
    let report = order.report(cx).map_err(|error| error.after(true))?;
    // A refusal is an error, never a report.
    if report.state == OrderState::Rejected {
        let reason = report
            .reason
            .unwrap_or_else(|| "rejected without a reason".to_owned());
        return Err(Error::refused(ErrorKind::InvalidRequest).because(reason));
    }
    Ok(report)
}

pub(crate) fn canceled(
    cx: &Context<'_>,
    order: &OrderRef,
    responses: &[HttpResponse],
) -> Result<CancelOutcome, Error> {
    let report = one(cx, order, written(cx, responses)?).map_err(|error| error.after(true))?;
    let is_final = matches!(
        report.state,
        OrderState::Filled | OrderState::Canceled | OrderState::Rejected | OrderState::Expired
    );
    // Say `Confirmed` only of an order that is at its end; the gateway looks again after `Accepted`.
    Ok(if is_final {
        CancelOutcome::Confirmed(report)
    } else {
        CancelOutcome::Accepted
    })
}

pub(crate) fn found(
    cx: &Context<'_>,
    order: &OrderRef,
    responses: &[HttpResponse],
) -> Result<OrderReport, Error> {
    one(cx, order, read(cx, responses)?)
}

pub(crate) fn listed(
    cx: &Context<'_>,
    responses: &[HttpResponse],
) -> Result<Vec<OrderReport>, Error> {
    let orders: WireOrders = read(cx, responses)?;
    orders
        .orders
        .into_iter()
        .map(|order| order.report(cx))
        .collect()
}

/// The report of an order that must be the one asked for.
fn one(cx: &Context<'_>, asked: &OrderRef, order: WireOrder) -> Result<OrderReport, Error> {
    let is_it = match (&asked.venue_id, &asked.client_id) {
        (Some(id), _) => order.id.0 == *id,
        (None, client_id) => order.client_id.as_ref().map(|id| &id.0) == client_id.as_ref(),
    };
    if is_it {
        order.report(cx)
    } else {
        Err(Error::malformed("the answer is about another order"))
    }
}

impl WireOrder {
    fn report(self, cx: &Context<'_>) -> Result<OrderReport, Error> {
        let undocumented = |what: &str| Error::malformed(format!("{what} that is not documented"));
        let time_in_force = match self.time_in_force.as_deref() {
            None => None,
            Some("gtc") => Some(TimeInForce::Gtc),
            Some("ioc") => Some(TimeInForce::Ioc),
            Some("fok") => Some(TimeInForce::Fok),
            Some("post_only") => Some(TimeInForce::Gtx),
            Some(_) => return Err(undocumented("a time in force")),
        };
        if [&self.size, &self.filled]
            .iter()
            .any(|size| size.is_negative())
        {
            return Err(Error::malformed("a negative size"));
        }
        Ok(OrderReport {
            // The catalogue knows the unified name; a symbol that it does not list keeps the venue's.
            symbol: cx
                .find(ENDPOINT, &self.symbol.0)
                .map_or(self.symbol.0, |instrument| instrument.symbol),
            venue_id: self.id.0,
            client_id: self.client_id.map(|id| id.0),
            side: match self.side.as_str() {
                "buy" => Side::Buy,
                "sell" => Side::Sell,
                _ => return Err(undocumented("a side")),
            },
            order_type: match self.kind.as_str() {
                "limit" => OrderType::Limit,
                "market" => OrderType::Market,
                // Somebody's stop order, say: listed, but not placed by the gateway.
                _ => OrderType::Other,
            },
            time_in_force,
            reduce_only: false,
            quantity: Some(self.size.into_string()),
            price: self.price.map(Exact::into_string),
            state: match self.status.as_str() {
                "open" if self.filled.is_zero() => OrderState::New,
                "open" => OrderState::PartiallyFilled,
                "filled" => OrderState::Filled,
                "canceled" => OrderState::Canceled,
                "rejected" => OrderState::Rejected,
                "expired" => OrderState::Expired,
                _ => return Err(undocumented("an order status")),
            },
            filled_quantity: self.filled.into_string(),
            average_price: self.average_price.map(Exact::into_string),
            created_at: Some(self.created.0),
            updated_at: Some(self.updated.0),
            reason: self.reason.map(|reason| reason.0),
        })
    }
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

fn time_in_force_name(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::Gtc => "gtc",
        TimeInForce::Ioc => "ioc",
        TimeInForce::Fok => "fok",
        // Post-only: refused where it would take.
        TimeInForce::Gtx => "post_only",
    }
}
