//! A venue as configured: with its adapter, endpoints, account and state.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use indexmap::IndexMap;
use secrecy::ExposeSecret;
use switchyard_runtime::wit::descriptor::EndpointRules;
use switchyard_runtime::wit::types as wit;
use switchyard_runtime::{Adapter, Capability, KeyError, SecretKey};
use tokio::time::Instant;
use url::Url;

use super::catalogue::{CatalogueError, Listed, VenueCatalogue};
use super::clock::VenueClock;
use super::halt::HaltSwitch;
use super::health::{Condition, HealthBoard, VenueStatus};
use super::http::Sender;
use super::limits::{BucketStatus, Sharing, VenueLimits};
use super::policies::{BreakerStatus, BulkheadStatus, Policies};
use crate::config::{CredentialsConfig, VenueConfig};
use crate::model::Timestamp;
use crate::plugin::Slot;
use crate::reliability::limiter::Limiter;
use crate::secrets::{Derived, SecretError, Secrets, Snapshot};
use crate::telemetry::Metrics;

/// Why a venue cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum VenueError {
    /// A credential cannot be read.
    #[error("venues.{venue}.credentials.{key}: {source}")]
    Secret {
        /// The venue.
        venue: String,
        /// `api_key` or `secret`.
        key: &'static str,
        /// Why.
        source: SecretError,
    },
    /// The API key cannot be sent as a header.
    #[error("venues.{venue}.credentials.api_key: must be visible ASCII")]
    ApiKey {
        /// The venue.
        venue: String,
    },
    /// The secret is no key.
    #[error("venues.{venue}.credentials.secret: {source}")]
    Key {
        /// The venue.
        venue: String,
        /// Why.
        source: KeyError,
    },
    /// None of the endpoints configured is one that the adapter knows.
    #[error(
        "venues.{venue}.endpoints: none of {configured:?} is an endpoint of the adapter, which knows {known:?}"
    )]
    NoEndpoint {
        /// The venue.
        venue: String,
        /// Aliases in the configuration.
        configured: Vec<String>,
        /// Aliases in the adapter.
        known: Vec<String>,
    },
    /// A limit for a bucket that the adapter does not have.
    #[error("venues.{venue}.limits.{bucket}: no such bucket; the adapter has {known:?}")]
    UnknownBucket {
        /// The venue.
        venue: String,
        /// The bucket named.
        bucket: String,
        /// Buckets of the adapter.
        known: Vec<String>,
    },
    /// The HTTP client cannot be made.
    #[error("cannot set up the HTTP client: {0}")]
    Client(String),
}

/// The account that a venue's requests are signed for, with the key and the secret that belong together.
pub(super) struct Account {
    pub(super) api_key: String,
    /// The key before the last rotation: answers to what was signed with it may still come.
    pub(super) former_api_key: Option<String>,
    pub(super) secret: Arc<SecretKey>,
}

/// An account whose keys may be rotated.
pub(super) type RotatingAccount = Derived<Account, VenueError>;

