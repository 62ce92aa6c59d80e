//! What is returned, by age and by what the load said.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_value_is_live_once_and_then_a_hit_until_its_time_is_over() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    assert_eq!(
        venue.get(&cache, "key").await,
        cached(1, SECOND, CacheStatus::Live),
        "as old as its load"
    );
    advance(Duration::from_millis(8_999)).await;
    assert_eq!(
        venue.get(&cache, "key").await,
        cached(1, Duration::from_millis(9_999), CacheStatus::Hit)
    );
    assert_eq!(venue.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_time_to_live_of_zero_never_hits() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    let never = Freshness {
        ttl: Duration::ZERO,
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
    };
    for number in 1..=2 {
        let at_once = move || async move { Ok(number) };
        assert_eq!(
            cache.get("key", never, at_once).await,
            cached(number, Duration::ZERO, CacheStatus::Live)
        );
    }
    let asked = venue.clone();
    venue.set_down(true);
    let outcome = cache.get("key", never, move || asked.answer()).await;
    assert_eq!(outcome, Err(Error::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_is_returned_at_once_while_one_load_renews_it() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    venue.get(&cache, "key").await.unwrap();
    advance(SECOND * 10).await;
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(
            venue.get(&cache, "key").await,
            cached(1, SECOND * 11, CacheStatus::Revalidating)
        );
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    sleep(SECOND * 2).await;
    assert_eq!(
        venue.get(&cache, "key").await,
        cached(2, SECOND * 2, CacheStatus::Hit)
    );
    assert_eq!(venue.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_value_too_stale_to_show_is_waited_for() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    venue.get(&cache, "key").await.unwrap();
    advance(SECOND * 14).await;
    assert_eq!(
        venue.get(&cache, "key").await,
        cached(2, SECOND, CacheStatus::Live)
    );
}

#[tokio::test(start_paused = true)]
async fn on_an_error_a_stale_value_stands_in_and_says_how_old_it_is_and_why() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    venue.get(&cache, "key").await.unwrap();
    venue.set_down(true);
    advance(SECOND * 67).await;
    let on_error = CacheStatus::StaleOnError(Error::Unreachable);
    assert_eq!(
        venue.get(&cache, "key").await,
        cached(1, SECOND * 69, on_error)
    );
    assert_eq!(venue.get(&cache, "key").await, Err(Error::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_leaves_the_stale_value_and_is_tried_again() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    venue.get(&cache, "key").await.unwrap();
    venue.set_down(true);
    advance(SECOND * 10).await;
    for renewals in 1..=2 {
        let stale = venue.get(&cache, "key").await.unwrap();
        assert_eq!(stale.status, CacheStatus::Revalidating);
        sleep(Duration::from_millis(1_500)).await;
        assert_eq!(venue.asked(), 1 + renewals);
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalidated_value_is_shown_only_in_place_of_an_error() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    venue.get(&cache, "key").await.unwrap();
    cache.invalidate(&"other");
    assert_eq!(
        venue.get(&cache, "key").await.unwrap().status,
        CacheStatus::Hit
    );
    cache.invalidate(&"key");
    venue.set_down(true);
    let on_error = CacheStatus::StaleOnError(Error::Unreachable);
    assert_eq!(
        venue.get(&cache, "key").await,
        cached(1, SECOND * 2, on_error)
    );
    venue.set_down(false);
    assert_eq!(
        venue.get(&cache, "key").await,
        cached(3, SECOND, CacheStatus::Live)
    );
}

#[tokio::test(start_paused = true)]
async fn many_keys_are_invalidated_by_what_they_show() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    for key in ["orders/a", "orders/b", "book/a"] {
        venue.get(&cache, key).await.unwrap();
    }
    cache.invalidate_where(|key| key.starts_with("orders/"));
    let mut statuses = Vec::new();
    for key in ["orders/a", "orders/b", "book/a"] {
        statuses.push(venue.get(&cache, key).await.unwrap().status);
    }
    assert_eq!(
        statuses,
        [CacheStatus::Live, CacheStatus::Live, CacheStatus::Hit]
    );
}

#[tokio::test(start_paused = true)]
async fn the_least_recently_used_makes_place() {
    let cache = Numbers::new(6);
    let status = |key| {
        let cache = cache.clone();
        async move {
            let at_once = || async { Ok(0) };
            let value = cache.get(key, FRESHNESS, at_once).await;
            value.unwrap().status
        }
    };
    for key in ["a", "b", "c", "d", "e", "f", "a", "b", "c", "x", "y", "z"] {
        status(key).await;
    }
    assert_eq!(cache.len(), 6);
    for key in ["a", "b", "c", "x", "y", "z"] {
        assert_eq!(status(key).await, CacheStatus::Hit, "{key}");
    }
    for key in ["d", "e", "f"] {
        assert_eq!(status(key).await, CacheStatus::Live, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn failed_loads_leave_no_entries() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    venue.set_down(true);
    assert_eq!(venue.get(&cache, "key").await, Err(Error::Unreachable));
    assert_eq!(
        venue.get_fresh(&cache, "key").await,
        Err(Error::Unreachable)
    );
    assert!(cache.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_stands_in_for_an_error_as_long_as_it_may_and_begins_no_load() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    let instead = || cache.in_place_of(&"key", FRESHNESS, Error::Unreachable);
    assert_eq!(instead(), Err(Error::Unreachable), "nothing is stored");
    venue.get(&cache, "key").await.unwrap();
    cache.invalidate(&"key");
    let on_error = CacheStatus::StaleOnError(Error::Unreachable);
    assert_eq!(instead(), cached(1, SECOND, on_error.clone()));
    advance(SECOND * 68).await;
    assert_eq!(instead(), cached(1, SECOND * 69, on_error));
    advance(SECOND).await;
    assert_eq!(instead(), Err(Error::Unreachable));
    assert_eq!(venue.asked(), 1);
}
