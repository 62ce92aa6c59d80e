use switchyard_sdk::Market;
use switchyard_sdk::market::{InstrumentStatus, ListedInstrument};
use switchyard_sdk::types::{OrderTypes, TimesInForce};

use crate::desk::*;

/// Binance's example symbol, with filters as `filters.md` documents them.
fn listing(status: &str, filters: &str) -> String {
    format!(
        r#"{{"timezone":"UTC","serverTime":1565246363776,
        "rateLimits":[
          {{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}},
          {{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50}},
          {{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":160000}},
          {{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":61000}},
          {{"rateLimitType":"CONNECTIONS","interval":"MINUTE","intervalNum":5,"limit":300}}],
        "exchangeFilters":[{{"filterType":"EXCHANGE_MAX_NUM_ORDERS","maxNumOrders":1000}}],
        "symbols":[{{"symbol":"ETHBTC","status":"{status}","baseAsset":"ETH","baseAssetPrecision":8,
          "quoteAsset":"BTC","quotePrecision":8,"quoteAssetPrecision":8,"baseCommissionPrecision":8,
          "quoteCommissionPrecision":8,"orderTypes":["LIMIT","LIMIT_MAKER","MARKET","STOP_LOSS"],
          "icebergAllowed":true,"cancelReplaceAllowed":false,"amendAllowed":true,
          "isSpotTradingAllowed":true,"isMarginTradingAllowed":true,
          "filters":[{filters}],"permissions":[],"permissionSets":[]}}],
        "sors":[]}}"#
    )
}

fn read(status: &str, filters: &str) -> ListedInstrument {
    let desk = Desk::everywhere();
    let responses = ok(&listing(status, filters));
    done(VENUE.decode_list_instruments(&desk.cx(), None, &responses))
        .instruments
        .remove(0)
}

fn other<'a>(instrument: &'a ListedInstrument, name: &str) -> Option<&'a str> {
    instrument
        .other_rules
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

#[test]
fn the_whole_exchange_is_listed_for_its_weight() {
    let desk = Desk::everywhere();
    let request = sole(VENUE.encode_list_instruments(&desk.cx(), None));
    assert_eq!(
        line(&request),
        "GET /api/v3/exchangeInfo?showPermissionSets=false"
    );
    assert_eq!(costs(&request), [("spot_weight", 20), ("spot_raw", 1)]);
}

#[test]
fn published_limits_name_their_buckets() {
    let desk = Desk::everywhere();
    let listing =
        done(VENUE.decode_list_instruments(&desk.cx(), None, &ok(&listing("TRADING", ""))));
    let limits: Vec<_> = listing
        .limits
        .iter()
        .map(|limit| (limit.bucket.as_str(), limit.limit, limit.window_ms))
        .collect();
    assert_eq!(
        limits,
        [
            ("spot_weight", 6_000, 60_000),
            ("spot_orders_10s", 50, 10_000),
            ("spot_orders_1d", 160_000, 86_400_000),
            ("spot_raw", 61_000, 300_000),
        ]
    );
}

#[test]
fn a_symbol_becomes_an_instrument_and_nothing_is_lost() {
    let instrument = read("TRADING", "");
    assert_eq!(instrument.instrument.symbol, "ETH/BTC");
    assert_eq!(
        (
            instrument.instrument.venue_symbol.as_str(),
            instrument.instrument.endpoint.as_str()
        ),
        ("ETHBTC", "spot")
    );
    assert_eq!(
        (
            instrument.instrument.settle.as_str(),
            instrument.instrument.contract_size.as_str()
        ),
        ("BTC", "1")
    );
    assert_eq!(
        instrument.order_types,
        OrderTypes::MARKET | OrderTypes::LIMIT
    );
    assert_eq!(instrument.times_in_force, TimesInForce::all());
    let rest = other(&instrument, "symbol").expect("is kept");
    let rest: serde_json::Value = serde_json::from_str(rest).expect("is JSON");
    assert_eq!(rest["icebergAllowed"], true);
    assert_eq!(rest["baseAssetPrecision"], 8);
    assert_eq!(rest.as_object().map(serde_json::Map::len), Some(11));
    assert_eq!(other(&instrument, "cancelReplaceAllowed"), Some("false"));
    assert_eq!(other(&instrument, "amendAllowed"), None);
    assert_eq!(
        other(&instrument, "EXCHANGE_MAX_NUM_ORDERS"),
        Some(r#"{"filterType":"EXCHANGE_MAX_NUM_ORDERS","maxNumOrders":1000}"#)
    );
}

#[test]
fn only_a_trading_symbol_takes_orders() {
    assert_eq!(read("TRADING", "").status, InstrumentStatus::Trading);
    for status in [
        "PRE_TRADING",
        "POST_TRADING",
        "END_OF_DAY",
        "HALT",
        "AUCTION_MATCH",
        "BREAK",
        "NEW_ONE",
    ] {
        assert_eq!(
            read(status, "").status,
            InstrumentStatus::Halted,
            "{status}"
        );
    }
}

#[test]
fn price_and_lot_filters_are_bounds_whose_zeros_are_absent() {
    let instrument = read(
        "TRADING",
        r#"{"filterType":"PRICE_FILTER","minPrice":"0.00000100","maxPrice":"0.00000000","tickSize":"0.00000100"},
        {"filterType":"LOT_SIZE","minQty":"0.00100000","maxQty":"100000.00000000","stepSize":"0.00000000"}"#,
    );
    assert_eq!(instrument.price.min.as_deref(), Some("0.00000100"));
    assert_eq!(
        (instrument.price.max, instrument.price.step.as_deref()),
        (None, Some("0.00000100"))
    );
    assert_eq!(instrument.quantity.max.as_deref(), Some("100000.00000000"));
    assert_eq!(
        (instrument.quantity.step, instrument.market_quantity),
        (None, None)
    );
}

#[test]
fn a_minimum_between_two_steps_moves_up_so_that_the_same_values_remain() {
    let instrument = read(
        "TRADING",
        r#"{"filterType":"PRICE_FILTER","minPrice":"0.013","maxPrice":"10","tickSize":"0.01"}"#,
    );
    assert_eq!(instrument.price.min.as_deref(), Some("0.020"));
}

#[test]
fn market_orders_are_bound_by_both_lot_filters() {
    let instrument = read(
        "TRADING",
        r#"{"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"50.5","stepSize":"0.00000000"},
        {"filterType":"LOT_SIZE","minQty":"0.001","maxQty":"9000","stepSize":"0.001"}"#,
    );
    let market = instrument.market_quantity.expect("is bounded");
    assert_eq!(market.min.as_deref(), Some("0.001"));
    assert_eq!(
        (market.max.as_deref(), market.step.as_deref()),
        (Some("50.5"), Some("0.001"))
    );
}

#[test]
fn notional_filters_say_whether_they_bind_market_orders() {
    let notional = read(
        "TRADING",
        r#"{"filterType":"NOTIONAL","minNotional":"10.00000000","applyMinToMarket":true,
        "maxNotional":"10000.00000000","applyMaxToMarket":false,"avgPriceMins":5}"#,
    );
    assert!(other(&notional, "NOTIONAL").is_some_and(|rule| rule.contains("avgPriceMins")));
    let notional = notional.notional.expect("is bounded");
    assert_eq!(
        (notional.min.as_deref(), notional.max.as_deref()),
        (Some("10.00000000"), Some("10000.00000000"))
    );
    assert_eq!(
        (
            notional.min_applies_to_market,
            notional.max_applies_to_market
        ),
        (true, false)
    );
    let older = read(
        "TRADING",
        r#"{"filterType":"MIN_NOTIONAL","minNotional":"0.00100000","applyToMarket":true,"avgPriceMins":5}"#,
    );
    let older = older.notional.expect("is bounded");
    assert_eq!(
        (older.min.as_deref(), older.max),
        (Some("0.00100000"), None)
    );
    assert!(older.min_applies_to_market);
}

#[test]
fn percent_filters_are_a_band_for_each_side() {
    let band = read(
        "TRADING",
        r#"{"filterType":"PERCENT_PRICE_BY_SIDE","bidMultiplierUp":"1.2","bidMultiplierDown":"0.2",
        "askMultiplierUp":"5","askMultiplierDown":"0.8","avgPriceMins":1}"#,
    )
    .price_band
    .expect("is banded");
    assert_eq!(
        (band.bid_up.as_deref(), band.bid_down.as_deref()),
        (Some("1.2"), Some("0.2"))
    );
    assert_eq!(
        (
            band.ask_up.as_deref(),
            band.ask_down.as_deref(),
            band.average_minutes
        ),
        (Some("5"), Some("0.8"), 1)
    );
    let band = read(
        "TRADING",
        r#"{"filterType":"PERCENT_PRICE","multiplierUp":"1.3000","multiplierDown":"0.7000","avgPriceMins":5}"#,
    )
    .price_band
    .expect("is banded");
    assert_eq!(
        (band.bid_up.as_deref(), band.ask_down.as_deref()),
        (Some("1.3000"), Some("0.7000"))
    );
}

