//! Conditional orders: placing, cancelling and looking them up.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::history::{TimeRange, keep, limit};
use super::refusals::refusal;
use super::render::{self, set};
use super::{BinanceFutures, Call, Reply, contract};
use crate::binance::ApiError;
use crate::binance::format::fixed;
use crate::engine::{
    Conditional, ConditionalState, Contract, Engine, OrderKind, Size, TimeInForce, Trigger, View,
    WorkingPrice,
};
use crate::truth::side_name;

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// How a request names a conditional order.
struct Reference {
    id: Option<u64>,
    client_id: Option<String>,
}

impl Reference {
    fn read(call: &Call<'_>) -> Result<Self, ApiError> {
        let id = call.params.integer("algoId")?;
        let client_id = call.params.text("clientAlgoId")?;
        // Not documented, but sent by clients and accepted.
        call.params.optional_symbol()?;
        if id.is_none() && client_id.is_none() {
            return Err(ApiError::either("clientAlgoId", "algoId"));
        }
        Ok(Self {
            id: id.and_then(|id| u64::try_from(id).ok()),
            client_id: client_id.map(str::to_owned),
        })
    }

    fn names(&self, conditional: &Conditional) -> bool {
        match (self.id, &self.client_id) {
            (Some(id), _) => conditional.id == id,
            (None, Some(client_id)) => conditional.wanted.order.client_id == *client_id,
            (None, None) => false,
        }
    }
}

impl BinanceFutures {
    pub(super) fn place_algo(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let wanted = self.read_algo(call)?;
        call.params.finish()?;
        self.count_orders(call)?;
        self.exchange
            .with(|engine| {
                let parked = engine.park(call.now, wanted).map_err(refusal)?;
                Reply::ok(&show(engine, &parked)?)
            })
            .map(Reply::counting_orders)
    }

    pub(super) fn query_algo(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let reference = Reference::read(call)?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            let found = engine
                .conditionals(call.account)
                .rev()
                .filter(|conditional| remembered(call, conditional))
                .find(|conditional| reference.names(conditional))
                .ok_or_else(ApiError::no_such_order)?;
            Reply::ok(&show(engine, found)?)
        })
    }

    pub(super) fn cancel_algo(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let reference = Reference::read(call)?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            let id = engine
                .waiting(call.account)
                .find(|conditional| reference.names(conditional))
                .map(|conditional| conditional.id)
                .ok_or_else(ApiError::unknown_order)?;
            let cancelled = engine.cancel_conditional(call.now, id).map_err(refusal)?;
            Reply::ok(&json!({
                "algoId": cancelled.id,
                "clientAlgoId": cancelled.wanted.order.client_id,
                "code": "200",
                "msg": "success",
            }))
        })
    }

    pub(super) fn cancel_all_algos(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            let waiting: Vec<u64> = engine
                .waiting(call.account)
                .filter(|conditional| conditional.wanted.order.symbol == symbol)
                .map(|conditional| conditional.id)
                .collect();
            for id in waiting {
                engine.cancel_conditional(call.now, id).map_err(refusal)?;
            }
            let message = "The operation of cancel all open order is done.";
            Reply::ok(&json!({ "code": 200, "msg": message }))
        })
    }

    pub(super) fn open_algos(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = call.params.optional_symbol()?;
        call.params.text("algoType")?;
        let id = call.params.integer("algoId")?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            if let Some(symbol) = symbol {
                contract(engine, symbol)?;
            }
            let shown: Result<Vec<Value>, ApiError> = engine
                .waiting(call.account)
                .filter(|open| symbol.is_none_or(|symbol| open.wanted.order.symbol == symbol))
                .filter(|open| id.is_none_or(|id| i64::try_from(open.id) == Ok(id)))
                .map(|open| show(engine, open))
                .collect();
            Reply::ok(&shown?)
        })
    }

    pub(super) fn all_algos(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let symbol = self.listed_symbol(call)?;
        let from = call
            .params
            .integer("algoId")?
            .and_then(|id| u64::try_from(id).ok());
        let range = TimeRange::read(call)?.unless_paged(from.is_some());
        call.params.integer("page")?;
        let limit = limit(call, (500, 1000))?;
        call.params.finish()?;
        self.exchange.with(|engine| {
            let mut found: Vec<&Conditional> = engine
                .conditionals(call.account)
                .filter(|conditional| conditional.wanted.order.symbol == symbol)
                .filter(|conditional| from.is_none_or(|from| conditional.id >= from))
                .filter(|conditional| range.holds(conditional.created.wall_us / 1000))
                .filter(|conditional| remembered(call, conditional))
                .collect();
            keep(&mut found, limit, from.is_some() || range.from_start);
            let shown: Result<Vec<Value>, ApiError> =
                found.into_iter().map(|found| show(engine, found)).collect();
            Reply::ok(&shown?)
        })
    }
}

