use switchyard_sdk::signer::{Algorithm, KeyEncoding};
use switchyard_sdk::testing::TestHost;
use switchyard_sdk::{Host, Trading};

use crate::desk::*;

/// The keys of the futures' example ("SIGNED Endpoint Examples for POST /fapi/v1/order - HMAC Keys").
const EXAMPLE_SECRET: &str = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";

#[test]
fn the_documented_example_is_reproduced_to_the_byte() {
    let payload = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943";
    let mac = TestHost::with_secret(EXAMPLE_SECRET)
        .sign(Algorithm::HmacSha256, KeyEncoding::Utf8, payload.as_bytes())
        .expect("signs");
    let text: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        text,
        "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
    );
    // The adapter's own order is that payload and two parameters more.
    let mut desk = Desk::on("usdm");
    desk.host.secret = Some(EXAMPLE_SECRET.to_owned());
    desk.context.now = 1_591_702_613_943;
    let request = sole(VENUE.encode_place(&desk.cx(), &limit_order(), None));
    let (_, query) = request.path.split_once('?').expect("has a query");
    let (signed, _) = query.split_once("&signature=").expect("is signed");
    assert_eq!(
        signed.replace("&newClientOrderId=abc&newOrderRespType=RESULT", ""),
        payload
    );
}

#[test]
fn a_chinese_symbol_is_encoded_as_the_change_log_shows() {
    // "If symbol contains Chinese characters, it must be URL-encoded": 2025-10-09.
    let mut desk = Desk::on("usdm");
    let instrument = desk.context.instrument.as_mut().expect("is there");
    instrument.venue_symbol = "测试USDT".to_owned();
    let request = sole(VENUE.encode_place(&desk.cx(), &limit_order(), None));
    assert!(
        request
            .path
            .starts_with("/fapi/v1/order?symbol=%E6%B5%8B%E8%AF%95USDT&side=BUY")
    );
}
