//! What the venue says: its counters, its limits, its bans. And who shares a ledger.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_ban_closes_a_ledger_even_to_cancels_and_ends_by_itself() {
    let limiter = with_reserve();
    let banned = limiter.ledger(key("banned"), 10, SECOND * 10);
    let other = limiter.ledger(key("other"), 10, SECOND * 10);
    let until = Instant::now() + SECOND * 30;
    banned.close_until(until);
    banned.close_until(until - SECOND * 10);
    assert_eq!(banned.closed_until(), Some(until));
    assert_eq!(banned.closed_for(), Some(SECOND * 30));
    for cost in [0, 1] {
        let refused = limiter
            .acquire(&[(&banned, cost)], Priority::Cancel, in_seconds(29))
            .await
            .unwrap_err();
        assert_eq!(
            refused,
            refusal("banned", Reason::Closed, Some(SECOND * 30))
        );
    }
    spend(&limiter, &other, 1).await;
    let waiters = [
        ask(&limiter, &banned, 1, Priority::Read).await,
        ask(&limiter, &banned, 1, Priority::Cancel).await,
    ];
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap(), Ok(until));
    }
    assert_eq!(banned.closed_until(), None);
    assert_eq!(banned.closed_for(), None);
}

#[tokio::test(start_paused = true)]
async fn the_venues_counter_corrects_upwards() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    spend(&limiter, &ledger, 2).await;
    advance(SECOND).await;
    let mark = ledger.mark();
    assert_eq!(ledger.observe_used(7, mark), 5);
    assert_eq!(ledger.used(), 7);
    advance(SECOND * 9).await;
    assert_eq!(
        ledger.used(),
        5,
        "the correction counts from when it was made"
    );
}

#[tokio::test(start_paused = true)]
async fn the_venues_counter_never_corrects_downwards() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    spend(&limiter, &ledger, 6).await;
    let mark = ledger.mark();
    assert_eq!(ledger.observe_used(0, mark), 0);
    assert_eq!(ledger.used(), 6);
}

#[tokio::test(start_paused = true)]
async fn what_was_granted_after_the_request_does_not_hide_what_others_spent() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 100, SECOND * 10);
    let asked = open(&limiter, &ledger, 1).await;
    let mark = ledger.mark();
    let later = open(&limiter, &ledger, 20).await;
    assert_eq!(
        ledger.observe_used(16, mark),
        15,
        "one of the sixteen is ours"
    );
    assert_eq!(ledger.used(), 36);
    asked.settle();
    later.settle();
    assert_eq!(ledger.used(), 36);
}

#[tokio::test(start_paused = true)]
async fn requests_under_way_together_report_what_others_spent_only_once() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 1_000, SECOND * 10);
    let mut under_way = Vec::new();
    for _ in 0..10 {
        let ticket = open(&limiter, &ledger, 1).await;
        under_way.push((ticket, ledger.mark()));
    }
    // They arrive in the order in which they were sent, after 100 of somebody else's.
    let mut surplus = 0;
    for (counted, (ticket, mark)) in (101..).zip(under_way) {
        surplus += ledger.observe_used(counted, mark);
        ticket.settle();
    }
    assert_eq!(surplus, 100);
    assert_eq!(ledger.used(), 110);
}

#[tokio::test(start_paused = true)]
async fn a_lower_limit_counts_what_was_spent_and_a_higher_one_serves_who_waits() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    spend(&limiter, &ledger, 6).await;
    ledger.set_limit(5, SECOND * 10);
    assert_eq!((ledger.used(), ledger.limit()), (6, 5));
    let waiter = ask(&limiter, &ledger, 2, Priority::Place).await;
    let impossible = ask(&limiter, &ledger, 5, Priority::Place).await;
    sleep(SECOND).await;
    ledger.set_limit(8, SECOND * 10);
    let raised = Instant::now();
    assert_eq!(waiter.await.unwrap(), Ok(raised));
    ledger.set_limit(4, SECOND * 10);
    assert_eq!(
        impossible.await.unwrap(),
        Err(refusal("weight", Reason::TooLarge, None))
    );
}

#[tokio::test(start_paused = true)]
async fn a_shorter_window_wakes_who_waits_sooner() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 1, SECOND * 60);
    spend(&limiter, &ledger, 1).await;
    let began = Instant::now();
    let waiter = ask(&limiter, &ledger, 1, Priority::Place).await;
    sleep(SECOND).await;
    ledger.set_limit(1, SECOND * 5);
    assert_eq!(waiter.await.unwrap().unwrap() - began, SECOND * 5);
}

#[tokio::test(start_paused = true)]
async fn a_longer_window_counts_again_what_had_left_the_shorter() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND);
    spend(&limiter, &ledger, 10).await;
    advance(SECOND * 20).await;
    assert_eq!(ledger.used(), 0);
    ledger.set_limit(10, SECOND * 60);
    assert_eq!(ledger.used(), 10);
    advance(SECOND * 40).await;
    assert_eq!(ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cap_stands_whatever_the_venue_publishes() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 1_000, SECOND);
    ledger.cap(50);
    ledger.cap(70);
    ledger.set_limit(6_000, SECOND);
    assert_eq!(ledger.limit(), 50);
    ledger.set_limit(20, SECOND);
    assert_eq!(ledger.limit(), 20);
}

#[tokio::test(start_paused = true)]
async fn those_who_name_the_same_key_share_the_ledger_at_its_lower_limit() {
    let limiter = plain();
    let first = limiter.ledger(key("weight"), 100, SECOND * 10);
    let second = limiter
        .clone()
        .ledger(key("weight"), 40, Duration::from_millis(1));
    let third = limiter.ledger(key("weight"), 90, SECOND * 10);
    let elsewhere = limiter.ledger(
        LedgerKey {
            scope: "address".into(),
            bucket: "weight".into(),
        },
        100,
        SECOND,
    );
    spend(&limiter, &first, 30).await;
    assert_eq!((second.used(), second.limit()), (30, 40));
    assert_eq!((third.limit(), third.window()), (40, SECOND * 10));
    assert_eq!((elsewhere.used(), elsewhere.limit()), (0, 100));
    let listed: Vec<LedgerKey> = limiter
        .ledgers()
        .iter()
        .map(|ledger| ledger.key().clone())
        .collect();
    assert_eq!(listed, [first.key().clone(), elsewhere.key().clone()]);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_of_another_limiter_is_refused() {
    let ledger = plain().ledger(key("weight"), 10, SECOND);
    let refused = plain()
        .acquire(&[(&ledger, 1)], Priority::Cancel, in_seconds(1))
        .await
        .unwrap_err();
    assert_eq!(refused, refusal("weight", Reason::Unknown, None));
}