/// One venue.
pub struct Venue {
    pub(super) name: String,
    adapter_name: String,
    pub(super) slot: Arc<Slot>,
    configured_limits: Vec<String>,
    /// Times that instruments were to be read anew.
    pub(super) listings_wanted: AtomicU64,
    pub(super) endpoints: BTreeMap<String, Url>,
    account: Option<RotatingAccount>,
    /// The account's key at the start, which names it for good: keys are rotated one venue after another.
    first_api_key: Option<String>,
    pub(super) window_ms: u32,
    pub(super) sender: Sender,
    pub(super) clock: VenueClock,
    pub(super) health: HealthBoard,
    catalogue: RwLock<Arc<VenueCatalogue>>,
    pub(super) limits: VenueLimits,
    pub(super) policies: Policies,
    pub(super) halt: HaltSwitch,
    pub(super) resyncs: tokio::sync::Mutex<BTreeMap<String, Instant>>,
    pub(super) metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Venue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Venue")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Venue {
    pub(super) fn new(
        name: &str,
        config: &VenueConfig,
        slot: Arc<Slot>,
        sender: Sender,
        limiter: Limiter,
        secrets: &Secrets,
        metrics: Arc<Metrics>,
    ) -> Result<Self, VenueError> {
        let adapter = slot.active();
        let descriptor = adapter.descriptor();
        let known: Vec<String> = descriptor
            .endpoints
            .iter()
            .map(|endpoint| endpoint.alias.clone())
            .collect();
        let mut endpoints = BTreeMap::new();
        for (alias, origin) in &config.endpoints {
            if !known.contains(alias) {
                tracing::warn!(
                    venue = name,
                    alias,
                    ?known,
                    "the adapter has no such endpoint; it is not used"
                );
                continue;
            }
            // Parsed once already when the configuration was checked.
            if let Ok(url) = Url::parse(origin) {
                endpoints.insert(alias.clone(), url);
            }
        }
        if endpoints.is_empty() {
            let configured = config.endpoints.keys().cloned().collect();
            return Err(VenueError::NoEndpoint {
                venue: name.to_owned(),
                configured,
                known,
            });
        }
        let account = config.credentials.as_ref();
        let account = account.map(|c| account_of(name, c, secrets)).transpose()?;
        let current = account.as_ref().map(Derived::current);
        let first_api_key = current.map(|account| account.api_key.clone());
        let sharing = Sharing {
            adapter: config.adapter.clone(),
            endpoints: endpoints.clone(),
            api_key: first_api_key.clone(),
        };
        let limits = VenueLimits::new(
            name,
            &descriptor.buckets,
            sharing,
            config.limits.clone(),
            limiter,
            metrics.clone(),
        );
        let known = limits.names();
        if let Some(bucket) = config.limits.keys().find(|bucket| !known.contains(bucket)) {
            return Err(VenueError::UnknownBucket {
                venue: name.to_owned(),
                bucket: bucket.clone(),
                known,
            });
        }
        let policies = Policies::new(name, endpoints.keys(), config, metrics.clone());
        Ok(Self {
            name: name.to_owned(),
            adapter_name: config.adapter.clone(),
            account,
            first_api_key,
            window_ms: config.recv_window_ms,
            health: HealthBoard::of(endpoints.keys().cloned(), config.credentials.is_some()),
            clock: VenueClock::of(endpoints.keys().cloned()),
            catalogue: RwLock::default(),
            endpoints,
            sender,
            policies,
            halt: HaltSwitch::default(),
            resyncs: tokio::sync::Mutex::default(),
            limits,
            slot,
            configured_limits: config.limits.keys().cloned().collect(),
            listings_wanted: AtomicU64::new(0),
            metrics,
        })
    }

    /// The name configuration gives it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stem of its adapter's file.
    pub fn adapter_name(&self) -> &str {
        &self.adapter_name
    }

    /// The adapter version that serves it now.
    pub fn adapter(&self) -> Arc<Adapter> {
        self.slot.active()
    }

    /// The buckets whose limits configuration sets.
    pub fn configured_limits(&self) -> &[String] {
        &self.configured_limits
    }

    /// Adds the limits that only a candidate counts in; those of the active version stay as they are.
    pub fn add_limits(&self, candidate: &Adapter) {
        self.limits.add(&candidate.descriptor().buckets);
    }

    /// Takes in the limits that a version of its adapter counts in.
    pub fn learn_limits(&self, adapter: &Adapter) {
        self.limits.learn(&adapter.descriptor().buckets);
    }

    /// Reads the venue's instruments anew, soon: another version may see them otherwise.
    pub fn list_again(&self) {
        self.listings_wanted.fetch_add(1, Ordering::Relaxed);
    }

