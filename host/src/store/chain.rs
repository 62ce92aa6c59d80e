//! The hash chain over the journal's entries: each entry's hash covers the one before it, so that no
//! entry can be changed, removed or put in without every later hash changing.

use std::fmt;

use data_encoding::HEXLOWER;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::StoreError;
use super::subject::Compacted;
use crate::config::{StoreConfig, VerifyAtStart};

/// What the first entry's hash follows: SHA-256 of this text.
const GENESIS: &[u8] = b"switchyard journal";

/// What stands where entries were removed.
pub const CHECKPOINT: &str = "checkpoint";

/// Entries that are read at a time.
pub(super) const PAGE: usize = 1_000;

/// Newest entries that are checked before a journal is used, however it is configured.
pub(super) const CHECKED_TAIL: i64 = 1_000;

/// The same where all are to be checked: the rest is checked beside the work.
pub(super) const CHECKED_AT_START: i64 = 100_000;

/// Newest entries that are checked before the journal of a configuration is used.
pub(super) fn checked_at_start(config: &StoreConfig) -> i64 {
    match config.verify_at_start {
        VerifyAtStart::All => CHECKED_AT_START,
        VerifyAtStart::Tail => CHECKED_TAIL,
    }
}

/// A SHA-256; 64 hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; SHA256_OUTPUT_LEN]);

impl Hash {
    /// What the first entry follows.
    pub fn genesis() -> Self {
        Self::of(GENESIS)
    }

    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(bytes);
        Self::finish(context)
    }

    /// The hash that stands in 32 bytes or in 64 hexadecimal digits.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let decoded = match bytes.len() {
            SHA256_OUTPUT_LEN => bytes.to_vec(),
            _ => HEXLOWER.decode(bytes).ok()?,
        };
        decoded.try_into().ok().map(Self)
    }

    /// The hash of an entry that follows one with this hash.
    #[must_use]
    pub fn then(&self, entry: Content<'_>) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&self.0);
        context.update(&entry.seq.to_be_bytes());
        context.update(&entry.at_ms.to_be_bytes());
        for text in [entry.subject, entry.kind, entry.body] {
            // The length first: no text can pass for the end of one and the beginning of another.
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        Self::finish(context)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn finish(context: Context) -> Self {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hash = Self::parse(text.as_bytes()).filter(|_| text.len() == 2 * SHA256_OUTPUT_LEN);
        hash.ok_or_else(|| serde::de::Error::custom("must be 64 hexadecimal digits"))
    }
}

/// Fingerprint of some bytes in hexadecimal digits, as requests are compared by.
pub fn fingerprint(parts: &[&[u8]]) -> String {
    let mut whole = Vec::new();
    for part in parts {
        whole.extend_from_slice(&(part.len() as u64).to_be_bytes());
        whole.extend_from_slice(part);
    }
    HEXLOWER.encode(digest(&SHA256, &whole).as_ref())
}

/// What of an entry its hash covers.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// Its place.
    pub seq: i64,
    /// When it was written, in milliseconds since the epoch.
    pub at_ms: i64,
    /// What it is about.
    pub subject: &'a str,
    /// What happened.
    pub kind: &'a str,
    /// The event in JSON, as stored.
    pub body: &'a str,
}

/// An entry as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEntry {
    /// Its place.
    pub seq: i64,
    /// When it was written, in milliseconds since the epoch.
    pub at_ms: i64,
    /// What it is about.
    pub subject: String,
    /// What happened.
    pub kind: String,
    /// The event in JSON, as stored.
    pub body: String,
    /// The hash stored with it.
    pub hash: Hash,
}

impl ChainEntry {
    /// What its hash covers.
    pub fn content(&self) -> Content<'_> {
        Content {
            seq: self.seq,
            at_ms: self.at_ms,
            subject: &self.subject,
            kind: &self.kind,
            body: &self.body,
        }
    }

    /// What it stands for, if entries were removed here.
    ///
    /// # Errors
    /// [`Break`] where it says so and not which.
    pub fn removed(&self) -> Result<Option<Removed>, Break> {
        if self.kind != CHECKPOINT {
            return Ok(None);
        }
        serde_json::from_str(&self.body).map(Some).map_err(|error| {
            Break::at(self.seq, format!("a checkpoint that says nothing: {error}"))
        })
    }
}

