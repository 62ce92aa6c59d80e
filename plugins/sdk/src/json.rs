//! Reading JSON bodies: typed, borrowed where possible, and never a panic whatever the bytes.

use serde::Deserialize;

use crate::types::{Error, HttpResponse};

/// The only response of a step that sends one request.
pub fn single(responses: &[HttpResponse]) -> Result<&HttpResponse, Error> {
    match responses {
        [response] => Ok(response),
        _ => Err(Error::malformed(format!(
            "one response expected, {} given",
            responses.len()
        ))),
    }
}

/// The body as `T`; `malformed-response` where it is anything else.
///
/// The message names the place and what was expected, and never quotes the body.
pub fn body<'a, T: Deserialize<'a>>(response: &'a HttpResponse) -> Result<T, Error> {
    read(&response.body)
}

/// The bytes as `T`; `malformed-response` where they are anything else.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::malformed(error.to_string()))
}
