//! Test doubles for the host: real signatures, a catalogue that is a list, and a log that can be read.

use std::cell::RefCell;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use ring::rand::SystemRandom;
use ring::{hmac, signature};

use crate::context::Host;
use crate::log::Level;
use crate::signer::{Algorithm, KeyEncoding, SignError};
use crate::types::{
    Account, Context, Header, HttpResponse, Instrument, KeyType, Payoff, Product, QuantityUnit,
};

/// A host for native tests and benchmarks.
#[derive(Debug, Default)]
pub struct TestHost {
    /// The configured secret, in whatever encoding the adapter declares.
    pub secret: Option<String>,
    /// What the catalogue knows.
    pub instruments: Vec<Instrument>,
    /// What was logged.
    pub lines: RefCell<Vec<(Level, String)>>,
}

impl TestHost {
    /// A host that signs with `secret`.
    pub fn with_secret(secret: &str) -> Self {
        Self {
            secret: Some(secret.to_owned()),
            ..Self::default()
        }
    }

    /// The same host with another instrument in its catalogue.
    #[must_use]
    pub fn knowing(mut self, instrument: Instrument) -> Self {
        self.instruments.push(instrument);
        self
    }
}

impl Host for TestHost {
    fn sign(
        &self,
        algorithm: Algorithm,
        encoding: KeyEncoding,
        payload: &[u8],
    ) -> Result<Vec<u8>, SignError> {
        let text = self.secret.as_deref().ok_or(SignError::NoCredentials)?;
        let key = key_bytes(text, encoding).ok_or(SignError::MalformedKey)?;
        let mac = |algorithm| {
            let key = hmac::Key::new(algorithm, &key);
            Ok(hmac::sign(&key, payload).as_ref().to_vec())
        };
        match algorithm {
            Algorithm::HmacSha256 => mac(hmac::HMAC_SHA256),
            Algorithm::HmacSha512 => mac(hmac::HMAC_SHA512),
            Algorithm::Ed25519 => {
                let pair = signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(&key)
                    .map_err(|_| SignError::WrongKeyType)?;
                Ok(pair.sign(payload).as_ref().to_vec())
            }
            Algorithm::RsaSha256 => {
                let pair =
                    signature::RsaKeyPair::from_pkcs8(&key).map_err(|_| SignError::WrongKeyType)?;
                let mut out = vec![0; pair.public().modulus_len()];
                pair.sign(
                    &signature::RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    payload,
                    &mut out,
                )
                .map_err(|_| SignError::WrongKeyType)?;
                Ok(out)
            }
            Algorithm::EcdsaP256 => {
                let random = SystemRandom::new();
                let pair = signature::EcdsaKeyPair::from_pkcs8(
                    &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                    &key,
                    &random,
                )
                .map_err(|_| SignError::WrongKeyType)?;
                let signed = pair
                    .sign(&random, payload)
                    .map_err(|_| SignError::WrongKeyType)?;
                Ok(signed.as_ref().to_vec())
            }
        }
    }

    fn find(&self, endpoint: &str, venue_symbol: &str) -> Option<Instrument> {
        self.instruments
            .iter()
            .find(|instrument| {
                instrument.endpoint == endpoint && instrument.venue_symbol == venue_symbol
            })
            .cloned()
    }

    fn log(&self, level: Level, message: &str) {
        self.lines.borrow_mut().push((level, message.to_owned()));
    }
}

/// The key bytes of a configured secret.
fn key_bytes(text: &str, encoding: KeyEncoding) -> Option<Vec<u8>> {
    match encoding {
        KeyEncoding::Utf8 => Some(text.as_bytes().to_vec()),
        KeyEncoding::Base64 => BASE64.decode(text.as_bytes()).ok(),
        KeyEncoding::Hex => HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok(),
        KeyEncoding::Pem => {
            let body: String = text
                .lines()
                .skip_while(|line| !line.starts_with("-----BEGIN"))
                .skip(1)
                .take_while(|line| !line.starts_with("-----END"))
                .map(str::trim)
                .collect();
            BASE64.decode(body.as_bytes()).ok()
        }
    }
}

/// A context at `now` on `endpoint`, with a window of 5 s, no account and no instrument.
pub fn context(endpoint: &str, now: u64) -> Context {
    Context {
        now,
        nonce: now,
        window_ms: 5_000,
        endpoint: endpoint.to_owned(),
        account: None,
        instrument: None,
    }
}

/// An account with this public key.
pub fn account(api_key: &str, key_type: KeyType) -> Account {
    Account {
        api_key: api_key.to_owned(),
        key_type,
    }
}

/// A spot instrument.
pub fn spot(endpoint: &str, venue_symbol: &str, base: &str, quote: &str) -> Instrument {
    Instrument {
        symbol: format!("{base}/{quote}"),
        venue_symbol: venue_symbol.to_owned(),
        endpoint: endpoint.to_owned(),
        product: Product::Spot,
        payoff: Payoff::Delivery,
        base: base.to_owned(),
        quote: quote.to_owned(),
        settle: quote.to_owned(),
        quantity_unit: QuantityUnit::Base,
        contract_size: "1".to_owned(),
        expiry: None,
        hints: Vec::new(),
    }
}

/// An answer with this status and body.
pub fn response(status: u16, body: impl Into<Vec<u8>>) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![],
        body: body.into(),
    }
}

/// The same answer with another header.
#[must_use]
pub fn with_header(mut response: HttpResponse, name: &str, value: &str) -> HttpResponse {
    let header: Header = (name.to_owned(), value.to_owned());
    response.headers.push(header);
    response
}
