//! Who waits, in which order, and when that ends.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_most_urgent_is_served_first_and_then_the_first_come() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 1, SECOND);
    spend(&limiter, &ledger, 1).await;
    let began = Instant::now();
    let mut asked = Vec::new();
    for priority in [
        Priority::Read,
        Priority::Place,
        Priority::Read,
        Priority::Cancel,
        Priority::Amend,
    ] {
        asked.push(ask(&limiter, &ledger, 1, priority).await);
    }
    assert_eq!(ledger.waiting(), 5);
    let mut served = Vec::new();
    for task in asked {
        served.push((task.await.unwrap().unwrap() - began).as_secs());
    }
    assert_eq!(served, [4, 3, 5, 1, 2]);
    assert_eq!(ledger.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn small_costs_do_not_starve_a_large_one_that_came_before() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    for _ in 0..10 {
        spend(&limiter, &ledger, 1).await;
        advance(SECOND).await;
    }
    // One unit leaves every second from here on, and there is always somebody who wants just one.
    let began = Instant::now();
    let large = ask(&limiter, &ledger, 9, Priority::Place).await;
    let mut small = Vec::new();
    for _ in 0..6 {
        small.push(ask(&limiter, &ledger, 1, Priority::Place).await);
        sleep(SECOND).await;
    }
    assert_eq!(large.await.unwrap().unwrap() - began, SECOND * 8);
    for task in small {
        assert!(task.await.unwrap().unwrap() - began >= SECOND * 8);
    }
}

#[tokio::test(start_paused = true)]
async fn what_returns_is_not_given_to_a_small_cost_behind_a_large_one() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    spend(&limiter, &ledger, 6).await;
    let ticket = open(&limiter, &ledger, 4).await;
    let began = Instant::now();
    let large = ask(&limiter, &ledger, 9, Priority::Place).await;
    let small = ask(&limiter, &ledger, 2, Priority::Place).await;
    ticket.refund();
    assert_eq!(ledger.used(), 6);
    assert_eq!(large.await.unwrap(), Ok(began + SECOND * 10));
    assert_eq!(small.await.unwrap(), Ok(began + SECOND * 20));
}

#[tokio::test(start_paused = true)]
async fn the_more_urgent_do_not_wait_for_what_is_kept_for_the_less_urgent() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    spend(&limiter, &ledger, 5).await;
    let read = ask(&limiter, &ledger, 9, Priority::Read).await;
    spend(&limiter, &ledger, 5).await;
    read.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_one_ledger_lets_others_have_what_it_does_not_need_of_another() {
    let limiter = plain();
    let orders = limiter.ledger(key("orders"), 1, SECOND * 10);
    let weight = limiter.ledger(key("weight"), 10, SECOND * 10);
    spend(&limiter, &orders, 1).await;
    let first = {
        let (limiter, orders, weight) = (limiter.clone(), orders.clone(), weight.clone());
        tokio::spawn(async move {
            let wants = [(&weight, 4), (&orders, 1)];
            let ticket = limiter
                .acquire(&wants, Priority::Place, in_seconds(60))
                .await;
            ticket.map(|ticket| ticket.waited())
        })
    };
    tokio::task::yield_now().await;
    let mut reads = Vec::new();
    for _ in 0..7 {
        let wants = [(&weight, 1)];
        let read = limiter.acquire(&wants, Priority::Read, in_seconds(0));
        reads.push(read.await);
    }
    assert_eq!(reads.iter().filter(|read| read.is_ok()).count(), 6);
    assert_eq!(first.await.unwrap(), Ok(SECOND * 10));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_must_exceed_the_deadline_is_refused_at_once() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    spend(&limiter, &ledger, 10).await;
    advance(SECOND * 4).await;
    let began = Instant::now();
    let refused = limiter
        .acquire(&[(&ledger, 1)], Priority::Place, in_seconds(5))
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        refusal("weight", Reason::Exhausted, Some(SECOND * 6))
    );
    assert_eq!(refused.to_string(), "rate limit weight: spent");
    assert_eq!(began.elapsed(), Duration::ZERO);
    let ticket = limiter
        .acquire(&[(&ledger, 1)], Priority::Place, in_seconds(6))
        .await
        .unwrap();
    assert_eq!(ticket.waited(), SECOND * 6);
}

