//! The properties that hold for any sequence of grants, against a list of all of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::book::Book;
use super::{Deadline, LedgerKey, Limiter, LimiterConfig, Priority};

/// One grant, as a list that forgets nothing holds it.
#[derive(Debug, Clone, Copy)]
struct Spent {
    granted: Instant,
    settled: Option<Instant>,
    cost: u64,
}

#[derive(Debug, Clone)]
enum Step {
    /// Permille of the window.
    Wait(u32),
    /// Permille of the limit.
    Grant(u32),
    Settle(prop::sample::Index),
    Refund(prop::sample::Index),
    /// The venue counted this many permille of the limit that are not ours.
    Foreign(u32),
    SetLimit(u64, Duration),
}

fn window() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::from_secs(1)),
        Just(Duration::from_secs(10)),
        Just(Duration::from_secs(60)),
        Just(Duration::from_secs(24 * 60 * 60)),
        (1_000u64..86_400_000).prop_map(Duration::from_millis),
    ]
}

fn limit() -> impl Strategy<Value = u64> {
    prop_oneof![1u64..20, 1u64..1_000_000]
}

fn margin() -> impl Strategy<Value = Duration> {
    (0u64..200).prop_map(Duration::from_millis)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u32..30).prop_map(Step::Wait),
        1 => (0u32..1_200).prop_map(Step::Wait),
        8 => (0u32..150).prop_map(Step::Grant),
        1 => (0u32..=1_000).prop_map(Step::Grant),
        6 => any::<prop::sample::Index>().prop_map(Step::Settle),
        1 => any::<prop::sample::Index>().prop_map(Step::Refund),
    ];
    prop::collection::vec(step, 1..250)
}

/// Those, and changes from outside.
fn steps_with_changes() -> impl Strategy<Value = Vec<Step>> {
    let change = prop_oneof![
        (limit(), window()).prop_map(|(limit, window)| Step::SetLimit(limit, window)),
        (0u32..300).prop_map(Step::Foreign),
    ];
    (
        steps(),
        prop::collection::vec((any::<prop::sample::Index>(), change), 0..6),
    )
        .prop_map(|(mut steps, changes)| {
            for (at, change) in changes {
                steps.insert(at.index(steps.len()), change);
            }
            steps
        })
}

fn share(of: u64, permille: u32) -> u64 {
    (of * u64::from(permille) / 1_000).max(1)
}

/// A book beside a list of all that was granted.
struct Pair {
    book: Book,
    all: Vec<Spent>,
    margin: Duration,
    now: Instant,
}

impl Pair {
    fn new(limit: u64, window: Duration, margin: Duration) -> Self {
        Self {
            book: Book::new(limit, window, margin),
            all: Vec::new(),
            margin,
            now: Instant::now(),
        }
    }

    /// What the list counts, where everything counts this much longer.
    fn listed(&self, late: Duration) -> u64 {
        let span = self.book.window() + self.margin + late;
        self.all
            .iter()
            .filter(|spent| spent.settled.is_none_or(|at| at + span > self.now))
            .map(|spent| spent.cost)
            .sum()
    }

    /// Whether the book grants it.
    fn grant(&mut self, cost: u64) -> bool {
        let room = self.book.limit();
        let fits = self.book.earliest(cost, 0, room, self.now) == self.now;
        if fits {
            self.book.take(cost);
            self.all.push(Spent {
                granted: self.now,
                settled: None,
                cost,
            });
        }
        fits
    }

    fn open(&self, index: prop::sample::Index) -> Option<usize> {
        let open: Vec<usize> = (0..self.all.len())
            .filter(|i| self.all[*i].settled.is_none())
            .collect();
        (!open.is_empty()).then(|| open[index.index(open.len())])
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Wait(permille) => self.now += self.book.window() * *permille / 1_000,
            Step::Grant(permille) => {
                self.grant(share(self.book.limit(), *permille));
            }
            Step::Settle(index) => {
                if let Some(i) = self.open(*index) {
                    self.all[i].settled = Some(self.now);
                    self.book.settle(self.all[i].cost, self.now);
                }
            }
            Step::Refund(index) => {
                if let Some(i) = self.open(*index) {
                    self.book.refund(self.all.remove(i).cost);
                }
            }
            Step::Foreign(permille) => {
                let cost = share(self.book.limit(), *permille);
                let mark = self.book.mark(self.now);
                let counted = self.book.used(self.now) + cost;
                assert_eq!(self.book.observe(counted, mark, self.now), cost);
                self.all.push(Spent {
                    granted: self.now,
                    settled: Some(self.now),
                    cost,
                });
            }
            Step::SetLimit(limit, window) => self.book.set_limit(*limit, *window, self.now),
        }
    }
}

