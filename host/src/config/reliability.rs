//! `[limiter]`, and of each venue `breaker`, `retry` and `bulkhead`: the knobs of the policies between a
//! caller and a venue, with their defaults.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, check_range, value};
use crate::reliability::limiter::{Headroom, LimiterConfig};

/// `[venues.NAME.breaker]`: one for each endpoint.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerSettings {
    /// The calls that count are the newest this many; 0 means that `window_ms` says which.
    pub window_calls: u32,
    /// The calls that count are those of the last this many milliseconds.
    pub window_ms: u64,
    /// Fewer calls than these never open it.
    pub minimum_calls: u32,
    /// Share of failed calls that opens it, in percent.
    pub failure_percent: u8,
    /// A call that takes this long is slow, in milliseconds.
    pub slow_ms: u64,
    /// Share of slow calls that opens it, in percent.
    pub slow_percent: u8,
    /// How long it stays open at first, in milliseconds; longer each time that the venue is not back.
    pub open_ms: u64,
    /// How long it stays open at most, in milliseconds.
    pub open_max_ms: u64,
    /// Calls let through to see whether the venue is back.
    pub half_open_calls: u32,
    /// How long it waits for their results before it opens again, in milliseconds.
    pub half_open_ms: u64,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            window_calls: 0,
            window_ms: 30_000,
            minimum_calls: 20,
            failure_percent: 50,
            slow_ms: 3_000,
            slow_percent: 90,
            open_ms: 5_000,
            open_max_ms: 60_000,
            half_open_calls: 3,
            half_open_ms: 15_000,
        }
    }
}

/// `[venues.NAME.retry]`: exponential backoff with full jitter, within the request's deadline.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetrySettings {
    /// Retries of one operation; 0 turns them off.
    pub max_retries: u32,
    /// Longest first delay, in milliseconds; it doubles with each retry.
    pub base_ms: u64,
    /// Longest delay of any retry, in milliseconds.
    pub cap_ms: u64,
    /// Retries allowed for each hundred calls, so that retries cannot become a storm.
    pub budget_percent: u16,
    /// Retries allowed each second whatever the number of calls.
    pub budget_per_second: u32,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            max_retries: 3,
            base_ms: 100,
            cap_ms: 2_000,
            budget_percent: 20,
            budget_per_second: 10,
        }
    }
}

/// `[venues.NAME.bulkhead]`: what one venue may hold of the process.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct BulkheadSettings {
    /// Operations that run at once.
    pub concurrency: usize,
    /// Operations that wait for one of them to end; more are shed.
    pub queue: usize,
}

impl Default for BulkheadSettings {
    fn default() -> Self {
        Self {
            concurrency: 64,
            queue: 256,
        }
    }
}

/// `[limiter]`: how the venues' own limits are kept. The limits themselves are the adapters', the venues', or
/// those of `[venues.NAME.limits]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimiterSettings {
    /// Share of each limit that only cancels may spend, in percent.
    pub cancel_reserve_percent: u8,
    /// Share of each limit that reads leave to orders, in percent, beside the reserve of cancels.
    pub order_reserve_percent: u8,
    /// How much longer than the venue's window a request counts, in milliseconds: for clocks that run apart.
    pub margin_ms: u64,
    /// Requests that may wait for each limit; more are refused.
    pub queue: usize,
}

impl Default for LimiterSettings {
    fn default() -> Self {
        Self {
            cancel_reserve_percent: 10,
            order_reserve_percent: 10,
            margin_ms: 50,
            queue: 256,
        }
    }
}

impl LimiterSettings {
    /// The policy that they describe.
    pub fn policy(&self) -> LimiterConfig {
        LimiterConfig {
            headroom: Headroom {
                reserve: self.cancel_reserve_percent,
                kept_from_reads: self.order_reserve_percent,
            },
            margin: Duration::from_millis(self.margin_ms),
            queue: self.queue,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let queue = u64::try_from(self.queue).unwrap_or(u64::MAX);
        for (key, is, most) in [
            (
                "cancel_reserve_percent",
                self.cancel_reserve_percent.into(),
                50,
            ),
            (
                "order_reserve_percent",
                self.order_reserve_percent.into(),
                49,
            ),
            ("margin_ms", self.margin_ms, 10_000),
            ("queue", queue, 100_000),
        ] {
            check_range(&format!("limiter.{key}"), is, 0, most)?;
        }
        Ok(())
    }
}

/// `breaker`, `retry` and `bulkhead` of one venue.
pub(super) fn check(venue: &str, config: &super::VenueConfig) -> Result<(), ConfigError> {
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let (breaker, retry) = (&config.breaker, &config.retry);
    let bulkhead = &config.bulkhead;
    for (key, is, least, most) in [
        (
            "breaker.window_calls",
            breaker.window_calls.into(),
            0,
            10_000,
        ),
        ("breaker.window_ms", breaker.window_ms, 1_000, 600_000),
        (
            "breaker.minimum_calls",
            breaker.minimum_calls.into(),
            1,
            10_000,
        ),
        (
            "breaker.failure_percent",
            breaker.failure_percent.into(),
            1,
            100,
        ),
        ("breaker.slow_ms", breaker.slow_ms, 1, 60_000),
        ("breaker.slow_percent", breaker.slow_percent.into(), 1, 100),
        ("breaker.open_ms", breaker.open_ms, 1, 600_000),
        ("breaker.open_max_ms", breaker.open_max_ms, 1, 3_600_000),
        (
            "breaker.half_open_calls",
            breaker.half_open_calls.into(),
            1,
            1_000,
        ),
        ("breaker.half_open_ms", breaker.half_open_ms, 1, 600_000),
        ("retry.max_retries", retry.max_retries.into(), 0, 20),
        ("retry.base_ms", retry.base_ms, 1, 60_000),
        ("retry.cap_ms", retry.cap_ms, 1, 60_000),
        (
            "retry.budget_percent",
            retry.budget_percent.into(),
            0,
            1_000,
        ),
        (
            "retry.budget_per_second",
            retry.budget_per_second.into(),
            0,
            10_000,
        ),
        (
            "bulkhead.concurrency",
            number(bulkhead.concurrency),
            1,
            10_000,
        ),
        ("bulkhead.queue", number(bulkhead.queue), 0, 100_000),
    ] {
        check_range(&format!("venues.{venue}.{key}"), is, least, most)?;
    }
    let calls = breaker.window_calls;
    if calls != 0 && breaker.minimum_calls > calls {
        let key = format!("venues.{venue}.breaker.minimum_calls");
        let problem = format!("must be at most window_calls, which is {calls}");
        return Err(value(&key, &breaker.minimum_calls.to_string(), problem));
    }
    Ok(())
}
