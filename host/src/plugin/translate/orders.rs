//! Orders, on their way out and as venues report them.

use switchyard_runtime::wit::trading as wit_trading;
use switchyard_runtime::wit::types as wit;

use super::{
    Translated, named, nonsense, not_negative, optional_decimal, timestamp, venue_failure, words,
};
use crate::model::{
    Decimal, Failure, FillReport, LegOf, Liquidity, OrderRecord, OrderReport, OrderState,
    OrderType, Side, TimeInForce, Timestamp,
};

/// A side in the contract's form.
pub fn wit_side(side: Side) -> wit::Side {
    match side {
        Side::Buy => wit::Side::Buy,
        Side::Sell => wit::Side::Sell,
    }
}

/// A time in force in the contract's form.
pub fn wit_time_in_force(time_in_force: TimeInForce) -> wit::TimeInForce {
    match time_in_force {
        TimeInForce::Gtc => wit::TimeInForce::Gtc,
        TimeInForce::Ioc => wit::TimeInForce::Ioc,
        TimeInForce::Fok => wit::TimeInForce::Fok,
        TimeInForce::Gtx => wit::TimeInForce::Gtx,
    }
}

/// An order type in the contract's form.
pub fn wit_order_type(order_type: OrderType) -> wit::OrderType {
    match order_type {
        OrderType::Market => wit::OrderType::Market,
        OrderType::Limit => wit::OrderType::Limit,
        OrderType::Other => wit::OrderType::Other,
    }
}

fn side(from: wit::Side) -> Side {
    match from {
        wit::Side::Buy => Side::Buy,
        wit::Side::Sell => Side::Sell,
    }
}

fn order_state(from: wit::OrderState) -> OrderState {
    match from {
        wit::OrderState::PendingNew => OrderState::PendingNew,
        wit::OrderState::New => OrderState::New,
        wit::OrderState::PartiallyFilled => OrderState::PartiallyFilled,
        wit::OrderState::Filled => OrderState::Filled,
        wit::OrderState::PendingCancel => OrderState::PendingCancel,
        wit::OrderState::Canceled => OrderState::Canceled,
        wit::OrderState::PendingReplace => OrderState::PendingReplace,
        wit::OrderState::Rejected => OrderState::Rejected,
        wit::OrderState::Expired => OrderState::Expired,
    }
}

/// What a venue says of an order.
///
/// # Errors
/// [`Nonsense`] where an amount is not a decimal or negative, or more is filled than was ordered.
pub fn order_report(from: wit::OrderReport) -> Translated<OrderReport> {
    let filled_quantity = not_negative("filled-quantity", &from.filled_quantity)?;
    let quantity = optional_decimal("quantity", &from.quantity)?;
    if quantity.is_some_and(|quantity| filled_quantity > quantity) {
        return Err(nonsense(
            "filled-quantity",
            &from.filled_quantity,
            "is more than the order's quantity",
        ));
    }
    Ok(OrderReport {
        symbol: named("symbol", from.symbol)?,
        venue_order_id: named("venue-id", from.venue_id)?,
        client_id: from.client_id.map(words),
        side: side(from.side),
        order_type: match from.order_type {
            wit::OrderType::Market => OrderType::Market,
            wit::OrderType::Limit => OrderType::Limit,
            wit::OrderType::Other => OrderType::Other,
        },
        time_in_force: from.time_in_force.map(|time_in_force| match time_in_force {
            wit::TimeInForce::Gtc => TimeInForce::Gtc,
            wit::TimeInForce::Ioc => TimeInForce::Ioc,
            wit::TimeInForce::Fok => TimeInForce::Fok,
            wit::TimeInForce::Gtx => TimeInForce::Gtx,
        }),
        reduce_only: from.reduce_only,
        quantity,
        price: optional_decimal("price", &from.price)?,
        state: order_state(from.state),
        filled_quantity,
        average_price: optional_decimal("average-price", &from.average_price)?,
        created_at: from.created_at.map(timestamp),
        updated_at: from.updated_at.map(timestamp),
        reason: from.reason.map(words),
    })
}

/// What a venue says of one order that it was asked about.
///
/// # Errors
/// As [`order_report`], or where the report is of another order: it must not change this one.
pub fn report_of(record: &OrderRecord, from: wit::OrderReport) -> Translated<OrderReport> {
    let report = order_report(from)?;
    match record.difference(&report) {
        Some((field, value)) => Err(nonsense(field, &value, "is not the order's")),
        None => Ok(report),
    }
}

