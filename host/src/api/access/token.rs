//! JSON Web Tokens in place of a key (RFC 7519). Each key is for one algorithm only, and the configuration says which:
//! what a token says of itself chooses the key, and never how it is used (RFC 8725, section 3.1).

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use ring::error::Unspecified;
use ring::hmac;
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::Value;

use super::audit::{Denial, Reason, Who};
use crate::api::problem::Problem;
use crate::config::{JwtAlgorithm, JwtConfig, JwtKeyConfig};
use crate::model::{Role, Timestamp};
use crate::secrets::{SecretError, Snapshot};

/// Longest subject, in characters: it is a name in logs and in the journal.
const MAX_SUBJECT: usize = 128;

/// Why a token whose signature is right is refused.
type Unfit = (Reason, &'static str);

/// A key of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("configuration: auth.jwt.keys[{index}].key: {source}")]
    Unreadable {
        /// Place in the list.
        index: usize,
        /// Why.
        source: SecretError,
    },
    /// It is no key of its algorithm.
    #[error("configuration: auth.jwt.keys[{index}].key: {problem}")]
    Unusable {
        /// Place in the list.
        index: usize,
        /// Why.
        problem: String,
    },
}

/// Checks tokens of one issuer.
pub(super) struct Tokens {
    issuer: String,
    audience: String,
    leeway_seconds: i64,
    keys: Vec<TokenKey>,
}

struct TokenKey {
    id: String,
    algorithm: JwtAlgorithm,
    check: Check,
}

/// What signatures are checked with.
enum Check {
    Hmac(hmac::Key),
    Rsa(UnparsedPublicKey<Vec<u8>>),
    Ed25519(UnparsedPublicKey<Vec<u8>>),
}

/// What a token says of how it is signed (RFC 7515, section 4.1).
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// For whom, from whom, and for how long a token is (RFC 7519, section 4.1).
#[derive(Debug, Deserialize)]
struct Frame {
    iss: String,
    aud: Audience,
    exp: f64,
    nbf: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// What a token says of whom it was issued to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Claims {
    /// Who.
    pub(super) sub: String,
    /// Whose orders it sees.
    pub(super) tenant: String,
    /// What it may do.
    pub(super) role: Role,
    /// The venues that it may reach; all where absent.
    #[serde(default)]
    pub(super) venues: Option<BTreeSet<String>>,
}

impl Tokens {
    pub(super) fn new(config: &JwtConfig, secrets: &Snapshot) -> Result<Self, TokenError> {
        let keys = config.keys.iter().enumerate();
        let keys = keys.map(|(index, key)| TokenKey::of(index, key, secrets));
        Ok(Self {
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            leeway_seconds: i64::try_from(config.leeway_seconds).unwrap_or(i64::MAX),
            keys: keys.collect::<Result<_, _>>()?,
        })
    }

    /// Whom a token was issued to. Nothing of it is looked at but its header before its signature is known to be right.
    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Denial> {
        let bad =
            |detail: &str| Denial::of(Reason::BadToken, Problem::unauthenticated(detail), None);
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            return Err(bad("the token is malformed"));
        };
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let read: Option<Header> =
            decode(header).and_then(|header| serde_json::from_slice(&header).ok());
        let (Some(read), Some(signature)) = (read, decode(signature)) else {
            return Err(bad("the token is malformed"));
        };
        let key = match &read.kid {
            Some(id) => self.keys.iter().find(|key| key.id == *id),
            None => self.keys.first().filter(|_| self.keys.len() == 1),
        };
        let detail = "the token is not signed with a key that is accepted";
        if key.is_none() && read.kid.is_some() {
            // No guess: there is nothing that such a signature is checked with, however often it is tried.
            let problem = Problem::unauthenticated(detail);
            return Err(Denial::of(Reason::UnknownKid, problem, None));
        }
        let key = key.filter(|key| key.algorithm.name() == read.alg);
        let key = key.ok_or_else(|| bad(detail))?;
        let message = token.rsplit_once('.').map_or("", |(message, _)| message);
        key.check
            .verify(message.as_bytes(), &signature)
            .map_err(|Unspecified| bad("the token's signature is wrong"))?;
        let claims = decode(claims).ok_or_else(|| bad("the token is malformed"))?;
        let fit = self.read(&read, &claims, now);
        fit.map_err(|(reason, detail)| {
            // From here on it is the issuer's word, also where it is not enough.
            let said: Value = serde_json::from_slice(&claims).unwrap_or_default();
            let who = named_by(said["sub"].as_str(), said["tenant"].as_str());
            Denial::of_known(reason, Problem::unauthenticated(detail), who)
        })
    }

    /// What a token whose signature is right says, if it is for us and for now.
    fn read(&self, header: &Header, claims: &[u8], now: Timestamp) -> Result<Claims, Unfit> {
        if header.crit.is_some() {
            // RFC 7515, section 4.1.11: none of them is understood here.
            return Err((Reason::UnfitToken, "the token has critical extensions"));
        }
        self.check_frame(claims, now)?;
        let claims: Claims = serde_json::from_slice(claims).map_err(|_| {
            let detail = "the token's claims must have sub, tenant and role, and may have venues";
            (Reason::UnfitToken, detail)
        })?;
        if !is_name(&claims.sub) {
            let detail = "the token's sub must be 1 to 128 visible ASCII characters";
            return Err((Reason::UnfitToken, detail));
        }
        Ok(claims)
    }

    /// That a token whose signature is right is from our issuer, for us, and for now.
    fn check_frame(&self, claims: &[u8], now: Timestamp) -> Result<(), Unfit> {
        let unfit = |detail| Err((Reason::UnfitToken, detail));
        let Ok(frame) = serde_json::from_slice::<Frame>(claims) else {
            return unfit("the token lacks iss, aud or exp, or one of them is of another form");
        };
        if frame.iss != self.issuer {
            return unfit("the token's issuer is another");
        }
        let is_for_us = match &frame.aud {
            Audience::One(audience) => *audience == self.audience,
            Audience::Many(audiences) => audiences.contains(&self.audience),
        };
        if !is_for_us {
            return unfit("the token is for another audience");
        }
        // Whole seconds since 1970 fit a float exactly for longer than anything lasts.
        let now = (now.as_millis() / 1_000) as f64;
        let leeway = self.leeway_seconds as f64;
        if frame.exp + leeway <= now {
            return Err((Reason::Expired, "the token has expired"));
        }
        if frame.nbf.is_some_and(|from| from - leeway > now) {
            return unfit("the token is not valid yet");
        }
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain && (1..=MAX_SUBJECT).contains(&text.len())
}

