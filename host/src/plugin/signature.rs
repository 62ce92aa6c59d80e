//! Detached signatures of components, as `minisign` makes them.
//!
//! `minisign -Sm NAME.wasm` writes `NAME.wasm.minisig` beside it. Only prehashed signatures are taken,
//! which every version since 0.10 makes.

use std::fmt;

use minisign_verify::{Error, PublicKey, Signature};
use serde::{Deserialize, Serialize, Serializer};

/// Extension added to a component's file name for its signature.
pub const SIGNATURE_EXTENSION: &str = "minisig";

/// Longest signature file, in bytes; a real one has some 300.
pub const MAX_SIGNATURE_BYTES: usize = 4 * 1024;

/// Public keys whose signatures count. None means that signatures are not asked for.
#[derive(Clone, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct TrustedKeys(Vec<(String, PublicKey)>);

impl Serialize for TrustedKeys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(text, _)| text))
    }
}

/// Who signed a component, for the log and the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    /// The public key, as configured.
    pub key: String,
    /// What the signer added, which the signature covers.
    pub comment: String,
}

/// A text that is no minisign public key.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a minisign public key, which has 56 characters of base64 and begins with RW")]
pub struct KeyMalformed(String);

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is none.
    #[error(
        "it is not signed, and plugins.trusted_keys asks for a signature: put NAME.wasm.minisig beside it"
    )]
    Missing,
    /// The text is no minisign signature.
    #[error("its signature is not one that minisign makes")]
    Malformed,
    /// Made by a key that is not trusted.
    #[error("it is signed by a key that is not among plugins.trusted_keys")]
    UntrustedKey,
    /// Made by an old version, over the file instead of its hash.
    #[error("its signature is of the legacy form; sign it again with `minisign -H`")]
    Legacy,
    /// The signature is not one of these bytes, or its comment was changed.
    #[error("its signature does not match: the file or its signature was changed")]
    Mismatch,
}

impl fmt::Debug for TrustedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(text, _)| text))
            .finish()
    }
}

/// Reads keys as `minisign.pub` has them on its second line.
impl TryFrom<Vec<String>> for TrustedKeys {
    type Error = KeyMalformed;

    fn try_from(texts: Vec<String>) -> Result<Self, KeyMalformed> {
        let keys = texts
            .into_iter()
            .map(|text| match PublicKey::from_base64(&text) {
                Ok(key) => Ok((text, key)),
                Err(_) => Err(KeyMalformed(text)),
            });
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }
}

impl TrustedKeys {
    /// Whether components must be signed.
    pub fn are_asked_for(&self) -> bool {
        !self.0.is_empty()
    }
}

