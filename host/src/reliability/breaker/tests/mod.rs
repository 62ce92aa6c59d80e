use super::*;
use State::{Closed, HalfOpen, Open};
use Verdict::{Failing, Healthy, Neutral};

mod model;

/// A breaker that judges by the last 4 calls, and what it told of itself.
struct Fixture {
    breaker: Breaker,
    told: Arc<Mutex<Vec<Transition>>>,
}

const SLOW_AFTER: Duration = Duration::from_secs(3);

fn config() -> BreakerConfig {
    BreakerConfig {
        window: WindowKind::Calls(4),
        minimum_calls: 4,
        failure_rate: 50,
        slow_after: SLOW_AFTER,
        slow_rate: 75,
        open_for: Duration::from_secs(5),
        open_for_max: Duration::from_secs(15),
        half_open_calls: 3,
        half_open_for: Duration::from_secs(30),
    }
}

fn fixture(config: BreakerConfig) -> Fixture {
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let on_change = move |transition| listener.lock().unwrap().push(transition);
    Fixture {
        breaker: Breaker::new(config, Box::new(on_change)),
        told,
    }
}

impl Fixture {
    fn call(&self, verdict: Verdict) {
        let permit = self.breaker.acquire().unwrap();
        permit.record_after(verdict, Duration::ZERO);
    }

    fn calls(&self, verdicts: &[Verdict]) {
        for verdict in verdicts {
            self.call(*verdict);
        }
    }

    fn last_told(&self) -> (State, State, String) {
        let told = self.told.lock().unwrap();
        let last = told.last().unwrap();
        (last.from, last.to, last.reason.clone())
    }

    fn times_told(&self) -> usize {
        self.told.lock().unwrap().len()
    }

    fn counts(&self) -> (u64, u64, u64) {
        let snapshot = self.breaker.snapshot();
        (snapshot.calls, snapshot.failures, snapshot.slow)
    }

    fn retry_after(&self) -> Duration {
        self.breaker.acquire().unwrap_err().retry_after
    }

    /// Opened by failures, with its time over; the next call is on trial.
    async fn ready_for_trial() -> Self {
        let fixture = fixture(config());
        fixture.calls(&[Verdict::Failing; 4]);
        tokio::time::advance(Duration::from_secs(5)).await;
        fixture
    }
}

