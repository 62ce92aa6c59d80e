//! Reading a new order, and judging what BitMEX judges before its engine does.

use rust_decimal::Decimal;

use super::Call;
use super::errors::BitmexError;
use super::instruments::state;
use super::notes::Note;
use super::sizes::order_units;
use crate::engine::{
    AccountId, Engine, Instrument, NewOrder, OrderKind, SelfTradePrevention, Side, Size,
    TimeInForce, View,
};

/// The longest client id.
const MAX_CLIENT_ID: usize = 36;

/// A new order and what is only kept for display.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) order: NewOrder,
    pub(super) note: Note,
}

/// Reads an order for an instrument.
pub(super) fn read(engine: &Engine, call: &Call<'_>) -> Result<Entry, BitmexError> {
    let params = call.params;
    let symbol = params
        .text("symbol")
        .ok_or_else(|| BitmexError::required("symbol"))?;
    let listing = engine
        .listing(&symbol.to_ascii_uppercase())
        .ok_or_else(|| BitmexError::invalid("symbol"))?;
    let instrument = &listing.instrument;
    if state(instrument) != "Open" {
        let message = format!("Instrument {} is not open for trading", instrument.symbol);
        return Err(BitmexError::http(400, message));
    }
    let exec_inst = params.list("execInst");
    let has = |wanted: &str| exec_inst.iter().any(|inst| inst == wanted);
    let known = ["ParticipateDoNotInitiate", "ReduceOnly", "Close"];
    if exec_inst.iter().any(|inst| !known.contains(&inst.as_str())) {
        return Err(BitmexError::invalid("execInst"));
    }
    let reduce_only = has("ReduceOnly") || has("Close");
    if reduce_only && instrument.contract.is_none() {
        return Err(BitmexError::invalid("execInst"));
    }
    let sent = params.integer("orderQty")?;
    let side = match params.text("side").as_deref() {
        Some("Buy") => Side::Buy,
        Some("Sell") => Side::Sell,
        Some(_) => return Err(BitmexError::invalid("side")),
        None if sent.is_none() && has("Close") => return Err(BitmexError::required("side")),
        None if sent.is_some_and(i64::is_negative) => Side::Sell,
        None => Side::Buy,
    };
    let quantity = match sent {
        Some(sent) => quantity(instrument, sent.saturating_abs())?,
        None if has("Close") => engine.reducible(call.account, &instrument.symbol, side),
        None => return Err(BitmexError::invalid("orderQty")),
    };
    let post_only = has("ParticipateDoNotInitiate");
    let price = params.decimal("price")?;
    let kind = match (params.text("ordType").as_deref(), price) {
        (None | Some("Limit"), Some(price)) => {
            check_price(instrument, price)?;
            OrderKind::Limit { price, post_only }
        }
        (None | Some("Market"), None) => OrderKind::Market,
        (Some("Limit"), None) => return Err(BitmexError::invalid("price")),
        (Some("Market"), Some(_)) => return Err(BitmexError::invalid("price for ordType")),
        _ => return Err(BitmexError::invalid("ordType")),
    };
    let default = if kind == OrderKind::Market {
        "ImmediateOrCancel"
    } else {
        "GoodTillCancel"
    };
    let wanted = params
        .text("timeInForce")
        .unwrap_or_else(|| default.to_owned());
    let (shown, time_in_force) = match wanted.as_str() {
        "GoodTillCancel" => ("GoodTillCancel", TimeInForce::Gtc),
        "Day" => ("Day", TimeInForce::Gtc),
        "ImmediateOrCancel" => ("ImmediateOrCancel", TimeInForce::Ioc),
        "FillOrKill" => ("FillOrKill", TimeInForce::Fok),
        _ => return Err(BitmexError::invalid("timeInForce")),
    };
    if post_only && (kind == OrderKind::Market || time_in_force != TimeInForce::Gtc) {
        return Err(BitmexError::invalid("execInst"));
    }
    let client_id = params.text("clOrdID").unwrap_or_default();
    check_client_id(engine, call, &client_id)?;
    if engine
        .open_orders(View::NOW, call.account, Some(&instrument.symbol))
        .len()
        >= instrument.max_open_orders
    {
        return Err(BitmexError::http(400, "Too many open orders"));
    }
    Ok(Entry {
        order: NewOrder {
            account: call.account,
            symbol: instrument.symbol.clone(),
            side,
            kind,
            size: Size::Base(quantity),
            time_in_force,
            client_id,
            self_trade: SelfTradePrevention::None,
            reduce_only,
            good_till_us: None,
        },
        note: Note {
            time_in_force: shown,
            exec_inst: exec_inst.join(","),
            text: annotated(params.text("text")),
            cancel_text: None,
        },
    })
}

fn annotated(text: Option<String>) -> String {
    match text {
        Some(text) => format!("{text}\nSubmitted via API."),
        None => "Submitted via API.".to_owned(),
    }
}

/// Judges an order quantity, and gives it in the engine's units.
pub(super) fn quantity(instrument: &Instrument, sent: i64) -> Result<Decimal, BitmexError> {
    let quantity = Decimal::from(sent)
        .checked_div(order_units(instrument))
        .unwrap_or_default();
    if quantity <= Decimal::ZERO || quantity > instrument.max_quantity {
        return Err(BitmexError::invalid("orderQty"));
    }
    if !(quantity % instrument.lot).is_zero() {
        let lot = (instrument.lot * order_units(instrument)).normalize();
        let message = format!("Order quantity must be a multiple of lot size: {lot}");
        return Err(BitmexError::http(400, message));
    }
    Ok(quantity)
}

/// Judges a limit price.
pub(super) fn check_price(instrument: &Instrument, price: Decimal) -> Result<(), BitmexError> {
    if price <= Decimal::ZERO || price > instrument.max_price {
        return Err(BitmexError::http(400, "Invalid price"));
    }
    if !(price % instrument.tick).is_zero() {
        return Err(BitmexError::http(400, "Invalid price tickSize"));
    }
    Ok(())
}

/// Judges a client id, which must differ from those of all open orders of the account, whatever the instrument.
pub(super) fn check_client_id(
    engine: &Engine,
    call: &Call<'_>,
    client_id: &str,
) -> Result<(), BitmexError> {
    if client_id.len() > MAX_CLIENT_ID {
        return Err(BitmexError::invalid("clOrdID"));
    }
    let taken = |account: AccountId| {
        let open = engine.open_orders(View::NOW, account, None);
        open.iter().any(|order| order.client_id == client_id)
    };
    if !client_id.is_empty() && call.settings.unique_open_client_ids && taken(call.account) {
        return Err(BitmexError::http(400, "Duplicate clOrdID"));
    }
    Ok(())
}
