//! Changing an open order: in place where only its quantity shrinks, else by cancel and replace.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use switchyard_sdk::decimal;
use switchyard_sdk::query::Query;
use switchyard_sdk::trading::{Amend, AmendOutcome, FailedReplacement};
use switchyard_sdk::types::{
    Effect, Error, ErrorKind, HttpRequest, HttpResponse, Instrument, Method, OrderRef, OrderReport,
    TimeInForce,
};
use switchyard_sdk::{Context, Step, json};

use super::orders::{Of, WireOrder, limit_names};
use super::trading::acknowledged;
use super::{error_codes, ordering, signed, written};
use crate::enums::{naming, side_name};
use crate::failures::{self, Payload, after};
use crate::names::Names;

/// How a change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `PUT /api/v3/order/amend/keepPriority`: "Reduce the quantity of an existing open order."
    KeepPriority,
    /// `POST /api/v3/order/cancelReplace`.
    CancelReplace,
}

fn way(instrument: &Instrument, command: &Amend) -> Result<Way, Error> {
    let current = decimal::value(&command.current_quantity)?;
    let wanted = match &command.quantity {
        Some(quantity) => decimal::value(quantity)?,
        None => current,
    };
    let same_price = match (&command.price, &command.current_price) {
        (None, _) => true,
        (Some(wanted), Some(current)) => decimal::value(wanted)? == decimal::value(current)?,
        (Some(_), None) => false,
    };
    if same_price && wanted == current {
        return Err(Error::invalid("quantity", "nothing would change"));
    }
    if same_price && wanted < current && !forbidden(instrument, "amendAllowed") {
        return Ok(Way::KeepPriority);
    }
    // A replacement of the whole would trade again what is filled already.
    if !decimal::value(&command.filled_quantity)?.is_zero() {
        return Err(Error::refused(ErrorKind::NotAmendable)
            .because("a partly filled order can only be reduced"));
    }
    if forbidden(instrument, "cancelReplaceAllowed") {
        return Err(Error::refused(ErrorKind::NotAmendable)
            .because("Binance does not replace orders on this symbol"));
    }
    Ok(Way::CancelReplace)
}

/// Whether the symbol's own listing switches something off.
fn forbidden(instrument: &Instrument, rule: &str) -> bool {
    instrument
        .hints
        .iter()
        .any(|(name, value)| name == rule && value == "false")
}

pub(crate) fn encode_amend(
    cx: &Context<'_>,
    command: &Amend,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let instrument = cx.instrument()?;
    match way(instrument, command)? {
        Way::KeepPriority => {
            let query = Query::on("/api/v3/order/amend/keepPriority")
                .with("symbol", &instrument.venue_symbol);
            let query = naming(query, &command.order, "orderId", "origClientOrderId")?;
            // Without a name Binance invents one; the order keeps the one it is known by.
            let client_id = kept_id(&command.order).unwrap_or(&command.new_client_id);
            let query = query
                .with("newClientOrderId", client_id)
                .with_some("newQty", command.quantity.as_deref());
            Ok(vec![signed(cx, Method::Put, query, 4)?])
        }
        Way::CancelReplace => {
            let price = command
                .price
                .as_ref()
                .or(command.current_price.as_ref())
                .ok_or_else(|| Error::invalid("price", "the order's price is not known"))?;
            let quantity = command
                .quantity
                .as_ref()
                .unwrap_or(&command.current_quantity);
            let (kind, time_in_force) =
                limit_names(command.time_in_force.unwrap_or(TimeInForce::Gtc));
            let query = Query::on("/api/v3/order/cancelReplace")
                .with("symbol", &instrument.venue_symbol)
                .with("side", side_name(command.side))
                .with("type", kind)
                .with("cancelReplaceMode", "STOP_ON_FAILURE")
                .with("cancelRestrictions", "ONLY_NEW")
                .with_some("timeInForce", time_in_force)
                .with("quantity", quantity)
                .with("price", price);
            let query = naming(
                query,
                &command.order,
                "cancelOrderId",
                "cancelOrigClientOrderId",
            )?
            .with("newClientOrderId", &command.new_client_id)
            .with("newOrderRespType", "RESULT");
            Ok(vec![ordering(signed(cx, Method::Post, query, 1)?)])
        }
    }
}

fn kept_id(order: &OrderRef) -> Option<&String> {
    order.client_id.as_ref()
}

