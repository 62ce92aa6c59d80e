//! The keys that are accepted: those of the configuration, and those made while the gateway runs, which its journal
//! keeps. Only hashes are held.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use subtle::ConstantTimeEq;

use super::Principal;
use super::audit::{Denial, Reason, Who};
use super::token::{TokenError, Tokens, named_by};
use crate::api::problem::Problem;
use crate::config::{AuthConfig, AuthMode, JwtConfig, KeyConfig, OPEN_TENANT, QuotaConfig};
use crate::model::{AccessEvent, KeyBook, Role, Timestamp, VenueScope};
use crate::secrets::{Derived, Secrets, Snapshot};
use crate::store::{Journal, StoreError};

/// A SHA-256.
pub(super) type Hash = [u8; SHA256_OUTPUT_LEN];

/// A key of the configuration, or a way to check tokens, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Not a SHA-256.
    #[error(
        "configuration: auth.keys[{index}].hash (key {id:?}) must be a SHA-256 in 64 hexadecimal digits, with or without \"sha256:\" before it"
    )]
    Hash {
        /// Place in the list.
        index: usize,
        /// The key's id.
        id: String,
    },
    /// Two keys with one id.
    #[error("configuration: auth.keys: two keys have the id {0:?}")]
    DuplicateId(String),
    /// A key that tokens are checked with.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// A key that may be shown.
#[derive(Debug, Clone)]
struct Known {
    hash: Hash,
    /// Until when.
    until: Option<Timestamp>,
    principal: Principal,
}

/// What was made while gateways ran on this journal.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) book: KeyBook,
    /// All that were ever made, so that a program that goes on with an old one is told from one that guesses.
    keys: HashMap<Hash, Known>,
}

impl Made {
    fn of(book: KeyBook, quota: QuotaConfig) -> Self {
        let mut keys = HashMap::new();
        for (id, key) in &book.keys {
            let principal = Principal {
                key_id: id.clone(),
                tenant: key.tenant.clone(),
                role: key.role,
                venues: key.venues.clone(),
                quota: Some(quota),
            };
            let previous = key.previous.iter();
            let previous = previous.map(|(hash, until)| (hash, Some(*until)));
            for (hash, replaced) in previous.chain([(&key.hash, None)]) {
                let ends = [replaced, key.expires_at].into_iter().flatten().min();
                keys.extend(parse_hash(hash).map(|hash| {
                    let known = Known {
                        hash,
                        until: ends,
                        principal: principal.clone(),
                    };
                    (hash, known)
                }));
            }
        }
        Self { book, keys }
    }
}

/// The keys that are accepted, as hashes.
pub struct Keyring {
    pub(super) config: AuthConfig,
    configured: Vec<Known>,
    tokens: Option<Derived<Tokens, TokenError>>,
    made: RwLock<Arc<Made>>,
    /// Held while a key is made, replaced or revoked: the journal and the keyring are told in one order.
    pub(super) changing: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("mode", &self.config.mode)
            .field("configured", &self.configured.len())
            .finish_non_exhaustive()
    }
}

/// What a caller shows as `Authorization: Bearer`.
pub(super) fn shown(headers: &HeaderMap) -> Result<&str, Denial> {
    let denied = |detail: &str| Denial::of(Reason::NoKey, Problem::unauthenticated(detail), None);
    let header = headers
        .get(AUTHORIZATION)
        .ok_or_else(|| denied("send an API key as \"Authorization: Bearer KEY\""))?;
    header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim())
        .ok_or_else(|| denied("the Authorization header must be \"Bearer KEY\""))
}

/// What tokens are checked with, as its keys are rotated.
fn tokens_of(
    config: &JwtConfig,
    secrets: &Secrets,
) -> Result<Derived<Tokens, TokenError>, TokenError> {
    let places = config.keys.iter().map(|key| key.key.clone()).collect();
    let config = config.clone();
    let make = move |secrets: &Snapshot, _: Option<&Tokens>| Tokens::new(&config, secrets);
    Derived::new(secrets, "auth.jwt.keys".to_owned(), places, make)
}

