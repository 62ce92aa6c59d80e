//! When, and whether, a call that failed is made once more.
//!
//! The delay is exponential with full jitter (AWS Architecture Blog, "Exponential Backoff And
//! Jitter"). The budget keeps retries a fraction of the calls, so that they cannot become a storm
//! when everything fails (Finagle's `RetryBudget`; gRPC's retry throttling, proposal A6).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Deadline;
use super::sliding::SlidingWindow;

/// How long to wait before a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest delay before the first retry; it doubles with each that follows.
    pub base: Duration,
    /// What the longest delay never exceeds.
    pub cap: Duration,
}

impl Default for Backoff {
    /// 100 ms, doubling to at most 5 s.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(100),
            cap: Duration::from_secs(5),
        }
    }
}

impl Backoff {
    /// The longest delay before the retry that follows this many: `min(cap, base * 2^n)`.
    pub fn ceiling(self, retries_so_far: u32) -> Duration {
        let factor = 1_u128.checked_shl(retries_so_far).unwrap_or(u128::MAX);
        let nanos = self.base.as_nanos().saturating_mul(factor);
        if nanos < self.cap.as_nanos() {
            Duration::from_nanos_u128(nanos)
        } else {
            self.cap
        }
    }

    /// A delay uniform in `[0, ceiling]`, or `at_least` where that is longer. `random` is uniform
    /// in all of `u64`.
    pub fn delay(self, retries_so_far: u32, at_least: Option<Duration>, random: u64) -> Duration {
        let ceiling = u64::try_from(self.ceiling(retries_so_far).as_nanos()).unwrap_or(u64::MAX);
        // The high half of the product of two 64-bit numbers fits 64 bits.
        let nanos = (u128::from(random) * (u128::from(ceiling) + 1)) >> 64;
        Duration::from_nanos_u128(nanos).max(at_least.unwrap_or_default())
    }
}

/// How many retries a [`RetryBudget`] allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudgetConfig {
    /// How long a call counts, and a retry too; 1 s to 60 s, what is outside is brought inside.
    pub ttl: Duration,
    /// Retries per second that are allowed however few calls there are.
    pub min_per_second: u32,
    /// Retries allowed per 100 calls, on top of those.
    pub percent: u16,
}

impl Default for RetryBudgetConfig {
    /// Finagle's: 10 s, 10 per second, 20 %.
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(10),
            min_per_second: 10,
            percent: 20,
        }
    }
}

/// A bucket of tokens: a call deposits a fraction of one, a retry withdraws a whole one.
///
/// Within any `ttl` there are at most `min_per_second * ttl` retries plus `percent` of the calls.
#[derive(Debug)]
pub struct RetryBudget {
    /// Thousandths of a token.
    reserve: i64,
    deposit: i64,
    balance: Mutex<SlidingWindow<i64>>,
}

const TOKEN: i64 = 1_000;
const SLICES: u32 = 10;

impl RetryBudget {
    /// A budget that holds its whole reserve.
    pub fn new(config: RetryBudgetConfig) -> Self {
        let ttl = config
            .ttl
            .clamp(Duration::from_secs(1), Duration::from_secs(60));
        // One token per second is one thousandth of it per millisecond.
        let millis = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        Self {
            reserve: millis.saturating_mul(config.min_per_second.into()),
            deposit: i64::from(config.percent) * TOKEN / 100,
            balance: Mutex::new(SlidingWindow::new(Instant::now(), ttl, SLICES)),
        }
    }

    /// Counts a call; not for its retries.
    pub fn deposit(&self) {
        self.with(|balance, now| balance.add(now, self.deposit));
    }

    /// Takes a token for a retry; false, and nothing taken, where there is none.
    pub fn try_withdraw(&self) -> bool {
        self.with(|balance, now| {
            let affordable = self.reserve.saturating_add(balance.total(now)) >= TOKEN;
            if affordable {
                balance.add(now, -TOKEN);
            }
            affordable
        })
    }

    fn with<R>(&self, work: impl FnOnce(&mut SlidingWindow<i64>, Instant) -> R) -> R {
        let mut balance = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut balance, Instant::now())
    }
}

