use proptest::prelude::*;

use super::*;

/// The rules once more, with every call kept and counted anew each time.
#[derive(Debug)]
struct Model {
    config: BreakerConfig,
    state: State,
    since: Instant,
    epoch: usize,
    lasting: Duration,
    doublings: i32,
    out: usize,
    /// Of this closed or half-open time, or those that opened it.
    calls: Vec<(Instant, bool, bool)>,
}

impl Model {
    fn go(&mut self, state: State, at: Instant) {
        self.calls = self.judged_by(at);
        self.state = state;
        self.since = at;
        self.epoch += 1;
        self.out = 0;
        match state {
            Open => {
                let longest = self.config.open_for_max.as_secs_f64();
                let doubled = self.config.open_for.as_secs_f64() * 2_f64.powi(self.doublings);
                self.lasting = Duration::from_secs_f64(doubled.min(longest));
            }
            Closed | HalfOpen => self.calls.clear(),
        }
    }

    fn pass_time(&mut self, now: Instant) {
        if self.state == HalfOpen && now - self.since >= self.config.half_open_for {
            self.doublings = 0;
            self.go(Open, self.since + self.config.half_open_for);
        }
    }

    fn judged_by(&self, now: Instant) -> Vec<(Instant, bool, bool)> {
        let mut calls = self.calls.clone();
        match (self.state, self.config.window) {
            (Closed, WindowKind::Calls(size)) => {
                calls = calls.into_iter().rev().take(size as usize).collect();
            }
            (Closed, WindowKind::Time(span)) => {
                let slice = |at: Instant| (at - self.since).as_nanos() / (span / 60).as_nanos();
                calls.retain(|(at, ..)| slice(*at) + 60 > slice(now));
            }
            _ => {}
        }
        calls
    }

    fn counted(&self, now: Instant) -> (u64, u64, u64) {
        let calls = self.judged_by(now);
        let count = |which: fn(&(Instant, bool, bool)) -> bool| {
            calls.iter().filter(|call| which(call)).count() as u64
        };
        (count(|_| true), count(|call| call.1), count(|call| call.2))
    }

    fn acquire(&mut self, now: Instant) -> bool {
        self.pass_time(now);
        if self.state == Open && now - self.since >= self.lasting {
            self.go(HalfOpen, now);
        }
        let allowed = match self.state {
            Closed => true,
            Open => false,
            HalfOpen => self.out + self.calls.len() < self.config.half_open_calls as usize,
        };
        self.out += usize::from(allowed);
        allowed
    }

