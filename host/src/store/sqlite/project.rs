//! What is made from the entries: orders as they are now, their ids at venues, and idempotency keys.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::{chain, schema};
use crate::model::{OrderId, OrderRecord, Timestamp, apply};
use crate::store::chain::PAGE;
use crate::store::keys::apply_to_key;
use crate::store::names::{VenueName, venue_names};
use crate::store::subject::Projected;
use crate::store::{ChainEntry, KeyEvent, KeyName, StoreError, StoredKey};

/// Differences that are told in words; there may be as many as there are orders.
const DIFFERENCES: usize = 100;

/// The order of an id.
pub(super) fn order(
    connection: &Connection,
    id: &str,
) -> Result<Option<Result<OrderRecord, serde_json::Error>>, rusqlite::Error> {
    let body = connection
        .prepare_cached("SELECT body FROM orders WHERE id = ?1")?
        .query_row([id], |row| row.get::<_, String>(0))
        .optional()?;
    Ok(body.map(|body| serde_json::from_str(&body)))
}

/// Writes the order as it is since `at`; `known` are its names that are written already.
pub(super) fn write_order(
    connection: &Connection,
    record: &OrderRecord,
    body: &str,
    at: Timestamp,
    known: &HashSet<VenueName>,
) -> Result<(), rusqlite::Error> {
    let order = &record.order;
    connection
        .prepare_cached(
            "INSERT INTO orders (id, tenant, venue, symbol, state, is_open, is_unresolved, client_order_id, created_at_ms, body, updated_at_ms,
                watched_until_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (id) DO UPDATE SET
                venue = excluded.venue, symbol = excluded.symbol, state = excluded.state, is_open = excluded.is_open, is_unresolved = excluded.is_unresolved,
                body = excluded.body, updated_at_ms = excluded.updated_at_ms,
                watched_until_ms = excluded.watched_until_ms",
        )?
        .execute(params![
            order.id.as_str(),
            record.tenant,
            record.at_venue(),
            order.symbol,
            order.state.name(),
            !order.state.is_final(),
            record.is_unresolved(),
            order.client_order_id,
            order.created_at.as_millis(),
            body,
            at.as_millis(),
            record.looked_for_until().map(Timestamp::as_millis),
        ])?;
    // A venue that begins its ids anew gives an old one to another order.
    for (venue, symbol, venue_order_id) in venue_names(record).difference(known) {
        connection
            .prepare_cached(
                "INSERT INTO venue_orders (venue, symbol, venue_order_id, order_id) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET order_id = excluded.order_id",
            )?
            .execute(params![venue, symbol, venue_order_id, order.id.as_str()])?;
    }
    if record.moved_to.is_some() {
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO moved_orders (order_id, asked_for) VALUES (?1, ?2)",
            )?
            .execute(params![order.id.as_str(), order.venue])?;
    }
    Ok(())
}

/// Takes an order out of the projections.
pub(super) fn forget_order(connection: &Connection, id: &str) -> Result<(), rusqlite::Error> {
    for table in [
        "DELETE FROM orders WHERE id = ?1",
        "DELETE FROM venue_orders WHERE order_id = ?1",
        "DELETE FROM moved_orders WHERE order_id = ?1",
    ] {
        connection.prepare_cached(table)?.execute([id])?;
    }
    Ok(())
}

/// What is known of a key.
pub(super) fn key(
    connection: &Connection,
    name: &KeyName,
) -> Result<Option<StoredKey>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT fingerprint, order_id, at_ms, answer FROM idempotency_keys WHERE tenant = ?1 AND key = ?2",
        )?
        .query_row([&name.tenant, &name.key], |row| {
            let answer: Option<String> = row.get(3)?;
            let answer = answer
                .map(|answer| serde_json::from_str(&answer))
                .transpose()
                .map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Text, Box::new(error))
                })?;
            Ok(StoredKey {
                fingerprint: row.get(0)?,
                order_id: row.get::<_, Option<String>>(1)?.map(|id| OrderId::from_text(&id)),
                at: Timestamp::from_millis(row.get(2)?),
                answer,
            })
        })
        .optional()
}

/// Makes of a key what an event makes of it.
pub(super) fn key_happened(
    connection: &Connection,
    event: &KeyEvent,
    at: Timestamp,
) -> Result<(), rusqlite::Error> {
    let name = event.name();
    let known = key(connection, name)?;
    let Some(now) = apply_to_key(known, event, at) else {
        return forget_key(connection, name);
    };
    let answer = now.answer.map(|answer| serde_json::to_string(&answer));
    let answer = answer
        .transpose()
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection
        .prepare_cached(
            "INSERT INTO idempotency_keys (tenant, key, fingerprint, order_id, at_ms, answer) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (tenant, key) DO UPDATE SET fingerprint = excluded.fingerprint,
                order_id = excluded.order_id, at_ms = excluded.at_ms, answer = excluded.answer",
        )?
        .execute(params![
            name.tenant,
            name.key,
            now.fingerprint,
            now.order_id.as_ref().map(OrderId::as_str),
            now.at.as_millis(),
            answer,
        ])?;
    Ok(())
}

