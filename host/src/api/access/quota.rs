//! How many requests a key, and the keys of a tenant together, may make; and how they are told
//! (draft-ietf-httpapi-ratelimit-headers-10).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::Principal;
use crate::config::{Config, QuotaConfig};

/// Which quotas there are, and how large.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What is left of them.
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// Buckets that are kept. A bucket that is full again is like one that was never used, and is forgotten.
const MAX_BUCKETS: usize = 20_000;

/// Whose bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Holder {
    /// A tenant, and the name of its key: an issuer may give two tenants' tokens one subject.
    Key(String, String),
    Tenant(String),
}

impl Holder {
    fn policy(&self) -> &'static str {
        match self {
            Self::Key(..) => "key",
            Self::Tenant(_) => "tenant",
        }
    }
}

/// The buckets of all callers: each by when it will be full again (the generic cell rate algorithm).
#[derive(Debug)]
pub(super) struct Quotas {
    tenants: HashMap<String, QuotaConfig>,
    full_at: Mutex<HashMap<Holder, Instant>>,
}

/// How a caller stands with one quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    policy: &'static str,
    quota: QuotaConfig,
    left: u32,
    full_in: Duration,
}

/// How a caller stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing(Vec<Part>);

/// A request that is one too many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exceeded {
    /// The quota.
    pub(super) policy: String,
    /// When it holds another request.
    pub(super) retry_after: Duration,
    pub(super) standing: Standing,
}

impl Quotas {
    pub(super) fn new(config: &Config) -> Self {
        let tenants = config.tenants.iter();
        let tenants = tenants.filter_map(|(name, tenant)| Some((name.clone(), tenant.quota?)));
        Self {
            tenants: tenants.collect(),
            full_at: Mutex::default(),
        }
    }

    /// Takes one request from each bucket that binds a caller, or from none. `None` where none does.
    pub(super) fn take(
        &self,
        principal: &Principal,
        now: Instant,
    ) -> Result<Option<Standing>, Exceeded> {
        let key = || Holder::Key(principal.tenant.clone(), principal.key_id.clone());
        let of_key = principal.quota.map(|quota| (key(), quota));
        let of_tenant = self.tenants.get(&principal.tenant);
        let of_tenant = of_tenant.map(|quota| (Holder::Tenant(principal.tenant.clone()), *quota));
        let binding: Vec<_> = of_key.into_iter().chain(of_tenant).collect();
        if binding.is_empty() {
            return Ok(None);
        }
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |full_at: &HashMap<Holder, Instant>, holder: &Holder| {
            full_at.get(holder).map_or(now, |at| now.max(*at))
        };
        let empty = binding.iter().filter_map(|(holder, quota)| {
            let after = known(&full_at, holder) + interval(*quota) - now;
            let over = after.checked_sub(window(*quota))?;
            (!over.is_zero()).then_some((holder.policy(), over))
        });
        // Who comes back when one of them holds a request again must not find the other still empty.
        let empty = empty.reduce(|one, other| if other.1 > one.1 { other } else { one });
        if empty.is_none() {
            make_room(&mut full_at, now);
        }
        let mut parts = Vec::with_capacity(binding.len());
        for (holder, quota) in binding {
            let mut at = known(&full_at, &holder);
            let policy = holder.policy();
            if empty.is_none() {
                at += interval(quota);
                full_at.insert(holder, at);
            }
            parts.push(part(policy, quota, at - now));
        }
        let standing = Standing(parts);
        match empty {
            None => Ok(Some(standing)),
            Some((policy, retry_after)) => Err(Exceeded {
                policy: policy.to_owned(),
                retry_after,
                standing,
            }),
        }
    }
}

fn window(quota: QuotaConfig) -> Duration {
    Duration::from_secs(quota.window_seconds.into())
}

/// The time in which one request is regained.
fn interval(quota: QuotaConfig) -> Duration {
    window(quota) / quota.requests
}

fn part(policy: &'static str, quota: QuotaConfig, full_in: Duration) -> Part {
    let free = window(quota).saturating_sub(full_in);
    let left = free.as_nanos() / interval(quota).as_nanos().max(1);
    Part {
        policy,
        quota,
        left: u32::try_from(left).unwrap_or(u32::MAX).min(quota.requests),
        full_in,
    }
}

/// Forgets buckets that are full; and if that is not enough, the one that will be next.
fn make_room(full_at: &mut HashMap<Holder, Instant>, now: Instant) {
    if full_at.len() < MAX_BUCKETS {
        return;
    }
    full_at.retain(|_, at| *at > now);
    if full_at.len() >= MAX_BUCKETS {
        let next = full_at.iter().min_by_key(|(_, at)| **at);
        if let Some(holder) = next.map(|(holder, _)| holder.clone()) {
            full_at.remove(&holder);
        }
    }
}

impl Standing {
    /// Puts it into an answer's headers.
    pub(super) fn describe(&self, headers: &mut HeaderMap) {
        let (mut policies, mut left) = (String::new(), String::new());
        for (index, part) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let (name, quota) = (part.policy, part.quota);
            let seconds = part.full_in.as_millis().div_ceil(1_000);
            // Writing to a string does not fail.
            let _ = write!(
                policies,
                "{comma}\"{name}\";q={};w={}",
                quota.requests, quota.window_seconds
            );
            let _ = write!(left, "{comma}\"{name}\";r={};t={seconds}", part.left);
        }
        for (name, text) in [(POLICY, policies), (LEFT, left)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Role, VenueScope};