/// Whom a token of the issuer names, as far as that can stand in the log.
pub(super) fn named_by(sub: Option<&str>, tenant: Option<&str>) -> Who {
    let name = |text: Option<&str>| text.filter(|text| is_name(text)).map(str::to_owned);
    Who {
        key_id: name(sub).map(|sub| format!("jwt:{sub}")),
        tenant: name(tenant),
    }
}

impl Check {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Unspecified> {
        match self {
            Self::Hmac(key) => hmac::verify(key, message, signature),
            Self::Rsa(key) | Self::Ed25519(key) => key.verify(message, signature),
        }
    }
}

impl TokenKey {
    fn of(index: usize, config: &JwtKeyConfig, secrets: &Snapshot) -> Result<Self, TokenError> {
        let secret = secrets.get(&config.key);
        let secret = secret.map_err(|source| TokenError::Unreadable { index, source })?;
        let text = secret.expose_secret();
        let unusable = |problem: &str| TokenError::Unusable {
            index,
            problem: problem.to_owned(),
        };
        if text.contains("PRIVATE KEY-----") {
            return Err(unusable(
                "is a private key; the gateway needs the public one only",
            ));
        }
        let public = || {
            let der = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes());
            let key = der.ok().and_then(|der| public_key(&der, config.algorithm));
            key.ok_or_else(|| unusable("must be a public key of its algorithm, in PEM"))
        };
        let check = match config.algorithm {
            JwtAlgorithm::Hs256 => {
                if let Some(problem) = JwtKeyConfig::problem_of_secret(text.len()) {
                    return Err(unusable(&problem));
                }
                if text.contains("-----BEGIN") {
                    return Err(unusable("is a PEM file, and no secret of HS256"));
                }
                Check::Hmac(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()))
            }
            JwtAlgorithm::Rs256 => Check::Rsa(UnparsedPublicKey::new(
                &RSA_PKCS1_2048_8192_SHA256,
                public()?,
            )),
            JwtAlgorithm::EdDsa => Check::Ed25519(UnparsedPublicKey::new(&ED25519, public()?)),
        };
        Ok(Self {
            id: config.id.clone(),
            algorithm: config.algorithm,
            check,
        })
    }
}

/// What a SubjectPublicKeyInfo of an algorithm begins with behind its outer header: the AlgorithmIdentifier of
/// rsaEncryption (RFC 8017, appendix A.1) and of Ed25519 (RFC 8410, section 3).
const RSA_ENCRYPTION: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
const ED25519_ALGORITHM: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";

/// The key within a SubjectPublicKeyInfo, if it is one of the algorithm.
fn public_key(info: &[u8], algorithm: JwtAlgorithm) -> Option<Vec<u8>> {
    let (info, rest) = der(info, 0x30)?;
    let begins = match algorithm {
        JwtAlgorithm::Rs256 => RSA_ENCRYPTION,
        JwtAlgorithm::EdDsa => ED25519_ALGORITHM,
        JwtAlgorithm::Hs256 => return None,
    };
    let (bits, end) = der(info.strip_prefix(begins)?, 0x03)?;
    let key = bits.strip_prefix(&[0])?; // no bit of the last byte is unused
    (rest.is_empty() && end.is_empty()).then(|| key.to_vec())
}

/// The content of a DER value of a tag, and what comes behind it (X.690, section 8.1).
fn der(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match length {
        length if length < 0x80 => (usize::from(length), rest),
        0x81 | 0x82 => {
            let (length, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let length = length
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests;
