//! Changing an order: cancel-replace, and amending in place.

use serde::Serialize;
use serde_json::{json, value::RawValue};

use super::filters::check_quantity;
use super::market_data::listing;
use super::orders::{Reference, Restriction, cancel, refusal};
use super::{BinanceSpot, Call, Reply, render};
use crate::binance::ApiError;
use crate::binance::limits::Rules;
use crate::engine::{Engine, Reject};

/// How one half of a cancel-replace ended.
enum Half {
    Done(String),
    Failed(ApiError),
    NotAttempted,
}

/// The body of a cancel-replace, or of its error under `data`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    cancel_result: &'static str,
    new_order_result: &'static str,
    cancel_response: Option<Box<RawValue>>,
    new_order_response: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct Failure {
    code: i32,
    msg: &'static str,
    data: Outcome,
}

impl BinanceSpot {
    pub(super) fn cancel_replace(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        let stop_on_failure = match call.params.required("cancelReplaceMode")? {
            "STOP_ON_FAILURE" => true,
            "ALLOW_FAILURE" => false,
            _ => return Err(ApiError::invalid_value("cancelReplaceMode")),
        };
        let reference = Reference::read(call, "cancelOrderId", "cancelOrigClientOrderId")?;
        let cancel_id = call
            .params
            .client_id("cancelNewClientOrderId")?
            .unwrap_or_else(|| self.access.generated_id());
        let restriction = Restriction::read(call)?;
        let cancel_when_limited = match call.params.text("orderRateLimitExceededMode")? {
            None | Some("DO_NOTHING") => false,
            Some("CANCEL_ONLY") => true,
            Some(_) => return Err(ApiError::invalid_value("orderRateLimitExceededMode")),
        };
        let entry = self.read_entry(call)?;
        call.params.finish()?;
        let now_ms = call.now.wall_us / 1000;
        let limited = self
            .limiter
            .check_orders(&Rules::from(&call.settings.limits), call.account, now_ms)
            .err();
        if let Some(error) = limited.clone().filter(|_| !cancel_when_limited) {
            return Err(error);
        }

        let (cancelled, placed) = self.exchange.with(|engine| {
            // Filters are judged before anything is cancelled, so a malformed new order leaves the old one alone.
            super::orders::check(engine, call, &entry.order)?;
            let cancelled = match cancel(engine, call, symbol, &reference, restriction) {
                Ok(order) => done(&render::cancel(call, &order, cancel_id)),
                Err(error) => Half::Failed(error),
            };
            let placed = match (&cancelled, limited) {
                (Half::Failed(_), _) if stop_on_failure => {
                    // Binance counts the new order even then.
                    self.limiter.count_order(call.account, now_ms);
                    Half::NotAttempted
                }
                (_, Some(error)) => Half::Failed(error),
                _ => match self.place(engine, call, entry.order) {
                    Ok(placed) => done(&render::new_order(
                        call,
                        &placed.order,
                        &placed.fills,
                        entry.response,
                    )),
                    Err(error) => Half::Failed(error),
                },
            };
            Ok::<_, ApiError>((cancelled, placed))
        })?;
        respond(cancelled, placed).map(Reply::counting_orders)
    }

    pub(super) fn amend_order(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.symbol()?;
        let reference = Reference::read(call, "orderId", "origClientOrderId")?;
        let client_id = call.params.client_id("newClientOrderId")?;
        call.params.required("newQty")?;
        let quantity = call.params.decimal("newQty")?.unwrap_or_default();
        call.params.finish()?;
        self.exchange
            .with(|engine| self.amend(engine, call, symbol, &reference, client_id, quantity))
    }

    fn amend(
        &self,
        engine: &mut Engine,
        call: &Call<'_>,
        symbol: &str,
        reference: &Reference,
        client_id: Option<String>,
        quantity: rust_decimal::Decimal,
    ) -> Result<Reply, ApiError> {
        let instrument = &listing(engine, symbol)?.instrument;
        let order = reference
            .open(engine, call, symbol)
            .ok_or_else(|| amend_refusal(Reject::UnknownOrder))?;
        check_quantity(quantity, order.kind, instrument)?;
        if order.amends >= instrument.max_amends {
            return Err(ApiError::filter("MAX_NUM_ORDER_AMENDS"));
        }
        let (id, previous) = (order.id, order.client_id.clone());
        // As for a cancel, Binance makes up a new id when none is sent.
        let client_id = Some(client_id.unwrap_or_else(|| self.access.generated_id()));
        let order = engine
            .amend(call.now, id, quantity, client_id)
            .map_err(amend_refusal)?;
        Reply::ok(&json!({
            "transactTime": call.unit.of_us(order.updated.wall_us),
            "executionId": order.updated.wall_us / 1000,
            "amendedOrder": render::amended(call, &order, previous),
        }))
    }
}

/// The engine's refusal of an amendment: Binance's usual text under the code for amendments.
fn amend_refusal(reject: Reject) -> ApiError {
    ApiError {
        code: -2038,
        ..refusal(reject)
    }
}

fn done(body: &impl Serialize) -> Half {
    match serde_json::to_string(body) {
        Ok(body) => Half::Done(body),
        Err(_) => Half::Failed(ApiError::new(
            -1000,
            "An unknown error occurred while processing the request.",
        )),
    }
}

fn respond(cancelled: Half, placed: Half) -> Result<Reply, ApiError> {
    let verdict = match (&cancelled, &placed) {
        (Half::Done(_), Half::Done(_)) => None,
        (Half::Failed(_), Half::Failed(_) | Half::NotAttempted) => {
            Some((400, -2022, "Order cancel-replace failed."))
        }
        _ => Some((409, -2021, "Order cancel-replace partially failed.")),
    };
    let (cancel_result, cancel_response) = half(cancelled);
    let (new_order_result, new_order_response) = half(placed);
    let data = Outcome {
        cancel_result,
        new_order_result,
        cancel_response,
        new_order_response,
    };
    match verdict {
        None => Reply::ok(&data),
        Some((status, code, msg)) => Reply::with_status(status, &Failure { code, msg, data }),
    }
}

fn half(half: Half) -> (&'static str, Option<Box<RawValue>>) {
    match half {
        Half::Done(body) => ("SUCCESS", RawValue::from_string(body).ok()),
        Half::Failed(error) => ("FAILURE", RawValue::from_string(error.body()).ok()),
        Half::NotAttempted => ("NOT_ATTEMPTED", None),
    }
}