/// Binance forgets what ended without effect after three days, and everything after ninety.
fn remembered(call: &Call<'_>, conditional: &Conditional) -> bool {
    let days = match conditional.state {
        ConditionalState::Canceled | ConditionalState::Expired => 3,
        _ => 90,
    };
    conditional.created.elapsed_us >= call.now.elapsed_us - days * DAY_US
}

fn show(engine: &Engine, conditional: &Conditional) -> Result<Value, ApiError> {
    let wanted = &conditional.wanted;
    let order = &wanted.order;
    let (_, contract) = contract(engine, &order.symbol)?;
    let price = |value: Decimal| fixed(value, contract.price_precision);
    let (Size::Base(quantity) | Size::Quote(quantity)) = order.size;
    let (level, trailing) = match wanted.trigger {
        Trigger::AtOrAbove(level) | Trigger::AtOrBelow(level) => (level, None),
        Trigger::Trailing(trailing) => (trailing.activation.unwrap_or_default(), Some(trailing)),
    };
    let mut body = json!({
        "algoId": conditional.id,
        "clientAlgoId": order.client_id,
        "algoType": "CONDITIONAL",
        "orderType": wanted.kind,
        "symbol": order.symbol,
        "side": side_name(order.side),
        "positionSide": "BOTH",
        "timeInForce": time_in_force(conditional),
        "quantity": fixed(quantity, contract.quantity_precision),
        "algoStatus": status(conditional.state),
        "triggerPrice": price(level),
        "price": price(order.kind.limit().unwrap_or_default()),
        "icebergQuantity": null,
        "selfTradePreventionMode": render::self_trade_name(order.self_trade),
        "workingType": match wanted.working {
            WorkingPrice::Last => "CONTRACT_PRICE",
            WorkingPrice::Mark => "MARK_PRICE",
        },
        "priceMatch": "NONE",
        "closePosition": wanted.close_position,
        "priceProtect": wanted.price_protect,
        "reduceOnly": order.reduce_only,
        "createTime": conditional.created.wall_us / 1000,
        "updateTime": conditional.updated.wall_us / 1000,
        "triggerTime": conditional.triggered.map_or(0, |at| at.wall_us / 1000),
        "goodTillDate": order.good_till_us.unwrap_or_default() / 1000,
    });
    if let Some(fields) = body.as_object_mut() {
        if let Some(trailing) = trailing {
            set(fields, "activatePrice", price(level));
            let percent = (trailing.callback * Decimal::ONE_HUNDRED).normalize();
            set(fields, "callbackRate", percent.to_string());
        }
        let (id, actual) = actual(engine, conditional, contract);
        set(fields, "actualOrderId", id);
        set(fields, "actualPrice", actual);
    }
    Ok(body)
}

/// The order that followed, and its average price.
fn actual(engine: &Engine, conditional: &Conditional, contract: &Contract) -> (String, String) {
    let nothing = (
        String::new(),
        fixed(Decimal::ZERO, contract.price_precision),
    );
    let ConditionalState::Triggered(id) = conditional.state else {
        return nothing;
    };
    engine.order(View::NOW, id).map_or(nothing, |order| {
        let average = render::average(contract, order.executed, order.executed_quote);
        (order.number.to_string(), average)
    })
}

fn status(state: ConditionalState) -> &'static str {
    match state {
        ConditionalState::Waiting => "NEW",
        ConditionalState::Triggered(_) => "FINISHED",
        ConditionalState::Canceled => "CANCELED",
        ConditionalState::Refused => "REJECTED",
        ConditionalState::Expired => "EXPIRED",
    }
}

fn time_in_force(conditional: &Conditional) -> &'static str {
    let order = &conditional.wanted.order;
    let post_only = matches!(
        order.kind,
        OrderKind::Limit {
            post_only: true,
            ..
        }
    );
    match order.time_in_force {
        _ if post_only => "GTX",
        _ if order.good_till_us.is_some() => "GTD",
        TimeInForce::Gtc => "GTC",
        TimeInForce::Ioc => "IOC",
        TimeInForce::Fok => "FOK",
    }
}
