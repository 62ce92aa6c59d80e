//! The catalogue and the limits in force, from `GET /api/v3/exchangeInfo`.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use switchyard_sdk::log::Level;
use switchyard_sdk::market::{InstrumentStatus, ListedInstrument, Listing, PublishedLimit};
use switchyard_sdk::query::Query;
use switchyard_sdk::time::{MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND};
use switchyard_sdk::types::{
    Error, HttpRequest, HttpResponse, Instrument, OrderTypes, Payoff, Product, QuantityUnit,
    TimesInForce,
};
use switchyard_sdk::{Context, Step, json};

use super::{ENDPOINT, ORDERS_1D, ORDERS_10S, RAW, WEIGHT, filters, public, read};

pub(crate) fn encode_list_instruments(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    // Permission sets name groups of accounts and are most of the answer's bytes.
    let query = Query::on("/api/v3/exchangeInfo").with("showPermissionSets", "false");
    Ok(public(cx, query, 20))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    rate_limits: Vec<RateLimit>,
    #[serde(borrow, default)]
    exchange_filters: Vec<&'a RawValue>,
    #[serde(borrow)]
    symbols: Vec<&'a RawValue>,
}

/// A limit in force (Enums, "Rate limiters").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateLimit {
    rate_limit_type: String,
    interval: String,
    interval_num: u32,
    limit: u32,
}

pub(crate) fn decode_list_instruments(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Listing>, Error> {
    let info: Info<'_> = read(cx, responses)?;
    let exchange_rules = info
        .exchange_filters
        .iter()
        .map(|raw| filters::verbatim(raw))
        .collect::<Result<Vec<_>, _>>()?;
    let mut instruments = Vec::with_capacity(info.symbols.len());
    for raw in &info.symbols {
        let read = json::read::<Symbol<'_>>(raw.get().as_bytes())
            .and_then(|symbol| instrument(symbol, &exchange_rules));
        match read {
            Ok(instrument) => instruments.push(instrument),
            // One odd symbol is no reason to trade none.
            Err(error) => cx.log(
                Level::Warn,
                &format!("a symbol is left out: {}", error.message),
            ),
        }
    }
    if instruments.is_empty() && !info.symbols.is_empty() {
        return Err(Error::malformed("no symbol can be read"));
    }
    let limits = info.rate_limits.iter().filter_map(published).collect();
    Ok(Step::Done(Listing {
        instruments,
        limits,
    }))
}

/// The bucket that a published limit is about.
fn published(limit: &RateLimit) -> Option<PublishedLimit> {
    let bucket = match (limit.rate_limit_type.as_str(), limit.interval.as_str()) {
        ("REQUEST_WEIGHT", _) => WEIGHT,
        ("RAW_REQUESTS", _) => RAW,
        ("ORDERS", "SECOND") => ORDERS_10S,
        ("ORDERS", "DAY") => ORDERS_1D,
        _ => return None,
    };
    let unit = match limit.interval.as_str() {
        "SECOND" => MS_PER_SECOND,
        "MINUTE" => MS_PER_MINUTE,
        "HOUR" => MS_PER_HOUR,
        "DAY" => MS_PER_DAY,
        _ => return None,
    };
    Some(PublishedLimit {
        bucket: bucket.to_owned(),
        limit: limit.limit,
        window_ms: u64::from(limit.interval_num) * unit,
    })
}

/// A symbol, with every key that has no field below as Binance wrote it.
///
/// The host hands the instrument to every call on it, string by string, so what nothing reads travels
/// in one piece.
struct Symbol<'a> {
    symbol: Cow<'a, str>,
    status: Cow<'a, str>,
    base: Cow<'a, str>,
    quote: Cow<'a, str>,
    order_types: Vec<Cow<'a, str>>,
    spot_allowed: bool,
    filters: Vec<&'a RawValue>,
    /// Switches that are off, by their key.
    off: Vec<&'static str>,
    /// Keys without a field, as one object.
    others: String,
}

/// Switches that decide what the adapter does with an order.
const SWITCHES: &[&str] = &["amendAllowed", "cancelReplaceAllowed"];

