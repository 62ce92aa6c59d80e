//! What is done beside the work: keys expire, orders that are over go, and both only when it is time.

use std::sync::Arc;
use std::time::Duration;

use switchyard::config::StoreConfig;
use switchyard::model::Timestamp;
use switchyard::secrets::Secrets;
use switchyard::store::{self, Commit, KeyClaim, KeyName, Upkeep};
use switchyard::telemetry::Metrics;

use crate::files::Directory;
use crate::orders::{acknowledged, attempt, intent, keep, record, refused};
use crate::suite::is_whole;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn what_is_over_goes_when_its_time_has_come_and_nothing_else() {
    let home = Directory::new();
    let config = StoreConfig {
        url: home.url(),
        retention_days: 30,
        ..StoreConfig::default()
    };
    let metrics = Arc::new(Metrics::default());
    let journal = store::open(&config, &Secrets::default(), metrics.clone())
        .await
        .unwrap();
    let mut upkeep = Upkeep::new(&config, journal.clone(), metrics.clone());

    let over = keep(&journal, &record("t", None, 1), vec![refused()]).await;
    let open = keep(&journal, &record("t", None, 2), vec![acknowledged("7")]).await;
    let unresolved = keep(&journal, &record("t", None, 3), vec![attempt()]).await;
    let name = KeyName {
        tenant: "t".into(),
        key: "k".into(),
    };
    let claim = KeyClaim::new(name.clone(), "f".into());
    let claimed = record("t", None, 4);
    let id = &claimed.order.id;
    let commit = Commit::of_order(id, vec![intent(&claimed)]).claiming(Some(&claim));
    journal.append_as(id, commit).await.unwrap();

    let now = Timestamp::now();
    upkeep.round(now.plus(23 * HOUR)).await.unwrap();
    assert!(journal.key(name.clone()).await.unwrap().is_some());
    upkeep.round(now.plus(25 * HOUR)).await.unwrap();
    assert!(journal.key(name).await.unwrap().is_none());
    upkeep.round(now.plus(29 * 24 * HOUR)).await.unwrap();
    assert!(journal.order(&over.order.id).await.unwrap().is_some());
    assert!(metrics.render().contains("journal_entries_removed_total 0"));

    upkeep.round(now.plus(31 * 24 * HOUR)).await.unwrap();
    assert!(journal.order(&over.order.id).await.unwrap().is_none());
    for kept in [&open.order.id, &unresolved.order.id, id] {
        assert!(journal.order(kept).await.unwrap().is_some());
        assert!(!journal.events(kept).await.unwrap().is_empty());
    }
    // The order's intent and refusal, and the key's claim.
    assert!(metrics.render().contains("journal_entries_removed_total 3"));
    assert!(!metrics.render().contains("journal_size_bytes 0"));
    is_whole(&journal).await;
}

#[tokio::test(start_paused = true)]
async fn a_retention_of_nothing_keeps_everything() {
    let home = Directory::new();
    let config = StoreConfig {
        url: home.url(),
        retention_days: 0,
        ..StoreConfig::default()
    };
    let metrics = Arc::new(Metrics::default());
    let journal = store::open(&config, &Secrets::default(), metrics.clone())
        .await
        .unwrap();
    let over = keep(&journal, &record("t", None, 1), vec![refused()]).await;
    let mut upkeep = Upkeep::new(&config, journal.clone(), metrics);
    let far = Timestamp::now().plus(10_000 * 24 * HOUR);
    upkeep.round(far).await.unwrap();
    assert!(journal.order(&over.order.id).await.unwrap().is_some());
}
