//! The catalogue and the limits in force, from `exchangeInfo`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::log::Level;
use switchyard_sdk::market::{InstrumentStatus, ListedInstrument, Listing, PublishedLimit};
use switchyard_sdk::time::{self, Millis};
use switchyard_sdk::types::{
    Error, HttpRequest, HttpResponse, Instrument, OrderTypes, Payoff, Product, QuantityUnit,
    TimesInForce, Timestamp,
};
use switchyard_sdk::{Context, Step};

use super::dialect::Dialect;
use super::{public, read};
use crate::filters::{self, Family};
use crate::listing::{Entry, Info, RateLimit, Text};

/// The hint that says since when, in milliseconds, a contract is listed: the beginning of its candles.
pub(super) const ONBOARDED: &str = "onboardDate";

pub(crate) fn encode_list_instruments(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    let query = dialect.query("/v1/exchangeInfo");
    Ok(vec![public(cx, dialect, query, 1)])
}

pub(crate) fn decode_list_instruments(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Listing>, Error> {
    let dialect = Dialect::of(cx)?;
    let info: Info<'_> = read(cx, dialect, responses)?;
    let instruments = info.instruments(cx, |symbol, rules| instrument(dialect, symbol, rules))?;
    Ok(Step::Done(Listing {
        instruments: distinct(cx, instruments),
        limits: info
            .rate_limits
            .iter()
            .filter_map(|limit| published(dialect, limit))
            .collect(),
    }))
}

/// The bucket that a published limit is about.
fn published(dialect: &Dialect, limit: &RateLimit) -> Option<PublishedLimit> {
    let bucket = match (limit.rate_limit_type.as_str(), limit.interval.as_str()) {
        ("REQUEST_WEIGHT", "MINUTE") => dialect.weight,
        ("ORDERS", "SECOND") => bucket(dialect, "_10s")?,
        ("ORDERS", "MINUTE") => bucket(dialect, "_1m")?,
        _ => return None,
    };
    limit.of(bucket)
}

fn bucket(dialect: &Dialect, ending: &str) -> Option<&'static str> {
    dialect
        .orders
        .iter()
        .find(|name| name.ends_with(ending))
        .copied()
}

/// Leaves out what would share a unified symbol or a venue symbol with another: a contract listed again
/// keeps its predecessor, closed, in the answer. The one that trades stays, else the first.
fn distinct(cx: &Context<'_>, instruments: Vec<ListedInstrument>) -> Vec<ListedInstrument> {
    let rank = |status| match status {
        InstrumentStatus::Trading => 0,
        InstrumentStatus::Halted => 1,
        InstrumentStatus::Closed => 2,
    };
    let mut by_rank: Vec<usize> = (0..instruments.len()).collect();
    by_rank.sort_by_key(|at| rank(instruments[*at].status));
    let mut unified = BTreeMap::new();
    let mut venue = BTreeMap::new();
    let mut kept = vec![false; instruments.len()];
    for at in by_rank {
        let instrument = &instruments[at].instrument;
        if unified.contains_key(instrument.symbol.as_str())
            || venue.contains_key(instrument.venue_symbol.as_str())
        {
            cx.log(
                Level::Warn,
                &format!(
                    "{} is left out: {} is listed already",
                    instrument.venue_symbol, instrument.symbol
                ),
            );
            continue;
        }
        unified.insert(instrument.symbol.as_str(), at);
        venue.insert(instrument.venue_symbol.as_str(), at);
        kept[at] = true;
    }
    instruments
        .into_iter()
        .zip(kept)
        .filter_map(|(instrument, kept)| kept.then_some(instrument))
        .collect()
}

