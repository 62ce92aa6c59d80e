//! Between the contract's types and the gateway's own, checking what adapters claim on the way in.

use std::time::Duration;

use indexmap::IndexMap;
use switchyard_runtime::CallError;
use switchyard_runtime::wit::account as wit_account;
use switchyard_runtime::wit::market as wit_market;
use switchyard_runtime::wit::trading as wit_trading;
use switchyard_runtime::wit::types as wit;

use crate::account::Balance;
use crate::market::{BookLevel, OrderBook, Ticker};
use crate::model::{
    Bounds, Decimal, Failure, FailureCode, Fate, Instrument, InstrumentStatus, NotionalBounds,
    OrderRecord, OrderReport, OrderState, OrderType, Payoff, PriceBand, Product, QuantityUnit,
    Side, TimeInForce, Timestamp,
};

/// An adapter returned a value that its type allows and the contract does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the adapter returned {field} = {value:?}: {problem}")]
pub struct Nonsense {
    /// The field.
    pub field: &'static str,
    /// What it held, cut short.
    pub value: String,
    /// What is wrong with it.
    pub problem: String,
}

type Translated<T> = Result<T, Nonsense>;

fn nonsense(field: &'static str, value: &str, problem: impl ToString) -> Nonsense {
    Nonsense {
        field,
        value: value.chars().take(64).collect(),
        problem: problem.to_string(),
    }
}

fn decimal(field: &'static str, text: &str) -> Translated<Decimal> {
    text.parse()
        .map_err(|problem| nonsense(field, text, problem))
}

fn optional_decimal(field: &'static str, text: &Option<String>) -> Translated<Option<Decimal>> {
    text.as_deref().map(|text| decimal(field, text)).transpose()
}

fn not_negative(field: &'static str, text: &str) -> Translated<Decimal> {
    let value = decimal(field, text)?;
    if value < Decimal::ZERO {
        Err(nonsense(field, text, "must not be negative"))
    } else {
        Ok(value)
    }
}

fn named(field: &'static str, text: String) -> Translated<String> {
    let plain = !text.is_empty() && text.len() <= 128 && !text.chars().any(char::is_control);
    if plain {
        Ok(text)
    } else {
        Err(nonsense(
            field,
            &text,
            "must be 1 to 128 characters without control characters",
        ))
    }
}

fn as_asked(field: &'static str, asked: &str, told: String) -> Translated<String> {
    if told == asked {
        Ok(told)
    } else {
        let problem = format!("must be {asked:?}, which it was asked about");
        Err(nonsense(field, &told, problem))
    }
}

/// Most characters of a free text of an adapter or venue that is kept.
const MAX_WORDS: usize = 512;

