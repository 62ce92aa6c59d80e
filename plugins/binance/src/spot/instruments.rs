//! The catalogue and the limits in force, from `GET /api/v3/exchangeInfo`.

use serde_json::value::RawValue;
use switchyard_sdk::market::{InstrumentStatus, ListedInstrument, Listing, PublishedLimit};
use switchyard_sdk::query::Query;
use switchyard_sdk::types::{
    Error, HttpRequest, HttpResponse, Instrument, OrderTypes, Payoff, Product, QuantityUnit,
    TimesInForce,
};
use switchyard_sdk::{Context, Step};

use super::{ENDPOINT, ORDERS_1D, ORDERS_10S, RAW, WEIGHT, public, read};
use crate::filters::{self, Family};
use crate::listing::{Entry, Info, RateLimit, Text};

pub(crate) fn encode_list_instruments(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    // Permission sets name groups of accounts and are most of the answer's bytes.
    let query = Query::on("/api/v3/exchangeInfo").with("showPermissionSets", "false");
    Ok(public(cx, query, 20))
}

pub(crate) fn decode_list_instruments(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Listing>, Error> {
    let info: Info<'_> = read(cx, responses)?;
    let instruments = info.instruments(cx, instrument)?;
    let limits = info.rate_limits.iter().filter_map(published).collect();
    Ok(Step::Done(Listing {
        instruments,
        limits,
    }))
}

/// The bucket that a published limit is about.
fn published(limit: &RateLimit) -> Option<PublishedLimit> {
    match (limit.rate_limit_type.as_str(), limit.interval.as_str()) {
        ("REQUEST_WEIGHT", _) => limit.of(WEIGHT),
        ("RAW_REQUESTS", _) => limit.of(RAW),
        ("ORDERS", "SECOND") => limit.of(ORDERS_10S),
        ("ORDERS", "DAY") => limit.of(ORDERS_1D),
        _ => None,
    }
}

/// Switches that decide what the adapter does with an order.
const SWITCHES: [&str; 2] = ["amendAllowed", "cancelReplaceAllowed"];

fn instrument(
    mut symbol: Entry<'_>,
    exchange_rules: &[(String, String)],
) -> Result<ListedInstrument, Error> {
    let venue_symbol = symbol.text("symbol")?;
    let status = symbol.text("status")?;
    let (base, quote) = (symbol.text("baseAsset")?, symbol.text("quoteAsset")?);
    let kinds = symbol.need::<Vec<Text<'_>>>("orderTypes")?;
    let spot_allowed = symbol.take("isSpotTradingAllowed")?.unwrap_or(true);
    let limits = filters::limits(&symbol.need::<Vec<&RawValue>>("filters")?, Family::Spot)?;
    let takes = |name: &str| kinds.iter().any(|kind| kind.0 == name);
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
    // What is switched off decides how an order may be amended, so the adapter asks to be told again.
    let hints: Vec<(String, String)> = SWITCHES
        .into_iter()
        .filter(|switch| symbol.is_off(switch))
        .map(|switch| (switch.to_owned(), "false".to_owned()))
        .collect();
    let mut other_rules = limits.others;
    other_rules.extend_from_slice(&hints);
    other_rules.extend(symbol.rest()?.map(|rest| ("symbol".to_owned(), rest)));
    other_rules.extend_from_slice(exchange_rules);
    let instrument = Instrument {
        symbol: format!("{base}/{quote}"),
        venue_symbol: venue_symbol.into_owned(),
        endpoint: ENDPOINT.to_owned(),
        product: Product::Spot,
        payoff: Payoff::Delivery,
        settle: quote.clone().into_owned(),
        base: base.into_owned(),
        quote: quote.into_owned(),
        quantity_unit: QuantityUnit::Base,
        contract_size: "1".to_owned(),
        expiry: None,
        hints,
    };
    Ok(ListedInstrument {
        instrument,
        // Every other status (PRE_TRADING, HALT, BREAK ...) may end in trading again.
        status: if status == "TRADING" && spot_allowed {
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
