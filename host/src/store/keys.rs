//! Idempotency keys as the journal keeps them: claimed with the first thing a request made durable, bound
//! to its answer, or let go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::model::{OrderId, Timestamp};

/// Whose key it is, and how it reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyName {
    /// The tenant.
    pub tenant: String,
    /// The key, as the caller sent it.
    pub key: String,
}

impl KeyName {
    /// What its entries are about, in the journal.
    pub(super) fn subject(&self) -> String {
        format!("{KEY_SUBJECT}{}/{}", self.tenant, self.key)
    }

    /// The key that entries of a subject are about, if they are about one.
    pub(super) fn of_subject(subject: &str) -> Option<Self> {
        let (tenant, key) = subject.strip_prefix(KEY_SUBJECT)?.split_once('/')?;
        Some(Self {
            tenant: tenant.to_owned(),
            key: key.to_owned(),
        })
    }
}

/// What the subjects of keys' entries begin with; no order's id holds a slash.
pub(super) const KEY_SUBJECT: &str = "key/";

/// An answer that a key is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// The `Location` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The `Content-Type` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The body.
    pub body: String,
}

/// What the journal knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// SHA-256 of the request it came with.
    pub fingerprint: String,
    /// The order that the request was about or made, where there is one.
    pub order_id: Option<OrderId>,
    /// When it was claimed, or bound without having been claimed.
    pub at: Timestamp,
    /// What it is bound to; absent while it is not known how the request ended.
    pub answer: Option<StoredAnswer>,
}

/// Something that happened to keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum KeyEvent {
    /// A request with the key has begun to have an effect.
    KeyClaimed {
        /// Which key.
        #[serde(flatten)]
        name: KeyName,
        /// SHA-256 of the request.
        fingerprint: String,
        /// The order that it is about.
        order_id: OrderId,
    },
    /// The request was answered for good.
    KeyAnswered {
        /// Which key.
        #[serde(flatten)]
        name: KeyName,
        /// SHA-256 of the request.
        fingerprint: String,
        /// The order that it was about, if the key had been claimed.
        order_id: Option<OrderId>,
        /// How.
        answer: StoredAnswer,
    },
    /// The request certainly had no effect, and may be made again. An answered key stays bound.
    KeyReleased {
        /// Which key.
        #[serde(flatten)]
        name: KeyName,
        /// SHA-256 of the request.
        fingerprint: String,
        /// The order that it was about: a late release must not free the key of the request's repetition.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order_id: Option<OrderId>,
    },
}

impl KeyEvent {
    /// Which key it happened to.
    pub fn name(&self) -> &KeyName {
        match self {
            Self::KeyClaimed { name, .. }
            | Self::KeyAnswered { name, .. }
            | Self::KeyReleased { name, .. } => name,
        }
    }

    /// The name used in the journal's index.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::KeyClaimed { .. } => "key_claimed",
            Self::KeyAnswered { .. } => "key_answered",
            Self::KeyReleased { .. } => "key_released",
        }
    }
}

/// What an event makes of a key. The same events give the same keys.
pub(super) fn apply_to_key(
    known: Option<StoredKey>,
    event: &KeyEvent,
    at: Timestamp,
) -> Option<StoredKey> {
    match event {
        KeyEvent::KeyClaimed {
            fingerprint,
            order_id,
            ..
        } => Some(StoredKey {
            fingerprint: fingerprint.clone(),
            order_id: Some(order_id.clone()),
            at,
            answer: None,
        }),
        KeyEvent::KeyAnswered {
            fingerprint,
            order_id,
            answer,
            ..
        } => {
            let claimed = known.filter(|known| known.fingerprint == *fingerprint);
            Some(StoredKey {
                fingerprint: fingerprint.clone(),
                order_id: order_id.clone(),
                at: claimed.map_or(at, |known| known.at),
                answer: Some(answer.clone()),
            })
        }
        KeyEvent::KeyReleased {
            fingerprint,
            order_id,
            ..
        } => known.filter(|known| {
            let is_anothers = order_id.is_some() && known.order_id != *order_id;
            known.answer.is_some() || known.fingerprint != *fingerprint || is_anothers
        }),
    }
}

/// A request's hold on its key. What the request first makes durable carries the claim with it, so that
/// there is no effect without the key and no claim without the effect. Clones are one claim.
#[derive(Debug, Clone)]
pub struct KeyClaim(Arc<Claim>);

#[derive(Debug)]
struct Claim {
    name: KeyName,
    fingerprint: String,
    is_durable: AtomicBool,
    order_id: OnceLock<OrderId>,
}

