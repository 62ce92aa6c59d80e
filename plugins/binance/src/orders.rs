//! What every API's orders have in common: the terms of a new one, and what the answers come to.

use switchyard_sdk::trading::{CancelOutcome, Place};
use switchyard_sdk::types::{Error, ErrorKind, OrderReport, OrderState, OrderType, TimeInForce};

use crate::enums::is_final;

/// The price and the time in force of a limit order; `None` for a market order, which has neither.
pub(crate) fn terms(command: &Place) -> Result<Option<(&str, TimeInForce)>, Error> {
    match (command.order_type, &command.price, command.time_in_force) {
        (OrderType::Market, None, None) => Ok(None),
        (OrderType::Limit, Some(price), Some(time_in_force)) => Ok(Some((price, time_in_force))),
        (OrderType::Market, Some(_), _) => {
            Err(Error::invalid("price", "a market order has no price"))
        }
        (OrderType::Market, None, Some(_)) => Err(Error::invalid(
            "time-in-force",
            "a market order has no time in force",
        )),
        (OrderType::Limit, None, _) => Err(Error::invalid("price", "a limit order needs a price")),
        (OrderType::Limit, Some(_), None) => Err(Error::invalid(
            "time-in-force",
            "a limit order needs a time in force",
        )),
        (OrderType::Other, ..) => Err(Error::unsupported("this order type").at("order-type")),
    }
}

/// The report of an order just placed under this id; a refusal is an error, never a report.
pub(crate) fn acknowledged(report: OrderReport, client_id: &str) -> Result<OrderReport, Error> {
    // An answer about another order says nothing of this one.
    if report.client_id.as_deref() != Some(client_id) {
        return Err(Error::malformed("the answer names another client order id").after(true));
    }
    if report.state == OrderState::Rejected {
        return Err(Error::refused(ErrorKind::InvalidRequest)
            .because(report.reason.unwrap_or_default())
            .coded("REJECTED"));
    }
    Ok(report)
}

/// What a cancel came to, by the order in its answer.
pub(crate) fn canceled(report: OrderReport) -> CancelOutcome {
    if is_final(report.state) {
        CancelOutcome::Confirmed(report)
    } else {
        CancelOutcome::Accepted
    }
}
