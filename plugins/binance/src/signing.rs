//! Signed and public requests: the parameters, header and signature that every Binance API shares.

use switchyard_sdk::query::Query;
use switchyard_sdk::signer::{Algorithm, KeyEncoding};
use switchyard_sdk::types::{Error, HttpRequest, KeyType, Method};
use switchyard_sdk::{Context, request};

/// Longest `recvWindow` that Binance accepts, in milliseconds (REST API, "Timing security").
pub(crate) const MAX_WINDOW_MS: u32 = 60_000;

/// The header that names the key; the only place where it appears.
const KEY_HEADER: &str = "X-MBX-APIKEY";

/// A request that needs no account.
pub(crate) fn public(cx: &Context<'_>, query: Query) -> HttpRequest {
    request::get(&cx.endpoint, query.into_target())
}

/// A request with time, window and signature appended, in that order.
///
/// Binance signs the query as it is sent, percent-encoded (REST API, "SIGNED Endpoint security").
/// Parameters go into the query whatever the method, which Binance allows and which leaves the body
/// empty.
pub(crate) fn signed(cx: &Context<'_>, method: Method, query: Query) -> Result<HttpRequest, Error> {
    let account = cx.account()?;
    let query = query
        .with_integer("recvWindow", u64::from(cx.window_ms.min(MAX_WINDOW_MS)))
        .with_integer("timestamp", cx.now);
    let (algorithm, encoding) = match account.key_type {
        KeyType::Hmac => (Algorithm::HmacSha256, KeyEncoding::Utf8),
        KeyType::Ed25519 => (Algorithm::Ed25519, KeyEncoding::Pem),
        KeyType::Rsa => (Algorithm::RsaSha256, KeyEncoding::Pem),
        KeyType::EcdsaP256 => return Err(Error::unsupported("an ECDSA key")),
    };
    let signature = cx.sign(algorithm, encoding, query.as_str().as_bytes())?;
    let query = match account.key_type {
        KeyType::Hmac => query.with_hex("signature", &signature),
        _ => query.with_base64("signature", &signature),
    };
    Ok(request::request(method, &cx.endpoint, query.into_target())
        .header(KEY_HEADER, &account.api_key))
}
