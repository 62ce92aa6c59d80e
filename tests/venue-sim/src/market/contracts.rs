//! What is traded by default on the futures markets: contracts with limits as a large venue sets them.

use rust_decimal::Decimal;

use crate::engine::{Contract, Instrument, Payoff, Phase, Series, VALUE_SCALE};

/// Where contracts without an end are said to end: the year 2100.
const NEVER_MS: i64 = 4_133_404_800_000;
/// When the contracts below were listed: 10 August 2020.
const ONBOARD_MS: i64 = 1_597_046_400_000;
/// Ends of quarters, on the last Friday at 08:00 UTC.
const SEPTEMBER_2026: (&str, i64) = ("260925", 1_790_323_200_000);
const DECEMBER_2026: (&str, i64) = ("261225", 1_798_185_600_000);
const MARCH_2027: (&str, i64) = ("270326", 1_806_048_000_000);

/// What contracts on one underlying share.
#[derive(Clone, Copy)]
struct Underlying {
    base: &'static str,
    quote: &'static str,
    price: (i64, u32),
    /// The price increment, and the decimals shown, which may be more.
    tick: (i64, u32),
    price_precision: u32,
    lot_scale: u32,
    max_quantity: i64,
    min_notional: i64,
}

/// A linear underlying: its price increment and the decimals shown go together, as do the limits of an order.
const fn linear(
    (base, quote): (&'static str, &'static str),
    price: (i64, u32),
    (tick, price_precision): ((i64, u32), u32),
    lot_scale: u32,
    (max_quantity, min_notional): (i64, i64),
) -> Underlying {
    Underlying {
        base,
        quote,
        price,
        tick,
        price_precision,
        lot_scale,
        max_quantity,
        min_notional,
    }
}

const BTC_USDT: Underlying = linear(("BTC", "USDT"), (60_000, 0), ((1, 1), 2), 3, (1_000, 50));
const ETH_USDT: Underlying = linear(("ETH", "USDT"), (3_000, 0), ((1, 2), 2), 3, (10_000, 20));
const SOL_USDT: Underlying = linear(("SOL", "USDT"), (150, 0), ((1, 2), 4), 2, (1_000_000, 5));

const USDM_PERPETUALS: [Underlying; 7] = [
    BTC_USDT,
    ETH_USDT,
    SOL_USDT,
    linear(("BTC", "USDC"), (60_000, 0), ((1, 1), 1), 3, (1_000, 50)),
    linear(("ETH", "USDC"), (3_000, 0), ((1, 2), 2), 3, (10_000, 20)),
    linear(("SOL", "USDC"), (150, 0), ((1, 2), 4), 2, (1_000_000, 5)),
    // A base that is a multiple of the asset: what breaks clients that take symbols apart.
    linear(
        ("1000SHIB", "USDT"),
        (1_234, 5),
        ((1, 6), 6),
        0,
        (50_000_000, 5),
    ),
];

/// The contracts of the default USD-M market. `XAUUSDT` is on a traditional underlying, `NEWUSDT` is not traded
/// yet, and `BTCUSDT_260925` has expired.
#[must_use]
pub fn usdm_instruments() -> Vec<Instrument> {
    let mut listed: Vec<Instrument> = USDM_PERPETUALS
        .iter()
        .map(|underlying| perpetual(underlying, ""))
        .collect();
    for underlying in [BTC_USDT, ETH_USDT] {
        listed.push(delivery(&underlying, Series::CurrentQuarter, DECEMBER_2026));
        listed.push(delivery(&underlying, Series::NextQuarter, MARCH_2027));
    }
    let gold = linear(("XAU", "USDT"), (4_100, 0), ((1, 2), 2), 3, (10_000, 5));
    let mut gold = perpetual(&gold, "");
    set(&mut gold, |contract| {
        contract.series = Series::TraditionalPerpetual
    });
    let coming = linear(("NEW", "USDT"), (1, 0), ((1, 4), 7), 0, (1_000_000, 5));
    let mut coming = perpetual(&coming, "");
    coming.trading = false;
    set(&mut coming, |contract| contract.phase = Phase::Pending);
    listed.extend([gold, coming, expired(&BTC_USDT)]);
    listed
}

