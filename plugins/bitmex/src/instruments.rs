//! The instruments of `/instrument/active`, with the minor units of `/wallet/assets`.
//!
//! The list holds what can be traded, halted or not, and what expired within a day; what settled before has
//! no orders left, and would be thousands of rows of `/instrument` at each look.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use switchyard_sdk::log::Level;
use switchyard_sdk::market::{Bounds, InstrumentStatus, ListedInstrument, Listing};
use switchyard_sdk::time;
use switchyard_sdk::types::{
    Error, HttpRequest, HttpResponse, Instrument, OrderTypes, Payoff, Product, QuantityUnit,
    TimesInForce,
};
use switchyard_sdk::{Context, Step, json};

use crate::assets::{Assets, common};
use crate::contracts::{self, Contract, WireInstrument};
use crate::describe::ENDPOINT;
use crate::failures::accept;
use crate::measures::{CONTRACT, CURRENCY, SCALE};
use crate::other_rules::other_rules;
use crate::signing::{public, query};

/// "Maximum 200 open orders per contract per account" (REST API, "Order Count Limits").
const MAX_OPEN_ORDERS: u32 = 200;

pub(crate) fn encode_list_instruments(
    _: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    Ok(vec![
        public(query("/instrument/active")),
        public(query("/wallet/assets")),
    ])
}

pub(crate) fn decode_list_instruments(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Listing>, Error> {
    let [instruments, assets] = responses else {
        return Err(Error::malformed("two responses expected"));
    };
    let rows: Vec<&RawValue> = accept(cx, instruments, false)?;
    let assets: Assets = accept(cx, assets, false)?;
    let mut listed = Vec::with_capacity(rows.len());
    let mut left_out = LeftOut::default();
    let mut unreadable = None;
    for row in &rows {
        let named: Named<'_> = json::read(row.get().as_bytes())?;
        // Indices are listed beside what trades, under symbols like `.BXBT`.
        if named.symbol.starts_with('.') {
            continue;
        }
        // One row that BitMEX writes otherwise is no reason to know nothing of the others.
        let wire: WireInstrument<'_> = match json::read(row.get().as_bytes()) {
            Ok(wire) => wire,
            Err(error) => {
                left_out.note(&named.symbol, error.message.clone());
                unreadable = Some(error);
                continue;
            }
        };
        match instrument(cx, &wire, &assets, row) {
            Ok(instrument) => listed.push(instrument),
            Err(why) => left_out.note(&wire.symbol, why.into_owned()),
        }
    }
    if let Some(error) = unreadable.filter(|_| listed.is_empty()) {
        return Err(error);
    }
    let instruments = distinct(listed, &mut left_out);
    left_out.log(cx);
    Ok(Step::Done(Listing {
        instruments,
        limits: Vec::new(),
    }))
}

/// What every row has, whatever it is of.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, deserialize_with = "switchyard_sdk::json::name")]
    symbol: Cow<'a, str>,
}

/// Most symbols that are named of what is left out for one reason: a line of the log is short, and there are
/// dozens of predictions.
const NAMED: usize = 3;

/// What the list does not take over, by reason.
#[derive(Debug, Default)]
struct LeftOut(BTreeMap<String, Vec<String>>);

impl LeftOut {
    fn note(&mut self, symbol: &str, why: String) {
        self.0.entry(why).or_default().push(symbol.to_owned());
    }

    /// One line, however many there are: the list is read again and again.
    fn log(&self, cx: &Context<'_>) {
        if self.0.is_empty() {
            return;
        }
        let reasons: Vec<_> = self.0.iter().map(reason).collect();
        cx.log(Level::Info, &format!("left out: {}", reasons.join("; ")));
    }
}

/// `P_A, P_B, P_C and 4 more (why)`
fn reason((why, symbols): (&String, &Vec<String>)) -> String {
    let more = match symbols.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named: Vec<_> = symbols.iter().take(NAMED).map(String::as_str).collect();
    format!("{}{more} ({why})", named.join(", "))
}

