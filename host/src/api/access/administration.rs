//! Keys are made, replaced and revoked while the gateway runs, and each of that is in the journal before it holds.

use std::time::Duration;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ring::digest::{SHA256, digest};
use secrecy::SecretString;

use super::keyring::Keyring;
use crate::model::{AccessEvent, ApiKey, Asker, Role, Timestamp, VenueScope};
use crate::store::{Commit, Journal, Standing, StoreError};

/// What a key begins with, so that people and scanners for secrets know one.
const PREFIX: &str = "swk_";

/// Randomness of a key, in bytes.
const KEY_BYTES: usize = 32;

/// Keys that are not revoked: all of them are held, and are read anew at each change.
const MAX_KEYS: usize = 1_000;

/// Why a key was not made, replaced or revoked.
#[derive(Debug, thiserror::Error)]
pub(in crate::api) enum AdministrationError {
    /// There is, or was, a key of this name.
    #[error("there is or was a key {0:?}; a name stands for one key in the log and the journal")]
    Exists(String),
    /// There is no key of this name, or it is another tenant's.
    #[error("no key {0:?}")]
    NotFound(String),
    /// It stands in the configuration.
    #[error("key {0:?} stands in the configuration, and is replaced there")]
    Configured(String),
    /// It is not accepted any more.
    #[error("key {0:?} was revoked")]
    Revoked(String),
    /// A typing error would make a tenant that no limits bind.
    #[error("must be a tenant of auth.keys or auth.tenants in the configuration")]
    UnknownTenant,
    /// As many as there may be.
    #[error("there are {MAX_KEYS} keys; revoke some")]
    TooMany,
    /// It could not be recorded.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system gave no random bytes.
    #[error("no randomness from the operating system: {0}")]
    Randomness(#[from] getrandom::Error),
}

/// A key that is wanted.
#[derive(Debug, Clone)]
pub(in crate::api) struct NewKey {
    pub(in crate::api) id: String,
    pub(in crate::api) tenant: String,
    pub(in crate::api) role: Role,
    pub(in crate::api) venues: VenueScope,
    pub(in crate::api) expires_at: Option<Timestamp>,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum KeyOrigin {
    /// In the configuration.
    Configured,
    /// In the journal.
    Created,
}

/// A key as it is now, without anything that could be shown as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) struct KeyView {
    pub(in crate::api) id: String,
    pub(in crate::api) origin: KeyOrigin,
    pub(in crate::api) tenant: String,
    pub(in crate::api) role: Role,
    pub(in crate::api) venues: VenueScope,
    pub(in crate::api) created_at: Option<Timestamp>,
    pub(in crate::api) rotated_at: Option<Timestamp>,
    pub(in crate::api) previous_until: Option<Timestamp>,
    pub(in crate::api) expires_at: Option<Timestamp>,
    pub(in crate::api) revoked_at: Option<Timestamp>,
}

impl KeyView {
    fn of(id: &str, key: &ApiKey) -> Self {
        Self {
            id: id.to_owned(),
            origin: KeyOrigin::Created,
            tenant: key.tenant.clone(),
            role: key.role,
            venues: key.venues.clone(),
            created_at: Some(key.created_at),
            rotated_at: key.rotated_at,
            previous_until: key.previous_until(),
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// The keys of one tenant, or of all.
pub(in crate::api) type OfTenant<'a> = Option<&'a str>;

impl Keyring {
    /// The keys, by name: those of the configuration first.
    pub(in crate::api) fn list(&self, tenant: OfTenant<'_>) -> Vec<KeyView> {
        let made = self.made();
        let configured = self.configured().map(|(key, hash)| KeyView {
            id: key.key_id.clone(),
            origin: KeyOrigin::Configured,
            tenant: key.tenant.clone(),
            role: key.role,
            venues: key.venues.clone(),
            created_at: None,
            rotated_at: None,
            previous_until: None,
            expires_at: None,
            revoked_at: made.book.revoked.get(&hash).copied(),
        });
        let created = made.book.keys.iter();
        let created = created.map(|(id, key)| KeyView::of(id, key));
        configured
            .chain(created)
            .filter(|key| tenant.is_none_or(|tenant| key.tenant == tenant))
            .collect()
    }

    /// The newest key of a name.
    fn find(&self, id: &str, tenant: OfTenant<'_>) -> Result<KeyView, AdministrationError> {
        let mut keys = self.list(tenant);
        keys.retain(|key| key.id == id);
        keys.pop()
            .ok_or_else(|| AdministrationError::NotFound(id.to_owned()))
    }

    /// Makes a key, and returns it: it is not to be had again.
    pub(in crate::api) async fn create(
        &self,
        journal: &Journal,
        new: NewKey,
        by: Asker,
    ) -> Result<(SecretString, KeyView), AdministrationError> {
        if !self.config.has_tenant(&new.tenant) {
            return Err(AdministrationError::UnknownTenant);
        }
        let _one_at_a_time = self.changing.lock().await;
        if self.find(&new.id, None).is_ok() {
            return Err(AdministrationError::Exists(new.id));
        }
        let mut valid = self.list(None);
        valid.retain(|key| key.revoked_at.is_none());
        if valid.len() >= MAX_KEYS {
            return Err(AdministrationError::TooMany);
        }
        let (key, hash) = new_key()?;
        let event = AccessEvent::KeyCreated {
            id: new.id.clone(),
            hash,
            tenant: new.tenant,
            role: new.role,
            venues: new.venues,
            expires_at: new.expires_at,
            at: Timestamp::now(),
            by,
        };
        self.keep(journal, event).await?;
        Ok((key, self.find(&new.id, None)?))
    }

    /// Replaces a key by another of the same rights. The old one is accepted for `grace`; without any, those before it
    /// that are accepted still end too.
    pub(in crate::api) async fn rotate(
        &self,
        journal: &Journal,
        (id, tenant): (&str, OfTenant<'_>),
        grace: Duration,
        by: Asker,
    ) -> Result<(SecretString, KeyView), AdministrationError> {
        let _one_at_a_time = self.changing.lock().await;
        let known = self.find(id, tenant)?;
        if known.origin == KeyOrigin::Configured {
            return Err(AdministrationError::Configured(known.id));
        }
        if known.revoked_at.is_some() {
            return Err(AdministrationError::Revoked(known.id));
        }
        let (key, hash) = new_key()?;
        let at = Timestamp::now();
        let event = AccessEvent::KeyRotated {
            id: known.id,
            hash,
            previous_until: at.plus(grace),
            at,
            by,
        };
        self.keep(journal, event).await?;
        Ok((key, self.find(id, tenant)?))
    }

    /// Revokes every key of a name, also where it stands in the configuration. It may be done again.
    pub(in crate::api) async fn revoke(
        &self,
        journal: &Journal,
        (id, tenant): (&str, OfTenant<'_>),
        by: Asker,
    ) -> Result<KeyView, AdministrationError> {
        // The active gateway would go on accepting it.
        match journal.lease().standing() {
            Standing::Active => {}
            Standing::Standby => return Err(StoreError::Standby.into()),
            Standing::Lost(to) => return Err(StoreError::Fenced(to).into()),
        }
        let at = Timestamp::now();
        // In force at once, also while another change waits for the journal, and before it is journaled itself: where
        // the journal fails, it holds until the gateway stops.
        if let Ok(event) = self.revocation((id, tenant), at, by.clone()) {
            self.apply(event);
        }
        let _one_at_a_time = self.changing.lock().await;
        // Once more: the change before may just have put another key in its place.
        let event = self.revocation((id, tenant), at, by)?;
        self.apply(event.clone());
        self.keep(journal, event).await?;
        self.find(id, tenant)
    }

    /// What revokes every key of a name: of one tenant, or of all.
    fn revocation(
        &self,
        (id, tenant): (&str, OfTenant<'_>),
        at: Timestamp,
        by: Asker,
    ) -> Result<AccessEvent, AdministrationError> {
        let known = self.find(id, tenant)?;
        let is_meant = |of: &str| tenant.is_none_or(|tenant| tenant == of);
        let made = self.made();
        let mut hashes: Vec<String> = Vec::new();
        if let Some(key) = made.book.keys.get(id).filter(|key| is_meant(&key.tenant)) {
            hashes.push(key.hash.clone());
            hashes.extend(key.previous.iter().map(|(hash, _)| hash.clone()));
        }
        let configured = self.configured();
        let configured = configured.filter(|(key, _)| key.key_id == id && is_meant(&key.tenant));
        hashes.extend(configured.map(|(_, hash)| hash));
        Ok(AccessEvent::KeyRevoked {
            id: known.id,
            hashes,
            at,
            by,
        })
    }

    async fn keep(&self, journal: &Journal, event: AccessEvent) -> Result<(), StoreError> {
        let by = match &event {
            AccessEvent::KeyCreated { by, .. }
            | AccessEvent::KeyRotated { by, .. }
            | AccessEvent::KeyRevoked { by, .. } => by.key_id.clone(),
        };
        journal.commit(Commit::of_access(event.clone())).await?;
        tracing::warn!(
            id = event.id(),
            action = event.kind(),
            key_id = by,
            "an operator changed an API key"
        );
        self.apply(event);
        Ok(())
    }
}

/// A new key, and its hash.
fn new_key() -> Result<(SecretString, String), getrandom::Error> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes)?;
    let key = format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes));
    let hash = HEXLOWER.encode(digest(&SHA256, key.as_bytes()).as_ref());
    Ok((SecretString::from(key), hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AuthConfig, KeyConfig};
    use crate::secrets::Secrets;

    const CONFIGURED: &str = "0000000000000000000000000000000000000000000000000000000000000000";
    const MADE: &str = "1111111111111111111111111111111111111111111111111111111111111111";

    fn by() -> Asker {
        Asker {
            key_id: "root".into(),
            request_id: "r".into(),
        }
    }

    /// A key of the configuration and one that was made, of one name in two tenants.
    fn namesakes() -> Keyring {
        let config = AuthConfig {
            keys: vec![KeyConfig {
                id: "desk".into(),
                hash: CONFIGURED.into(),
                tenant: "a".into(),
                role: Role::Viewer,
                venues: None,
                quota: None,
            }],
            tenants: vec!["b".into()],
            ..AuthConfig::default()
        };
        let keyring = Keyring::new(&config, &Secrets::default()).unwrap();
        keyring.apply(AccessEvent::KeyCreated {
            id: "desk".into(),
            hash: MADE.into(),
            tenant: "b".into(),
            role: Role::Viewer,
            venues: VenueScope::default(),
            expires_at: None,
            at: Timestamp::from_millis(1),
            by: by(),
        });
        keyring
    }

    #[test]
    fn of_two_keys_of_one_name_those_are_revoked_whose_tenant_is_meant() {
        for (tenant, configured, made) in [
            (Some("a"), true, false),
            (Some("b"), false, true),
            (None, true, true),
        ] {
            let keyring = namesakes();
            let at = Timestamp::from_millis(2);
            let event = keyring.revocation(("desk", tenant), at, by()).unwrap();
            keyring.apply(event);
            let known = keyring.made();
            let revoked = &known.book.revoked;
            assert_eq!(revoked.contains_key(CONFIGURED), configured, "{tenant:?}");
            assert_eq!(revoked.contains_key(MADE), made, "{tenant:?}");
            let views: Vec<_> = keyring.list(None);
            let views = views.iter().map(|key| key.revoked_at.is_some());
            assert_eq!(views.collect::<Vec<_>>(), [configured, made], "{tenant:?}");
        }
        let stranger = namesakes();
        let refused = stranger.revocation(("desk", Some("c")), Timestamp::from_millis(2), by());
        assert!(matches!(refused, Err(AdministrationError::NotFound(_))));
    }
}
