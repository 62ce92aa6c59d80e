//! Orders and fills in Binance's words.

use rust_decimal::Decimal;
use serde::Serialize;

use super::Call;
use crate::binance::format::amount;
use crate::engine::{Fill, Order, SelfTradePrevention, TimeInForce};
use crate::truth::{side_name, state_name, type_name};

/// Orders are never part of a list here.
const NO_LIST: i64 = -1;

/// How much an answer to a new order tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseType {
    Ack,
    Result,
    Full,
}

/// The common part of every order in full.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderBody {
    price: String,
    orig_qty: String,
    executed_qty: String,
    orig_quote_order_qty: String,
    cummulative_quote_qty: String,
    status: &'static str,
    time_in_force: &'static str,
    #[serde(rename = "type")]
    order_type: &'static str,
    side: &'static str,
    self_trade_prevention_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    prevented_quantity: Option<String>,
}

/// A fill within an answer to a new order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FillBody {
    price: String,
    qty: String,
    commission: String,
    commission_asset: String,
    trade_id: u64,
}

/// The answer to a new order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewOrderBody {
    symbol: String,
    order_id: u64,
    order_list_id: i64,
    client_order_id: String,
    transact_time: i64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    order: Option<OrderBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fills: Option<Vec<FillBody>>,
}

/// The answer to a cancel.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancelBody {
    symbol: String,
    orig_client_order_id: String,
    order_id: u64,
    order_list_id: i64,
    client_order_id: String,
    transact_time: i64,
    #[serde(flatten)]
    order: OrderBody,
}

/// An order as lookups show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueryBody {
    symbol: String,
    order_id: u64,
    order_list_id: i64,
    client_order_id: String,
    #[serde(flatten)]
    order: OrderBody,
    stop_price: String,
    iceberg_qty: String,
    time: i64,
    update_time: i64,
    is_working: bool,
    working_time: i64,
}

/// An order as amending shows it; Binance spells some fields differently here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AmendedBody {
    symbol: String,
    order_id: u64,
    order_list_id: i64,
    orig_client_order_id: String,
    client_order_id: String,
    price: String,
    qty: String,
    executed_qty: String,
    prevented_qty: String,
    quote_order_qty: String,
    cumulative_quote_qty: String,
    status: &'static str,
    time_in_force: &'static str,
    #[serde(rename = "type")]
    order_type: &'static str,
    side: &'static str,
    working_time: i64,
    self_trade_prevention_mode: &'static str,
}

/// An own trade as `/myTrades` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TradeBody {
    symbol: String,
    id: u64,
    order_id: u64,
    order_list_id: i64,
    price: String,
    qty: String,
    quote_qty: String,
    commission: String,
    commission_asset: String,
    time: i64,
    is_buyer: bool,
    is_maker: bool,
    is_best_match: bool,
}

pub(super) fn new_order(
    call: &Call<'_>,
    order: &Order,
    fills: &[Fill],
    response: ResponseType,
) -> NewOrderBody {
    let told = response != ResponseType::Ack;
    NewOrderBody {
        symbol: order.symbol.clone(),
        order_id: order.number,
        order_list_id: NO_LIST,
        client_order_id: order.client_id.clone(),
        transact_time: call.unit.of_us(order.created.wall_us),
        order: told.then(|| order_body(order)),
        working_time: told.then(|| call.unit.of_us(order.created.wall_us)),
        fills: (response == ResponseType::Full).then(|| fills.iter().map(fill).collect()),
    }
}

pub(super) fn cancel(call: &Call<'_>, order: &Order, cancel_id: String) -> CancelBody {
    CancelBody {
        symbol: order.symbol.clone(),
        orig_client_order_id: order.client_id.clone(),
        order_id: order.number,
        order_list_id: NO_LIST,
        client_order_id: cancel_id,
        transact_time: call.unit.of_us(order.updated.wall_us),
        order: order_body(order),
    }
}

