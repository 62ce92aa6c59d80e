//! The chain as it stands in the tables: its head, its entries, and whether they fit each other.

use tokio_postgres::Row;

use super::session::Session;
use crate::store::chain::{PAGE, check_end, check_start, check_vouched, checkpoint_bytes};
use crate::store::subject::JOURNAL;
use crate::store::{Break, ChainEntry, Hash, Head, StoreError, Walk};

/// Asks for the head.
pub(super) const HEAD: &str = "SELECT seq, hash, entries FROM chain_head WHERE id = 1";

/// The head of a row of [`HEAD`].
pub(super) fn head_of(row: Option<&Row>) -> Result<Head, StoreError> {
    let head = row.and_then(|row| {
        Some(Head {
            seq: row.get(0),
            hash: Hash::parse(row.get(1))?,
            entries: row.get(2),
        })
    });
    head.ok_or_else(|| StoreError::Broken(Break::at(0, "the chain has no head")))
}

/// The chain's head, by its own row.
pub(super) async fn head(session: &Session) -> Result<Head, StoreError> {
    head_of(session.first(HEAD, &[]).await?.as_ref())
}

pub(super) async fn write_head(session: &Session, head: &Head) -> Result<(), StoreError> {
    session
        .change(
            "UPDATE chain_head SET seq = $1, hash = $2, entries = $3 WHERE id = 1",
            &[&head.seq, &head.hash.as_bytes(), &head.entries],
        )
        .await
        .map(drop)
}

/// Columns of an entry, in the order of [`entry`].
pub(super) const ENTRY: &str = "seq, at_ms, subject, kind, body, hash";

/// The entry of a row.
pub(super) fn entry(row: &Row) -> Result<ChainEntry, StoreError> {
    let seq = row.get(0);
    let hash = Hash::parse(row.get(5));
    let hash = hash.ok_or_else(|| StoreError::Broken(Break::at(seq, "it has no hash")))?;
    Ok(ChainEntry {
        seq,
        at_ms: row.get(1),
        subject: row.get(2),
        kind: row.get(3),
        body: row.get(4),
        hash,
    })
}

/// Entries after a place, in their order.
pub(super) async fn entries(
    session: &Session,
    after: i64,
    limit: usize,
) -> Result<Vec<ChainEntry>, StoreError> {
    let sql = format!("SELECT {ENTRY} FROM entries WHERE seq > $1 ORDER BY seq LIMIT $2");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = session.rows(&sql, &[&after, &limit]).await?;
    rows.iter().map(entry).collect()
}

/// Walks from a place to another, or to the end.
pub(super) async fn walk(
    session: &Session,
    from: Walk,
    until: Option<i64>,
) -> Result<Head, StoreError> {
    let mut walk = from;
    loop {
        let page = entries(session, walk.head().seq, PAGE).await?;
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

/// Makes what is read until `COMMIT` one view of the database.
pub(super) async fn begin_view(session: &Session) -> Result<(), StoreError> {
    session
        .batch("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        .await
}

/// Checks the whole chain, in one view of the database. The connection is used for nothing else meanwhile.
pub(super) async fn verify_all(session: &Session) -> Result<Head, StoreError> {
    begin_view(session).await?;
    let expected = head(session).await?;
    let found = walk(session, Walk::from_genesis(), None).await?;
    check_end(Some(expected), found)?;
    check_checkpoints(session).await?;
    session.batch("COMMIT").await?;
    Ok(found)
}

/// Checks the newest entries, and that the chain ends where its head says. Returns the head, and what is
/// not checked yet. Nobody writes meanwhile.
pub(super) async fn verify_newest(
    session: &Session,
    count: i64,
) -> Result<(Head, Option<Head>), StoreError> {
    let expected = head(session).await?;
    check_checkpoints(session).await?;
    let before = session
        .first(
            "SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1 OFFSET $1",
            &[&count],
        )
        .await?;
    let Some(before) = before else {
        let found = walk(session, Walk::from_genesis(), None).await?;
        check_end(Some(expected), found)?;
        return Ok((found, None));
    };
    let seq = before.get(0);
    let hash = Hash::parse(before.get(1));
    let hash = hash.ok_or_else(|| StoreError::Broken(Break::at(seq, "it has no hash")))?;
    let start = Head {
        seq,
        hash,
        entries: 0,
    };
    let found = walk(session, Walk::after(start), None).await?;
    let unchecked = Head {
        entries: expected.entries - found.entries,
        ..start
    };
    let found = Head {
        entries: expected.entries,
        ..found
    };
    check_end(Some(expected), found)?;
    Ok((expected, Some(unchecked)))
}

/// Checks the entries up to a place that was checked from there on.
pub(super) async fn verify_up_to(session: &Session, end: Head) -> Result<(), StoreError> {
    let found = walk(session, Walk::from_genesis(), Some(end.seq)).await?;
    check_start(end, found)
}

/// Checks that entries are missing only where the newest compaction entry says so.
async fn check_checkpoints(session: &Session) -> Result<(), StoreError> {
    let (count, digest) = checkpoints(session).await?;
    let vouched = session
        .first(
            "SELECT seq, body FROM entries WHERE subject = $1 AND kind = 'compacted' ORDER BY seq DESC LIMIT 1",
            &[&JOURNAL],
        )
        .await?;
    check_vouched(count, digest, vouched.map(|row| (row.get(0), row.get(1))))
}

/// How many checkpoints there are, and one hash of all of them.
pub(super) async fn checkpoints(session: &Session) -> Result<(usize, Hash), StoreError> {
    let rows = session
        .rows(
            "SELECT seq, body, hash FROM entries WHERE kind = 'checkpoint' ORDER BY seq",
            &[],
        )
        .await?;
    let bytes = rows
        .iter()
        .flat_map(|row| checkpoint_bytes(row.get(0), row.get(1), row.get(2)));
    let bytes: Vec<u8> = bytes.collect();
    Ok((rows.len(), Hash::of(&bytes)))
}