/// Whether a component is signed by a trusted key. `signature` is the text of its `.minisig` file.
///
/// # Errors
/// [`SignatureError`]. Without trusted keys nothing is trusted: ask [`TrustedKeys::are_asked_for`] first.
pub fn verify(
    keys: &TrustedKeys,
    bytes: &[u8],
    signature: Option<&str>,
) -> Result<SignedBy, SignatureError> {
    let text = signature.ok_or(SignatureError::Missing)?;
    let signature = Signature::decode(text).map_err(|_| SignatureError::Malformed)?;
    let mut problem = SignatureError::UntrustedKey;
    for (name, key) in &keys.0 {
        match key.verify(bytes, &signature, false) {
            Ok(()) => {
                return Ok(SignedBy {
                    key: name.clone(),
                    comment: signature.trusted_comment().to_owned(),
                });
            }
            Err(Error::UnexpectedKeyId) => {}
            Err(Error::UnexpectedAlgorithm) => problem = SignatureError::Legacy,
            Err(_) => problem = SignatureError::Mismatch,
        }
    }
    Err(problem)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use minisign::KeyPair;

    use super::*;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    // The example of minisign's own documentation (https://jedisct1.github.io/minisign/), made by the C program.
    const DOCUMENTED_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const DOCUMENTED_SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==";

    struct Signer(KeyPair);

    impl Signer {
        fn new() -> Self {
            Self(KeyPair::generate_unencrypted_keypair().unwrap())
        }

        fn key(&self) -> String {
            self.0.pk.to_base64()
        }

        fn sign(&self, bytes: &[u8]) -> String {
            let comment = Some("adapter 1.2.3");
            minisign::sign(None, &self.0.sk, Cursor::new(bytes), comment, None)
                .unwrap()
                .into_string()
        }
    }

    fn trusted(keys: &[String]) -> TrustedKeys {
        keys.to_vec().try_into().unwrap()
    }

    #[test]
    fn a_component_that_any_trusted_key_signed_is_taken_and_its_signer_named() {
        let (first, second) = (Signer::new(), Signer::new());
        let keys = trusted(&[first.key(), second.key()]);
        for signer in [&first, &second] {
            let signature = signer.sign(COMPONENT);
            let signed_by = verify(&keys, COMPONENT, Some(&signature)).unwrap();
            assert_eq!(signed_by.key, signer.key());
            assert_eq!(signed_by.comment, "adapter 1.2.3");
        }
    }

    #[test]
    fn what_the_original_program_signed_is_taken() {
        let keys = trusted(&[DOCUMENTED_KEY.to_owned()]);
        let signed_by = verify(&keys, b"test", Some(DOCUMENTED_SIGNATURE)).unwrap();
        assert_eq!(
            signed_by.comment,
            "timestamp:1633700835\tfile:test\tprehashed"
        );
        assert_eq!(
            verify(&keys, b"Test", Some(DOCUMENTED_SIGNATURE)),
            Err(SignatureError::Mismatch)
        );
    }

    #[test]
    fn an_unsigned_a_foreign_and_a_changed_component_are_refused_each_with_its_reason() {
        let (signer, stranger) = (Signer::new(), Signer::new());
        let keys = trusted(&[signer.key()]);
        let good = signer.sign(COMPONENT);
        let refused =
            |bytes: &[u8], signature: Option<&str>| verify(&keys, bytes, signature).unwrap_err();
        assert_eq!(refused(COMPONENT, None), SignatureError::Missing);
        assert_eq!(
            refused(COMPONENT, Some(&stranger.sign(COMPONENT))),
            SignatureError::UntrustedKey
        );
        assert_eq!(
            refused(b"something else", Some(&good)),
            SignatureError::Mismatch
        );
        assert_eq!(
            refused(COMPONENT, Some(&good.replace("1.2.3", "1.2.4"))),
            SignatureError::Mismatch,
            "the comment is signed too"
        );
        assert_eq!(
            verify(&TrustedKeys::default(), COMPONENT, Some(&good)),
            Err(SignatureError::UntrustedKey),
            "no key trusts nothing"
        );
    }

    #[test]
    fn a_signature_over_the_file_itself_is_refused_as_legacy() {
        let signer = Signer::new();
        // The same signature, marked as one that was not made over a hash ("Ed" for "ED").
        let modern = signer.sign(COMPONENT);
        let legacy = modern.replacen("\nRU", "\nRW", 1);
        assert_ne!(legacy, modern);
        assert_eq!(
            verify(&trusted(&[signer.key()]), COMPONENT, Some(&legacy)),
            Err(SignatureError::Legacy)
        );
    }

    #[test]
    fn no_cut_or_garbled_signature_is_taken_or_does_harm() {
        let signer = Signer::new();
        let keys = trusted(&[signer.key()]);
        let good = signer.sign(COMPONENT);
        let whole = good.trim_end().len();
        for end in 0..whole {
            assert!(verify(&keys, COMPONENT, good.get(..end)).is_err(), "{end}");
        }
        // The first line is the only part that nothing covers.
        let first_line = good.find('\n').unwrap();
        for at in first_line..whole {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(garbled) = String::from_utf8(bytes) else {
                continue;
            };
            assert!(verify(&keys, COMPONENT, Some(&garbled)).is_err(), "{at}");
        }
    }
}
