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

/// A host whose signatures are the published ones. Binance shows its RSA and "Ed25519" examples without
/// their keys ("stored in the file ./test-prv-key.pem"), so they cannot be made again; and what it shows for
/// Ed25519 are 256 bytes, thus RSA. What can be held against them is all around the signing: the payload's
/// encoding, and how a signature becomes a parameter.
struct Published(Vec<u8>);

impl Host for Published {
    fn sign(
        &self,
        algorithm: Algorithm,
        encoding: KeyEncoding,
        payload: &[u8],
    ) -> Result<Vec<u8>, switchyard_sdk::signer::SignError> {
        assert_eq!(
            (algorithm, encoding),
            (Algorithm::RsaSha256, KeyEncoding::Pem)
        );
        assert!(payload.starts_with(b"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2&"));
        Ok(self.0.clone())
    }

    fn find(&self, _: &str, _: &str) -> Option<switchyard_sdk::types::Instrument> {
        None
    }

    fn log(&self, _: switchyard_sdk::log::Level, _: &str) {}
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut bytes = Vec::new();
    for (at, digit) in text.chars().filter(|digit| *digit != '=').enumerate() {
        let value = DIGITS.find(digit).expect("is base64");
        bits = bits << 6 | u32::try_from(value).expect("is small");
        if at % 4 > 0 {
            bytes.push((bits >> (6 - 2 * (at % 4))) as u8);
        }
    }
    bytes
}

#[test]
fn the_published_rsa_signature_becomes_the_published_parameter() {
    let signature = "qJtv66wyp/1mZE+mIFAAMUoTe8xkmLN7/eAZjuC9x1ocxovItHLl/sNK7Wq8QjgiHqGn0bb8P7yVvGBEd1gFe71NQ8aM0M+JNIMz5UFxfeA53rXjFlvsyH1Sig+OuO9Nz5nhCaJ6bEfj2iuv7w27pB3L8MVqmoCi6D9C/QMiLxtPaR70CxtnvoOlIgPmpv2bQy029A31NEK19ieVLkoyp1EUkXRaX3v0mohx8yMnUG1dhX9nUg3Oy8TYZ03DQy7kHDGkMKisNX7rt/GuGx1HIgjFclDGLsbAFIodvSLjm9FbseasMELoxlAJDlwRnW8zo5sQmL0Fz7ao935QBynrng==";
    let parameter = "qJtv66wyp%2F1mZE%2BmIFAAMUoTe8xkmLN7%2FeAZjuC9x1ocxovItHLl%2FsNK7Wq8QjgiHqGn0bb8P7yVvGBEd1gFe71NQ8aM0M%2BJNIMz5UFxfeA53rXjFlvsyH1Sig%2BOuO9Nz5nhCaJ6bEfj2iuv7w27pB3L8MVqmoCi6D9C%2FQMiLxtPaR70CxtnvoOlIgPmpv2bQy029A31NEK19ieVLkoyp1EUkXRaX3v0mohx8yMnUG1dhX9nUg3Oy8TYZ03DQy7kHDGkMKisNX7rt%2FGuGx1HIgjFclDGLsbAFIodvSLjm9FbseasMELoxlAJDlwRnW8zo5sQmL0Fz7ao935QBynrng%3D%3D";
    let published = Published(base64(signature));
    assert_eq!(published.0.len(), 256);
    let mut context = testing::context("spot", 1_668_481_559_918);
    context.account = Some(testing::account(API_KEY, KeyType::Rsa));
    context.instrument = Some(testing::spot("spot", "１２３４５６", "１２３", "４５６"));
    let command = switchyard_sdk::trading::Place {
        side: switchyard_sdk::types::Side::Sell,
        price: Some("0.2".to_owned()),
        ..limit_order()
    };
    let request = sole(VENUE.encode_place(&Context::new(&context, &published), &command, None));
    assert_eq!(parts(&request).1, parameter);
}
