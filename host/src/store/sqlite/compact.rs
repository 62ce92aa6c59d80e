//! Removes entries that nobody needs any more, so that what is left can still be verified: each run of
//! removed entries becomes one checkpoint with the hash of its last, and a new entry in the chain vouches
//! for all checkpoints there are.

use rusqlite::{OptionalExtension, Transaction, params};

use super::writer::Writer;
use super::{chain, project};
use crate::model::Timestamp;
use crate::store::subject::{Compacted, JOURNAL};
use crate::store::upkeep::{BATCH, KEY_MARGIN_MS};
use crate::store::{CHECKPOINT, Head, Removed, StoreError};

/// Forgets keys from before a time, a bounded number at once.
pub(super) fn expire_keys(writer: &mut Writer, before: Timestamp) -> Result<usize, StoreError> {
    writer.in_transaction(|transaction, _| {
        let before = before.as_millis();
        let forgotten = transaction
            .prepare_cached(
                "DELETE FROM idempotency_keys WHERE (tenant, key) IN
                 (SELECT tenant, key FROM idempotency_keys WHERE at_ms < ?1 LIMIT ?2)",
            )?
            .execute(params![before, BATCH])?;
        if forgotten == 0 {
            transaction
                .prepare_cached("UPDATE chain_head SET keys_expired_before_ms = max(keys_expired_before_ms, ?1)")?
                .execute([before])?;
        }
        Ok(forgotten)
    })
}

/// Removes what ended before a time, a bounded number of entries at once. Returns how many.
pub(super) fn compact(writer: &mut Writer, ended_before: Timestamp) -> Result<usize, StoreError> {
    let removed = writer.in_transaction(|transaction, head| {
        let mut removed = entries_of_keys(transaction, ended_before)?;
        removed.extend(entries_of_orders(transaction, ended_before)?);
        if removed.is_empty() {
            return Ok(0);
        }
        let count = removed.len();
        removed.extend(vouchers(transaction)?);
        removed.sort_unstable();
        for seq in removed {
            remove(transaction, seq)?;
        }
        vouch(transaction, head, count)?;
        Ok(count)
    })?;
    writer.metrics.journal.removed(removed);
    Ok(removed)
}

/// Entries of keys that are forgotten, and old enough.
fn entries_of_keys(
    transaction: &Transaction<'_>,
    ended_before: Timestamp,
) -> Result<Vec<i64>, rusqlite::Error> {
    let forgotten: i64 = transaction
        .prepare_cached("SELECT keys_expired_before_ms FROM chain_head")?
        .query_row([], |row| row.get(0))?;
    let before = ended_before.as_millis().min(forgotten - KEY_MARGIN_MS);
    transaction
        .prepare_cached(
            "SELECT seq FROM (SELECT seq, at_ms FROM entries WHERE subject >= 'key/' AND subject < 'key0'
             ORDER BY seq LIMIT ?2) WHERE at_ms < ?1",
        )?
        .query_map(params![before, BATCH], |row| row.get(0))?
        .collect()
}

/// All entries of orders that are over, which are forgotten with them.
fn entries_of_orders(
    transaction: &Transaction<'_>,
    ended_before: Timestamp,
) -> Result<Vec<i64>, rusqlite::Error> {
    let over: Vec<String> = transaction
        .prepare_cached(
            "SELECT id FROM orders WHERE NOT is_open AND NOT is_unresolved AND updated_at_ms < ?1
             AND (watched_until_ms IS NULL OR watched_until_ms < ?1)
             ORDER BY updated_at_ms LIMIT ?2",
        )?
        .query_map(params![ended_before.as_millis(), BATCH], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut entries = Vec::new();
    for id in over {
        if entries.len() >= BATCH as usize {
            break;
        }
        let mut statement =
            transaction.prepare_cached("SELECT seq FROM entries WHERE subject = ?1")?;
        for seq in statement.query_map([&id], |row| row.get(0))? {
            entries.push(seq?);
        }
        project::forget_order(transaction, &id)?;
    }
    Ok(entries)
}

/// Entries that vouched for the checkpoints so far.
fn vouchers(transaction: &Transaction<'_>) -> Result<Vec<i64>, rusqlite::Error> {
    transaction
        .prepare_cached("SELECT seq FROM entries WHERE subject = ?1 AND kind = 'compacted'")?
        .query_map([JOURNAL], |row| row.get(0))?
        .collect()
}

/// Makes an entry a checkpoint, and one with those beside it.
fn remove(transaction: &Transaction<'_>, seq: i64) -> Result<(), rusqlite::Error> {
    let mut run = Removed {
        first: seq,
        entries: 1,
    };
    let before = transaction
        .prepare_cached(
            "SELECT seq, kind, body FROM entries WHERE seq < ?1 ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([seq], checkpoint)
        .optional()?
        .flatten();
    if let Some((place, earlier)) = before {
        run = Removed {
            first: earlier.first,
            entries: earlier.entries + 1,
        };
        delete(transaction, place)?;
    }
    let after = transaction
        .prepare_cached("SELECT seq, kind, body FROM entries WHERE seq > ?1 ORDER BY seq LIMIT 1")?
        .query_row([seq], checkpoint)
        .optional()?
        .flatten();
    let place = match after {
        Some((place, later)) => {
            run.entries += later.entries;
            delete(transaction, seq)?;
            place
        }
        None => seq,
    };
    let body = format!("{{\"first\":{},\"entries\":{}}}", run.first, run.entries);
    transaction
        .prepare_cached(
            "UPDATE entries SET subject = '', at_ms = 0, kind = ?2, body = ?3 WHERE seq = ?1",
        )?
        .execute(params![place, CHECKPOINT, body])?;
    Ok(())
}

fn delete(transaction: &Transaction<'_>, seq: i64) -> Result<(), rusqlite::Error> {
    transaction
        .prepare_cached("DELETE FROM entries WHERE seq = ?1")?
        .execute([seq])?;
    Ok(())
}

fn checkpoint(row: &rusqlite::Row<'_>) -> Result<Option<(i64, Removed)>, rusqlite::Error> {
    let (seq, kind, body): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    if kind != CHECKPOINT {
        return Ok(None);
    }
    let run = serde_json::from_str(&body).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(Some((seq, run)))
}

fn vouch(
    transaction: &Transaction<'_>,
    head: &mut Head,
    removed: usize,
) -> Result<(), rusqlite::Error> {
    let (_, checkpoints) = chain::checkpoints(transaction)?;
    let body = serde_json::to_string(&Compacted {
        removed,
        checkpoints,
    })
    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let entry = (JOURNAL, "compacted", body.as_str());
    chain::write_entry(transaction, head, Timestamp::now(), entry)
}