/// A free text, cut and on one line: it goes into the journal, the log and answers.
fn words(text: String) -> String {
    let is_plain = text.len() <= MAX_WORDS && !text.chars().any(char::is_control);
    if is_plain {
        return text;
    }
    text.chars()
        .take(MAX_WORDS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Milliseconds since the epoch as a [`Timestamp`].
pub fn timestamp(millis: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A gateway time in the contract's form.
pub fn millis(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(0)
}

/// An instrument as the gateway lists it.
///
/// # Errors
/// [`Nonsense`] where a name is empty or a limit is not a decimal.
pub fn instrument(venue: &str, from: wit_market::ListedInstrument) -> Translated<Instrument> {
    let what = from.instrument;
    let contract_size = decimal("contract-size", &what.contract_size)?;
    if !contract_size.is_positive() {
        return Err(nonsense(
            "contract-size",
            &what.contract_size,
            "must be above zero",
        ));
    }
    Ok(Instrument {
        venue: venue.to_owned(),
        symbol: named("symbol", what.symbol)?,
        venue_symbol: named("venue-symbol", what.venue_symbol)?,
        endpoint: what.endpoint,
        product: product(what.product),
        payoff: match what.payoff {
            wit::Payoff::Delivery => Payoff::Delivery,
            wit::Payoff::Linear => Payoff::Linear,
            wit::Payoff::Inverse => Payoff::Inverse,
            wit::Payoff::Quanto => Payoff::Quanto,
        },
        base: named("base", what.base)?,
        quote: named("quote", what.quote)?,
        settle: named("settle", what.settle)?,
        quantity_unit: match what.quantity_unit {
            wit::QuantityUnit::Base => QuantityUnit::Base,
            wit::QuantityUnit::Contracts => QuantityUnit::Contracts,
        },
        contract_size,
        status: match from.status {
            wit_market::InstrumentStatus::Trading => InstrumentStatus::Trading,
            wit_market::InstrumentStatus::Halted => InstrumentStatus::Halted,
            wit_market::InstrumentStatus::Closed => InstrumentStatus::Closed,
        },
        expiry: what.expiry.map(timestamp),
        price: bounds("price", &from.price)?,
        quantity: bounds("quantity", &from.quantity)?,
        market_quantity: from
            .market_quantity
            .map(|b| bounds("market-quantity", &b))
            .transpose()?,
        notional: from.notional.map(|n| notional(&n)).transpose()?,
        price_band: from.price_band.map(|b| price_band(&b)).transpose()?,
        max_open_orders: from.max_open_orders,
        max_position: optional_decimal("max-position", &from.max_position)?,
        order_types: order_types(from.order_types),
        times_in_force: times_in_force(from.times_in_force),
        other_rules: from.other_rules.into_iter().collect::<IndexMap<_, _>>(),
    })
}

/// A product's name.
pub fn product(from: wit::Product) -> Product {
    match from {
        wit::Product::Spot => Product::Spot,
        wit::Product::UsdMPerpetual => Product::UsdMPerpetual,
        wit::Product::UsdMDelivery => Product::UsdMDelivery,
        wit::Product::UsdCPerpetual => Product::UsdCPerpetual,
        wit::Product::UsdCDelivery => Product::UsdCDelivery,
    }
}

fn bounds(field: &'static str, from: &wit_market::Bounds) -> Translated<Bounds> {
    Ok(Bounds {
        min: optional_decimal(field, &from.min)?,
        max: optional_decimal(field, &from.max)?,
        step: optional_decimal(field, &from.step)?,
    })
}

fn notional(from: &wit_market::NotionalBounds) -> Translated<NotionalBounds> {
    Ok(NotionalBounds {
        min: optional_decimal("notional.min", &from.min)?,
        max: optional_decimal("notional.max", &from.max)?,
        min_applies_to_market: from.min_applies_to_market,
        max_applies_to_market: from.max_applies_to_market,
    })
}

fn price_band(from: &wit_market::PriceBand) -> Translated<PriceBand> {
    Ok(PriceBand {
        bid_up: decimal("price-band.bid-up", &from.bid_up)?,
        bid_down: decimal("price-band.bid-down", &from.bid_down)?,
        ask_up: decimal("price-band.ask-up", &from.ask_up)?,
        ask_down: decimal("price-band.ask-down", &from.ask_down)?,
        average_minutes: from.average_minutes,
    })
}

/// The order types of a flag set.
pub fn order_types(from: wit::OrderTypes) -> Vec<OrderType> {
    [
        (wit::OrderTypes::MARKET, OrderType::Market),
        (wit::OrderTypes::LIMIT, OrderType::Limit),
    ]
    .into_iter()
    .filter_map(|(flag, order_type)| from.contains(flag).then_some(order_type))
    .collect()
}

/// The times in force of a flag set.
pub fn times_in_force(from: wit::TimesInForce) -> Vec<TimeInForce> {
    [
        (wit::TimesInForce::GTC, TimeInForce::Gtc),
        (wit::TimesInForce::IOC, TimeInForce::Ioc),
        (wit::TimesInForce::FOK, TimeInForce::Fok),
        (wit::TimesInForce::GTX, TimeInForce::Gtx),
    ]
    .into_iter()
    .filter_map(|(flag, time_in_force)| from.contains(flag).then_some(time_in_force))
    .collect()
}

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
    match report.quantity {
        Some(quantity) if Some(quantity) != record.order.quantity => {
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

/// A ticker of a venue.
///
/// # Errors
/// [`Nonsense`] where a price is not a decimal, or the ticker is another instrument's.
pub fn ticker(venue: &str, symbol: &str, from: wit_market::Ticker) -> Translated<Ticker> {
    Ok(Ticker {
        venue: venue.to_owned(),
        symbol: as_asked("symbol", symbol, from.symbol)?,
        bid: optional_decimal("bid", &from.bid)?,
        bid_quantity: optional_decimal("bid-quantity", &from.bid_quantity)?,
        ask: optional_decimal("ask", &from.ask)?,
        ask_quantity: optional_decimal("ask-quantity", &from.ask_quantity)?,
        last: optional_decimal("last", &from.last)?,
        open: optional_decimal("open", &from.open)?,
        high: optional_decimal("high", &from.high)?,
        low: optional_decimal("low", &from.low)?,
        volume: optional_decimal("volume", &from.volume)?,
        quote_volume: optional_decimal("quote-volume", &from.quote_volume)?,
        at: from.at.map(timestamp),
    })
}

/// A book of a venue.
///
/// # Errors
/// [`Nonsense`] where a level is not decimal, a side is not in order, the best bid is above the best ask, or
/// the book is another instrument's.
pub fn order_book(venue: &str, symbol: &str, from: wit_market::OrderBook) -> Translated<OrderBook> {
    let levels = |field: &'static str,
                  levels: Vec<wit_market::Level>,
                  better: fn(Decimal, Decimal) -> bool| {
        let levels: Vec<BookLevel> = levels
            .iter()
            .map(|level| {
                Ok(BookLevel {
                    price: decimal(field, &level.price)?,
                    quantity: not_negative(field, &level.quantity)?,
                })
            })
            .collect::<Translated<_>>()?;
        match levels
            .windows(2)
            .find(|pair| !better(pair[0].price, pair[1].price))
        {
            Some(pair) => Err(nonsense(
                field,
                &pair[1].price.to_string(),
                "is not worse than the level before it",
            )),
            None => Ok(levels),
        }
    };
    let bids = levels("bids", from.bids, |a, b| a > b)?;
    let asks = levels("asks", from.asks, |a, b| a < b)?;
    if let (Some(bid), Some(ask)) = (bids.first(), asks.first())
        && bid.price > ask.price
    {
        let problem = format!("is above the best ask, {}", ask.price);
        return Err(nonsense("bids", &bid.price.to_string(), problem));
    }
    Ok(OrderBook {
        venue: venue.to_owned(),
        symbol: as_asked("symbol", symbol, from.symbol)?,
        bids,
        asks,
        sequence: from.sequence,
        at: from.at.map(timestamp),
    })
}

/// Balances of a venue's endpoint.
///
/// # Errors
/// [`Nonsense`] where an amount is not a decimal.
pub fn balances(
    venue: &str,
    endpoint: &str,
    from: Vec<wit_account::Balance>,
) -> Translated<Vec<Balance>> {
    from.into_iter()
        .map(|balance| {
            Ok(Balance {
                venue: venue.to_owned(),
                endpoint: endpoint.to_owned(),
                asset: named("asset", balance.asset)?,
                free: decimal("free", &balance.free)?,
                locked: decimal("locked", &balance.locked)?,
                total: decimal("total", &balance.total)?,
            })
        })
        .collect()
}

/// What a call into the adapter that gave nothing means.
pub fn call_failure(error: &CallError, fate: Fate) -> Failure {
    let code = match error {
        CallError::NoCapability(_) => FailureCode::Unsupported,
        CallError::PoolExhausted(_) => FailureCode::Overloaded,
        CallError::DeadlineExceeded(_) | CallError::MemoryExceeded { .. } | CallError::Trap(_) => {
            FailureCode::AdapterFailed
        }
    };
    // A trap's backtrace is for the log; callers get the kind of failure.
    let message = match error {
        CallError::Trap(_) => "the adapter trapped".to_owned(),
        other => other.to_string(),
    };
    Failure::new(code, fate, message)
}

/// What the adapter's typed error means for a request that could, or could not, change state.
pub fn venue_failure(error: wit::Error, mutates: bool, now: Timestamp) -> Failure {
    let millis = |wait: Option<u32>| wait.map(|wait| Duration::from_millis(wait.into()));
    let (code, retry_after) = match error.kind {
        wit::ErrorKind::InvalidRequest => (FailureCode::InvalidRequest, None),
        wit::ErrorKind::InsufficientFunds => (FailureCode::InsufficientFunds, None),
        wit::ErrorKind::OrderNotFound => (FailureCode::OrderNotFound, None),
        wit::ErrorKind::DuplicateClientId => (FailureCode::DuplicateClientId, None),
        wit::ErrorKind::NotAmendable => (FailureCode::NotAmendable, None),
        wit::ErrorKind::RateLimited(wait) => (FailureCode::RateLimited, millis(wait)),
        wit::ErrorKind::Banned(until) => (
            FailureCode::Banned,
            until.map(|until| timestamp(until).since(now)),
        ),
        wit::ErrorKind::AuthFailed => (FailureCode::AuthFailed, None),
        wit::ErrorKind::ClockSkew => (FailureCode::ClockSkew, None),
        wit::ErrorKind::Overloaded(wait) => (FailureCode::Overloaded, millis(wait)),
        wit::ErrorKind::VenueUnavailable => (FailureCode::VenueUnavailable, None),
        wit::ErrorKind::OutcomeUnknown => (FailureCode::OutcomeUnknown, None),
        wit::ErrorKind::Unsupported => (FailureCode::Unsupported, None),
        wit::ErrorKind::MalformedResponse => (FailureCode::MalformedResponse, None),
    };
    let fate = match error.effect {
        wit::Effect::Unknown if mutates => Fate::Unknown,
        _ => Fate::Refused,
    };
    let (message, venue_code, field) = (
        words(error.message),
        error.venue_code.map(words),
        error.field.map(words),
    );
    Failure {
        code,
        fate,
        message,
        venue_code,
        field,
        retry_after,
    }
}

/// What an answer that broke the contract means.
pub fn nonsense_failure(error: &Nonsense, fate: Fate) -> Failure {
    Failure::new(FailureCode::AdapterFailed, fate, error.to_string())
}
