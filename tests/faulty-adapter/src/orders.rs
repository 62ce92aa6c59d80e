//! Orders, to the made-up venue and back.

use std::str::FromStr as _;

use rust_decimal::Decimal;
use switchyard_sdk::trading::Place;
use switchyard_sdk::types::{
    Error, OrderReport, OrderState, OrderType, Side, TimeInForce, Timestamp,
};
use switchyard_sdk::{Context, decimal};

use crate::fault::Fault;
use crate::venue::ENDPOINT;
use crate::wire::{Moment, Number, Order};

/// The body of a request for a new order.
pub(crate) fn body(cx: &Context<'_>, command: &Place) -> Result<String, Error> {
    if command.reduce_only && !Fault::IgnoredReduceOnly.is_on() {
        return Err(Error::unsupported("reduce-only").at("reduce_only"));
    }
    if !command.client_id.is_ascii() || command.client_id.is_empty() {
        return Err(Error::invalid(
            "client_id",
            "not an id that the venue takes",
        ));
    }
    let mut quantity = positive(&command.quantity, "quantity")?;
    if Fault::WrongRounding.is_on() {
        quantity = quantity.round_dp(4);
    }
    let mut client_id = command.client_id.clone();
    if Fault::ClientIdChanged.is_on() {
        client_id.make_ascii_uppercase();
    }
    if Fault::ClientIdCutShort.is_on() {
        client_id.truncate(18);
    }
    if Fault::ClientIdUnfindable.is_on() {
        client_id = client_id.chars().rev().collect();
    }
    let mut fields = serde_json::Map::new();
    let mut put = |name: &str, value: &str| fields.insert(name.to_owned(), value.into());
    put("market", &cx.instrument()?.venue_symbol);
    put("client_id", &client_id);
    put(
        "side",
        if command.side == Side::Buy {
            "buy"
        } else {
            "sell"
        },
    );
    put("quantity", &quantity.to_string());
    match (command.order_type, &command.price, command.time_in_force) {
        (OrderType::Market, ..) => {
            put("type", "market");
        }
        (OrderType::Limit, Some(price), Some(time)) => {
            let mut price = positive(price, "price")?;
            if Fault::ScaledPrice.is_on() {
                price = price.checked_mul(Decimal::ONE_HUNDRED).unwrap_or(price);
            }
            put("type", "limit");
            put("price", &price.to_string());
            put(
                "time_in_force",
                match time {
                    TimeInForce::Gtc => "gtc",
                    TimeInForce::Fok if Fault::WrongTimeInForce.is_on() => "gtc",
                    TimeInForce::Ioc => "ioc",
                    TimeInForce::Fok => "fok",
                    TimeInForce::Gtx => {
                        return Err(Error::unsupported("post-only").at("time_in_force"));
                    }
                },
            );
        }
        _ => return Err(Error::unsupported("an order of this kind").at("order_type")),
    }
    Ok(serde_json::Value::Object(fields).to_string())
}

/// A command's decimal, which must be above zero.
fn positive(text: &str, field: &str) -> Result<Decimal, Error> {
    let value = decimal::value(text).map_err(|error| error.at(field))?;
    // A quantity of the contract that this type cannot hold exactly would be another number.
    let is_exact = Decimal::from_str(text).is_ok_and(|read| read == value);
    if is_exact && value > Decimal::ZERO {
        Ok(value)
    } else {
        Err(Error::invalid(field, "must be above zero"))
    }
}

/// An order as the venue shows it.
pub(crate) fn report(cx: &Context<'_>, order: Order) -> Result<OrderReport, Error> {
    let malformed = |what: &str| Error::malformed(format!("an unknown {what}"));
    let text = |number: Number| number.0;
    let filled = match order.filled {
        Some(filled) => filled.0,
        None if Fault::SilentZero.is_on() => "0".to_owned(),
        None => return Err(Error::malformed("an order without `filled`")),
    };
    Ok(OrderReport {
        symbol: symbol(cx, &order.market.0),
        venue_id: order.id.0,
        client_id: Some(order.client_id.0).filter(|_| !Fault::ClientIdForgotten.is_on()),
        side: match order.side.as_str() {
            "buy" => Side::Buy,
            "sell" => Side::Sell,
            _ => return Err(malformed("side")),
        },
        order_type: match order.kind.as_str() {
            "limit" => OrderType::Limit,
            "market" => OrderType::Market,
            _ => OrderType::Other,
        },
        time_in_force: match order.time_in_force.as_deref() {
            Some("gtc") => Some(TimeInForce::Gtc),
            Some("ioc") => Some(TimeInForce::Ioc),
            Some("fok") => Some(TimeInForce::Fok),
            None => None,
            Some(_) => return Err(malformed("time in force")),
        },
        reduce_only: false,
        quantity: Some(order.quantity.0),
        price: order.price.map(text),
        state: match order.status.as_str() {
            "open" if filled.bytes().all(|byte| matches!(byte, b'0' | b'.')) => OrderState::New,
            "open" => OrderState::PartiallyFilled,
            "filled" => OrderState::Filled,
            "canceled" => OrderState::Canceled,
            "expired" => OrderState::Expired,
            _ => return Err(malformed("status")),
        },
        filled_quantity: filled,
        average_price: order.average_price.map(text),
        created_at: Some(time(order.created_at)),
        updated_at: Some(time(order.updated_at)),
        reason: None,
    })
}

/// The unified symbol, or the venue's own name where the catalogue does not know it.
pub(crate) fn symbol(cx: &Context<'_>, market: &str) -> String {
    let about = cx.instrument.as_ref().filter(|i| i.venue_symbol == market);
    match about {
        Some(instrument) => instrument.symbol.clone(),
        None => cx
            .find(ENDPOINT, market)
            .map_or_else(|| market.to_owned(), |instrument| instrument.symbol),
    }
}

pub(crate) fn time(at: Moment) -> Timestamp {
    if Fault::Seconds.is_on() {
        at.0 / 1_000
    } else {
        at.0
    }
}
