use switchyard_sdk::Market;
use switchyard_sdk::market::{InstrumentStatus, ListedInstrument, Listing, ReferencePrice};
use switchyard_sdk::types::{OrderTypes, Payoff, Product, QuantityUnit, TimesInForce};

use crate::desk::*;

/// A symbol of USD-M, after the documents' example.
fn linear(symbol: &str, kind: &str, status: &str, margin: &str, delivery: u64) -> String {
    format!(
        r#"{{"symbol":"{symbol}","pair":"BTC{margin}","contractType":"{kind}","deliveryDate":{delivery},
        "onboardDate":1598252400000,"status":"{status}","maintMarginPercent":"2.5000",
        "baseAsset":"BTC","quoteAsset":"{margin}","marginAsset":"{margin}","pricePrecision":5,
        "underlyingType":"COIN","triggerProtect":"0.15","filters":[
        {{"filterType":"PRICE_FILTER","maxPrice":"300","minPrice":"0.0001","tickSize":"0.0001"}},
        {{"filterType":"LOT_SIZE","maxQty":"10000000","minQty":"1","stepSize":"1"}},
        {{"filterType":"MARKET_LOT_SIZE","maxQty":"590119","minQty":"1","stepSize":"1"}},
        {{"filterType":"MAX_NUM_ORDERS","limit":200}},
        {{"filterType":"MAX_NUM_ALGO_ORDERS","limit":10}},
        {{"filterType":"MIN_NOTIONAL","notional":"5.0"}},
        {{"filterType":"PERCENT_PRICE","multiplierUp":"1.1500","multiplierDown":"0.8500","multiplierDecimal":4}}],
        "OrderType":["LIMIT","MARKET","STOP","TRAILING_STOP_MARKET"],
        "timeInForce":["GTC","IOC","FOK","GTX","GTD"],"liquidationFee":"0.010000"}}"#
    )
}

/// A symbol of COIN-M, after the documents' example.
fn inverse(symbol: &str, kind: &str, delivery: u64) -> String {
    format!(
        r#"{{"filters":[{{"filterType":"PRICE_FILTER","maxPrice":"100000","minPrice":"0.1","tickSize":"0.1"}},
        {{"filterType":"LOT_SIZE","maxQty":"100000","minQty":"1","stepSize":"1"}},
        {{"filterType":"MAX_NUM_ORDERS","limit":200}},
        {{"filterType":"PERCENT_PRICE","multiplierUp":"1.0500","multiplierDown":"0.9500","multiplierDecimal":"4"}}],
        "orderTypes":["LIMIT","MARKET"],"timeInForce":["GTC","IOC","FOK","GTX"],"symbol":"{symbol}",
        "pair":"BTCUSD","contractType":"{kind}","deliveryDate":{delivery},"onboardDate":1590739200000,
        "contractStatus":"TRADING","contractSize":100,"quoteAsset":"USD","baseAsset":"BTC",
        "marginAsset":"BTC","equalQtyPrecision":4}}"#
    )
}

fn read(endpoint: &str, symbols: &[String]) -> Listing {
    let body = format!(
        r#"{{"exchangeFilters":[],"rateLimits":[
        {{"interval":"MINUTE","intervalNum":1,"limit":2400,"rateLimitType":"REQUEST_WEIGHT"}},
        {{"interval":"MINUTE","intervalNum":1,"limit":1200,"rateLimitType":"ORDERS"}},
        {{"interval":"SECOND","intervalNum":10,"limit":300,"rateLimitType":"ORDERS"}}],
        "serverTime":1565613908500,"symbols":[{}],"timezone":"UTC"}}"#,
        symbols.join(",")
    );
    let desk = Desk::everywhere(endpoint);
    done(VENUE.decode_list_instruments(&desk.cx(), None, &ok(&body)))
}

fn sole_of(endpoint: &str, symbol: String) -> ListedInstrument {
    read(endpoint, &[symbol]).instruments.remove(0)
}

/// 2100-12-25: what perpetual contracts give as their delivery date.
const NEVER: u64 = 4_133_404_800_000;
/// 2026-12-25 08:00 in UTC.
const DECEMBER: u64 = 1_798_185_600_000;

