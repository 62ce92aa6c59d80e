//! Checks a new order, or a change to one, against its instrument, before anything is sent.

#[cfg(test)]
pub(in crate::orders) mod tests;

use std::fmt;

use super::amend::Change;
use super::place::NewOrder;
use crate::model::{
    Bounds, Decimal, Instrument, InstrumentStatus, Order, OrderType, Payoff, TimeInForce,
};

/// One field of a request that cannot be right: its value, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldProblem {
    /// The field.
    pub field: String,
    /// Its value, where it has one.
    pub value: Option<String>,
    /// What is allowed.
    pub problem: String,
}

impl FieldProblem {
    /// A problem with a field's value.
    pub fn new(field: &str, value: impl fmt::Display, problem: impl Into<String>) -> Self {
        let value = value.to_string().chars().take(128).collect();
        Self {
            value: Some(value),
            ..Self::absent(field, problem)
        }
    }

    /// A problem with a field that has no value to show.
    pub fn absent(field: &str, problem: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            value: None,
            problem: problem.into(),
        }
    }
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {value:?} {}", self.field, self.problem),
            None => write!(f, "{}: {}", self.field, self.problem),
        }
    }
}

/// Longest label a caller may give.
const LABEL_LENGTH: usize = 64;

/// Everything about the order that does not fit the instrument. `reduces` says whether the endpoint
/// knows reduce-only.
pub(super) fn problems(
    order: &NewOrder,
    instrument: &Instrument,
    reduces: bool,
) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    check_status(order, instrument, &mut problems);
    check_type(order, instrument, &mut problems);
    if order.reduce_only && !reduces {
        problems.push(FieldProblem::new(
            "reduce_only",
            "true",
            format!("must be false: {} has no positions", order.symbol),
        ));
    }
    check_quantity(order, instrument, &mut problems);
    if let (OrderType::Limit, Some(price)) = (order.order_type, order.price) {
        check_bounds("price", price, &instrument.price, &mut problems);
    }
    check_notional(order, instrument, &mut problems);
    check_label(order, &mut problems);
    problems
}

/// Everything about a change that does not fit the order or its instrument.
pub(super) fn change_problems(
    order: &Order,
    change: Change,
    instrument: &Instrument,
) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if let (OrderType::Market, Some(price)) = (order.order_type, change.price) {
        problems.push(FieldProblem::new(
            "price",
            price,
            "must be absent for a market order",
        ));
        return problems;
    }
    let changed = NewOrder {
        venue: order.venue.clone(),
        symbol: order.symbol.clone(),
        side: order.side,
        order_type: order.order_type,
        quantity: change.quantity.or(order.quantity).unwrap_or_default(),
        price: change.price.or(order.price),
        time_in_force: None, // it is as it was
        reduce_only: order.reduce_only,
        client_order_id: None,
        failover: Vec::new(),
    };
    check_status(&changed, instrument, &mut problems);
    check_quantity(&changed, instrument, &mut problems);
    if problems.is_empty() && changed.quantity <= order.filled_quantity {
        problems.push(FieldProblem::new(
            "quantity",
            changed.quantity,
            format!(
                "must be above {}, which is filled already; cancel the order to end it",
                order.filled_quantity
            ),
        ));
    }
    if let Some(price) = changed.price {
        check_bounds("price", price, &instrument.price, &mut problems);
    }
    check_notional(&changed, instrument, &mut problems);
    problems
}

fn check_status(order: &NewOrder, instrument: &Instrument, problems: &mut Vec<FieldProblem>) {
    let status = match instrument.status {
        InstrumentStatus::Trading => return,
        InstrumentStatus::Halted => "is halted: the venue takes no orders for it now",
        InstrumentStatus::Closed => "is closed: the venue takes no orders for it any more",
    };
    problems.push(FieldProblem::new("symbol", &order.symbol, status));
}

