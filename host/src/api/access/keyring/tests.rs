//! Which keys are accepted, and for how long.

use axum::http::HeaderValue;

use super::*;
use crate::model::Asker;

fn hash_of(key: &str) -> String {
    HEXLOWER.encode(&sha256(key))
}

fn config(hash: String) -> AuthConfig {
    AuthConfig {
        keys: vec![KeyConfig {
            id: "k".into(),
            hash,
            tenant: "t".into(),
            role: Role::Trader,
            venues: None,
            quota: None,
        }],
        ..AuthConfig::default()
    }
}

fn keyring() -> Keyring {
    Keyring::new(&config(hash_of("the key")), &Secrets::default()).unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn by() -> Asker {
    Asker {
        key_id: "k".into(),
        request_id: "r".into(),
    }
}

fn recognised(keyring: &Keyring, value: &str) -> Result<Principal, Reason> {
    let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())]);
    let found = shown(&headers).and_then(|key| keyring.recognise(key, &sha256(key), at(1_000)));
    found.map_err(|denial| denial.reason)
}

#[test]
fn the_right_key_is_recognised_with_its_tenant_and_role() {
    let principal = recognised(&keyring(), "Bearer the key").unwrap();
    assert_eq!(
        (principal.tenant.as_str(), principal.role),
        ("t", Role::Trader)
    );
    assert!(recognised(&keyring(), "bearer the key").is_ok());
}

#[test]
fn everything_else_is_not() {
    for (value, reason) in [
        ("", Reason::NoKey),
        ("the key", Reason::NoKey),
        ("Bearer", Reason::NoKey),
        ("Basic the key", Reason::NoKey),
        ("Bearer ", Reason::UnknownKey),
        ("Bearer the ke", Reason::UnknownKey),
        ("Bearer the key2", Reason::UnknownKey),
        ("Bearer a.b.c", Reason::UnknownKey),
    ] {
        assert_eq!(recognised(&keyring(), value), Err(reason), "{value:?}");
    }
    assert!(shown(&HeaderMap::new()).is_err());
    // What stands in the journal and in the configuration is no key.
    let hash = format!("Bearer {}", hash_of("the key"));
    assert_eq!(recognised(&keyring(), &hash), Err(Reason::UnknownKey));
}

#[test]
fn a_hash_that_is_none_names_its_key() {
    let error = Keyring::new(&config("plain".into()), &Secrets::default()).unwrap_err();
    assert!(matches!(error, KeyringError::Hash { index: 0, id } if id == "k"));
}

fn created(id: &str, key: &str, expires_at: Option<Timestamp>) -> AccessEvent {
    created_for("t", id, key, expires_at)
}

fn created_for(tenant: &str, id: &str, key: &str, expires_at: Option<Timestamp>) -> AccessEvent {
    AccessEvent::KeyCreated {
        id: id.into(),
        hash: hash_of(key),
        tenant: tenant.into(),
        role: Role::Viewer,
        venues: VenueScope::default(),
        expires_at,
        at: at(1),
        by: by(),
    }
}

#[test]
fn a_key_is_accepted_until_it_expires() {
    let keyring = keyring();
    keyring.apply(created("ends", "old", Some(at(1_000))));
    keyring.apply(created("lasts", "new", Some(at(1_001))));
    assert_eq!(recognised(&keyring, "Bearer old"), Err(Reason::Expired));
    assert_eq!(recognised(&keyring, "Bearer new").unwrap().key_id, "lasts");
}

#[test]
fn a_replaced_key_is_accepted_for_its_grace_and_its_successor_from_then_on() {
    for (until, old) in [(at(1_001), true), (at(1_000), false)] {
        let keyring = keyring();
        keyring.apply(created("desk", "old", None));
        keyring.apply(AccessEvent::KeyRotated {
            id: "desk".into(),
            hash: hash_of("new"),
            previous_until: until,
            at: at(2),
            by: by(),
        });
        assert_eq!(recognised(&keyring, "Bearer old").is_ok(), old);
        assert!(recognised(&keyring, "Bearer new").is_ok());
    }
}

#[test]
fn a_revoked_key_is_refused_although_the_configuration_lists_it() {
    let keyring = keyring();
    keyring.apply(AccessEvent::KeyRevoked {
        id: "k".into(),
        hashes: vec![hash_of("the key")],
        at: at(2),
        by: by(),
    });
    let refused = recognised(&keyring, "Bearer the key");
    assert_eq!(refused, Err(Reason::RevokedKey));
}

#[test]
fn a_made_key_that_was_revoked_is_told_from_one_that_nobody_ever_had() {
    let keyring = keyring();
    keyring.apply(created("desk", "old", None));
    keyring.apply(AccessEvent::KeyRevoked {
        id: "desk".into(),
        hashes: vec![hash_of("old")],
        at: at(2),
        by: by(),
    });
    assert_eq!(recognised(&keyring, "Bearer old"), Err(Reason::RevokedKey));
    assert!(recognised(&keyring, "Bearer the key").is_ok());
}

#[test]
fn a_key_of_a_tenant_that_the_configuration_lost_is_refused() {
    let keyring = keyring();
    keyring.apply(created_for("gone", "desk", "old", None));
    let refused = recognised(&keyring, "Bearer old");
    assert_eq!(refused, Err(Reason::UnknownTenant));
}

#[test]
fn changes_at_one_time_are_all_taken_in() {
    let keyring = keyring();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let keyring = &keyring;
            let id = number.to_string();
            scope.spawn(move || keyring.apply(created(&id, &id, None)));
        }
    });
    assert_eq!(keyring.made().book.keys.len(), 8);
}