impl<'de: 'a, 'a> Deserialize<'de> for Symbol<'a> {
    /// By hand: a derived flatten would copy the whole symbol through a buffer, thousands of times.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Symbol<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a symbol")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Symbol<'de>, A::Error> {
        let (mut symbol, mut status, mut base, mut quote) = (None, None, None, None);
        let (mut order_types, mut filters, mut others) = (None, None, String::from("{"));
        let mut off = Vec::new();
        let mut spot_allowed = true;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key.0 {
                "symbol" => symbol = Some(map.next_value::<Text<'de>>()?.0),
                "status" => status = Some(map.next_value::<Text<'de>>()?.0),
                "baseAsset" => base = Some(map.next_value::<Text<'de>>()?.0),
                "quoteAsset" => quote = Some(map.next_value::<Text<'de>>()?.0),
                "orderTypes" => order_types = Some(map.next_value::<Vec<Text<'de>>>()?),
                "isSpotTradingAllowed" => spot_allowed = map.next_value()?,
                "filters" => filters = Some(map.next_value::<Vec<&'de RawValue>>()?),
                name => {
                    let value = map.next_value::<&'de RawValue>()?.get();
                    if value == "false" {
                        off.extend(SWITCHES.iter().filter(|switch| **switch == name));
                    }
                    if others.len() > 1 {
                        others.push(',');
                    }
                    others.push_str(&serde_json::to_string(name).map_err(A::Error::custom)?);
                    others.push(':');
                    others.push_str(value);
                }
            }
        }
        others.push('}');
        let missing = A::Error::missing_field;
        Ok(Symbol {
            symbol: symbol.ok_or_else(|| missing("symbol"))?,
            status: status.ok_or_else(|| missing("status"))?,
            base: base.ok_or_else(|| missing("baseAsset"))?,
            quote: quote.ok_or_else(|| missing("quoteAsset"))?,
            order_types: order_types
                .ok_or_else(|| missing("orderTypes"))?
                .into_iter()
                .map(|text| text.0)
                .collect(),
            spot_allowed,
            off,
            filters: filters.ok_or_else(|| missing("filters"))?,
            others,
        })
    }
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn instrument(
    symbol: Symbol<'_>,
    exchange_rules: &[(String, String)],
) -> Result<ListedInstrument, Error> {
    let limits = filters::limits(&symbol.filters)?;
    let takes = |name: &str| symbol.order_types.iter().any(|kind| kind == name);
    let mut order_types = OrderTypes::empty();
    let mut times_in_force = TimesInForce::empty();
    if takes("MARKET") {
        order_types |= OrderTypes::MARKET;
    }
    if takes("LIMIT") {
        order_types |= OrderTypes::LIMIT;
        times_in_force |= TimesInForce::GTC | TimesInForce::IOC | TimesInForce::FOK;
    }
    if takes("LIMIT_MAKER") {
        order_types |= OrderTypes::LIMIT;
        times_in_force |= TimesInForce::GTX;
    }
    let mut other_rules = limits.others;
    let off = symbol.off.into_iter();
    // What is switched off decides how an order may be amended, so the adapter asks to be told again.
    let hints: Vec<(String, String)> = off
        .map(|switch| (switch.to_owned(), "false".to_owned()))
        .collect();
    other_rules.extend_from_slice(&hints);
    if symbol.others.len() > "{}".len() {
        other_rules.push(("symbol".to_owned(), symbol.others));
    }
    other_rules.extend_from_slice(exchange_rules);
    let instrument = Instrument {
        symbol: format!("{}/{}", symbol.base, symbol.quote),
        venue_symbol: symbol.symbol.into_owned(),
        endpoint: ENDPOINT.to_owned(),
        product: Product::Spot,
        payoff: Payoff::Delivery,
        settle: symbol.quote.clone().into_owned(),
        base: symbol.base.into_owned(),
        quote: symbol.quote.into_owned(),
        quantity_unit: QuantityUnit::Base,
        contract_size: "1".to_owned(),
        expiry: None,
        hints,
    };
    Ok(ListedInstrument {
        instrument,
        // Every other status (PRE_TRADING, HALT, BREAK ...) may end in trading again.
        status: if symbol.status == "TRADING" && symbol.spot_allowed {
            InstrumentStatus::Trading
        } else {
            InstrumentStatus::Halted
        },
        price: limits.price,
        quantity: limits.quantity,
        market_quantity: limits.market_quantity,
        notional: limits.notional,
        price_band: limits.price_band,
        max_open_orders: limits.max_open_orders,
        max_position: limits.max_position,
        order_types,
        times_in_force,
        other_rules,
    })
}
