//! What simulated BitMEX does with money: worths, profits, and the daily transfer of these to the wallet.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod support;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use support::Bench;
use support::bitmex::{ORDER, call, get, start};

const HOUR_MS: u64 = 3_600_000;

async fn trade(bench: &Bench, symbol: &str, side: &str, quantity: i64) {
    let order =
        json!({ "symbol": symbol, "side": side, "orderQty": quantity, "ordType": "Market" });
    let done = call(bench, "POST", ORDER, &order).await.json();
    assert_eq!(done["ordStatus"], "Filled", "{done}");
}

async fn position(bench: &Bench, symbol: &str) -> Value {
    let target = format!("/api/v1/position?filter=%7B%22symbol%22%3A%22{symbol}%22%7D");
    get(bench, &target).await[0].clone()
}

async fn margin(bench: &Bench, currency: &str) -> Value {
    get(bench, &format!("/api/v1/user/margin?currency={currency}")).await
}

async fn wallet(bench: &Bench, currency: &str) -> Value {
    get(bench, &format!("/api/v1/user/wallet?currency={currency}")).await
}

fn whole(row: &Value, field: &str) -> i64 {
    row[field]
        .as_i64()
        .unwrap_or_else(|| panic!("{field} of {row}"))
}

/// `currentCost`, `currentComm` and the traded quantity, as the executions add up to them.
async fn executed(bench: &Bench, symbol: &str) -> (i64, i64) {
    let target = format!("/api/v1/execution/tradeHistory?symbol={symbol}&count=500");
    let rows = get(bench, &target).await;
    let sum = |field: &str| {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| whole(row, field)).sum()
    };
    (sum("execCost"), sum("execComm"))
}

#[tokio::test]
async fn a_closed_position_transfers_its_profit_and_the_wallet_takes_it_at_noon() {
    let bench = start().await;
    let at_start = 1_000_000_000;
    trade(&bench, "XBTUSD", "Buy", 1_000).await;
    bench
        .sim
        .control()
        .set_mid("XBTUSD", Decimal::from(61_000))
        .unwrap();
    trade(&bench, "XBTUSD", "Sell", 1_000).await;
    let closed = position(&bench, "XBTUSD").await;
    let earned = whole(&closed, "realisedPnl");
    assert!(earned > 20_000, "{closed}");
    assert_eq!(
        (
            whole(&closed, "rebalancedPnl"),
            whole(&closed, "prevRealisedPnl")
        ),
        (-earned, earned)
    );
    trade(&bench, "XBTUSD", "Sell", 500).await;
    let open = position(&bench, "XBTUSD").await;
    let fee = earned - whole(&open, "realisedPnl");
    assert!(fee > 0, "{open}");
    assert_eq!(
        (
            whole(&open, "rebalancedPnl"),
            whole(&open, "prevRealisedPnl")
        ),
        (-earned, earned)
    );
    let before = margin(&bench, "XBt").await;
    assert_eq!(whole(&before, "amount"), at_start);
    assert_eq!(whole(&before, "realisedPnl"), earned - fee);
    assert_eq!(whole(&before, "walletBalance"), at_start + earned - fee);
    assert_eq!(
        whole(&before, "grossComm"),
        executed(&bench, "XBTUSD").await.1
    );
    assert_eq!(whole(&wallet(&bench, "XBt").await, "amount"), at_start);

    // The bench starts at 08:00 UTC.
    bench.sim.control().advance_ms(4 * HOUR_MS - 1).unwrap();
    assert_eq!(whole(&margin(&bench, "XBt").await, "amount"), at_start);
    bench.sim.control().advance_ms(1).unwrap();
    let after = margin(&bench, "XBt").await;
    assert_eq!(whole(&after, "amount"), at_start + earned - fee);
    assert_eq!(whole(&after, "walletBalance"), at_start + earned - fee);
    assert_eq!(
        (whole(&after, "realisedPnl"), whole(&after, "grossComm")),
        (0, 0)
    );
    let held = position(&bench, "XBTUSD").await;
    assert_eq!(
        (whole(&held, "realisedPnl"), whole(&held, "rebalancedPnl")),
        (earned - fee, fee - earned)
    );
    let kept = wallet(&bench, "XBt").await;
    assert_eq!(
        (whole(&kept, "amount"), whole(&kept, "deposited")),
        (at_start + earned - fee, at_start)
    );

    trade(&bench, "XBTUSD", "Buy", 500).await;
    let last = position(&bench, "XBTUSD").await;
    let total = whole(&last, "realisedPnl");
    assert_eq!(whole(&last, "rebalancedPnl"), -total);
    assert_eq!(whole(&last, "prevRealisedPnl"), total - earned);
    let today = margin(&bench, "XBt").await;
    assert_eq!(whole(&today, "realisedPnl"), total - (earned - fee));
    assert_eq!(whole(&today, "walletBalance"), at_start + total);
}

