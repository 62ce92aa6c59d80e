//! What callers are told of an answer, and how long they wait for one.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::{Instant, advance, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

impl ReadKey for &'static str {
    fn venue(&self) -> &str {
        self
    }
}

fn shelf(ttl: Duration) -> Shelf<&'static str, u64> {
    let freshness = Freshness {
        ttl,
        stale_while_revalidate: SECOND,
        stale_if_error: 60 * SECOND,
    };
    Shelf::new("ticker", freshness, 8, Arc::new(Metrics::default()))
}

fn away() -> Failure {
    Failure::not_sent(FailureCode::VenueUnavailable, "away")
}

async fn asked(shelf: &Shelf<&'static str, u64>, wanted: Wanted) -> Served {
    let deadline = Deadline::after(SECOND);
    let answer = shelf.get("key", wanted, deadline, |_| async { Ok(7) });
    answer.await.unwrap().served
}

#[tokio::test(start_paused = true)]
async fn an_answer_says_whether_it_is_live_cached_or_stale_and_how_old() {
    let shelf = shelf(2 * SECOND);
    let forwarded = Forwarded::Miss;
    assert_eq!(
        asked(&shelf, Wanted::Cached).await,
        Served::Live { forwarded }
    );
    advance(SECOND).await;
    let (age, left) = (SECOND, SECOND);
    assert_eq!(
        asked(&shelf, Wanted::Cached).await,
        Served::Cached { age, left }
    );
    let forwarded = Forwarded::Request;
    assert_eq!(
        asked(&shelf, Wanted::Fresh).await,
        Served::Live { forwarded }
    );
    advance(5 * SECOND).await;
    let stale = shelf.in_place_of(&"key", away()).unwrap().served;
    let (age, over, failure) = (5 * SECOND, 3 * SECOND, Some(away()));
    assert_eq!(stale, Served::Stale { age, over, failure });
    let told = SourceStatus::served("a", "spot", &stale);
    assert_eq!(
        (told.source, told.age_ms, told.reason.as_deref()),
        (
            SourceKind::Stale,
            Some(5_000),
            Some("venue-unavailable: away")
        )
    );
    advance(60 * SECOND).await;
    assert_eq!(shelf.in_place_of(&"key", away()).err(), Some(away()));
}

#[tokio::test(start_paused = true)]
async fn without_a_time_to_live_nothing_is_kept_not_even_in_place_of_an_error() {
    let shelf = shelf(Duration::ZERO);
    let forwarded = Forwarded::Bypass;
    for _ in 0..2 {
        assert_eq!(
            asked(&shelf, Wanted::Cached).await,
            Served::Live { forwarded }
        );
    }
    assert_eq!(shelf.in_place_of(&"key", away()).err(), Some(away()));
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_no_longer_than_it_wants_and_what_it_began_goes_on_for_others() {
    let shelf = shelf(2 * SECOND);
    let loads = Arc::new(AtomicU64::new(0));
    let ask = |patience: Duration| {
        let (shelf, loads) = (shelf.clone(), loads.clone());
        async move {
            let deadline = Deadline::after(patience);
            let answer = shelf.get("key", Wanted::Cached, deadline, move |until| async move {
                assert!(until.left() >= LOAD_FOR);
                sleep(SECOND).await;
                Ok(loads.fetch_add(1, Ordering::SeqCst))
            });
            answer.await.map(|answer| *answer.value)
        }
    };
    let started = Instant::now();
    let failure = ask(SECOND / 4).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(started.elapsed(), SECOND / 4);
    assert_eq!(ask(SECOND).await.unwrap(), 0);
    assert_eq!(started.elapsed(), SECOND);
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}
