//! API keys, and what operators did to them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// Replaced keys of one name that are remembered: as many as may be accepted beside the newest at one time.
const MAX_PREVIOUS: usize = 8;

/// What a caller may do. Each role may do what the ones before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Read.
    Viewer,
    /// Place, change and cancel the tenant's orders.
    Trader,
    /// Run the gateway: halt venues, change adapters, manage keys.
    Operator,
}

impl Role {
    /// The word for it, in configuration, tokens and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Trader => "trader",
            Self::Operator => "operator",
        }
    }
}

/// Which venues a caller may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VenueScope(Option<BTreeSet<String>>);

impl VenueScope {
    /// These venues only; all of them where there is no list.
    pub fn of(names: Option<impl IntoIterator<Item = String>>) -> Self {
        Self(names.map(|names| names.into_iter().collect()))
    }

    /// Whether a venue is among them.
    pub fn covers(&self, venue: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(venue))
    }

    /// Whether all venues are, also those that are yet to be configured.
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// The names, where it is a list.
    pub fn names(&self) -> Option<&BTreeSet<String>> {
        self.0.as_ref()
    }
}

/// What was done to an API key. Hashes are SHA-256 in lower-case hexadecimal; no event holds a key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AccessEvent {
    /// A key was made.
    KeyCreated {
        /// The key's name.
        id: String,
        /// Hash of the key.
        hash: String,
        /// Whose it is.
        tenant: String,
        /// What it may do.
        role: Role,
        /// Where.
        venues: VenueScope,
        /// Until when; for ever where absent.
        expires_at: Option<Timestamp>,
        /// When.
        at: Timestamp,
        /// Who asked for it.
        by: Asker,
    },
    /// A key was replaced by another of the same name and rights.
    KeyRotated {
        /// The key's name.
        id: String,
        /// Hash of the new key.
        hash: String,
        /// Until when the old one is accepted. Where that is no later than `at`, those before it end too.
        previous_until: Timestamp,
        /// When.
        at: Timestamp,
        /// Who asked for it.
        by: Asker,
    },
    /// A key, and those it replaced, are not accepted any more.
    KeyRevoked {
        /// The key's name.
        id: String,
        /// Hashes that are never accepted again, wherever else they are listed.
        hashes: Vec<String>,
        /// When.
        at: Timestamp,
        /// Who asked for it.
        by: Asker,
    },
}

/// Who asked for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// Id of the key that was shown.
    pub key_id: String,
    /// The request.
    pub request_id: String,
}

impl AccessEvent {
    /// The key it is about.
    pub fn id(&self) -> &str {
        match self {
            Self::KeyCreated { id, .. }
            | Self::KeyRotated { id, .. }
            | Self::KeyRevoked { id, .. } => id,
        }
    }

    /// The kind's name in the journal.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::KeyCreated { .. } => "key_created",
            Self::KeyRotated { .. } => "key_rotated",
            Self::KeyRevoked { .. } => "key_revoked",
        }
    }
}

/// A key that was made while the gateway ran, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Hash of the key.
    pub hash: String,
    /// Hashes of the keys that it replaced, and until when each is accepted, oldest first.
    pub previous: Vec<(String, Timestamp)>,
    /// Whose it is.
    pub tenant: String,
    /// What it may do.
    pub role: Role,
    /// Where.
    pub venues: VenueScope,
    /// Since when.
    pub created_at: Timestamp,
    /// When it last got another key.
    pub rotated_at: Option<Timestamp>,
    /// Until when; for ever where absent.
    pub expires_at: Option<Timestamp>,
    /// Since when it is not accepted any more.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Puts another key in its place. Keys that were replaced before keep the time that they were given, unless none is
    /// given now: who replaces a key at once does not trust it.
    fn replace(&mut self, hash: String, previous_until: Timestamp, at: Timestamp) {
        if previous_until <= at {
            for (_, until) in &mut self.previous {
                *until = previous_until.min(*until);
            }
        }
        let old = std::mem::replace(&mut self.hash, hash);
        self.previous.push((old, previous_until));
        if self.previous.len() > MAX_PREVIOUS {
            let ends = self.previous.iter().enumerate();
            let first = ends.min_by_key(|(_, (_, until))| *until);
            if let Some(index) = first.map(|(index, _)| index) {
                self.previous.remove(index);
            }
        }
        self.rotated_at = Some(at);
    }

    /// Until when a key that it replaced is accepted: the last of them.
    pub fn previous_until(&self) -> Option<Timestamp> {
        self.previous.iter().map(|(_, until)| *until).max()
    }
}

/// All keys that were ever made while a gateway ran on this journal, by name, and every hash that was revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyBook {
    /// The keys.
    pub keys: BTreeMap<String, ApiKey>,
    /// Hashes that are not accepted any more, also of keys that stand in a configuration.
    pub revoked: BTreeMap<String, Timestamp>,
}

impl KeyBook {
    /// What the events make of it, oldest first.
    pub fn of(events: impl IntoIterator<Item = AccessEvent>) -> Self {
        let mut book = Self::default();
        events.into_iter().for_each(|event| book.apply(event));
        book
    }

    /// Revokes what another has revoked.
    pub fn revoke_as_in(&mut self, other: &Self) {
        for (hash, at) in &other.revoked {
            self.revoked.entry(hash.clone()).or_insert(*at);
        }
        for (id, key) in &mut self.keys {
            let revoked_at = other.keys.get(id).and_then(|other| other.revoked_at);
            key.revoked_at = key.revoked_at.or(revoked_at);
        }
    }