/// The most that arrived in any window that begins with an arrival.
fn most_in_a_window(arrivals: &[(Instant, u64)], window: Duration) -> u64 {
    arrivals
        .iter()
        .map(|(begin, _)| {
            arrivals
                .iter()
                .filter(|(at, _)| begin <= at && *at < *begin + window)
                .map(|(_, cost)| cost)
                .sum()
        })
        .max()
        .unwrap_or(0)
}

proptest! {
    #[test]
    fn no_grant_brings_what_counts_in_its_window_above_the_limit(
        limit in limit(), window in window(), margin in margin(), steps in steps_with_changes()
    ) {
        let mut pair = Pair::new(limit, window, margin);
        for step in &steps {
            let granted = pair.all.len();
            pair.step(step);
            let listed = pair.listed(Duration::ZERO);
            prop_assert!(pair.book.used(pair.now) >= listed, "it forgot something");
            if matches!(step, Step::Grant(_)) && pair.all.len() > granted {
                prop_assert!(listed <= pair.book.limit(), "{listed} of {}", pair.book.limit());
            }
            prop_assert!(pair.book.slots() <= 512, "{} slots", pair.book.slots());
        }
    }

    #[test]
    fn nothing_is_withheld_for_longer_than_a_64th_of_the_window(
        limit in limit(), window in window(), margin in margin(), steps in steps()
    ) {
        let mut pair = Pair::new(limit, window, margin);
        for step in &steps {
            pair.step(step);
            let late = pair.listed((window + margin) / 64);
            prop_assert!(pair.book.used(pair.now) <= late, "{} > {late}", pair.book.used(pair.now));
        }
    }

    #[test]
    fn the_receiver_never_sees_more_than_the_limit_in_any_window(
        limit in limit(), window in window(), steps in steps(),
        on_the_way in prop::collection::vec(0u32..=1_000, 250)
    ) {
        let mut pair = Pair::new(limit, window, Duration::ZERO);
        for step in &steps {
            pair.step(step);
        }
        let arrivals: Vec<(Instant, u64)> = pair.all.iter().zip(on_the_way).map(|(spent, permille)| {
            let ended = spent.settled.unwrap_or(pair.now);
            (spent.granted + (ended - spent.granted) * permille / 1_000, spent.cost)
        }).collect();
        let most = most_in_a_window(&arrivals, window);
        prop_assert!(most <= limit, "{most} of {limit}");
    }

    #[test]
    fn the_earliest_instant_is_the_earliest_and_suffices(
        limit in limit(), window in window(), margin in margin(), steps in steps(), wanted in 0u32..=1_000
    ) {
        let mut pair = Pair::new(limit, window, margin);
        for step in &steps {
            pair.step(step);
        }
        let cost = share(limit, wanted);
        let at = pair.book.earliest(cost, 0, limit, pair.now);
        if at > pair.now {
            // What settles only now may join a slot that was to leave first, and hold it for a 64th of the window.
            let any_open = pair.all.iter().any(|spent| spent.settled.is_none());
            let late = if any_open { (window + margin) / 64 } else { Duration::ZERO };
            for spent in pair.all.clone() {
                if spent.settled.is_none() {
                    pair.book.settle(spent.cost, pair.now);
                }
            }
            pair.now = at - Duration::from_nanos(1);
            prop_assert!(!pair.grant(cost), "too late");
            pair.now = at + late;
            prop_assert!(pair.grant(cost), "too early");
        }
    }

    #[test]
    fn nobody_is_told_to_wait_longer_than_the_queue_takes(
        limit in limit(), window in window(), steps in steps(),
        ahead in prop::collection::vec(0u32..=1_000, 0..8), wanted in 0u32..=1_000, room in 500u32..=1_000
    ) {
        let mut pair = Pair::new(limit, window, Duration::ZERO);
        for step in &steps {
            pair.step(step);
        }
        for spent in pair.all.clone() {
            if spent.settled.is_none() {
                pair.book.settle(spent.cost, pair.now);
            }
        }
        let ahead: Vec<u64> = ahead.into_iter().map(|permille| share(limit, permille)).collect();
        let room = share(limit, room);
        let cost = share(room, wanted);
        let told = pair.book.earliest(cost, ahead.iter().sum(), room, pair.now);
        for theirs in ahead {
            pair.now = pair.book.earliest(theirs, 0, limit, pair.now);
            prop_assert!(pair.grant(theirs));
            pair.book.settle(theirs, pair.now);
        }
        let granted = pair.book.earliest(cost, 0, room, pair.now);
        prop_assert!(told <= granted, "{:?} too late", told - granted);
    }

    #[test]
    fn memory_is_bounded_however_long_it_runs_and_nothing_is_forgotten_or_kept_too_long(
        window in window(), pauses in prop::collection::vec(0u32..40, 50..100), grows in 2u32..200
    ) {
        let mut pair = Pair::new(u64::MAX, window, Duration::ZERO);
        let spend = |pair: &mut Pair, pause: u32| {
            pair.grant(1);
            pair.now += window * pause / 1_000;
            let at = pair.now;
            pair.book.settle(1, at);
            if let Some(spent) = pair.all.last_mut() {
                spent.settled = Some(at);
            }
        };
        for (i, pause) in pauses.iter().cycle().take(1_500).enumerate() {
            spend(&mut pair, *pause);
            prop_assert!(pair.book.slots() <= 256, "{} slots", pair.book.slots());
            if i % 50 == 0 {
                let used = pair.book.used(pair.now);
                prop_assert!(used >= pair.listed(Duration::ZERO));
                prop_assert!(used <= pair.listed(window / 64));
            }
        }
        pair.book.set_limit(u64::MAX, window * grows / 2, pair.now);
        for pause in pauses {
            prop_assert!(pair.book.used(pair.now) >= pair.listed(Duration::ZERO));
            pair.now += window * grows * pause / 2_000;
        }
    }
}

