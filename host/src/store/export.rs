//! Entries as lines of JSON that a third party can verify by themselves.
//!
//! The first line says what was asked for, then comes one line for each entry, then one that says how many
//! there were. An entry's line is `{"seq", "at", "at_ms", "subject", "kind", "body", "prev", "hash"}`; its
//! hash is SHA-256 over `prev` (32 bytes), `seq` and `at_ms` (8 bytes each, big-endian), and `subject`, `kind` and
//! `body`, each as UTF-8 behind its length in bytes (8 bytes, big-endian). Where all entries of a range are
//! there, `prev` is the hash of the line before. Entries of one order have others between them, so their
//! lines are verified one by one.

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};

use super::chain::checkpoint_bytes;
use super::{Break, ChainEntry, Hash, Head, Journal, StoreError, Walk};
use crate::model::{OrderId, Timestamp};

/// Names the form of these lines.
const FORMAT: &str = "switchyard-journal/1";

/// Entries read at a time.
const PAGE: usize = 1_000;

/// Which entries are exported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRange {
    /// From the first that was written then or later.
    pub from: Option<Timestamp>,
    /// To the last that was written before.
    pub to: Option<Timestamp>,
    /// Of this order only.
    pub order: Option<OrderId>,
}

impl ExportRange {
    /// Whether the lines follow each other in the chain.
    fn is_whole(&self) -> bool {
        self.order.is_none()
    }

    fn has(&self, entry: &ChainEntry) -> bool {
        self.order
            .as_ref()
            .is_none_or(|order| order.as_str() == entry.subject)
    }
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct First {
    format: String,
    genesis: Hash,
    #[serde(flatten)]
    range: ExportRange,
}

/// An entry's line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    seq: i64,
    at: Timestamp,
    at_ms: i64,
    subject: String,
    kind: String,
    body: String,
    prev: Hash,
    hash: Hash,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Entries in the export.
    pub lines: u64,
    /// Place of the last entry of the journal, when it was exported.
    pub head_seq: i64,
    /// Its hash: what another copy of the journal is compared by.
    pub head_hash: Hash,
}

/// Why an export was not made, or does not verify.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reading or writing the lines.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A line that is not what it should be.
    #[error("line {line}: {problem}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
}

/// Writes entries as lines.
///
/// # Errors
/// [`ExportError`]
pub async fn export(
    journal: &Journal,
    range: ExportRange,
    output: &mut (impl Write + Send),
) -> Result<Exported, ExportError> {
    let head = journal.head().await?;
    write_line(
        output,
        &First {
            format: FORMAT.into(),
            genesis: Hash::genesis(),
            range: range.clone(),
        },
    )?;
    let mut lines = 0;
    visit_until(journal, head.seq, &range, |entry, prev| {
        lines += 1;
        Ok(write_line(output, &line(entry, prev))?)
    })
    .await?;
    let exported = Exported {
        lines,
        head_seq: head.seq,
        head_hash: head.hash,
    };
    write_line(output, &exported)?;
    output.flush()?;
    Ok(exported)
}

/// Gives each entry of a range to `visitor`, oldest first.
///
/// # Errors
/// [`ExportError::Store`], or what `visitor` fails with.
pub async fn visit(
    journal: &Journal,
    range: &ExportRange,
    mut visitor: impl FnMut(ChainEntry) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let head = journal.head().await?;
    visit_until(journal, head.seq, range, |entry, _| visitor(entry)).await
}

