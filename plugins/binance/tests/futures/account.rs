use switchyard_sdk::Account;
use switchyard_sdk::account::Position;

use crate::desk::*;

#[test]
fn balances_are_the_wallet_without_unrealised_profit() {
    for (endpoint, path, weight) in [
        ("usdm", "GET /fapi/v3/balance", 5),
        ("coinm", "GET /dapi/v1/balance", 1),
    ] {
        let desk = Desk::everywhere(endpoint);
        let request = sole(VENUE.encode_list_balances(&desk.cx(), None));
        assert_eq!(line(&request), path);
        assert_eq!(request.costs[0].amount, weight);
        let body = r#"[{"accountAlias":"SgsR","asset":"USDT","balance":"122607.35137903",
            "crossWalletBalance":"23.72469206","crossUnPnl":"0.00000000","availableBalance":"23.72469206",
            "maxWithdrawAmount":"23.72469206","marginAvailable":true,"updateTime":1617939110373},
            {"asset":"BTC","balance":"1.5","crossUnPnl":"0.7","availableBalance":"2.2"},
            {"asset":"BNB","balance":"0.00000000","availableBalance":"126.7"}]"#;
        let balances = done(VENUE.decode_list_balances(&desk.cx(), None, &ok(body)));
        let amounts: Vec<_> = balances
            .iter()
            .map(|held| {
                (
                    held.asset.as_str(),
                    held.free.as_str(),
                    held.locked.as_str(),
                    held.total.as_str(),
                )
            })
            .collect();
        assert_eq!(
            amounts,
            [
                ("USDT", "23.72469206", "122583.62668697", "122607.35137903"),
                // Profit that is not realised, and other assets, may be available too; they are not held.
                ("BTC", "1.5", "0", "1.5"),
            ]
        );
    }
}

fn positions(endpoint: &str, body: &str) -> Vec<Position> {
    let desk = Desk::everywhere(endpoint);
    done(VENUE.decode_list_positions(&desk.cx(), None, &ok(body)))
}

#[test]
fn a_linear_position_has_its_margin_and_the_leverage_that_it_implies() {
    let desk = Desk::everywhere("usdm");
    let request = sole(VENUE.encode_list_positions(&desk.cx(), None));
    assert_eq!(line(&request), "GET /fapi/v3/positionRisk");
    assert_eq!(costs(&request), [("usdm_weight", 5)]);
    let body = r#"[{"symbol":"ADAUSDT","positionSide":"BOTH","positionAmt":"30","entryPrice":"0.385",
        "breakEvenPrice":"0.385077","markPrice":"0.41047590","unRealizedProfit":"0.76427700",
        "liquidationPrice":"0","isolatedMargin":"0","notional":"12.31427700","marginAsset":"USDT",
        "isolatedWallet":"0","initialMargin":"0.61571385","maintMargin":"0.08004280",
        "positionInitialMargin":"0.61571385","openOrderInitialMargin":"0","adl":2,"bidNotional":"0",
        "askNotional":"0","updateTime":1720736417660}]"#;
    let [position] = &positions("usdm", body)[..] else {
        panic!("one position")
    };
    assert_eq!(
        (position.quantity.as_str(), position.settle.as_str()),
        ("30", "USDT")
    );
    assert_eq!(
        (
            position.margin.as_deref(),
            position.leverage.as_deref(),
            position.liquidation_price.as_deref()
        ),
        (Some("0.61571385"), Some("20"), None)
    );
    assert_eq!(
        (
            position.entry_price.as_deref(),
            position.mark_price.as_deref(),
            position.unrealized_pnl.as_deref()
        ),
        (Some("0.385"), Some("0.41047590"), Some("0.76427700"))
    );
}

#[test]
fn hedged_positions_are_two_and_flat_ones_none() {
    let desk = Desk::everywhere("coinm");
    let request = sole(VENUE.encode_list_positions(&desk.cx(), None));
    assert_eq!(line(&request), "GET /dapi/v1/positionRisk");
    assert_eq!(costs(&request), [("coinm_weight", 1)]);
    let entry = |side: &str, amount: &str| {
        format!(
            r#"{{"symbol":"BTCUSD_PERP","positionAmt":"{amount}","entryPrice":"11707.70000003",
            "breakEvenPrice":"11707.80000005","markPrice":"11788.66626667",
            "unRealizedProfit":"0.00005866","liquidationPrice":"11667.63509587","leverage":"125",
            "maxQty":"50","marginType":"cross","isolatedMargin":"0.00000000","isAutoAddMargin":"false",
            "positionSide":"{side}","updateTime":1627026881327}}"#
        )
    };
    let body = format!(
        "[{},{},{},{}]",
        entry("BOTH", "0"),
        entry("LONG", "1"),
        entry("SHORT", "-2"),
        entry("SHORT", "3")
    );
    let found = positions("coinm", &body);
    let quantities: Vec<_> = found.iter().map(|held| held.quantity.as_str()).collect();
    assert_eq!(quantities, ["1", "-2", "-3"]);
    assert_eq!(
        (
            found[0].symbol.as_str(),
            found[0].settle.as_str(),
            found[0].leverage.as_deref()
        ),
        ("BTC/USD:BTC", "BTC", Some("125"))
    );
    assert_eq!(
        found[0].liquidation_price.as_deref(),
        Some("11667.63509587")
    );
}
