//! What is particular to a journal on a server: who may write it, and what a broken connection leaves open.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchyard::config::StoreConfig;
use switchyard::model::OrderId;
use switchyard::secrets::Secrets;
use switchyard::store::{self, Condition, Journal, KeyClaim, Standing, StoreError};
use switchyard::telemetry::Metrics;
use switchyard_postgres_server::PostgresServer;
use tokio::time::{sleep, timeout};

use crate::keys::key;
use crate::orders::{acknowledged, intent, record};
use crate::proxy::{Fate, Mode, Proxy};
use crate::suite::{Home, is_whole};

/// The shortest lease that can be configured.
const LEASE: Duration = Duration::from_secs(2);

/// How long the lease may take to pass on.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server with a journal on it.
pub(crate) struct Server(pub(crate) PostgresServer);

impl Server {
    pub(crate) fn start() -> Option<Self> {
        PostgresServer::start().map(Self)
    }

    pub(crate) fn config(&self) -> StoreConfig {
        StoreConfig {
            url: self.0.url(),
            lease_seconds: LEASE.as_secs(),
            ..StoreConfig::default()
        }
    }

    /// Opens it as one more gateway.
    async fn join(&self) -> Arc<Journal> {
        let metrics = Arc::new(Metrics::default());
        store::open(&self.config(), &Secrets::default(), metrics)
            .await
            .unwrap()
    }
}

impl Home for Server {
    async fn open(&self) -> Result<Arc<Journal>, StoreError> {
        let journal = self.join().await;
        let lease = journal.lease();
        let acquired = timeout(PATIENCE, lease.acquired());
        acquired.await.expect("the lease passes on");
        Ok(journal)
    }
}

/// A commit under another's nose: what becomes of it is to be seen afterwards.
async fn place(journal: &Arc<Journal>) -> Result<OrderId, StoreError> {
    let order = record("t", None, 1);
    let id = order.order.id.clone();
    journal.append(&id, vec![intent(&order)]).await?;
    Ok(id)
}

