//! What happens while a load is under way.

use super::*;

#[tokio::test(start_paused = true)]
async fn those_who_ask_together_share_one_load_and_its_error() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    for down in [true, false] {
        venue.set_down(down);
        let mut tasks = Vec::new();
        for _ in 0..10 {
            tasks.push(venue.asking(&cache, false).await);
        }
        let expected = match down {
            true => Err(Error::Unreachable),
            false => cached(2, SECOND, CacheStatus::Live),
        };
        for task in tasks {
            assert_eq!(task.await.unwrap(), expected);
        }
    }
    assert_eq!(venue.asked(), 2, "an error is not kept");
}

#[tokio::test(start_paused = true)]
async fn keys_do_not_wait_for_each_other() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    let began = Instant::now();
    let (one, other) = tokio::join!(venue.get(&cache, "one"), venue.get(&cache, "other"));
    assert_eq!(began.elapsed(), SECOND);
    assert_ne!(one.unwrap().value, other.unwrap().value);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_cancels_nothing_for_the_others() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    let first = venue.asking(&cache, false).await;
    let second = venue.asking(&cache, false).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(second.await.unwrap(), cached(1, SECOND, CacheStatus::Live));
    let alone = venue.asking(&cache, true).await;
    alone.abort();
    sleep(SECOND * 2).await;
    assert_eq!(
        venue.get(&cache, "key").await,
        cached(2, SECOND * 2, CacheStatus::Hit)
    );
}

#[tokio::test(start_paused = true)]
async fn a_load_that_panics_is_an_error_to_all_who_wait_and_the_next_begins_anew() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    let panicking = {
        let cache = cache.clone();
        tokio::spawn(async move {
            let load = || async {
                sleep(SECOND).await;
                panic!("the load's own bug")
            };
            cache.get("key", FRESHNESS, load).await
        })
    };
    tokio::task::yield_now().await;
    let joining = venue.asking(&cache, false).await;
    assert_eq!(panicking.await.unwrap(), Err(Error::Panicked));
    assert_eq!(joining.await.unwrap(), Err(Error::Panicked));
    assert!(cache.is_empty());
    assert!(venue.get(&cache, "key").await.is_ok());

    let before_its_future = || -> std::future::Ready<Result<u64, Error>> { panic!("here too") };
    let outcome = cache.get_fresh("key", before_its_future).await;
    assert_eq!(outcome, Err(Error::Panicked));
    let stored = venue.get(&cache, "key").await.unwrap();
    assert_eq!(stored.status, CacheStatus::Hit);
}

