//! The table of behaviour, row by row.

mod correcting;
mod spending;
mod waiting;

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn key(bucket: &str) -> LedgerKey {
    LedgerKey {
        scope: "account".into(),
        bucket: bucket.into(),
    }
}

/// Everyone may spend everything, to the very end of the window.
fn plain() -> Limiter {
    Limiter::new(LimiterConfig {
        headroom: Headroom {
            reserve: 0,
            kept_from_reads: 0,
        },
        margin: Duration::ZERO,
        queue: 256,
    })
}

/// With the headroom that is the default.
fn with_reserve() -> Limiter {
    Limiter::new(LimiterConfig {
        margin: Duration::ZERO,
        ..LimiterConfig::default()
    })
}

fn in_seconds(seconds: u64) -> Deadline {
    Deadline::after(SECOND * u32::try_from(seconds).unwrap())
}

/// Spends so much at once and settles.
async fn spend(limiter: &Limiter, ledger: &Ledger, cost: u64) {
    let ticket = open(limiter, ledger, cost).await;
    ticket.settle();
}

/// Spends so much at once and leaves the ticket open.
async fn open(limiter: &Limiter, ledger: &Ledger, cost: u64) -> Ticket {
    let ticket = limiter
        .acquire(&[(ledger, cost)], Priority::Cancel, in_seconds(0))
        .await
        .unwrap();
    assert_eq!(ticket.waited(), Duration::ZERO);
    ticket
}

/// Asks in a task of its own, which stands in the queue when this returns. The ticket settles when it is granted.
async fn ask(
    limiter: &Limiter,
    ledger: &Ledger,
    cost: u64,
    priority: Priority,
) -> JoinHandle<Result<Instant, Refused>> {
    let (limiter, ledger) = (limiter.clone(), ledger.clone());
    let task = tokio::spawn(async move {
        let ticket = limiter
            .acquire(&[(&ledger, cost)], priority, in_seconds(3_600))
            .await?;
        ticket.settle();
        Ok(Instant::now())
    });
    tokio::task::yield_now().await;
    task
}

fn refusal(ledger: &str, reason: Reason, retry_after: Option<Duration>) -> Refused {
    Refused {
        retry_after,
        reason,
        ledger: ledger.into(),
    }
}