impl KeyClaim {
    /// A claim that nothing durable has been done under yet.
    pub fn new(name: KeyName, fingerprint: String) -> Self {
        Self(Arc::new(Claim {
            name,
            fingerprint,
            is_durable: AtomicBool::new(false),
            order_id: OnceLock::new(),
        }))
    }

    /// Whether the journal holds it.
    pub fn is_durable(&self) -> bool {
        self.0.is_durable.load(Ordering::SeqCst)
    }

    /// The journal holds it now, for an order.
    pub(super) fn made_durable(&self, order_id: &OrderId) {
        let _ = self.0.order_id.set(order_id.clone()); // a claim is made once
        self.0.is_durable.store(true, Ordering::SeqCst);
    }

    /// The journal does not hold it any more.
    pub(super) fn was_released(&self) {
        self.0.is_durable.store(false, Ordering::SeqCst);
    }

    /// The claim, for an order.
    pub(super) fn claimed(&self, order_id: &OrderId) -> KeyEvent {
        KeyEvent::KeyClaimed {
            name: self.0.name.clone(),
            fingerprint: self.0.fingerprint.clone(),
            order_id: order_id.clone(),
        }
    }

    /// The end of the request.
    pub fn answered(&self, answer: StoredAnswer) -> KeyEvent {
        KeyEvent::KeyAnswered {
            name: self.0.name.clone(),
            fingerprint: self.0.fingerprint.clone(),
            order_id: self.0.order_id.get().cloned(),
            answer,
        }
    }

    /// The end of a request that had no effect.
    pub(super) fn released(&self) -> KeyEvent {
        KeyEvent::KeyReleased {
            name: self.0.name.clone(),
            fingerprint: self.0.fingerprint.clone(),
            order_id: self.0.order_id.get().cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name() -> KeyName {
        KeyName {
            tenant: "t".into(),
            key: "k".into(),
        }
    }

    fn answer() -> StoredAnswer {
        StoredAnswer {
            status: 201,
            location: None,
            content_type: None,
            body: "{}".into(),
        }
    }

    fn after(events: &[KeyEvent]) -> Option<StoredKey> {
        let at = Timestamp::from_millis(1);
        events
            .iter()
            .fold(None, |known, event| apply_to_key(known, event, at))
    }

    #[test]
    fn a_claim_is_let_go_and_an_answer_is_not() {
        let claim = KeyClaim::new(name(), "f".into());
        let claimed = claim.claimed(&OrderId::from_text("o"));
        assert_eq!(after(&[claimed.clone(), claim.released()]), None);
        let bound = after(&[claimed.clone(), claim.answered(answer()), claim.released()]);
        assert_eq!(bound.unwrap().answer, Some(answer()));
        // An answer that comes after the release, as for an order that was told of in between.
        claim.made_durable(&OrderId::from_text("o"));
        let late = after(&[claimed, claim.released(), claim.answered(answer())]).unwrap();
        assert_eq!(late.answer, Some(answer()));
        assert_eq!(late.order_id, Some(OrderId::from_text("o")));
    }

    #[test]
    fn a_late_release_does_not_free_the_key_of_the_request_that_was_repeated() {
        let (first, second) = (
            KeyClaim::new(name(), "f".into()),
            KeyClaim::new(name(), "f".into()),
        );
        let (order, other) = (OrderId::from_text("o"), OrderId::from_text("p"));
        first.made_durable(&order);
        second.made_durable(&other);
        let events = [
            first.claimed(&order),
            first.released(),
            second.claimed(&other),
            first.released(),
        ];
        let kept = after(&events).unwrap();
        assert_eq!(kept.order_id, Some(other));
        assert_eq!(after(&[&events[..], &[second.released()]].concat()), None);
        // As journals were written before releases named the order.
        let unnamed =
            json!({"kind": "key_released", "tenant": "t", "key": "k", "fingerprint": "f"});
        let unnamed = serde_json::from_value(unnamed).unwrap();
        assert_eq!(after(&[first.claimed(&order), unnamed]), None);
    }

    #[test]
    fn another_requests_release_changes_nothing() {
        let (mine, other) = (
            KeyClaim::new(name(), "f".into()),
            KeyClaim::new(name(), "g".into()),
        );
        let claimed = mine.claimed(&OrderId::from_text("o"));
        let kept = after(&[claimed, other.released()]).unwrap();
        assert_eq!(kept.order_id, Some(OrderId::from_text("o")));
    }
}
