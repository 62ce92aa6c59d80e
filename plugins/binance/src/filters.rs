//! A symbol's filters as the contract's limits; what has no field there stays as Binance wrote it.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::json;
use switchyard_sdk::market::{Bounds, NotionalBounds, PriceBand, ReferencePrice};
use switchyard_sdk::types::Error;

/// Any filter (Filters, "Symbol filters"); which fields it has depends on its type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter<'a> {
    #[serde(borrow)]
    filter_type: Cow<'a, str>,
    min_price: Option<Exact>,
    max_price: Option<Exact>,
    tick_size: Option<Exact>,
    min_qty: Option<Exact>,
    max_qty: Option<Exact>,
    step_size: Option<Exact>,
    #[serde(alias = "notional")]
    min_notional: Option<Exact>,
    max_notional: Option<Exact>,
    apply_to_market: Option<bool>,
    apply_min_to_market: Option<bool>,
    apply_max_to_market: Option<bool>,
    avg_price_mins: Option<u32>,
    multiplier_up: Option<Exact>,
    multiplier_down: Option<Exact>,
    bid_multiplier_up: Option<Exact>,
    bid_multiplier_down: Option<Exact>,
    ask_multiplier_up: Option<Exact>,
    ask_multiplier_down: Option<Exact>,
    /// Futures call every limit so.
    limit: Option<u32>,
    max_num_orders: Option<u32>,
    max_position: Option<Exact>,
}

/// Which documents the filters go by: spot's and the futures' have the same names and differ in the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Spot,
    Futures,
}

/// The limits that a symbol's filters come to.
pub(crate) struct Limits {
    pub(crate) price: Bounds,
    pub(crate) quantity: Bounds,
    pub(crate) market_quantity: Option<Bounds>,
    pub(crate) notional: Option<NotionalBounds>,
    pub(crate) price_band: Option<PriceBand>,
    pub(crate) max_open_orders: Option<u32>,
    pub(crate) max_position: Option<String>,
    /// Filters without a field, by their type.
    pub(crate) others: Vec<(String, String)>,
}

/// Reads a symbol's filters.
pub(crate) fn limits(filters: &[&RawValue], family: Family) -> Result<Limits, Error> {
    let mut limits = Limits {
        price: unbounded(),
        quantity: unbounded(),
        market_quantity: None,
        notional: None,
        price_band: None,
        max_open_orders: None,
        max_position: None,
        others: Vec::new(),
    };
    let mut market = None;
    for raw in filters {
        let filter: Filter<'_> = json::read(raw.get().as_bytes())?;
        let known = match &*filter.filter_type {
            "PRICE_FILTER" => {
                limits.price =
                    bounds(filter.min_price, filter.max_price, filter.tick_size, family)?;
                true
            }
            "LOT_SIZE" => {
                limits.quantity = bounds(filter.min_qty, filter.max_qty, filter.step_size, family)?;
                true
            }
            "MARKET_LOT_SIZE" => {
                market = Some((filter.min_qty, filter.max_qty, filter.step_size));
                true
            }
            "NOTIONAL" | "MIN_NOTIONAL" if limits.notional.is_none() => {
                // Futures: "Since MARKET orders have no price, the mark price is used."
                let to_market = filter.apply_to_market.unwrap_or(family == Family::Futures);
                limits.notional = Some(NotionalBounds {
                    min: filter.min_notional.and_then(Exact::non_zero),
                    max: filter.max_notional.and_then(Exact::non_zero),
                    min_applies_to_market: filter.apply_min_to_market.unwrap_or(to_market),
                    max_applies_to_market: filter.apply_max_to_market.unwrap_or(to_market),
                    // "Order's notional must be no smaller than %s (unless you choose reduce only)" (-4164).
                    min_applies_to_reduce_only: family == Family::Spot,
                });
                // The reference price's minutes, which spot has, have no field.
                family == Family::Futures
            }
            "PERCENT_PRICE" | "PERCENT_PRICE_BY_SIDE" if limits.price_band.is_none() => {
                limits.price_band = match family {
                    Family::Spot => band(filter),
                    Family::Futures => mark_band(filter),
                };
                limits.price_band.is_some()
            }
            "MAX_NUM_ORDERS" => {
                limits.max_open_orders = filter.max_num_orders.or(filter.limit);
                limits.max_open_orders.is_some()
            }
            "MAX_POSITION" => {
                limits.max_position = filter.max_position.and_then(Exact::non_zero);
                limits.max_position.is_some()
            }
            _ => false,
        };
        if !known {
            limits.others.push(verbatim(raw)?);
        }
    }
    if let Some((min, max, step)) = market {
        limits.market_quantity = Some(both(&limits.quantity, bounds(min, max, step, family)?)?);
    }
    Ok(limits)
}

