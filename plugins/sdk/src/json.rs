//! Reading JSON bodies: typed, borrowed where possible, and never a panic whatever the bytes.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::types::{Error, HttpResponse};

/// Longest part of a parser's complaint that goes into an error, in bytes: it may quote the body.
const MAX_COMPLAINT: usize = 200;

/// The only response of a step that sends one request.
pub fn single(responses: &[HttpResponse]) -> Result<&HttpResponse, Error> {
    match responses {
        [response] => Ok(response),
        _ => Err(Error::malformed("one response expected")),
    }
}

/// The body as `T`; `malformed-response` where it is anything else.
///
/// The effect is `none`, as for a read; [`Error::after`] makes it `unknown` for a request that mutates.
pub fn body<'a, T: Deserialize<'a>>(response: &'a HttpResponse) -> Result<T, Error> {
    read(&response.body)
}

/// The bytes as `T`; `malformed-response` where they are anything else.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        let mut complaint = error.to_string();
        let mut end = MAX_COMPLAINT.min(complaint.len());
        while !complaint.is_char_boundary(end) {
            end -= 1;
        }
        complaint.truncate(end);
        Error::malformed(complaint)
    })
}

/// For `#[serde(borrow, deserialize_with = "switchyard_sdk::json::name")]`: a symbol, an asset or an id, which an
/// empty text is not.
///
/// # Errors
/// The deserializer's, where it is no text or an empty one.
pub fn name<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'a, str>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let Text(text) = Text::deserialize(deserializer)?;
    if text.is_empty() {
        return Err(D::Error::custom("an empty name"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ErrorKind;

    #[derive(Deserialize)]
    struct Time {
        #[serde(rename = "serverTime")]
        _server_time: u64,
    }

    #[test]
    fn hostile_bytes_are_malformed_and_nothing_worse() {
        let deep = "[".repeat(200_000);
        let wide = format!("{{\"serverTime\":{}}}", "9".repeat(100_000));
        let quoted = format!("{{\"serverTime\":\"{}\"}}", "é".repeat(1_000));
        for bytes in [
            &b""[..],
            b"{",
            b"<html>",
            b"\xff\xfe",
            b"null",
            b"[]",
            b"{\"serverTime\":-1}",
            deep.as_bytes(),
            wide.as_bytes(),
            quoted.as_bytes(),
            b"{\"serverTime\":1}x",
            b"{\"serverTime\":1e400}",
        ] {
            let error = read::<Time>(bytes).err();
            assert!(
                error.is_some_and(|error| error.kind == ErrorKind::MalformedResponse
                    && error.message.len() <= MAX_COMPLAINT)
            );
        }
    }
}