/// The contract's record of an instrument, or why it has none.
fn instrument(
    cx: &Context<'_>,
    wire: &WireInstrument<'_>,
    assets: &Assets,
    row: &RawValue,
) -> Result<ListedInstrument, Cow<'static, str>> {
    let contract = Contract::of(wire, assets)?;
    let base = common(&wire.underlying);
    let quote = common(&wire.quote_currency);
    let settle = contract.money.asset.as_str();
    let mut symbol = match contract.payoff {
        Payoff::Delivery => format!("{base}/{quote}"),
        _ => format!("{base}/{quote}:{settle}"),
    };
    if let Some(expiry) = contract.expiry {
        let (year, month, day) = time::calendar(expiry);
        symbol.push_str(&format!("-{:02}{month:02}{day:02}", year % 100));
    }
    let in_base = contract.unit == QuantityUnit::Base;
    let mut hints = vec![
        (CURRENCY.to_owned(), contract.money.currency.clone()),
        (SCALE.to_owned(), contract.money.scale.to_string()),
    ];
    if in_base {
        hints.push((CONTRACT.to_owned(), contract.size.clone()));
    }
    Ok(ListedInstrument {
        instrument: Instrument {
            symbol,
            venue_symbol: wire.symbol.clone().into_owned(),
            endpoint: ENDPOINT.to_owned(),
            product: contract.product,
            payoff: contract.payoff,
            base: base.to_owned(),
            quote: quote.to_owned(),
            settle: settle.to_owned(),
            quantity_unit: contract.unit,
            contract_size: if in_base {
                "1".to_owned()
            } else {
                contract.size.clone()
            },
            expiry: contract.expiry,
            hints,
        },
        status: status(cx, wire),
        price: Bounds {
            min: Some(contract.tick.clone()),
            max: contract.max_price,
            step: Some(contract.tick),
        },
        quantity: Bounds {
            min: Some(contract.lot.clone()),
            max: contract.max_quantity,
            step: Some(contract.lot),
        },
        market_quantity: None,
        notional: None,
        price_band: None,
        max_open_orders: Some(MAX_OPEN_ORDERS),
        max_position: None,
        order_types: OrderTypes::all(),
        times_in_force: TimesInForce::all(),
        other_rules: other_rules(row).map_err(|error| error.message)?,
    })
}

/// "State of the instrument, it can be `Open`Closed`Unlisted`Expired`Cleared" (instrument field definitions);
/// answers say `Settled` too.
fn status(cx: &Context<'_>, wire: &WireInstrument<'_>) -> InstrumentStatus {
    match &*wire.state {
        "Open" => InstrumentStatus::Trading,
        // Not listed any more, or not yet.
        "Unlisted" if wire.listing.is_some_and(|listing| listing.0 > cx.now) => {
            InstrumentStatus::Halted
        }
        "Unlisted" | "Settled" | "Expired" | "Cleared" => InstrumentStatus::Closed,
        // Closed for now, and what is not documented yet.
        _ => InstrumentStatus::Halted,
    }
}

/// Leaves out what would share a symbol of either kind with another: the one that trades stays, else the
/// first.
fn distinct(listed: Vec<ListedInstrument>, left_out: &mut LeftOut) -> Vec<ListedInstrument> {
    let rank = |status| match status {
        InstrumentStatus::Trading => 0,
        InstrumentStatus::Halted => 1,
        InstrumentStatus::Closed => 2,
    };
    let mut by_rank: Vec<usize> = (0..listed.len()).collect();
    by_rank.sort_by_key(|at| rank(listed[*at].status));
    let mut taken = BTreeSet::new();
    let mut venue_taken = BTreeSet::new();
    let mut kept = vec![false; listed.len()];
    for at in by_rank {
        let instrument = &listed[at].instrument;
        let is_new = !taken.contains(instrument.symbol.as_str())
            && !venue_taken.contains(instrument.venue_symbol.as_str());
        if is_new {
            taken.insert(instrument.symbol.as_str());
            venue_taken.insert(instrument.venue_symbol.as_str());
            kept[at] = true;
        } else {
            let why = format!("{} is listed already", instrument.symbol);
            left_out.note(&instrument.venue_symbol, why);
        }
    }
    listed
        .into_iter()
        .zip(kept)
        .filter_map(|(instrument, kept)| kept.then_some(instrument))
        .collect()
}

/// Whether a product is settled in a dollar stablecoin.
pub(crate) fn is_stablecoin(asset: &str) -> bool {
    matches!(asset, "USDT" | "USDC")
}

/// The product that an instrument is; none where the contract of adapters has no word for it.
pub(crate) fn product(kind: contracts::Kind, quote: &str, settle: &str) -> Option<Product> {
    use contracts::Kind;
    Some(match (kind, is_stablecoin(settle), quote) {
        (Kind::Spot, ..) => Product::Spot,
        (Kind::Perpetual, true, _) => Product::UsdMPerpetual,
        (Kind::Future, true, _) => Product::UsdMDelivery,
        (Kind::Perpetual, false, "USD") => Product::UsdCPerpetual,
        (Kind::Future, false, "USD") => Product::UsdCDelivery,
        (Kind::Perpetual | Kind::Future, false, _) => return None,
    })
}
