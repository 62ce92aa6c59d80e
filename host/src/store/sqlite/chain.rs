//! The chain as it stands in the tables: its head, its entries, and whether they fit each other.

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};

use crate::model::Timestamp;
use crate::store::chain::{PAGE, check_end, check_start, check_vouched, checkpoint_bytes};
use crate::store::subject::JOURNAL;
use crate::store::{Break, ChainEntry, Content, Hash, Head, StoreError, Walk};

/// The chain's head, by its own row.
pub(super) fn head(connection: &Connection) -> Result<Option<Head>, StoreError> {
    let row = connection
        .prepare_cached("SELECT seq, hash, entries FROM chain_head WHERE id = 1")?
        .query_row([], |row| {
            let hash: Vec<u8> = row.get(1)?;
            Ok((row.get(0)?, Hash::parse(&hash), row.get(2)?))
        })
        .optional()?;
    Ok(row.and_then(|(seq, hash, entries)| hash.map(|hash| Head { seq, hash, entries })))
}

pub(super) fn write_head(connection: &Connection, head: &Head) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO chain_head (id, seq, hash, entries) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, entries = excluded.entries",
        )?
        .execute(params![head.seq, head.hash.as_bytes(), head.entries])?;
    Ok(())
}

/// Writes an entry behind the head, which moves to it.
pub(super) fn write_entry(
    connection: &Connection,
    head: &mut Head,
    at: Timestamp,
    (subject, kind, body): (&str, &str, &str),
) -> Result<(), rusqlite::Error> {
    let content = Content {
        seq: head.seq + 1,
        at_ms: at.as_millis(),
        subject,
        kind,
        body,
    };
    let hash = head.hash.then(content);
    connection
        .prepare_cached(
            "INSERT INTO entries (seq, subject, at_ms, kind, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![content.seq, subject, content.at_ms, kind, body, hash.as_bytes()])?;
    *head = Head {
        seq: content.seq,
        hash,
        entries: head.entries + 1,
    };
    Ok(())
}

fn entry(row: &Row<'_>) -> Result<Result<ChainEntry, Break>, rusqlite::Error> {
    let seq = row.get(0)?;
    let hash: Vec<u8> = row.get(5)?;
    let Some(hash) = Hash::parse(&hash) else {
        return Ok(Err(Break::at(seq, "it has no hash")));
    };
    Ok(Ok(ChainEntry {
        seq,
        at_ms: row.get(1)?,
        subject: row.get(2)?,
        kind: row.get(3)?,
        body: row.get(4)?,
        hash,
    }))
}

/// Entries after a place, in their order.
pub(super) fn entries(
    connection: &Connection,
    after: i64,
    limit: usize,
) -> Result<Vec<ChainEntry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, at_ms, subject, kind, body, hash FROM entries WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut entries = Vec::new();
    let mut rows = statement.query(params![after, limit])?;
    loop {
        let last = entries.last().map_or(after, |entry: &ChainEntry| entry.seq);
        let read = rows.next().and_then(|row| row.map(entry).transpose());
        match read {
            Ok(Some(read)) => entries.push(read.map_err(StoreError::Broken)?),
            Ok(None) => return Ok(entries),
            Err(error) if is_damage(&error) => {
                let text = format!("what comes after entry {last} cannot be read: {error}");
                return Err(StoreError::Broken(Break::at(last + 1, text)));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether an error says that what is in the file is not what was written.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    let is_corrupt = matches!(
        code,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    );
    is_corrupt || code.is_none()
}

/// Walks from a place to another, or to the end.
pub(super) fn walk(
    connection: &Connection,
    from: Walk,
    until: Option<i64>,
) -> Result<Head, StoreError> {
    let mut walk = from;
    loop {
        let page = entries(connection, walk.head().seq, PAGE)?;
        if page.is_empty() {
            return Ok(walk.head());
        }
        for entry in page {
            if until.is_some_and(|until| entry.seq > until) {
                return Ok(walk.head());
            }
            walk.step(&entry).map_err(StoreError::Broken)?;
        }
    }
}

/// Checks the whole chain, in one view of the file.
pub(super) fn verify_all(connection: &Connection) -> Result<Head, StoreError> {
    in_one_view(connection, |connection| {
        let expected = head(connection)?;
        let found = walk(connection, Walk::from_genesis(), None)?;
        check_end(expected, found)?;
        check_checkpoints(connection)?;
        Ok(found)
    })
}

/// Checks the newest entries, and that the chain ends where its head says. Returns the head, and what is
/// not checked yet.
pub(super) fn verify_newest(
    connection: &Connection,
    count: i64,
) -> Result<(Head, Option<Head>), StoreError> {
    in_one_view(connection, |connection| {
        let Some(expected) = head(connection)? else {
            return Err(StoreError::Broken(Break::at(0, "the chain has no head")));
        };
        check_checkpoints(connection)?;
        let before = connection
            .prepare_cached("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1 OFFSET ?1")?
            .query_row([count], |row| {
                let hash: Vec<u8> = row.get(1)?;
                Ok((row.get::<_, i64>(0)?, Hash::parse(&hash)))
            })
            .optional();
        let before = match before {
            Err(error) if is_damage(&error) => {
                walk(connection, Walk::from_genesis(), None)?; // finds where
                let text = format!("the entries cannot be read: {error}");
                return Err(StoreError::Broken(Break::at(0, text)));
            }
            other => other?,
        };
        let Some((seq, hash)) = before else {
            let found = walk(connection, Walk::from_genesis(), None)?;
            check_end(Some(expected), found)?;
            return Ok((found, None));
        };
        let hash = hash.ok_or_else(|| StoreError::Broken(Break::at(seq, "it has no hash")))?;
        let start = Head {
            seq,
            hash,
            entries: 0,
        };
        let found = walk(connection, Walk::after(start), None)?;
        let unchecked = Head {
            entries: expected.entries - found.entries,
            ..start
        };
        check_end(
            Some(expected),
            Head {
                entries: expected.entries,
                ..found
            },
        )?;
        Ok((expected, Some(unchecked)))
    })
}

/// Checks the entries up to a place that was checked from there on.
pub(super) fn verify_up_to(connection: &Connection, end: Head) -> Result<(), StoreError> {
    let found = walk(connection, Walk::from_genesis(), Some(end.seq))?;
    check_start(end, found)
}

/// Checks that entries are missing only where the newest compaction entry says so.
fn check_checkpoints(connection: &Connection) -> Result<(), StoreError> {
    let (count, digest) = checkpoints(connection)?;
    let vouched: Option<(i64, String)> = connection
        .prepare_cached(
            "SELECT seq, body FROM entries WHERE subject = ?1 AND kind = 'compacted' ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([JOURNAL], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    check_vouched(count, digest, vouched)
}

/// How many checkpoints there are, and one hash of all of them.
pub(super) fn checkpoints(connection: &Connection) -> Result<(usize, Hash), rusqlite::Error> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, body, hash FROM entries WHERE kind = 'checkpoint' ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    let (mut count, mut all) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        let (seq, hash): (i64, Vec<u8>) = (row.get(0)?, row.get(2)?);
        let body: String = row.get(1)?;
        all.extend(checkpoint_bytes(seq, &body, &hash));
        count += 1;
    }
    Ok((count, Hash::of(&all)))
}

fn in_one_view<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let view = connection.unchecked_transaction()?;
    let result = work(&view)?;
    view.finish()?;
    Ok(result)
}
