//! The tables, and how a database file is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::chain;
use crate::store::{Content, Head, StoreError};

/// Marks a database file as a Switchyard journal ("SWYD").
const APPLICATION_ID: i32 = 0x5357_5944;

/// Version of the tables below.
const SCHEMA_VERSION: i32 = 4;

/// The first version whose entries are chained. What version 4 adds to it needs no more than its table.
const FIRST_CHAINED: i32 = 3;

/// How long another program's lock on the file is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// What is left of the write-ahead log file once everything in it is in the database, in bytes.
pub(super) const WAL_BYTES: u64 = 64 * 1024 * 1024;

const ENTRIES: &str = "
CREATE TABLE IF NOT EXISTS entries (
    seq       INTEGER PRIMARY KEY,
    subject   TEXT    NOT NULL,
    at_ms     INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    body      TEXT    NOT NULL,
    hash      BLOB    NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS entries_by_subject ON entries (subject, seq);
CREATE INDEX IF NOT EXISTS entries_removed ON entries (seq) WHERE kind = 'checkpoint';
CREATE INDEX IF NOT EXISTS entries_of_keys ON entries (seq) WHERE subject >= 'key/' AND subject < 'key0';

CREATE TABLE IF NOT EXISTS chain_head (
    id                     INTEGER PRIMARY KEY CHECK (id = 1),
    seq                    INTEGER NOT NULL,
    hash                   BLOB    NOT NULL,
    entries                INTEGER NOT NULL,
    keys_expired_before_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
";

/// What is made from the entries, and can be made again. Temporary tables of the same names hide them
/// from a connection that has them.
pub(super) const PROJECTIONS: &str = "
CREATE TABLE IF NOT EXISTS orders (
    id              TEXT    PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    venue           TEXT    NOT NULL,
    symbol          TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    is_open         INTEGER NOT NULL,
    is_unresolved   INTEGER NOT NULL,
    client_order_id TEXT,
    created_at_ms   INTEGER NOT NULL,
    body            TEXT    NOT NULL,
    updated_at_ms   INTEGER NOT NULL DEFAULT 0,
    watched_until_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS venue_orders (
    venue           TEXT NOT NULL,
    symbol          TEXT NOT NULL,
    venue_order_id  TEXT NOT NULL,
    order_id        TEXT NOT NULL,
    PRIMARY KEY (venue, symbol, venue_order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS moved_orders (
    order_id        TEXT PRIMARY KEY,
    asked_for       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS idempotency_keys (
    tenant          TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    fingerprint     TEXT    NOT NULL,
    order_id        TEXT,
    at_ms           INTEGER NOT NULL,
    answer          TEXT,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
";

const INDICES: &str = "
CREATE INDEX IF NOT EXISTS orders_by_time ON orders (tenant, created_at_ms, id);
CREATE INDEX IF NOT EXISTS orders_by_label ON orders (tenant, client_order_id) WHERE client_order_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_open ON orders (tenant, venue) WHERE is_open;
CREATE INDEX IF NOT EXISTS orders_unresolved ON orders (created_at_ms) WHERE is_unresolved;
CREATE INDEX IF NOT EXISTS orders_over ON orders (updated_at_ms) WHERE NOT is_open AND NOT is_unresolved;
CREATE INDEX IF NOT EXISTS orders_watched ON orders (watched_until_ms) WHERE watched_until_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS venue_orders_by_order ON venue_orders (order_id);
CREATE INDEX IF NOT EXISTS idempotency_keys_by_time ON idempotency_keys (at_ms);
";

/// What version 1 did not have: which of our orders goes by an id at its venue.
const FROM_VERSION_1: &str = "
INSERT OR IGNORE INTO venue_orders
SELECT venue, symbol, json_extract(body, '$.order.venue_order_id'), id FROM orders
WHERE json_extract(body, '$.order.venue_order_id') IS NOT NULL;
";

/// What version 2 had and version 3 has otherwise: entries were of orders only, and not chained.
const FROM_VERSION_2: &str = "
DROP INDEX IF EXISTS events_by_order;
ALTER TABLE events RENAME TO entries;
ALTER TABLE entries RENAME COLUMN order_id TO subject;
ALTER TABLE entries ADD COLUMN hash BLOB NOT NULL DEFAULT x'';
ALTER TABLE orders ADD COLUMN updated_at_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN watched_until_ms INTEGER;
";

const LAST_UPDATES: &str = "
UPDATE orders SET updated_at_ms = coalesce((SELECT max(at_ms) FROM entries WHERE subject = orders.id), 0);
";

/// Opens the file for writing, makes the tables or brings them up to date, and turns durability up: a
/// commit is on the disk when it returns.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path).map_err(|error| problem(path, error))?;
    let version = version(path, &connection)?;
    if version == 0 {
        // Space that retention frees can then be given back; it must stand before the first table.
        set(path, &connection, "auto_vacuum", "INCREMENTAL")?;
    }
    make_durable(path, &connection)?;
    if version < SCHEMA_VERSION {
        bring_up_to_date(&mut connection, version).map_err(|error| match error {
            StoreError::Failed(text) => problem(path, text),
            other => other,
        })?;
    }
    Ok(connection)
}

/// Opens a file again that was open before: it is there and has its tables, or something is wrong.
pub(super) fn reopen(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::default() - OpenFlags::SQLITE_OPEN_CREATE;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| problem(path, error))?;
    if version(path, &connection)? != SCHEMA_VERSION {
        return Err(problem(path, "it is not the journal that it was"));
    }
    make_durable(path, &connection)?;
    Ok(connection)
}

/// Opens the file for reading beside the writer.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Checks that a file which is only read has the tables of this version.
pub(super) fn check_version(path: &Path) -> Result<(), StoreError> {
    let connection = open_for_reading(path).map_err(|error| problem(path, error))?;
    match version(path, &connection)? {
        SCHEMA_VERSION => Ok(()),
        version => {
            let text = format!(
                "it was written by an older version (schema {version}); start the gateway on it once"
            );
            Err(problem(path, text))
        }
    }
}

fn problem(path: &Path, problem: impl std::fmt::Display) -> StoreError {
    StoreError::Open {
        path: path.display().to_string(),
        problem: problem.to_string(),
    }
}

fn set(path: &Path, connection: &Connection, pragma: &str, value: &str) -> Result<(), StoreError> {
    connection
        .pragma_update(None, pragma, value)
        .map_err(|error| problem(path, error))
}

/// The version of the tables in a file of ours; 0 in an empty one.
fn version(path: &Path, connection: &Connection) -> Result<i32, StoreError> {
    let sqlite = |error: rusqlite::Error| problem(path, error);
    let integer =
        |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let application = integer("application_id").map_err(sqlite)?;
    let version = integer("user_version").map_err(sqlite)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(sqlite)?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(problem(path, "it is a database of another program"));
    }
    if version > SCHEMA_VERSION {
        let text = format!("it was written by a newer version (schema {version})");
        return Err(problem(path, text));
    }
    Ok(version)
}

fn make_durable(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(|error| problem(path, error))?;
    set(path, connection, "journal_mode", "WAL")?;
    set(path, connection, "synchronous", "FULL")?;
    set(
        path,
        connection,
        "journal_size_limit",
        &WAL_BYTES.to_string(),
    )
}

fn bring_up_to_date(connection: &mut Connection, version: i32) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let is_unchained = (1..FIRST_CHAINED).contains(&version);
    if is_unchained {
        transaction.execute_batch(FROM_VERSION_2)?;
    }
    transaction.execute_batch(ENTRIES)?;
    transaction.execute_batch(PROJECTIONS)?;
    if version == 1 {
        transaction.execute_batch(FROM_VERSION_1)?;
    }
    if is_unchained {
        transaction.execute_batch(LAST_UPDATES)?;
    }
    transaction.execute_batch(INDICES)?;
    if version < FIRST_CHAINED {
        let head = chain_up(&transaction)?;
        chain::write_head(&transaction, &head)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Chains entries that were written without.
fn chain_up(connection: &Connection) -> Result<Head, StoreError> {
    let mut head = Head::empty();
    let mut read = connection.prepare(
        "SELECT seq, at_ms, subject, kind, body FROM entries WHERE seq > ?1 ORDER BY seq LIMIT 1",
    )?;
    let mut write = connection.prepare("UPDATE entries SET hash = ?2 WHERE seq = ?1")?;
    loop {
        let mut rows = read.query([head.seq])?;
        let Some(row) = rows.next()? else {
            return Ok(head);
        };
        let text = |column: usize| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
        let content = Content {
            seq: row.get(0)?,
            at_ms: row.get(1)?,
            subject: text(2)?,
            kind: text(3)?,
            body: text(4)?,
        };
        head = Head {
            seq: content.seq,
            hash: head.hash.then(content),
            entries: head.entries + 1,
        };
        drop(rows);
        write.execute(params![head.seq, head.hash.as_bytes()])?;
    }
}