#[tokio::test]
async fn every_satoshi_of_cost_and_fee_is_in_the_position() {
    let bench = start().await;
    for (symbol, lots) in [
        ("XBTUSD", 100),
        ("XBTZ26", 100),
        ("ETHUSD", 1),
        ("SOLUSDZ26", 1),
        ("XBTUSDT", 1_000),
        ("ETHUSDTZ26", 1_000),
        ("XBTUSDC", 1_000),
    ] {
        // Opened twice, closed in part, turned around, and closed in part again, at moving prices.
        for (side, quantity) in [
            ("Buy", 7),
            ("Buy", 4),
            ("Sell", 3),
            ("Sell", 21),
            ("Buy", 5),
        ] {
            trade(&bench, symbol, side, quantity * lots).await;
            bench.sim.control().market_step(1);
            // So that the request limit is never met.
            bench.sim.control().advance_ms(3_000).unwrap();
            let row = position(&bench, symbol).await;
            let (cost, fees) = executed(&bench, symbol).await;
            assert_eq!(whole(&row, "currentCost"), cost, "{row}");
            assert_eq!(whole(&row, "currentComm"), fees, "{row}");
            assert_eq!(
                whole(&row, "unrealisedCost"),
                cost - whole(&row, "realisedCost"),
                "{row}"
            );
            assert_eq!(
                whole(&row, "realisedPnl"),
                -whole(&row, "realisedCost") - fees,
                "{row}"
            );
            assert_eq!(
                whole(&row, "unrealisedPnl"),
                whole(&row, "markValue") - whole(&row, "unrealisedCost"),
                "{row}"
            );
        }
    }
}

#[tokio::test]
async fn inverse_worth_is_rounded_per_lot_of_a_hundred() {
    let bench = start().await;
    let control = bench.sim.control();
    control.set_mid("XBTUSD", Decimal::from(42_292)).unwrap();
    trade(&bench, "XBTUSD", "Buy", 500).await;
    let rows = get(&bench, "/api/v1/execution/tradeHistory?symbol=XBTUSD").await;
    for row in rows.as_array().unwrap() {
        let lots = whole(row, "lastQty") / 100;
        let per_lot = (10_000_000_000_f64 / row["lastPx"].as_f64().unwrap()).round() as i64;
        assert_eq!(whole(row, "execCost"), -lots * per_lot, "{row}");
    }
}

#[tokio::test]
async fn contracts_in_usdc_are_margined_and_paid_in_usdc() {
    let bench = start().await;
    let listed = bench.get("/api/v1/instrument?symbol=XBTUSDC").await.json();
    let told = |name: &str| listed[0][name].clone();
    assert_eq!(
        (told("typ"), told("settlCurrency"), told("quoteCurrency")),
        (json!("FFWCSX"), json!("USDc"), json!("USDC"))
    );
    assert_eq!(
        (
            told("isInverse"),
            told("isQuanto"),
            told("multiplier"),
            told("quoteToSettleMultiplier")
        ),
        (json!(false), json!(false), json!(1), json!(1_000_000))
    );
    let others = [margin(&bench, "XBt").await, margin(&bench, "USDt").await];
    trade(&bench, "XBTUSDC", "Buy", 10_000).await;
    let row = position(&bench, "XBTUSDC").await;
    assert_eq!(row["currency"], "USDc");
    let (cost, fees) = executed(&bench, "XBTUSDC").await;
    // A hundredth of a bitcoin, in millionths of a dollar.
    assert!((500_000_000..700_000_000).contains(&cost), "{cost}");
    let after = margin(&bench, "USDc").await;
    assert_eq!(whole(&after, "walletBalance"), 1_000_000_000_000 - fees);
    assert!(whole(&after, "maintMargin") > 0);
    assert_eq!(
        [margin(&bench, "XBt").await, margin(&bench, "USDt").await],
        others
    );
}

#[tokio::test]
async fn every_kind_of_product_exists_on_bitcoin_ether_and_sol() {
    let bench = start().await;
    let active = bench.get("/api/v1/instrument/active").await.json();
    let kind = |symbol: &str| {
        let rows = active.as_array().unwrap();
        let row = rows.iter().find(|row| row["symbol"] == symbol);
        row.map(|row| row["typ"].as_str().unwrap().to_owned())
    };
    for base in ["XBT", "ETH", "SOL"] {
        let december = if base == "XBT" { "Z26" } else { "USDZ26" };
        for (symbol, typ) in [
            (format!("{base}USD"), "FFWCSX"),
            (format!("{base}USDT"), "FFWCSX"),
            (format!("{base}{december}"), "FFCCSX"),
            (format!("{base}USDTZ26"), "FFCCSX"),
            (format!("{base}_USDT"), "IFXXXP"),
        ] {
            assert_eq!(kind(&symbol).as_deref(), Some(typ), "{symbol}");
        }
    }
}
