//! Rate limits: weight per address, orders per account, and the ban that follows ignoring them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ApiError;
use crate::config::Limits;
use crate::engine::AccountId;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
/// The intervals of the limits.
const RAW_INTERVAL_MS: i64 = 5 * MINUTE_MS;
const ORDERS_SHORT_MS: i64 = 10 * SECOND_MS;
const ORDERS_LONG_MS: i64 = 24 * 60 * MINUTE_MS;

/// A counter that starts again at every multiple of its interval.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    interval: i64,
    used: u64,
}

impl Window {
    fn at(&mut self, now_ms: i64, length_ms: i64) -> &mut u64 {
        let interval = now_ms.div_euclid(length_ms);
        if self.interval != interval {
            *self = Self { interval, used: 0 };
        }
        &mut self.used
    }
}

#[derive(Debug, Default)]
struct Address {
    weight: Window,
    raw: Window,
    refused: u64,
    banned_until_ms: Option<i64>,
}

#[derive(Debug, Default)]
struct Orders {
    short: Window,
    long: Window,
}

/// What an address has used, for the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedWeight(pub u64);

/// What an account has used, for the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderCount {
    /// In the last ten seconds.
    pub in_10s: u64,
    /// In the last day.
    pub in_1d: u64,
}

#[derive(Debug, Default)]
struct Counters {
    addresses: BTreeMap<IpAddr, Address>,
    accounts: BTreeMap<AccountId, Orders>,
}

/// Counts and refuses.
#[derive(Debug, Default)]
pub struct RateLimiter {
    counters: Mutex<Counters>,
}

impl RateLimiter {
    /// Charges a request to its address.
    ///
    /// # Errors
    /// `-1003` with 429 when a limit is passed, with 418 when the address is banned.
    pub fn charge(
        &self,
        limits: &Limits,
        peer: IpAddr,
        weight: u64,
        now_ms: i64,
    ) -> (UsedWeight, Result<(), ApiError>) {
        let mut counters = self.counters();
        let address = counters.addresses.entry(peer).or_default();
        if let Some(until) = address.banned_until_ms {
            if now_ms < until {
                return (
                    UsedWeight(*address.weight.at(now_ms, MINUTE_MS)),
                    Err(banned(until, now_ms)),
                );
            }
            address.banned_until_ms = None;
            address.refused = 0;
        }
        let raw = address.raw.at(now_ms, RAW_INTERVAL_MS);
        *raw += 1;
        let raw_exceeded = *raw > limits.raw_requests_5m;
        let used = address.weight.at(now_ms, MINUTE_MS);
        *used += weight;
        let used = *used;
        let exceeded = if used > limits.request_weight_1m {
            Some((overweight(limits).message, MINUTE_MS))
        } else if raw_exceeded {
            let message = format!(
                "Too many requests; current limit is {} requests per 5 MINUTE.",
                limits.raw_requests_5m
            );
            Some((message, RAW_INTERVAL_MS))
        } else {
            None
        };
        let Some((message, interval_ms)) = exceeded else {
            address.refused = 0;
            return (UsedWeight(used), Ok(()));
        };
        address.refused += 1;
        if address.refused > limits.ban_after {
            let until = now_ms.saturating_add(i64::try_from(limits.ban_ms).unwrap_or(i64::MAX));
            address.banned_until_ms = Some(until);
            return (UsedWeight(used), Err(banned(until, now_ms)));
        }
        let left_ms = interval_ms - now_ms.rem_euclid(interval_ms);
        let error = ApiError {
            retry_after: Some(seconds(left_ms)),
            ..ApiError::new(-1003, message).with_status(429)
        };
        (UsedWeight(used), Err(error))
    }

    /// Whether an account may place another order.
    ///
    /// # Errors
    /// `-1015` with 429 when it may not.
    pub fn check_orders(
        &self,
        limits: &Limits,
        account: AccountId,
        now_ms: i64,
    ) -> Result<(), ApiError> {
        let used = self.orders(account, now_ms);
        let windows = [
            (used.in_10s, limits.orders_10s, ORDERS_SHORT_MS, "10 SECOND"),
            (used.in_1d, limits.orders_1d, ORDERS_LONG_MS, "1 DAY"),
        ];
        for (used, limit, interval_ms, name) in windows {
            if used >= limit {
                let message =
                    format!("Too many new orders; current limit is {limit} orders per {name}.");
                let left_ms = interval_ms - now_ms.rem_euclid(interval_ms);
                let error = ApiError::new(-1015, message).with_status(429);
                return Err(ApiError {
                    retry_after: Some(seconds(left_ms)),
                    ..error
                });
            }
        }
        Ok(())
    }

