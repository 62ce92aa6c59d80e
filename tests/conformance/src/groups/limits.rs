//! Bounds of instruments, lists and rates.

use switchyard_runtime::wit::market::{Candle, GetCandles, GetOrderBook, Listing, OrderBook};
use switchyard_runtime::wit::trading::{Fills, History, ListFills, ListHistory};
use switchyard_runtime::wit::types::{Payoff, Product, QuantityUnit};

use super::decoding::{about, command, typed};
use crate::case::{Case, Checks, Group, Needs, Verdict};
use crate::exact::Exact;
use crate::subject::Subject;

macro_rules! case {
    ($id:literal, $title:literal, $rule:literal, $needs:expr, $check:ident) => {
        Case {
            id: $id,
            group: Group::Limits,
            title: $title,
            rule: $rule,
            needs: $needs,
            at_load: false,
            check: $check,
        }
    };
}

const LISTINGS: Needs = Needs::RecordingsOf(&["list-instruments"]);

pub(super) const CASES: &[Case] = &[
    case!(
        "LIM-001",
        "an instrument's bounds leave something to order: min up to max, steps above zero, no zero for a rule that is off",
        "wit/market.wit, bounds",
        LISTINGS,
        bounds
    ),
    case!(
        "LIM-002",
        "a contract has a size above zero, and it is 1 where quantity is in base units",
        "wit/types.wit, instrument.contract-size",
        LISTINGS,
        contract_sizes
    ),
    case!(
        "LIM-003",
        "a listed instrument is of the endpoint's products and takes nothing that its rules do not",
        "wit/descriptor.wit, endpoint and endpoint-rules",
        LISTINGS,
        within_descriptor
    ),
    case!(
        "LIM-004",
        "a published limit is of a bucket of the descriptor's, with units and a window",
        "wit/market.wit, published-limit",
        LISTINGS,
        published
    ),
    case!(
        "LIM-005",
        "a book has no more levels than were asked for",
        "wit/market.wit, get-order-book.depth",
        Needs::RecordingsOf(&["get-order-book"]),
        depths
    ),
    case!(
        "LIM-006",
        "a list has no more rows than were asked for",
        "wit/trading.wit, list-history.limit and list-fills.limit; wit/market.wit, get-candles.limit",
        Needs::RecordingsOf(&["list-history", "list-fills", "get-candles"]),
        rows
    ),
];

const NO_LISTING: &str = "no recorded answer is a listing";

fn bounds(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, listing) in typed::<Listing>(subject, "list-instruments") {
        for listed in &listing.instruments {
            let of = |bounds: &switchyard_runtime::wit::market::Bounds| {
                let read = |text: &Option<String>| text.as_deref().and_then(Exact::parse);
                (read(&bounds.min), read(&bounds.max), read(&bounds.step))
            };
            let mut all = vec![
                ("price", of(&listed.price)),
                ("quantity", of(&listed.quantity)),
            ];
            all.extend(
                listed
                    .market_quantity
                    .iter()
                    .map(|bounds| ("market-quantity", of(bounds))),
            );
            if let Some(notional) = &listed.notional {
                let read = |text: &Option<String>| text.as_deref().and_then(Exact::parse);
                all.push(("notional", (read(&notional.min), read(&notional.max), None)));
            }
            for (what, (min, max, step)) in all {
                let ordered = match (&min, &max) {
                    (Some(min), Some(max)) => min <= max,
                    _ => true,
                };
                let positive = |value: &Option<Exact>| {
                    value
                        .as_ref()
                        .is_none_or(|v| !v.is_zero() && !v.is_negative())
                };
                checks.expect(ordered && positive(&max) && positive(&step), || {
                    let symbol = &listed.instrument.symbol;
                    about(
                        scene,
                        format!("{symbol}: {what} min {min:?}, max {max:?}, step {step:?}"),
                        "min up to max, and no step or maximum of zero",
                    )
                });
            }
        }
    }
    checks.verdict(NO_LISTING)
}

