//! What every store does, whatever keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use switchyard::model::{
    Amendment, Event, Halt, HaltEvent, OrderId, OrderRecord, OrderState, Stage, Timestamp,
};
use switchyard::store::{Commit, Condition, Cursor, Journal, KeyClaim, OrderQuery, StoreError};

use crate::orders::{
    acknowledged, attempt, ids, intent, keep, named, query, record, refused, report,
};

use crate::keys::{answer, claim, key};

pub(crate) use crate::access::what_was_done_to_keys_stands_across_restarts_and_retention;
pub(crate) use crate::keys::{
    a_key_is_bound_to_its_answer_for_good, a_key_is_claimed_with_its_order_and_by_one_request,
    a_key_that_is_let_go_with_the_failure_can_be_used_again,
    events_of_several_orders_and_their_keys_answer_are_stored_all_or_none,
    keys_are_forgotten_in_time_and_their_entries_after_that,
};
pub(crate) use crate::moved::{
    an_order_that_went_on_is_found_where_it_is_where_it_was_and_by_what_was_asked,
    what_is_live_where_an_order_went_on_from_is_kept_and_watched_without_end,
};

/// Where a journal lives, to be opened again and again.
pub(crate) trait Home {
    /// Opens it, and waits until it can be written.
    fn open(&self) -> impl Future<Output = Result<Arc<Journal>, StoreError>> + Send;
}

pub(crate) async fn orders_and_events_are_read_back_after_a_restart(home: &impl Home) {
    let order = record("t", Some("mine"), 10);
    let id = order.order.id.clone();
    {
        let journal = home.open().await.unwrap();
        keep(&journal, &order, vec![attempt()]).await;
    }
    let journal = home.open().await.unwrap();
    let again = journal.order(&id).await.unwrap().unwrap();
    assert_eq!(again.order.quantity, order.order.quantity);
    assert_eq!(again.place_expires_at, Some(Timestamp::from_millis(5_001)));
    let kinds: Vec<String> = journal
        .events(&id)
        .await
        .unwrap()
        .into_iter()
        .map(|e| e.kind)
        .collect();
    assert_eq!(kinds, ["intent", "attempt"]);
    let unresolved = journal.unresolved().await.unwrap();
    assert_eq!(unresolved.len(), 1, "its fate is still open");
}

pub(crate) async fn a_journal_that_was_closed_takes_nothing_more_and_another_gateway_writes_at_once(
    home: &impl Home,
) {
    let first = home.open().await.unwrap();
    keep(&first, &record("t", None, 1), vec![attempt()]).await;
    first.close().await.unwrap();
    let second = home.open().await.unwrap();
    keep(&second, &record("t", None, 2), vec![attempt()]).await;
    let late = record("t", None, 3);
    let late = first.append(&late.order.id, vec![intent(&late)]).await;
    assert!(late.is_err(), "{late:?}");
    assert_eq!(second.unresolved().await.unwrap().len(), 2);
    is_whole(&second).await;
}

pub(crate) async fn open_orders_are_counted_by_venue_and_state(home: &impl Home) {
    let journal = home.open().await.unwrap();
    assert!(journal.open_by_state().await.unwrap().is_empty());
    let open = keep(&journal, &record("t", None, 1), vec![attempt()]).await;
    keep(
        &journal,
        &record("other", None, 2),
        vec![attempt(), acknowledged("7")],
    )
    .await;
    keep(&journal, &record("t", None, 3), vec![attempt(), refused()]).await;
    let venue = open.at_venue().to_owned();
    let counted = journal.open_by_state().await.unwrap();
    assert_eq!(
        counted.into_iter().collect::<Vec<_>>(),
        [
            ((venue.clone(), OrderState::PendingNew), 1),
            ((venue, OrderState::New), 1),
        ],
        "of all tenants, and none that is final"
    );
}

