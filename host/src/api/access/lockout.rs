//! Addresses that try keys out are not listened to for a while, but for what was right there before: whoever shares an
//! address with others, or is believed to have theirs, cannot keep them out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::keyring::Hash;
use crate::api::address::group;
use crate::config::LockoutConfig;

/// Addresses that are remembered at once.
const MAX_ADDRESSES: usize = 10_000;

/// Right keys and where they were shown that are remembered at once.
const MAX_RIGHT: usize = 10_000;

/// How long it is remembered where a right key was shown.
const RIGHT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Failures by address, in bounded memory.
#[derive(Debug)]
pub(super) struct Lockout {
    failures: u32,
    window: Duration,
    lasts: Duration,
    tries: Mutex<HashMap<IpAddr, Tries>>,
    /// What was shown and was right, by address.
    right: Mutex<HashMap<(IpAddr, Hash), Right>>,
}

/// Whose it was, and until when that is remembered.
#[derive(Debug)]
struct Right {
    tenant: String,
    until: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    failures: u32,
    since: Instant,
    locked_until: Option<Instant>,
}

impl Tries {
    /// From when on there is nothing to remember.
    fn over_at(&self, window: Duration) -> Instant {
        self.locked_until.unwrap_or(self.since + window)
    }
}

impl Lockout {
    pub(super) fn new(config: LockoutConfig) -> Self {
        let seconds = |number: u32| Duration::from_secs(number.into());
        Self {
            failures: config.failures,
            window: seconds(config.window_seconds),
            lasts: seconds(config.seconds),
            tries: Mutex::default(),
            right: Mutex::default(),
        }
    }

    /// That an address is listened to when it shows this, or how long it is not.
    pub(super) fn check(
        &self,
        address: IpAddr,
        shown: &Hash,
        now: Instant,
    ) -> Result<(), Duration> {
        let address = group(address);
        let tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let locked = tries.get(&address).and_then(|tries| tries.locked_until);
        drop(tries);
        match locked {
            Some(until) if until > now && !self.was_right(address, shown, now) => Err(until - now),
            _ => Ok(()),
        }
    }

    fn was_right(&self, address: IpAddr, shown: &Hash, now: Instant) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right
            .get(&(address, *shown))
            .is_some_and(|right| right.until > now)
    }

    /// An address showed what is right for a tenant.
    pub(super) fn succeeded(&self, address: IpAddr, shown: &Hash, tenant: &str, now: Instant) {
        let pair = (group(address), *shown);
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= MAX_RIGHT && !right.contains_key(&pair) {
            forget_some(&mut right, now);
        }
        let until = now + RIGHT_FOR;
        match right.get_mut(&pair) {
            Some(known) => known.until = until,
            None => {
                let tenant = tenant.to_owned();
                right.insert(pair, Right { tenant, until });
            }
        }
    }

    /// An address showed a key that nobody has. Returns whether it is not listened to from now on.
    pub(super) fn failed(&self, address: IpAddr, now: Instant) -> bool {
        let address = group(address);
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        if !tries.contains_key(&address) {
            self.make_room(&mut tries, now);
        }
        let known = tries.entry(address).or_insert(Tries {
            failures: 0,
            since: now,
            locked_until: None,
        });
        if known.over_at(self.window) <= now {
            *known = Tries {
                failures: 0,
                since: now,
                locked_until: None,
            };
        }
        known.failures = known.failures.saturating_add(1);
        let is_too_many = known.failures >= self.failures && known.locked_until.is_none();
        if is_too_many {
            known.locked_until = Some(now + self.lasts);
        }
        is_too_many
    }

    /// Forgets what is over; and if that is not enough, what would be over next.
    fn make_room(&self, tries: &mut HashMap<IpAddr, Tries>, now: Instant) {
        if tries.len() < MAX_ADDRESSES {
            return;
        }
        tries.retain(|_, tries| tries.over_at(self.window) > now);
        if tries.len() >= MAX_ADDRESSES {
            let next = tries
                .iter()
                .min_by_key(|(_, tries)| tries.over_at(self.window));
            if let Some(address) = next.map(|(address, _)| *address) {
                tries.remove(&address);
            }
        }
    }
}

