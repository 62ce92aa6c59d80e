//! The limits that a venue sets: kept before it has to, corrected by what it counts, and shared by all
//! venues of the configuration that share an address or an account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use indexmap::IndexMap;
use switchyard_runtime::wit::descriptor::{Bucket as Declared, BucketScope};
use switchyard_runtime::wit::market::PublishedLimit;
use switchyard_runtime::wit::types as wit;
use tokio::time::Instant;
use url::Url;

use crate::model::{Failure, FailureCode};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::reliability::limiter::{
    Ledger, LedgerKey, Limiter, Mark, Priority, Reason, Refused, Ticket,
};
use crate::telemetry::{BucketLabels, Metrics, PriorityLabels};

/// How long a bucket rests after a "too many requests" that does not say how long.
const UNTOLD_REST: Duration = Duration::from_secs(1);

/// How long nothing is sent after a ban that does not say how long: the shortest that a venue documents.
const UNTOLD_BAN: Duration = Duration::from_secs(120);

/// Longest ban that is believed; a venue's nonsense must not switch it off for ever.
const LONGEST_BAN: Duration = Duration::from_secs(3 * 86_400);

/// The budgets that only bans close.
const BANS: &str = "bans";

/// Units of such a budget.
const UNLIMITED: u64 = 1 << 40;

/// A rate-limit bucket.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct BucketStatus {
    /// `ip` or `account`.
    pub scope: &'static str,
    /// Units per window.
    pub limit: u64,
    /// Length of the window in milliseconds.
    pub window_ms: u64,
    /// Units used in the window that ends now, by the gateway's count and the venue's, whichever is more.
    pub used: u64,
    /// Units left.
    pub left: u64,
    /// Requests that wait for it.
    pub waiting: usize,
    /// How much longer the venue wants no requests, in milliseconds.
    pub closed_ms: Option<u64>,
}

/// What identifies those with whom a venue shares its limits.
pub(super) struct Sharing {
    /// The adapter's name: another adapter's buckets mean something else.
    pub(super) adapter: String,
    /// Where requests go.
    pub(super) endpoints: BTreeMap<String, Url>,
    /// Public part of the account's key.
    pub(super) api_key: Option<String>,
}

struct Bucket {
    ledger: Ledger,
    scope: BucketScope,
    used_header: Option<String>,
    remaining_header: Option<String>,
    /// Configuration stands above what the venue publishes.
    is_configured: bool,
    /// Whether its limit is one that the venue published.
    is_published: AtomicBool,
    labels: BucketLabels,
}

type Buckets = IndexMap<String, Arc<Bucket>>;

/// The limits of one venue.
pub(super) struct VenueLimits {
    venue: String,
    limiter: Limiter,
    sharing: Sharing,
    configured: BTreeMap<String, u32>,
    buckets: RwLock<Arc<Buckets>>,
    /// Closed by bans, one for each origin; every request passes them all, for a ban is of the whole venue.
    gates: Vec<Ledger>,
    metrics: Arc<Metrics>,
}

/// The leave to send the requests of one step.
#[derive(Debug)]
pub(super) struct Pass {
    ticket: Ticket,
    marks: Vec<(String, Mark)>,
}

impl Pass {
    /// How long it had to be waited for.
    pub(super) fn waited(&self) -> Duration {
        self.ticket.waited()
    }

    /// Nothing was sent.
    pub(super) fn refund(self) {
        self.ticket.refund();
    }
}

impl VenueLimits {
    pub(super) fn new(
        venue: &str,
        declared: &[Declared],
        sharing: Sharing,
        configured: BTreeMap<String, u32>,
        limiter: Limiter,
        metrics: Arc<Metrics>,
    ) -> Self {
        let gates = sharing.origins().into_iter().map(|origin| {
            let gate = LedgerKey {
                scope: origin.to_owned(),
                bucket: BANS.into(),
            };
            limiter.ledger(gate, UNLIMITED, Duration::from_secs(1))
        });
        let this = Self {
            venue: venue.to_owned(),
            gates: gates.collect(),
            limiter,
            sharing,
            configured,
            buckets: RwLock::default(),
            metrics,
        };
        this.learn(declared);
        this
    }

