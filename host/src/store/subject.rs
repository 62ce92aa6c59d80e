//! What entries are about, and those that a journal writes about itself.

use serde::{Deserialize, Serialize};

use super::keys::KEY_SUBJECT;
use super::{CHECKPOINT, ChainEntry, Hash, KeyEvent};
use crate::model::Event;

/// Subject of entries about the journal itself.
pub(super) const JOURNAL: &str = "journal";

/// What the subjects of venues' entries begin with; no order's id holds a slash.
pub(super) const VENUE_SUBJECT: &str = "venue/";

/// The same of adapters' entries, from which nothing is projected.
pub(super) const PLUGIN_SUBJECT: &str = "plugin/";

/// The same of API keys' entries, which are read when the gateway starts and when it takes over.
pub(super) const ACCESS_SUBJECT: &str = "access/";

/// What retention removed, and what stands for everything that ever was.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "compacted")]
pub(super) struct Compacted {
    /// Entries that went with this one.
    pub(super) removed: usize,
    /// SHA-256 over all checkpoints.
    pub(super) checkpoints: Hash,
}

/// Says in the journal that it could not be written for a while.
#[derive(Serialize)]
#[serde(tag = "kind", rename = "recovered")]
pub(super) struct Recovered<'a> {
    pub(super) problem: &'a str,
    /// Entries that were there though their commit had failed.
    pub(super) taken_back: usize,
}

/// Says in the journal who writes from here on.
#[derive(Serialize)]
#[serde(tag = "kind", rename = "leased")]
pub(super) struct Leased<'a> {
    pub(super) holder: &'a str,
    pub(super) epoch: i64,
}

/// What an entry is to the projections.
pub(super) enum Projected {
    /// Nothing is made of it.
    Nothing,
    /// It happened to a key.
    OfKey(KeyEvent),
    /// It happened to the order that is its subject.
    OfOrder(Box<Event>),
}

impl ChainEntry {
    /// What it is to the projections.
    pub(super) fn projected(&self) -> Result<Projected, serde_json::Error> {
        let is_of_none = [VENUE_SUBJECT, PLUGIN_SUBJECT, ACCESS_SUBJECT]
            .iter()
            .any(|subjects| self.subject.starts_with(subjects));
        if self.kind == CHECKPOINT || self.subject == JOURNAL || is_of_none {
            return Ok(Projected::Nothing);
        }
        if self.subject.starts_with(KEY_SUBJECT) {
            return serde_json::from_str(&self.body).map(Projected::OfKey);
        }
        serde_json::from_str(&self.body).map(Projected::OfOrder)
    }
}