/// Forgets what is over; and if that makes too little room, of the tenant that has most the tenth that was not shown for
/// longest: no tenant has another forgotten, and none of many tokens is to look for room by itself.
fn forget_some(right: &mut HashMap<(IpAddr, Hash), Right>, now: Instant) {
    right.retain(|_, right| right.until > now);
    if right.len() < MAX_RIGHT - MAX_RIGHT / 10 {
        return;
    }
    let mut by_tenant: HashMap<&str, Vec<Instant>> = HashMap::new();
    for right in right.values() {
        by_tenant
            .entry(&right.tenant)
            .or_default()
            .push(right.until);
    }
    let most = by_tenant.into_iter().max_by_key(|(_, ends)| ends.len());
    let Some((tenant, mut ends)) = most else {
        return;
    };
    let tenant = tenant.to_owned();
    let place = ends.len() / 10;
    let (_, tenth, _) = ends.select_nth_unstable(place);
    let tenth = *tenth;
    right.retain(|_, right| right.tenant != tenant || right.until > tenth);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn lockout() -> Lockout {
        Lockout::new(LockoutConfig {
            failures: 3,
            window_seconds: 10,
            seconds: 60,
        })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// What the one shows that nothing was right for before.
    const GUESS: Hash = [0; 32];

    fn key(number: u8) -> Hash {
        [number; 32]
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_is_locked_out_for_its_time_and_no_other_is() {
        let (lockout, bad) = (lockout(), address("203.0.113.1"));
        assert!(!lockout.failed(bad, Instant::now()));
        assert!(!lockout.failed(bad, Instant::now()));
        assert!(lockout.check(bad, &GUESS, Instant::now()).is_ok());
        assert!(lockout.failed(bad, Instant::now()));
        assert_eq!(lockout.check(bad, &GUESS, Instant::now()), Err(60 * SECOND));
        assert!(
            lockout
                .check(address("203.0.113.2"), &GUESS, Instant::now())
                .is_ok()
        );
        tokio::time::advance(59 * SECOND).await;
        assert_eq!(lockout.check(bad, &GUESS, Instant::now()), Err(SECOND));
        tokio::time::advance(SECOND).await;
        assert!(lockout.check(bad, &GUESS, Instant::now()).is_ok());
        assert!(!lockout.failed(bad, Instant::now()), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_far_apart_do_not_add_up() {
        let (lockout, slow) = (lockout(), address("203.0.113.1"));
        for _ in 0..20 {
            assert!(!lockout.failed(slow, Instant::now()));
            tokio::time::advance(5 * SECOND).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_of_one_caller_counts_as_one() {
        let lockout = lockout();
        let now = Instant::now();
        assert!(!lockout.failed(address("2001:db8:0:1::1"), now));
        assert!(!lockout.failed(address("2001:db8:0:1::2"), now));
        assert!(lockout.failed(address("2001:db8:0:1:ffff::3"), now));
        assert!(
            lockout
                .check(address("2001:db8:0:1::9"), &GUESS, now)
                .is_err()
        );
        assert!(
            lockout
                .check(address("2001:db8:0:2::9"), &GUESS, now)
                .is_ok()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_who_is_locked_out_stays_so_under_a_flood() {
        let (lockout, bad) = (lockout(), address("203.0.113.1"));
        for _ in 0..3 {
            lockout.failed(bad, Instant::now());
        }
        for number in 0..u32::try_from(2 * MAX_ADDRESSES).unwrap() {
            lockout.failed(IpAddr::from(number.to_be_bytes()), Instant::now());
        }
        assert!(lockout.tries.lock().unwrap().len() <= MAX_ADDRESSES);
        assert!(lockout.check(bad, &GUESS, Instant::now()).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_guesses_keeps_nobody_out_who_was_right_at_that_address() {
        let (lockout, shared) = (lockout(), address("2001:db8:0:1::1"));
        let neighbour = address("2001:db8:0:1::2");
        lockout.succeeded(neighbour, &key(1), "a", Instant::now());
        lockout.succeeded(address("203.0.113.2"), &key(2), "a", Instant::now());
        for _ in 0..3 {
            lockout.failed(shared, Instant::now());
        }
        let now = Instant::now();
        assert!(lockout.check(neighbour, &key(1), now).is_ok());
        assert!(lockout.check(shared, &key(1), now).is_ok());
        for other in [GUESS, key(2)] {
            assert_eq!(lockout.check(shared, &other, now), Err(60 * SECOND));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_right_is_forgotten_after_a_day_without_it() {
        let (lockout, home) = (lockout(), address("203.0.113.1"));
        lockout.succeeded(home, &key(1), "a", Instant::now());
        lockout.succeeded(home, &key(2), "a", Instant::now());
        tokio::time::advance(RIGHT_FOR - SECOND).await;
        lockout.succeeded(home, &key(2), "a", Instant::now());
        tokio::time::advance(SECOND).await;
        for _ in 0..3 {
            lockout.failed(home, Instant::now());
        }
        assert!(lockout.check(home, &key(1), Instant::now()).is_err());
        assert!(lockout.check(home, &key(2), Instant::now()).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_right_keys_those_are_forgotten_that_were_not_shown_for_longest() {
        let (lockout, home) = (lockout(), address("203.0.113.1"));
        for number in 0..u32::try_from(2 * MAX_RIGHT).unwrap() {
            lockout.succeeded(
                IpAddr::from(number.to_be_bytes()),
                &GUESS,
                "a",
                Instant::now(),
            );
            if number % 1_000 == 0 {
                lockout.succeeded(home, &key(1), "a", Instant::now());
            }
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert!(lockout.right.lock().unwrap().len() <= MAX_RIGHT);
        assert!(lockout.was_right(home, &key(1), Instant::now()));
        assert!(!lockout.was_right(address("0.0.0.0"), &GUESS, Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_that_shows_its_keys_from_everywhere_has_no_others_forgotten() {
        let (lockout, home) = (lockout(), address("203.0.113.1"));
        lockout.succeeded(home, &key(1), "quiet", Instant::now());
        for number in 0..u32::try_from(2 * MAX_RIGHT).unwrap() {
            let from = IpAddr::from(number.to_be_bytes());
            lockout.succeeded(from, &GUESS, "greedy", Instant::now());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert!(lockout.right.lock().unwrap().len() <= MAX_RIGHT);
        assert!(lockout.was_right(home, &key(1), Instant::now()));
    }
}