    const SECOND: Duration = Duration::from_secs(1);

    fn quota(requests: u32, window_seconds: u32) -> QuotaConfig {
        QuotaConfig {
            requests,
            window_seconds,
        }
    }

    fn quotas(of_tenant: Option<QuotaConfig>) -> Quotas {
        Quotas {
            tenants: of_tenant
                .map(|quota| ("t".to_owned(), quota))
                .into_iter()
                .collect(),
            full_at: Mutex::default(),
        }
    }

    fn caller(key: &str, quota: Option<QuotaConfig>) -> Principal {
        Principal {
            key_id: key.into(),
            tenant: "t".into(),
            role: Role::Viewer,
            venues: VenueScope::default(),
            quota,
        }
    }

    fn told(standing: &Standing) -> (String, String) {
        let mut headers = HeaderMap::new();
        standing.describe(&mut headers);
        let text = |name: HeaderName| headers[name].to_str().unwrap().to_owned();
        (text(POLICY), text(LEFT))
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_may_use_its_quota_at_once_and_regains_it_evenly() {
        let (quotas, caller) = (quotas(None), caller("k", Some(quota(3, 30))));
        let mut last = None;
        for _ in 0..3 {
            last = quotas.take(&caller, Instant::now()).unwrap();
        }
        let expected = ("\"key\";q=3;w=30".to_owned(), "\"key\";r=0;t=30".to_owned());
        assert_eq!(told(&last.unwrap()), expected);
        let refused = quotas.take(&caller, Instant::now()).unwrap_err();
        assert_eq!(
            (refused.policy.as_str(), refused.retry_after),
            ("key", 10 * SECOND)
        );
        tokio::time::advance(9 * SECOND).await;
        assert!(quotas.take(&caller, Instant::now()).is_err());
        tokio::time::advance(SECOND).await;
        let standing = quotas.take(&caller, Instant::now()).unwrap().unwrap();
        assert_eq!(told(&standing).1, "\"key\";r=0;t=30");
        tokio::time::advance(30 * SECOND).await;
        let standing = quotas.take(&caller, Instant::now()).unwrap().unwrap();
        assert_eq!(told(&standing).1, "\"key\";r=2;t=10");
    }

    #[tokio::test(start_paused = true)]
    async fn the_keys_of_a_tenant_share_what_it_may_and_a_refusal_costs_neither() {
        let quotas = quotas(Some(quota(3, 3)));
        let (one, other) = (caller("one", Some(quota(2, 100))), caller("other", None));
        let now = Instant::now();
        quotas.take(&one, now).unwrap();
        quotas.take(&one, now).unwrap();
        assert_eq!(quotas.take(&one, now).unwrap_err().policy, "key");
        let standing = quotas.take(&other, now).unwrap().unwrap();
        assert_eq!(
            told(&standing),
            ("\"tenant\";q=3;w=3".into(), "\"tenant\";r=0;t=3".into())
        );
        let refused = quotas.take(&other, now).unwrap_err();
        assert_eq!(
            (refused.policy.as_str(), refused.retry_after),
            ("tenant", SECOND)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_used_up_two_quotas_is_told_of_the_one_that_takes_longer() {
        let now = Instant::now();
        for (of_key, of_tenant, policy, seconds) in [
            (quota(1, 10), quota(1, 60), "tenant", 60),
            (quota(1, 60), quota(1, 10), "key", 60),
        ] {
            let quotas = quotas(Some(of_tenant));
            let caller = caller("k", Some(of_key));
            quotas.take(&caller, now).unwrap();
            let refused = quotas.take(&caller, now).unwrap_err();
            assert_eq!(
                (refused.policy.as_str(), refused.retry_after),
                (policy, seconds * SECOND)
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn callers_of_one_name_and_two_tenants_do_not_share_a_quota() {
        let (quotas, of_t) = (quotas(None), caller("jwt:desk", Some(quota(1, 10))));
        let of_other = Principal {
            tenant: "other".into(),
            ..of_t.clone()
        };
        assert!(quotas.take(&of_t, Instant::now()).is_ok());
        assert!(quotas.take(&of_t, Instant::now()).is_err());
        assert!(quotas.take(&of_other, Instant::now()).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_no_quota_is_not_counted() {
        let quotas = quotas(None);
        assert_eq!(quotas.take(&caller("k", None), Instant::now()), Ok(None));
        assert!(quotas.full_at.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_by_those_who_called_within_the_window() {
        let quotas = quotas(None);
        for number in 0..2 * MAX_BUCKETS {
            let caller = caller(&number.to_string(), Some(quota(1, 1)));
            quotas.take(&caller, Instant::now()).unwrap();
        }
        assert!(quotas.full_at.lock().unwrap().len() <= MAX_BUCKETS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_quota_is_counted_to_the_last_request() {
        let (quotas, caller) = (quotas(None), caller("k", Some(quota(60_000, 60))));
        for _ in 0..60_000 {
            quotas.take(&caller, Instant::now()).unwrap();
        }
        assert!(quotas.take(&caller, Instant::now()).is_err());
    }
}