    fn settle(&mut self, now: Instant, epoch: usize, verdict: Verdict, took: Duration) {
        self.pass_time(now);
        if epoch != self.epoch {
            return;
        }
        self.out -= 1;
        if verdict == Neutral {
            return;
        }
        let slow = took > self.config.slow_after;
        self.calls.push((now, verdict == Failing, slow));
        let (calls, failures, slow) = self.counted(now);
        let enough = match (self.state, self.config.window) {
            (HalfOpen, _) => self.config.half_open_calls,
            (_, WindowKind::Calls(size)) => self.config.minimum_calls.min(size),
            (_, WindowKind::Time(_)) => self.config.minimum_calls,
        };
        if calls < u64::from(enough) {
            return;
        }
        let ill = failures * 100 >= u64::from(self.config.failure_rate) * calls
            || slow * 100 >= u64::from(self.config.slow_rate) * calls;
        match (self.state, ill) {
            (HalfOpen, true) => {
                self.doublings += 1;
                self.go(Open, now);
            }
            (HalfOpen, false) => {
                self.doublings = 0;
                self.go(Closed, now);
            }
            (_, true) => self.go(Open, now),
            (_, false) => {}
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Acquire,
    /// Of the permits out: which, its verdict, and the milliseconds it took.
    Settle(usize, Verdict, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let verdict = prop_oneof![4 => Just(Failing), 3 => Just(Healthy), 1 => Just(Neutral)];
    let step = prop_oneof![
        2 => (0_u64..4_000).prop_map(Step::Wait),
        4 => Just(Step::Acquire),
        4 => (any::<usize>(), verdict, 0_u64..120).prop_map(|(which, verdict, took)| {
            Step::Settle(which, verdict, took)
        }),
    ];
    proptest::collection::vec(step, 1..250)
}

fn configs() -> impl Strategy<Value = BreakerConfig> {
    let window = prop_oneof![
        (1_u32..8).prop_map(WindowKind::Calls),
        (1_u64..200).prop_map(|n| WindowKind::Time(Duration::from_millis(60 * n))),
    ];
    let rest = (
        1_u32..6,
        1_u8..=101,
        50_u8..=101,
        1_u64..8,
        1_u32..4,
        1_u64..12,
    );
    (window, rest).prop_map(
        |(window, (minimum, failing, slow, open, trial, trial_for))| BreakerConfig {
            window,
            minimum_calls: minimum,
            failure_rate: failing,
            slow_after: Duration::from_millis(100),
            slow_rate: slow,
            open_for: Duration::from_secs(open),
            open_for_max: Duration::from_secs(10).max(Duration::from_secs(open)),
            half_open_calls: trial,
            half_open_for: Duration::from_secs(trial_for),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn whatever_happens_it_agrees_with_a_naive_count_of_every_call(
        config in configs(), steps in steps(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let fixture = fixture(config.clone());
            let mut model = Model {
                config: config.clone(), state: Closed, since: Instant::now(), epoch: 0,
                lasting: Duration::ZERO, doublings: 0, out: 0, calls: Vec::new(),
            };
            let mut permits: Vec<(usize, Permit)> = Vec::new();
            // By itself, not by the model: permits of this half-open time that are out or used up.
            let mut on_trial = 0_u32;
            let mut opened_at = None;
            for step in steps {
                let now = Instant::now();
                let heard = fixture.times_told();
                match step {
                    Step::Wait(millis) => {
                        tokio::time::advance(Duration::from_millis(millis)).await;
                    }
                    Step::Acquire => {
                        let permit = fixture.breaker.acquire();
                        prop_assert_eq!(permit.is_ok(), model.acquire(now));
                        match permit {
                            Ok(permit) => {
                                if fixture.times_told() > heard {
                                    on_trial = 0;
                                }
                                if fixture.breaker.state() == HalfOpen {
                                    on_trial += 1;
                                    prop_assert!(on_trial <= config.half_open_calls);
                                }
                                if let Some(opened) = opened_at.take() {
                                    prop_assert!(now - opened >= config.open_for);
                                }
                                permits.push((model.epoch, permit));
                            }
                            Err(refused) => {
                                prop_assert!(refused.retry_after > Duration::ZERO);
                                prop_assert_eq!(fixture.breaker.snapshot().retry_after, Some(refused.retry_after));
                            }
                        }
                    }
                    Step::Settle(which, verdict, took) if !permits.is_empty() => {
                        let (epoch, permit) = permits.swap_remove(which % permits.len());
                        let took = Duration::from_millis(took);
                        model.settle(now, epoch, verdict, took);
                        if epoch == model.epoch && model.state == HalfOpen && verdict == Neutral {
                            on_trial -= 1;
                        }
                        match verdict {
                            Neutral => drop(permit),
                            _ => permit.record_after(verdict, took),
                        }
                    }
                    Step::Settle(..) => {}
                }
                let now = Instant::now();
                model.pass_time(now);
                let snapshot = fixture.breaker.snapshot();
                prop_assert_eq!(snapshot.state, model.state);
                prop_assert_eq!(snapshot.since, model.since);
                prop_assert_eq!(fixture.counts(), model.counted(now));
                if snapshot.state == Open {
                    opened_at = Some(snapshot.since);
                }
                let told = fixture.told.lock().unwrap();
                prop_assert_eq!(told.len(), model.epoch);
                prop_assert!(told.windows(2).all(|pair| pair[0].to == pair[1].from));
            }
            Ok(())
        })?;
    }
}
