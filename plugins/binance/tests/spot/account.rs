use switchyard_sdk::Account;
use switchyard_sdk::types::ErrorKind;

use crate::desk::*;

#[test]
fn balances_have_a_total_and_leave_out_what_is_nothing() {
    let desk = Desk::everywhere();
    let request = sole(VENUE.encode_list_balances(&desk.cx(), None));
    assert_eq!(line(&request), "GET /api/v3/account?omitZeroBalances=true");
    assert_eq!(costs(&request), [("spot_weight", 20), ("spot_raw", 1)]);
    let responses = ok(
        r#"{"makerCommission":15,"canTrade":true,"updateTime":123456789,"accountType":"SPOT",
        "balances":[{"asset":"BTC","free":"4723846.89208129","locked":"0.00000001"},
        {"asset":"LTC","free":"0.00000000","locked":"0.00000000"},
        {"asset":"BNB","free":"0.00000000","locked":"3.5"}],"permissions":["SPOT"],"uid":354937868}"#,
    );
    let balances = done(VENUE.decode_list_balances(&desk.cx(), None, &responses));
    assert_eq!(balances.len(), 2);
    assert_eq!(
        (balances[0].asset.as_str(), balances[0].total.as_str()),
        ("BTC", "4723846.89208130")
    );
    assert_eq!(
        (balances[1].free.as_str(), balances[1].locked.as_str()),
        ("0.00000000", "3.5")
    );
}

#[test]
fn spot_has_no_positions() {
    let desk = Desk::everywhere();
    let error = VENUE
        .encode_list_positions(&desk.cx(), None)
        .expect_err("is refused");
    assert_eq!(error.kind, ErrorKind::Unsupported);
}

#[test]
fn another_endpoint_is_not_served() {
    let mut desk = Desk::everywhere();
    desk.context.endpoint = "options".to_owned();
    let error = VENUE
        .encode_list_balances(&desk.cx(), None)
        .expect_err("is refused");
    assert_eq!(error.kind, ErrorKind::Unsupported);
}
