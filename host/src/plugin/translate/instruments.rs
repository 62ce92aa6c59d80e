//! Instruments and their limits.

use indexmap::IndexMap;
use switchyard_runtime::wit::market as wit_market;
use switchyard_runtime::wit::types as wit;

use super::{Translated, decimal, named, nonsense, optional_decimal, timestamp};
use crate::model::{
    Bounds, Instrument, InstrumentStatus, NotionalBounds, OrderType, Payoff, PriceBand, Product,
    QuantityUnit, ReferencePrice, TimeInForce,
};

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
        min_applies_to_reduce_only: from.min_applies_to_reduce_only,
    })
}

fn price_band(from: &wit_market::PriceBand) -> Translated<PriceBand> {
    Ok(PriceBand {
        bid_up: optional_decimal("price-band.bid-up", &from.bid_up)?,
        bid_down: optional_decimal("price-band.bid-down", &from.bid_down)?,
        ask_up: optional_decimal("price-band.ask-up", &from.ask_up)?,
        ask_down: optional_decimal("price-band.ask-down", &from.ask_down)?,
        reference: match from.reference {
            wit_market::ReferencePrice::LastTrade => ReferencePrice::LastTrade,
            wit_market::ReferencePrice::Average => ReferencePrice::Average,
            wit_market::ReferencePrice::Mark => ReferencePrice::Mark,
        },
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
