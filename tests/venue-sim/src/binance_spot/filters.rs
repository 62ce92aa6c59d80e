//! The filters an order must pass, as they are listed and as they refuse.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::binance::ApiError;
use crate::binance::format::amount;
use crate::engine::{Instrument, NewOrder, OrderKind, Size};

/// Minutes over which prices are averaged for filters.
pub(super) const AVERAGE_MINUTES: i64 = 5;

/// What the filters need to know about the market and the account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings {
    pub(super) average_price: Decimal,
    pub(super) open_orders: usize,
}

/// Judges an order.
pub(super) fn check(
    order: &NewOrder,
    instrument: &Instrument,
    around: Surroundings,
) -> Result<(), ApiError> {
    if let Some(price) = order.kind.limit() {
        check_price(price, instrument, around.average_price)?;
    }
    if let Size::Base(quantity) = order.size {
        check_quantity(quantity, order.kind, instrument)?;
    }
    let notional = match (order.size, order.kind.limit()) {
        (Size::Base(quantity), price) => {
            quantity.checked_mul(price.unwrap_or(around.average_price))
        }
        (Size::Quote(amount), _) => Some(amount),
    };
    let notional = notional.ok_or_else(|| ApiError::filter("NOTIONAL"))?;
    // The maximum does not apply to market orders.
    let too_large = order.kind != OrderKind::Market && notional > instrument.max_notional;
    if notional < instrument.min_notional || too_large {
        return Err(ApiError::filter("NOTIONAL"));
    }
    if order.kind != OrderKind::Market && around.open_orders >= instrument.max_open_orders {
        return Err(ApiError::filter("MAX_NUM_ORDERS"));
    }
    Ok(())
}

fn check_price(price: Decimal, instrument: &Instrument, average: Decimal) -> Result<(), ApiError> {
    if price < instrument.tick
        || price > instrument.max_price
        || !(price % instrument.tick).is_zero()
    {
        return Err(ApiError::filter("PRICE_FILTER"));
    }
    let (up, down) = instrument.price_band;
    if price > average * up || price < average * down {
        return Err(ApiError::filter("PERCENT_PRICE_BY_SIDE"));
    }
    Ok(())
}

/// Judges a quantity.
pub(super) fn check_quantity(
    quantity: Decimal,
    kind: OrderKind,
    instrument: &Instrument,
) -> Result<(), ApiError> {
    if quantity < instrument.lot
        || quantity > instrument.max_quantity
        || !(quantity % instrument.lot).is_zero()
    {
        return Err(ApiError::filter("LOT_SIZE"));
    }
    if kind == OrderKind::Market && quantity > instrument.max_market_quantity {
        return Err(ApiError::filter("MARKET_LOT_SIZE"));
    }
    Ok(())
}

/// The filters as Binance lists them.
pub(super) fn filters_json(instrument: &Instrument) -> Value {
    let (up, down) = instrument.price_band;
    let (up, down) = (up.normalize().to_string(), down.normalize().to_string());
    json!([
        { "filterType": "PRICE_FILTER", "minPrice": amount(instrument.tick),
          "maxPrice": amount(instrument.max_price), "tickSize": amount(instrument.tick) },
        { "filterType": "LOT_SIZE", "minQty": amount(instrument.lot),
          "maxQty": amount(instrument.max_quantity), "stepSize": amount(instrument.lot) },
        { "filterType": "ICEBERG_PARTS", "limit": 10 },
        { "filterType": "MARKET_LOT_SIZE", "minQty": amount(Decimal::ZERO),
          "maxQty": amount(instrument.max_market_quantity), "stepSize": amount(Decimal::ZERO) },
        { "filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
          "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000 },
        { "filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": up, "bidMultiplierDown": down,
          "askMultiplierUp": up, "askMultiplierDown": down, "avgPriceMins": AVERAGE_MINUTES },
        { "filterType": "NOTIONAL", "minNotional": amount(instrument.min_notional), "applyMinToMarket": true,
          "maxNotional": amount(instrument.max_notional), "applyMaxToMarket": false,
          "avgPriceMins": AVERAGE_MINUTES },
        { "filterType": "MAX_NUM_ORDERS", "maxNumOrders": instrument.max_open_orders },
        { "filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20 },
        { "filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5 },
        { "filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": instrument.max_amends },
    ])
}
