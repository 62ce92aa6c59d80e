//! Instruments, the clock and best prices: nothing of it is signed.

use serde::Deserialize;
use switchyard_sdk::Context;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::market::{
    Bounds, GetOrderBook, InstrumentStatus, Level, ListedInstrument, Listing, NotionalBounds,
    OrderBook, Ticker,
};
use switchyard_sdk::query::Query;
use switchyard_sdk::request::get;
use switchyard_sdk::time::Millis;
use switchyard_sdk::types::{
    Error, HttpRequest, HttpResponse, Instrument, OrderTypes, Payoff, Product, QuantityUnit,
    TimesInForce, Timestamp,
};

use crate::answers::{Text, read};
use crate::describe::{BUCKET, ENDPOINT};

pub(crate) fn instruments() -> HttpRequest {
    get(ENDPOINT, "/v1/instruments").cost(BUCKET, 1)
}

#[derive(Deserialize)]
struct WireListing {
    instruments: Vec<WireInstrument>,
}

// Money is `Exact`: the digits as the venue gave them. A float would lose some.
#[derive(Deserialize)]
struct WireInstrument {
    symbol: Text,
    base: Text,
    quote: Text,
    status: String,
    tick_size: Exact,
    lot_size: Exact,
    min_size: Exact,
    max_size: Exact,
    min_notional: Exact,
}

/// Every limit of the venue that is given here is checked before an order is sent.
pub(crate) fn listing(cx: &Context<'_>, responses: &[HttpResponse]) -> Result<Listing, Error> {
    let listing: WireListing = read(cx, responses)?;
    let instruments: Result<Vec<_>, Error> = listing.instruments.into_iter().map(listed).collect();
    Ok(Listing {
        instruments: instruments?,
        limits: Vec::new(),
    })
}

fn listed(wire: WireInstrument) -> Result<ListedInstrument, Error> {
    let status = match wire.status.as_str() {
        "trading" => InstrumentStatus::Trading,
        "halted" => InstrumentStatus::Halted,
        "delisted" => InstrumentStatus::Closed,
        _ => {
            return Err(Error::malformed(
                "an instrument status that is not documented",
            ));
        }
    };
    Ok(ListedInstrument {
        instrument: Instrument {
            // The unified symbol is the same at every venue; `venue_symbol` is this one's own name.
            symbol: format!("{}/{}", wire.base.0, wire.quote.0),
            venue_symbol: wire.symbol.0,
            endpoint: ENDPOINT.to_owned(),
            product: Product::Spot,
            payoff: Payoff::Delivery,
            settle: wire.quote.0.clone(),
            base: wire.base.0,
            quote: wire.quote.0,
            quantity_unit: QuantityUnit::Base,
            contract_size: "1".to_owned(),
            expiry: None,
            hints: Vec::new(),
        },
        status,
        price: Bounds {
            min: None,
            max: None,
            step: Some(wire.tick_size.into_string()),
        },
        quantity: Bounds {
            min: Some(wire.min_size.into_string()),
            max: Some(wire.max_size.into_string()),
            step: Some(wire.lot_size.into_string()),
        },
        market_quantity: None,
        notional: Some(NotionalBounds {
            min: Some(wire.min_notional.into_string()),
            max: None,
            min_applies_to_market: true,
            max_applies_to_market: false,
            min_applies_to_reduce_only: true,
        }),
        price_band: None,
        max_open_orders: None,
        max_position: None,
        order_types: OrderTypes::all(),
        times_in_force: TimesInForce::all(),
        other_rules: Vec::new(),
    })
}

pub(crate) fn time() -> HttpRequest {
    get(ENDPOINT, "/v1/time").cost(BUCKET, 1)
}

#[derive(Deserialize)]
struct WireTime {
    time: Millis,
}

/// The gateway measures the skew of the venue's clock by it.
pub(crate) fn venue_time(cx: &Context<'_>, responses: &[HttpResponse]) -> Result<Timestamp, Error> {
    let time: WireTime = read(cx, responses)?;
    Ok(time.time.0)
}

pub(crate) fn ticker(instrument: &Instrument) -> HttpRequest {
    let path = Query::on("/v1/ticker").with("symbol", &instrument.venue_symbol);
    get(ENDPOINT, path.into_target()).cost(BUCKET, 1)
}

#[derive(Deserialize)]
struct WireTicker {
    symbol: Text,
    // An empty side of the book is `null`: absent, never zero.
    bid: Option<Exact>,
    bid_size: Option<Exact>,
    ask: Option<Exact>,
    ask_size: Option<Exact>,
    last: Option<Exact>,
    time: Millis,
}

pub(crate) fn best_prices(cx: &Context<'_>, responses: &[HttpResponse]) -> Result<Ticker, Error> {
    let instrument = cx.instrument()?;
    let ticker: WireTicker = read(cx, responses)?;
    if ticker.symbol.0 != instrument.venue_symbol {
        return Err(Error::malformed("the answer is about another symbol"));
    }
    Ok(Ticker {
        symbol: instrument.symbol.clone(),
        bid: ticker.bid.map(Exact::into_string),
        bid_quantity: ticker.bid_size.map(Exact::into_string),
        ask: ticker.ask.map(Exact::into_string),
        ask_quantity: ticker.ask_size.map(Exact::into_string),
        last: ticker.last.map(Exact::into_string),
        open: None,
        high: None,
        low: None,
        volume: None,
        quote_volume: None,
        at: Some(ticker.time.0),
    })
}

pub(crate) fn book(instrument: &Instrument, command: &GetOrderBook) -> HttpRequest {
    let path = Query::on("/v1/book")
        .with("symbol", &instrument.venue_symbol)
        .with_integer("depth", command.depth.into());
    get(ENDPOINT, path.into_target()).cost(BUCKET, 1)
}

#[derive(Deserialize)]
struct WireBook {
    symbol: Text,
    // Price and size, best first.
    bids: Vec<(Exact, Exact)>,
    asks: Vec<(Exact, Exact)>,
    time: Millis,
}

pub(crate) fn levels(
    cx: &Context<'_>,
    command: &GetOrderBook,
    responses: &[HttpResponse],
) -> Result<OrderBook, Error> {
    let instrument = cx.instrument()?;
    let book: WireBook = read(cx, responses)?;
    if book.symbol.0 != instrument.venue_symbol {
        return Err(Error::malformed("the answer is about another symbol"));
    }
    // No more levels than were asked for, even where the venue gives more.
    let side = |levels: Vec<(Exact, Exact)>| {
        let levels = levels.into_iter().take(command.depth as usize);
        let level = |(price, size): (Exact, Exact)| Level {
            price: price.into_string(),
            quantity: size.into_string(),
        };
        levels.map(level).collect()
    };
    Ok(OrderBook {
        symbol: instrument.symbol.clone(),
        bids: side(book.bids),
        asks: side(book.asks),
        sequence: None,
        at: Some(book.time.0),
    })
}
