//! Instruments and indices as BitMEX lists them.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

use super::currencies::{minor_name, minor_units};
use super::errors::BitmexError;
use super::format::{number, optional, time};
use super::sizes::{is_inverse, is_quanto, order_quantity, order_units, settles_in};
use super::tables::Query;
use super::{Bitmex, Call};
use crate::engine::{Contract, Engine, Instrument, Listing, Payoff, Phase, Series, Side};

const DAY_MINUTES: i64 = 24 * 60;
/// Margin that a position needs, as fractions of its worth.
pub(super) const INIT_MARGIN: Decimal = Decimal::from_parts(1, 0, 0, false, 2);
pub(super) const MAINT_MARGIN: Decimal = Decimal::from_parts(5, 0, 0, false, 3);
/// Indices: symbol, underlying, quote, and the instrument that they follow.
const INDICES: [(&str, &str, &str, &str); 6] = [
    (".BXBT", "XBT", "USD", "XBTUSD"),
    (".BXBTT", "XBT", "USDT", "XBTUSDT"),
    (".BETH", "ETH", "USD", "ETHUSD"),
    (".BETHT", "ETH", "USDT", "ETHUSDT"),
    (".BSOL", "SOL", "USD", "SOLUSD"),
    (".BSOLT", "SOL", "USDT", "SOLUSDT"),
];

impl Bitmex {
    pub(super) fn instruments(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let query = Query::read(call.params, 100, 500)?;
        let wanted = call
            .params
            .text("symbol")
            .map(|symbol| symbol.to_ascii_uppercase());
        let is_wanted = |row: &Value| {
            wanted.is_none() || row.get("symbol").and_then(Value::as_str) == wanted.as_deref()
        };
        let rows = self.exchange.with(|engine| {
            let listed = engine
                .listings()
                .map(|listing| self.row(engine, listing, call));
            let indices = INDICES.iter().map(|index| index_row(engine, index, call));
            listed.chain(indices).filter(is_wanted).collect()
        });
        Ok(query.choose(rows, &["symbol"]))
    }

    pub(super) fn active_instruments(&self, call: &Call<'_>) -> Result<Value, BitmexError> {
        let rows: Vec<Value> = self.exchange.with(|engine| {
            let active = engine.listings().filter(|l| state(&l.instrument) == "Open");
            active
                .map(|listing| self.row(engine, listing, call))
                .collect()
        });
        Ok(Value::Array(rows))
    }

    fn row(&self, engine: &Engine, listing: &Listing, call: &Call<'_>) -> Value {
        let instrument = &listing.instrument;
        let contract = instrument.contract.as_ref();
        let (maker, taker) = (
            call.settings.bitmex_maker_fee,
            call.settings.bitmex_taker_fee,
        );
        let is_perpetual = contract.is_some_and(|c| c.series == Series::Perpetual);
        let ends = contract
            .filter(|_| !is_perpetual)
            .map(|c| time(c.delivery_ms));
        let settle = contract.map_or("", |c| minor_name(&c.margin_asset));
        let mut row = json!({
            "symbol": instrument.symbol,
            "rootSymbol": instrument.base,
            "state": state(instrument),
            "typ": typ(contract),
            "listing": time(contract.map_or(1_597_046_400_000, |c| c.onboard_ms)),
            "front": time(contract.map_or(1_597_046_400_000, |c| c.onboard_ms)),
            "expiry": ends,
            "settle": ends,
            "listedSettle": ends,
            "positionCurrency": position_currency(instrument),
            "underlying": instrument.base,
            "quoteCurrency": instrument.quote,
            "underlyingSymbol": format!("{}{}=", instrument.base, if instrument.quote == "USDT" { "T" } else { "" }),
            "reference": "BMEX",
            "referenceSymbol": index_of(instrument),
            "maxOrderQty": order_quantity(instrument, instrument.max_quantity),
            "maxPrice": number(instrument.max_price),
            "lotSize": order_quantity(instrument, instrument.lot),
            "tickSize": number(instrument.tick),
            "settlCurrency": settle,
            "isQuanto": is_quanto(instrument),
            "isInverse": is_inverse(instrument),
            "taxed": contract.is_some(),
            "deleverage": contract.is_some(),
            "makerFee": number(maker),
            "takerFee": number(taker),
            "settlementFee": 0,
            "limitDownPrice": null,
            "limitUpPrice": null,
            "capped": false,
            "hasLiquidity": listing.book.best(Side::Buy).is_some(),
            "instantPnl": contract.is_some(),
            "timestamp": time(call.now_ms()),
        });
        set_all(&mut row, multipliers(instrument));
        set_all(&mut row, prices(engine, listing, call.now_ms()));
        if let Some(contract) = contract {
            set_all(&mut row, margined(engine, listing, contract));
        }
        if is_perpetual {
            let eight_hours = 8 * 3_600_000;
            let next = (call.now_ms().div_euclid(eight_hours) + 1) * eight_hours;
            set_all(
                &mut row,
                json!({
                    "fundingBaseSymbol": format!(".{}BON8H", instrument.base),
                    "fundingQuoteSymbol": format!(".{}BON8H", instrument.quote),
                    "fundingPremiumSymbol": format!(".{}PI8H", instrument.symbol),
                    "fundingTimestamp": time(next),
                    "fundingInterval": "2000-01-01T08:00:00.000Z",
                    "fundingRate": 0.0001,
                    "indicativeFundingRate": 0.0001,
                }),
            );
        }
        row
    }
}