/// What a venue says of an order that it has just been given.
///
/// # Errors
/// As [`report_of`], or where its quantity is not the one that was ordered.
pub fn placed_report(record: &OrderRecord, from: wit::OrderReport) -> Translated<OrderReport> {
    let report = report_of(record, from)?;
    of_quantity(record.order.quantity, record.order.reduce_only, report)
}

/// A report of the quantity that was ordered. Venues cut an order that may only reduce a position down to
/// what there is to reduce.
fn of_quantity(
    ordered: Option<Decimal>,
    reduce_only: bool,
    report: OrderReport,
) -> Translated<OrderReport> {
    let is_as_ordered =
        |quantity: Decimal| Some(quantity) == ordered || reduce_only && Some(quantity) < ordered;
    match report.quantity {
        Some(quantity) if !is_as_ordered(quantity) => {
            let problem = "is not the quantity that was ordered";
            Err(nonsense("quantity", &quantity.to_string(), problem))
        }
        _ => Ok(report),
    }
}

/// Several reports, or the first problem among them.
///
/// # Errors
/// As [`order_report`].
pub fn order_reports(from: Vec<wit::OrderReport>) -> Translated<Vec<OrderReport>> {
    from.into_iter().map(order_report).collect()
}

/// What a cancel achieved: the order's last state, or nothing yet.
///
/// # Errors
/// As [`order_report`].
pub fn cancel_outcome(
    record: &OrderRecord,
    from: wit_trading::CancelOutcome,
) -> Translated<Option<OrderReport>> {
    match from {
        wit_trading::CancelOutcome::Confirmed(report) => report_of(record, report).map(Some),
        wit_trading::CancelOutcome::Accepted => Ok(None),
    }
}

/// Fills as a venue tells them.
///
/// # Errors
/// [`Nonsense`] where an amount is not a decimal, or quantity or price is negative.
pub fn fill_reports(from: Vec<wit_trading::Fill>) -> Translated<Vec<FillReport>> {
    from.into_iter()
        .map(|fill| {
            Ok(FillReport {
                symbol: named("symbol", fill.symbol)?,
                fill_id: named("venue-fill-id", fill.venue_fill_id)?,
                venue_order_id: named("venue-order-id", fill.venue_order_id)?,
                client_id: fill.client_id.map(words),
                side: side(fill.side),
                quantity: not_negative("quantity", &fill.quantity)?,
                price: not_negative("price", &fill.price)?,
                fee: optional_decimal("fee", &fill.fee)?,
                fee_asset: fill.fee_asset.map(words),
                liquidity: fill.liquidity.map(|liquidity| match liquidity {
                    wit_trading::Liquidity::Maker => Liquidity::Maker,
                    wit_trading::Liquidity::Taker => Liquidity::Taker,
                }),
                at: timestamp(fill.at),
            })
        })
        .collect()
}

/// What an amend achieved.
#[derive(Debug, Clone, PartialEq)]
pub enum AmendOutcome {
    /// The order, or the one that took its place.
    Amended(OrderReport),
    /// The order is cancelled, and the one to take its place was not accepted.
    NotReplaced {
        /// The order that was cancelled.
        canceled: OrderReport,
        /// Why its replacement failed, and with what effect.
        failure: Failure,
    },
}

/// What an amend achieved.
///
/// # Errors
/// As [`report_of`], or where an order that the adapter says is cancelled is not over.
pub fn amend_outcome(
    record: &OrderRecord,
    from: wit_trading::AmendOutcome,
    now: Timestamp,
) -> Translated<AmendOutcome> {
    match from {
        wit_trading::AmendOutcome::Amended(report) => {
            report_of(record, report).map(AmendOutcome::Amended)
        }
        wit_trading::AmendOutcome::NotReplaced(failed) => {
            let canceled = report_of(record, failed.canceled)?;
            if !canceled.state.is_final() || record.leg_of(&canceled) != Some(LegOf::Current) {
                let problem = "is not the end of the order that was to be replaced";
                return Err(nonsense("canceled", canceled.state.name(), problem));
            }
            Ok(AmendOutcome::NotReplaced {
                canceled,
                failure: venue_failure(failed.error, true, now),
            })
        }
    }
}

/// What a venue says of the leg that was to go on with what is left of an order.
///
/// # Errors
/// As [`report_of`], or where it is of another leg or not of the quantity that was ordered.
pub fn replacing_report(
    record: &OrderRecord,
    ordered: Decimal,
    from: wit::OrderReport,
) -> Translated<OrderReport> {
    let report = report_of(record, from)?;
    if record.leg_of(&report) != Some(LegOf::Replacement) {
        let id = report.client_id.unwrap_or_default();
        return Err(nonsense("client-id", &id, "is not the order's new one"));
    }
    of_quantity(Some(ordered), record.order.reduce_only, report)
}