/// A run of entries that retention removed. Its checkpoint has the place and the hash of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Place of the first.
    pub first: i64,
    /// How many.
    pub entries: i64,
}

/// A checkpoint as it counts in the one hash of all of them that a compaction entry holds.
pub(super) fn checkpoint_bytes(seq: i64, body: &str, hash: &[u8]) -> Vec<u8> {
    let mut bytes = seq.to_be_bytes().to_vec();
    bytes.extend((body.len() as u64).to_be_bytes());
    bytes.extend(body.as_bytes());
    bytes.extend(hash);
    bytes
}

/// Where a chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Place of the last entry; 0 where there is none.
    pub seq: i64,
    /// Its hash.
    pub hash: Hash,
    /// How many entries there are, those that were removed included.
    pub entries: i64,
}

impl Head {
    /// The end of a chain without entries.
    pub fn empty() -> Self {
        Self {
            seq: 0,
            hash: Hash::genesis(),
            entries: 0,
        }
    }
}

/// Where and how a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("the chain breaks at entry {sequence}: {problem}")]
pub struct Break {
    /// Place of the first entry that cannot be right.
    pub sequence: i64,
    /// What is wrong with it.
    pub problem: String,
}

impl Break {
    /// A break at a place.
    pub fn at(sequence: i64, problem: impl Into<String>) -> Self {
        Self {
            sequence,
            problem: problem.into(),
        }
    }
}

/// A check of entries in their order.
#[derive(Debug, Clone, Copy)]
pub struct Walk {
    head: Head,
}

impl Walk {
    /// A check of the whole chain.
    pub fn from_genesis() -> Self {
        Self {
            head: Head::empty(),
        }
    }

    /// A check of what comes after a known place.
    pub fn after(head: Head) -> Self {
        Self { head }
    }

    /// How far it got.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Checks the next entry.
    ///
    /// # Errors
    /// [`Break`].
    pub fn step(&mut self, entry: &ChainEntry) -> Result<(), Break> {
        if entry.seq <= self.head.seq {
            return Err(Break::at(entry.seq, "it is out of order"));
        }
        let count = match entry.removed()? {
            // Its entries are gone; the newest compaction entry vouches for the hash.
            Some(removed) => {
                let is_run = removed.first <= entry.seq
                    && (1..=entry.seq - removed.first + 1).contains(&removed.entries);
                if !is_run {
                    return Err(Break::at(entry.seq, "a checkpoint of impossible extent"));
                }
                removed.entries
            }
            None if self.head.hash.then(entry.content()) == entry.hash => 1,
            None => {
                let problem = if self.head.seq == 0 {
                    "it was changed, or what stood before it is missing".to_owned()
                } else {
                    format!(
                        "it was changed, or what stood between it and entry {} is missing",
                        self.head.seq
                    )
                };
                return Err(Break::at(entry.seq, problem));
            }
        };
        self.head = Head {
            seq: entry.seq,
            hash: entry.hash,
            entries: self.head.entries.saturating_add(count),
        };
        Ok(())
    }
}

/// Checks that a chain ends where its head says.
pub(super) fn check_end(expected: Option<Head>, found: Head) -> Result<(), StoreError> {
    let Some(expected) = expected else {
        let text = "the chain has no head";
        return Err(StoreError::Broken(Break::at(found.seq, text)));
    };
    if expected == found {
        return Ok(());
    }
    let text = format!(
        "the journal has {} entries and ends with number {}; it had {} and ended with number {}",
        found.entries, found.seq, expected.entries, expected.seq
    );
    let place = found.seq.min(expected.seq) + 1;
    Err(StoreError::Broken(Break::at(place, text)))
}