    /// Its instruments, as of now.
    pub fn catalogue(&self) -> Arc<VenueCatalogue> {
        self.catalogue
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The instrument of a unified symbol.
    pub fn instrument(&self, symbol: &str) -> Option<Arc<Listed>> {
        self.catalogue().get(symbol).cloned()
    }

    /// Whether every configured endpoint has listed its instruments at least once.
    pub fn is_listed(&self) -> bool {
        let catalogue = self.catalogue();
        self.endpoints
            .keys()
            .all(|alias| catalogue.listed_on(alias).is_some())
    }

    /// Whether an endpoint has listed its instruments at least once.
    pub fn is_listed_on(&self, endpoint: &str) -> bool {
        self.catalogue().listed_on(endpoint).is_some()
    }

    /// The aliases of its configured endpoints.
    pub fn endpoints(&self) -> impl Iterator<Item = &str> {
        self.endpoints.keys().map(String::as_str)
    }

    /// The time of an endpoint, as the gateway estimates it.
    pub fn now(&self, endpoint: &str) -> Timestamp {
        self.clock.now(endpoint)
    }

    /// Whether requests can be signed.
    pub fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// The account that requests are signed for now.
    pub(super) fn account(&self) -> Option<Arc<Account>> {
        self.account.as_ref().map(Derived::current)
    }

    /// Whether another venue of the configuration is the same account under another name.
    pub fn shares_account_with(&self, other: &Self) -> bool {
        let api_key = |venue: &Self| venue.account().map(|account| account.api_key.clone());
        let mut endpoints = self.endpoints.iter();
        self.adapter_name == other.adapter_name
            && (self.first_api_key == other.first_api_key || api_key(self) == api_key(other))
            && endpoints.any(|(alias, url)| other.endpoints.get(alias) == Some(url))
    }

    /// Whether its adapter has a capability.
    pub fn offers(&self, capability: Capability) -> bool {
        self.adapter().offers(capability)
    }

    /// What an endpoint lets be done.
    pub fn rules(&self, endpoint: &str) -> Option<EndpointRules> {
        let adapter = self.adapter();
        adapter
            .descriptor()
            .endpoint_rules
            .iter()
            .find(|rules| rules.endpoint == endpoint)
            .cloned()
    }

    /// Whether contracts trade on an endpoint, so that there can be positions.
    pub fn trades_contracts(&self, endpoint: &str) -> bool {
        let adapter = self.adapter();
        let mut endpoints = adapter.descriptor().endpoints.iter();
        endpoints.any(|known| {
            let products = &known.products;
            known.alias == endpoint && products.iter().any(|p| *p != wit::Product::Spot)
        })
    }

    /// What its last probes found.
    pub fn health(&self) -> &HealthBoard {
        &self.health
    }

    /// Its summary.
    pub fn status(&self) -> VenueStatus {
        self.health.status()
    }

    /// How its rate limits stand.
    pub fn limits(&self) -> IndexMap<String, BucketStatus> {
        self.limits.status()
    }

    /// How an endpoint's breaker stands.
    pub fn breaker(&self, endpoint: &str) -> Option<BreakerStatus> {
        self.policies.breaker(endpoint)
    }

    /// How likely an endpoint is to answer.
    pub fn condition(&self, endpoint: &str) -> Condition {
        if self.health.answers(endpoint) {
            self.policies.condition(endpoint)
        } else {
            Condition::Ill
        }
    }

    /// How much of the process it holds.
    pub fn bulkhead(&self) -> BulkheadStatus {
        self.policies.bulkhead()
    }

    /// Replaces one endpoint's listing; a listing that cannot be used leaves the old one.
    pub(super) fn take_listing(
        &self,
        endpoint: &str,
        listing: Vec<switchyard_runtime::wit::market::ListedInstrument>,
    ) -> Result<usize, CatalogueError> {
        let mut catalogue = self
            .catalogue
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let next = catalogue.with_listing(&self.name, endpoint, listing)?;
        let listed = next.listed_on(endpoint).unwrap_or_default();
        *catalogue = Arc::new(next);
        Ok(listed)
    }
}

/// The account that configuration names.
///
/// # Errors
/// [`VenueError`], naming the key.
pub(super) fn account_of(
    venue: &str,
    config: &CredentialsConfig,
    secrets: &Secrets,
) -> Result<RotatingAccount, VenueError> {
    let (venue, config) = (venue.to_owned(), config.clone());
    let key = format!("venues.{venue}.credentials");
    let places = vec![config.api_key.clone(), config.secret.clone()];
    Derived::new(secrets, key, places, move |secrets, before| {
        account_now(&venue, &config, secrets, before)
    })
}

fn account_now(
    venue: &str,
    config: &CredentialsConfig,
    secrets: &Snapshot,
    before: Option<&Account>,
) -> Result<Account, VenueError> {
    let venue = || venue.to_owned();
    let get = |key: &'static str, place: &crate::config::SecretRef| {
        secrets.get(place).map_err(|source| VenueError::Secret {
            venue: venue(),
            key,
            source,
        })
    };
    let api_key = get("api_key", &config.api_key)?;
    let api_key = api_key.expose_secret().trim().to_owned();
    if !api_key.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(VenueError::ApiKey { venue: venue() });
    }
    let secret = get("secret", &config.secret)?.clone();
    let secret = SecretKey::new(secret).map_err(|source| VenueError::Key {
        venue: venue(),
        source,
    })?;
    Ok(Account {
        api_key,
        former_api_key: before.map(|account| account.api_key.clone()),
        secret: Arc::new(secret),
    })
}
