//! Changing an open order: in place where only its quantity shrinks, else by cancel and replace.

use std::borrow::Cow;

use serde::Deserialize;
use switchyard_sdk::decimal;
use switchyard_sdk::query::Query;
use switchyard_sdk::trading::{Amend, AmendOutcome};
use switchyard_sdk::types::{
    Effect, Error, ErrorKind, HttpRequest, HttpResponse, Instrument, Method, OrderRef, OrderReport,
    TimeInForce,
};
use switchyard_sdk::{Context, Step, json};

use super::orders::{Names, Of, WireOrder, limit_names, naming, side_name};
use super::trading::placed;
use super::{error_codes, ordering, signed, written};
use crate::failures::{self, Payload};

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
    let report = match way(cx.instrument()?, command)? {
        Way::KeepPriority => amended(cx, responses)?,
        Way::CancelReplace => replaced(cx, responses)?,
    };
    Ok(Step::Done(AmendOutcome::Amended(report)))
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
        .map_err(|error| error.after(true))
}

fn replaced(cx: &Context<'_>, responses: &[HttpResponse]) -> Result<OrderReport, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Replaced<'a> {
        #[serde(borrow)]
        new_order_response: WireOrder<'a>,
    }
    let response = json::single(responses).map_err(|error| error.after(true))?;
    if !(200..300).contains(&response.status)
        && let Ok(failed) = json::body::<Failed<'_>>(response)
    {
        return Err(failed.error(cx, response));
    }
    let replaced: Replaced<'_> = written(cx, responses)?;
    placed(cx, replaced.new_order_response)
}

/// A cancel-replace of which a part or all failed (-2021, -2022).
#[derive(Deserialize)]
struct Failed<'a> {
    #[serde(borrow)]
    data: Parts<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parts<'a> {
    #[serde(borrow)]
    cancel_result: Cow<'a, str>,
    #[serde(borrow)]
    cancel_response: Answer<'a>,
    #[serde(borrow, default)]
    new_order_response: Option<Answer<'a>>,
}

/// One part's answer: an error's code and text, or an order, which has neither.
#[derive(Deserialize)]
struct Answer<'a> {
    code: Option<i64>,
    #[serde(borrow, default)]
    msg: Option<Cow<'a, str>>,
}

impl Failed<'_> {
    /// The error of the part that failed.
    ///
    /// Once the old order is cancelled the account has changed, so a refusal of the new one is not
    /// without effect; the host looks and finds the order gone.
    fn error(self, cx: &Context<'_>, response: &HttpResponse) -> Error {
        let canceled = self.data.cancel_result == "SUCCESS";
        let answer = if canceled {
            self.data.new_order_response
        } else {
            Some(self.data.cancel_response)
        };
        let mut error = match answer {
            Some(Answer {
                code: Some(code),
                msg,
            }) => {
                let payload = Payload {
                    code,
                    msg: msg.unwrap_or_default(),
                };
                failures::coded(cx, error_codes::SPOT, response, &payload, true)
            }
            _ => failures::failure(cx, error_codes::SPOT, response, true),
        };
        if canceled || response.status >= 500 {
            error.effect = Effect::Unknown;
        }
        if canceled {
            error.message = format!("the order is cancelled and not replaced: {}", error.message);
        }
        error
    }
}
