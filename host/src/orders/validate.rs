//! Checks a new order, or a change to one, against its instrument, before anything is sent.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NotionalBounds, Product, QuantityUnit, Side};

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn bounds(min: &str, max: &str, step: &str) -> Bounds {
        Bounds {
            min: Some(decimal(min)),
            max: Some(decimal(max)),
            step: Some(decimal(step)),
        }
    }

    fn instrument() -> Instrument {
        Instrument {
            venue: "sim".into(),
            symbol: "BTC/USDT".into(),
            venue_symbol: "BTCUSDT".into(),
            endpoint: "spot".into(),
            product: Product::Spot,
            payoff: Payoff::Delivery,
            base: "BTC".into(),
            quote: "USDT".into(),
            settle: "USDT".into(),
            quantity_unit: QuantityUnit::Base,
            contract_size: decimal("1"),
            status: InstrumentStatus::Trading,
            expiry: None,
            price: bounds("0.01", "1000000", "0.01"),
            quantity: bounds("0.001", "9000", "0.001"),
            market_quantity: Some(bounds("0.001", "50", "0.001")),
            notional: Some(NotionalBounds {
                min: Some(decimal("10")),
                max: Some(decimal("1000000")),
                min_applies_to_market: true,
                max_applies_to_market: false,
                min_applies_to_reduce_only: true,
            }),
            price_band: None,
            max_open_orders: None,
            max_position: None,
            order_types: vec![OrderType::Market, OrderType::Limit],
            times_in_force: vec![TimeInForce::Gtc, TimeInForce::Ioc],
            other_rules: Default::default(),
        }
    }

    fn limit(quantity: &str, price: &str) -> NewOrder {
        NewOrder {
            venue: "sim".into(),
            symbol: "BTC/USDT".into(),
            side: Side::Buy,
            order_type: OrderType::Limit,
            quantity: decimal(quantity),
            price: Some(decimal(price)),
            time_in_force: Some(TimeInForce::Gtc),
            reduce_only: false,
            client_order_id: None,
        }
    }

    fn market(quantity: &str) -> NewOrder {
        NewOrder {
            order_type: OrderType::Market,
            price: None,
            time_in_force: None,
            ..limit(quantity, "1")
        }
    }

    #[track_caller]
    fn one_problem(order: &NewOrder) -> FieldProblem {
        let mut found = problems(order, &instrument(), false);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn an_order_within_every_bound_has_no_problem() {
        assert_eq!(
            problems(&limit("0.5", "60000.01"), &instrument(), false),
            []
        );
        assert_eq!(problems(&market("0.5"), &instrument(), false), []);
    }

    #[test]
    fn each_breach_names_field_value_and_what_is_allowed() {
        for (order, field, value, allowed) in [
            (
                limit("0.0005", "60000"),
                "quantity",
                "0.0005",
                "at least 0.001",
            ),
            (limit("9001", "10"), "quantity", "9001", "at most 9000"),
            (
                limit("0.0015", "60000"),
                "quantity",
                "0.0015",
                "multiple of 0.001",
            ),
            (
                limit("1", "60000.005"),
                "price",
                "60000.005",
                "multiple of 0.01",
            ),
            (
                limit("0.1", "1000001"),
                "price",
                "1000001",
                "at most 1000000",
            ),
            (limit("0.001", "100"), "quantity", "0.001", "at least 10"),
            (
                limit("9000", "60000"),
                "quantity",
                "9000",
                "at most 1000000",
            ),
            (limit("-1", "60000"), "quantity", "-1", "above 0"),
            (market("51"), "quantity", "51", "at most 50"),
            (
                NewOrder {
                    price: None,
                    ..limit("1", "1")
                },
                "price",
                "null",
                "limit order",
            ),
            (
                NewOrder {
                    price: Some(decimal("60000")),
                    ..market("1")
                },
                "price",
                "60000",
                "absent",
            ),
            (
                NewOrder {
                    time_in_force: Some(TimeInForce::Ioc),
                    ..market("1")
                },
                "time_in_force",
                "ioc",
                "absent",
            ),
            (
                NewOrder {
                    time_in_force: Some(TimeInForce::Fok),
                    ..limit("1", "100")
                },
                "time_in_force",
                "fok",
                "gtc, ioc",
            ),
            (
                NewOrder {
                    reduce_only: true,
                    ..limit("1", "100")
                },
                "reduce_only",
                "true",
                "false",
            ),
            (
                NewOrder {
                    client_order_id: Some("a b".into()),
                    ..limit("1", "100")
                },
                "client_order_id",
                "a b",
                "64",
            ),
            (
                NewOrder {
                    client_order_id: Some(String::new()),
                    ..limit("1", "100")
                },
                "client_order_id",
                "",
                "64",
            ),
        ] {
            let problem = one_problem(&order);
            assert_eq!(
                (
                    problem.field.as_str(),
                    problem.value.as_deref().unwrap_or("null")
                ),
                (field, value),
                "{problem}"
            );
            assert!(problem.problem.contains(allowed), "{problem}");
        }
    }

    #[test]
    fn several_breaches_are_all_told_at_once() {
        let found = problems(&limit("0.0005", "60000.005"), &instrument(), false);
        let fields: Vec<&str> = found.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["quantity", "price"]);
    }

    #[test]
    fn a_halted_instrument_takes_no_order() {
        let halted = Instrument {
            status: InstrumentStatus::Halted,
            ..instrument()
        };
        let found = problems(&limit("1", "100"), &halted, false);
        assert_eq!(found[0].field, "symbol");
    }

    #[test]
    fn an_inverse_contract_is_worth_its_contracts_whatever_the_price() {
        let inverse = Instrument {
            payoff: Payoff::Inverse,
            contract_size: decimal("100"),
            ..instrument()
        };
        assert_eq!(problems(&limit("1", "0.01"), &inverse, true), []);
    }
}