/// How often, and after how long, a call is made once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Retries after the first attempt; 0 is never.
    pub max_retries: u32,
    /// How long to wait before each.
    pub backoff: Backoff,
}

impl Default for RetryPolicy {
    /// Twice, after the default backoff.
    fn default() -> Self {
        Self {
            max_retries: 2,
            backoff: Backoff::default(),
        }
    }
}

/// Why a call is not made once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRetry {
    /// It was made as often as the policy allows.
    #[error("retried as often as allowed")]
    Exhausted,
    /// The wait would end at the deadline or after it.
    #[error("no time left for a retry")]
    NoTime,
    /// Too many other calls are being retried.
    #[error("the retry budget is spent")]
    NoBudget,
}

impl RetryPolicy {
    /// How long to wait before the next attempt, whose token is taken from the budget.
    ///
    /// `retry_after` is what the other side asked for, `random` uniform in all of `u64`.
    ///
    /// # Errors
    /// [`NoRetry`]; then the budget is untouched.
    pub fn next(
        &self,
        retries_so_far: u32,
        retry_after: Option<Duration>,
        deadline: Deadline,
        budget: &RetryBudget,
        random: u64,
    ) -> Result<Duration, NoRetry> {
        if retries_so_far >= self.max_retries {
            return Err(NoRetry::Exhausted);
        }
        let delay = self.backoff.delay(retries_so_far, retry_after, random);
        if delay >= deadline.left() {
            return Err(NoRetry::NoTime);
        }
        if !budget.try_withdraw() {
            return Err(NoRetry::NoBudget);
        }
        Ok(delay)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff {
        base: Duration::from_millis(100),
        cap: Duration::from_secs(2),
    };

    fn budget(min_per_second: u32, percent: u16) -> RetryBudget {
        RetryBudget::new(RetryBudgetConfig {
            ttl: Duration::from_secs(10),
            min_per_second,
            percent,
        })
    }

    fn withdrawals(budget: &RetryBudget) -> usize {
        (0..1_000).take_while(|_| budget.try_withdraw()).count()
    }

    #[test]
    fn the_ceiling_doubles_up_to_the_cap_and_never_overflows() {
        let millis = |n| BACKOFF.ceiling(n).as_millis();
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(millis),
            [100, 200, 400, 800, 1_600, 2_000]
        );
        for n in [31, 32, 63, 64, 127, 128, u32::MAX] {
            assert_eq!(BACKOFF.ceiling(n), BACKOFF.cap);
        }
        let endless = Backoff {
            base: Duration::MAX,
            cap: Duration::MAX,
        };
        assert_eq!(endless.ceiling(u32::MAX), Duration::MAX);
        assert_eq!(
            endless.delay(u32::MAX, None, u64::MAX).as_nanos(),
            u64::MAX.into()
        );
    }

    #[test]
    fn the_jitter_reaches_from_nothing_to_the_ceiling_evenly() {
        assert_eq!(BACKOFF.delay(1, None, 0), Duration::ZERO);
        assert_eq!(BACKOFF.delay(1, None, u64::MAX), Duration::from_millis(200));
        for quarter in 0..4_u64 {
            assert_eq!(
                BACKOFF.delay(1, None, quarter << 62).as_millis(),
                u128::from(quarter * 50)
            );
        }
    }