fn instrument(
    dialect: &Dialect,
    mut symbol: Entry<'_>,
    exchange_rules: &[(String, String)],
) -> Result<ListedInstrument, Error> {
    let venue_symbol = symbol.text("symbol")?;
    // COIN-M says contractStatus.
    let status = match symbol.take::<Text<'_>>("status")? {
        Some(status) => status.0,
        None => symbol.text("contractStatus")?,
    };
    let base = symbol.text("baseAsset")?;
    let quote = symbol.text("quoteAsset")?;
    let settle = symbol.text("marginAsset")?;
    let contract_type = symbol.take::<Text<'_>>("contractType")?;
    let delivery_date = symbol.take::<Millis>("deliveryDate")?;
    let onboarded = symbol.take::<Millis>(ONBOARDED)?;
    // The document's example says OrderType, the API orderTypes.
    let order_types = match symbol.take::<Vec<Text<'_>>>("orderTypes")? {
        Some(kinds) => kinds,
        None => symbol.need("OrderType")?,
    };
    let times_in_force = symbol.need::<Vec<Text<'_>>>("timeInForce")?;
    let contract_size = if dialect.inverse {
        symbol.need::<Exact>("contractSize")?.into_string()
    } else {
        "1".to_owned()
    };
    let filters = symbol.need::<Vec<&RawValue>>("filters")?;
    let limits = filters::limits(&filters, Family::Futures)?;
    let kind = contract_type.as_ref().map_or("", |kind| &*kind.0);
    let expiry = expiry(kind, &venue_symbol, delivery_date)?;
    let mut other_rules = limits.others;
    other_rules.extend(
        contract_type
            .as_ref()
            .map(|kind| ("contractType".to_owned(), quoted(&kind.0))),
    );
    other_rules.push(("status".to_owned(), quoted(&status)));
    other_rules.extend(symbol.rest()?.map(|rest| ("symbol".to_owned(), rest)));
    other_rules.extend_from_slice(exchange_rules);
    let mut unified = format!("{base}/{quote}:{settle}");
    if let Some(expiry) = expiry {
        let (year, month, day) = time::calendar(expiry);
        unified.push_str(&format!("-{:02}{month:02}{day:02}", year % 100));
    }
    let instrument = Instrument {
        symbol: unified,
        venue_symbol: venue_symbol.into_owned(),
        endpoint: dialect.endpoint.to_owned(),
        product: match (dialect.inverse, expiry) {
            (false, None) => Product::UsdMPerpetual,
            (false, Some(_)) => Product::UsdMDelivery,
            (true, None) => Product::UsdCPerpetual,
            (true, Some(_)) => Product::UsdCDelivery,
        },
        payoff: if dialect.inverse {
            Payoff::Inverse
        } else {
            Payoff::Linear
        },
        base: base.into_owned(),
        quote: quote.into_owned(),
        settle: settle.into_owned(),
        quantity_unit: if dialect.inverse {
            QuantityUnit::Contracts
        } else {
            QuantityUnit::Base
        },
        contract_size,
        expiry,
        hints: onboarded
            .map(|time| (ONBOARDED.to_owned(), time.0.to_string()))
            .into_iter()
            .collect(),
    };
    Ok(ListedInstrument {
        instrument,
        status: match &*status {
            "TRADING" => InstrumentStatus::Trading,
            "SETTLING" | "DELIVERING" | "DELIVERED" | "CLOSE" => InstrumentStatus::Closed,
            // PENDING_TRADING, PRE_DELIVERING, PRE_SETTLE, and what is not documented yet.
            _ => InstrumentStatus::Halted,
        },
        price: limits.price,
        quantity: limits.quantity,
        market_quantity: limits.market_quantity,
        notional: limits.notional,
        price_band: limits.price_band,
        max_open_orders: limits.max_open_orders,
        max_position: limits.max_position,
        order_types: order_types.iter().fold(OrderTypes::empty(), |all, kind| {
            all | match &*kind.0 {
                "LIMIT" => OrderTypes::LIMIT,
                "MARKET" => OrderTypes::MARKET,
                _ => OrderTypes::empty(),
            }
        }),
        times_in_force: times_in_force
            .iter()
            .fold(TimesInForce::empty(), |all, time| {
                all | match &*time.0 {
                    "GTC" => TimesInForce::GTC,
                    "IOC" => TimesInForce::IOC,
                    "FOK" => TimesInForce::FOK,
                    "GTX" => TimesInForce::GTX,
                    _ => TimesInForce::empty(),
                }
            }),
        other_rules,
    })
}

/// When a contract expires; `None` for a perpetual one.
///
/// The contract type decides (`TRADIFI_PERPETUAL` and `PERPETUAL_DELIVERING` are perpetual,
/// `CURRENT_QUARTER DELIVERING` is not); once settled it is empty, and then the name's ending does.
fn expiry(
    kind: &str,
    venue_symbol: &str,
    delivery_date: Option<Millis>,
) -> Result<Option<Timestamp>, Error> {
    let ending = venue_symbol
        .rsplit_once('_')
        .and_then(|(_, day)| dated(day));
    let delivery = ["QUARTER", "MONTH", "WEEK"]
        .iter()
        .any(|period| kind.contains(period));
    if kind.contains("PERPETUAL") || (!delivery && ending.is_none()) {
        return Ok(None);
    }
    delivery_date
        .map(|date| date.0)
        .or(ending)
        .map(Some)
        .ok_or_else(|| Error::malformed("a delivery contract without its date"))
}

/// The day that six digits name.
fn dated(digits: &str) -> Option<Timestamp> {
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize| digits[from..from + 2].parse::<u64>().ok();
    time::date(2_000 + part(0)?, part(2)?, part(4)?)
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
