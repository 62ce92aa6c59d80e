use switchyard_binance::Binance;
use switchyard_sdk::signer::{Algorithm, KeyEncoding};
use switchyard_sdk::testing::{self, TestHost};
use switchyard_sdk::types::{Error, ErrorKind, HttpRequest, KeyType};
use switchyard_sdk::{Account, Context, Host, Trading};

use crate::desk::*;

/// A throw-away Ed25519 key, made for this test.
const ED25519: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJR86ysxSvvww7seToUeE8JbLhxQKihEKcjteHb7NbKN\n-----END PRIVATE KEY-----\n";

/// The signature, and the query that was signed.
fn parts(request: &HttpRequest) -> (&str, &str) {
    let (_, query) = request.path.split_once('?').expect("has a query");
    query.split_once("&signature=").expect("is signed")
}

#[test]
fn the_documented_examples_sign_to_the_documented_signatures() {
    let host = TestHost::with_secret(SECRET);
    for (payload, expected) in [
        (
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (
            "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
    ] {
        let mac = host
            .sign(Algorithm::HmacSha256, KeyEncoding::Utf8, payload.as_bytes())
            .expect("signs");
        let text: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, expected);
    }
}

#[test]
fn an_order_is_the_documented_example_and_two_parameters_more() {
    let desk = Desk::new();
    let request = sole(VENUE.encode_place(&desk.cx(), &limit_order(), None));
    let (signed, signature) = parts(&request);
    assert_eq!(
        signed.replace("&newClientOrderId=myOrder1&newOrderRespType=RESULT", ""),
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    );
    let mac = desk
        .host
        .sign(Algorithm::HmacSha256, KeyEncoding::Utf8, signed.as_bytes())
        .expect("signs");
    let text: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(signature, text);
    assert_eq!(
        request.headers,
        [("X-MBX-APIKEY".to_owned(), API_KEY.to_owned())]
    );
}

#[test]
fn a_symbol_outside_of_ascii_is_encoded_before_it_is_signed() {
    let desk = Desk::on(testing::spot("spot", "１２３４５６", "１２３", "４５６"));
    let request = sole(VENUE.encode_place(&desk.cx(), &limit_order(), None));
    assert!(
        parts(&request)
            .0
            .starts_with("symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY")
    );
    assert!(request.path.is_ascii());
}

#[test]
fn an_ed25519_signature_is_encoded_base64() {
    let mut desk = Desk::new();
    desk.host.secret = Some(ED25519.to_owned());
    desk.context.account = Some(testing::account(API_KEY, KeyType::Ed25519));
    let request = sole(VENUE.encode_list_balances(&desk.cx(), None));
    let (_, signature) = parts(&request);
    assert!(
        signature.ends_with("%3D%3D") && !signature.contains(['+', '/', '=']),
        "{signature}"
    );
    // 64 bytes are 88 base64 characters before they are encoded.
    let plain = signature
        .replace("%3D", "=")
        .replace("%2B", "+")
        .replace("%2F", "/");
    assert_eq!(plain.len(), 88);
}

#[test]
fn nothing_is_signed_without_a_key_that_fits() {
    let refused = |host: &TestHost, key_type: Option<KeyType>| -> Error {
        let mut context = testing::context("spot", NOW);
        context.account = key_type.map(|key_type| testing::account(API_KEY, key_type));
        Binance
            .encode_list_balances(&Context::new(&context, host), None)
            .expect_err("is refused")
    };
    let secret = TestHost::with_secret(SECRET);
    assert_eq!(refused(&secret, None).kind, ErrorKind::AuthFailed);
    assert_eq!(
        refused(&TestHost::default(), Some(KeyType::Hmac)).kind,
        ErrorKind::AuthFailed
    );
    assert_eq!(
        refused(&secret, Some(KeyType::Ed25519)).kind,
        ErrorKind::AuthFailed
    );
    assert_eq!(
        refused(&secret, Some(KeyType::EcdsaP256)).kind,
        ErrorKind::Unsupported
    );
}

#[test]
fn a_window_beyond_the_venues_is_cut_to_it() {
    let mut desk = Desk::new();
    desk.context.window_ms = 120_000;
    let request = sole(VENUE.encode_list_balances(&desk.cx(), None));
    assert!(
        request
            .path
            .contains("recvWindow=60000&timestamp=1499827319559&signature=")
    );
}
