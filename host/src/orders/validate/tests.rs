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

pub(in crate::orders) fn instrument() -> Instrument {
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
        failover: Vec::new(),
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