    #[test]
    fn what_the_other_side_asked_for_is_waited_even_beyond_the_cap() {
        let asked = Some(Duration::from_secs(7));
        assert_eq!(BACKOFF.delay(0, asked, u64::MAX), Duration::from_secs(7));
        let asked = Some(Duration::from_millis(1));
        assert_eq!(
            BACKOFF.delay(0, asked, u64::MAX),
            Duration::from_millis(100)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn five_calls_pay_for_one_retry() {
        let budget = budget(0, 20);
        for _ in 0..4 {
            budget.deposit();
        }
        assert!(!budget.try_withdraw());
        budget.deposit();
        assert!(budget.try_withdraw());
        assert!(!budget.try_withdraw());
    }

    #[tokio::test(start_paused = true)]
    async fn the_reserve_lets_a_quiet_caller_retry_and_comes_back_with_time() {
        let budget = budget(2, 0);
        assert_eq!(withdrawals(&budget), 20);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(withdrawals(&budget), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(withdrawals(&budget), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_of_long_ago_pay_for_nothing() {
        let budget = budget(0, 100);
        for _ in 0..1_000 {
            budget.deposit();
        }
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(!budget.try_withdraw());
    }

    #[tokio::test(start_paused = true)]
    async fn extreme_settings_do_not_overflow() {
        let budget = RetryBudget::new(RetryBudgetConfig {
            ttl: Duration::MAX,
            min_per_second: u32::MAX,
            percent: u16::MAX,
        });
        budget.deposit();
        assert!(budget.try_withdraw());
    }

    #[tokio::test(start_paused = true)]
    async fn a_policy_stops_after_its_retries() {
        let policy = RetryPolicy {
            max_retries: 2,
            backoff: BACKOFF,
        };
        let (budget, deadline) = (budget(1, 0), Deadline::after(Duration::from_secs(60)));
        let next = |retries| policy.next(retries, None, deadline, &budget, u64::MAX);
        assert_eq!(next(0), Ok(Duration::from_millis(100)));
        assert_eq!(next(1), Ok(Duration::from_millis(200)));
        assert_eq!(next(2), Err(NoRetry::Exhausted));
        assert_eq!(withdrawals(&budget), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_until_the_deadline_is_refused_and_costs_nothing() {
        let policy = RetryPolicy {
            max_retries: 9,
            backoff: BACKOFF,
        };
        let (budget, deadline) = (budget(1, 0), Deadline::after(Duration::from_secs(5)));
        let next = |after| policy.next(0, Some(after), deadline, &budget, 0);
        assert_eq!(next(Duration::from_secs(5)), Err(NoRetry::NoTime));
        assert_eq!(withdrawals(&budget), 10);
        assert_eq!(next(Duration::from_millis(4_999)), Err(NoRetry::NoBudget));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(next(Duration::ZERO), Err(NoRetry::NoTime));
    }

    proptest! {
        #[test]
        fn a_delay_is_never_above_its_ceiling_nor_below_its_floor(
            base in 0_u64..10_000, cap in 0_u64..100_000, n: u32, floor in 0_u64..200_000, random: u64,
        ) {
            let backoff = Backoff { base: Duration::from_millis(base), cap: Duration::from_millis(cap) };
            let floor = Duration::from_millis(floor);
            prop_assert!(backoff.delay(n, None, random) <= backoff.ceiling(n));
            prop_assert!(backoff.ceiling(n) <= backoff.cap);
            let floored = backoff.delay(n, Some(floor), random);
            prop_assert!(floored >= floor && floored <= backoff.ceiling(n).max(floor));
        }

        /// However calls and retries are spread, and wherever a `ttl` is laid over them.
        #[test]
        fn retries_within_a_ttl_stay_within_the_reserve_and_the_share_of_calls(
            steps in proptest::collection::vec((0_u64..3_000, 0_u32..12, 0_u32..12), 1..60),
            min_per_second in 0_u32..3, percent in 0_u16..150,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let budget = budget(min_per_second, percent);
                let origin = Instant::now();
                // Whole slices: the budget's own grain.
                let slice = |at: Instant| (at - origin).as_millis() / 1_000;
                let (mut calls, mut retries) = (Vec::new(), Vec::new());
                for (millis, deposits, attempts) in steps {
                    tokio::time::advance(Duration::from_millis(millis)).await;
                    let now = slice(Instant::now());
                    let lately = |times: &[u128]| {
                        i64::try_from(times.iter().filter(|at| **at + 10 > now).count()).unwrap()
                    };
                    for _ in 0..deposits {
                        budget.deposit();
                        calls.push(now);
                    }
                    for _ in 0..attempts {
                        let allowance = i64::from(min_per_second) * 10_000
                            + lately(&calls) * i64::from(percent) * 10;
                        let fits = (lately(&retries) + 1) * 1_000 <= allowance;
                        prop_assert_eq!(budget.try_withdraw(), fits);
                        if fits {
                            retries.push(now);
                        }
                    }
                }
                Ok(())
            })?;
        }
    }
}