pub(crate) async fn a_label_is_free_again_once_its_order_is_final_and_belongs_to_one_tenant(
    home: &impl Home,
) {
    let journal = home.open().await.unwrap();
    let first = keep(&journal, &record("t", Some("x"), 1), vec![]).await;
    let second = record("t", Some("x"), 2);
    let taken = journal
        .append(&second.order.id, vec![intent(&second)])
        .await;
    assert!(matches!(taken, Err(StoreError::LabelInUse(_))));
    assert!(
        journal.order(&second.order.id).await.unwrap().is_none(),
        "nothing of it was stored"
    );
    keep(&journal, &record("other", Some("x"), 3), vec![]).await;
    journal
        .append(&first.order.id, vec![refused()])
        .await
        .unwrap();
    keep(&journal, &second, vec![]).await;
}

pub(crate) async fn one_bad_append_does_not_spoil_those_committed_with_it(home: &impl Home) {
    let journal = home.open().await.unwrap();
    let good: Vec<OrderRecord> = (0..50).map(|at| record("t", None, at)).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for order in good.clone() {
        let journal = journal.clone();
        tasks.spawn(async move {
            // An event without an intent, between appends that are right.
            let stray = OrderId::random().unwrap();
            assert!(journal.append(&stray, vec![refused()]).await.is_err());
            keep(&journal, &order, vec![]).await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(ids(&journal, query("t")).await.len(), good.len());
}

pub(crate) async fn every_filter_selects_what_it_says_and_nothing_of_other_tenants(
    home: &impl Home,
) {
    let journal = home.open().await.unwrap();
    let open_order = keep(&journal, &record("t", Some("a"), 100), vec![]).await;
    let rejected = keep(&journal, &record("t", None, 200), vec![refused()]).await;
    keep(&journal, &record("other", Some("a"), 150), vec![]).await;
    let (open_id, rejected_id) = (open_order.order.id.clone(), rejected.order.id.clone());
    let both = vec![open_id.to_string(), rejected_id.to_string()];

    assert_eq!(ids(&journal, query("t")).await, both);
    let only = |change: fn(&mut OrderQuery)| {
        let mut query = query("t");
        change(&mut query);
        query
    };
    assert_eq!(ids(&journal, only(|q| q.only_open = true)).await, both[..1]);
    assert_eq!(
        ids(
            &journal,
            only(|q| q.states = Some(vec![OrderState::Rejected]))
        )
        .await,
        both[1..]
    );
    assert_eq!(
        ids(&journal, only(|q| q.client_order_id = Some("a".into()))).await,
        both[..1]
    );
    assert_eq!(
        ids(&journal, only(|q| q.symbol = Some("ETH/USDT".into()))).await,
        [""; 0]
    );
    assert_eq!(
        ids(&journal, only(|q| q.venue = Some("sim".into()))).await,
        both
    );
    assert_eq!(
        ids(
            &journal,
            OrderQuery {
                ids: Some(vec![rejected_id]),
                ..query("t")
            }
        )
        .await,
        both[1..]
    );
    let from_inclusive = only(|q| q.from = Some(Timestamp::from_millis(200)));
    assert_eq!(ids(&journal, from_inclusive).await, both[1..]);
    let to_exclusive = only(|q| q.to = Some(Timestamp::from_millis(200)));
    assert_eq!(ids(&journal, to_exclusive).await, both[..1]);
}

pub(crate) async fn pages_cover_everything_once_even_where_orders_share_a_millisecond(
    home: &impl Home,
) {
    let journal = home.open().await.unwrap();
    for at in 0..25 {
        keep(&journal, &record("t", None, at / 10), vec![]).await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = journal
            .orders(OrderQuery {
                limit: 7,
                after,
                ..query("t")
            })
            .await
            .unwrap();
        seen.extend(
            page.records
                .iter()
                .map(|record| record.order.id.to_string()),
        );
        let Some(next) = page.next else { break };
        after = Some(Cursor::decode(&next.encode()).unwrap());
    }
    assert_eq!(seen.len(), 25);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25, "no order twice");
}

pub(crate) async fn an_order_is_found_by_every_id_it_ever_had_at_its_venue(home: &impl Home) {
    let journal = home.open().await.unwrap();
    let order = keep(&journal, &record("t", None, 1), vec![acknowledged("7")]).await;
    let replaced = vec![
        Event::AmendRequested {
            amendment: Amendment {
                quantity: None,
                price: Some("2".parse().unwrap()),
                new_client_id: "leg-2".into(),
                replaces: true,
                stage: Stage::Changing,
                expires_at: None,
            },
            key_id: "k".into(),
            request_id: "r".into(),
        },
        Event::Amended {
            change: "leg-2".into(),
            report: report("8", Some("leg-2")),
        },
    ];
    journal.append(&order.order.id, replaced).await.unwrap();
    let names = vec![named("7"), named("8"), named("9")];
    let found = journal.of_venue_ids("sim", names.clone()).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.values().all(|id| *id == order.order.id));
    let elsewhere = journal.of_venue_ids("other", names).await.unwrap();
    assert!(elsewhere.is_empty());
}

pub(crate) async fn ten_thousand_orders_in_a_range_come_complete_and_in_order(home: &impl Home) {
    const ORDERS: i64 = 10_000;
    let journal = home.open().await.unwrap();
    let mut wanted = Vec::new();
    let mut appends = Vec::new();
    // Ten in each millisecond, and ten more just outside of the range on either side.
    for at in 0..ORDERS + 20 {
        let order = record("t", None, 999 + at / 10);
        if (10..ORDERS + 10).contains(&at) {
            wanted.push((order.order.created_at, order.order.id.to_string()));
        }
        appends.push(order);
    }
    wanted.sort();
    for group in appends.chunks(250) {
        futures_util::future::join_all(group.iter().map(|order| keep(&journal, order, vec![])))
            .await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = journal
            .orders(OrderQuery {
                from: Some(Timestamp::from_millis(1_000)),
                to: Some(Timestamp::from_millis(1_000 + ORDERS / 10)),
                limit: 1_000,
                after,
                ..query("t")
            })
            .await
            .unwrap();
        seen.extend(
            page.records
                .into_iter()
                .map(|record| (record.order.created_at, record.order.id.to_string())),
        );
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    assert_eq!(seen.len(), wanted.len());
    assert!(seen == wanted, "complete, but not in order");
}

/// The chain holds, and the projections are what the entries make of them.
pub(crate) async fn is_whole(journal: &Arc<Journal>) {
    journal.verify_all().await.unwrap();
    assert_eq!(journal.differences().await.unwrap(), [""; 0]);
    assert_eq!(journal.condition(), Condition::Sound);
}

pub(crate) async fn what_was_given_up_is_watched_across_restarts_until_its_day_is_over_or_it_is_seen(
    home: &impl Home,
) {
    let (lost, late) = (record("t", None, 1), record("t", None, 2));
    let not_placed = || Event::NotPlaced {
        horizon: Timestamp::from_millis(35_001),
        misses: Vec::new(),
    };
    let before = {
        let journal = home.open().await.unwrap();
        for order in [&lost, &late] {
            keep(&journal, order, vec![attempt(), not_placed()]).await;
        }
        journal.watched(Timestamp::now()).await.unwrap().len()
    };
    assert_eq!(before, 2);
    let journal = home.open().await.unwrap();
    assert_eq!(journal.unresolved().await.unwrap().len(), 0);
    let Event::Acknowledged { report } = acknowledged("7") else {
        unreachable!("it acknowledges")
    };
    let surfaced = vec![Event::SurfacedLate { report }];
    journal.append(&late.order.id, surfaced).await.unwrap();
    let watched = journal.watched(Timestamp::now()).await.unwrap();
    let ids: Vec<&OrderId> = watched.iter().map(|record| &record.order.id).collect();
    assert_eq!(ids, [&lost.order.id]);
    let tomorrow = Timestamp::now().plus(std::time::Duration::from_secs(86_401));
    assert_eq!(journal.watched(tomorrow).await.unwrap(), []);
}

pub(crate) async fn projections_made_anew_are_what_they_were(home: &impl Home) {
    let journal = home.open().await.unwrap();
    let order = keep(
        &journal,
        &record("t", Some("x"), 1),
        vec![acknowledged("7")],
    )
    .await;
    keep(&journal, &record("t", None, 2), vec![refused()]).await;
    let mine = KeyClaim::new(key("t", "k"), "f".into());
    claim(&journal, &record("t", None, 3), &mine).await.unwrap();
    let bound = Commit::of_key(mine.answered(answer(201)));
    journal.commit(bound).await.unwrap();
    let before = journal.orders(query("t")).await.unwrap().records;
    let key_before = journal.key(key("t", "k")).await.unwrap();
    journal.rebuild().await.unwrap();
    assert_eq!(journal.orders(query("t")).await.unwrap().records, before);
    assert_eq!(journal.key(key("t", "k")).await.unwrap(), key_before);
    let found = journal.of_venue_ids("sim", vec![named("7")]).await.unwrap();
    assert_eq!(found.get(&named("7")), Some(&order.order.id));
    is_whole(&journal).await;
}

/// A time after everything that has been written.
pub(crate) fn soon() -> Timestamp {
    Timestamp::now().plus(std::time::Duration::from_secs(60))
}

pub(crate) async fn retention_removes_what_is_over_and_leaves_a_chain_that_holds(home: &impl Home) {
    let journal = home.open().await.unwrap();
    let mut kept = Vec::new();
    let mut gone = Vec::new();
    for at in 0..30 {
        let order = record("t", None, at);
        // Open orders stand between those that are over, so that there is more than one gap.
        let (more, of) = match at % 5 {
            0 => (vec![acknowledged(&at.to_string())], &mut kept),
            _ => (vec![attempt(), refused()], &mut gone),
        };
        of.push(keep(&journal, &order, more).await.order.id);
    }
    let unresolved = keep(&journal, &record("t", None, 99), vec![attempt()]).await;
    kept.push(unresolved.order.id);
    let before = journal.head().await.unwrap();
    let untouched = journal.compact(Timestamp::from_millis(1)).await.unwrap();
    assert_eq!(untouched, 0, "nothing is that old");
    let mut removed = 0;
    loop {
        match journal.compact(soon()).await.unwrap() {
            0 => break,
            entries => removed += entries,
        }
    }
    assert_eq!(removed, gone.len() * 3);
    for id in &gone {
        assert!(journal.order(id).await.unwrap().is_none());
        assert!(journal.events(id).await.unwrap().is_empty());
    }
    for id in &kept {
        assert!(journal.order(id).await.unwrap().is_some());
        assert!(!journal.events(id).await.unwrap().is_empty());
    }
    is_whole(&journal).await;
    // What is removed later joins what was removed before.
    for id in kept.iter().take(3) {
        let over = report_over(id);
        journal.append(id, vec![over]).await.unwrap();
    }
    journal.compact(soon()).await.unwrap();
    is_whole(&journal).await;
    drop(journal);
    let journal = home.open().await.unwrap();
    is_whole(&journal).await;
    let head = journal.head().await.unwrap();
    assert!(head.entries > before.entries, "the count goes on: {head:?}");
    keep(&journal, &record("t", None, 100), vec![]).await;
    is_whole(&journal).await;
    let rows = journal.entries(0, 10_000).await.unwrap().len();
    assert!(rows < 40, "{rows} entries are left");
}

fn report_over(id: &OrderId) -> Event {
    let mut over = report("7", Some(id.as_str()));
    over.state = OrderState::Canceled;
    Event::Observed { report: over }
}

pub(crate) async fn a_halt_stands_across_restarts_and_retention_until_it_is_resumed(
    home: &impl Home,
) {
    let halt = |reason: &str| Halt {
        since: Timestamp::from_millis(1),
        reason: Some(reason.into()),
        key_id: "k".into(),
    };
    let halted = |venue: &str, reason: &str| HaltEvent::Halted {
        venue: venue.into(),
        halt: halt(reason),
        request_id: "r".into(),
    };
    let journal = home.open().await.unwrap();
    for event in [
        halted("one", "first"),
        halted("two", "first"),
        halted("one", "second"),
        HaltEvent::Resumed {
            venue: "two".into(),
            key_id: "k".into(),
            request_id: "r".into(),
        },
    ] {
        journal.commit(Commit::of_venue(event)).await.unwrap();
    }
    let expected = BTreeMap::from([("one".to_owned(), halt("second"))]);
    assert_eq!(journal.halts().await.unwrap(), expected);
    while journal.compact(Timestamp::now()).await.unwrap() > 0 {}
    journal.rebuild().await.unwrap();
    assert!(journal.differences().await.unwrap().is_empty());
    is_whole(&journal).await;
    drop(journal);
    let journal = home.open().await.unwrap();
    assert_eq!(journal.halts().await.unwrap(), expected);
}