/// A filter by its type, as Binance wrote it.
pub(crate) fn verbatim(raw: &RawValue) -> Result<(String, String), Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named<'a> {
        #[serde(borrow)]
        filter_type: Cow<'a, str>,
    }
    let named: Named<'_> = json::read(raw.get().as_bytes())?;
    Ok((named.filter_type.into_owned(), raw.get().to_owned()))
}

fn unbounded() -> Bounds {
    Bounds {
        min: None,
        max: None,
        step: None,
    }
}

/// Bounds whose zeros switch their rule off.
///
/// The contract and the futures count steps from the minimum ("(price-minPrice) % tickSize == 0"), spot
/// from zero, so there a minimum between two steps is moved up to the next: the same values remain.
fn bounds(
    min: Option<Exact>,
    max: Option<Exact>,
    step: Option<Exact>,
    family: Family,
) -> Result<Bounds, Error> {
    let step = step.filter(|step| !step.is_zero());
    let min = min.filter(|min| !min.is_zero());
    let min = match (min, &step) {
        (Some(min), Some(step)) if family == Family::Spot => {
            let (value, step) = (min.value()?, step.value()?);
            match value.checked_rem(step) {
                Some(rest) if !rest.is_zero() => value
                    .checked_sub(rest)
                    .and_then(|below| below.checked_add(step))
                    .map(|above| above.to_string()),
                _ => Some(min.into_string()),
            }
        }
        (min, _) => min.map(Exact::into_string),
    };
    Ok(Bounds {
        min,
        max: max.and_then(Exact::non_zero),
        step: step.map(Exact::into_string),
    })
}

/// The bounds of market orders: on Binance `LOT_SIZE` binds them as well.
fn both(all: &Bounds, market: Bounds) -> Result<Bounds, Error> {
    Ok(Bounds {
        min: stricter(all.min.as_deref(), market.min, |all, market| all > market)?,
        max: stricter(all.max.as_deref(), market.max, |all, market| all < market)?,
        step: stricter(all.step.as_deref(), market.step, |all, market| all > market)?,
    })
}

/// The general bound where it is stricter or the only one.
fn stricter(
    all: Option<&str>,
    market: Option<String>,
    binds: fn(Decimal, Decimal) -> bool,
) -> Result<Option<String>, Error> {
    Ok(match (all, market) {
        (Some(all), Some(market)) => {
            let (general, special) = (
                switchyard_sdk::decimal::value(all)?,
                switchyard_sdk::decimal::value(&market)?,
            );
            Some(if binds(general, special) {
                all.to_owned()
            } else {
                market
            })
        }
        (all, market) => market.or_else(|| all.map(str::to_owned)),
    })
}

/// The band of the futures' percent filter, which binds each side in one direction.
fn mark_band(filter: Filter<'_>) -> Option<PriceBand> {
    Some(PriceBand {
        bid_up: Some(filter.multiplier_up?.into_string()),
        bid_down: None,
        ask_up: None,
        ask_down: Some(filter.multiplier_down?.into_string()),
        reference: ReferencePrice::Mark,
        average_minutes: 0,
    })
}

/// The band of either percent filter of spot; the one without sides binds both alike.
fn band(filter: Filter<'_>) -> Option<PriceBand> {
    let average_minutes = filter.avg_price_mins.unwrap_or(0);
    let (up, down) = (
        filter.multiplier_up.map(Exact::into_string),
        filter.multiplier_down.map(Exact::into_string),
    );
    let either = |own: Option<Exact>, both: Option<String>| own.map(Exact::into_string).or(both);
    Some(PriceBand {
        bid_up: Some(either(filter.bid_multiplier_up, up.clone())?),
        bid_down: Some(either(filter.bid_multiplier_down, down.clone())?),
        ask_up: Some(either(filter.ask_multiplier_up, up)?),
        ask_down: Some(either(filter.ask_multiplier_down, down)?),
        // "avgPriceMins is the number of minutes the average price is calculated over. 0 means the last price is used."
        reference: if average_minutes == 0 {
            ReferencePrice::LastTrade
        } else {
            ReferencePrice::Average
        },
        average_minutes,
    })
}
