//! Placing, cancelling and finding orders.

use switchyard_sdk::query::Query;
use switchyard_sdk::trading::{Cancel, CancelOutcome, GetOrder, Place};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method, OrderReport};
use switchyard_sdk::{Context, Step};

use super::orders::{Of, WireOrder, limit_names};
use super::{ordering, read, signed, written};
use crate::enums::{naming, side_name};
use crate::failures::after;
use crate::names::Names;
use crate::orders;

pub(crate) fn encode_place(
    cx: &Context<'_>,
    command: &Place,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    if command.reduce_only {
        return Err(Error::unsupported("a reduce-only spot order").at("reduce-only"));
    }
    let query = Query::on("/api/v3/order")
        .with("symbol", &cx.instrument()?.venue_symbol)
        .with("side", side_name(command.side));
    let query = match orders::terms(command)? {
        None => query
            .with("type", "MARKET")
            .with("quantity", &command.quantity),
        Some((price, time_in_force)) => {
            let (kind, time_in_force) = limit_names(time_in_force);
            query
                .with("type", kind)
                .with_some("timeInForce", time_in_force)
                .with("quantity", &command.quantity)
                .with("price", price)
        }
    };
    // RESULT says all that a report holds; FULL would add the fills.
    let query = query
        .with("newClientOrderId", &command.client_id)
        .with("newOrderRespType", "RESULT");
    Ok(vec![ordering(signed(cx, Method::Post, query, 1)?)])
}

pub(crate) fn decode_place(
    cx: &Context<'_>,
    command: &Place,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<OrderReport>, Error> {
    let order: WireOrder<'_> = written(cx, responses)?;
    acknowledged(cx, &command.client_id, order).map(Step::Done)
}

/// The report of an order just placed under this id; a refusal is an error, never a report.
pub(super) fn acknowledged(
    cx: &Context<'_>,
    client_id: &str,
    order: WireOrder<'_>,
) -> Result<OrderReport, Error> {
    let report = order
        .report(&mut Names::new(cx), Of::Placement)
        .map_err(after)?;
    orders::acknowledged(report, client_id)
}

pub(crate) fn encode_cancel(
    cx: &Context<'_>,
    command: &Cancel,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let query = Query::on("/api/v3/order").with("symbol", &cx.instrument()?.venue_symbol);
    let query = naming(query, &command.order, "orderId", "origClientOrderId")?;
    Ok(vec![signed(cx, Method::Delete, query, 1)?])
}

pub(crate) fn decode_cancel(
    cx: &Context<'_>,
    _: &Cancel,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<CancelOutcome>, Error> {
    let order: WireOrder<'_> = written(cx, responses)?;
    let report = order
        .report(&mut Names::new(cx), Of::Cancel)
        .map_err(after)?;
    Ok(Step::Done(orders::canceled(report)))
}

pub(crate) fn encode_get_order(
    cx: &Context<'_>,
    command: &GetOrder,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let query = Query::on("/api/v3/order").with("symbol", &cx.instrument()?.venue_symbol);
    let query = naming(query, &command.order, "orderId", "origClientOrderId")?;
    Ok(vec![signed(cx, Method::Get, query, 4)?])
}

pub(crate) fn decode_get_order(
    cx: &Context<'_>,
    _: &GetOrder,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<OrderReport>, Error> {
    let order: WireOrder<'_> = read(cx, responses)?;
    Ok(Step::Done(order.report(&mut Names::new(cx), Of::Order)?))
}

pub(crate) fn encode_list_open(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    Ok(vec![open_orders(cx)?])
}

/// Open orders on the context's instrument, or without one on all.
pub(super) fn open_orders(cx: &Context<'_>) -> Result<HttpRequest, Error> {
    let query = Query::on("/api/v3/openOrders");
    match &cx.instrument {
        Some(instrument) => signed(
            cx,
            Method::Get,
            query.with("symbol", &instrument.venue_symbol),
            6,
        ),
        None => signed(cx, Method::Get, query, 80),
    }
}

pub(crate) fn decode_list_open(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Vec<OrderReport>>, Error> {
    let orders: Vec<WireOrder<'_>> = read(cx, responses)?;
    let mut names = Names::new(cx);
    let reports = orders
        .into_iter()
        .map(|order| order.report(&mut names, Of::Order))
        .collect::<Result<_, _>>()?;
    Ok(Step::Done(reports))
}
