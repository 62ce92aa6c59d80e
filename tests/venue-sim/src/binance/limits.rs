//! Rate limits: weight per address, orders per account, and the ban that follows ignoring them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ApiError;
use crate::config::{FuturesLimits, Limits};
use crate::engine::AccountId;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
/// The interval over which requests are counted whatever they weigh.
const RAW_INTERVAL_MS: i64 = 5 * MINUTE_MS;

/// An interval over which orders are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderInterval {
    /// Ten seconds.
    TenSeconds,
    /// A minute.
    Minute,
    /// A day.
    Day,
}

impl OrderInterval {
    const ALL: [Self; 3] = [Self::TenSeconds, Self::Minute, Self::Day];

    fn ms(self) -> i64 {
        match self {
            Self::TenSeconds => 10 * SECOND_MS,
            Self::Minute => MINUTE_MS,
            Self::Day => 24 * 60 * MINUTE_MS,
        }
    }

    /// The unit and the number of it, as exchange info lists them.
    #[must_use]
    pub fn listed(self) -> (&'static str, u32) {
        match self {
            Self::TenSeconds => ("SECOND", 10),
            Self::Minute => ("MINUTE", 1),
            Self::Day => ("DAY", 1),
        }
    }

    /// The header that tells the count.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self {
            Self::TenSeconds => "x-mbx-order-count-10s",
            Self::Minute => "x-mbx-order-count-1m",
            Self::Day => "x-mbx-order-count-1d",
        }
    }
}

/// How an API words its refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// Spot.
    Spot,
    /// Both futures APIs.
    Futures,
}

/// The limits of one API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Request weight per address and minute.
    pub weight_1m: u64,
    /// Requests per address and five minutes, where that is limited.
    pub raw_5m: Option<u64>,
    /// Orders per account and interval.
    pub orders: Vec<(OrderInterval, u64)>,
    /// Requests refused with 429 before the address is banned.
    pub ban_after: u64,
    /// How long a ban lasts.
    pub ban_ms: u64,
    /// How refusals are worded.
    pub wording: Wording,
}

impl From<&Limits> for Rules {
    fn from(limits: &Limits) -> Self {
        Self {
            weight_1m: limits.request_weight_1m,
            raw_5m: Some(limits.raw_requests_5m),
            orders: vec![
                (OrderInterval::TenSeconds, limits.orders_10s),
                (OrderInterval::Day, limits.orders_1d),
            ],
            ban_after: limits.ban_after,
            ban_ms: limits.ban_ms,
            wording: Wording::Spot,
        }
    }
}

impl Rules {
    /// The limits of a futures API, with the ban of the venue.
    #[must_use]
    pub fn futures(limits: &FuturesLimits, shared: &Limits) -> Self {
        let in_10s = limits
            .orders_10s
            .map(|limit| (OrderInterval::TenSeconds, limit));
        let in_1m = Some((OrderInterval::Minute, limits.orders_1m));
        Self {
            weight_1m: limits.request_weight_1m,
            raw_5m: None,
            orders: in_10s.into_iter().chain(in_1m).collect(),
            ban_after: shared.ban_after,
            ban_ms: shared.ban_ms,
            wording: Wording::Futures,
        }
    }

    /// The refusal of an address that has used more than its weight.
    #[must_use]
    pub fn overweight(&self) -> ApiError {
        let limit = self.weight_1m;
        let message = match self.wording {
            Wording::Spot => format!(
                "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. Please use \
                 WebSocket Streams for live updates to avoid polling the API."
            ),
            Wording::Futures => format!(
                "Too many requests; current limit is {limit} requests per minute. Please use the websocket for live \
                 updates to avoid polling the API."
            ),
        };
        ApiError::new(-1003, message).with_status(429)
    }

    /// The refusal of a banned address.
    #[must_use]
    pub fn banned(&self, until_ms: i64, now_ms: i64) -> ApiError {
        let message = match self.wording {
            Wording::Spot => format!(
                "Way too much request weight used; IP banned until {until_ms}. Please use WebSocket Streams for live \
                 updates to avoid bans."
            ),
            Wording::Futures => format!(
                "Way too many requests; IP banned until {until_ms}. Please use the websocket for live updates to \
                 avoid bans."
            ),
        };
        ApiError {
            retry_after: Some(seconds(until_ms - now_ms)),
            ..ApiError::new(-1003, message).with_status(418)
        }
    }