#[test]
fn every_kind_of_contract_has_its_unified_name_and_product() {
    for (symbol, unified, product) in [
        (
            linear("BTCUSDT", "PERPETUAL", "TRADING", "USDT", NEVER),
            "BTC/USDT:USDT",
            Product::UsdMPerpetual,
        ),
        (
            linear("BTCUSDC", "TRADIFI_PERPETUAL", "TRADING", "USDC", NEVER),
            "BTC/USDC:USDC",
            Product::UsdMPerpetual,
        ),
        (
            linear(
                "BTCUSDT",
                "PERPETUAL_DELIVERING",
                "DELIVERING",
                "USDT",
                NEVER,
            ),
            "BTC/USDT:USDT",
            Product::UsdMPerpetual,
        ),
        (
            linear("BTCUSDT", "", "SETTLING", "USDT", NEVER),
            "BTC/USDT:USDT",
            Product::UsdMPerpetual,
        ),
        (
            linear(
                "BTCUSDT_261225",
                "CURRENT_QUARTER",
                "TRADING",
                "USDT",
                DECEMBER,
            ),
            "BTC/USDT:USDT-261225",
            Product::UsdMDelivery,
        ),
        (
            linear(
                "BTCUSDT_261225",
                "CURRENT_QUARTER DELIVERING",
                "DELIVERING",
                "USDT",
                DECEMBER,
            ),
            "BTC/USDT:USDT-261225",
            Product::UsdMDelivery,
        ),
        (
            linear("BTCUSDT_261225", "", "CLOSE", "USDT", DECEMBER),
            "BTC/USDT:USDT-261225",
            Product::UsdMDelivery,
        ),
        (
            inverse("BTCUSD_PERP", "PERPETUAL", NEVER),
            "BTC/USD:BTC",
            Product::UsdCPerpetual,
        ),
        (
            inverse("BTCUSD_261225", "NEXT_QUARTER", DECEMBER),
            "BTC/USD:BTC-261225",
            Product::UsdCDelivery,
        ),
    ] {
        let endpoint = if symbol.contains("contractSize") {
            "coinm"
        } else {
            "usdm"
        };
        let listed = sole_of(endpoint, symbol);
        assert_eq!(
            (listed.instrument.symbol.as_str(), listed.instrument.product),
            (unified, product)
        );
        let delivery = unified.ends_with("-261225");
        assert_eq!(listed.instrument.expiry, delivery.then_some(DECEMBER));
    }
}