pub(crate) fn decode_amend(
    cx: &Context<'_>,
    command: &Amend,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<AmendOutcome>, Error> {
    Ok(Step::Done(match way(cx.instrument()?, command)? {
        Way::KeepPriority => AmendOutcome::Amended(amended(cx, responses)?),
        Way::CancelReplace => replaced(cx, &command.new_client_id, responses)?,
    }))
}

fn amended(cx: &Context<'_>, responses: &[HttpResponse]) -> Result<OrderReport, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Amended<'a> {
        transact_time: switchyard_sdk::time::Millis,
        #[serde(borrow)]
        amended_order: WireOrder<'a>,
    }
    let amended: Amended<'_> = written(cx, responses)?;
    let mut order = amended.amended_order;
    order.transact_time = Some(amended.transact_time);
    order
        .report(&mut Names::new(cx), Of::Amendment)
        .map_err(after)
}

/// What became of the two legs of a cancel-replace.
fn replaced(
    cx: &Context<'_>,
    new_client_id: &str,
    responses: &[HttpResponse],
) -> Result<AmendOutcome, Error> {
    let response = json::single(responses).map_err(after)?;
    if !(200..300).contains(&response.status) {
        return match json::body::<Failed<'_>>(response) {
            Ok(failed) => failed.data.outcome(cx, response),
            Err(_) => Err(failures::failure(cx, &error_codes::SPOT, response, true)),
        };
    }
    let legs: Legs<'_> = written(cx, responses)?;
    let new = legs.new_order_response.ok_or_else(unreadable)?;
    match acknowledged(
        cx,
        new_client_id,
        json::read(new.get().as_bytes()).map_err(after)?,
    ) {
        Ok(report) => Ok(AmendOutcome::Amended(report)),
        // The engine took the new order and refused it, when the old one was gone already.
        Err(error) if error.effect == Effect::None => {
            Ok(not_replaced(canceled(cx, legs.cancel_response)?, error))
        }
        Err(error) => Err(error),
    }
}

fn not_replaced(canceled: OrderReport, error: Error) -> AmendOutcome {
    AmendOutcome::NotReplaced(FailedReplacement { canceled, error })
}

/// A cancel-replace of which a part or all failed (-2021, -2022).
#[derive(Deserialize)]
struct Failed<'a> {
    #[serde(borrow)]
    data: Legs<'a>,
}

/// Both legs: what became of each, and its answer. An answer is an order, or an error's code and text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Legs<'a> {
    #[serde(borrow)]
    cancel_result: Cow<'a, str>,
    #[serde(borrow)]
    new_order_result: Cow<'a, str>,
    #[serde(borrow)]
    cancel_response: &'a RawValue,
    #[serde(borrow, default)]
    new_order_response: Option<&'a RawValue>,
}

impl Legs<'_> {
    fn outcome(self, cx: &Context<'_>, response: &HttpResponse) -> Result<AmendOutcome, Error> {
        match (&*self.cancel_result, &*self.new_order_result) {
            ("SUCCESS", "FAILURE") => {
                let error = match self.new_order_response {
                    Some(answer) => refusal(cx, answer, response),
                    None => unreadable(),
                };
                Ok(not_replaced(canceled(cx, self.cancel_response)?, error))
            }
            // STOP_ON_FAILURE: without the cancel the new order is not attempted.
            ("FAILURE", "NOT_ATTEMPTED") => Err(refusal(cx, self.cancel_response, response)),
            ("FAILURE", "FAILURE") => {
                let error = refusal(cx, self.cancel_response, response);
                let new = self
                    .new_order_response
                    .map_or_else(unreadable, |answer| refusal(cx, answer, response));
                Err(error.after(new.effect == Effect::Unknown))
            }
            // Not an answer to what was asked, and it may mean that both orders live.
            _ => Err(unreadable()),
        }
    }
}

/// The order that the first leg cancelled.
fn canceled(cx: &Context<'_>, answer: &RawValue) -> Result<OrderReport, Error> {
    let order: WireOrder<'_> = json::read(answer.get().as_bytes()).map_err(after)?;
    order.report(&mut Names::new(cx), Of::Cancel).map_err(after)
}

/// The error that a leg's answer means, with what that leg may have done.
fn refusal(cx: &Context<'_>, answer: &RawValue, response: &HttpResponse) -> Error {
    match json::read::<Payload<'_>>(answer.get().as_bytes()) {
        Ok(payload) => failures::coded(cx, &error_codes::SPOT, response, &payload, true)
            .after(response.status >= 500),
        Err(_) => unreadable(),
    }
}

fn unreadable() -> Error {
    Error::malformed("a leg of the cancel-replace cannot be read").after(true)
}