/// Tries until the journal takes an order; it looks after itself, within a bound.
async fn place_at_last(journal: &Arc<Journal>) -> OrderId {
    let placing = async {
        loop {
            match place(journal).await {
                Ok(id) => return id,
                Err(error) => println!("refused: {error}"),
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, placing)
        .await
        .expect("it looks after itself")
}

async fn acquired(journal: &Arc<Journal>) {
    let lease = journal.lease();
    timeout(PATIENCE, lease.acquired()).await.unwrap();
}

/// The body of the newest entry of a kind that the journal wrote about itself.
async fn newest(journal: &Arc<Journal>, kind: &str) -> Option<String> {
    let entries = journal.entries(0, 10_000).await.unwrap();
    let found = entries.into_iter().rev().find(|entry| entry.kind == kind);
    found.map(|entry| entry.body)
}

#[tokio::test]
async fn a_standby_reads_writes_nothing_and_takes_over_when_the_active_gateway_closes() {
    let Some(server) = Server::start() else {
        return;
    };
    let first = server.open().await.unwrap();
    let id = place(&first).await.unwrap();
    let second = server.join().await;
    assert_eq!(second.lease().standing(), Standing::Standby);
    assert_eq!(second.condition(), Condition::Standby);
    assert!(!second.lease().is_held());
    assert!(second.order(&id).await.unwrap().is_some(), "it reads");
    let refused = place(&second).await.unwrap_err();
    assert!(matches!(refused, StoreError::Standby), "{refused}");

    let closed = Instant::now();
    first.close().await.unwrap();
    acquired(&second).await;
    println!("taken over {:?} after the close", closed.elapsed());
    assert!(closed.elapsed() < LEASE, "nobody waits for the lease's end");
    assert!(!first.lease().is_held());
    place(&first).await.unwrap_err();
    place(&second).await.unwrap();
    is_whole(&second).await;
}

#[tokio::test]
async fn a_gateway_that_was_cut_off_writes_nothing_once_another_has_taken_over() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = Proxy::before(&server).await;
    let first = proxy.open(&server).await;
    let kept = place(&first).await.unwrap();
    let second = server.join().await;
    proxy.mode(Mode::Stalled);
    let late = tokio::spawn({
        let first = first.clone();
        async move { place(&first).await }
    });
    let stalled = Instant::now();
    acquired(&second).await;
    println!(
        "taken over {:?} after the first was cut off",
        stalled.elapsed()
    );
    assert!(!first.lease().is_held(), "it sends nothing by then");
    let theirs = place(&second).await.unwrap();
    // Everything that it said meanwhile arrives now, and so does what was said to it.
    proxy.mode(Mode::Open);
    let refused = timeout(PATIENCE, late).await.unwrap().unwrap();
    println!("{refused:?}");
    assert!(refused.is_err());
    let lease = first.lease();
    timeout(PATIENCE, lease.lost()).await.unwrap();
    let refused = place(&first).await.unwrap_err();
    assert!(matches!(refused, StoreError::Fenced(_)), "{refused}");
    let mine = crate::orders::ids(&second, crate::orders::query("t")).await;
    let mut expected = [kept.to_string(), theirs.to_string()];
    expected.sort();
    assert_eq!(mine, expected, "nothing of the first came after");
    is_whole(&second).await;
}

#[tokio::test]
async fn a_gateway_that_is_stopped_in_the_middle_of_a_transaction_does_not_keep_another_from_taking_over()
 {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = Proxy::before(&server).await;
    let first = proxy.open(&server).await;
    let second = server.join().await;
    proxy.mode(Mode::Commit(Fate::Held));
    let late = tokio::spawn({
        let first = first.clone();
        async move { place(&first).await }
    });
    timeout(PATIENCE, proxy.met()).await.unwrap();
    acquired(&second).await;
    late.abort();
    let listed = crate::orders::ids(&second, crate::orders::query("t")).await;
    assert!(listed.is_empty(), "its transaction is undone");
    place(&second).await.unwrap();
    is_whole(&second).await;
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_taken_back_before_anything_else_is_written() {
    for (fate, taken_back) in [
        (Fate::DoneUnanswered, 2),
        (Fate::Lost, 0),
        (Fate::HeldAndCut, 0),
    ] {
        println!("{fate:?}");
        let Some(server) = Server::start() else {
            return;
        };
        let proxy = Proxy::before(&server).await;
        let journal = proxy.open(&server).await;
        let first = place(&journal).await.unwrap();
        proxy.mode(Mode::Commit(fate));
        let order = record("t", None, 2);
        let claim = KeyClaim::new(key("t", "k"), "f".into());
        crate::keys::claim(&journal, &order, &claim)
            .await
            .unwrap_err();
        assert!(!claim.is_durable());
        let second = place_at_last(&journal).await;
        let refused = journal.order(&order.order.id).await.unwrap();
        assert!(refused.is_none(), "refused, and there");
        assert_eq!(journal.key(key("t", "k")).await.unwrap(), None);
        for id in [&first, &second] {
            assert!(journal.order(id).await.unwrap().is_some());
        }
        let recovered = newest(&journal, "recovered").await.unwrap();
        let expected = format!("\"taken_back\":{taken_back}");
        assert!(recovered.contains(&expected), "{recovered}");
        is_whole(&journal).await;
    }
}

#[tokio::test]
async fn orders_are_refused_while_the_server_is_gone_and_taken_when_it_is_back() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let journal = server.open().await.unwrap();
    let kept = place(&journal).await.unwrap();
    server.0.crash();
    let asked = Instant::now();
    place(&journal).await.unwrap_err();
    assert!(asked.elapsed() < LEASE, "nobody is kept waiting");
    assert!(matches!(journal.condition(), Condition::Unwritable { .. }));
    let lapsed = async {
        while journal.lease().is_held() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, lapsed).await.expect("its lease runs out");
    server.0.start_again(&[]);
    place_at_last(&journal).await;
    assert!(journal.lease().is_held(), "nobody else took it");
    assert!(journal.order(&kept).await.unwrap().is_some());
    is_whole(&journal).await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash_of_a_server_that_is_set_to_forget() {
    let Some(mut server) = Server::start() else {
        return;
    };
    server.0.crash();
    let forgetful = [
        "synchronous_commit=off",
        "wal_writer_delay=10s",
        "wal_writer_flush_after=1GB",
    ];
    server.0.start_again(&forgetful);
    let journal = server.open().await.unwrap();
    let id = place(&journal).await.unwrap();
    server.0.crash();
    drop(journal);
    server.0.start_again(&[]);
    let again = server.open().await.unwrap();
    assert!(again.order(&id).await.unwrap().is_some());
    is_whole(&again).await;
}

#[tokio::test]
async fn a_server_that_does_not_sync_is_refused() {
    let Some(mut server) = Server::start() else {
        return;
    };
    server.0.crash();
    server.0.start_again(&["fsync=off"]);
    let metrics = Arc::new(Metrics::default());
    let refused = store::open(&server.config(), &Secrets::default(), metrics)
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("store.url") && text.contains("fsync"),
        "{text}"
    );
}

#[tokio::test]
async fn an_entry_that_was_changed_breaks_the_chain_where_it_stands_and_the_rest_is_read() {
    let fifth = "(SELECT seq FROM switchyard.entries ORDER BY seq OFFSET 4 LIMIT 1)";
    for (change, sequence) in [
        (
            "UPDATE switchyard.entries SET body = replace(body, '60000.01', '60000.02')",
            5,
        ),
        (
            "UPDATE switchyard.entries SET hash = decode(repeat('00', 32), 'hex')",
            5,
        ),
        ("DELETE FROM switchyard.entries", 6),
    ] {
        let Some(server) = Server::start() else {
            return;
        };
        let journal = server.open().await.unwrap();
        for at in 0..6 {
            crate::orders::keep(&journal, &record("t", None, at), vec![]).await;
        }
        journal.close().await.unwrap();
        server.0.run(&format!("{change} WHERE seq = {fifth}"));
        let journal = server.join().await;
        let broken = journal.condition().broken().cloned().unwrap();
        assert_eq!(broken.sequence, sequence, "{broken}");
        place(&journal).await.unwrap_err();
        assert_eq!(
            crate::orders::ids(&journal, crate::orders::query("t"))
                .await
                .len(),
            6
        );
    }
}

#[tokio::test]
async fn projections_that_were_changed_are_told_and_made_anew() {
    let Some(server) = Server::start() else {
        return;
    };
    let journal = server.open().await.unwrap();
    for at in 0..6 {
        crate::orders::keep(&journal, &record("t", None, at), vec![acknowledged("7")]).await;
    }
    server.0.run(
        "UPDATE switchyard.orders SET state = 'FILLED' WHERE created_at_ms = 3;
         DELETE FROM switchyard.orders WHERE created_at_ms = 4;
         INSERT INTO switchyard.idempotency_keys VALUES ('t', 'forged', 'f', NULL, 9999999999999, NULL)",
    );
    let differences = journal.differences().await.unwrap();
    assert_eq!(differences.len(), 4, "{differences:?}");
    assert!(differences.iter().any(|text| text.contains("forged")));
    journal.rebuild().await.unwrap();
    is_whole(&journal).await;
}

#[tokio::test]
async fn texts_that_the_database_cannot_hold_refuse_one_commit_and_find_nothing() {
    let Some(server) = Server::start() else {
        return;
    };
    let journal = server.open().await.unwrap();
    let id = place(&journal).await.unwrap();
    let cursed = journal.append(&id, vec![acknowledged("a\0b")]);
    let (cursed, other) = tokio::join!(cursed, place(&journal));
    cursed.unwrap_err();
    other.unwrap();
    let nothing = OrderId::from_text("a\0b");
    assert!(journal.order(&nothing).await.unwrap().is_none());
    let asked = switchyard::store::OrderQuery {
        ids: Some(vec![nothing, id.clone()]),
        ..crate::orders::query("t")
    };
    assert_eq!(crate::orders::ids(&journal, asked).await, [id.to_string()]);
    is_whole(&journal).await;
}

#[tokio::test]
async fn a_server_is_talked_to_in_secret_if_its_certificate_is_the_expected_one() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let files = server.0.certificate("server");
    let stranger = server.0.certificate("stranger");
    server.0.crash();
    let settings = [
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", files.certificate.display()),
        format!("ssl_key_file={}", files.key.display()),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    server.0.start_again(&settings);
    let config = |certificate: &Path| StoreConfig {
        url: format!("{}?sslmode=require", server.0.url()),
        root_certificates: Some(certificate.to_owned()),
        ..server.config()
    };
    let metrics = || Arc::new(Metrics::default());
    let refused = store::open(
        &config(&stranger.certificate),
        &Secrets::default(),
        metrics(),
    )
    .await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    let journal = store::open(&config(&files.certificate), &Secrets::default(), metrics())
        .await
        .unwrap();
    place(&journal).await.unwrap();
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                     WHERE application_name = 'switchyard' AND NOT ssl";
    assert_eq!(server.0.run(encrypted), "0");
}
