//! Changing an open order in place.
//!
//! Binance cancels an order by its amendment "when the order is in partially filled status and the new
//! quantity <= executedQty" and "when the order is GTX and the new price will cause it to be executed
//! immediately". What the answer then shows is an order in a final state, and it is reported as such. The
//! first of the two is refused beforehand as far as it can be known.

use switchyard_sdk::trading::{Amend, AmendOutcome};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method, OrderState, TimeInForce};
use switchyard_sdk::{Context, Step, decimal};

use super::dialect::Dialect;
use super::orders::WireOrder;
use super::{ordering, signed, written};
use crate::enums::{naming, side_name};
use crate::failures::after;
use crate::names::Names;

pub(crate) fn encode_amend(
    cx: &Context<'_>,
    command: &Amend,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    // "Both quantity and price must be sent"; on COIN-M one of them would do for now.
    let quantity = command
        .quantity
        .as_ref()
        .unwrap_or(&command.current_quantity);
    let price = command
        .price
        .as_ref()
        .or(command.current_price.as_ref())
        .ok_or_else(|| Error::invalid("price", "the order's price is not known"))?;
    let wanted = decimal::value(quantity)?;
    let same_price = match &command.current_price {
        Some(current) => decimal::value(current)? == decimal::value(price)?,
        None => false,
    };
    if same_price && wanted == decimal::value(&command.current_quantity)? {
        return Err(Error::invalid("quantity", "nothing would change"));
    }
    let filled = decimal::value(&command.filled_quantity)?;
    if !filled.is_zero() && wanted <= filled {
        return Err(Error::invalid(
            "quantity",
            "not above what is filled: Binance would cancel the order",
        ));
    }
    let query = dialect.query_symbol(cx, "/v1/order")?;
    let query = naming(query, &command.order, "orderId", "origClientOrderId")?
        .with("side", side_name(command.side))
        .with("quantity", quantity)
        .with("price", price);
    // Repeats what the order is, which spares it the least notional; COIN-M has no such parameter.
    let repeated = !dialect.inverse && command.reduce_only;
    let query = query.with_some("reduceOnly", repeated.then_some("true"));
    let request = signed(cx, dialect, Method::Put, query, dialect.amend_weight)?;
    Ok(vec![if dialect.amend_is_order {
        ordering(dialect, request)
    } else {
        request
    }])
}

pub(crate) fn decode_amend(
    cx: &Context<'_>,
    command: &Amend,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<AmendOutcome>, Error> {
    let order: WireOrder<'_> = written(cx, Dialect::of(cx)?, responses)?;
    let mut report = order.report(&mut Names::new(cx)).map_err(after)?;
    if matches!(report.state, OrderState::Canceled | OrderState::Expired) {
        report.reason.get_or_insert_with(|| why(command).to_owned());
    }
    Ok(Step::Done(AmendOutcome::Amended(report)))
}

/// Why an amendment ended the order, which the answer does not say.
fn why(command: &Amend) -> &'static str {
    if command.time_in_force == Some(TimeInForce::Gtx) {
        "Binance cancels a post-only order whose new price would take"
    } else {
        "Binance cancels an order whose new quantity is filled already"
    }
}