/// The contracts of the default COIN-M market. `BTCUSD_260925` has expired.
#[must_use]
pub fn coinm_instruments() -> Vec<Instrument> {
    let inverse = |base, price, tick, price_precision| Underlying {
        base,
        quote: "USD",
        price: (price, 0),
        tick,
        price_precision,
        lot_scale: 0,
        max_quantity: 1_000_000,
        min_notional: 0,
    };
    let btc = inverse("BTC", 60_000, (1, 1), 1);
    let eth = inverse("ETH", 3_000, (1, 2), 2);
    let sol = inverse("SOL", 150, (1, 3), 3);
    vec![
        perpetual(&btc, "_PERP"),
        perpetual(&eth, "_PERP"),
        perpetual(&sol, "_PERP"),
        delivery(&btc, Series::CurrentQuarter, DECEMBER_2026),
        delivery(&btc, Series::NextQuarter, MARCH_2027),
        delivery(&eth, Series::CurrentQuarter, DECEMBER_2026),
        expired(&btc),
    ]
}

/// What every account has in its USD-M wallet.
#[must_use]
pub fn usdm_balances() -> Vec<(String, Decimal)> {
    balances(&[("USDT", 1_000_000), ("USDC", 1_000_000)])
}

/// What every account has in its COIN-M wallet.
#[must_use]
pub fn coinm_balances() -> Vec<(String, Decimal)> {
    balances(&[("BTC", 10), ("ETH", 100), ("SOL", 2_000)])
}

fn balances(amounts: &[(&str, i64)]) -> Vec<(String, Decimal)> {
    amounts
        .iter()
        .map(|(asset, amount)| ((*asset).to_owned(), Decimal::from(*amount)))
        .collect()
}

fn perpetual(underlying: &Underlying, suffix: &str) -> Instrument {
    contract(underlying, suffix, Series::Perpetual, NEVER_MS)
}

fn delivery(underlying: &Underlying, series: Series, (date, ms): (&str, i64)) -> Instrument {
    let mut instrument = contract(underlying, &format!("_{date}"), series, ms);
    // Contracts with an end show no more decimals of prices than their increment has.
    let precision = underlying.tick.1;
    set(&mut instrument, |contract| {
        contract.price_precision = precision
    });
    instrument
}

fn expired(underlying: &Underlying) -> Instrument {
    let mut instrument = delivery(underlying, Series::CurrentQuarter, SEPTEMBER_2026);
    instrument.trading = false;
    set(&mut instrument, |contract| contract.phase = Phase::Settling);
    instrument
}

fn set(instrument: &mut Instrument, change: impl FnOnce(&mut Contract)) {
    if let Some(contract) = &mut instrument.contract {
        change(contract);
    }
}

fn contract(underlying: &Underlying, suffix: &str, series: Series, delivery_ms: i64) -> Instrument {
    let pair = format!("{}{}", underlying.base, underlying.quote);
    let inverse = underlying.quote == "USD";
    let contract_size = Decimal::from(if underlying.base == "BTC" { 100 } else { 10 });
    let (payoff, margin_asset) = if inverse {
        (
            Payoff::Inverse {
                contract_size,
                scale: VALUE_SCALE,
                lot: None,
            },
            underlying.base,
        )
    } else {
        (Payoff::Linear, underlying.quote)
    };
    let max_quantity = Decimal::from(underlying.max_quantity);
    Instrument {
        symbol: format!("{pair}{suffix}"),
        base: underlying.base.to_owned(),
        quote: underlying.quote.to_owned(),
        trading: true,
        tick: Decimal::new(underlying.tick.0, underlying.tick.1),
        max_price: if underlying.tick.1 > 3 {
            Decimal::from(200)
        } else {
            Decimal::from(1_000_000)
        },
        lot: Decimal::new(1, underlying.lot_scale),
        max_quantity,
        max_market_quantity: (max_quantity / Decimal::from(8)).floor(),
        min_notional: Decimal::from(underlying.min_notional),
        // Positions are bounded by margin alone.
        max_notional: Decimal::MAX,
        price_band: (Decimal::new(105, 2), Decimal::new(95, 2)),
        max_open_orders: 200,
        max_amends: 10_000,
        initial_price: Decimal::new(underlying.price.0, underlying.price.1),
        contract: Some(Contract {
            pair,
            margin_asset: margin_asset.to_owned(),
            payoff,
            series,
            phase: Phase::Listed,
            onboard_ms: ONBOARD_MS,
            delivery_ms,
            price_precision: underlying.price_precision,
            quantity_precision: underlying.lot_scale,
        }),
    }
}