async fn seconds(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn closed_opens_when_the_failure_rate_reaches_its_limit() {
    let fixture = fixture(config());
    fixture.calls(&[Healthy, Healthy, Failing]);
    assert_eq!(fixture.breaker.state(), Closed);
    fixture.call(Failing);
    let reason = "of 4 calls 50 % failed (limit 50 %) and 0 % were slow (limit 75 %)";
    assert_eq!(fixture.last_told(), (Closed, Open, reason.to_owned()));
    assert_eq!(fixture.retry_after(), Duration::from_secs(5));
    assert_eq!(fixture.counts(), (4, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn closed_opens_when_the_slow_rate_reaches_its_limit_though_every_call_is_healthy() {
    let fixture = fixture(config());
    let slow = |took| {
        let permit = fixture.breaker.acquire().unwrap();
        permit.record_after(Healthy, took);
    };
    slow(SLOW_AFTER);
    slow(SLOW_AFTER + Duration::from_nanos(1));
    slow(SLOW_AFTER * 2);
    assert_eq!(fixture.counts(), (3, 0, 2));
    slow(SLOW_AFTER * 2);
    assert_eq!(fixture.breaker.state(), Open);
    assert_eq!(fixture.counts(), (4, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn fewer_calls_than_the_minimum_open_nothing() {
    let fixture = fixture(config());
    fixture.calls(&[Failing; 3]);
    assert_eq!(fixture.breaker.state(), Closed);
    assert_eq!(fixture.times_told(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_minimum_above_a_window_of_calls_is_the_window() {
    let fixture = fixture(BreakerConfig {
        minimum_calls: 100,
        ..config()
    });
    fixture.calls(&[Failing; 4]);
    assert_eq!(fixture.breaker.state(), Open);
}

#[tokio::test(start_paused = true)]
async fn a_rate_above_a_hundred_never_opens() {
    let fixture = fixture(BreakerConfig {
        failure_rate: 101,
        ..config()
    });
    fixture.calls(&[Failing; 50]);
    assert_eq!(fixture.breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn neutral_calls_count_for_nothing_however_slow() {
    let fixture = fixture(config());
    for _ in 0..10 {
        let permit = fixture.breaker.acquire().unwrap();
        permit.record_after(Neutral, SLOW_AFTER * 2);
        drop(fixture.breaker.acquire().unwrap());
    }
    assert_eq!(fixture.counts(), (0, 0, 0));
    fixture.calls(&[Failing; 3]);
    assert_eq!(fixture.breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn the_time_since_the_permit_is_the_calls_unless_told_otherwise() {
    let fixture = fixture(config());
    let waited = fixture.breaker.acquire().unwrap();
    let slow = fixture.breaker.acquire().unwrap();
    seconds(4).await;
    waited.record_after(Healthy, Duration::from_secs(1));
    assert_eq!(fixture.counts(), (1, 0, 0));
    slow.record(Failing);
    assert_eq!(fixture.counts(), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn calls_older_than_the_window_of_calls_are_forgotten() {
    let fixture = fixture(config());
    fixture.calls(&[Failing, Healthy, Healthy, Healthy, Healthy, Failing]);
    assert_eq!(fixture.counts(), (4, 1, 0));
    assert_eq!(fixture.breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn calls_older_than_the_window_of_time_are_forgotten() {
    let fixture = fixture(BreakerConfig {
        window: WindowKind::Time(Duration::from_secs(60)),
        ..config()
    });
    fixture.calls(&[Failing; 3]);
    seconds(60).await;
    assert_eq!(fixture.counts(), (0, 0, 0));
    fixture.calls(&[Healthy, Healthy, Healthy, Failing]);
    assert_eq!(fixture.breaker.state(), Closed);
    fixture.calls(&[Failing, Failing]);
    assert_eq!(fixture.breaker.state(), Open);
}

#[tokio::test(start_paused = true)]
async fn open_becomes_half_open_at_the_first_call_after_its_time_and_not_before() {
    let fixture = fixture(config());
    fixture.calls(&[Failing; 4]);
    tokio::time::advance(Duration::from_millis(4_999)).await;
    assert_eq!(fixture.retry_after(), Duration::from_millis(1));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(fixture.breaker.state(), Open);
    assert_eq!(fixture.breaker.snapshot().retry_after, None);
    let _permit = fixture.breaker.acquire().unwrap();
    let reason = "open for 5s".to_owned();
    assert_eq!(fixture.last_told(), (Open, HalfOpen, reason));
    assert_eq!(fixture.breaker.snapshot().since, Instant::now());
}

#[tokio::test(start_paused = true)]
async fn half_open_lets_exactly_its_number_of_calls_through() {
    let fixture = Fixture::ready_for_trial().await;
    let first = fixture.breaker.acquire().unwrap();
    let second = fixture.breaker.acquire().unwrap();
    let _third = fixture.breaker.acquire().unwrap();
    assert_eq!(fixture.retry_after(), Duration::from_secs(5));
    seconds(27).await;
    assert_eq!(fixture.retry_after(), Duration::from_secs(3));
    // A verdict uses its place up; none gives it back.
    first.record(Healthy);
    assert!(fixture.breaker.acquire().is_err());
    drop(second);
    let _fourth = fixture.breaker.acquire().unwrap();
    assert!(fixture.breaker.acquire().is_err());
}

#[tokio::test(start_paused = true)]
async fn half_open_closes_with_an_empty_window_when_the_trial_calls_are_well() {
    let fixture = Fixture::ready_for_trial().await;
    fixture.calls(&[Healthy, Failing]);
    assert_eq!(fixture.breaker.state(), HalfOpen);
    fixture.call(Healthy);
    let reason = "of 3 calls 33 % failed (limit 50 %) and 0 % were slow (limit 75 %)";
    assert_eq!(fixture.last_told(), (HalfOpen, Closed, reason.to_owned()));
    assert_eq!(fixture.counts(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn half_open_opens_for_twice_as_long_each_time_the_trial_calls_fail() {
    let fixture = Fixture::ready_for_trial().await;
    for open_for in [10, 15, 15] {
        fixture.calls(&[Failing, Failing, Healthy]);
        let reason = "of 3 calls 66 % failed (limit 50 %) and 0 % were slow (limit 75 %)";
        assert_eq!(fixture.last_told(), (HalfOpen, Open, reason.to_owned()));
        assert_eq!(fixture.retry_after(), Duration::from_secs(open_for));
        seconds(open_for).await;
    }
    fixture.calls(&[Healthy; 3]);
    fixture.calls(&[Failing; 4]);
    assert_eq!(fixture.retry_after(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn half_open_opens_when_the_trial_calls_are_slow() {
    let fixture = Fixture::ready_for_trial().await;
    for _ in 0..3 {
        let permit = fixture.breaker.acquire().unwrap();
        permit.record_after(Healthy, SLOW_AFTER * 2);
    }
    assert_eq!(fixture.breaker.state(), Open);
    assert_eq!(fixture.counts(), (3, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn half_open_opens_when_it_lasts_too_long_and_counts_open_from_that_moment() {
    let fixture = Fixture::ready_for_trial().await;
    fixture.call(Healthy);
    let hung = fixture.breaker.acquire().unwrap();
    tokio::time::advance(Duration::from_millis(29_999)).await;
    assert_eq!(fixture.breaker.state(), HalfOpen);
    seconds(2).await;
    assert_eq!(fixture.retry_after(), Duration::from_millis(3_001));
    let reason = "half-open for 30s with a verdict on 1 of 3 calls".to_owned();
    assert_eq!(fixture.last_told(), (HalfOpen, Open, reason));
    hung.record(Failing);
    assert_eq!(fixture.counts(), (1, 0, 0));
    // Nobody asked in the meantime: it was open long enough.
    seconds(3_600).await;
    fixture.calls(&[Healthy; 3]);
    assert_eq!(fixture.breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn half_open_that_lasts_too_long_opens_for_the_shortest_time_again() {
    let fixture = Fixture::ready_for_trial().await;
    fixture.calls(&[Failing; 3]);
    seconds(10).await;
    fixture.call(Failing);
    seconds(30).await;
    assert_eq!(fixture.retry_after(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_longest_time_below_the_first_means_no_doubling() {
    let fixture = fixture(BreakerConfig {
        open_for_max: Duration::ZERO,
        ..config()
    });
    fixture.calls(&[Failing; 4]);
    assert_eq!(fixture.retry_after(), Duration::from_secs(5));
    seconds(5).await;
    fixture.calls(&[Failing; 3]);
    assert_eq!(fixture.retry_after(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn half_open_without_a_bound_lasts() {
    let fixture = fixture(BreakerConfig {
        half_open_for: Duration::ZERO,
        ..config()
    });
    fixture.calls(&[Failing; 4]);
    seconds(5).await;
    fixture.call(Healthy);
    seconds(86_400).await;
    assert_eq!(fixture.breaker.state(), HalfOpen);
}

#[tokio::test(start_paused = true)]
async fn a_verdict_from_before_a_transition_changes_nothing() {
    let fixture = fixture(config());
    let closed_era: Vec<_> = (0..12)
        .map(|_| fixture.breaker.acquire().unwrap())
        .collect();
    let mut stale = closed_era.into_iter();
    let mut late = |verdict| stale.next().unwrap().record_after(verdict, Duration::ZERO);

    fixture.calls(&[Failing; 4]);
    late(Healthy);
    assert_eq!(fixture.counts(), (4, 4, 0), "open keeps what opened it");

    seconds(5).await;
    let trial = fixture.breaker.acquire().unwrap();
    for _ in 0..3 {
        late(Failing);
        late(Neutral);
    }
    assert_eq!(fixture.breaker.state(), HalfOpen);
    assert_eq!(fixture.counts(), (0, 0, 0));
    // The neutral ones gave no place back that was not theirs.
    let others = [
        fixture.breaker.acquire().unwrap(),
        fixture.breaker.acquire().unwrap(),
    ];
    assert!(fixture.breaker.acquire().is_err());

    trial.record(Healthy);
    others.into_iter().for_each(|permit| permit.record(Healthy));
    assert_eq!(fixture.breaker.state(), Closed);
    for _ in 0..4 {
        late(Failing);
    }
    assert_eq!(fixture.counts(), (0, 0, 0));
    assert_eq!(fixture.breaker.state(), Closed);
}

#[tokio::test(start_paused = true)]
async fn extreme_settings_neither_panic_nor_wedge() {
    let zero = fixture(BreakerConfig {
        window: WindowKind::Time(Duration::ZERO),
        minimum_calls: 0,
        failure_rate: 0,
        slow_after: Duration::ZERO,
        slow_rate: 0,
        open_for: Duration::ZERO,
        open_for_max: Duration::ZERO,
        half_open_calls: 0,
        half_open_for: Duration::ZERO,
    });
    zero.call(Healthy);
    assert_eq!(zero.breaker.state(), Closed);
    zero.calls(&[Failing, Healthy]);
    assert_eq!(zero.breaker.state(), Closed);
    let endless = fixture(BreakerConfig {
        window: WindowKind::Calls(1),
        open_for: Duration::MAX,
        open_for_max: Duration::MAX,
        half_open_for: Duration::MAX,
        ..config()
    });
    endless.call(Failing);
    seconds(86_400).await;
    assert_eq!(
        endless.retry_after(),
        Duration::MAX - Duration::from_secs(86_400)
    );
}