/// The same up to a place, and the visitor gets the hash before each entry too.
async fn visit_until(
    journal: &Journal,
    head: i64,
    range: &ExportRange,
    mut visitor: impl FnMut(ChainEntry, Hash) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let bounds = bounds(journal, range, head).await?;
    let (mut after, mut prev) = (0, Hash::genesis());
    while after < head {
        let page = journal.entries(after, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.seq;
        for entry in page {
            let hash = entry.hash;
            if bounds.is_some_and(|(first, last)| (first..=last).contains(&entry.seq))
                && range.has(&entry)
            {
                visitor(entry, prev)?;
            }
            prev = hash;
        }
    }
    Ok(())
}

/// Places of the first and the last entry of a range. Clocks are set back at times: what was written
/// between the two belongs to it.
async fn bounds(
    journal: &Journal,
    range: &ExportRange,
    head: i64,
) -> Result<Option<(i64, i64)>, StoreError> {
    if range.from.is_none() && range.to.is_none() {
        return Ok(Some((1, head)));
    }
    let (mut after, mut bounds) = (0, None);
    while after < head {
        let page = journal.entries(after, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.seq;
        for entry in page.iter().filter(|entry| entry.seq <= head) {
            let at = Timestamp::from_millis(entry.at_ms);
            if range.from.is_none_or(|from| at >= from) && range.to.is_none_or(|to| at < to) {
                bounds = Some((bounds.map_or(entry.seq, |(first, _)| first), entry.seq));
            }
        }
    }
    Ok(bounds)
}

fn line(entry: ChainEntry, prev: Hash) -> Line {
    Line {
        seq: entry.seq,
        at: Timestamp::from_millis(entry.at_ms),
        at_ms: entry.at_ms,
        subject: entry.subject,
        kind: entry.kind,
        body: entry.body,
        prev,
        hash: entry.hash,
    }
}

fn write_line(output: &mut impl Write, line: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *output, line)?;
    output.write_all(b"\n")
}

/// Verifies an export by itself, without the journal that it is of.
///
/// # Errors
/// [`ExportError::Line`], naming the first line that is not what it should be.
pub fn verify_export(input: impl BufRead) -> Result<Exported, ExportError> {
    visit_export(input, |_| Ok(()))
}

/// The same, and gives each entry to `visitor` as soon as its own line is verified.
///
/// # Errors
/// As [`verify_export`], and what `visitor` fails with.
pub fn visit_export(
    input: impl BufRead,
    mut visitor: impl FnMut(ChainEntry) -> Result<(), ExportError>,
) -> Result<Exported, ExportError> {
    let mut lines = input.lines().zip(1..);
    let wrong = |line: u64, problem: String| ExportError::Line { line, problem };
    let first: First = match lines.next() {
        Some((text, line)) => {
            serde_json::from_str(&text?).map_err(|e| wrong(line, e.to_string()))?
        }
        None => return Err(wrong(1, "there is none".into())),
    };
    if first.format != FORMAT || first.genesis != Hash::genesis() {
        return Err(wrong(1, format!("is not of the form {FORMAT}")));
    }
    let mut check = LineCheck::new(first.range);
    let mut count = 0;
    for (text, number) in lines {
        let text = text?;
        if let Ok(end) = serde_json::from_str::<Exported>(&text) {
            check
                .end(&end, count)
                .map_err(|problem| wrong(number, problem))?;
            return Ok(end);
        }
        let line: Line =
            serde_json::from_str(&text).map_err(|error| wrong(number, error.to_string()))?;
        let entry = check.next(line).map_err(|problem| wrong(number, problem))?;
        visitor(entry)?;
        count += 1;
    }
    Err(wrong(count + 2, "the end is missing".into()))
}

/// What is known while lines are verified.
struct LineCheck {
    range: ExportRange,
    last: Option<Head>,
    /// Whether the lines begin where the chain does.
    is_from_start: bool,
    checkpoints: Vec<u8>,
    /// What the newest compaction entry says of the checkpoints.
    vouched: Option<String>,
}

impl LineCheck {
    fn new(range: ExportRange) -> Self {
        Self {
            is_from_start: range.from.is_none() && range.is_whole(),
            range,
            last: None,
            checkpoints: Vec::new(),
            vouched: None,
        }
    }

    fn next(&mut self, line: Line) -> Result<ChainEntry, String> {
        let start = self.last.unwrap_or(Head {
            seq: 0,
            hash: Hash::genesis(),
            entries: 0,
        });
        let follows = self.range.is_whole() && (self.last.is_some() || self.is_from_start);
        if follows && line.prev != start.hash {
            return Err(format!(
                "entry {} does not follow the line before",
                line.seq
            ));
        }
        if line.at.as_millis() != line.at_ms {
            return Err(format!("entry {} has two times", line.seq));
        }
        let entry = ChainEntry {
            seq: line.seq,
            at_ms: line.at_ms,
            subject: line.subject,
            kind: line.kind,
            body: line.body,
            hash: line.hash,
        };
        if !self.range.has(&entry) {
            return Err(format!("entry {} is of another order", entry.seq));
        }
        let mut walk = Walk::after(Head {
            hash: line.prev,
            ..start
        });
        walk.step(&entry).map_err(|at: Break| at.to_string())?;
        match entry.kind.as_str() {
            super::CHECKPOINT => self.checkpoints.extend(checkpoint_bytes(
                entry.seq,
                &entry.body,
                entry.hash.as_bytes(),
            )),
            "compacted" => self.vouched = Some(entry.body.clone()),
            _ => {}
        }
        self.last = Some(walk.head());
        Ok(entry)
    }

    fn end(self, end: &Exported, count: u64) -> Result<(), String> {
        if end.lines != count {
            return Err(format!(
                "{} entries are expected, and there are {count}",
                end.lines
            ));
        }
        if !self.is_from_start || self.range.to.is_some() {
            return Ok(());
        }
        let (seq, hash) = self
            .last
            .map_or((0, Hash::genesis()), |last| (last.seq, last.hash));
        if (seq, hash) != (end.head_seq, end.head_hash) {
            return Err(format!(
                "the chain ends at {} and the lines at {seq}",
                end.head_seq
            ));
        }
        if self.checkpoints.is_empty() {
            return Ok(());
        }
        let digest = Hash::of(&self.checkpoints).to_string();
        match self.vouched {
            Some(body) if body.contains(&digest) => Ok(()),
            _ => Err("entries are marked as removed, and no entry vouches for that".into()),
        }
    }
}
