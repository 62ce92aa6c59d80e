//! Signs for adapters with secrets that they never see.

use std::sync::RwLock;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use ring::{hmac, signature};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::bindings::switchyard::adapter::signer::{Algorithm, KeyEncoding, SignError};
use crate::bindings::switchyard::adapter::types::KeyType;

/// Signs payloads for one account.
pub trait Signer: Send + Sync {
    /// The raw signature of `payload`.
    ///
    /// # Errors
    /// [`SignError`], which says nothing of the key's content.
    fn sign(
        &self,
        algorithm: Algorithm,
        key_encoding: KeyEncoding,
        payload: &[u8],
    ) -> Result<Vec<u8>, SignError>;
}

/// A configured secret is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither an HMAC secret nor a PEM private key of a kind that venues use.
    #[error("the PEM text holds no PKCS#8 private key of type Ed25519, RSA or ECDSA P-256")]
    UnknownPem,
    /// There is nothing to sign with.
    #[error("the secret is empty")]
    Empty,
}

enum Prepared {
    Hmac(hmac::Key),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
    EcdsaP256(EcdsaKeyPair),
}

/// A secret in memory, zeroed when dropped and never printed, with its keys prepared once.
pub struct SecretKey {
    text: SecretString,
    key_type: KeyType,
    prepared: RwLock<Vec<((Algorithm, KeyEncoding), Prepared)>>,
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretKey")
            .field("key_type", &self.key_type)
            .finish_non_exhaustive()
    }
}

impl SecretKey {
    /// Takes the secret as configured: a PKCS#8 private key in PEM, or else an HMAC secret.
    ///
    /// # Errors
    /// [`KeyError`] where the text cannot be a key.
    pub fn new(text: SecretString) -> Result<Self, KeyError> {
        let key_type = key_type_of(text.expose_secret())?;
        Ok(Self {
            text,
            key_type,
            prepared: RwLock::new(Vec::new()),
        })
    }

    /// What kind of key the text is.
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    fn prepare(&self, algorithm: Algorithm, encoding: KeyEncoding) -> Result<Prepared, SignError> {
        let expected = match algorithm {
            Algorithm::HmacSha256 | Algorithm::HmacSha512 => KeyType::Hmac,
            Algorithm::Ed25519 => KeyType::Ed25519,
            Algorithm::RsaSha256 => KeyType::Rsa,
            Algorithm::EcdsaP256 => KeyType::EcdsaP256,
        };
        if expected != self.key_type {
            return Err(SignError::WrongKeyType);
        }
        let bytes = self.key_bytes(encoding)?;
        let malformed = |_| SignError::MalformedKey;
        Ok(match algorithm {
            Algorithm::HmacSha256 => Prepared::Hmac(hmac::Key::new(hmac::HMAC_SHA256, &bytes)),
            Algorithm::HmacSha512 => Prepared::Hmac(hmac::Key::new(hmac::HMAC_SHA512, &bytes)),
            Algorithm::Ed25519 => Prepared::Ed25519(
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes).map_err(malformed)?,
            ),
            Algorithm::RsaSha256 => {
                Prepared::Rsa(Box::new(RsaKeyPair::from_pkcs8(&bytes).map_err(malformed)?))
            }
            Algorithm::EcdsaP256 => Prepared::EcdsaP256(
                EcdsaKeyPair::from_pkcs8(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    &bytes,
                    &SystemRandom::new(),
                )
                .map_err(malformed)?,
            ),
        })
    }

    fn key_bytes(&self, encoding: KeyEncoding) -> Result<Zeroizing<Vec<u8>>, SignError> {
        let text = self.text.expose_secret();
        match encoding {
            KeyEncoding::Utf8 => Ok(Zeroizing::new(text.as_bytes().to_vec())),
            KeyEncoding::Base64 => BASE64
                .decode(text.trim().as_bytes())
                .map(Zeroizing::new)
                .map_err(|_| SignError::MalformedKey),
            KeyEncoding::Hex => HEXLOWER_PERMISSIVE
                .decode(text.trim().as_bytes())
                .map(Zeroizing::new)
                .map_err(|_| SignError::MalformedKey),
            KeyEncoding::Pem => pkcs8_of(text).ok_or(SignError::MalformedKey),
        }
    }
}

impl Signer for SecretKey {
    fn sign(
        &self,
        algorithm: Algorithm,
        key_encoding: KeyEncoding,
        payload: &[u8],
    ) -> Result<Vec<u8>, SignError> {
        let wanted = (algorithm, key_encoding);
        {
            let prepared = self
                .prepared
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some((_, key)) = prepared.iter().find(|(kind, _)| *kind == wanted) {
                return key.sign(payload);
            }
        }
        let key = self.prepare(algorithm, key_encoding)?;
        let signature = key.sign(payload);
        self.prepared
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push((wanted, key));
        signature
    }
}

impl Prepared {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Hmac(key) => Ok(hmac::sign(key, payload).as_ref().to_vec()),
            Self::Ed25519(key) => Ok(key.sign(payload).as_ref().to_vec()),
            Self::Rsa(key) => {
                let mut out = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), payload, &mut out)
                    .map_err(|_| SignError::MalformedKey)?;
                Ok(out)
            }
            Self::EcdsaP256(key) => key
                .sign(&SystemRandom::new(), payload)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SignError::MalformedKey),
        }
    }
}

fn key_type_of(text: &str) -> Result<KeyType, KeyError> {
    if text.trim().is_empty() {
        return Err(KeyError::Empty);
    }
    if !text.trim_start().starts_with("-----BEGIN") {
        return Ok(KeyType::Hmac);
    }
    let pkcs8 = pkcs8_of(text).ok_or(KeyError::UnknownPem)?;
    if Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).is_ok() {
        Ok(KeyType::Ed25519)
    } else if RsaKeyPair::from_pkcs8(&pkcs8).is_ok() {
        Ok(KeyType::Rsa)
    } else if EcdsaKeyPair::from_pkcs8(
        &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        &pkcs8,
        &SystemRandom::new(),
    )
    .is_ok_and(|key| !key.public_key().as_ref().is_empty())
    {
        Ok(KeyType::EcdsaP256)
    } else {
        Err(KeyError::UnknownPem)
    }
}

fn pkcs8_of(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).ok()?;
    Some(Zeroizing::new(der.secret_pkcs8_der().to_vec()))
}
