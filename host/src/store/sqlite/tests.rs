//! Bad disks, and what a failed commit came to: what only someone inside can bring about.

use std::time::{Duration, Instant};

use super::writer::{Failed, Job};
use super::*;
use crate::model::Event;
use crate::store::{Journal, KeyClaim};

fn config(directory: &Path) -> StoreConfig {
    StoreConfig {
        url: format!("sqlite://{}", directory.join("journal.db").display()),
        ..StoreConfig::default()
    }
}

fn open(directory: &Path) -> Sqlite {
    Sqlite::open(&config(directory), Arc::new(Metrics::default())).unwrap()
}

fn intent(id: &OrderId) -> Event {
    let at = Timestamp::from_millis(1_000);
    let record = serde_json::json!({
        "order": {
            "id": id, "venue": "sim", "symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "1",
            "price": "2", "time_in_force": "gtc", "reduce_only": false, "state": "PENDING_NEW",
            "filled_quantity": "0", "average_price": null, "venue_order_id": null, "client_order_id": null,
            "origin": "gateway", "reason": null, "served_by": null, "created_at": at, "updated_at": at,
        },
        "tenant": "t", "endpoint": "spot", "client_id": id, "cancel_requested": false, "place_expires_at": null,
    });
    Event::Intent {
        record: serde_json::from_value(record).unwrap(),
        key_id: "k".into(),
        request_id: "r".into(),
    }
}

fn new_id() -> OrderId {
    OrderId::random().unwrap()
}

async fn keep(journal: &Journal, id: &OrderId) -> Result<OrderRecord, StoreError> {
    journal.append(id, vec![intent(id)]).await
}

#[tokio::test]
async fn a_state_is_counted_once_it_is_durable_and_not_for_what_was_refused() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = Arc::new(Metrics::default());
    metrics.orders.watch("sim");
    let journal = Sqlite::open(&config(directory.path()), metrics.clone()).unwrap();
    let entered = |state: &str| {
        let line = format!("switchyard_order_states_total{{venue=\"sim\",state=\"{state}\"}} ");
        let text = metrics.render();
        let value = text.lines().find_map(|found| found.strip_prefix(&line));
        value.unwrap().parse::<u64>().unwrap()
    };
    let id = new_id();
    keep(&journal, &id).await.unwrap();
    assert_eq!(entered("PENDING_NEW"), 1);
    let again = keep(&journal, &id).await;
    assert!(matches!(again, Err(StoreError::Lifecycle(_))), "{again:?}");
    assert_eq!((entered("PENDING_NEW"), entered("REJECTED")), (1, 0));
}

