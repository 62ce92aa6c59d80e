//! The filters an order must pass, as they are listed and as they refuse.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Dialect, refusals};
use crate::binance::ApiError;
use crate::binance::format::fixed;
use crate::engine::{Contract, Instrument, Listing, NewOrder, OrderKind, Phase, Side, Size};

/// Waiting conditional orders one account may have on a symbol.
pub(super) const MAX_ALGO_ORDERS: usize = 10;
/// Decimals of the multipliers.
const MULTIPLIER_SCALE: u32 = 4;

/// Judges a new order. The engine judges margin and positions.
pub(super) fn check(
    listing: &Listing,
    contract: &Contract,
    order: &NewOrder,
    open_orders: usize,
) -> Result<(), ApiError> {
    check_status(&listing.instrument, contract)?;
    let Size::Base(quantity) = order.size else {
        return Err(ApiError::mandatory("quantity"));
    };
    check_quantity(quantity, order.kind, &listing.instrument, contract)?;
    match order.kind.limit() {
        Some(price) => check_price(price, order.side, listing, contract)?,
        None => check_counterparty(order.side, listing)?,
    }
    if !order.reduce_only {
        check_worth(listing, contract, order.kind.limit(), quantity)
            .map_err(refusals::min_notional)?;
    }
    if order.kind != OrderKind::Market && open_orders >= listing.instrument.max_open_orders {
        return Err(ApiError::new(-2025, "Reach max open order limit."));
    }
    Ok(())
}

/// Whether the contract is traded.
pub(super) fn check_status(instrument: &Instrument, contract: &Contract) -> Result<(), ApiError> {
    match contract.phase {
        Phase::Settling => Err(ApiError::new(-4141, "Symbol is closed.")),
        Phase::Listed if instrument.trading => Ok(()),
        Phase::Pending | Phase::Listed => Err(ApiError::new(
            -4140,
            "Invalid symbol status for opening position.",
        )),
    }
}

/// Judges a quantity.
pub(super) fn check_quantity(
    quantity: Decimal,
    kind: OrderKind,
    instrument: &Instrument,
    contract: &Contract,
) -> Result<(), ApiError> {
    let most = match kind {
        OrderKind::Market => instrument.max_market_quantity,
        OrderKind::Limit { .. } => instrument.max_quantity,
    };
    if quantity <= Decimal::ZERO {
        return Err(ApiError::new(-4003, "Quantity less than zero."));
    }
    if quantity.normalize().scale() > contract.quantity_precision {
        return Err(refusals::precision());
    }
    if quantity < instrument.lot {
        return Err(ApiError::new(-4004, "Quantity less than min quantity."));
    }
    if quantity > most {
        return Err(ApiError::new(-4005, "Quantity greater than max quantity."));
    }
    if !(quantity % instrument.lot).is_zero() {
        return Err(ApiError::new(-4023, "Qty not increased by step size."));
    }
    Ok(())
}

/// Judges a limit price: its form, and how far it is from the mark price on the side where that matters.
pub(super) fn check_price(
    price: Decimal,
    side: Side,
    listing: &Listing,
    contract: &Contract,
) -> Result<(), ApiError> {
    check_form(price, &listing.instrument, contract)?;
    let (up, down) = listing.instrument.price_band;
    let bound = |by: Decimal| fixed(listing.mark() * by, contract.price_precision);
    match side {
        Side::Buy if price > listing.mark() * up => Err(ApiError::new(
            -4016,
            format!("Limit price can't be higher than {}.", bound(up)),
        )),
        Side::Sell if price < listing.mark() * down => Err(ApiError::new(
            -4024,
            format!("Limit price can't be lower than {}.", bound(down)),
        )),
        _ => Ok(()),
    }
}

/// Judges the form of a price.
pub(super) fn check_form(
    price: Decimal,
    instrument: &Instrument,
    contract: &Contract,
) -> Result<(), ApiError> {
    if price <= Decimal::ZERO {
        return Err(ApiError::new(-4001, "Price less than 0."));
    }
    if price.normalize().scale() > contract.price_precision {
        return Err(refusals::precision());
    }
    if price < instrument.tick {
        return Err(ApiError::new(-4013, "Price less than min price."));
    }
    if price > instrument.max_price {
        return Err(ApiError::new(-4002, "Price greater than max price."));
    }
    if !(price % instrument.tick).is_zero() {
        return Err(ApiError::new(-4014, "Price not increased by tick size."));
    }
    Ok(())
}

fn check_counterparty(side: Side, listing: &Listing) -> Result<(), ApiError> {
    let (up, down) = listing.instrument.price_band;
    let best = listing.book.best(side.opposite()).map(|(price, _)| price);
    let outside = best.is_some_and(|best| match side {
        Side::Buy => best > listing.mark() * up,
        Side::Sell => best < listing.mark() * down,
    });
    if outside {
        let message = "The counterparty's best price does not meet the PERCENT_PRICE filter limit.";
        return Err(ApiError::new(-4131, message));
    }
    Ok(())
}

/// Whether an order is worth enough; if not, what it would have to be worth.
pub(super) fn check_worth(
    listing: &Listing,
    contract: &Contract,
    price: Option<Decimal>,
    quantity: Decimal,
) -> Result<(), Decimal> {
    let least = listing.instrument.min_notional;
    let worth = contract
        .payoff
        .value(price.unwrap_or(listing.mark()), quantity);
    if worth.is_some_and(|worth| worth < least) {
        return Err(least);
    }
    Ok(())
}

/// The filters as Binance lists them.
pub(super) fn filters_json(
    dialect: &Dialect,
    instrument: &Instrument,
    contract: &Contract,
) -> Value {
    let plain = |value: Decimal| value.normalize().to_string();
    let price = |value: Decimal| fixed(value, contract.price_precision);
    let (up, down) = instrument.price_band;
    let mut filters = vec![
        json!({ "filterType": "PRICE_FILTER", "minPrice": price(instrument.tick),
                "maxPrice": plain(instrument.max_price), "tickSize": price(instrument.tick) }),
        json!({ "filterType": "LOT_SIZE", "minQty": plain(instrument.lot),
                "maxQty": plain(instrument.max_quantity), "stepSize": plain(instrument.lot) }),
        json!({ "filterType": "MARKET_LOT_SIZE", "minQty": plain(instrument.lot),
                "maxQty": plain(instrument.max_market_quantity), "stepSize": plain(instrument.lot) }),
        json!({ "filterType": "MAX_NUM_ORDERS", "limit": instrument.max_open_orders }),
        json!({ "filterType": "MAX_NUM_ALGO_ORDERS", "limit": MAX_ALGO_ORDERS }),
    ];
    if !dialect.coin_margined {
        filters.push(
            json!({ "filterType": "MIN_NOTIONAL", "notional": plain(instrument.min_notional) }),
        );
    }
    filters.push(
        json!({ "filterType": "PERCENT_PRICE", "multiplierUp": fixed(up, MULTIPLIER_SCALE),
                "multiplierDown": fixed(down, MULTIPLIER_SCALE), "multiplierDecimal": MULTIPLIER_SCALE }),
    );
    Value::Array(filters)
}