#[test]
fn counts_positions_and_rules_without_a_field_are_kept() {
    let instrument = read(
        "TRADING",
        r#"{"filterType":"MAX_NUM_ORDERS","maxNumOrders":25},{"filterType":"MAX_POSITION","maxPosition":"10.00000000"},
        {"filterType":"ICEBERG_PARTS","limit":10},{"filterType":"T_PLUS_SELL","endTime":-1}"#,
    );
    assert_eq!(instrument.max_open_orders, Some(25));
    assert_eq!(instrument.max_position.as_deref(), Some("10.00000000"));
    assert_eq!(
        other(&instrument, "ICEBERG_PARTS"),
        Some(r#"{"filterType":"ICEBERG_PARTS","limit":10}"#)
    );
    assert_eq!(
        other(&instrument, "T_PLUS_SELL"),
        Some(r#"{"filterType":"T_PLUS_SELL","endTime":-1}"#)
    );
}

#[test]
fn one_odd_symbol_does_not_take_the_others_with_it() {
    let desk = Desk::everywhere();
    let body = listing("TRADING", "").replace("\"symbols\":[", "\"symbols\":[{\"symbol\":17},");
    let listing = done(VENUE.decode_list_instruments(&desk.cx(), None, &ok(&body)));
    assert_eq!(listing.instruments.len(), 1);
    assert_eq!(desk.host.lines.borrow().len(), 1);
}