#[test]
fn a_linear_contract_has_all_its_limits_and_loses_nothing() {
    let listed = sole_of(
        "usdm",
        linear("BTCUSDT", "PERPETUAL", "TRADING", "USDT", NEVER),
    );
    let instrument = &listed.instrument;
    assert_eq!(
        (instrument.payoff, instrument.quantity_unit),
        (Payoff::Linear, QuantityUnit::Base)
    );
    assert_eq!(
        (
            instrument.settle.as_str(),
            instrument.contract_size.as_str()
        ),
        ("USDT", "1")
    );
    assert_eq!(listed.price.min.as_deref(), Some("0.0001"));
    assert_eq!(listed.quantity.step.as_deref(), Some("1"));
    let market = listed.market_quantity.expect("is bounded");
    assert_eq!(market.max.as_deref(), Some("590119"));
    let notional = listed.notional.expect("is bounded");
    assert_eq!(notional.min.as_deref(), Some("5.0"));
    assert!(notional.min_applies_to_market && !notional.min_applies_to_reduce_only);
    let band = listed.price_band.expect("is banded");
    assert_eq!(
        (
            band.bid_up.as_deref(),
            band.bid_down.as_deref(),
            band.ask_down.as_deref(),
            band.reference
        ),
        (Some("1.1500"), None, Some("0.8500"), ReferencePrice::Mark)
    );
    assert_eq!(listed.max_open_orders, Some(200));
    assert_eq!(
        (listed.order_types, listed.times_in_force),
        (OrderTypes::all(), TimesInForce::all())
    );
    let rule = |name: &str| {
        let rule = listed.other_rules.iter().find(|(key, _)| key == name);
        rule.map(|(_, value)| value.as_str())
    };
    assert_eq!(
        rule("MAX_NUM_ALGO_ORDERS"),
        Some(r#"{"filterType":"MAX_NUM_ALGO_ORDERS","limit":10}"#)
    );
    assert_eq!(rule("contractType"), Some("\"PERPETUAL\""));
    let rest: serde_json::Value =
        serde_json::from_str(rule("symbol").expect("is kept")).expect("is JSON");
    assert_eq!(rest["liquidationFee"], "0.010000");
}

#[test]
fn an_inverse_contract_is_counted_and_worth_its_size() {
    let listed = sole_of("coinm", inverse("BTCUSD_PERP", "PERPETUAL", NEVER));
    let instrument = &listed.instrument;
    assert_eq!(
        (instrument.payoff, instrument.quantity_unit),
        (Payoff::Inverse, QuantityUnit::Contracts)
    );
    assert_eq!(
        (
            instrument.settle.as_str(),
            instrument.contract_size.as_str(),
            instrument.endpoint.as_str()
        ),
        ("BTC", "100", "coinm")
    );
    assert_eq!(
        (listed.notional, listed.status),
        (None, InstrumentStatus::Trading)
    );
}

#[test]
fn a_status_says_whether_orders_are_taken_or_ever_will_be() {
    for (status, expected) in [
        ("TRADING", InstrumentStatus::Trading),
        ("PENDING_TRADING", InstrumentStatus::Halted),
        ("PRE_DELIVERING", InstrumentStatus::Halted),
        ("PRE_SETTLE", InstrumentStatus::Halted),
        ("SOMETHING_NEW", InstrumentStatus::Halted),
        ("SETTLING", InstrumentStatus::Closed),
        ("DELIVERING", InstrumentStatus::Closed),
        ("DELIVERED", InstrumentStatus::Closed),
        ("CLOSE", InstrumentStatus::Closed),
    ] {
        let listed = sole_of(
            "usdm",
            linear("BTCUSDT", "PERPETUAL", status, "USDT", NEVER),
        );
        assert_eq!(listed.status, expected, "{status}");
    }
}

#[test]
fn no_two_instruments_share_a_name_and_one_odd_symbol_spoils_nothing() {
    let listing = read(
        "usdm",
        &[
            linear("BTCUSDT_OLD", "PERPETUAL", "SETTLING", "USDT", NEVER),
            r#"{"symbol":17}"#.to_owned(),
            linear("BTCUSDT", "PERPETUAL", "TRADING", "USDT", NEVER),
            linear("BTCUSDC", "PERPETUAL", "TRADING", "USDC", NEVER),
        ],
    );
    let names: Vec<_> = listing
        .instruments
        .iter()
        .map(|listed| {
            (
                listed.instrument.venue_symbol.as_str(),
                listed.instrument.symbol.as_str(),
            )
        })
        .collect();
    assert_eq!(
        names,
        [("BTCUSDT", "BTC/USDT:USDT"), ("BTCUSDC", "BTC/USDC:USDC")]
    );
}

#[test]
fn the_limits_in_force_name_their_buckets() {
    let limits = |endpoint: &str, symbol: String| -> Vec<(String, u32, u64)> {
        let listing = read(endpoint, &[symbol]);
        let limits = listing.limits.into_iter();
        limits
            .map(|limit| (limit.bucket, limit.limit, limit.window_ms))
            .collect()
    };
    assert_eq!(
        limits(
            "usdm",
            linear("BTCUSDT", "PERPETUAL", "TRADING", "USDT", NEVER)
        ),
        [
            ("usdm_weight".to_owned(), 2_400, 60_000),
            ("usdm_orders_1m".to_owned(), 1_200, 60_000),
            ("usdm_orders_10s".to_owned(), 300, 10_000),
        ]
    );
    assert_eq!(
        limits("coinm", inverse("BTCUSD_PERP", "PERPETUAL", NEVER)),
        [
            ("coinm_weight".to_owned(), 2_400, 60_000),
            ("coinm_orders_1m".to_owned(), 1_200, 60_000),
        ]
    );
}
