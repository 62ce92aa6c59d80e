//! Quantities and worths as BitMEX counts them: contracts, minor units of an asset, and notionals.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::currencies::{Currency, minor_units};
use crate::engine::{Engine, Instrument, Payoff, Side};

/// How many units of `orderQty` make one unit of the engine's: a contract is a contract, a spot order is in minor
/// units of its base.
pub(super) fn order_units(instrument: &Instrument) -> Decimal {
    match instrument.contract {
        Some(_) => Decimal::ONE,
        None => Currency::of(&instrument.base).map_or(Decimal::ONE, Currency::unit),
    }
}

/// A quantity as `orderQty` shows it.
pub(super) fn order_quantity(instrument: &Instrument, quantity: Decimal) -> i64 {
    (quantity * order_units(instrument))
        .to_i64()
        .unwrap_or_default()
}

/// The asset of margin and profit, or the one a spot pair is paid with.
pub(super) fn settles_in(instrument: &Instrument) -> &str {
    match &instrument.contract {
        Some(contract) => &contract.margin_asset,
        None => &instrument.quote,
    }
}

pub(super) fn is_inverse(instrument: &Instrument) -> bool {
    let payoff = instrument.contract.as_ref().map(|contract| contract.payoff);
    matches!(payoff, Some(Payoff::Inverse { .. }))
}

pub(super) fn is_quanto(instrument: &Instrument) -> bool {
    let contract = instrument.contract.as_ref();
    contract.is_some_and(|c| c.margin_asset != instrument.quote) && !is_inverse(instrument)
}

/// What a trade cost, in minor units: positive for a buyer, and the other way round on inverse contracts, because
/// there the buyer gives up coin.
pub(super) fn signed_cost(instrument: &Instrument, side: Side, value: Decimal) -> i64 {
    let cost = minor_units(settles_in(instrument), value);
    if (side == Side::Buy) == is_inverse(instrument) {
        -cost
    } else {
        cost
    }
}

/// A quantity in units of the underlying and in units of the quote currency, both with the sign of the quantity.
pub(super) fn notionals(
    engine: &Engine,
    instrument: &Instrument,
    quantity: Decimal,
    price: Decimal,
) -> (Decimal, Decimal) {
    let value = instrument.value(price, quantity).unwrap_or_default();
    match &instrument.contract {
        None => (quantity, value),
        Some(_) if is_inverse(instrument) => (value, quantity),
        Some(_) if is_quanto(instrument) => {
            // Worth in XBT; what that is in dollars says the perpetual on XBT.
            let xbt = engine.listing("XBTUSD").map(crate::engine::Listing::mark);
            let dollars = value * xbt.unwrap_or(Decimal::ONE);
            (dollars.checked_div(price).unwrap_or_default(), dollars)
        }
        Some(_) => (value.checked_div(price).unwrap_or_default(), value),
    }
}
