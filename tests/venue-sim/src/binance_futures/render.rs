//! Orders and fills in Binance's words.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::Dialect;
use crate::binance::format::{amount, fixed};
use crate::engine::{
    Contract, Fill, Order, OrderKind, OrderState, Payoff, SelfTradePrevention, Side, TimeInForce,
};
use crate::truth::{side_name, state_name};

/// Decimals of prices that are averages.
const AVERAGE_SCALE: u32 = 8;

/// Which answer shows an order; they differ in a few fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// To a new order: as it was accepted, whatever has happened since.
    Accepted,
    /// To a new order: as it ended.
    Ended,
    /// To a cancel.
    Cancelled,
    /// To an amendment.
    Amended,
    /// To a lookup.
    Listed,
}

/// An order.
pub(super) fn order(dialect: &Dialect, contract: &Contract, order: &Order, shape: Shape) -> Value {
    let quantity = |value: Decimal| fixed(value, contract.quantity_precision);
    let (executed, value, state) = match shape {
        Shape::Accepted => (Decimal::ZERO, Decimal::ZERO, OrderState::New),
        _ => (order.executed, order.executed_quote, order.state),
    };
    let mut body = json!({
        "orderId": order.number,
        "symbol": order.symbol,
        "status": state_name(state),
        "clientOrderId": order.client_id,
        "price": fixed(order.kind.limit().unwrap_or_default(), contract.price_precision),
        "avgPrice": average(contract, executed, value),
        "origQty": quantity(order.quantity),
        "executedQty": quantity(executed),
        "timeInForce": time_in_force(order),
        "type": type_name(order.kind),
        "origType": type_name(order.kind),
        "reduceOnly": order.reduce_only,
        "closePosition": false,
        "side": side_name(order.side),
        "positionSide": "BOTH",
        "stopPrice": fixed(Decimal::ZERO, contract.price_precision),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": false,
        "priceMatch": "NONE",
        "selfTradePreventionMode": self_trade_name(order.self_trade),
        "updateTime": order.updated.wall_us / 1000,
    });
    if let Some(fields) = body.as_object_mut() {
        let worth = order_value(contract, value);
        set(fields, dialect.order_value, worth.clone());
        if shape == Shape::Listed {
            set(fields, "time", order.created.wall_us / 1000);
        } else {
            set(fields, "cumQty", quantity(executed));
        }
        if shape == Shape::Amended {
            // Documented for both APIs alike, beside what USD-M otherwise calls it.
            set(fields, "cumBase", worth);
        }
        if dialect.coin_margined || shape == Shape::Amended {
            set(fields, "pair", contract.pair.as_str());
        }
        if !dialect.coin_margined {
            let until = order.good_till_us.unwrap_or_default() / 1000;
            set(fields, "goodTillDate", until);
        }
    }
    body
}

/// One of the account's own trades.
pub(super) fn user_trade(dialect: &Dialect, contract: &Contract, fill: &Fill) -> Value {
    let mut body = json!({
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_number,
        "side": side_name(fill.side),
        "price": fixed(fill.price, contract.price_precision),
        "qty": fixed(fill.quantity, contract.quantity_precision),
        "realizedPnl": amount(fill.realised),
        "commission": amount(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.at.wall_us / 1000,
        "positionSide": "BOTH",
        "buyer": fill.side == Side::Buy,
        "maker": fill.is_maker,
    });
    if let Some(fields) = body.as_object_mut() {
        set(fields, dialect.trade_value, amount(fill.value));
        if dialect.coin_margined {
            set(fields, "pair", contract.pair.as_str());
            set(fields, "marginAsset", contract.margin_asset.as_str());
        }
    }
    body
}

/// Adds a field to an answer.
pub(super) fn set(fields: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    fields.insert(name.to_owned(), value.into());
}

/// A price that is an average: as many decimals as it has, but no fewer than prices are shown with.
pub(super) fn average_price(contract: &Contract, price: Decimal) -> String {
    let mut shown = price.round_dp(AVERAGE_SCALE).normalize();
    if shown.scale() < contract.price_precision {
        shown.rescale(contract.price_precision);
    }
    shown.to_string()
}

/// The average price of what an order has traded.
pub(super) fn average(contract: &Contract, executed: Decimal, value: Decimal) -> String {
    let price = contract.payoff.average_price(executed, value);
    average_price(contract, price.unwrap_or_default())
}

/// What an order has traded was worth: in as many decimals as price and quantity have together, or as a coin has.
fn order_value(contract: &Contract, value: Decimal) -> String {
    match contract.payoff {
        Payoff::Linear => fixed(
            value,
            contract.price_precision + contract.quantity_precision,
        ),
        Payoff::Inverse { .. } | Payoff::Multiplied { .. } => amount(value),
    }
}

fn type_name(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit { .. } => "LIMIT",
        OrderKind::Market => "MARKET",
    }
}

fn time_in_force(order: &Order) -> &'static str {
    match (order.kind, order.time_in_force) {
        (
            OrderKind::Limit {
                post_only: true, ..
            },
            _,
        ) => "GTX",
        (_, TimeInForce::Gtc) if order.good_till_us.is_some() => "GTD",
        (_, TimeInForce::Gtc) => "GTC",
        (_, TimeInForce::Ioc) => "IOC",
        (_, TimeInForce::Fok) => "FOK",
    }
}

/// Binance's name of a mode of self-trade prevention.
pub(super) fn self_trade_name(mode: SelfTradePrevention) -> &'static str {
    match mode {
        SelfTradePrevention::None | SelfTradePrevention::Decrement => "NONE",
        SelfTradePrevention::ExpireTaker => "EXPIRE_TAKER",
        SelfTradePrevention::ExpireMaker => "EXPIRE_MAKER",
        SelfTradePrevention::ExpireBoth => "EXPIRE_BOTH",
    }
}
