//! Authenticated requests. The secret stays with the gateway, which signs what it is given.

use switchyard_sdk::Context;
use switchyard_sdk::request::request;
use switchyard_sdk::signer::{Algorithm, KeyEncoding};
use switchyard_sdk::types::{Error, HttpRequest, Method};

use crate::describe::{BUCKET, ENDPOINT};

/// A signed request: `x-signature` is the HMAC-SHA256, in hexadecimal digits, of the moment at which the
/// request expires, the method, the path with its query, and the body, one behind the other.
pub(crate) fn signed(
    cx: &Context<'_>,
    method: Method,
    path: String,
    body: String,
) -> Result<HttpRequest, Error> {
    // The context is the only clock. `window_ms` is how long the caller wants the request to be valid: a
    // venue that checks it makes a late order impossible.
    let expires = (cx.now + u64::from(cx.window_ms)).to_string();
    let name = match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    };
    let payload = [&expires, name, &path, &body].concat();
    let signature = cx.sign(Algorithm::HmacSha256, KeyEncoding::Utf8, payload.as_bytes())?;
    let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut request = request(method, ENDPOINT, path)
        .header("x-api-key", &cx.account()?.api_key)
        .header("x-expires", &expires)
        .header("x-signature", &hex)
        .cost(BUCKET, 1);
    if !body.is_empty() {
        request = request.content("application/json", body.into_bytes());
    }
    Ok(request)
}
