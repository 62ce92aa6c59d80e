//! Idempotency keys.

use std::sync::Arc;

use switchyard::model::{Event, OrderRecord, Timestamp};
use switchyard::store::{Commit, Journal, KeyClaim, KeyName, StoreError, StoredAnswer};

use crate::orders::{intent, record, refused};
use crate::suite::{Home, is_whole, soon};

pub(crate) fn key(tenant: &str, key: &str) -> KeyName {
    KeyName {
        tenant: tenant.into(),
        key: key.into(),
    }
}

pub(crate) fn answer(status: u16) -> StoredAnswer {
    StoredAnswer {
        status,
        location: Some("/v1/orders/x".into()),
        content_type: Some("application/json".into()),
        body: "{\"a\": \"ä\"}".into(),
    }
}

/// Places an order under a key.
pub(crate) async fn claim(
    journal: &Arc<Journal>,
    order: &OrderRecord,
    claim: &KeyClaim,
) -> Result<OrderRecord, StoreError> {
    let id = &order.order.id;
    let commit = Commit::of_order(id, vec![intent(order)]).claiming(Some(claim));
    journal.append_as(id, commit).await
}

pub(crate) async fn a_key_is_claimed_with_its_order_and_by_one_request(home: &impl Home) {
    let journal = home.open().await.unwrap();
    let (first, second) = (record("t", None, 1), record("t", None, 2));
    let mine = KeyClaim::new(key("t", "k"), "f".into());
    assert!(!mine.is_durable());
    claim(&journal, &first, &mine).await.unwrap();
    assert!(mine.is_durable());
    let other = KeyClaim::new(key("t", "k"), "f".into());
    let refused = claim(&journal, &second, &other).await;
    assert!(matches!(refused, Err(StoreError::KeyInUse)));
    assert!(!other.is_durable());
    assert!(
        journal.order(&second.order.id).await.unwrap().is_none(),
        "no effect without the key"
    );
    let elsewhere = KeyClaim::new(key("u", "k"), "g".into());
    claim(&journal, &record("u", None, 3), &elsewhere)
        .await
        .unwrap();
    drop(journal);
    let journal = home.open().await.unwrap();
    let known = journal.key(key("t", "k")).await.unwrap().unwrap();
    assert_eq!(known.fingerprint, "f");
    assert_eq!(known.order_id, Some(first.order.id.clone()));
    assert_eq!(known.answer, None, "nobody knows yet how it ended");
    is_whole(&journal).await;
}

pub(crate) async fn a_key_is_bound_to_its_answer_for_good(home: &impl Home) {
    let journal = home.open().await.unwrap();
    let order = record("t", None, 1);
    let mine = KeyClaim::new(key("t", "k"), "f".into());
    claim(&journal, &order, &mine).await.unwrap();
    let bound = Commit::of_key(mine.answered(answer(201)));
    journal.commit(bound).await.unwrap();
    // A refusal that was final before anything was journaled has no claim before it.
    let unclaimed = KeyClaim::new(key("t", "other"), "g".into());
    let bound = Commit::of_key(unclaimed.answered(answer(422)));
    journal.commit(bound).await.unwrap();
    drop(journal);
    let journal = home.open().await.unwrap();
    let known = journal.key(key("t", "k")).await.unwrap().unwrap();
    assert_eq!(known.answer, Some(answer(201)));
    assert_eq!(known.order_id, Some(order.order.id));
    let known = journal.key(key("t", "other")).await.unwrap().unwrap();
    assert_eq!((known.answer, known.order_id), (Some(answer(422)), None));
    is_whole(&journal).await;
}

pub(crate) async fn events_of_several_orders_and_their_keys_answer_are_stored_all_or_none(
    home: &impl Home,
) {
    let journal = home.open().await.unwrap();
    let orders = [record("t", None, 1), record("t", None, 2)];
    for order in &orders {
        journal
            .append(&order.order.id, vec![intent(order)])
            .await
            .unwrap();
    }
    let mine = KeyClaim::new(key("t", "k"), "f".into());
    let cancel = |order: &OrderRecord| {
        let event = Event::CancelRequested {
            key_id: "k".into(),
            request_id: "r".into(),
        };
        (order.order.id.clone(), vec![event])
    };
    let commit = |orders: &[&OrderRecord]| {
        let orders = orders.iter().map(|order| cancel(order)).collect();
        Commit::of_orders(orders).and_key(Some(mine.answered(answer(202))))
    };
    let unknown = record("t", None, 3);
    let refused = journal.commit(commit(&[&orders[0], &orders[1], &unknown]));
    assert!(matches!(refused.await, Err(StoreError::Lifecycle(_))));
    assert_eq!(journal.key(key("t", "k")).await.unwrap(), None);
    for is_done in [false, true] {
        for order in &orders {
            let record = journal.order(&order.order.id).await.unwrap().unwrap();
            assert_eq!(record.cancel_requested, is_done);
        }
        if !is_done {
            let stored = journal.commit(commit(&[&orders[0], &orders[1]])).await;
            assert_eq!(stored.unwrap().unwrap().order.id, orders[0].order.id);
        }
    }
    let known = journal.key(key("t", "k")).await.unwrap().unwrap();
    assert_eq!((known.answer, known.order_id), (Some(answer(202)), None));
    is_whole(&journal).await;
}

pub(crate) async fn a_key_that_is_let_go_with_the_failure_can_be_used_again(home: &impl Home) {
    let journal = home.open().await.unwrap();
    let (first, second) = (record("t", None, 1), record("t", None, 2));
    let mine = KeyClaim::new(key("t", "k"), "f".into());
    claim(&journal, &first, &mine).await.unwrap();
    let id = &first.order.id;
    let commit = Commit::of_order(id, vec![refused()]).releasing(Some(&mine));
    journal.append_as(id, commit).await.unwrap();
    assert!(!mine.is_durable());
    assert_eq!(journal.key(key("t", "k")).await.unwrap(), None);
    let again = KeyClaim::new(key("t", "k"), "another body".into());
    claim(&journal, &second, &again).await.unwrap();
    let known = journal.key(key("t", "k")).await.unwrap().unwrap();
    assert_eq!(known.order_id, Some(second.order.id));
    is_whole(&journal).await;
}

pub(crate) async fn keys_are_forgotten_in_time_and_their_entries_after_that(home: &impl Home) {
    let journal = home.open().await.unwrap();
    let mine = KeyClaim::new(key("t", "k"), "f".into());
    claim(&journal, &record("t", None, 1), &mine).await.unwrap();
    assert_eq!(
        journal
            .expire_keys(Timestamp::from_millis(1))
            .await
            .unwrap(),
        0
    );
    assert!(journal.key(key("t", "k")).await.unwrap().is_some());
    // Entries of keys that are still known are never removed.
    assert_eq!(journal.compact(soon()).await.unwrap(), 0);
    let later = Timestamp::now().plus(std::time::Duration::from_secs(2 * 3_600));
    assert_eq!(journal.expire_keys(later).await.unwrap(), 1);
    assert_eq!(journal.expire_keys(later).await.unwrap(), 0);
    assert_eq!(journal.key(key("t", "k")).await.unwrap(), None);
    is_whole(&journal).await;
    assert_eq!(journal.compact(soon()).await.unwrap(), 1);
    is_whole(&journal).await;
}