impl Keyring {
    /// The keyring of a configuration, without what a journal knows.
    ///
    /// # Errors
    /// [`KeyringError`], naming the key.
    pub fn new(config: &AuthConfig, secrets: &Secrets) -> Result<Self, KeyringError> {
        let mut configured: Vec<Known> = Vec::new();
        for (index, key) in config.keys.iter().enumerate() {
            let mut others = configured.iter();
            if others.any(|other| other.principal.key_id == key.id) {
                return Err(KeyringError::DuplicateId(key.id.clone()));
            }
            let hash = parse_hash(&key.hash).ok_or_else(|| KeyringError::Hash {
                index,
                id: key.id.clone(),
            })?;
            configured.push(Known {
                hash,
                until: None,
                principal: configured_principal(key, config.quota),
            });
        }
        Ok(Self {
            configured,
            tokens: config
                .jwt
                .as_ref()
                .map(|jwt| tokens_of(jwt, secrets))
                .transpose()?,
            config: config.clone(),
            made: RwLock::default(),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// Takes in the keys that the journal knows. To be called before anything is served, and once more when what
    /// another gateway wrote until then is to be heeded. A revocation that could not be recorded stays in force.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known what was revoked.
    pub async fn restore(&self, journal: &Journal) -> Result<(), StoreError> {
        let _one_at_a_time = self.changing.lock().await;
        let mut book = KeyBook::of(journal.access().await?);
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        book.revoke_as_in(&made.book);
        if book == made.book {
            return Ok(());
        }
        let mut configured = self.configured.iter().map(|key| &key.principal.key_id);
        for id in configured.by_ref().filter(|id| book.keys.contains_key(*id)) {
            tracing::warn!(
                id,
                "a key of the configuration has the name of one that was made; both are accepted"
            );
        }
        self.warn_of_tenants(&book, &made.book);
        *made = Arc::new(Made::of(book, self.config.quota));
        Ok(())
    }

    /// Tells of keys that were not there before, and that nobody can use.
    fn warn_of_tenants(&self, book: &KeyBook, before: &KeyBook) {
        if self.config.mode == AuthMode::Open {
            return; // no key is asked for
        }
        for (id, key) in &book.keys {
            let is_new = key.revoked_at.is_none() && !before.keys.contains_key(id);
            if is_new && !self.config.has_tenant(&key.tenant) {
                tracing::warn!(
                    id,
                    of = key.tenant,
                    "a key that was made is refused: the configuration does not know its tenant any more"
                );
            }
        }
    }

    pub(super) fn made(&self) -> Arc<Made> {
        let made = self.made.read();
        made.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes in what was just journaled, or is to hold before it is.
    pub(super) fn apply(&self, event: AccessEvent) {
        // Locked from reading to writing: of two that are taken in at one time, neither is lost.
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        let mut book = made.book.clone();
        book.apply(event);
        *made = Arc::new(Made::of(book, self.config.quota));
    }

    /// Names and hashes of the keys of the configuration.
    pub(super) fn configured(&self) -> impl Iterator<Item = (&Principal, String)> {
        let keys = self.configured.iter();
        keys.map(|key| (&key.principal, HEXLOWER.encode(&key.hash)))
    }

    /// Everyone, where no keys are asked for.
    pub(super) fn recognise_open(&self) -> Option<Principal> {
        let open = || OPEN_TENANT.to_owned();
        (self.config.mode == AuthMode::Open).then(|| Principal {
            key_id: open(),
            tenant: open(),
            role: Role::Operator,
            venues: VenueScope::default(),
            quota: None,
        })
    }

    /// Whose a key or token is, by what is shown and the hash of it.
    pub(super) fn recognise(
        &self,
        key: &str,
        hash: &Hash,
        now: Timestamp,
    ) -> Result<Principal, Denial> {
        let is_it = |known: &&Known| bool::from(known.hash.as_slice().ct_eq(hash.as_slice()));
        let made = self.made();
        // Those of the configuration, which people may have chosen badly, are all compared, in constant time, so that
        // timing tells nothing about any of them. Those that were made are too many for that, and need it less: what is
        // looked up is a hash that nobody can bend towards that of 32 random bytes.
        let mut configured: Option<&Known> = None;
        for known in &self.configured {
            if is_it(&known) {
                configured = Some(known);
            }
        }
        let Some(known) = made.keys.get(hash).filter(is_it).or(configured) else {
            return self.recognise_token(key, now);
        };
        let who = &known.principal;
        let denied = |reason, detail: &str| {
            let problem = Problem::unauthenticated(detail);
            Err(Denial::of_known(reason, problem, Who::from(who)))
        };
        if made
            .book
            .revoked
            .contains_key(&HEXLOWER.encode(&known.hash))
        {
            return denied(Reason::RevokedKey, "the API key was revoked");
        }
        if known.until.is_some_and(|until| until <= now) {
            return denied(Reason::Expired, "the API key has expired");
        }
        if !self.config.has_tenant(&who.tenant) {
            let detail = "the API key is of a tenant that is not known here any more";
            return denied(Reason::UnknownTenant, detail);
        }
        Ok(who.clone())
    }

    fn recognise_token(&self, text: &str, now: Timestamp) -> Result<Principal, Denial> {
        let unknown = || {
            let problem = Problem::unauthenticated("the API key is not known");
            Denial::of(Reason::UnknownKey, problem, None)
        };
        let is_token = text.bytes().filter(|byte| *byte == b'.').count() == 2;
        let tokens = self.tokens.as_ref().filter(|_| is_token);
        let claims = tokens.ok_or_else(unknown)?.current().verify(text, now)?;
        if !self.config.has_tenant(&claims.tenant) {
            let problem = Problem::unauthenticated("the token's tenant is not known here");
            let who = named_by(Some(&claims.sub), Some(&claims.tenant));
            return Err(Denial::of_known(Reason::UnfitToken, problem, who));
        }
        Ok(Principal {
            key_id: format!("jwt:{}", claims.sub),
            tenant: claims.tenant,
            role: claims.role,
            venues: VenueScope::of(claims.venues),
            quota: Some(self.config.quota),
        })
    }
}

fn configured_principal(key: &KeyConfig, quota: QuotaConfig) -> Principal {
    Principal {
        key_id: key.id.clone(),
        tenant: key.tenant.clone(),
        role: key.role,
        venues: VenueScope::of(key.venues.clone()),
        quota: Some(key.quota.unwrap_or(quota)),
    }
}

/// The hash of what a caller shows.
pub(super) fn sha256(shown: &str) -> Hash {
    let mut hash = [0; SHA256_OUTPUT_LEN];
    hash.copy_from_slice(digest(&SHA256, shown.as_bytes()).as_ref());
    hash
}

fn parse_hash(text: &str) -> Option<Hash> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    HEXLOWER_PERMISSIVE
        .decode(hex.as_bytes())
        .ok()?
        .try_into()
        .ok()
}

#[cfg(test)]
mod tests;
