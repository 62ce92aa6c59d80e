//! Rate limits: a bucket of requests that fills evenly, a second one for orders, and the ban for ignoring them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::clock::Stamp;
use crate::config::BitmexLimits;
use crate::engine::AccountId;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caller {
    /// Without a key.
    Address(IpAddr),
    /// With one.
    Account(AccountId),
}

/// What a caller has left, as the headers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// Requests per minute.
    pub(super) limit: u64,
    /// Requests that could follow at once.
    pub(super) remaining: u64,
    /// When the bucket will be full, in UNIX seconds.
    pub(super) reset_s: i64,
    /// Orders that could follow within this second, where that is counted.
    pub(super) remaining_1s: Option<u64>,
    /// Seconds to wait, if the request is refused.
    pub(super) refused: Option<u64>,
}

#[derive(Debug, Default)]
struct Counter {
    /// What is missing from a full bucket, in requests times the milliseconds of a minute: no fraction is lost.
    missing: i64,
    filled_at_ms: i64,
    second: i64,
    orders: u64,
    refused: u64,
    banned_until_ms: Option<i64>,
}

/// Counts and refuses.
#[derive(Debug, Default)]
pub(super) struct RateLimiter {
    counters: Mutex<BTreeMap<Caller, Counter>>,
}

impl RateLimiter {
    /// Counts a request of a caller.
    pub(super) fn charge(
        &self,
        limits: &BitmexLimits,
        caller: Caller,
        is_order: bool,
        now: Stamp,
    ) -> Usage {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters.entry(caller).or_default();
        let limit = match caller {
            Caller::Address(_) => limits.public_requests_1m,
            Caller::Account(_) => limits.requests_1m,
        };
        let now_ms = now.elapsed_us / 1000;
        counter.charge(limits, limit, is_order, now_ms);
        let capacity = signed(limit);
        let remaining = capacity - counter.missing.div_euclid(MINUTE_MS).min(capacity);
        let to_full_ms = counter.missing / capacity.max(1);
        let whole = counter.missing.rem_euclid(MINUTE_MS) == 0;
        Usage {
            limit,
            remaining: u64::try_from(remaining - i64::from(!whole)).unwrap_or_default(),
            reset_s: (now.wall_us / 1000 + to_full_ms + SECOND_MS - 1).div_euclid(SECOND_MS),
            remaining_1s: is_order.then(|| limits.orders_1s.saturating_sub(counter.orders)),
            refused: counter
                .wait_ms(now_ms, capacity)
                .map(|ms| u64::try_from(ms).unwrap_or_default().div_ceil(1000).max(1)),
        }
    }
}

impl Counter {
    fn charge(&mut self, limits: &BitmexLimits, limit: u64, is_order: bool, now_ms: i64) {
        let filled = (now_ms - self.filled_at_ms).saturating_mul(signed(limit));
        self.missing = self.missing.saturating_sub(filled).max(0);
        self.filled_at_ms = now_ms;
        if self.banned_until_ms.is_some_and(|until| now_ms < until) {
            return;
        }
        if self.banned_until_ms.take().is_some() {
            self.refused = 0;
        }
        let second = now_ms.div_euclid(SECOND_MS);
        if self.second != second {
            (self.second, self.orders) = (second, 0);
        }
        let empty = self.missing + MINUTE_MS > signed(limit).saturating_mul(MINUTE_MS);
        let too_many = is_order && self.orders >= limits.orders_1s;
        if empty || too_many {
            self.refused += 1;
            if self.refused > limits.ban_after {
                self.banned_until_ms = Some(now_ms.saturating_add(signed(limits.ban_ms)));
            }
            return;
        }
        self.refused = 0;
        self.missing += MINUTE_MS;
        self.orders += u64::from(is_order);
    }

    /// How long a request that was just refused has to wait.
    fn wait_ms(&self, now_ms: i64, capacity: i64) -> Option<i64> {
        match self.banned_until_ms {
            Some(until) => Some(until - now_ms),
            None if self.refused == 0 => None,
            None => {
                let over = self.missing + MINUTE_MS - capacity.saturating_mul(MINUTE_MS);
                Some(over.max(0) / capacity.max(1))
            }
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: Caller = Caller::Account(AccountId(1));

    fn at(ms: i64) -> Stamp {
        Stamp::at_us(ms * 1000)
    }

    #[test]
    fn the_bucket_fills_evenly() {
        let limiter = RateLimiter::default();
        let limits = BitmexLimits {
            requests_1m: 2,
            ..BitmexLimits::default()
        };
        let charge = |ms| limiter.charge(&limits, CALLER, false, at(ms));
        assert_eq!((charge(0).remaining, charge(0).remaining), (1, 0));
        assert_eq!(charge(0).refused, Some(30));
        assert_eq!(charge(29_999).refused, Some(1));
        assert_eq!(charge(30_000).refused, None);
        assert_eq!(charge(90_000).remaining, 1);
    }

    #[test]
    fn orders_are_counted_per_second_and_ignoring_refusals_earns_a_ban() {
        let limiter = RateLimiter::default();
        let limits = BitmexLimits {
            orders_1s: 1,
            ban_after: 1,
            ban_ms: 5_000,
            ..BitmexLimits::default()
        };
        let charge = |ms| limiter.charge(&limits, CALLER, true, at(ms));
        assert_eq!(charge(0).remaining_1s, Some(0));
        assert_eq!(charge(1).refused, Some(1));
        assert_eq!(charge(2).refused, Some(5));
        assert_eq!(charge(5_001).refused, Some(1));
        assert_eq!(charge(5_002).refused, None);
    }
}