    /// Counts an order that was accepted.
    pub fn count_order(&self, account: AccountId, now_ms: i64) {
        let mut counters = self.counters();
        let orders = counters.accounts.entry(account).or_default();
        *orders.short.at(now_ms, ORDERS_SHORT_MS) += 1;
        *orders.long.at(now_ms, ORDERS_LONG_MS) += 1;
    }

    /// What an account has used.
    #[must_use]
    pub fn orders(&self, account: AccountId, now_ms: i64) -> OrderCount {
        let mut counters = self.counters();
        let orders = counters.accounts.entry(account).or_default();
        OrderCount {
            in_10s: *orders.short.at(now_ms, ORDERS_SHORT_MS),
            in_1d: *orders.long.at(now_ms, ORDERS_LONG_MS),
        }
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The refusal of an address that has used more than its weight.
#[must_use]
pub fn overweight(limits: &Limits) -> ApiError {
    let message = format!(
        "Too much request weight used; current limit is {} request weight per 1 MINUTE. Please use \
         WebSocket Streams for live updates to avoid polling the API.",
        limits.request_weight_1m
    );
    ApiError::new(-1003, message).with_status(429)
}

/// The refusal of a banned address.
#[must_use]
pub fn banned(until_ms: i64, now_ms: i64) -> ApiError {
    let message = format!(
        "Way too much request weight used; IP banned until {until_ms}. Please use WebSocket Streams for live \
         updates to avoid bans."
    );
    ApiError {
        retry_after: Some(seconds(until_ms - now_ms)),
        ..ApiError::new(-1003, message).with_status(418)
    }
}

fn seconds(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or_default().div_ceil(1000)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn weight_over_the_limit_is_refused_until_the_minute_ends() {
        let limiter = RateLimiter::default();
        let limits = Limits {
            request_weight_1m: 10,
            ..Limits::default()
        };
        assert_eq!(
            limiter.charge(&limits, PEER, 10, 60_500),
            (UsedWeight(10), Ok(()))
        );
        let refused = limiter.charge(&limits, PEER, 1, 61_000).1.unwrap_err();
        assert_eq!(
            (refused.status, refused.code, refused.retry_after),
            (429, -1003, Some(59))
        );
        assert_eq!(
            limiter.charge(&limits, PEER, 1, 120_000),
            (UsedWeight(1), Ok(()))
        );
    }

    #[test]
    fn ignoring_429_earns_a_ban_that_outlives_the_minute() {
        let limiter = RateLimiter::default();
        let limits = Limits {
            request_weight_1m: 1,
            ban_after: 2,
            ban_ms: 90_000,
            ..Limits::default()
        };
        let statuses: Vec<u16> = (0..5)
            .map(|_| {
                limiter
                    .charge(&limits, PEER, 1, 60_000)
                    .1
                    .map_or_else(|error| error.status, |()| 200)
            })
            .collect();
        assert_eq!(statuses, [200, 429, 429, 418, 418]);
        assert_eq!(
            limiter
                .charge(&limits, PEER, 1, 149_999)
                .1
                .unwrap_err()
                .status,
            418
        );
        assert_eq!(limiter.charge(&limits, PEER, 1, 150_000).1, Ok(()));
    }

    #[test]
    fn orders_are_limited_per_account() {
        let limiter = RateLimiter::default();
        let limits = Limits {
            orders_10s: 1,
            ..Limits::default()
        };
        limiter.count_order(AccountId(1), 5_000);
        let refused = limiter
            .check_orders(&limits, AccountId(1), 5_000)
            .unwrap_err();
        assert_eq!(
            (refused.status, refused.code, refused.retry_after),
            (429, -1015, Some(5))
        );
        assert_eq!(limiter.check_orders(&limits, AccountId(2), 5_000), Ok(()));
        assert_eq!(limiter.check_orders(&limits, AccountId(1), 10_000), Ok(()));
    }
}