fn contract_sizes(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, listing) in typed::<Listing>(subject, "list-instruments") {
        for listed in &listing.instruments {
            let instrument = &listed.instrument;
            let one = Exact::parse("1");
            let size = Exact::parse(&instrument.contract_size);
            let is_right = match instrument.quantity_unit {
                QuantityUnit::Base => size == one,
                QuantityUnit::Contracts => {
                    size.is_some_and(|size| !size.is_zero() && !size.is_negative())
                }
            };
            let fits =
                (instrument.product == Product::Spot) == (instrument.payoff == Payoff::Delivery);
            checks.expect(is_right && fits, || {
                let text = format!(
                    "{}: {:?} of {}, payoff {:?}",
                    instrument.symbol,
                    instrument.quantity_unit,
                    instrument.contract_size,
                    instrument.payoff
                );
                about(
                    scene,
                    text,
                    "contracts above zero, base units of 1; delivery for spot alone",
                )
            });
        }
    }
    checks.verdict(NO_LISTING)
}

fn within_descriptor(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let descriptor = subject.adapter().descriptor();
    for (scene, listing) in typed::<Listing>(subject, "list-instruments") {
        for listed in &listing.instruments {
            let instrument = &listed.instrument;
            let endpoint = descriptor
                .endpoints
                .iter()
                .find(|e| e.alias == instrument.endpoint);
            let rules = descriptor
                .endpoint_rules
                .iter()
                .find(|r| r.endpoint == instrument.endpoint);
            let serves =
                endpoint.is_some_and(|endpoint| endpoint.products.contains(&instrument.product));
            let takes = rules.is_some_and(|rules| {
                rules.order_types.contains(listed.order_types)
                    && rules.times_in_force.contains(listed.times_in_force)
            });
            checks.expect(serves && takes, || {
                let text = format!(
                    "{} on {:?}, of product {:?}, with {:?} and {:?}",
                    instrument.symbol,
                    instrument.endpoint,
                    instrument.product,
                    listed.order_types,
                    listed.times_in_force
                );
                about(
                    scene,
                    text,
                    "a declared endpoint and product, and nothing that endpoint-rules do not claim",
                )
            });
        }
    }
    checks.verdict(NO_LISTING)
}

fn published(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let buckets = &subject.adapter().descriptor().buckets;
    for (scene, listing) in typed::<Listing>(subject, "list-instruments") {
        for limit in &listing.limits {
            let is_known = buckets.iter().any(|bucket| bucket.name == limit.bucket);
            checks.expect(is_known && limit.limit > 0 && limit.window_ms > 0, || {
                let text = format!(
                    "{:?}: {} per {} ms",
                    limit.bucket, limit.limit, limit.window_ms
                );
                about(
                    scene,
                    text,
                    "a bucket of the descriptor's, with units and a window",
                )
            });
        }
    }
    checks.verdict("the venue publishes no limits with its instruments")
}

fn depths(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    for (scene, book) in typed::<OrderBook>(subject, "get-order-book") {
        if let Some(GetOrderBook { depth }) = command(scene) {
            let (bids, asks) = (book.bids.len(), book.asks.len());
            let most = usize::try_from(depth).unwrap_or(usize::MAX);
            checks.expect(bids <= most && asks <= most, || {
                about(
                    scene,
                    format!("{bids} bids and {asks} asks"),
                    &format!("at most {depth} on each side"),
                )
            });
        }
    }
    checks.verdict("no recorded answer is a book")
}

fn rows(subject: &Subject) -> Verdict {
    let mut checks = Checks::default();
    let mut check = |scene, rows: usize, limit: u32| {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        checks.expect(rows <= most, || {
            about(scene, format!("{rows} rows"), &format!("at most {limit}"))
        });
    };
    for (scene, candles) in typed::<Vec<Candle>>(subject, "get-candles") {
        if let Some(asked) = command::<GetCandles>(scene) {
            check(scene, candles.len(), asked.limit);
        }
    }
    for (scene, history) in typed::<History>(subject, "list-history") {
        if let Some(asked) = command::<ListHistory>(scene) {
            check(scene, history.orders.len(), asked.limit);
        }
    }
    for (scene, fills) in typed::<Fills>(subject, "list-fills") {
        if let Some(asked) = command::<ListFills>(scene) {
            check(scene, fills.fills.len(), asked.limit);
        }
    }
    checks.verdict("no recorded answer is a list")
}