/// Tries until the journal takes an order; it looks after itself, within a bound.
async fn keep_at_last(journal: &Journal) -> OrderId {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let id = new_id();
        match keep(journal, &id).await {
            Ok(_) => return id,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The chain holds, and orders and keys are what the entries make of them.
async fn is_whole(journal: &Sqlite) {
    journal.verify_all().await.unwrap();
    assert_eq!(journal.differences().await.unwrap(), [""; 0]);
}

async fn inside(journal: &Sqlite, job: impl FnOnce(&mut Writer) + Send + 'static) {
    let done = journal.write(move |writer| {
        job(writer);
        Ok(())
    });
    done.await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_orders_keeps_what_was_acknowledged_and_is_recovered_from() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path());
    let first = new_id();
    keep(&journal, &first).await.unwrap();
    // From now on each connection that the writer opens finds the disk full: the file may not grow.
    let full = |writer: &mut Writer| {
        let connection = writer.connection.as_ref().unwrap();
        let pages: i64 = connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        connection
            .pragma_update(None, "max_page_count", pages)
            .unwrap();
    };
    inside(&journal, full).await;
    let (mut kept, mut refused) = (vec![first], Vec::new());
    while refused.is_empty() {
        let ids: Vec<OrderId> = (0..16).map(|_| new_id()).collect();
        let results = futures_util::future::join_all(ids.iter().map(|id| keep(&journal, id))).await;
        for (id, result) in ids.into_iter().zip(results) {
            match result {
                Ok(_) => kept.push(id),
                Err(error) => refused.push((id, error.to_string())),
            }
        }
    }
    assert!(refused[0].1.contains("full"), "{}", refused[0].1);
    assert!(matches!(journal.condition(), Condition::Unwritable { .. }));
    for id in &kept {
        assert!(journal.order(id).await.unwrap().is_some(), "reads go on");
    }
    for (id, _) in &refused {
        assert!(
            journal.order(id).await.unwrap().is_none(),
            "refused, and there"
        );
        assert!(journal.events(id).await.unwrap().is_empty());
    }
    keep_at_last(&journal).await;
    assert_eq!(journal.condition(), Condition::Sound);
    is_whole(&journal).await;
}

#[tokio::test]
async fn a_disk_that_turned_read_only_refuses_orders_and_is_recovered_from() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path());
    let first = keep_at_last(&journal).await;
    inside(&journal, |writer| {
        let connection = writer.connection.as_ref().unwrap();
        connection.pragma_update(None, "query_only", true).unwrap();
    })
    .await;
    let error = keep(&journal, &new_id()).await.unwrap_err().to_string();
    assert!(error.contains("readonly"), "{error}");
    assert!(journal.order(&first).await.unwrap().is_some());
    keep_at_last(&journal).await;
    is_whole(&journal).await;
}

#[tokio::test]
async fn a_lock_held_by_another_program_refuses_orders_until_it_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path());
    let first = keep_at_last(&journal).await;
    let other = Connection::open(directory.path().join("journal.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let refused = new_id();
    let error = keep(&journal, &refused).await.unwrap_err().to_string();
    assert!(error.contains("locked"), "{error}");
    assert!(
        journal.order(&first).await.unwrap().is_some(),
        "reads go on"
    );
    other.execute_batch("ROLLBACK").unwrap();
    keep_at_last(&journal).await;
    assert!(journal.order(&refused).await.unwrap().is_none());
    is_whole(&journal).await;
}

/// What is left when the disk kept a commit and said that it had not: the writer knows an older head.
fn failed_though_kept(commit: Commit) -> Job {
    Box::new(move |writer| {
        let acknowledged = writer.head;
        writer.write_group(&[commit]).pop().unwrap().unwrap();
        writer.head = acknowledged;
        writer.connection = None;
        writer.failed = Some(Failed {
            error: StoreError::Failed("disk I/O error".into()),
            try_again: Some(Instant::now()),
        });
    })
}

#[tokio::test]
async fn what_was_refused_is_taken_back_even_if_the_disk_kept_it() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path());
    let first = keep_at_last(&journal).await;
    let (refused, name) = (
        new_id(),
        crate::store::KeyName {
            tenant: "t".into(),
            key: "k".into(),
        },
    );
    let claim = KeyClaim::new(name.clone(), "f".into());
    let commit = Commit::of_order(&refused, vec![intent(&refused)]).claiming(Some(&claim));
    inside(&journal, failed_though_kept(commit)).await;
    assert!(
        journal.order(&refused).await.unwrap().is_some(),
        "kept, so far"
    );
    let second = keep_at_last(&journal).await;
    assert!(journal.order(&refused).await.unwrap().is_none());
    assert!(journal.events(&refused).await.unwrap().is_empty());
    assert_eq!(journal.key(name).await.unwrap(), None);
    for id in [&first, &second] {
        assert!(journal.order(id).await.unwrap().is_some());
    }
    let entries = journal.entries(0, 100).await.unwrap();
    let recovered = entries.iter().find(|entry| entry.kind == "recovered");
    let recovered = &recovered.unwrap().body;
    assert!(recovered.contains("\"taken_back\":2"), "{recovered}");
    is_whole(&journal).await;
}

