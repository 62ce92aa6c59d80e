//! Takes what must not be kept out of texts: the API key and signatures, in every spelling in use.

use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use serde_json::Value;

use super::API_KEY;

/// Stands for a signature.
const SIGNATURE: &str = "[signature]";

/// What is replaced, and by what.
pub(super) struct Redaction(Vec<(String, &'static str)>);

impl Redaction {
    pub(super) fn new<'a>(
        api_key: Option<&str>,
        signatures: impl Iterator<Item = &'a [u8]>,
    ) -> Self {
        let mut replaced = Vec::new();
        for signature in signatures.filter(|signature| !signature.is_empty()) {
            let base64 = BASE64.encode(signature);
            for spelling in [
                HEXLOWER.encode(signature),
                HEXUPPER.encode(signature),
                percent_encoded(&base64),
                base64,
                BASE64URL.encode(signature),
                BASE64URL_NOPAD.encode(signature),
            ] {
                replaced.push((spelling, SIGNATURE));
            }
        }
        if let Some(api_key) = api_key.filter(|key| !key.is_empty()) {
            replaced.push((api_key.to_owned(), API_KEY));
        }
        Self(replaced)
    }

    /// Replaces nothing.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    pub(super) fn text(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for (secret, placeholder) in &self.0 {
            if clean.contains(secret) {
                clean = clean.replace(secret, placeholder);
            }
        }
        clean
    }

    pub(super) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text).into_bytes(),
            // One byte that is no text hides no secret beside it.
            Err(_) => self
                .0
                .iter()
                .fold(bytes.to_vec(), |clean, (secret, placeholder)| {
                    replaced(&clean, secret.as_bytes(), placeholder.as_bytes())
                }),
        }
    }

    pub(super) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(values) => values.into_iter().map(|value| self.value(value)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| (name, self.value(value)))
                .collect(),
            other => other,
        }
    }
}

/// `secret` has at least one byte.
fn replaced(bytes: &[u8], secret: &[u8], placeholder: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        if let Some(after) = rest.strip_prefix(secret) {
            clean.extend_from_slice(placeholder);
            rest = after;
        } else {
            clean.push(*first);
            rest = &rest[1..];
        }
    }
    clean
}

/// Base64 as a query carries it.
fn percent_encoded(base64: &str) -> String {
    base64
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_out_of_bytes_that_are_no_text() {
        let redaction = Redaction::new(Some("key-1"), std::iter::empty());
        let clean = redaction.bytes(b"\xffkey-1, key-2, key-1");
        assert_eq!(clean, b"\xff[api-key], key-2, [api-key]");
        assert_eq!(
            redaction.bytes("é key-1".as_bytes()),
            "é [api-key]".as_bytes()
        );
    }
}