    /// Takes in the buckets that a version of the adapter counts in. Those of others stay: their last requests
    /// may be on their way.
    pub(super) fn learn(&self, declared: &[Declared]) {
        self.take_in(declared, |known, declared| self.learned(known, declared));
    }

    /// Takes in the buckets that are new, and leaves those that are known as they are.
    pub(super) fn add(&self, declared: &[Declared]) {
        self.take_in(declared, |known, declared| match known {
            Some(known) => known.clone(),
            None => self.bucket(declared),
        });
    }

    fn take_in(
        &self,
        declared: &[Declared],
        taken: impl Fn(Option<&Arc<Bucket>>, &Declared) -> Arc<Bucket>,
    ) {
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = (**buckets).clone();
        for declared in declared {
            let bucket = taken(buckets.get(&declared.name), declared);
            next.insert(declared.name.clone(), bucket);
        }
        *buckets = Arc::new(next);
    }

    /// A bucket as another version declares it: what was spent stays spent. What configuration says or the venue has
    /// published stands above what is declared.
    fn learned(&self, known: Option<&Arc<Bucket>>, declared: &Declared) -> Arc<Bucket> {
        let key = self.sharing.key(declared);
        let Some(known) = known.filter(|known| *known.ledger.key() == key) else {
            return self.bucket(declared);
        };
        let is_published = known.is_published.load(Ordering::Relaxed);
        if !known.is_configured && !is_published {
            let window = Duration::from_millis(declared.window_ms);
            known.ledger.set_limit(declared.limit.into(), window);
        }
        Arc::new(Bucket {
            ledger: known.ledger.clone(),
            scope: declared.scope,
            used_header: declared.used_header.clone(),
            remaining_header: declared.remaining_header.clone(),
            is_configured: known.is_configured,
            is_published: is_published.into(),
            labels: known.labels.clone(),
        })
    }

    fn bucket(&self, declared: &Declared) -> Arc<Bucket> {
        let own = self.configured.get(&declared.name);
        let limit = own.copied().unwrap_or(declared.limit);
        let window = Duration::from_millis(declared.window_ms);
        let key = self.sharing.key(declared);
        let ledger = self.limiter.ledger(key, limit.into(), window);
        if let Some(own) = own {
            ledger.cap(u64::from(*own));
        }
        Arc::new(Bucket {
            ledger,
            scope: declared.scope,
            used_header: declared.used_header.clone(),
            remaining_header: declared.remaining_header.clone(),
            is_configured: own.is_some(),
            is_published: false.into(),
            labels: BucketLabels {
                venue: self.venue.clone(),
                bucket: declared.name.clone(),
            },
        })
    }

