//! Placing, cancelling and finding orders.

use switchyard_sdk::trading::{Cancel, CancelAllOutcome, CancelOutcome, GetOrder, Place};
use switchyard_sdk::types::{
    Error, ErrorKind, HttpRequest, HttpResponse, Method, OrderReport, OrderState, OrderType,
    Payoff, TimeInForce,
};
use switchyard_sdk::{Context, Step};

use crate::body::Body;
use crate::failures::{after, read, written};
use crate::measures::{Measure, Measures};
use crate::orders::{
    POST_ONLY, REDUCE_ONLY, WireOrder, filter_of, is_final, latest, naming, side_name,
};
use crate::pages::{self, Pages};
use crate::signing;

/// The path of orders.
pub(crate) const ORDER: &str = "/order";

pub(crate) fn encode_place(
    cx: &Context<'_>,
    command: &Place,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let instrument = cx.instrument()?;
    let contracts = Measure::here(cx)?.contracts(&command.quantity)?;
    let body = Body::default()
        .text("symbol", &instrument.venue_symbol)
        .text("side", side_name(command.side))
        .number("orderQty", &contracts, "quantity")?;
    let mut instructions = Vec::new();
    let body = match (command.order_type, &command.price, command.time_in_force) {
        (OrderType::Market, None, None) => body.text("ordType", "Market"),
        (OrderType::Limit, Some(price), Some(time_in_force)) => {
            let name = match time_in_force {
                TimeInForce::Gtc => "GoodTillCancel",
                TimeInForce::Ioc => "ImmediateOrCancel",
                TimeInForce::Fok => "FillOrKill",
                TimeInForce::Gtx => {
                    instructions.push(POST_ONLY);
                    "GoodTillCancel"
                }
            };
            body.text("ordType", "Limit")
                .number("price", price, "price")?
                .text("timeInForce", name)
        }
        (OrderType::Market, Some(_), _) => {
            return Err(Error::invalid("price", "a market order has no price"));
        }
        (OrderType::Market, None, Some(_)) => {
            return Err(Error::invalid(
                "time-in-force",
                "a market order has no time in force",
            ));
        }
        (OrderType::Limit, None, _) => {
            return Err(Error::invalid("price", "a limit order needs a price"));
        }
        (OrderType::Limit, Some(_), None) => {
            return Err(Error::invalid(
                "time-in-force",
                "a limit order needs a time in force",
            ));
        }
        (OrderType::Other, ..) => {
            return Err(Error::unsupported("this order type").at("order-type"));
        }
    };
    if command.reduce_only {
        // "Not applicable to spot trading symbols."
        if instrument.payoff == Payoff::Delivery {
            return Err(Error::invalid(
                "reduce-only",
                "there are no positions on spot",
            ));
        }
        instructions.push(REDUCE_ONLY);
    }
    let body = match instructions.as_slice() {
        [] => body,
        all => body.text("execInst", &all.join(",")),
    };
    let body = body.text("clOrdID", &command.client_id);
    Ok(vec![signing::change(cx, Method::Post, ORDER, body)?])
}

