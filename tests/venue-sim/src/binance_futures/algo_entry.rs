//! Reading a conditional order from its parameters.

use rust_decimal::Decimal;

use super::order_entry::{
    good_till, position_side, refuse, refuse_price_match, response_type, self_trade, side,
};
use super::{BinanceFutures, Call, contract, filters};
use crate::binance::ApiError;
use crate::binance::params::Params;
use crate::engine::{
    NewConditional, NewOrder, OrderKind, Side, Size, TimeInForce, Trailing, Trigger, WorkingPrice,
};

/// The kinds on offer: Binance's name, whether a limit order follows, and whether it is for taking profit.
const KINDS: [(&str, bool, bool); 5] = [
    ("STOP", true, false),
    ("STOP_MARKET", false, false),
    ("TAKE_PROFIT", true, true),
    ("TAKE_PROFIT_MARKET", false, true),
    ("TRAILING_STOP_MARKET", false, false),
];

impl BinanceFutures {
    /// Reads the parameters of a conditional order. The caller still has to see that none is left unread.
    pub(super) fn read_algo(&self, call: &Call<'_>) -> Result<NewConditional, ApiError> {
        let params = call.params;
        if params.required("algoType")? != "CONDITIONAL" {
            return Err(ApiError::invalid_value("algoType"));
        }
        let symbol = self.listed_symbol(call)?;
        let side = side(params)?;
        let order_type = params.required("type")?;
        let (kind_name, limited, takes_profit) = *KINDS
            .iter()
            .find(|(name, ..)| *name == order_type)
            .ok_or_else(|| ApiError::new(-1116, "Invalid orderType."))?;
        position_side(params)?;
        refuse_price_match(params)?;
        let trailing = kind_name == "TRAILING_STOP_MARKET";
        let trigger = if trailing {
            refuse(params, &["triggerPrice"])?;
            trailing_trigger(params)?
        } else {
            price_trigger(params, side, takes_profit)?
        };
        let (kind, time_in_force, good_till_us) = terms(call, limited)?;
        let close_position = params.flag("closePosition")?;
        let reduce_only = params.flag("reduceOnly")?;
        let quantity = read_quantity(params, kind_name, close_position, reduce_only)?;
        let working = match params.text("workingType")? {
            None | Some("CONTRACT_PRICE") => WorkingPrice::Last,
            Some("MARK_PRICE") => WorkingPrice::Mark,
            Some(_) => return Err(ApiError::new(-4031, "Invalid parameter working type")),
        };
        // Read so that a wrong one is refused; the answer is the same for both.
        response_type(params)?;
        let wanted = NewConditional {
            order: NewOrder {
                account: call.account,
                symbol: symbol.to_owned(),
                side,
                kind,
                size: Size::Base(quantity),
                time_in_force,
                client_id: self.client_id(params, "clientAlgoId")?,
                self_trade: self_trade(params)?,
                reduce_only,
                good_till_us,
            },
            kind: kind_name,
            trigger,
            working,
            close_position,
            price_protect: params.flag("priceProtect")?,
        };
        self.check_algo(&wanted)?;
        Ok(wanted)
    }

    fn check_algo(&self, wanted: &NewConditional) -> Result<(), ApiError> {
        let order = &wanted.order;
        self.exchange.with(|engine| {
            let (listing, contract) = contract(engine, &order.symbol)?;
            filters::check_status(&listing.instrument, contract)?;
            if let (Size::Base(quantity), false) = (order.size, wanted.close_position) {
                filters::check_quantity(quantity, order.kind, &listing.instrument, contract)?;
            }
            let level = match wanted.trigger {
                Trigger::AtOrAbove(level) | Trigger::AtOrBelow(level) => Some(level),
                Trigger::Trailing(trailing) => trailing.activation,
            };
            for price in [level, order.kind.limit()].into_iter().flatten() {
                filters::check_form(price, &listing.instrument, contract)?;
            }
            let waiting = engine
                .waiting(order.account)
                .filter(|other| other.wanted.order.symbol == order.symbol)
                .count();
            if waiting >= filters::MAX_ALGO_ORDERS {
                return Err(ApiError::new(-4045, "Reach max stop order limit."));
            }
            Ok(())
        })
    }
}

fn price_trigger(params: &Params, side: Side, takes_profit: bool) -> Result<Trigger, ApiError> {
    refuse(params, &["activatePrice", "callbackRate"])?;
    params.required("triggerPrice")?;
    let level = params.decimal("triggerPrice")?.unwrap_or_default();
    // A buy stops a rise and takes profit from a fall; a sale the other way round.
    Ok(if (side == Side::Buy) == takes_profit {
        Trigger::AtOrBelow(level)
    } else {
        Trigger::AtOrAbove(level)
    })
}

fn trailing_trigger(params: &Params) -> Result<Trigger, ApiError> {
    params.required("callbackRate")?;
    let percent = params.decimal("callbackRate")?.unwrap_or_default();
    if percent < Decimal::new(1, 1) || percent > Decimal::TEN {
        return Err(ApiError::invalid_value("callbackRate"));
    }
    Ok(Trigger::Trailing(Trailing {
        activation: params.decimal("activatePrice")?,
        callback: percent / Decimal::ONE_HUNDRED,
        best: None,
    }))
}

type Terms = (OrderKind, TimeInForce, Option<i64>);

fn terms(call: &Call<'_>, limited: bool) -> Result<Terms, ApiError> {
    let params = call.params;
    let (time_in_force, post_only, until) = match params.text("timeInForce")? {
        None | Some("GTC") => (TimeInForce::Gtc, false, None),
        Some("IOC") => (TimeInForce::Ioc, false, None),
        Some("FOK") => (TimeInForce::Fok, false, None),
        Some("GTX") => (TimeInForce::Gtc, true, None),
        Some("GTD") => (TimeInForce::Gtc, false, Some(good_till(call)?)),
        Some(_) => return Err(ApiError::new(-1115, "Invalid timeInForce.")),
    };
    if until.is_none() {
        params.integer("goodTillDate")?;
    }
    if !limited {
        refuse(params, &["price"])?;
        return Ok((OrderKind::Market, time_in_force, until));
    }
    params.required("price")?;
    let price = params.decimal("price")?.unwrap_or_default();
    Ok((OrderKind::Limit { price, post_only }, time_in_force, until))
}

fn read_quantity(
    params: &Params,
    kind: &str,
    close_position: bool,
    reduce_only: bool,
) -> Result<Decimal, ApiError> {
    if !close_position {
        params.required("quantity")?;
        return Ok(params.decimal("quantity")?.unwrap_or_default());
    }
    if !matches!(kind, "STOP_MARKET" | "TAKE_PROFIT_MARKET") {
        let message = format!("Target strategy invalid for orderType {kind},closePosition true");
        return Err(ApiError::new(-4136, message));
    }
    if params.decimal("quantity")?.is_some() {
        let message = "Quantity must be zero with closePosition equals true";
        return Err(ApiError::new(-4137, message));
    }
    if reduce_only {
        return Err(ApiError::not_required("reduceOnly"));
    }
    Ok(Decimal::ZERO)
}
