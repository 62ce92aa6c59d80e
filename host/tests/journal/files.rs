//! What is particular to a journal in a file: whose it is, earlier versions, and damage.

use std::path::PathBuf;
use std::sync::Arc;

use switchyard::config::StoreConfig;
use switchyard::secrets::Secrets;
use switchyard::store::{self, Journal, StoreError};
use switchyard::telemetry::Metrics;
use tempfile::TempDir;

use crate::orders::{acknowledged, keep, named, record, refused};
use crate::suite::{Home, is_whole};

/// A directory with a journal in it.
pub(crate) struct Directory(TempDir);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("journal.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }

    pub(crate) fn config(&self) -> StoreConfig {
        StoreConfig {
            url: self.url(),
            ..StoreConfig::default()
        }
    }

    /// Changes the file behind the journal's back.
    fn tamper(&self, sql: &str) {
        let database = rusqlite::Connection::open(self.path()).unwrap();
        database.execute_batch(sql).unwrap();
    }
}

impl Home for Directory {
    async fn open(&self) -> Result<Arc<Journal>, StoreError> {
        store::open(
            &self.config(),
            &Secrets::default(),
            Arc::new(Metrics::default()),
        )
        .await
    }
}

#[tokio::test]
async fn a_second_gateway_on_the_same_journal_is_refused() {
    let home = Directory::new();
    let _first = home.open().await.unwrap();
    assert!(matches!(home.open().await, Err(StoreError::InUse(_))));
}

/// A journal with six orders, each with an intent and a refusal, and closed again.
async fn written() -> Directory {
    let home = Directory::new();
    let journal = home.open().await.unwrap();
    for at in 0..6 {
        keep(&journal, &record("t", None, at), vec![refused()]).await;
    }
    is_whole(&journal).await;
    home
}

/// The journal opens, is read, takes nothing, and says where it breaks.
async fn breaks_at(home: &Directory, sequence: i64) {
    let journal = home.open().await.unwrap();
    let broken = journal.condition().broken().cloned().unwrap();
    assert_eq!(broken.sequence, sequence, "{broken}");
    let order = record("t", None, 99);
    let refused = journal
        .append(&order.order.id, vec![crate::orders::intent(&order)])
        .await;
    match refused {
        Err(StoreError::Broken(at)) => assert_eq!(at, broken),
        other => panic!("{other:?}"),
    }
    journal.orders(crate::orders::query("t")).await.unwrap();
    let error = journal.verify_all().await.unwrap_err();
    assert!(matches!(error, StoreError::Broken(_)), "{error}");
}

#[tokio::test]
async fn an_entry_that_was_changed_breaks_the_chain_where_it_stands() {
    for change in [
        "UPDATE entries SET body = replace(body, '60000.01', '60000.02') WHERE seq = 5",
        "UPDATE entries SET at_ms = at_ms + 1 WHERE seq = 5",
        "UPDATE entries SET kind = 'acknowledged' WHERE seq = 5",
        "UPDATE entries SET subject = subject || 'x' WHERE seq = 5",
        "UPDATE entries SET hash = zeroblob(32) WHERE seq = 5",
    ] {
        let home = written().await;
        home.tamper(change);
        breaks_at(&home, 5).await;
    }
}

#[tokio::test]
async fn an_entry_that_was_taken_out_breaks_the_chain_behind_it() {
    let home = written().await;
    home.tamper("DELETE FROM entries WHERE seq = 5");
    breaks_at(&home, 6).await;
    let home = written().await;
    home.tamper("DELETE FROM entries WHERE seq <= 2");
    breaks_at(&home, 3).await;
}

#[tokio::test]
async fn an_end_that_was_cut_off_is_noticed() {
    let home = written().await;
    home.tamper("DELETE FROM entries WHERE seq > 9");
    breaks_at(&home, 10).await;
    let home = written().await;
    home.tamper("DELETE FROM entries");
    breaks_at(&home, 1).await;
    let home = written().await;
    home.tamper("DELETE FROM chain_head");
    breaks_at(&home, 0).await;
}

#[tokio::test]
async fn an_entry_that_is_passed_off_as_removed_is_noticed() {
    let home = written().await;
    home.tamper(
        "UPDATE entries SET kind = 'checkpoint', subject = '', body = '{\"first\":5,\"entries\":1}' WHERE seq = 5",
    );
    breaks_at(&home, 0).await;
    // Beside entries that were removed rightly.
    let home = written().await;
    let journal = home.open().await.unwrap();
    let open = keep(&journal, &record("t", None, 7), vec![acknowledged("7")]).await;
    let soon = switchyard::model::Timestamp::now().plus(std::time::Duration::from_secs(60));
    journal.compact(soon).await.unwrap();
    let vouching = journal.head().await.unwrap().seq;
    is_whole(&journal).await;
    drop(journal);
    home.tamper(&format!(
        "UPDATE entries SET kind = 'checkpoint', subject = '', body = '{{\"first\":13,\"entries\":1}}'
         WHERE subject = '{}' AND kind = 'intent'",
        open.order.id
    ));
    breaks_at(&home, vouching).await;
}

