//! The tables, and how a database file is opened.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// Marks a database file as a Switchyard journal ("SWYD").
const APPLICATION_ID: i32 = 0x5357_5944;

/// Version of the tables below.
const SCHEMA_VERSION: i32 = 2;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS events (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id  TEXT    NOT NULL,
    at_ms     INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    body      TEXT    NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_by_order ON events (order_id, seq);

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
    body            TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS orders_by_time ON orders (tenant, created_at_ms, id);
CREATE INDEX IF NOT EXISTS orders_by_label ON orders (tenant, client_order_id) WHERE client_order_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_open ON orders (tenant, venue) WHERE is_open;
CREATE INDEX IF NOT EXISTS orders_unresolved ON orders (created_at_ms) WHERE is_unresolved;

CREATE TABLE IF NOT EXISTS venue_orders (
    venue           TEXT NOT NULL,
    symbol          TEXT NOT NULL,
    venue_order_id  TEXT NOT NULL,
    order_id        TEXT NOT NULL,
    PRIMARY KEY (venue, symbol, venue_order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS moved_orders (
    order_id  TEXT PRIMARY KEY,
    asked_for TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// What version 1 did not have: which of our orders goes by an id at its venue.
const FROM_VERSION_1: &str = "
INSERT OR IGNORE INTO venue_orders
SELECT venue, symbol, json_extract(body, '$.order.venue_order_id'), id FROM orders
WHERE json_extract(body, '$.order.venue_order_id') IS NOT NULL;
";

/// Opens the file for writing, makes the tables, and turns durability up: a commit is on the disk when
/// it returns.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let problem = |problem: String| StoreError::Open {
        path: path.display().to_string(),
        problem,
    };
    let sqlite = |error: rusqlite::Error| problem(error.to_string());
    let connection = Connection::open(path).map_err(sqlite)?;
    let integer =
        |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let application = integer("application_id").map_err(sqlite)?;
    let version = integer("user_version").map_err(sqlite)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(sqlite)?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(problem("it is a database of another program".into()));
    }
    if version > SCHEMA_VERSION {
        return Err(problem(format!(
            "it was written by a newer version (schema {version})"
        )));
    }
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(sqlite)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(sqlite)?;
    connection.execute_batch(TABLES).map_err(sqlite)?;
    if version == 1 {
        connection.execute_batch(FROM_VERSION_1).map_err(sqlite)?;
    }
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(sqlite)?;
    connection
        .pragma_update(None, "user_version", SCHEMA_VERSION)
        .map_err(sqlite)?;
    Ok(connection)
}

/// Opens the file for reading beside the writer.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(1))?;
    Ok(connection)
}
