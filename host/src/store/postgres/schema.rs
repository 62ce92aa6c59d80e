//! The tables, and how a database comes to have them.

use super::session::{Session, open_error};
use crate::store::{Head, StoreError};

/// The schema of a database that is the gateway's.
pub(super) const SCHEMA: &str = "switchyard";

/// Version of the tables below.
const VERSION: i32 = 1;

/// Taken while tables are made: two gateways may start at once. "SWYD", as in the files of the embedded database.
const MAKING: i64 = 0x5357_5944;

/// Texts are compared byte by byte, as everywhere else.
const TABLES: &str = r#"
CREATE TABLE version (version int NOT NULL);

CREATE TABLE entries (
    seq       bigint PRIMARY KEY,
    subject   text COLLATE "C" NOT NULL,
    at_ms     bigint NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    body      text COLLATE "C" NOT NULL,
    hash      bytea NOT NULL
);
CREATE INDEX entries_by_subject ON entries (subject, seq);
CREATE INDEX entries_removed ON entries (seq) WHERE kind = 'checkpoint';
CREATE INDEX entries_of_keys ON entries (seq) WHERE subject >= 'key/' AND subject < 'key0';

CREATE TABLE chain_head (
    id                     int PRIMARY KEY CHECK (id = 1),
    seq                    bigint NOT NULL,
    hash                   bytea NOT NULL,
    entries                bigint NOT NULL,
    keys_expired_before_ms bigint NOT NULL DEFAULT 0
);

CREATE TABLE lease (
    id         int PRIMARY KEY CHECK (id = 1),
    epoch      bigint NOT NULL,
    holder     text NOT NULL,
    expires_at timestamptz NOT NULL
);
INSERT INTO lease VALUES (1, 0, 'nobody', '-infinity');

CREATE TABLE orders (
    id               text COLLATE "C" PRIMARY KEY,
    tenant           text COLLATE "C" NOT NULL,
    venue            text COLLATE "C" NOT NULL,
    symbol           text COLLATE "C" NOT NULL,
    state            text COLLATE "C" NOT NULL,
    is_open          boolean NOT NULL,
    is_unresolved    boolean NOT NULL,
    client_order_id  text COLLATE "C",
    created_at_ms    bigint NOT NULL,
    body             text COLLATE "C" NOT NULL,
    updated_at_ms    bigint NOT NULL,
    watched_until_ms bigint
);
CREATE INDEX orders_by_time ON orders (tenant, created_at_ms, id);
CREATE INDEX orders_by_label ON orders (tenant, client_order_id) WHERE client_order_id IS NOT NULL;
CREATE INDEX orders_open ON orders (tenant, venue) WHERE is_open;
CREATE INDEX orders_unresolved ON orders (created_at_ms) WHERE is_unresolved;
CREATE INDEX orders_over ON orders (updated_at_ms) WHERE NOT is_open AND NOT is_unresolved;
CREATE INDEX orders_watched ON orders (watched_until_ms) WHERE watched_until_ms IS NOT NULL;

CREATE TABLE venue_orders (
    venue          text COLLATE "C" NOT NULL,
    symbol         text COLLATE "C" NOT NULL,
    venue_order_id text COLLATE "C" NOT NULL,
    order_id       text COLLATE "C" NOT NULL,
    PRIMARY KEY (venue, symbol, venue_order_id)
);
CREATE INDEX venue_orders_by_order ON venue_orders (order_id);

CREATE TABLE moved_orders (
    order_id  text COLLATE "C" PRIMARY KEY,
    asked_for text COLLATE "C" NOT NULL
);

CREATE TABLE idempotency_keys (
    tenant      text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    order_id    text COLLATE "C",
    at_ms       bigint NOT NULL,
    answer      text COLLATE "C",
    PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (at_ms);
"#;

/// Makes the tables where they are not.
pub(super) async fn make(session: &Session, server: &str) -> Result<(), StoreError> {
    session.batch("BEGIN").await?;
    session
        .rows("SELECT pg_advisory_xact_lock($1)", &[&MAKING])
        .await?;
    let schema = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    if session.first(schema, &[&SCHEMA]).await?.is_none() {
        session
            .batch(&format!("CREATE SCHEMA {SCHEMA}; {TABLES}"))
            .await?;
        session
            .change("INSERT INTO version VALUES ($1)", &[&VERSION])
            .await?;
        let head = Head::empty();
        session
            .change(
                "INSERT INTO chain_head (id, seq, hash, entries) VALUES (1, $1, $2, $3)",
                &[&head.seq, &head.hash.as_bytes(), &head.entries],
            )
            .await?;
    }
    session.batch("COMMIT").await?;
    check_version(session, server).await
}

/// Checks that the tables are those of this version.
pub(super) async fn check_version(session: &Session, server: &str) -> Result<(), StoreError> {
    let table = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'version'";
    if session.first(table, &[&SCHEMA]).await?.is_none() {
        let text = format!("its schema {SCHEMA:?} is not a journal's");
        return Err(open_error(server, text));
    }
    let row = session.one("SELECT version FROM version", &[]).await?;
    match row.get::<_, i32>(0) {
        VERSION => Ok(()),
        newer => {
            let text = format!("it was written by a newer version (schema {newer})");
            Err(open_error(server, text))
        }
    }
}
