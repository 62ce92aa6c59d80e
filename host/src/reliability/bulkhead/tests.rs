use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;

fn bulkhead(concurrency: usize, queue: usize) -> Bulkhead {
    Bulkhead::new(BulkheadConfig { concurrency, queue })
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

fn depth(running: usize, waiting: usize) -> Depth {
    Depth { running, waiting }
}

type Entering<'a> = Pin<Box<dyn Future<Output = Turn> + Send + 'a>>;

/// Entering, and already in the queue.
fn queued(bulkhead: &Bulkhead, priority: u8, deadline: Deadline) -> Entering<'_> {
    let mut entering: Entering<'_> = Box::pin(bulkhead.enter(priority, deadline));
    assert!(poll(&mut entering).is_pending());
    entering
}

fn poll(entering: &mut Entering<'_>) -> Poll<Turn> {
    entering
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

fn admitted(entering: &mut Entering<'_>) -> Option<Admission> {
    match poll(entering) {
        Poll::Ready(turn) => Some(turn.unwrap()),
        Poll::Pending => None,
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_run_and_wait_as_allowed_and_the_rest_is_shed_at_once() {
    let bulkhead = bulkhead(2, 1);
    let _first = bulkhead.enter(5, soon()).await.unwrap();
    let _second = bulkhead.enter(5, soon()).await.unwrap();
    let _third = queued(&bulkhead, 5, soon());
    assert_eq!(bulkhead.depth(), depth(2, 1));
    let started = Instant::now();
    let shed = bulkhead.enter(5, soon()).await.unwrap_err();
    assert!(matches!(shed, Shed::QueueFull { .. }));
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(bulkhead.depth(), depth(2, 1));
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_nobody_waits_not_even_the_most_urgent() {
    let bulkhead = bulkhead(0, 0);
    let _running = bulkhead.enter(9, soon()).await.unwrap();
    assert!(bulkhead.enter(0, soon()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_place_goes_to_the_most_urgent_and_among_equals_to_the_longest_waiting() {
    let bulkhead = bulkhead(1, 9);
    let mut place = Some(bulkhead.enter(0, soon()).await.unwrap());
    let mut line: Vec<_> = [2, 1, 2, 0, 1]
        .map(|priority| queued(&bulkhead, priority, soon()))
        .into_iter()
        .collect();
    let mut order = Vec::new();
    while order.len() < 5 {
        drop(place.take());
        for (which, waiter) in line.iter_mut().enumerate() {
            if !order.contains(&which)
                && let Some(admission) = admitted(waiter)
            {
                order.push(which);
                place = Some(admission);
            }
        }
        assert_eq!(bulkhead.depth(), depth(1, 5 - order.len()));
    }
    assert_eq!(order, [3, 1, 4, 0, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_cannot_snatch_a_place_that_was_handed_over() {
    let bulkhead = bulkhead(1, 1);
    let place = bulkhead.enter(0, soon()).await.unwrap();
    let mut waiter = queued(&bulkhead, 9, soon());
    drop(place);
    let _newcomer = queued(&bulkhead, 0, soon());
    assert!(admitted(&mut waiter).is_some());
}

#[tokio::test(start_paused = true)]
async fn in_a_flood_the_more_urgent_displaces_the_least_urgent_and_youngest() {
    let bulkhead = bulkhead(1, 3);
    let place = bulkhead.enter(5, soon()).await.unwrap();
    let mut older = queued(&bulkhead, 5, soon());
    let mut younger = queued(&bulkhead, 5, soon());
    let mut urgent = queued(&bulkhead, 1, soon());
    let mut cancel = queued(&bulkhead, 0, soon());
    assert!(matches!(
        poll(&mut younger),
        Poll::Ready(Err(Shed::QueueFull { .. }))
    ));
    assert!(
        bulkhead.enter(5, soon()).await.is_err(),
        "an equal displaces nobody"
    );
    assert_eq!(bulkhead.depth(), depth(1, 3));
    drop(place);
    drop(admitted(&mut cancel).unwrap());
    drop(admitted(&mut urgent).unwrap());
    drop(admitted(&mut older).unwrap());
    assert_eq!(bulkhead.depth(), depth(0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_waits_until_the_deadline_is_shed_and_out_of_the_queue() {
    let bulkhead = bulkhead(1, 1);
    let place = bulkhead.enter(0, soon()).await.unwrap();
    let started = Instant::now();
    let shed = bulkhead
        .enter(0, Deadline::after(Duration::from_secs(2)))
        .await
        .unwrap_err();
    assert!(matches!(shed, Shed::Deadline { .. }));
    assert_eq!(started.elapsed(), Duration::from_secs(2));
    assert_eq!(bulkhead.depth(), depth(1, 0));
    drop(place);
    let late = bulkhead.enter(0, Deadline::after(Duration::ZERO)).await;
    assert!(
        matches!(late, Err(Shed::Deadline { .. })),
        "though there is a place"
    );
    assert_eq!(bulkhead.depth(), depth(0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_is_dropped_while_waiting_leaves_the_queue() {
    let bulkhead = bulkhead(1, 1);
    let _place = bulkhead.enter(0, soon()).await.unwrap();
    drop(queued(&bulkhead, 0, soon()));
    assert_eq!(bulkhead.depth(), depth(1, 0));
    let _waiter = queued(&bulkhead, 0, soon());
}

#[tokio::test(start_paused = true)]
async fn a_place_handed_to_a_waiter_that_is_dropped_at_that_moment_is_passed_on() {
    let bulkhead = bulkhead(1, 2);
    let place = bulkhead.enter(0, soon()).await.unwrap();
    let dropped = queued(&bulkhead, 0, soon());
    let mut next = queued(&bulkhead, 0, soon());
    drop(place);
    assert!(admitted(&mut next).is_none());
    drop(dropped);
    drop(admitted(&mut next).unwrap());
    assert_eq!(bulkhead.depth(), depth(0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_hint_follows_how_long_calls_take_and_how_many_wait() {
    let bulkhead = bulkhead(2, 1);
    let hint = async || bulkhead.enter(0, soon()).await.unwrap_err().retry_after();
    let places = [
        bulkhead.enter(0, soon()).await.unwrap(),
        bulkhead.enter(0, soon()).await.unwrap(),
    ];
    let waiter = queued(&bulkhead, 0, soon());
    assert_eq!(hint().await, Duration::from_secs(1), "nothing measured");
    tokio::time::advance(Duration::from_secs(8)).await;
    drop(waiter);
    drop(places);
    let places = [
        bulkhead.enter(0, soon()).await.unwrap(),
        bulkhead.enter(0, soon()).await.unwrap(),
    ];
    let waiter = queued(&bulkhead, 0, soon());
    assert_eq!(hint().await, Duration::from_secs(8));
    drop(waiter);
    tokio::time::advance(Duration::from_secs(1)).await;
    let handed_over = queued(&bulkhead, 0, soon());
    drop(places);
    drop(handed_over);
    assert_eq!(bulkhead.depth(), depth(0, 0));
    let _places = [
        bulkhead.enter(0, soon()).await.unwrap(),
        bulkhead.enter(0, soon()).await.unwrap(),
    ];
    let _waiter = queued(&bulkhead, 0, soon());
    // (8 * 7 + 1) / 8, twice, and nothing of the place that was not taken.
    assert_eq!(hint().await, Duration::from_micros(6_359_375));
}

#[derive(Debug, Clone)]
enum Step {
    Enter(u8, u64),
    /// Of those that run, that wait: which.
    Release(usize),
    Drop(usize),
    Wait(u64),
    /// Look which waiters got their turn; until then it is handed over and not taken.
    Look,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0_u8..4, 1_u64..20).prop_map(|(priority, seconds)| Step::Enter(priority, seconds)),
        3 => any::<usize>().prop_map(Step::Release),
        2 => any::<usize>().prop_map(Step::Drop),
        1 => (0_u64..8).prop_map(Step::Wait),
        3 => Just(Step::Look),
    ];
    proptest::collection::vec(step, 1..200)
}

/// What a waiter that was not looked at since has coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waiting,
    HandedOver,
    Displaced,
}

struct Waiter<'a> {
    arrival: usize,
    priority: u8,
    until: Instant,
    fate: Fate,
    entering: Entering<'a>,
}

/// The place of one that left goes to the first in line.
fn hand_over(line: &mut [Waiter<'_>], running: &mut usize) {
    let first = line
        .iter_mut()
        .filter(|waiter| waiter.fate == Fate::Waiting)
        .min_by_key(|waiter| (waiter.priority, waiter.arrival));
    match first {
        Some(waiter) => waiter.fate = Fate::HandedOver,
        None => *running -= 1,
    }
}

proptest! {
    #[test]
    fn whatever_happens_places_go_in_order_and_none_is_lost(
        concurrency in 1_usize..4, queue in 0_usize..6, steps in steps(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        // Not for tokio to make a task yield that polls as much as this one.
        runtime.block_on(tokio::task::unconstrained(async {
            let bulkhead = bulkhead(concurrency, queue);
            let (mut places, mut line) = (Vec::new(), Vec::<Waiter<'_>>::new());
            let mut running = 0;
            for (arrival, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Enter(priority, seconds) => {
                        let deadline = Deadline::after(Duration::from_secs(seconds));
                        let until = Instant::now() + Duration::from_secs(seconds);
                        let mut entering: Entering<'_> = Box::pin(bulkhead.enter(priority, deadline));
                        let result = poll(&mut entering);
                        let waiting = line.iter().filter(|w| w.fate == Fate::Waiting).count();
                        if running < concurrency {
                            running += 1;
                            let Poll::Ready(Ok(place)) = result else {
                                return Err(TestCaseError::fail("a free place was refused"));
                            };
                            places.push(place);
                            continue;
                        }
                        if waiting >= queue {
                            let last = line.iter_mut()
                                .filter(|waiter| waiter.fate == Fate::Waiting)
                                .max_by_key(|waiter| (waiter.priority, waiter.arrival));
                            match last {
                                Some(last) if last.priority > priority => last.fate = Fate::Displaced,
                                _ => {
                                    let shed = matches!(result, Poll::Ready(Err(Shed::QueueFull { .. })));
                                    prop_assert!(shed);
                                    continue;
                                }
                            }
                        }
                        prop_assert!(result.is_pending());
                        line.push(Waiter { arrival, priority, until, fate: Fate::Waiting, entering });
                    }
                    Step::Release(which) if !places.is_empty() => {
                        drop(places.swap_remove(which % places.len()));
                        hand_over(&mut line, &mut running);
                    }
                    Step::Drop(which) if !line.is_empty() => {
                        let waiter = line.swap_remove(which % line.len());
                        drop(waiter.entering);
                        if waiter.fate == Fate::HandedOver {
                            hand_over(&mut line, &mut running);
                        }
                    }
                    Step::Wait(seconds) => {
                        tokio::time::advance(Duration::from_secs(seconds)).await;
                    }
                    Step::Look => {
                        let mut still = Vec::new();
                        for mut waiter in line {
                            let late = waiter.until <= Instant::now();
                            match (poll(&mut waiter.entering), waiter.fate) {
                                (Poll::Ready(Ok(place)), Fate::HandedOver) => places.push(place),
                                (Poll::Ready(Err(Shed::QueueFull { .. })), Fate::Displaced) => {}
                                (Poll::Ready(Err(Shed::Deadline { .. })), Fate::Waiting) if late => {}
                                (Poll::Pending, Fate::Waiting) if !late => still.push(waiter),
                                (seen, fate) => {
                                    let text = format!("{fate:?}, late {late}, but {seen:?}");
                                    return Err(TestCaseError::fail(text));
                                }
                            }
                        }
                        line = still;
                    }
                    Step::Release(_) | Step::Drop(_) => {}
                }
                let waiting = line.iter().filter(|w| w.fate == Fate::Waiting).count();
                prop_assert_eq!(bulkhead.depth(), depth(running, waiting));
                prop_assert!(running <= concurrency && waiting <= queue);
            }
            drop(places);
            drop(line);
            prop_assert_eq!(bulkhead.depth(), depth(0, 0));
            Ok(())
        }))?;
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Handing over races with dropping on other threads.
#[test]
fn with_waiters_dropped_on_many_threads_no_place_is_lost() {
    const SEED: u64 = 0x5eed_b01d;
    println!("seed {SEED:#x}");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let bulkhead = Arc::new(bulkhead(3, 16));
        let tasks: Vec<_> = (0..16)
            .map(|task| {
                let (bulkhead, mut state) = (Arc::clone(&bulkhead), SEED + task);
                tokio::spawn(async move {
                    let (mut admitted, mut given_up) = (0, 0);
                    for _ in 0..3_000 {
                        let priority = random(&mut state) as u8 % 4;
                        let patience = random(&mut state) % 12;
                        let entering = bulkhead.enter(priority, soon());
                        let giving_up = async {
                            for _ in 0..patience {
                                tokio::task::yield_now().await;
                            }
                        };
                        tokio::select! {
                            biased;
                            () = giving_up => given_up += 1,
                            turn = entering => if let Ok(_place) = turn {
                                admitted += 1;
                                assert!(bulkhead.depth().running <= 3);
                                for _ in 0..random(&mut state) % 4 {
                                    tokio::task::yield_now().await;
                                }
                            },
                        }
                    }
                    (admitted, given_up)
                })
            })
            .collect();
        let (mut admitted, mut given_up) = (0, 0);
        for task in tasks {
            let (ran, left) = task.await.unwrap();
            admitted += ran;
            given_up += left;
        }
        assert!(
            admitted > 1_000 && given_up > 1_000,
            "{admitted} ran, {given_up} left"
        );
        assert_eq!(bulkhead.depth(), depth(0, 0));
    });
}