    /// Makes of it what an event makes of it.
    pub fn apply(&mut self, event: AccessEvent) {
        match event {
            AccessEvent::KeyCreated {
                id,
                hash,
                tenant,
                role,
                venues,
                expires_at,
                at,
                ..
            } => {
                let key = ApiKey {
                    hash,
                    previous: Vec::new(),
                    tenant,
                    role,
                    venues,
                    created_at: at,
                    rotated_at: None,
                    expires_at,
                    revoked_at: None,
                };
                self.keys.insert(id, key);
            }
            AccessEvent::KeyRotated {
                id,
                hash,
                previous_until,
                at,
                ..
            } => {
                if let Some(key) = self.keys.get_mut(&id) {
                    key.replace(hash, previous_until, at);
                }
            }
            AccessEvent::KeyRevoked { id, hashes, at, .. } => {
                // A key of the configuration may have the name of one that was made.
                let key = self.keys.get_mut(&id);
                if let Some(key) = key.filter(|key| hashes.contains(&key.hash)) {
                    key.revoked_at.get_or_insert(at);
                    // Also those that the event does not name.
                    for (hash, _) in &key.previous {
                        self.revoked.entry(hash.clone()).or_insert(at);
                    }
                }
                for hash in hashes {
                    self.revoked.entry(hash).or_insert(at);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by() -> Asker {
        Asker {
            key_id: "root".into(),
            request_id: "r".into(),
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn created() -> AccessEvent {
        AccessEvent::KeyCreated {
            id: "desk".into(),
            hash: "aa".into(),
            tenant: "t".into(),
            role: Role::Trader,
            venues: VenueScope::of(Some(["sim".to_owned()])),
            expires_at: None,
            at: at(1),
            by: by(),
        }
    }

    fn rotated(hash: &str, when: i64, previous_until: i64) -> AccessEvent {
        AccessEvent::KeyRotated {
            id: "desk".into(),
            hash: hash.into(),
            previous_until: at(previous_until),
            at: at(when),
            by: by(),
        }
    }

    fn until(hash: &str, millis: i64) -> (String, Timestamp) {
        (hash.to_owned(), at(millis))
    }

    #[test]
    fn a_rotated_key_keeps_its_rights_and_remembers_the_one_it_replaced() {
        let book = KeyBook::of([created(), rotated("bb", 2, 9)]);
        let key = &book.keys["desk"];
        assert_eq!(key.hash, "bb");
        assert_eq!(key.previous, [until("aa", 9)]);
        assert_eq!((key.role, key.created_at), (Role::Trader, at(1)));
        assert!(key.venues.covers("sim") && !key.venues.covers("other"));
    }

    #[test]
    fn a_revocation_is_of_every_key_that_the_one_replaced_whatever_it_names() {
        let revoked = AccessEvent::KeyRevoked {
            id: "desk".into(),
            hashes: vec!["cc".into()],
            at: at(4),
            by: by(),
        };
        let rotations = [created(), rotated("bb", 2, 90), rotated("cc", 3, 90)];
        let book = KeyBook::of(rotations.into_iter().chain([revoked]));
        for hash in ["aa", "bb", "cc"] {
            assert!(book.revoked.contains_key(hash), "{hash}");
        }
    }

    #[test]
    fn a_second_rotation_leaves_the_first_its_time_unless_it_gives_none() {
        let mut book = KeyBook::of([created(), rotated("bb", 2, 90), rotated("cc", 3, 50)]);
        let of = |book: &KeyBook| book.keys["desk"].previous.clone();
        assert_eq!(
            of(&book),
            [until("aa", 90), until("bb", 50)],
            "neither longer nor shorter than it was told"
        );
        assert_eq!(book.keys["desk"].previous_until(), Some(at(90)));
        book.apply(rotated("dd", 60, 60));
        let ended = [until("aa", 60), until("bb", 50), until("cc", 60)];
        assert_eq!(of(&book), ended, "what had ended is not accepted again");
    }

    #[test]
    fn of_many_replaced_keys_the_one_that_ends_first_is_forgotten() {
        let mut book = KeyBook::of([created(), rotated("first", 2, 20)]);
        for number in 0..8 {
            book.apply(rotated(&number.to_string(), 3, 100 - number));
        }
        let previous = &book.keys["desk"].previous;
        assert_eq!(previous.len(), MAX_PREVIOUS);
        assert!(previous.iter().all(|(hash, _)| hash != "aa"));
        assert!(previous.iter().any(|(hash, _)| hash == "first"));
    }

    #[test]
    fn a_revoked_hash_stays_revoked_whoever_made_it() {
        let revoked = |id: &str, hash: &str| AccessEvent::KeyRevoked {
            id: id.into(),
            hashes: vec![hash.into()],
            at: at(3),
            by: by(),
        };
        let book = KeyBook::of([
            created(),
            revoked("desk", "aa"),
            revoked("configured", "cc"),
        ]);
        assert_eq!(book.keys["desk"].revoked_at, Some(at(3)));
        assert!(book.revoked.contains_key("aa") && book.revoked.contains_key("cc"));
        let of_its_name = KeyBook::of([created(), revoked("desk", "cc")]);
        assert_eq!(of_its_name.keys["desk"].revoked_at, None);
    }

    #[test]
    fn what_the_journal_holds_of_a_key_can_be_read_again() {
        let text = serde_json::to_string(&created()).unwrap();
        assert_eq!(
            serde_json::from_str::<AccessEvent>(&text).unwrap(),
            created()
        );
        assert!(text.contains("\"kind\":\"key_created\"") && text.contains("\"role\":\"trader\""));
    }

    #[test]
    fn roles_are_ordered_by_what_they_may_do() {
        assert!(Role::Viewer < Role::Trader && Role::Trader < Role::Operator);
    }
}
