//! Reading a new order from its parameters, with Binance's rules on which belong together.

use super::render::ResponseType;
use super::{BinanceSpot, Call};
use crate::binance::ApiError;
use crate::binance::params::Params;
use crate::engine::{NewOrder, OrderKind, SelfTradePrevention, Side, Size, TimeInForce};
use rust_decimal::Decimal;

/// A new order and how to answer it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) order: NewOrder,
    pub(super) response: ResponseType,
}

impl BinanceSpot {
    /// Reads the parameters of a new order. The caller still has to see that none is left unread.
    pub(super) fn read_entry(&self, call: &Call<'_>) -> Result<Entry, ApiError> {
        let params = call.params;
        let symbol = params.symbol()?;
        let listed = self
            .exchange
            .with(|engine| engine.listing(symbol).is_some());
        if !listed {
            return Err(ApiError::invalid_symbol());
        }
        let side = side(params)?;
        let order_type = params.required("type")?;
        refuse_unsupported_type(order_type)?;
        let (kind, size, time_in_force) = match order_type {
            "MARKET" => market(params)?,
            _ => limit(params, order_type == "LIMIT_MAKER")?,
        };
        let self_trade = self_trade(params)?;
        let client_id = params
            .client_id("newClientOrderId")?
            .unwrap_or_else(|| self.access.generated_id());
        let response = match params.text("newOrderRespType")? {
            Some("ACK") => ResponseType::Ack,
            Some("RESULT") => ResponseType::Result,
            Some("FULL") => ResponseType::Full,
            Some(_) => return Err(ApiError::invalid_value("newOrderRespType")),
            None if order_type == "LIMIT_MAKER" => ResponseType::Ack,
            None => ResponseType::Full,
        };
        let order = NewOrder {
            account: call.account,
            symbol: symbol.to_owned(),
            side,
            kind,
            size,
            time_in_force,
            client_id,
            self_trade,
            reduce_only: false,
            good_till_us: None,
        };
        Ok(Entry { order, response })
    }
}

fn side(params: &Params) -> Result<Side, ApiError> {
    match params.required("side")? {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(ApiError::new(-1117, "Invalid side.")),
    }
}

fn refuse_unsupported_type(order_type: &str) -> Result<(), ApiError> {
    let name = match order_type {
        "LIMIT" | "LIMIT_MAKER" | "MARKET" => return Ok(()),
        "STOP_LOSS" => "Stop loss",
        "STOP_LOSS_LIMIT" => "Stop loss limit",
        "TAKE_PROFIT" => "Take profit",
        "TAKE_PROFIT_LIMIT" => "Take profit limit",
        _ => return Err(ApiError::new(-1116, "Invalid orderType.")),
    };
    Err(ApiError::order_rejected(&format!(
        "{name} orders are not supported for this symbol."
    )))
}

fn market(params: &Params) -> Result<(OrderKind, Size, TimeInForce), ApiError> {
    refuse(
        params,
        &[
            "price",
            "timeInForce",
            "stopPrice",
            "trailingDelta",
            "icebergQty",
        ],
    )?;
    let size = match (
        params.decimal("quantity")?,
        params.decimal("quoteOrderQty")?,
    ) {
        (Some(_), Some(_)) => return Err(ApiError::not_required("quoteOrderQty")),
        (Some(quantity), None) => Size::Base(positive(quantity, "Invalid quantity.")?),
        (None, Some(amount)) => Size::Quote(positive(amount, "Invalid quote order qty.")?),
        (None, None) => return Err(ApiError::either("quantity", "quoteOrderQty")),
    };
    Ok((OrderKind::Market, size, TimeInForce::Gtc))
}

fn limit(params: &Params, post_only: bool) -> Result<(OrderKind, Size, TimeInForce), ApiError> {
    refuse(params, &["quoteOrderQty", "stopPrice", "trailingDelta"])?;
    let time_in_force = if post_only {
        refuse(params, &["timeInForce"])?;
        TimeInForce::Gtc
    } else {
        match params.required("timeInForce")? {
            "GTC" => TimeInForce::Gtc,
            "IOC" => TimeInForce::Ioc,
            "FOK" => TimeInForce::Fok,
            _ => return Err(ApiError::new(-1115, "Invalid timeInForce.")),
        }
    };
    params.required("quantity")?;
    params.required("price")?;
    let quantity = params.decimal("quantity")?.unwrap_or_default();
    let price = params.decimal("price")?.unwrap_or_default();
    if params
        .decimal("icebergQty")?
        .is_some_and(|iceberg| !iceberg.is_zero())
    {
        return Err(ApiError::order_rejected(
            "Iceberg orders are not supported for this symbol.",
        ));
    }
    let size = Size::Base(positive(quantity, "Invalid quantity.")?);
    let price = positive(price, "Invalid price.")?;
    Ok((OrderKind::Limit { price, post_only }, size, time_in_force))
}

/// Parameters that Binance refuses by name with this type of order.
fn refuse(params: &Params, names: &[&str]) -> Result<(), ApiError> {
    match names.iter().find(|name| params.has(name)) {
        Some(name) => Err(ApiError::not_required(name)),
        None => Ok(()),
    }
}

fn positive(value: Decimal, message: &str) -> Result<Decimal, ApiError> {
    if value > Decimal::ZERO {
        Ok(value)
    } else {
        Err(ApiError::new(-1013, message))
    }
}

fn self_trade(params: &Params) -> Result<SelfTradePrevention, ApiError> {
    match params.text("selfTradePreventionMode")? {
        None | Some("EXPIRE_MAKER") => Ok(SelfTradePrevention::ExpireMaker),
        Some("NONE") => Ok(SelfTradePrevention::None),
        Some("EXPIRE_TAKER") => Ok(SelfTradePrevention::ExpireTaker),
        Some("EXPIRE_BOTH") => Ok(SelfTradePrevention::ExpireBoth),
        Some("DECREMENT") => Ok(SelfTradePrevention::Decrement),
        Some(_) => Err(ApiError::invalid_value("selfTradePreventionMode")),
    }
}
