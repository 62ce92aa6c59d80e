//! What is traded by default, with the conventions of BitMEX: inverse and quanto contracts margined in XBT, linear
//! ones in USDT and USDC, and spot pairs.

use rust_decimal::Decimal;

use crate::engine::{Contract, Instrument, Payoff, Phase, Series};

/// Where contracts without an end are said to end: the year 2100.
const NEVER_MS: i64 = 4_133_404_800_000;
/// When everything below was listed: 10 August 2020.
const ONBOARD_MS: i64 = 1_597_046_400_000;
/// Ends of quarters, on the last Friday at 12:00 UTC.
const SEPTEMBER_2026: (&str, i64) = ("U26", 1_790_337_600_000);
const DECEMBER_2026: (&str, i64) = ("Z26", 1_798_200_000_000);
const MARCH_2027: (&str, i64) = ("H27", 1_806_062_400_000);
/// Decimals of the minor units in which XBT, and USDT and USDC, are kept.
const XBT_SCALE: u32 = 8;
const USDT_SCALE: u32 = 6;

/// What the contracts on one underlying share.
#[derive(Clone, Copy)]
struct Underlying {
    /// Symbol of the perpetual.
    symbol: &'static str,
    /// What futures on it are called, before the month.
    futures: &'static str,
    base: &'static str,
    quote: &'static str,
    margin: &'static str,
    price: i64,
    tick: (i64, u32),
    lot: i64,
    payoff: Payoff,
}

const fn multiplied(multiplier: i64, scale: u32) -> Payoff {
    Payoff::Multiplied {
        multiplier: Decimal::from_parts(multiplier.unsigned_abs() as u32, 0, 0, false, scale),
        scale,
    }
}

const XBTUSD: Underlying = Underlying {
    symbol: "XBTUSD",
    futures: "XBT",
    base: "XBT",
    quote: "USD",
    margin: "XBT",
    price: 60_000,
    tick: (1, 1),
    lot: 100,
    payoff: Payoff::Inverse {
        contract_size: Decimal::ONE,
        scale: XBT_SCALE,
        lot: Some(Decimal::ONE_HUNDRED),
    },
};
const ETHUSD: Underlying = Underlying {
    symbol: "ETHUSD",
    futures: "ETHUSD",
    base: "ETH",
    price: 3_000,
    tick: (5, 2),
    lot: 1,
    payoff: multiplied(100, XBT_SCALE),
    ..XBTUSD
};
const SOLUSD: Underlying = Underlying {
    symbol: "SOLUSD",
    futures: "SOLUSD",
    base: "SOL",
    price: 150,
    tick: (1, 2),
    payoff: multiplied(10_000, XBT_SCALE),
    ..ETHUSD
};
const XBTUSDT: Underlying = Underlying {
    symbol: "XBTUSDT",
    futures: "XBTUSDT",
    quote: "USDT",
    margin: "USDT",
    payoff: multiplied(1, USDT_SCALE),
    ..XBTUSD
};
const XBTUSDC: Underlying = Underlying {
    symbol: "XBTUSDC",
    futures: "XBTUSDC",
    quote: "USDC",
    margin: "USDC",
    ..XBTUSDT
};
const ETHUSDT: Underlying = Underlying {
    symbol: "ETHUSDT",
    futures: "ETHUSDT",
    base: "ETH",
    price: 3_000,
    tick: (5, 2),
    lot: 1_000,
    payoff: multiplied(10, USDT_SCALE),
    ..XBTUSDT
};
const SOLUSDT: Underlying = Underlying {
    symbol: "SOLUSDT",
    futures: "SOLUSDT",
    base: "SOL",
    price: 150,
    tick: (1, 2),
    payoff: multiplied(100, USDT_SCALE),
    ..ETHUSDT
};