    fn buckets(&self) -> Arc<Buckets> {
        self.buckets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<String> {
        self.buckets().keys().cloned().collect()
    }

    /// Spends what the requests cost, waiting for it until the deadline.
    pub(super) async fn acquire(
        &self,
        requests: &[wit::HttpRequest],
        priority: Priority,
        deadline: Deadline,
    ) -> Result<Pass, Failure> {
        let costs = self.costs(requests);
        let mut wants: Vec<(&Ledger, u64)> = self.gates.iter().map(|gate| (gate, 0)).collect();
        wants.extend(costs.iter().map(|(bucket, cost)| (&bucket.ledger, *cost)));
        let granted = self.limiter.acquire(&wants, priority, deadline).await;
        for (bucket, _) in &costs {
            self.tell(bucket);
        }
        let ticket = granted.map_err(|refused| self.refusal(&refused))?;
        self.metrics.reliability.waited(
            &PriorityLabels {
                venue: self.venue.clone(),
                priority: name_of(priority),
            },
            ticket.waited(),
        );
        let marks = costs
            .iter()
            .map(|(bucket, _)| (bucket.labels.bucket.clone(), bucket.ledger.mark()))
            .collect();
        Ok(Pass { ticket, marks })
    }

    /// Refuses requests that were let through before something they spend of was closed.
    pub(super) fn must_be_open(&self, pass: &Pass) -> Result<(), Failure> {
        let buckets = self.buckets();
        let names = pass.marks.iter();
        let ledgers = names.filter_map(|(name, _)| Some(&buckets.get(name)?.ledger));
        let closed = self
            .gates
            .iter()
            .chain(ledgers)
            .find_map(|ledger| Some((ledger, ledger.closed_for()?)));
        match closed {
            None => Ok(()),
            Some((ledger, closed_for)) => Err(self.refusal(&Refused {
                reason: Reason::Closed,
                ledger: ledger.key().bucket.clone(),
                retry_after: Some(closed_for),
            })),
        }
    }

    fn costs(&self, requests: &[wit::HttpRequest]) -> Vec<(Arc<Bucket>, u64)> {
        let mut costs: IndexMap<&str, u64> = IndexMap::new();
        for cost in requests.iter().flat_map(|request| &request.costs) {
            *costs.entry(&cost.bucket).or_default() += u64::from(cost.amount);
        }
        let buckets = self.buckets();
        let known = costs.into_iter().filter_map(|(name, cost)| {
            let bucket = buckets.get(name).cloned();
            if bucket.is_none() {
                tracing::warn!(venue = %self.venue, bucket = name, "the adapter spends of a bucket that it does not declare");
            }
            Some((bucket?, cost))
        });
        known.collect()
    }

    fn refusal(&self, refused: &Refused) -> Failure {
        self.metrics.reliability.shed(&self.venue, "limiter");
        let is_ban = refused.reason == Reason::Closed && refused.ledger == BANS;
        let code = if is_ban {
            FailureCode::Banned
        } else {
            code_of(refused.reason)
        };
        let message = if is_ban {
            "the venue has banned this gateway for a while; nothing was sent".to_owned()
        } else {
            format!(
                "the venue's limit {:?}: {}; nothing was sent",
                refused.ledger, refused.reason
            )
        };
        Failure {
            retry_after: refused.retry_after,
            ..Failure::not_sent(code, message)
        }
    }

    /// Takes in the venue's own counters from its answers' headers.
    pub(super) fn note(
        &self,
        pass: &Pass,
        requests: &[wit::HttpRequest],
        responses: &[wit::HttpResponse],
    ) {
        let buckets = self.buckets();
        for (name, mark) in &pass.marks {
            let Some(bucket) = buckets.get(name) else {
                continue;
            };
            // A header counts the budget that its request drew on, which may share its name with another's.
            let answers = requests.iter().zip(responses).filter(|(request, _)| {
                let mut costs = request.costs.iter();
                costs.any(|cost| cost.bucket == *name)
            });
            let counted = answers
                .filter_map(|(_, response)| bucket.counted_by(response))
                .max();
            if let Some(used) = counted {
                let unknown = bucket.ledger.observe_used(used, *mark);
                if unknown > 0 {
                    tracing::debug!(venue = %self.venue, bucket = name, used, unknown, "the venue counted more");
                }
            }
        }
    }

    /// Keeps away as long as the venue wants it.
    pub(super) fn heed(&self, failure: &Failure, requests: &[wit::HttpRequest]) {
        let now = Instant::now();
        match failure.code {
            FailureCode::Banned => {
                let rest = failure.retry_after.unwrap_or(UNTOLD_BAN).min(LONGEST_BAN);
                tracing::error!(
                    venue = %self.venue, seconds = rest.as_secs_f64(), problem = %failure.message,
                    "banned: nothing is sent to the venue until the ban ends"
                );
                for gate in &self.gates {
                    gate.close_until(now + rest);
                }
            }
            FailureCode::RateLimited => {
                let rest = failure.retry_after.unwrap_or(UNTOLD_REST).min(LONGEST_BAN);
                for (bucket, _) in self.costs(requests) {
                    tracing::warn!(
                        venue = %self.venue, bucket = %bucket.labels.bucket, seconds = rest.as_secs_f64(),
                        "the venue wants fewer requests"
                    );
                    bucket.ledger.close_until(now + rest);
                }
            }
            _ => {}
        }
    }

    /// Takes limits that the venue publishes; configuration stands above them.
    pub(super) fn publish(&self, published: &[PublishedLimit]) {
        let buckets = self.buckets();
        for limit in published {
            if let Some(bucket) = buckets.get(&limit.bucket)
                && !bucket.is_configured
            {
                let window = Duration::from_millis(limit.window_ms);
                bucket.ledger.set_limit(limit.limit.into(), window);
                bucket.is_published.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Brings the metrics up to now: what was used is used no more once its window is over, and no request says so.
    pub(super) fn measure(&self) {
        for bucket in self.buckets().values() {
            self.tell(bucket);
        }
    }

    fn tell(&self, bucket: &Bucket) {
        let (used, limit) = (bucket.ledger.used(), bucket.ledger.limit());
        let reliability = &self.metrics.reliability;
        reliability.limit_is(&bucket.labels, used, limit);
    }

    /// How they stand.
    pub(super) fn status(&self) -> IndexMap<String, BucketStatus> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let ban = self.gates.iter().filter_map(Ledger::closed_for).max();
        let buckets = self.buckets();
        let statuses = buckets.iter().map(|(name, bucket)| {
            let ledger = &bucket.ledger;
            let (used, limit) = (ledger.used(), ledger.limit());
            let status = BucketStatus {
                scope: translate::bucket_scope(bucket.scope),
                limit,
                window_ms: millis(ledger.window()),
                used,
                left: limit.saturating_sub(used),
                waiting: ledger.waiting(),
                closed_ms: ledger.closed_for().max(ban).map(millis),
            };
            (name.clone(), status)
        });
        statuses.collect()
    }
}

impl Bucket {
    fn counted_by(&self, response: &wit::HttpResponse) -> Option<u64> {
        let header = |wanted: &Option<String>| -> Option<u64> {
            let wanted = wanted.as_ref()?;
            let mut headers = response.headers.iter();
            let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
            value.trim().parse().ok()
        };
        let left = || header(&self.remaining_header);
        header(&self.used_header)
            .or_else(|| left().map(|left| self.ledger.limit().saturating_sub(left)))
    }
}

impl Sharing {
    /// Where requests go, each once.
    fn origins(&self) -> BTreeSet<&str> {
        self.endpoints.values().map(Url::as_str).collect()
    }

    fn key(&self, bucket: &Declared) -> LedgerKey {
        let address = self.address(bucket.endpoints.iter());
        let scope = match (bucket.scope, &self.api_key) {
            (BucketScope::Account, Some(api_key)) => format!("{address} {api_key}"),
            _ => address,
        };
        LedgerKey {
            scope,
            bucket: bucket.name.clone(),
        }
    }

    fn address<'b>(&self, endpoints: impl Iterator<Item = &'b String>) -> String {
        let mut origins: Vec<&str> = endpoints
            .filter_map(|alias| self.endpoints.get(alias))
            .map(Url::as_str)
            .collect();
        origins.sort_unstable();
        format!("{} {}", self.adapter, origins.join(" "))
    }
}

fn name_of(priority: Priority) -> &'static str {
    match priority {
        Priority::Cancel => "cancel",
        Priority::Amend => "amend",
        Priority::Place => "place",
        Priority::Read => "read",
    }
}

/// What callers are told. `Unsupported` is the adapter's word only: that a question cannot be asked just here says
/// nothing of what it asks.
fn code_of(reason: Reason) -> FailureCode {
    match reason {
        Reason::Exhausted | Reason::Closed | Reason::TooLarge | Reason::Unknown => {
            FailureCode::RateLimited
        }
        Reason::QueueFull => FailureCode::Overloaded,
    }
}

#[cfg(test)]
mod tests;
