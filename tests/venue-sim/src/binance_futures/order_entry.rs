//! Reading a new order from its parameters, with Binance's rules on which belong together.

use rust_decimal::Decimal;

use super::{BinanceFutures, Call, Dialect, contract, refusals};
use crate::binance::ApiError;
use crate::binance::params::Params;
use crate::engine::{NewOrder, OrderKind, SelfTradePrevention, Side, Size, TimeInForce};

/// The longest client id.
const CLIENT_ID_LENGTH: usize = 36;
/// How far ahead `goodTillDate` must be.
const GOOD_TILL_AHEAD_MS: i64 = 600_000;
/// The latest `goodTillDate`: the end of the year 9999.
const GOOD_TILL_LATEST_MS: i64 = 253_402_300_799_000;

/// How much an answer to a new order tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseType {
    Ack,
    Result,
}

/// A new order and how to answer it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) order: NewOrder,
    pub(super) response: ResponseType,
}

impl BinanceFutures {
    /// Reads the parameters of a new order. The caller still has to see that none is left unread.
    pub(super) fn read_entry(&self, call: &Call<'_>) -> Result<Entry, ApiError> {
        let params = call.params;
        let symbol = self.listed_symbol(call)?;
        let side = side(params)?;
        let order_type = params.required("type")?;
        refuse_other_types(order_type)?;
        position_side(params)?;
        let (kind, time_in_force, good_till_us) = match order_type {
            "MARKET" => market(params)?,
            _ => limit(self.dialect, call)?,
        };
        params.required("quantity")?;
        let quantity = params.decimal("quantity")?.unwrap_or_default();
        refuse_price_match(params)?;
        // Only conditional orders use these, so any value goes as long as it is one.
        params.text("workingType")?;
        params.flag("priceProtect")?;
        let order = NewOrder {
            account: call.account,
            symbol: symbol.to_owned(),
            side,
            kind,
            size: Size::Base(quantity),
            time_in_force,
            client_id: self.client_id(params, "newClientOrderId")?,
            self_trade: self_trade(params)?,
            reduce_only: params.flag("reduceOnly")?,
            good_till_us,
        };
        let response = response_type(params)?;
        Ok(Entry { order, response })
    }

    /// The symbol of a request that must name one that is listed.
    pub(super) fn listed_symbol<'p>(&self, call: &Call<'p>) -> Result<&'p str, ApiError> {
        let symbol = call.params.symbol()?;
        self.exchange
            .with(|engine| contract(engine, symbol).map(|_| ()))?;
        Ok(symbol)
    }

    /// The client id of a request, or a new one.
    pub(super) fn client_id(&self, params: &Params, name: &str) -> Result<String, ApiError> {
        if params
            .text(name)?
            .is_some_and(|id| id.len() > CLIENT_ID_LENGTH)
        {
            let message = "Client order id length should not be more than 36 chars";
            return Err(ApiError::new(-4015, message));
        }
        let sent = params.client_id(name)?;
        Ok(sent.unwrap_or_else(|| self.access.generated_id()))
    }
}

/// `side`, which must be there.
pub(super) fn side(params: &Params) -> Result<Side, ApiError> {
    match params.required("side")? {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(ApiError::new(-1117, "Invalid side.")),
    }
}

/// `newOrderRespType`.
pub(super) fn response_type(params: &Params) -> Result<ResponseType, ApiError> {
    match params.text("newOrderRespType")? {
        None | Some("ACK") => Ok(ResponseType::Ack),
        Some("RESULT") => Ok(ResponseType::Result),
        Some(_) => Err(ApiError::new(-1136, "Invalid newOrderRespType.")),
    }
}

/// `positionSide`: accounts are in one-way mode.
pub(super) fn position_side(params: &Params) -> Result<(), ApiError> {
    match params.text("positionSide")? {
        None | Some("BOTH") => Ok(()),
        Some("LONG" | "SHORT") => Err(refusals::position_side()),
        Some(_) => Err(ApiError::new(-4060, "Invalid position side.")),
    }
}

