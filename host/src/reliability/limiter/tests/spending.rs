//! What a cost takes, for how long, and from whom.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_fits_is_granted_at_once() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    for _ in 0..10 {
        spend(&limiter, &ledger, 1).await;
    }
    assert_eq!(ledger.used(), 10);
    assert_eq!((ledger.limit(), ledger.window()), (10, SECOND * 10));
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_a_request_waits_exactly_until_enough_has_left() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    spend(&limiter, &ledger, 2).await;
    advance(SECOND).await;
    spend(&limiter, &ledger, 8).await;
    for (cost, waits) in [(2, SECOND * 9), (1, SECOND)] {
        let ticket = limiter
            .acquire(&[(&ledger, cost)], Priority::Read, in_seconds(20))
            .await
            .unwrap();
        assert_eq!(ticket.waited(), waits);
    }
}

#[tokio::test(start_paused = true)]
async fn costs_that_settled_in_close_succession_leave_together_with_the_last_of_them() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    spend(&limiter, &ledger, 5).await;
    advance(Duration::from_millis(100)).await;
    spend(&limiter, &ledger, 5).await;
    let refused = limiter
        .acquire(&[(&ledger, 1)], Priority::Read, in_seconds(0))
        .await
        .unwrap_err();
    assert_eq!(refused.retry_after, Some(SECOND * 10));
    let ticket = limiter
        .acquire(&[(&ledger, 1)], Priority::Read, in_seconds(20))
        .await
        .unwrap();
    assert_eq!(ticket.waited(), SECOND * 10);
}

#[tokio::test(start_paused = true)]
async fn the_margin_lengthens_the_window() {
    let limiter = Limiter::new(LimiterConfig {
        margin: Duration::from_millis(50),
        ..LimiterConfig::default()
    });
    let ledger = limiter.ledger(key("weight"), 1, SECOND);
    spend(&limiter, &ledger, 1).await;
    let ticket = limiter
        .acquire(&[(&ledger, 1)], Priority::Read, in_seconds(20))
        .await
        .unwrap();
    assert_eq!(ticket.waited(), Duration::from_millis(1_050));
}

#[tokio::test(start_paused = true)]
async fn a_cost_counts_while_its_ticket_is_open_and_one_window_from_its_end() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 1, SECOND);
    let ticket = open(&limiter, &ledger, 1).await;
    advance(SECOND * 5).await;
    assert_eq!(ledger.used(), 1);
    drop(ticket);
    advance(Duration::from_millis(999)).await;
    assert_eq!(ledger.used(), 1);
    advance(Duration::from_millis(1)).await;
    assert_eq!(ledger.used(), 0);
}

#[test]
fn the_headroom_keeps_at_least_one_unit_and_leaves_at_least_one() {
    let headroom = Headroom::default();
    let table = |limit| {
        [
            Priority::Cancel,
            Priority::Amend,
            Priority::Place,
            Priority::Read,
        ]
        .map(|priority| headroom.units(limit, priority))
    };
    assert_eq!(table(6_000), [6_000, 5_400, 5_400, 4_800]);
    assert_eq!(table(10), [10, 9, 9, 8]);
    assert_eq!(table(3), [3, 2, 2, 2]);
    assert_eq!(table(2), [2, 1, 1, 1]);
    assert_eq!(table(1), [1, 1, 1, 1]);
    assert_eq!(table(0), [0, 0, 0, 0]);
    let all = Headroom {
        reserve: 100,
        kept_from_reads: 100,
    };
    assert_eq!(all.units(10, Priority::Place), 1);
    assert_eq!(all.units(u64::MAX, Priority::Read), 1);
}

