use switchyard_sdk::Account;
use switchyard_sdk::testing::response;
use switchyard_sdk::types::HttpResponse;

use crate::answers::ASSETS;
use crate::desk::*;

fn margins(rows: &str) -> [HttpResponse; 2] {
    [response(200, rows), response(200, ASSETS)]
}

#[test]
fn margins_are_signed_and_assets_are_not() {
    let desk = Desk::everywhere();
    let requests = VENUE
        .encode_list_balances(&desk.cx(), None)
        .expect("encodes");
    let lines: Vec<_> = requests.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "GET /api/v1/user/margin?currency=all",
            "GET /api/v1/wallet/assets"
        ]
    );
    assert_eq!(costs(&requests[0]), [("rest_minute", 1)]);
    assert_eq!(costs(&requests[1]), [("public_minute", 1)]);
    assert!(header(&requests[0], "api-signature").is_some() && requests[1].headers.is_empty());
}

#[test]
fn balances_are_in_whole_units_to_the_last_minor_one() {
    let desk = Desk::everywhere();
    let rows = r#"[
        {"account":1,"currency":"XBt","walletBalance":263542,"marginBalance":270000,"availableMargin":200001,"unrealisedPnl":6458},
        {"account":1,"currency":"USDt","walletBalance":1000000000001,"marginBalance":1000000000001,"availableMargin":1000000500000},
        {"account":1,"currency":"Gwei","walletBalance":1,"marginBalance":1,"availableMargin":1},
        {"account":1,"currency":"LAMp","walletBalance":0,"availableMargin":0},
        {"account":1,"currency":"NEw","walletBalance":5,"availableMargin":5}]"#;
    let balances = done(VENUE.decode_list_balances(&desk.cx(), None, &margins(rows)));
    let told: Vec<_> = balances
        .iter()
        .map(|balance| {
            (
                balance.asset.as_str(),
                balance.free.as_str(),
                balance.locked.as_str(),
                balance.total.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("BTC", "0.00200001", "0.00063541", "0.00263542"),
            ("USDT", "1000000.000001", "0", "1000000.000001"),
            ("ETH", "0.000000001", "0", "0.000000001"),
        ]
    );
    assert_eq!(desk.lines(), ["NEw is left out: its scale is not known"]);
}

#[test]
fn a_loss_locks_what_there_is_and_no_more() {
    let desk = Desk::everywhere();
    let rows = r#"[{"currency":"XBt","walletBalance":100,"availableMargin":-50}]"#;
    let balances = done(VENUE.decode_list_balances(&desk.cx(), None, &margins(rows)));
    assert_eq!(balances[0].free, "0");
    assert_eq!(balances[0].locked, "0.000001");
}

#[test]
fn positions_are_in_the_instruments_unit_and_money_in_the_settle_asset() {
    let desk = Desk::everywhere();
    let request = sole(VENUE.encode_list_positions(&desk.cx(), None));
    assert_eq!(line(&request), "GET /api/v1/position");
    let rows = r#"[
        {"account":1,"symbol":"XBTUSD","currency":"XBt","leverage":10.0,"crossMargin":false,"currentQty":-100,"markPrice":98000.0,
         "posMargin":1308,"realisedPnl":-227,"unrealisedPnl":1350,"avgEntryPrice":98390.88,"liquidationPrice":49195.44,
         "timestamp":"2024-11-25T10:35:02.123Z"},
        {"account":1,"symbol":"XBTUSDT","currency":"USDt","leverage":100,"currentQty":100,"markPrice":88636.92,"posMargin":44061,
         "realisedPnl":0,"unrealisedPnl":224362,"avgEntryPrice":86393.3,"liquidationPrice":0,"timestamp":"2025-12-31T07:55:50.505Z"},
        {"account":1,"symbol":"ETHUSD","currency":"XBt","currentQty":0,"timestamp":"2025-12-31T07:55:50.505Z"},
        {"account":1,"symbol":"XBT_USDT","currency":"USDt","openOrderBuyQty":5},
        {"account":1,"symbol":"P_FTXZ26","currency":"USDt","currentQty":7}]"#;
    let positions = done(VENUE.decode_list_positions(&desk.cx(), None, &ok(rows)));
    assert_eq!(positions.len(), 3);
    let short = &positions[0];
    assert_eq!(short.symbol, "BTC/USD:BTC");
    assert_eq!(
        (short.quantity.as_str(), short.settle.as_str()),
        ("-100", "BTC")
    );
    assert_eq!(short.unrealized_pnl.as_deref(), Some("0.0000135"));
    assert_eq!(short.realized_pnl.as_deref(), Some("-0.00000227"));
    assert_eq!(short.margin.as_deref(), Some("0.00001308"));
    assert_eq!(short.entry_price.as_deref(), Some("98390.88"));
    assert_eq!(short.leverage.as_deref(), Some("10.0"));
    let long = &positions[1];
    assert_eq!(long.quantity, "0.0001");
    assert_eq!(long.unrealized_pnl.as_deref(), Some("0.224362"));
    assert_eq!(long.liquidation_price, None);
    let unknown = &positions[2];
    assert_eq!(
        (unknown.symbol.as_str(), unknown.quantity.as_str()),
        ("P_FTXZ26", "7")
    );
    assert_eq!(unknown.settle, "USDT");
}