pub(super) fn query(call: &Call<'_>, order: &Order) -> QueryBody {
    QueryBody {
        symbol: order.symbol.clone(),
        order_id: order.number,
        order_list_id: NO_LIST,
        client_order_id: order.client_id.clone(),
        order: order_body(order),
        stop_price: amount(Decimal::ZERO),
        iceberg_qty: amount(Decimal::ZERO),
        time: call.unit.of_us(order.created.wall_us),
        update_time: call.unit.of_us(order.updated.wall_us),
        is_working: true,
        working_time: call.unit.of_us(order.created.wall_us),
    }
}

pub(super) fn amended(call: &Call<'_>, order: &Order, previous_client_id: String) -> AmendedBody {
    AmendedBody {
        symbol: order.symbol.clone(),
        order_id: order.number,
        order_list_id: NO_LIST,
        orig_client_order_id: previous_client_id,
        client_order_id: order.client_id.clone(),
        price: amount(order.kind.limit().unwrap_or_default()),
        qty: amount(order.quantity),
        executed_qty: amount(order.executed),
        prevented_qty: amount(order.prevented),
        quote_order_qty: amount(order.quote_quantity.unwrap_or_default()),
        cumulative_quote_qty: amount(order.executed_quote),
        status: state_name(order.state),
        time_in_force: time_in_force_name(order.time_in_force),
        order_type: type_name(order.kind),
        side: side_name(order.side),
        working_time: call.unit.of_us(order.created.wall_us),
        self_trade_prevention_mode: self_trade_name(order.self_trade),
    }
}

pub(super) fn trade(call: &Call<'_>, fill: &Fill) -> TradeBody {
    TradeBody {
        symbol: fill.symbol.clone(),
        id: fill.trade_id,
        order_id: fill.order_number,
        order_list_id: NO_LIST,
        price: amount(fill.price),
        qty: amount(fill.quantity),
        quote_qty: amount(fill.price * fill.quantity),
        commission: amount(fill.fee),
        commission_asset: fill.fee_asset.clone(),
        time: call.unit.of_us(fill.at.wall_us),
        is_buyer: fill.side == crate::engine::Side::Buy,
        is_maker: fill.is_maker,
        is_best_match: true,
    }
}

fn order_body(order: &Order) -> OrderBody {
    OrderBody {
        price: amount(order.kind.limit().unwrap_or_default()),
        orig_qty: amount(order.quantity),
        executed_qty: amount(order.executed),
        orig_quote_order_qty: amount(order.quote_quantity.unwrap_or_default()),
        cummulative_quote_qty: amount(order.executed_quote),
        status: state_name(order.state),
        time_in_force: time_in_force_name(order.time_in_force),
        order_type: type_name(order.kind),
        side: side_name(order.side),
        self_trade_prevention_mode: self_trade_name(order.self_trade),
        prevented_quantity: (!order.prevented.is_zero()).then(|| amount(order.prevented)),
    }
}

fn fill(fill: &Fill) -> FillBody {
    FillBody {
        price: amount(fill.price),
        qty: amount(fill.quantity),
        commission: amount(fill.fee),
        commission_asset: fill.fee_asset.clone(),
        trade_id: fill.trade_id,
    }
}

fn time_in_force_name(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::Gtc => "GTC",
        TimeInForce::Ioc => "IOC",
        TimeInForce::Fok => "FOK",
    }
}

fn self_trade_name(mode: SelfTradePrevention) -> &'static str {
    match mode {
        SelfTradePrevention::None => "NONE",
        SelfTradePrevention::ExpireTaker => "EXPIRE_TAKER",
        SelfTradePrevention::ExpireMaker => "EXPIRE_MAKER",
        SelfTradePrevention::ExpireBoth => "EXPIRE_BOTH",
        SelfTradePrevention::Decrement => "DECREMENT",
    }
}