#[test]
fn a_runtime_that_shut_down_is_an_error_and_not_a_hang() {
    let cache = Numbers::new(8);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let (done, outcome) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let load = || async { Ok(1) };
        let outcome = handle.block_on(cache.get("key", FRESHNESS, load));
        let fresh = handle.block_on(cache.get_fresh("key", load));
        done.send((outcome, fresh)).unwrap();
    });
    assert_eq!(
        outcome.recv_timeout(SECOND * 10),
        Ok((Err(Error::Panicked), Err(Error::Panicked)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_load_that_an_invalidation_overtakes_is_not_stored_as_fresh() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    let before = venue.asking(&cache, false).await;
    sleep(SECOND / 2).await;
    cache.invalidate(&"key");
    let after = venue.asking(&cache, false).await;
    assert_eq!(
        before.await.unwrap(),
        cached(1, SECOND, CacheStatus::Live),
        "who asked before the change may see what was before it"
    );
    assert_eq!(
        after.await.unwrap(),
        cached(2, SECOND, CacheStatus::Live),
        "who asked after it may not"
    );
    assert_eq!(*venue.get(&cache, "key").await.unwrap().value, 2);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_an_invalidation_overtook_still_stands_in_for_an_error() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    let before = venue.asking(&cache, false).await;
    cache.invalidate(&"key");
    before.await.unwrap().unwrap();
    venue.set_down(true);
    let on_error = CacheStatus::StaleOnError(Error::Unreachable);
    assert_eq!(
        venue.get(&cache, "key").await,
        cached(1, SECOND * 2, on_error)
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_load_from_before_an_invalidation_never_replaces_a_later_value() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    let slow = {
        let cache = cache.clone();
        tokio::spawn(async move {
            let load = || async {
                sleep(SECOND * 5).await;
                Ok(0)
            };
            cache.get("key", FRESHNESS, load).await
        })
    };
    tokio::task::yield_now().await;
    cache.invalidate(&"key");
    assert_eq!(*venue.get(&cache, "key").await.unwrap().value, 1);
    assert_eq!(*slow.await.unwrap().unwrap().value, 0);
    assert_eq!(
        venue.get(&cache, "key").await,
        cached(1, SECOND * 5, CacheStatus::Hit)
    );
}

#[tokio::test(start_paused = true)]
async fn of_two_outdated_values_the_later_stands_in_for_an_error() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    let slow = {
        let cache = cache.clone();
        tokio::spawn(async move {
            let load = || async {
                sleep(SECOND * 5).await;
                Ok(0)
            };
            cache.get("key", FRESHNESS, load).await
        })
    };
    tokio::task::yield_now().await;
    cache.invalidate(&"key");
    venue.get(&cache, "key").await.unwrap();
    cache.invalidate(&"key");
    slow.await.unwrap().unwrap();
    venue.set_down(true);
    let stale = venue.get(&cache, "key").await.unwrap();
    assert_eq!(
        (*stale.value, stale.status),
        (1, CacheStatus::StaleOnError(Error::Unreachable))
    );
}

#[tokio::test(start_paused = true)]
async fn a_forced_load_that_another_overtook_takes_no_hit_away() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    venue.get(&cache, "key").await.unwrap();
    let first = venue.asking(&cache, true).await;
    sleep(SECOND / 2).await;
    let second = venue.asking(&cache, true).await;
    assert_eq!(*first.await.unwrap().unwrap().value, 2);
    let hit = venue.get(&cache, "key").await.unwrap();
    assert_eq!((*hit.value, hit.status), (1, CacheStatus::Hit));
    assert_eq!(*second.await.unwrap().unwrap().value, 3);
    assert_eq!(*venue.get(&cache, "key").await.unwrap().value, 3);
}

#[tokio::test(start_paused = true)]
async fn a_forced_load_begins_after_it_was_asked_for_and_is_joined_by_others() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    let plain = venue.asking(&cache, false).await;
    sleep(SECOND / 2).await;
    let forced = venue.asking(&cache, true).await;
    let joining = venue.asking(&cache, false).await;
    assert_eq!(plain.await.unwrap(), cached(1, SECOND, CacheStatus::Live));
    assert_eq!(
        cache.len(),
        1,
        "the end of the first load ends not the second"
    );
    let late = venue.asking(&cache, false).await;
    for task in [forced, joining, late] {
        assert_eq!(task.await.unwrap(), cached(2, SECOND, CacheStatus::Live));
    }
    assert_eq!(
        venue.get(&cache, "key").await,
        cached(2, SECOND, CacheStatus::Hit)
    );
    assert_eq!(venue.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_forced_load_that_fails_is_an_error_and_leaves_what_was_stored() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    venue.get(&cache, "key").await.unwrap();
    venue.set_down(true);
    assert_eq!(
        venue.get_fresh(&cache, "key").await,
        Err(Error::Unreachable)
    );
    assert_eq!(
        venue.get(&cache, "key").await,
        cached(1, SECOND * 2, CacheStatus::Hit)
    );
}

#[tokio::test(start_paused = true)]
async fn while_a_forced_load_is_under_way_a_fresh_value_is_still_a_hit() {
    let (cache, venue) = (Numbers::new(8), Venue::default());
    venue.get(&cache, "key").await.unwrap();
    let forced = venue.asking(&cache, true).await;
    assert_eq!(
        venue.get(&cache, "key").await.unwrap().status,
        CacheStatus::Hit
    );
    assert_eq!(*forced.await.unwrap().unwrap().value, 2);
}

#[tokio::test(start_paused = true)]
async fn an_entry_whose_load_is_under_way_makes_place_last() {
    let (cache, venue) = (Numbers::new(2), Venue::default());
    let first = venue.asking(&cache, false).await;
    for key in ["other", "another"] {
        cache.get(key, FRESHNESS, || async { Ok(0) }).await.unwrap();
    }
    let joining = venue.asking(&cache, false).await;
    first.await.unwrap().unwrap();
    joining.await.unwrap().unwrap();
    assert_eq!(venue.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_load_whose_entry_made_place_still_answers_and_stores_nothing() {
    let (cache, venue) = (Numbers::new(1), Venue::default());
    let first = venue.asking(&cache, false).await;
    let other = venue.get(&cache, "other").await.unwrap();
    assert_eq!(*other.value, 2);
    assert_eq!(first.await.unwrap(), cached(1, SECOND, CacheStatus::Live));
    assert_eq!(cache.len(), 1);
    assert_eq!(
        venue.get(&cache, "other").await.unwrap().status,
        CacheStatus::Hit
    );
}
