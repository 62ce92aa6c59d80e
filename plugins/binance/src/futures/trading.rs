//! Placing, cancelling and finding orders.

use switchyard_sdk::trading::{Cancel, CancelOutcome, GetOrder, Place};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method, OrderReport};
use switchyard_sdk::{Context, Step};

use super::algo::{self, WireAlgo};
use super::dialect::Dialect;
use super::orders::WireOrder;
use super::{confirmed, ordering, read, signed, written};
use crate::enums::{naming, side_name, time_in_force_name};
use crate::failures::{self, after};
use crate::names::Names;
use crate::orders;

pub(crate) fn encode_place(
    cx: &Context<'_>,
    command: &Place,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    let query = dialect
        .query_symbol(cx, "/v1/order")?
        .with("side", side_name(command.side));
    let query = match orders::terms(command)? {
        None => query
            .with("type", "MARKET")
            .with("quantity", &command.quantity),
        Some((price, time_in_force)) => query
            .with("type", "LIMIT")
            .with("quantity", &command.quantity)
            .with("price", price)
            .with("timeInForce", time_in_force_name(time_in_force)),
    };
    // "Cannot be sent in Hedge Mode", so only where it says something.
    let query = query.with_some("reduceOnly", command.reduce_only.then_some("true"));
    let query = query
        .with("newClientOrderId", &command.client_id)
        .with("newOrderRespType", "RESULT");
    let request = signed(cx, dialect, Method::Post, query, 0)?;
    Ok(vec![ordering(dialect, request)])
}

pub(crate) fn decode_place(
    cx: &Context<'_>,
    command: &Place,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<OrderReport>, Error> {
    let order: WireOrder<'_> = written(cx, Dialect::of(cx)?, responses)?;
    let report = order.first_report(&mut Names::new(cx)).map_err(after)?;
    orders::acknowledged(report, &command.client_id).map(Step::Done)
}

pub(crate) fn encode_cancel(
    cx: &Context<'_>,
    command: &Cancel,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    if let Some(id) = algo::id_of(&command.order) {
        return Ok(vec![algo::about(cx, dialect, Method::Delete, id)?]);
    }
    let query = dialect.query_symbol(cx, "/v1/order")?;
    let query = naming(query, &command.order, "orderId", "origClientOrderId")?;
    Ok(vec![signed(cx, dialect, Method::Delete, query, 1)?])
}

pub(crate) fn decode_cancel(
    cx: &Context<'_>,
    command: &Cancel,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<CancelOutcome>, Error> {
    let dialect = Dialect::of(cx)?;
    if algo::id_of(&command.order).is_some() {
        confirmed(cx, dialect, responses)?;
        return Ok(Step::Done(CancelOutcome::Accepted));
    }
    let order: WireOrder<'_> = written(cx, dialect, responses)?;
    let report = order.report(&mut Names::new(cx)).map_err(after)?;
    Ok(Step::Done(orders::canceled(report)))
}

pub(crate) fn encode_get_order(
    cx: &Context<'_>,
    command: &GetOrder,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    if let Some(id) = algo::id_of(&command.order) {
        return Ok(vec![algo::about(cx, dialect, Method::Get, id)?]);
    }
    let query = dialect.query_symbol(cx, "/v1/order")?;
    let query = naming(query, &command.order, "orderId", "origClientOrderId")?;
    Ok(vec![signed(cx, dialect, Method::Get, query, 1)?])
}

pub(crate) fn decode_get_order(
    cx: &Context<'_>,
    command: &GetOrder,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<OrderReport>, Error> {
    let dialect = Dialect::of(cx)?;
    let mut names = Names::new(cx);
    Ok(Step::Done(if algo::id_of(&command.order).is_some() {
        read::<WireAlgo<'_>>(cx, dialect, responses)?.report(&mut names)?
    } else {
        read::<WireOrder<'_>>(cx, dialect, responses)?.report(&mut names)?
    }))
}

pub(crate) fn encode_list_open(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    open_orders(cx, Dialect::of(cx)?)
}

/// Open orders on the context's instrument, or without one on all; the conditional ones beside them.
pub(super) fn open_orders(cx: &Context<'_>, dialect: &Dialect) -> Result<Vec<HttpRequest>, Error> {
    let list = |path: &str| {
        let (query, weight) = match &cx.instrument {
            Some(_) => (dialect.query_symbol(cx, path)?, 1),
            None => (dialect.query(path), 40),
        };
        signed(cx, dialect, Method::Get, query, weight)
    };
    Ok(vec![list("/v1/openOrders")?, list("/v1/openAlgoOrders")?])
}

/// The ordinary and the conditional orders of the answers to [`open_orders`].
pub(super) type Open<'a> = (Vec<WireOrder<'a>>, Vec<WireAlgo<'a>>);

/// Reads the answers to [`open_orders`].
pub(super) fn read_open<'a>(
    cx: &Context<'_>,
    dialect: &Dialect,
    responses: &'a [HttpResponse],
) -> Result<Open<'a>, Error> {
    let [orders, algos] = responses else {
        return Err(Error::malformed("two responses expected"));
    };
    let orders = failures::accept(cx, dialect.errors, orders, false)?;
    Ok((orders, algo::list(cx, dialect, algos)?))
}

pub(crate) fn decode_list_open(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Vec<OrderReport>>, Error> {
    let (orders, algos) = read_open(cx, Dialect::of(cx)?, responses)?;
    let mut names = Names::new(cx);
    let mut reports = Vec::with_capacity(orders.len() + algos.len());
    for order in orders {
        reports.push(order.report(&mut names)?);
    }
    for algo in algos {
        reports.push(algo.report(&mut names)?);
    }
    Ok(Step::Done(reports))
}