/// The instruments of the default venue. `XBTU26` has settled, `NEWUSDT` is not listed yet.
#[must_use]
pub fn bitmex_instruments() -> Vec<Instrument> {
    let quarterly = [XBTUSD, ETHUSD, SOLUSD, XBTUSDT, ETHUSDT, SOLUSDT];
    let mut listed: Vec<Instrument> = quarterly.iter().map(perpetual).collect();
    listed.push(perpetual(&XBTUSDC));
    for underlying in &quarterly {
        listed.push(future(underlying, Series::CurrentQuarter, DECEMBER_2026));
    }
    listed.push(future(&XBTUSD, Series::NextQuarter, MARCH_2027));
    let mut settled = future(&XBTUSD, Series::CurrentQuarter, SEPTEMBER_2026);
    close(&mut settled, Phase::Settling);
    let mut coming = perpetual(&Underlying {
        symbol: "NEWUSDT",
        base: "NEW",
        price: 1,
        tick: (1, 4),
        ..SOLUSDT
    });
    close(&mut coming, Phase::Pending);
    listed.extend([settled, coming]);
    listed.extend([
        pair("XBT", 60_000, (1, 1), (1, 5)),
        pair("ETH", 3_000, (1, 2), (1, 4)),
        pair("SOL", 150, (1, 2), (1, 3)),
    ]);
    listed
}

/// What every account has.
#[must_use]
pub fn bitmex_balances() -> Vec<(String, Decimal)> {
    [
        ("XBT", 10),
        ("USDT", 1_000_000),
        ("USDC", 1_000_000),
        ("ETH", 100),
        ("SOL", 2_000),
    ]
    .into_iter()
    .map(|(asset, amount)| (asset.to_owned(), Decimal::from(amount)))
    .collect()
}

fn close(instrument: &mut Instrument, phase: Phase) {
    instrument.trading = false;
    if let Some(contract) = &mut instrument.contract {
        contract.phase = phase;
    }
}

fn perpetual(underlying: &Underlying) -> Instrument {
    let symbol = underlying.symbol.to_owned();
    contract(underlying, symbol, Series::Perpetual, NEVER_MS)
}

fn future(underlying: &Underlying, series: Series, (month, ms): (&str, i64)) -> Instrument {
    let symbol = format!("{}{month}", underlying.futures);
    contract(underlying, symbol, series, ms)
}

fn contract(
    underlying: &Underlying,
    symbol: String,
    series: Series,
    delivery_ms: i64,
) -> Instrument {
    let contract = Contract {
        pair: underlying.symbol.to_owned(),
        margin_asset: underlying.margin.to_owned(),
        payoff: underlying.payoff,
        series,
        phase: Phase::Listed,
        onboard_ms: ONBOARD_MS,
        delivery_ms,
        price_precision: underlying.tick.1,
        quantity_precision: 0,
    };
    Instrument {
        symbol,
        base: underlying.base.to_owned(),
        quote: underlying.quote.to_owned(),
        lot: Decimal::from(underlying.lot),
        max_quantity: Decimal::from(10_000_000_000_i64),
        max_market_quantity: Decimal::from(10_000_000_000_i64),
        contract: Some(contract),
        ..pair(underlying.base, underlying.price, underlying.tick, (1, 0))
    }
}

fn pair(base: &str, price: i64, tick: (i64, u32), lot: (i64, u32)) -> Instrument {
    let max_quantity = Decimal::from(10_000);
    Instrument {
        symbol: format!("{base}_USDT"),
        base: base.to_owned(),
        quote: "USDT".to_owned(),
        trading: true,
        tick: Decimal::new(tick.0, tick.1),
        max_price: Decimal::from(1_000_000),
        lot: Decimal::new(lot.0, lot.1),
        max_quantity,
        max_market_quantity: max_quantity,
        // BitMEX asks for whole lots only.
        min_notional: Decimal::ZERO,
        max_notional: Decimal::MAX,
        // Nor does it bound prices, but for the largest.
        price_band: (Decimal::from(1_000), Decimal::ZERO),
        max_open_orders: 200,
        max_amends: u32::MAX,
        initial_price: Decimal::from(price),
        contract: None,
    }
}