/// Prices matched to the book are not simulated.
pub(super) fn refuse_price_match(params: &Params) -> Result<(), ApiError> {
    match params.text("priceMatch")? {
        None | Some("NONE") => Ok(()),
        Some(_) => Err(ApiError::new(-5037, "Invalid price match")),
    }
}

/// `selfTradePreventionMode`.
pub(super) fn self_trade(params: &Params) -> Result<SelfTradePrevention, ApiError> {
    match params.text("selfTradePreventionMode")? {
        None | Some("EXPIRE_MAKER") => Ok(SelfTradePrevention::ExpireMaker),
        Some("NONE") => Ok(SelfTradePrevention::None),
        Some("EXPIRE_TAKER") => Ok(SelfTradePrevention::ExpireTaker),
        Some("EXPIRE_BOTH") => Ok(SelfTradePrevention::ExpireBoth),
        Some(_) => Err(ApiError::new(-5039, "Invalid self trade prevention mode")),
    }
}

/// When an order that is good till a date ends, in microseconds; Binance keeps whole seconds.
pub(super) fn good_till(call: &Call<'_>) -> Result<i64, ApiError> {
    call.params.required("goodTillDate")?;
    let until = call.params.integer("goodTillDate")?.unwrap_or_default();
    if until <= call.now_ms() + GOOD_TILL_AHEAD_MS || until >= GOOD_TILL_LATEST_MS {
        return Err(ApiError::new(
            -5040,
            "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than \
             253402300799000",
        ));
    }
    Ok(until / 1000 * 1_000_000)
}

/// Parameters that Binance refuses by name with this type of order.
pub(super) fn refuse(params: &Params, names: &[&str]) -> Result<(), ApiError> {
    match names.iter().find(|name| params.has(name)) {
        Some(name) => Err(ApiError::not_required(name)),
        None => Ok(()),
    }
}

fn refuse_other_types(order_type: &str) -> Result<(), ApiError> {
    match order_type {
        "LIMIT" | "MARKET" => Ok(()),
        "STOP" | "STOP_MARKET" | "TAKE_PROFIT" | "TAKE_PROFIT_MARKET" | "TRAILING_STOP_MARKET" => {
            Err(refusals::use_algo_endpoint())
        }
        _ => Err(ApiError::new(-1116, "Invalid orderType.")),
    }
}

type Terms = (OrderKind, TimeInForce, Option<i64>);

fn market(params: &Params) -> Result<Terms, ApiError> {
    refuse_conditional(params, "MARKET")?;
    refuse(params, &["price", "timeInForce", "goodTillDate"])?;
    Ok((OrderKind::Market, TimeInForce::Gtc, None))
}

fn limit(dialect: &Dialect, call: &Call<'_>) -> Result<Terms, ApiError> {
    let params = call.params;
    refuse_conditional(params, "LIMIT")?;
    let (time_in_force, post_only, until) = match params.required("timeInForce")? {
        "GTC" => (TimeInForce::Gtc, false, None),
        "IOC" => (TimeInForce::Ioc, false, None),
        "FOK" => (TimeInForce::Fok, false, None),
        "GTX" => (TimeInForce::Gtc, true, None),
        "GTD" if !dialect.coin_margined => (TimeInForce::Gtc, false, Some(good_till(call)?)),
        _ => return Err(ApiError::new(-1115, "Invalid timeInForce.")),
    };
    if until.is_none() {
        // Ignored with any other time in force.
        params.integer("goodTillDate")?;
    }
    params.required("price")?;
    let price = params.decimal("price")?.unwrap_or(Decimal::ZERO);
    if price <= Decimal::ZERO {
        return Err(ApiError::new(-4001, "Price less than 0."));
    }
    Ok((OrderKind::Limit { price, post_only }, time_in_force, until))
}

fn refuse_conditional(params: &Params, order_type: &str) -> Result<(), ApiError> {
    refuse(params, &["stopPrice", "activationPrice", "callbackRate"])?;
    if params.flag("closePosition")? {
        let message =
            format!("Target strategy invalid for orderType {order_type},closePosition true");
        return Err(ApiError::new(-4136, message));
    }
    Ok(())
}