/// Whether an instrument is traded, in BitMEX's words.
pub(super) fn state(instrument: &Instrument) -> &'static str {
    match instrument.contract.as_ref().map(|contract| contract.phase) {
        Some(Phase::Settling) => "Settled",
        Some(Phase::Pending) => "Unlisted",
        _ if instrument.trading => "Open",
        _ => "Closed",
    }
}

fn typ(contract: Option<&Contract>) -> &'static str {
    match contract.map(|contract| contract.series) {
        None => "IFXXXP",
        Some(Series::Perpetual | Series::TraditionalPerpetual) => "FFWCSX",
        Some(Series::CurrentQuarter | Series::NextQuarter) => "FFCCSX",
    }
}

/// Empty on quanto contracts, whose size is no fixed amount of anything traded.
fn position_currency(instrument: &Instrument) -> &str {
    match &instrument.contract {
        None => "",
        Some(_) if is_inverse(instrument) => &instrument.quote,
        Some(_) if is_quanto(instrument) => "",
        Some(_) => &instrument.base,
    }
}

fn index_of(instrument: &Instrument) -> &'static str {
    let follows = |(_, base, quote, _): &&(_, &str, &str, _)| {
        *base == instrument.base && *quote == instrument.quote
    };
    match instrument.contract {
        Some(_) => INDICES.iter().find(follows).map_or("", |index| index.0),
        None => "",
    }
}

/// The factors between contracts, underlying, quote and settlement currency.
fn multipliers(instrument: &Instrument) -> Value {
    let unit = Decimal::from(minor_units(settles_in(instrument), Decimal::ONE));
    let (multiplier, to_position, to_settle, quote_to_settle) =
        match instrument.contract.as_ref().map(|contract| contract.payoff) {
            Some(Payoff::Inverse { contract_size, .. }) => {
                let multiplier = -unit * contract_size;
                (multiplier, None, Some(multiplier), None)
            }
            Some(Payoff::Multiplied { multiplier, .. }) if is_quanto(instrument) => {
                (unit * multiplier, None, None, None)
            }
            Some(Payoff::Multiplied { multiplier, .. }) => (
                unit * multiplier,
                Decimal::ONE.checked_div(multiplier),
                None,
                Some(unit),
            ),
            Some(Payoff::Linear) => (unit, Some(Decimal::ONE), None, Some(unit)),
            None => (
                Decimal::ONE,
                Some(order_units(instrument)),
                None,
                Some(unit),
            ),
        };
    json!({
        "multiplier": number(multiplier),
        "underlyingToPositionMultiplier": optional(to_position),
        "underlyingToSettleMultiplier": optional(to_settle),
        "quoteToSettleMultiplier": optional(quote_to_settle),
    })
}