pub(crate) fn decode_place(
    cx: &Context<'_>,
    command: &Place,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<OrderReport>, Error> {
    let order: WireOrder<'_> = written(cx, responses)?;
    // An answer about another order says nothing of this one.
    if order.cl_ord_id.as_deref() != Some(&command.client_id) {
        return Err(Error::malformed("the answer names another client order id").after(true));
    }
    if let Some(refusal) = order.refusal(cx) {
        return Err(refusal);
    }
    // A post-only order that would have taken was an order, and is reported cancelled.
    order
        .report(&mut Measures::new(cx).map_err(after)?)
        .map(Step::Done)
        .map_err(after)
}

pub(crate) fn encode_cancel(
    cx: &Context<'_>,
    command: &Cancel,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let body = naming(Body::default(), &command.order, "clOrdID")?;
    Ok(vec![signing::change(cx, Method::Delete, ORDER, body)?])
}

pub(crate) fn decode_cancel(
    cx: &Context<'_>,
    command: &Cancel,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<CancelOutcome>, Error> {
    let orders: Vec<WireOrder<'_>> = written(cx, responses)?;
    let order = orders
        .into_iter()
        .find(|order| order.is(&command.order))
        .ok_or_else(|| Error::malformed("the answer does not name the order").after(true))?;
    if let Some(refusal) = order.refusal(cx) {
        return Err(refusal);
    }
    let report = order
        .report(&mut Measures::new(cx).map_err(after)?)
        .map_err(after)?;
    Ok(Step::Done(if is_final(report.state) {
        CancelOutcome::Confirmed(report)
    } else {
        CancelOutcome::Accepted
    }))
}

pub(crate) fn encode_cancel_all(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let body = match &cx.instrument {
        Some(instrument) => Body::default().text("symbol", &instrument.venue_symbol),
        None => Body::default(),
    };
    Ok(vec![signing::change(
        cx,
        Method::Delete,
        "/order/all",
        body,
    )?])
}

pub(crate) fn decode_cancel_all(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<CancelAllOutcome>, Error> {
    let orders: Vec<WireOrder<'_>> = written(cx, responses)?;
    let mut measures = Measures::new(cx).map_err(after)?;
    let mut canceled = Vec::with_capacity(orders.len());
    let mut complete = true;
    for order in orders {
        // An order that ended by itself just before is answered as rejected, by its id alone.
        if order.refusal(cx).is_some() {
            complete = false;
            continue;
        }
        let report = order.report(&mut measures).map_err(after)?;
        if report.state == OrderState::Canceled {
            canceled.push(report);
        } else {
            complete = false;
        }
    }
    Ok(Step::Done(CancelAllOutcome { canceled, complete }))
}

pub(crate) fn encode_get_order(
    cx: &Context<'_>,
    command: &GetOrder,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let filter = format!("{{{}}}", filter_of(&command.order)?);
    // A client id is unique among open orders only: the newest is the one that is meant.
    let query = signing::query(ORDER)
        .with("symbol", &cx.instrument()?.venue_symbol)
        .with("filter", &filter)
        .with_integer("count", 1)
        .with("reverse", "true");
    Ok(vec![signing::read(cx, query)?])
}

pub(crate) fn decode_get_order(
    cx: &Context<'_>,
    command: &GetOrder,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<OrderReport>, Error> {
    let orders: Vec<WireOrder<'_>> = read(cx, responses)?;
    let Some(order) = orders.into_iter().next() else {
        return Err(Error::refused(ErrorKind::OrderNotFound).because("BitMEX has no such order"));
    };
    if !order.is(&command.order) {
        return Err(Error::malformed("the answer is about another order"));
    }
    order.report(&mut Measures::new(cx)?).map(Step::Done)
}

pub(crate) fn encode_list_open(
    cx: &Context<'_>,
    state: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let query = match &cx.instrument {
        Some(instrument) => signing::query(ORDER).with("symbol", &instrument.venue_symbol),
        None => signing::query(ORDER),
    };
    let query = query.with("filter", r#"{"open":true}"#);
    let query = pages::ask(state, query)?.with("reverse", "false");
    Ok(vec![signing::read(cx, query)?])
}

pub(crate) fn decode_list_open(
    cx: &Context<'_>,
    state: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Vec<OrderReport>>, Error> {
    let pages = Pages::read(state)?.and(cx, responses)?;
    if pages.goes_on() {
        return Ok(Step::Continue(pages.state()?));
    }
    if !pages.is_complete() {
        // Half a list would make the other half look closed.
        return Err(Error::refused(ErrorKind::Unsupported)
            .because("more open orders than can be listed; name an instrument"));
    }
    let mut measures = Measures::new(cx)?;
    let reports = latest(pages.rows()?)
        .into_iter()
        .map(|order| order.report(&mut measures))
        .collect::<Result<_, _>>()?;
    Ok(Step::Done(reports))
}