fn forget_key(connection: &Connection, name: &KeyName) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM idempotency_keys WHERE tenant = ?1 AND key = ?2")?
        .execute([&name.tenant, &name.key])?;
    Ok(())
}

/// Makes of the projections what an entry makes of them.
fn replay(connection: &Connection, entry: &ChainEntry) -> Result<(), StoreError> {
    let at = Timestamp::from_millis(entry.at_ms);
    let event = match entry.projected()? {
        Projected::Nothing => return Ok(()),
        Projected::OfKey(event) => return Ok(key_happened(connection, &event, at)?),
        Projected::OfOrder(event) => event,
    };
    let before = order(connection, &entry.subject)?.transpose()?;
    let known = before.as_ref().map(venue_names).unwrap_or_default();
    let record = apply(before, &event, at)?;
    let body = serde_json::to_string(&record)?;
    Ok(write_order(connection, &record, &body, at, &known)?)
}

/// Makes anew what is projected from the entries of one subject.
pub(super) fn renew(connection: &Connection, subject: &str) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare("SELECT seq, at_ms, kind, body FROM entries WHERE subject = ?1 ORDER BY seq")?;
    let entries = statement.query_map([subject], |row| {
        Ok(ChainEntry {
            seq: row.get(0)?,
            at_ms: row.get(1)?,
            subject: subject.to_owned(),
            kind: row.get(2)?,
            body: row.get(3)?,
            hash: crate::store::Hash::genesis(), // not looked at
        })
    })?;
    match KeyName::of_subject(subject) {
        Some(name) => forget_key(connection, &name)?,
        None => forget_order(connection, subject)?,
    }
    for entry in entries {
        replay(connection, &entry?)?;
    }
    Ok(())
}

/// Makes all projections anew. What cannot be replayed is logged and left out.
pub(super) fn rebuild(connection: &Connection) -> Result<(), StoreError> {
    for table in TABLES {
        connection.execute(&format!("DELETE FROM {}", table.name), [])?;
    }
    for problem in replay_all(connection)? {
        tracing::error!(problem, "an entry cannot be replayed");
    }
    Ok(())
}

/// Replays every entry into the projections, which are empty. Returns what could not be replayed.
fn replay_all(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let (mut after, mut problems) = (0, Vec::new());
    loop {
        let page = chain::entries(connection, after, PAGE)?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.seq;
        for entry in &page {
            match replay(connection, entry) {
                Err(StoreError::Failed(problem)) if problems.len() < DIFFERENCES => {
                    problems.push(format!("entry {}: {problem}", entry.seq));
                }
                Err(StoreError::Lifecycle(problem)) if problems.len() < DIFFERENCES => {
                    problems.push(format!("entry {}: {problem}", entry.seq));
                }
                _ => {}
            }
        }
    }
    connection.execute(
        "DELETE FROM idempotency_keys WHERE at_ms < (SELECT keys_expired_before_ms FROM chain_head WHERE id = 1)",
        [],
    )?;
    Ok(problems)
}

/// A table that is projected.
struct Table {
    name: &'static str,
    /// What tells a row from others, in SQL.
    row: &'static str,
}

const TABLES: [Table; 4] = [
    Table {
        name: "orders",
        row: "id",
    },
    Table {
        name: "venue_orders",
        row: "venue || ' ' || symbol || ' ' || venue_order_id",
    },
    Table {
        name: "moved_orders",
        row: "order_id",
    },
    Table {
        name: "idempotency_keys",
        row: "tenant || ' ' || key",
    },
];

/// How the projections differ from a replay, in words. The connection is used for nothing else: temporary
/// tables hide the projections from it.
pub(super) fn differences(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let view = connection.unchecked_transaction()?;
    let shadows = schema::PROJECTIONS.replace("CREATE TABLE IF NOT EXISTS", "CREATE TEMP TABLE");
    view.execute_batch(&shadows)?;
    let mut found = replay_all(&view)?;
    for Table { name, row } in TABLES {
        for (from, other, says) in [
            ("main", "temp", "is not what the entries make of it"),
            (
                "temp",
                "main",
                "is missing, or is not what the entries make of it",
            ),
        ] {
            let mut statement = view.prepare(&format!(
                "SELECT {row} FROM (SELECT * FROM {from}.{name} EXCEPT SELECT * FROM {other}.{name}) LIMIT {DIFFERENCES}"
            ))?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            for row in rows {
                found.push(format!("{name}: {} {says}", row?));
            }
        }
    }
    found.dedup();
    Ok(found)
}
