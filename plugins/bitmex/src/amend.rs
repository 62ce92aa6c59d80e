//! Changing an open order in place.

use switchyard_sdk::trading::{Amend, AmendOutcome};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method};
use switchyard_sdk::{Context, Step, decimal};

use crate::body::Body;
use crate::failures::{after, written};
use crate::measures::{Measure, Measures};
use crate::orders::{WireOrder, naming};
use crate::signing;
use crate::trading::ORDER;

pub(crate) fn encode_amend(
    cx: &Context<'_>,
    command: &Amend,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let measure = Measure::here(cx)?;
    let mut body = naming(Body::default(), &command.order, "origClOrdID")?;
    let mut changes = false;
    if let Some(quantity) = &command.quantity {
        let wanted = decimal::value(quantity).map_err(|error| error.at("quantity"))?;
        let filled = decimal::value(&command.filled_quantity)?;
        if wanted <= filled {
            // BitMEX has words for that ("Invalid leavesQty"); this says why.
            return Err(Error::invalid("quantity", "not above what is filled"));
        }
        if wanted != decimal::value(&command.current_quantity)? {
            // "orderQty" is the total, "leavesQty" would be what is left of it.
            body = body.number("orderQty", &measure.contracts(quantity)?, "quantity")?;
            changes = true;
        }
    }
    if let Some(price) = &command.price {
        let wanted = decimal::value(price).map_err(|error| error.at("price"))?;
        let current = command.current_price.as_deref().map(decimal::value);
        if current.transpose()? != Some(wanted) {
            body = body.number("price", price, "price")?;
            changes = true;
        }
    }
    if !changes {
        return Err(Error::invalid("quantity", "nothing would change"));
    }
    Ok(vec![signing::change(cx, Method::Put, ORDER, body)?])
}

pub(crate) fn decode_amend(
    cx: &Context<'_>,
    command: &Amend,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<AmendOutcome>, Error> {
    let order: WireOrder<'_> = written(cx, responses)?;
    if !order.is(&command.order) {
        return Err(Error::malformed("the answer is about another order").after(true));
    }
    if let Some(refusal) = order.refusal(cx) {
        return Err(refusal);
    }
    // A post-only order that would take at its new price is cancelled, and reported so.
    order
        .report(&mut Measures::new(cx).map_err(after)?)
        .map(|report| Step::Done(AmendOutcome::Amended(report)))
        .map_err(after)
}
