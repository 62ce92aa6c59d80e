//! What a contract of BitMEX is worth: product, payoff, size, and bounds in the unit that orders are in.
//!
//! BitMEX counts contracts. Of spot and linear contracts each is a fixed amount of the base asset, and a
//! power of ten of it, so quantities are in base units there, as everywhere else; inverse and quanto
//! contracts have no fixed amount of the base, and stay contracts.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde::Deserialize;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::types::{Payoff, Product, QuantityUnit, Timestamp};

use crate::amounts::{product, quotient, text};
use crate::assets::{Assets, Minor, common};
use crate::instruments;
use crate::moments::Moment;

/// The fields of an instrument that say what it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireInstrument<'a> {
    #[serde(borrow)]
    pub(crate) symbol: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) typ: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) state: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) underlying: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) quote_currency: Cow<'a, str>,
    #[serde(borrow, default)]
    settl_currency: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(crate) listing: Option<Moment>,
    #[serde(default)]
    expiry: Option<Moment>,
    #[serde(default)]
    max_order_qty: Option<Exact>,
    #[serde(default)]
    max_price: Option<Exact>,
    #[serde(default)]
    lot_size: Option<Exact>,
    #[serde(default)]
    tick_size: Option<Exact>,
    #[serde(default)]
    multiplier: Option<Exact>,
    #[serde(default)]
    underlying_to_position_multiplier: Option<Exact>,
    #[serde(default)]
    underlying_to_settle_multiplier: Option<Exact>,
    #[serde(default)]
    quote_to_settle_multiplier: Option<Exact>,
    #[serde(default)]
    is_quanto: Option<bool>,
    #[serde(default)]
    is_inverse: Option<bool>,
}

/// The kinds of instruments that are traded here (`typ`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Spot,
    Perpetual,
    Future,
}

impl Kind {
    /// "Perpetual Contracts - FFWCSX; Perpetual Contracts (FX underliers) - FFWCSF; Spot - IFXXXP; Futures -
    /// FFCCSX"; answers have FFSCSX besides, perpetual contracts on shares.
    fn of(typ: &str) -> Option<Self> {
        match typ {
            "IFXXXP" => Some(Self::Spot),
            "FFWCSX" | "FFWCSF" | "FFSCSX" => Some(Self::Perpetual),
            "FFCCSX" => Some(Self::Future),
            // Among others: FFMCSX, spreads of two contracts, under the names of which a delivery contract
            // would be found; FFICSX, predictions; MR...X, indices.
            _ => None,
        }
    }
}

/// A contract as the contract of adapters has it.
#[derive(Debug)]
pub(crate) struct Contract {
    pub(crate) product: Product,
    pub(crate) payoff: Payoff,
    pub(crate) unit: QuantityUnit,
    /// What one of the venue's contracts is: base units (spot, linear), quote units (inverse), settle units
    /// for one unit of price (quanto).
    pub(crate) size: String,
    /// The money in which it is settled; for spot, the quote asset.
    pub(crate) money: Minor,
    pub(crate) expiry: Option<Timestamp>,
    pub(crate) tick: String,
    pub(crate) max_price: Option<String>,
    /// In the quantity unit.
    pub(crate) lot: String,
    /// In the quantity unit.
    pub(crate) max_quantity: Option<String>,
}

type Why = Cow<'static, str>;