#[tokio::test]
async fn a_change_that_was_refused_is_taken_back_from_the_order_it_was_made_to() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path());
    let id = keep_at_last(&journal).await;
    let before = journal.order(&id).await.unwrap().unwrap();
    let requested = Event::CancelRequested {
        key_id: "k".into(),
        request_id: "r".into(),
    };
    let commit = Commit::of_order(&id, vec![requested]);
    inside(&journal, failed_though_kept(commit)).await;
    keep_at_last(&journal).await;
    let after = journal.order(&id).await.unwrap().unwrap();
    assert_eq!(after, before, "nobody pursues a cancel that was refused");
    is_whole(&journal).await;
}

#[tokio::test]
async fn acknowledged_entries_that_are_gone_break_the_chain() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path());
    keep_at_last(&journal).await;
    keep_at_last(&journal).await;
    inside(&journal, |writer| {
        let connection = writer.connection.take().unwrap();
        connection
            .execute_batch("DELETE FROM entries WHERE seq = 2; UPDATE chain_head SET seq = 1, entries = 1, hash = (SELECT hash FROM entries)")
            .unwrap();
        writer.failed = Some(Failed {
            error: StoreError::Failed("disk I/O error".into()),
            try_again: Some(Instant::now()),
        });
    })
    .await;
    let error = keep(&journal, &new_id()).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Broken(at) if at.sequence == 2),
        "{error}"
    );
    assert!(journal.condition().broken().is_some());
}

#[tokio::test]
async fn damage_in_the_file_refuses_orders_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path());
    let first = keep_at_last(&journal).await;
    inside(&journal, |writer| {
        let error = rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            None,
        );
        let failed = writer.in_transaction(|_, _| Err::<(), _>(error));
        failed.unwrap_err();
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await; // past the time of another try
    keep(&journal, &new_id()).await.unwrap_err();
    assert!(journal.order(&first).await.unwrap().is_some());
}

#[tokio::test]
async fn one_commit_that_cannot_be_written_does_not_spoil_its_group() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path());
    let (good, stray) = (new_id(), new_id());
    let group = [
        Commit::of_order(&stray, vec![cancel()]),
        Commit::of_order(&good, vec![intent(&good)]),
    ];
    let (done, results) = oneshot::channel();
    inside(&journal, move |writer| {
        let _ = done.send(writer.write_group(&group));
    })
    .await;
    let results = results.await.unwrap();
    assert!(matches!(results[0], Err(StoreError::Lifecycle(_))));
    assert!(results[1].is_ok());
    is_whole(&journal).await;
}

fn cancel() -> Event {
    Event::CancelRequested {
        key_id: "k".into(),
        request_id: "r".into(),
    }
}

#[tokio::test]
async fn entries_older_than_those_checked_at_start_are_checked_beside_the_work() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path());
    for _ in 0..10 {
        keep_at_last(&journal).await;
    }
    let newest = |connection: &Connection| chain::verify_newest(connection, 4);
    let (head, rest) = journal.read(newest).await.unwrap();
    let rest = rest.unwrap();
    assert_eq!((head.entries, rest.entries, rest.seq), (10, 6, 6));
    let up_to = move |connection: &Connection| chain::verify_up_to(connection, rest);
    journal.read(up_to).await.unwrap();
    inside(&journal, |writer| {
        let connection = writer.connection.as_ref().unwrap();
        connection
            .execute_batch("UPDATE entries SET at_ms = at_ms + 1 WHERE seq = 3")
            .unwrap();
    })
    .await;
    journal.read(newest).await.unwrap();
    *journal.unchecked.lock().unwrap() = Some(rest);
    let error = journal.verify_rest().await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Broken(at) if at.sequence == 3),
        "{error}"
    );
    let refused = keep(&journal, &new_id()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Broken(_)), "{refused}");
}