/// Checks that a chain comes to a place which was checked from there on.
pub(super) fn check_start(end: Head, found: Head) -> Result<(), StoreError> {
    if found == end {
        return Ok(());
    }
    let text = format!(
        "{} entries up to number {} are expected before it, and there are {} up to number {}",
        end.entries, end.seq, found.entries, found.seq
    );
    Err(StoreError::Broken(Break::at(end.seq + 1, text)))
}

/// Checks that entries are missing only where the newest compaction entry says so: `vouched` is its place and body.
pub(super) fn check_vouched(
    checkpoints: usize,
    digest: Hash,
    vouched: Option<(i64, String)>,
) -> Result<(), StoreError> {
    let broken = |seq: i64, text: &str| Err(StoreError::Broken(Break::at(seq, text)));
    match vouched {
        None if checkpoints == 0 => Ok(()),
        None => broken(
            0,
            "entries are marked as removed, and no entry says that they were",
        ),
        Some((seq, body)) => match serde_json::from_str::<Compacted>(&body) {
            Ok(compacted) if compacted.checkpoints == digest => Ok(()),
            _ => broken(
                seq,
                "entries are marked as removed that this entry does not vouch for",
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chain(bodies: &[String]) -> Vec<ChainEntry> {
        let mut before = Hash::genesis();
        let mut entries = Vec::new();
        for (body, seq) in bodies.iter().zip(1..) {
            let mut entry = ChainEntry {
                seq,
                at_ms: 1_000 + seq,
                subject: "order".into(),
                kind: "intent".into(),
                body: body.clone(),
                hash: before,
            };
            entry.hash = before.then(entry.content());
            before = entry.hash;
            entries.push(entry);
        }
        entries
    }

    fn walked(entries: &[ChainEntry]) -> Result<Head, Break> {
        let mut walk = Walk::from_genesis();
        entries.iter().try_for_each(|entry| walk.step(entry))?;
        Ok(walk.head())
    }

    /// Computed with Python's hashlib and struct, as the guide tells third parties to.
    #[test]
    fn the_hash_is_the_documented_one() {
        assert_eq!(
            Hash::genesis().to_string(),
            "ae6a1baf8b44facceb247dba7384239e31f5e0dca2923714264d440ca6e79659"
        );
        let entries = chain(&["{}".to_owned()]);
        assert_eq!(
            entries[0].hash.to_string(),
            "20a44e1931b4f8b6567d55470ea53794a4656498c29b18c3d5b849225c8e48b2"
        );
    }

    proptest! {
        #[test]
        fn any_change_removal_or_exchange_breaks_the_chain_at_its_place_or_shortens_it(
            bodies in prop::collection::vec("[a-z]{0,4}", 2..12),
            place in any::<prop::sample::Index>(),
            what in 0..5,
        ) {
            let entries = chain(&bodies);
            let whole = walked(&entries).unwrap();
            let place = place.index(entries.len());
            let mut bent = entries.clone();
            match what {
                0 => bent[place].body.push('x'),
                1 => bent[place].at_ms += 1,
                2 => bent[place].subject.push('x'),
                3 => { bent.remove(place); }
                _ => {
                    let kind = std::mem::take(&mut bent[place].kind);
                    bent[place].subject.push_str(&kind);
                }
            }
            match walked(&bent) {
                Err(broken) => prop_assert!(broken.sequence >= entries[place].seq, "{broken}"),
                // Only the end can be cut off unnoticed by the chain itself; its head tells.
                Ok(head) => prop_assert!(what == 3 && head != whole),
            }
        }
    }

    #[test]
    fn a_gap_in_the_numbers_is_no_break() {
        let mut entries = chain(&["a".to_owned()]);
        let mut later = entries[0].clone();
        later.seq = 9;
        later.hash = entries[0].hash.then(later.content());
        entries.push(later);
        assert_eq!(walked(&entries).unwrap().seq, 9);
    }
}