impl Contract {
    /// What the fields say, or why nothing can be made of them.
    pub(crate) fn of(wire: &WireInstrument<'_>, assets: &Assets) -> Result<Self, Why> {
        let kind = Kind::of(&wire.typ).ok_or_else(|| {
            Why::Owned(format!(
                "instruments of type {} do not trade here",
                wire.typ
            ))
        })?;
        let quote = common(&wire.quote_currency);
        if wire.underlying.is_empty() || quote.is_empty() {
            return Err(Why::Borrowed("it names no assets"));
        }
        let money = match (kind, wire.settl_currency.as_deref()) {
            (Kind::Spot, _) => assets.of(quote),
            (_, Some(currency)) => assets.minor(currency),
            (_, None) => None,
        };
        let money = money.ok_or(Why::Borrowed("its settle currency has no known scale"))?;
        let product = instruments::product(kind, quote, &money.asset).ok_or_else(|| {
            Why::Owned(format!(
                "no product is quoted in {quote} and settled in {}",
                money.asset
            ))
        })?;
        let payoff = match kind {
            Kind::Spot => Payoff::Delivery,
            _ if wire.is_inverse == Some(true) => Payoff::Inverse,
            _ if wire.is_quanto == Some(true) => Payoff::Quanto,
            _ => Payoff::Linear,
        };
        let settle = money.asset.as_str();
        let is_told = match payoff {
            // A difference of prices in a dollar stablecoin is one in dollars; in a coin it is nothing.
            Payoff::Linear => {
                quote == settle || (quote == "USD" && instruments::is_stablecoin(settle))
            }
            Payoff::Inverse => common(&wire.underlying) == settle,
            Payoff::Delivery | Payoff::Quanto => true,
        };
        if !is_told {
            return Err(Why::Owned(format!(
                "a contract quoted in {quote} and settled in {settle} has no payoff of these"
            )));
        }
        let size = size(wire, payoff, &money, assets)?;
        let (unit, counted_in) = match payoff {
            Payoff::Delivery | Payoff::Linear => (QuantityUnit::Base, size),
            Payoff::Inverse | Payoff::Quanto => (QuantityUnit::Contracts, Decimal::ONE),
        };
        let expiry = match (kind, wire.expiry) {
            (Kind::Future, Some(expiry)) => Some(expiry.0),
            (Kind::Future, None) => return Err(Why::Borrowed("it has no expiry")),
            // A perpetual contract has one when it is about to be delisted, and stays perpetual.
            _ => None,
        };
        let lot = positive(wire.lot_size.as_ref()).ok_or(Why::Borrowed("it has no lot"))?;
        let tick = positive(wire.tick_size.as_ref()).ok_or(Why::Borrowed("it has no tick"))?;
        let in_unit = |contracts| {
            product_of(contracts, counted_in).ok_or(Why::Borrowed("its lots cannot be expressed"))
        };
        Ok(Self {
            product,
            payoff,
            unit,
            size: text(size),
            money,
            expiry,
            tick: text(tick),
            max_price: positive(wire.max_price.as_ref()).map(text),
            lot: in_unit(lot)?,
            max_quantity: positive(wire.max_order_qty.as_ref())
                .map(in_unit)
                .transpose()?,
        })
    }
}

/// What one contract is worth ("How Do I Calculate Contract Size": inverse, multiplier /
/// underlyingToSettleMultiplier; linear, 1 / underlyingToPositionMultiplier; quanto, the multiplier in the
/// settle currency).
fn size(
    wire: &WireInstrument<'_>,
    payoff: Payoff,
    money: &Minor,
    assets: &Assets,
) -> Result<Decimal, Why> {
    let number = |field: &Option<Exact>| field.as_ref().and_then(|field| field.value().ok());
    let multiplier = number(&wire.multiplier);
    let per_underlying = number(&wire.underlying_to_position_multiplier);
    let size = match payoff {
        Payoff::Inverse => ratio(multiplier, number(&wire.underlying_to_settle_multiplier)),
        Payoff::Quanto => multiplier
            .zip(money.unit())
            .and_then(|(multiplier, unit)| product(multiplier, unit)),
        Payoff::Linear => {
            let by_position = ratio(Some(Decimal::ONE), per_underlying);
            let by_quote = ratio(multiplier, number(&wire.quote_to_settle_multiplier));
            // Two ways to say the same; where they differ, a guess would be a wrong order.
            if by_position.is_some() && by_quote.is_some() && by_position != by_quote {
                return Err(Why::Borrowed("its multipliers contradict each other"));
            }
            by_position.or(by_quote)
        }
        // "base currency in minor currency for spot (e.g. XBt quantity for XBT)".
        Payoff::Delivery => ratio(Some(Decimal::ONE), per_underlying).or_else(|| {
            assets
                .of(common(&wire.underlying))
                .and_then(|minor| minor.unit())
        }),
    };
    size.map(|size| size.abs())
        .filter(|size| !size.is_zero())
        .ok_or(Why::Borrowed("the worth of a contract cannot be expressed"))
}

fn ratio(dividend: Option<Decimal>, divisor: Option<Decimal>) -> Option<Decimal> {
    quotient(dividend?, divisor?)
}

fn product_of(count: Decimal, size: Decimal) -> Option<String> {
    product(count, size).map(text)
}

/// A field above zero; BitMEX's zero or null switches a bound off.
fn positive(field: Option<&Exact>) -> Option<Decimal> {
    field?.value().ok().filter(|value| *value > Decimal::ZERO)
}