#[tokio::test]
async fn a_page_that_is_damaged_breaks_the_chain_and_the_rest_is_read() {
    let home = written().await;
    let journal = home.open().await.unwrap();
    for at in 10..60 {
        keep(&journal, &record("t", None, at), vec![refused()]).await;
    }
    drop(journal);
    let database = rusqlite::Connection::open(home.path()).unwrap();
    database
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let page_size: usize = database
        .pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0))
        .unwrap()
        .try_into()
        .unwrap();
    drop(database);
    let mut bytes = std::fs::read(home.path()).unwrap();
    // The page that holds an entry in the middle; the projections are on others.
    let mark = b"\"kind\":\"place_failed\"";
    let places: Vec<usize> = (0..bytes.len() - mark.len())
        .filter(|at| bytes[*at..].starts_with(mark))
        .collect();
    let page = places[places.len() / 2] / page_size;
    bytes[page * page_size..(page + 1) * page_size].fill(0xff);
    std::fs::write(home.path(), bytes).unwrap();
    let journal = home.open().await.unwrap();
    let broken = journal.condition().broken().cloned().unwrap();
    assert!(broken.sequence > 1, "{broken}");
    assert!(broken.problem.contains("cannot be read"), "{broken}");
    let page = journal.orders(crate::orders::query("t")).await.unwrap();
    assert_eq!(page.records.len(), 56);
}

#[tokio::test]
async fn projections_that_were_changed_are_told_and_made_anew() {
    let home = written().await;
    home.tamper("UPDATE orders SET state = 'FILLED' WHERE created_at_ms = 3");
    home.tamper("DELETE FROM orders WHERE created_at_ms = 4");
    home.tamper(
        "INSERT INTO idempotency_keys VALUES ('t', 'forged', 'f', NULL, 9999999999999, NULL)",
    );
    let journal = home.open().await.unwrap();
    let differences = journal.differences().await.unwrap();
    assert_eq!(differences.len(), 4, "{differences:?}");
    assert!(differences.iter().any(|d| d.contains("forged")));
    journal.rebuild().await.unwrap();
    is_whole(&journal).await;
}

#[tokio::test]
async fn a_journal_of_the_third_version_keeps_its_chain_when_it_is_opened() {
    let home = written().await;
    let before = home.open().await.unwrap().head().await.unwrap();
    home.tamper("DROP TABLE moved_orders; PRAGMA user_version = 3;");
    let journal = home.open().await.unwrap();
    assert_eq!(journal.head().await.unwrap(), before);
    is_whole(&journal).await;
    keep(&journal, &record("t", None, 99), vec![refused()]).await;
    is_whole(&journal).await;
}

#[tokio::test]
async fn a_file_of_another_program_is_refused_and_not_touched() {
    let home = Directory::new();
    let path = home.path();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    let error = home.open().await.unwrap_err().to_string();
    assert!(
        error.contains("another program") && error.contains("journal.db"),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::write(
        &path,
        b"no database at all, but long enough to have a header of its own........",
    )
    .unwrap();
    assert!(matches!(home.open().await, Err(StoreError::Open { .. })));
}

/// What version 2 made, as far as it matters here: entries of orders only, without hashes.
const TO_VERSION_2: &str = "
DROP TABLE chain_head;
DROP TABLE idempotency_keys;
DROP INDEX entries_by_subject;
DROP INDEX entries_removed;
DROP INDEX entries_of_keys;
DROP INDEX orders_over;
DROP INDEX venue_orders_by_order;
DROP INDEX orders_watched;
ALTER TABLE orders DROP COLUMN updated_at_ms;
ALTER TABLE orders DROP COLUMN watched_until_ms;
CREATE TABLE events (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id  TEXT    NOT NULL,
    at_ms     INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    body      TEXT    NOT NULL
) STRICT;
INSERT INTO events SELECT seq * 2, subject, at_ms, kind, body FROM entries;
DROP TABLE entries;
CREATE INDEX events_by_order ON events (order_id, seq);
PRAGMA user_version = 2;
";

#[tokio::test]
async fn a_journal_of_the_second_version_is_chained_when_it_is_opened() {
    let home = written().await;
    home.tamper(TO_VERSION_2);
    let journal = home.open().await.unwrap();
    is_whole(&journal).await;
    let head = journal.head().await.unwrap();
    assert_eq!(
        (head.entries, head.seq),
        (12, 24),
        "gaps in the numbers are no breaks"
    );
    assert_eq!(
        journal
            .orders(crate::orders::query("t"))
            .await
            .unwrap()
            .records
            .len(),
        6
    );
    keep(&journal, &record("t", None, 50), vec![]).await;
    is_whole(&journal).await;
    drop(journal);
    home.tamper("UPDATE entries SET kind = 'x' WHERE seq = 8");
    breaks_at(&home, 8).await;
}

#[tokio::test]
async fn a_journal_of_the_first_version_learns_its_venue_ids_when_it_is_opened() {
    let home = Directory::new();
    let order = {
        let journal = home.open().await.unwrap();
        keep(&journal, &record("t", None, 1), vec![acknowledged("7")]).await
    };
    home.tamper(TO_VERSION_2);
    home.tamper("DROP TABLE venue_orders; PRAGMA user_version = 1;");
    let journal = home.open().await.unwrap();
    let found = journal.of_venue_ids("sim", vec![named("7")]).await.unwrap();
    assert_eq!(found.get(&named("7")), Some(&order.order.id));
    is_whole(&journal).await;
}