fn check_type(order: &NewOrder, instrument: &Instrument, problems: &mut Vec<FieldProblem>) {
    let name = |order_type| match order_type {
        OrderType::Market => "market",
        OrderType::Limit => "limit",
        OrderType::Other => "other",
    };
    if !instrument.order_types.contains(&order.order_type) {
        let allowed: Vec<&str> = instrument.order_types.iter().copied().map(name).collect();
        problems.push(FieldProblem::new(
            "type",
            name(order.order_type),
            format!("must be one of: {}", allowed.join(", ")),
        ));
    }
    match (order.order_type, order.price) {
        (OrderType::Limit, None) => problems.push(FieldProblem::absent(
            "price",
            "must be given for a limit order",
        )),
        (OrderType::Market, Some(price)) => {
            problems.push(FieldProblem::new(
                "price",
                price,
                "must be absent for a market order",
            ));
        }
        _ => {}
    }
    let tif_name = |tif| match tif {
        TimeInForce::Gtc => "gtc",
        TimeInForce::Ioc => "ioc",
        TimeInForce::Fok => "fok",
        TimeInForce::Gtx => "gtx",
    };
    match (order.order_type, order.time_in_force) {
        (OrderType::Market, Some(tif)) => {
            problems.push(FieldProblem::new(
                "time_in_force",
                tif_name(tif),
                "must be absent for a market order",
            ));
        }
        (OrderType::Limit, Some(tif)) if !instrument.times_in_force.contains(&tif) => {
            let allowed: Vec<&str> = instrument
                .times_in_force
                .iter()
                .copied()
                .map(tif_name)
                .collect();
            problems.push(FieldProblem::new(
                "time_in_force",
                tif_name(tif),
                format!("must be one of: {}", allowed.join(", ")),
            ));
        }
        _ => {}
    }
}

fn check_quantity(order: &NewOrder, instrument: &Instrument, problems: &mut Vec<FieldProblem>) {
    check_bounds("quantity", order.quantity, &instrument.quantity, problems);
    if let (OrderType::Market, Some(bounds), true) = (
        order.order_type,
        &instrument.market_quantity,
        problems.is_empty(),
    ) {
        check_bounds("quantity", order.quantity, bounds, problems);
    }
}

fn check_bounds(field: &str, value: Decimal, bounds: &Bounds, problems: &mut Vec<FieldProblem>) {
    let problem = if !value.is_positive() {
        Some("must be above 0".to_owned())
    } else if let Some(min) = bounds.min.filter(|min| value < *min) {
        Some(format!("must be at least {min}"))
    } else if let Some(max) = bounds.max.filter(|max| value > *max) {
        Some(format!("must be at most {max}"))
    } else {
        let origin = bounds.min.unwrap_or(Decimal::ZERO);
        bounds
            .step
            .filter(|step| !value.is_on_grid(origin, *step))
            .map(|step| {
                if origin == Decimal::ZERO || origin.is_on_grid(Decimal::ZERO, step) {
                    format!("must be a multiple of {step}")
                } else {
                    format!("must be {origin} plus a multiple of {step}")
                }
            })
    };
    problems.extend(problem.map(|problem| FieldProblem::new(field, value, problem)));
}

/// Price times quantity of a limit order; a market order's value is known to the venue only.
fn check_notional(order: &NewOrder, instrument: &Instrument, problems: &mut Vec<FieldProblem>) {
    let (Some(bounds), Some(price), OrderType::Limit) =
        (&instrument.notional, order.price, order.order_type)
    else {
        return;
    };
    if !order.quantity.is_positive() || !price.is_positive() {
        return; // told already
    }
    let contracts = order.quantity.exact_product(instrument.contract_size);
    let notional = match instrument.payoff {
        Payoff::Inverse => contracts,
        _ => contracts.and_then(|quantity| quantity.exact_product(price)),
    };
    let Some(notional) = notional else {
        problems.push(FieldProblem::new(
            "quantity",
            order.quantity,
            "has too many digits together with the price",
        ));
        return;
    };
    let is_bound_below = bounds.min_applies_to_reduce_only || !order.reduce_only;
    let below = bounds.min.filter(|min| is_bound_below && notional < *min);
    let problem = if let Some(min) = below {
        Some(format!(
            "makes the order worth {notional} {}; it must be worth at least {min}",
            instrument.quote
        ))
    } else {
        bounds.max.filter(|max| notional > *max).map(|max| {
            format!(
                "makes the order worth {notional} {}; it must be worth at most {max}",
                instrument.quote
            )
        })
    };
    problems.extend(problem.map(|problem| FieldProblem::new("quantity", order.quantity, problem)));
}

fn check_label(order: &NewOrder, problems: &mut Vec<FieldProblem>) {
    let Some(label) = &order.client_order_id else {
        return;
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    if label.is_empty() || label.len() > LABEL_LENGTH || !label.chars().all(allowed) {
        problems.push(FieldProblem::new(
            "client_order_id",
            label,
            "must be 1 to 64 characters of [A-Za-z0-9_.:-]",
        ));
    }
}