    /// The refusal of an address that would be banned now.
    #[must_use]
    pub fn banned_from(&self, now_ms: i64) -> ApiError {
        let ban_ms = i64::try_from(self.ban_ms).unwrap_or(i64::MAX);
        self.banned(now_ms.saturating_add(ban_ms), now_ms)
    }
}

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

/// One counter per interval.
type Orders = BTreeMap<OrderInterval, Window>;

/// What an address has used, for the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedWeight(pub u64);

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
        rules: &Rules,
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
                    Err(rules.banned(until, now_ms)),
                );
            }
            address.banned_until_ms = None;
            address.refused = 0;
        }
        let raw = address.raw.at(now_ms, RAW_INTERVAL_MS);
        *raw += 1;
        let raw_exceeded = rules.raw_5m.is_some_and(|limit| *raw > limit);
        let used = address.weight.at(now_ms, MINUTE_MS);
        *used += weight;
        let used = *used;
        let exceeded = if used > rules.weight_1m {
            Some((rules.overweight().message, MINUTE_MS))
        } else if raw_exceeded {
            let message = format!(
                "Too many requests; current limit is {} requests per 5 MINUTE.",
                rules.raw_5m.unwrap_or_default()
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
        if address.refused > rules.ban_after {
            let until = now_ms.saturating_add(i64::try_from(rules.ban_ms).unwrap_or(i64::MAX));
            address.banned_until_ms = Some(until);
            return (UsedWeight(used), Err(rules.banned(until, now_ms)));
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
        rules: &Rules,
        account: AccountId,
        now_ms: i64,
    ) -> Result<(), ApiError> {
        for (interval, limit) in &rules.orders {
            if self.orders(account, *interval, now_ms) >= *limit {
                let (unit, number) = interval.listed();
                let message = format!(
                    "Too many new orders; current limit is {limit} orders per {number} {unit}."
                );
                let left_ms = interval.ms() - now_ms.rem_euclid(interval.ms());
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
        for interval in OrderInterval::ALL {
            *orders
                .entry(interval)
                .or_default()
                .at(now_ms, interval.ms()) += 1;
        }
    }

    /// What an account has used of an interval.
    #[must_use]
    pub fn orders(&self, account: AccountId, interval: OrderInterval, now_ms: i64) -> u64 {
        let mut counters = self.counters();
        let orders = counters.accounts.entry(account).or_default();
        *orders
            .entry(interval)
            .or_default()
            .at(now_ms, interval.ms())
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
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
        let rules = Rules::from(&Limits {
            request_weight_1m: 10,
            ..Limits::default()
        });
        assert_eq!(
            limiter.charge(&rules, PEER, 10, 60_500),
            (UsedWeight(10), Ok(()))
        );
        let refused = limiter.charge(&rules, PEER, 1, 61_000).1.unwrap_err();
        assert_eq!(
            (refused.status, refused.code, refused.retry_after),
            (429, -1003, Some(59))
        );
        assert_eq!(
            limiter.charge(&rules, PEER, 1, 120_000),
            (UsedWeight(1), Ok(()))
        );
    }

    #[test]
    fn ignoring_429_earns_a_ban_that_outlives_the_minute() {
        let limiter = RateLimiter::default();
        let rules = Rules::from(&Limits {
            request_weight_1m: 1,
            ban_after: 2,
            ban_ms: 90_000,
            ..Limits::default()
        });
        let statuses: Vec<u16> = (0..5)
            .map(|_| {
                limiter
                    .charge(&rules, PEER, 1, 60_000)
                    .1
                    .map_or_else(|error| error.status, |()| 200)
            })
            .collect();
        assert_eq!(statuses, [200, 429, 429, 418, 418]);
        assert_eq!(
            limiter
                .charge(&rules, PEER, 1, 149_999)
                .1
                .unwrap_err()
                .status,
            418
        );
        assert_eq!(limiter.charge(&rules, PEER, 1, 150_000).1, Ok(()));
    }

    #[test]
    fn orders_are_limited_per_account() {
        let limiter = RateLimiter::default();
        let rules = Rules::from(&Limits {
            orders_10s: 1,
            ..Limits::default()
        });
        limiter.count_order(AccountId(1), 5_000);
        let refused = limiter
            .check_orders(&rules, AccountId(1), 5_000)
            .unwrap_err();
        assert_eq!(
            (refused.status, refused.code, refused.retry_after),
            (429, -1015, Some(5))
        );
        assert_eq!(limiter.check_orders(&rules, AccountId(2), 5_000), Ok(()));
        assert_eq!(limiter.check_orders(&rules, AccountId(1), 10_000), Ok(()));
    }
}
