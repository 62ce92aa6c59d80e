//! What is traded by default: spot pairs with limits as a large venue sets them.

use rust_decimal::Decimal;

use crate::engine::Instrument;

/// One pair as it is written down here.
struct Pair {
    base: &'static str,
    quote: &'static str,
    price: (i64, u32),
    tick_scale: u32,
    lot_scale: u32,
    max_quantity: i64,
    min_notional: (i64, u32),
    trading: bool,
}

const fn pair(
    base: &'static str,
    quote: &'static str,
    price: (i64, u32),
    tick_scale: u32,
    lot_scale: u32,
    max_quantity: i64,
    min_notional: (i64, u32),
) -> Pair {
    Pair {
        base,
        quote,
        price,
        tick_scale,
        lot_scale,
        max_quantity,
        min_notional,
        trading: true,
    }
}

const PAIRS: [Pair; 12] = [
    pair("BTC", "USDT", (60_000, 0), 2, 5, 9_000, (5, 0)),
    pair("ETH", "USDT", (3_000, 0), 2, 4, 9_000, (5, 0)),
    pair("SOL", "USDT", (150, 0), 2, 3, 90_000, (5, 0)),
    pair("BTC", "USDC", (60_000, 0), 2, 5, 9_000, (5, 0)),
    pair("ETH", "USDC", (3_000, 0), 2, 4, 9_000, (5, 0)),
    pair("SOL", "USDC", (150, 0), 2, 3, 90_000, (5, 0)),
    pair("ETH", "BTC", (5, 2), 5, 4, 100_000, (1, 4)),
    pair("SOL", "BTC", (25, 4), 7, 3, 90_000, (1, 4)),
    pair("BNB", "USDT", (600, 0), 2, 3, 900_000, (5, 0)),
    // Eight decimals of price and none of quantity: what breaks clients that round.
    pair("SHIB", "USDT", (1_234, 8), 8, 0, 46_116_860_414, (1, 0)),
    pair("PEPE", "USDT", (789, 8), 8, 0, 92_141_578_736, (1, 0)),
    Pair {
        trading: false,
        ..pair("LUNA", "USDT", (5, 1), 4, 2, 900_000, (5, 0))
    },
];

/// The instruments of the default venue; `LUNAUSDT` is halted.
#[must_use]
pub fn default_instruments() -> Vec<Instrument> {
    PAIRS
        .iter()
        .map(|pair| {
            let max_quantity = Decimal::from(pair.max_quantity);
            Instrument {
                symbol: format!("{}{}", pair.base, pair.quote),
                base: pair.base.to_owned(),
                quote: pair.quote.to_owned(),
                trading: pair.trading,
                tick: Decimal::new(1, pair.tick_scale),
                max_price: if pair.tick_scale > 2 {
                    Decimal::ONE_HUNDRED
                } else {
                    Decimal::from(1_000_000)
                },
                lot: Decimal::new(1, pair.lot_scale),
                max_quantity,
                max_market_quantity: (max_quantity / Decimal::from(50)).floor(),
                min_notional: Decimal::new(pair.min_notional.0, pair.min_notional.1),
                max_notional: Decimal::from(9_000_000),
                price_band: (Decimal::from(5), Decimal::new(2, 1)),
                max_open_orders: 200,
                max_amends: 10,
                initial_price: Decimal::new(pair.price.0, pair.price.1),
                contract: None,
            }
        })
        .collect()
}

/// What the default account owns.
#[must_use]
pub fn default_balances() -> Vec<(String, Decimal)> {
    [
        ("BTC", 10),
        ("ETH", 100),
        ("SOL", 2_000),
        ("BNB", 100),
        ("SHIB", 1_000_000_000),
        ("PEPE", 1_000_000_000),
        ("USDT", 1_000_000),
        ("USDC", 1_000_000),
    ]
    .into_iter()
    .map(|(asset, amount)| (asset.to_owned(), Decimal::from(amount)))
    .collect()
}

/// Roughly what one unit of a quote asset is worth, to size the simulated flow.
pub(super) fn dollars_per(quote: &str) -> Decimal {
    let quote = if quote == "XBT" { "BTC" } else { quote };
    PAIRS
        .iter()
        .find(|pair| pair.base == quote && pair.quote == "USDT")
        .map_or(Decimal::ONE, |pair| {
            Decimal::new(pair.price.0, pair.price.1)
        })
}
