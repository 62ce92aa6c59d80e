//! API keys and signatures, verified over the bytes as they were sent.

use std::collections::BTreeMap;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use percent_encoding::percent_decode;
use ring::{hmac, signature};

use super::ApiError;
use super::params::takes_body;
use crate::config::{AccountConfig, KeyMaterial};
use crate::engine::AccountId;
use crate::server::RawRequest;
use crate::sim::StartError;

/// Length of an Ed25519 public key.
const ED25519_LENGTH: usize = 32;

#[derive(Debug)]
enum Verifier {
    Hmac(hmac::Key),
    Ed25519(Vec<u8>),
    Rsa(Vec<u8>),
}

impl Verifier {
    fn new(material: &KeyMaterial) -> Result<Self, String> {
        match material {
            KeyMaterial::Hmac(secret) => Ok(Self::Hmac(hmac::Key::new(
                hmac::HMAC_SHA256,
                secret.as_bytes(),
            ))),
            KeyMaterial::Ed25519(key) => {
                let der = decode_key(key)?;
                // The 32 key bytes end the SubjectPublicKeyInfo.
                let start = der
                    .len()
                    .checked_sub(ED25519_LENGTH)
                    .ok_or("Ed25519 public key is too short")?;
                Ok(Self::Ed25519(der.get(start..).unwrap_or_default().to_vec()))
            }
            KeyMaterial::Rsa(key) => {
                let der = decode_key(key)?;
                rsa_public_key(&der)
                    .map(|key| Self::Rsa(key.to_vec()))
                    .ok_or_else(|| "not an RSA public key".into())
            }
        }
    }

    /// `false` also when the signature is not in the form that this kind of key uses.
    fn verify(&self, payload: &[u8], sent: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => HEXLOWER_PERMISSIVE
                .decode(sent)
                .is_ok_and(|tag| hmac::verify(key, payload, &tag).is_ok()),
            Self::Ed25519(key) => verifies(&signature::ED25519, key, payload, sent),
            Self::Rsa(key) => verifies(&signature::RSA_PKCS1_2048_8192_SHA256, key, payload, sent),
        }
    }
}

fn verifies(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    key: &[u8],
    payload: &[u8],
    sent: &[u8],
) -> bool {
    let key = signature::UnparsedPublicKey::new(algorithm, key);
    BASE64
        .decode(sent)
        .is_ok_and(|bytes| key.verify(payload, &bytes).is_ok())
}

/// The keys a venue knows.
#[derive(Debug)]
pub struct Keyring {
    keys: BTreeMap<String, (AccountId, Verifier)>,
}

impl Keyring {
    /// Reads the keys of these accounts, which are numbered from one.
    ///
    /// # Errors
    /// [`StartError::Key`] when a public key cannot be read.
    pub fn new(accounts: &[AccountConfig]) -> Result<Self, StartError> {
        let mut keys = BTreeMap::new();
        for (id, account) in (1..).map(AccountId).zip(accounts) {
            for key in &account.keys {
                let verifier = Verifier::new(&key.material).map_err(|reason| StartError::Key {
                    account: account.name.clone(),
                    reason,
                })?;
                keys.insert(key.key.clone(), (id, verifier));
            }
        }
        Ok(Self { keys })
    }

    /// Whether the header is there and names a key.
    ///
    /// # Errors
    /// `-2014` without a key in form, `-2015` when nobody has it.
    pub fn account(&self, request: &RawRequest) -> Result<AccountId, ApiError> {
        self.find(request).map(|(account, _)| *account)
    }

    /// Verifies the signature of a request and says who sent it.
    ///
    /// # Errors
    /// `-2014`, `-2015`, or `-1022` when the signature is not over what was sent.
    pub fn verify(&self, request: &RawRequest) -> Result<AccountId, ApiError> {
        let (account, verifier) = self.find(request)?;
        let (payload, sent) = signed_payload(request);
        let sent = sent
            .map(|raw| percent_decode(&raw).collect::<Vec<u8>>())
            .unwrap_or_default();
        if verifier.verify(&payload, &sent) {
            Ok(*account)
        } else {
            Err(ApiError::new(
                -1022,
                "Signature for this request is not valid.",
            ))
        }
    }

    fn find(&self, request: &RawRequest) -> Result<&(AccountId, Verifier), ApiError> {
        let key = request.header("x-mbx-apikey").unwrap_or_default();
        let in_form =
            !key.is_empty() && key.len() <= 128 && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !in_form {
            return Err(ApiError::new(-2014, "API-key format invalid.").with_status(401));
        }
        let unknown = || {
            ApiError::new(-2015, "Invalid API-key, IP, or permissions for action.").with_status(401)
        };
        self.keys.get(key).ok_or_else(unknown)
    }
}

/// The query and the body put together without a separator, and the signature taken out of them.
fn signed_payload(request: &RawRequest) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut signature = None;
    let mut payload = without_signature(request.query.as_bytes(), &mut signature);
    if takes_body(request) {
        payload.extend(without_signature(&request.body, &mut signature));
    }
    (payload, signature)
}

fn without_signature(raw: &[u8], signature: &mut Option<Vec<u8>>) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for pair in raw.split(|byte| *byte == b'&') {
        match pair.strip_prefix(b"signature=") {
            Some(value) => *signature = Some(value.to_vec()),
            None => kept.push(pair),
        }
    }
    kept.join(&b'&')
}

fn decode_key(text: &str) -> Result<Vec<u8>, String> {
    let base64: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect();
    BASE64
        .decode(base64.as_bytes())
        .map_err(|error| format!("public key is not base64: {error}"))
}

/// Finds the PKCS#1 key in a SubjectPublicKeyInfo; a bare PKCS#1 key is returned as it is.
fn rsa_public_key(der: &[u8]) -> Option<&[u8]> {
    const INTEGER: u8 = 0x02;
    const BIT_STRING: u8 = 0x03;
    const SEQUENCE: u8 = 0x30;
    let (tag, inner, _) = der_element(der)?;
    if tag != SEQUENCE {
        return None;
    }
    let (first, _, rest) = der_element(inner)?;
    if first == INTEGER {
        return Some(der);
    }
    let (tag, bits, _) = der_element(rest)?;
    // A bit string starts with the count of its unused bits.
    if tag == BIT_STRING {
        bits.get(1..)
    } else {
        None
    }
}

/// Splits DER into a tag, its contents, and what follows.
fn der_element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        (
            bytes
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte)),
            rest,
        )
    };
    let (contents, after) = rest.split_at_checked(length)?;
    Some((tag, contents, after))
}
