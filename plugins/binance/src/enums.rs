//! The words that every Binance API has for an order's side, state and time in force ("Enums").

use switchyard_sdk::query::Query;
use switchyard_sdk::types::{Error, OrderRef, OrderState, Side, TimeInForce};

/// Order states ("Order status"). The engine opens liquidation orders as `NEW_INSURANCE` or `NEW_ADL`.
pub(crate) fn state(status: &str) -> Result<OrderState, Error> {
    Ok(match status {
        "PENDING_NEW" => OrderState::PendingNew,
        "NEW" | "NEW_INSURANCE" | "NEW_ADL" => OrderState::New,
        "PARTIALLY_FILLED" => OrderState::PartiallyFilled,
        "FILLED" => OrderState::Filled,
        "CANCELED" => OrderState::Canceled,
        "PENDING_CANCEL" => OrderState::PendingCancel,
        "REJECTED" => OrderState::Rejected,
        "EXPIRED" | "EXPIRED_IN_MATCH" => OrderState::Expired,
        _ => return Err(Error::malformed("an order status that is not documented")),
    })
}

/// Whether an order in this state can change no more.
pub(crate) fn is_final(state: OrderState) -> bool {
    matches!(
        state,
        OrderState::Filled | OrderState::Canceled | OrderState::Rejected | OrderState::Expired
    )
}

pub(crate) fn side(text: &str) -> Result<Side, Error> {
    match text {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(Error::malformed("an order side that is not documented")),
    }
}

pub(crate) fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// Times in force that the gateway knows; the others (`GTD`, `RPI` ...) are other clients' own.
pub(crate) fn time_in_force(text: &str) -> Option<TimeInForce> {
    match text {
        "GTC" => Some(TimeInForce::Gtc),
        "IOC" => Some(TimeInForce::Ioc),
        "FOK" => Some(TimeInForce::Fok),
        "GTX" => Some(TimeInForce::Gtx),
        _ => None,
    }
}

pub(crate) fn time_in_force_name(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::Gtc => "GTC",
        TimeInForce::Ioc => "IOC",
        TimeInForce::Fok => "FOK",
        TimeInForce::Gtx => "GTX",
    }
}

/// Appends the order that is meant, by the parameter for either kind of id; one id alone is fastest.
pub(crate) fn naming(
    query: Query,
    order: &OrderRef,
    by_id: &str,
    by_client_id: &str,
) -> Result<Query, Error> {
    match (&order.venue_id, &order.client_id) {
        (Some(id), _) if is_number(id) => Ok(query.with(by_id, id)),
        (Some(_), _) => Err(Error::invalid("order", "a Binance order id is a number")),
        (None, Some(id)) => Ok(query.with(by_client_id, id)),
        (None, None) => Err(Error::invalid("order", "no order is named")),
    }
}

pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