/// What one client of the limiter does.
#[derive(Debug, Clone)]
struct Client {
    begins: u64,
    costs: (u64, u64),
    priority: Priority,
    patience: u64,
    /// How long it waits for the limiter before it drops the future.
    stays: u64,
    /// Its request arrives after so many milliseconds, and is answered after so many more.
    takes: (u64, u64),
    sends: bool,
}

fn client() -> impl Strategy<Value = Client> {
    let priority = prop_oneof![
        Just(Priority::Cancel),
        Just(Priority::Amend),
        Just(Priority::Place),
        Just(Priority::Read),
    ];
    (
        0u64..8_000,
        (0u64..4, 0u64..6),
        priority,
        0u64..6_000,
        prop_oneof![3 => Just(u64::MAX), 1 => 0u64..3_000],
        (0u64..400, 0u64..400),
        prop::bool::weighted(0.8),
    )
        .prop_map(
            |(begins, costs, priority, patience, stays, takes, sends)| Client {
                begins,
                costs,
                priority,
                patience,
                stays,
                takes,
                sends,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn many_clients_keep_every_limit_wait_no_longer_than_they_may_and_leave_nothing_behind(
        clients in prop::collection::vec(client(), 1..150),
        limits in (4u64..12, 8u64..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without input or output needs nothing that could be missing");
        runtime.block_on(run(clients, limits))?;
    }
}

async fn run(clients: Vec<Client>, limits: (u64, u64)) -> Result<(), TestCaseError> {
    let limiter = Limiter::new(LimiterConfig {
        margin: Duration::ZERO,
        ..LimiterConfig::default()
    });
    let windows = (Duration::from_secs(1), Duration::from_secs(3));
    let key = |bucket: &str| LedgerKey {
        scope: "account".into(),
        bucket: bucket.into(),
    };
    let first = limiter.ledger(key("first"), limits.0, windows.0);
    let second = limiter.ledger(key("second"), limits.1, windows.1);
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for client in clients {
        let (limiter, first, second) = (limiter.clone(), first.clone(), second.clone());
        let arrivals = arrivals.clone();
        tasks.spawn(async move {
            tokio::time::sleep(Duration::from_millis(client.begins)).await;
            let patience = Duration::from_millis(client.patience);
            let wants = [(&first, client.costs.0), (&second, client.costs.1)];
            let began = Instant::now();
            let acquire = limiter.acquire(&wants, client.priority, Deadline::after(patience));
            let stays = Duration::from_millis(client.stays).min(Duration::from_secs(60));
            let Ok(outcome) = tokio::time::timeout(stays, acquire).await else {
                return true;
            };
            let in_time = began.elapsed() <= patience;
            let Ok(ticket) = outcome else {
                return in_time;
            };
            let exact = ticket.waited() == began.elapsed();
            if !client.sends {
                ticket.refund();
                return in_time && exact;
            }
            tokio::time::sleep(Duration::from_millis(client.takes.0)).await;
            arrivals
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((Instant::now(), client.costs));
            tokio::time::sleep(Duration::from_millis(client.takes.1)).await;
            ticket.settle();
            in_time && exact
        });
    }
    while let Some(right) = tasks.join_next().await {
        prop_assert!(matches!(right, Ok(true)), "it waited too long");
    }
    {
        let arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let of_first: Vec<_> = arrivals.iter().map(|(at, costs)| (*at, costs.0)).collect();
        let of_second: Vec<_> = arrivals.iter().map(|(at, costs)| (*at, costs.1)).collect();
        prop_assert!(most_in_a_window(&of_first, windows.0) <= limits.0);
        prop_assert!(most_in_a_window(&of_second, windows.1) <= limits.1);
    }
    tokio::time::advance(windows.1 * 2).await;
    prop_assert_eq!((first.used(), second.used()), (0, 0));
    prop_assert_eq!((first.waiting(), second.waiting()), (0, 0));
    Ok(())
}