#[tokio::test(start_paused = true)]
async fn those_ahead_count_towards_the_wait() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 2, SECOND * 10);
    spend(&limiter, &ledger, 2).await;
    let read = |seconds| {
        let (limiter, ledger) = (limiter.clone(), ledger.clone());
        async move {
            let wants = [(&ledger, 1)];
            let ticket = limiter
                .acquire(&wants, Priority::Read, in_seconds(seconds))
                .await;
            ticket.map(|ticket| ticket.waited())
        }
    };
    for ahead in 0..4 {
        let windows = 1 + ahead / 2;
        assert_eq!(
            read(u64::from(windows * 10) - 1).await,
            Err(refusal(
                "weight",
                Reason::Exhausted,
                Some(SECOND * 10 * windows)
            )),
            "behind {ahead}"
        );
        ask(&limiter, &ledger, 1, Priority::Place).await;
    }
    assert_eq!(read(30).await, Ok(SECOND * 30));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_is_refused_as_soon_as_it_is_known_that_it_waits_in_vain() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    spend(&limiter, &ledger, 10).await;
    let waiter = {
        let (limiter, ledger) = (limiter.clone(), ledger.clone());
        tokio::spawn(async move {
            let wants = [(&ledger, 1)];
            let refused = limiter
                .acquire(&wants, Priority::Place, in_seconds(15))
                .await;
            (refused.map(drop), Instant::now())
        })
    };
    sleep(SECOND * 3).await;
    let closed = Instant::now();
    ledger.close_until(closed + SECOND * 60);
    let (outcome, at) = waiter.await.unwrap();
    assert_eq!(
        outcome,
        Err(refusal("weight", Reason::Closed, Some(SECOND * 60)))
    );
    assert_eq!(at, closed);
}

#[tokio::test(start_paused = true)]
async fn more_urgent_arrivals_never_hold_a_waiter_beyond_its_deadline() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 1, SECOND * 10);
    spend(&limiter, &ledger, 1).await;
    let read = {
        let (limiter, ledger) = (limiter.clone(), ledger.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            let wants = [(&ledger, 1)];
            let outcome = limiter
                .acquire(&wants, Priority::Read, in_seconds(12))
                .await;
            (outcome.map(drop), began.elapsed())
        })
    };
    tokio::task::yield_now().await;
    let cancel = ask(&limiter, &ledger, 1, Priority::Cancel).await;
    let (outcome, waited) = read.await.unwrap();
    assert_eq!(outcome.unwrap_err().reason, Reason::Exhausted);
    assert!(waited <= SECOND * 12);
    cancel.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_the_least_urgent_and_only_on_its_own_ledger() {
    let limiter = Limiter::new(LimiterConfig {
        queue: 2,
        ..LimiterConfig::default()
    });
    let full = limiter.ledger(key("full"), 1, SECOND);
    let other = limiter.ledger(key("other"), 1, SECOND);
    spend(&limiter, &full, 1).await;
    spend(&limiter, &other, 1).await;
    let first = ask(&limiter, &full, 1, Priority::Read).await;
    let second = ask(&limiter, &full, 1, Priority::Read).await;
    let third = ask(&limiter, &full, 1, Priority::Read).await.await.unwrap();
    assert_eq!(third.unwrap_err().reason, Reason::QueueFull);
    let elsewhere = ask(&limiter, &other, 1, Priority::Read).await;
    let cancel = ask(&limiter, &full, 1, Priority::Cancel).await;
    assert_eq!(
        second.await.unwrap().unwrap_err().reason,
        Reason::QueueFull,
        "the last to come makes place"
    );
    assert_eq!(full.waiting(), 2);
    for task in [first, elsewhere, cancel] {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_open_ticket_waits_one_window_from_its_end() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 1, SECOND * 10);
    let ticket = open(&limiter, &ledger, 1).await;
    let began = Instant::now();
    let waiter = ask(&limiter, &ledger, 1, Priority::Place).await;
    sleep(SECOND * 25).await;
    ticket.settle();
    assert_eq!(waiter.await.unwrap().unwrap() - began, SECOND * 35);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_leaves_the_queue_to_those_behind_it() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    spend(&limiter, &ledger, 5).await;
    let large = ask(&limiter, &ledger, 9, Priority::Place).await;
    let small = ask(&limiter, &ledger, 4, Priority::Place).await;
    assert_eq!(ledger.waiting(), 2);
    sleep(SECOND).await;
    large.abort();
    assert!(large.await.unwrap_err().is_cancelled());
    let left = Instant::now();
    assert_eq!(small.await.unwrap(), Ok(left));
    assert_eq!((ledger.waiting(), ledger.used()), (0, 9));
}

#[tokio::test(start_paused = true)]
async fn a_future_dropped_after_its_grant_returns_the_costs() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    let ticket = open(&limiter, &ledger, 10).await;
    let wants = [(&ledger, 4)];
    let mut granted = Box::pin(limiter.acquire(&wants, Priority::Place, in_seconds(60)));
    let pending = tokio::time::timeout(Duration::ZERO, &mut granted).await;
    assert!(pending.is_err());
    ticket.refund();
    assert_eq!(ledger.used(), 4, "granted, though nobody looked yet");
    assert_eq!(ledger.waiting(), 0);
    drop(granted);
    assert_eq!(ledger.used(), 0);
}