#[tokio::test(start_paused = true)]
async fn reads_leave_room_for_orders_and_orders_for_cancels() {
    let limiter = with_reserve();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    let now = |priority| {
        let (limiter, ledger) = (limiter.clone(), ledger.clone());
        async move {
            limiter
                .acquire(&[(&ledger, 1)], priority, in_seconds(0))
                .await
                .map(Ticket::settle)
        }
    };
    let spent = Err(refusal("weight", Reason::Exhausted, Some(SECOND * 10)));
    for _ in 0..8 {
        assert_eq!(now(Priority::Read).await, Ok(()));
    }
    assert_eq!(now(Priority::Read).await, spent);
    assert_eq!(now(Priority::Place).await, Ok(()));
    assert_eq!(now(Priority::Place).await, spent);
    assert_eq!(now(Priority::Amend).await, spent);
    assert_eq!(now(Priority::Cancel).await, Ok(()));
    assert_eq!(now(Priority::Cancel).await, spent);
}

#[tokio::test(start_paused = true)]
async fn all_ledgers_grant_or_none_does() {
    let limiter = plain();
    let orders = limiter.ledger(key("orders"), 1, SECOND * 10);
    let weight = limiter.ledger(key("weight"), 10, SECOND * 10);
    spend(&limiter, &orders, 1).await;
    let refused = limiter
        .acquire(
            &[(&weight, 4), (&orders, 1)],
            Priority::Place,
            in_seconds(9),
        )
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        refusal("orders", Reason::Exhausted, Some(SECOND * 10))
    );
    assert_eq!(weight.used(), 0);
    let waiting = ask(&limiter, &orders, 1, Priority::Place).await;
    assert_eq!(weight.used(), 0);
    waiting.await.unwrap().unwrap();
    let both = limiter
        .acquire(
            &[(&weight, 4), (&orders, 1)],
            Priority::Place,
            in_seconds(10),
        )
        .await
        .unwrap();
    assert_eq!((weight.used(), orders.used()), (4, 1));
    both.refund();
    assert_eq!((weight.used(), orders.used()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_ledger_that_refuses_the_longest_is_the_one_that_is_named() {
    let limiter = plain();
    let short = limiter.ledger(key("short"), 1, SECOND * 10);
    let long = limiter.ledger(key("long"), 1, SECOND * 60);
    spend(&limiter, &short, 1).await;
    spend(&limiter, &long, 1).await;
    let spent = refusal("long", Reason::Exhausted, Some(SECOND * 60));
    for wants in [[(&short, 1), (&long, 1)], [(&long, 1), (&short, 1)]] {
        let refused = limiter
            .acquire(&wants, Priority::Place, in_seconds(30))
            .await;
        assert_eq!(refused.unwrap_err(), spent);
    }
}

#[tokio::test(start_paused = true)]
async fn costs_on_the_same_ledger_add_up() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    let refused = limiter
        .acquire(&[(&ledger, 6), (&ledger, 5)], Priority::Read, in_seconds(0))
        .await
        .unwrap_err();
    assert_eq!(refused.reason, Reason::TooLarge);
}

#[tokio::test(start_paused = true)]
async fn a_cost_above_what_may_ever_be_spent_is_refused_for_good() {
    let limiter = with_reserve();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    for (cost, priority) in [(11, Priority::Cancel), (9, Priority::Read)] {
        let refused = limiter
            .acquire(&[(&ledger, cost)], priority, in_seconds(60))
            .await
            .unwrap_err();
        assert_eq!(refused, refusal("weight", Reason::TooLarge, None));
    }
}

#[tokio::test(start_paused = true)]
async fn what_costs_nothing_waits_for_nobody_while_the_ledger_is_open() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 1, SECOND * 10);
    spend(&limiter, &ledger, 1).await;
    let waiter = ask(&limiter, &ledger, 1, Priority::Cancel).await;
    spend(&limiter, &ledger, 0).await;
    waiter.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refund_returns_the_costs_and_serves_who_waits() {
    let limiter = plain();
    let ledger = limiter.ledger(key("weight"), 10, SECOND * 10);
    let ticket = open(&limiter, &ledger, 10).await;
    let waiter = ask(&limiter, &ledger, 4, Priority::Place).await;
    sleep(SECOND).await;
    ticket.refund();
    let refunded = Instant::now();
    assert_eq!(waiter.await.unwrap(), Ok(refunded));
    assert_eq!(ledger.used(), 4);
}