fn prices(engine: &Engine, listing: &Listing, now_ms: i64) -> Value {
    let instrument = &listing.instrument;
    let minute = now_ms.div_euclid(60_000) + 1;
    let day = listing.history.candle(minute - DAY_MINUTES, minute);
    let (bid, ask) = (best(listing, Side::Buy), best(listing, Side::Sell));
    let mid = bid.zip(ask).map(|(bid, ask)| (bid + ask) / Decimal::TWO);
    let last = listing.history.last_price();
    let quantity = |value| order_quantity(instrument, value);
    let volume = day.as_ref().map_or(Decimal::ZERO, |day| day.volume);
    let turnover = day.as_ref().map_or(Decimal::ZERO, |day| day.quote_volume);
    let turnover_minor = minor_units(settles_in(instrument), turnover);
    let (home, foreign) = super::sizes::notionals(engine, instrument, volume, listing.mark());
    let open = day.as_ref().map(|day| day.open);
    let change = open
        .zip(last)
        .and_then(|(open, last)| (last - open).checked_div(open));
    json!({
        "prevClosePrice": optional(open),
        "prevPrice24h": optional(open),
        "totalVolume": quantity(volume),
        "volume": quantity(volume),
        "volume24h": quantity(volume),
        "totalTurnover": turnover_minor,
        "turnover": turnover_minor,
        "turnover24h": turnover_minor,
        "homeNotional24h": number(home.round_dp(8)),
        "foreignNotional24h": number(foreign.round_dp(8)),
        "vwap": optional(listing.history.average_price((now_ms - 86_400_000) * 1000).map(|p| p.round_dp(4))),
        "highPrice": optional(day.as_ref().map(|day| day.high)),
        "lowPrice": optional(day.as_ref().map(|day| day.low)),
        "lastPrice": optional(last),
        "lastPriceProtected": optional(last),
        "lastTickDirection": "ZeroPlusTick",
        "lastChangePcnt": optional(change.map(|change| change.round_dp(4))),
        "bidPrice": optional(bid),
        "midPrice": optional(mid),
        "askPrice": optional(ask),
        "impactBidPrice": optional(bid),
        "impactMidPrice": optional(mid),
        "impactAskPrice": optional(ask),
        "markPrice": number(mark(listing)),
    })
}

fn margined(engine: &Engine, listing: &Listing, contract: &Contract) -> Value {
    let held = engine
        .positions()
        .filter(|(_, symbol, _)| *symbol == listing.instrument.symbol)
        .map(|(_, _, position)| position.quantity.max(Decimal::ZERO));
    let interest: Decimal = held.sum();
    let value = contract
        .payoff
        .value(listing.mark(), interest)
        .unwrap_or_default();
    json!({
        "initMargin": number(INIT_MARGIN),
        "maintMargin": number(MAINT_MARGIN),
        "riskLimit": 20_000_000_000_i64,
        "riskStep": 15_000_000_000_i64,
        "openInterest": interest.to_i64(),
        "openValue": minor_units(&contract.margin_asset, value),
        "fairMethod": if contract.series == Series::Perpetual { "FundingRate" } else { "ImpactMidPrice" },
        "fairBasisRate": 0,
        "fairBasis": 0,
        "fairPrice": number(mark(listing)),
        "markMethod": "FairPrice",
        "indicativeSettlePrice": number(mark(listing)),
        "settledPrice": if contract.phase == Phase::Settling { number(mark(listing)) } else { Value::Null },
    })
}

fn index_row(
    engine: &Engine,
    (symbol, base, quote, follows): &(&str, &str, &str, &str),
    call: &Call<'_>,
) -> Value {
    let price = engine.listing(follows).map(|listing| number(mark(listing)));
    json!({
        "symbol": symbol,
        "rootSymbol": base,
        "state": "Unlisted",
        "typ": "MRCXXX",
        "underlying": base,
        "quoteCurrency": quote,
        "reference": "BMI",
        "referenceSymbol": symbol,
        "publishInterval": "2000-01-01T00:00:05.000Z",
        "tickSize": 0.01,
        "isQuanto": false,
        "isInverse": false,
        "lastPrice": price,
        "markMethod": "LastPrice",
        "markPrice": price,
        "timestamp": time(call.now_ms()),
    })
}

/// The mark price, in as many decimals as BitMEX shows.
pub(super) fn mark(listing: &Listing) -> Decimal {
    listing.mark().round_dp(4)
}

fn best(listing: &Listing, side: Side) -> Option<Decimal> {
    listing.book.best(side).map(|(price, _)| price)
}

/// Adds the fields of one object to another.
pub(super) fn set_all(row: &mut Value, more: Value) {
    if let (Value::Object(row), Value::Object(more)) = (row, more) {
        row.extend(more);
    }
}
