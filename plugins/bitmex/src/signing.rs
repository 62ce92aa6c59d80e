//! Requests to BitMEX: what is signed, what is not, and what each costs.

use switchyard_sdk::query::Query;
use switchyard_sdk::signer::{Algorithm, KeyEncoding};
use switchyard_sdk::time::MS_PER_SECOND;
use switchyard_sdk::types::{Error, HttpRequest, KeyType, Method};
use switchyard_sdk::{Context, request};

use crate::body::Body;
use crate::describe::{ENDPOINT, PUBLIC_MINUTE, REST_MINUTE, REST_SECOND};

/// What every path begins with ("Base URI").
pub(crate) const ROOT: &str = "/api/v1";

/// A query on a path: `/order` is `/api/v1/order`.
pub(crate) fn query(path: &str) -> Query {
    Query::on(&format!("{ROOT}{path}"))
}

/// A GET without a key, of the 30 a minute that an address may send.
pub(crate) fn public(query: Query) -> HttpRequest {
    request::get(ENDPOINT, query.into_target()).cost(PUBLIC_MINUTE, 1)
}

/// A signed GET.
pub(crate) fn read(cx: &Context<'_>, query: Query) -> Result<HttpRequest, Error> {
    signed(cx, Method::Get, query.into_target(), None)
}

/// A signed request that changes orders, on one of the routes with a limit per second.
pub(crate) fn change(
    cx: &Context<'_>,
    method: Method,
    path: &str,
    body: Body,
) -> Result<HttpRequest, Error> {
    let request = signed(cx, method, format!("{ROOT}{path}"), Some(body.finish()))?;
    Ok(request.cost(REST_SECOND, 1))
}

fn signed(
    cx: &Context<'_>,
    method: Method,
    target: String,
    body: Option<String>,
) -> Result<HttpRequest, Error> {
    let account = cx.account()?;
    if account.key_type != KeyType::Hmac {
        return Err(Error::unsupported("a key that is not HMAC"));
    }
    let expires = expires(cx.now, cx.window_ms);
    let data = body.unwrap_or_default();
    let signature = signature(cx, method, &target, expires, &data)?;
    let request = request::request(method, ENDPOINT, target)
        .header("api-key", &account.api_key)
        .header("api-expires", &expires.to_string())
        .header("api-signature", &signature)
        .cost(REST_MINUTE, 1);
    Ok(if data.is_empty() {
        request
    } else {
        request.content("application/json", data.into_bytes())
    })
}

/// "A UNIX timestamp after which the request is no longer valid", in seconds: cut, so that BitMEX never
/// takes the request later than the window says.
fn expires(now: u64, window_ms: u32) -> u64 {
    now.saturating_add(u64::from(window_ms)) / MS_PER_SECOND
}

/// "hex(HMAC_SHA256(apiSecret, verb + path + expires + data))" (API Keys Usage); the path is the target as
/// it is sent, with its query, and the data is the body as it is sent.
fn signature(
    cx: &Context<'_>,
    method: Method,
    target: &str,
    expires: u64,
    data: &str,
) -> Result<String, Error> {
    let verb = match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    };
    let payload = format!("{verb}{target}{expires}{data}");
    let mac = cx.sign(Algorithm::HmacSha256, KeyEncoding::Utf8, payload.as_bytes())?;
    let mut hex = String::with_capacity(2 * mac.len());
    for byte in mac {
        for digit in [byte >> 4, byte & 15] {
            hex.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    Ok(hex)
}

#[cfg(test)]
mod tests {
    use switchyard_sdk::testing::{self, TestHost};

    use super::*;

    /// The key and secret of the examples in "API Keys Usage".
    const SECRET: &str = "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO";

    #[test]
    #[allow(clippy::expect_used)]
    fn the_published_examples_are_reproduced_to_the_byte() {
        let host = TestHost::with_secret(SECRET);
        let context = testing::context(ENDPOINT, 0);
        let cx = Context::new(&context, &host);
        let order = r#"{"symbol":"XBTM15","price":219.0,"clOrdID":"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA","orderQty":98}"#;
        for (method, target, expires, data, expected) in [
            (
                Method::Get,
                "/api/v1/instrument",
                1_518_064_236,
                "",
                "c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00",
            ),
            (
                Method::Get,
                "/api/v1/instrument?filter=%7B%22symbol%22%3A+%22XBTM15%22%7D",
                1_518_064_237,
                "",
                "e2f422547eecb5b3cb29ade2127e21b858b235b386bfa45e1c1756eb3383919f",
            ),
            (
                Method::Post,
                "/api/v1/order",
                1_518_064_238,
                order,
                "1749cd2ccae4aa49048ae09f0b95110cee706e0944e6a14ad0b3a8cb45bd336b",
            ),
        ] {
            let signature = signature(&cx, method, target, expires, data).expect("signs");
            assert_eq!(signature, expected);
        }
    }

    #[test]
    fn a_request_expires_within_its_window() {
        assert_eq!(expires(1_518_064_236_999, 5_000), 1_518_064_241);
        assert_eq!(expires(u64::MAX, 1), u64::MAX / 1_000);
    }
}
