//! Configuration: `switchyard.toml`, then the stage's file, then `SWITCHYARD__SECTION__KEY` from the environment,
//! then flags.
//!
//! Everything is read and checked at start; an error names the key, its value's problem, what is
//! allowed and where the value comes from. Secrets are never in a file: it says where they are ([`SecretRef`]).

mod auth;
mod cache;
mod compiling;
mod explain;
mod layers;
mod orders;
mod plugins;
mod reliability;
mod risk;
mod secret;
mod sections;
mod server;
mod stage;
mod telemetry;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use auth::{
    AuthConfig, AuthMode, JwtAlgorithm, JwtConfig, JwtKeyConfig, KeyConfig, LockoutConfig,
    OPEN_TENANT, QuotaConfig,
};
pub use cache::CacheSettings;
pub use explain::{Setting, explain};
pub use layers::{Layers, Origin};
pub use orders::OrdersConfig;
pub use plugins::{Approval, PluginsConfig, TrialSettings};
pub use reliability::{BreakerSettings, BulkheadSettings, LimiterSettings, RetrySettings};
pub use risk::{RiskSettings, TenantConfig};
pub use secret::{SecretRef, SecretRefError};
pub use sections::{
    Backend, CredentialsConfig, LogConfig, LogFormat, SecretsConfig, StoreConfig, VenueConfig,
    VerifyAtStart,
};
pub use server::{Network, ServerConfig, TlsConfig};
pub use stage::{Finding, Rule, Stage, StageConfig};
pub use telemetry::{EmfConfig, OtlpConfig, TelemetryConfig};

/// The whole configuration.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the REST API is served.
    #[serde(default)]
    pub server: ServerConfig,
    /// Where adapters come from and what they may use.
    #[serde(default)]
    pub plugins: PluginsConfig,
    /// Where orders are kept.
    #[serde(default)]
    pub store: StoreConfig,
    /// How orders are named and looked after.
    #[serde(default)]
    pub orders: OrdersConfig,
    /// Who may call.
    #[serde(default)]
    pub auth: AuthConfig,
    /// What is logged, and how.
    #[serde(default)]
    pub log: LogConfig,
    /// What is told of it elsewhere.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
    /// How long answers of venues are kept.
    #[serde(default)]
    pub cache: CacheSettings,
    /// How venues' rate limits are kept.
    #[serde(default)]
    pub limiter: LimiterSettings,
    /// The tenants that have limits, by name.
    #[serde(default)]
    pub tenants: BTreeMap<String, TenantConfig>,
    /// The venues, by name.
    #[serde(default)]
    pub venues: BTreeMap<String, VenueConfig>,
    /// How secrets are kept current.
    #[serde(default)]
    pub secrets: SecretsConfig,
    /// What the stage's rules may be broken by.
    #[serde(default)]
    pub stage: StageConfig,
}

/// Why the gateway does not start with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No such file.
    #[error("cannot read configuration file {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("configuration: {0}")]
    Malformed(String),
    /// A value that is well formed and not allowed.
    #[error("configuration: {key} = {value:?} {problem}{}", from(origin.as_ref()))]
    Value {
        /// The key, dotted.
        key: String,
        /// What it holds.
        value: String,
        /// What is wrong with it and what is allowed.
        problem: String,
        /// Where it comes from, where that is known.
        origin: Option<Origin>,
    },
}

fn from(origin: Option<&Origin>) -> String {
    origin.map_or_else(String::new, |origin| format!(" (from {origin})"))
}

impl Config {
    /// Reads and checks a configuration file and the environment.
    ///
    /// # Errors
    /// [`ConfigError`], naming file or key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Layers::read(path, None, variables())?.config()
    }

    /// Reads and checks a configuration text and the environment.
    ///
    /// # Errors
    /// [`ConfigError`], naming the key.
    pub fn from_toml(text: &str, source: &str) -> Result<Self, ConfigError> {
        Layers::of_text(text, source, variables())?.config()
    }

    /// The keys that name secrets, and where those are.
    pub fn secret_refs(&self) -> Vec<(String, SecretRef)> {
        let venues = self.venues.iter();
        let accounts = venues.filter_map(|(name, venue)| Some((name, venue.credentials.as_ref()?)));
        let credentials = accounts.flat_map(|(name, credentials)| {
            [
                ("api_key", &credentials.api_key),
                ("secret", &credentials.secret),
            ]
            .map(|(key, place)| (format!("venues.{name}.credentials.{key}"), place.clone()))
        });
        let password = self.store.password.iter();
        let password = password.map(|place| (StoreConfig::PASSWORD.to_owned(), place.clone()));
        let tokens = self
            .auth
            .jwt
            .iter()
            .flat_map(|jwt| jwt.keys.iter().enumerate());
        let tokens = tokens.map(|(index, key)| (JwtKeyConfig::name(index), key.key.clone()));
        credentials.chain(password).chain(tokens).collect()
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`ConfigError::Value`], naming the key.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.auth.check(self.server.listen)?;
        self.store.check()?;
        self.server.check()?;
        self.orders.check()?;
        self.plugins.check()?;
        self.cache.check()?;
        self.limiter.check()?;
        self.secrets.check()?;
        self.telemetry.check()?;
        for (name, tenant) in &self.tenants {
            tenant.check(&format!("tenants.{name}"))?;
            // A limit that a typing error keeps from binding anyone is worse than none.
            if !self.auth.has_tenant(name) {
                let problem =
                    "must be the tenant of a key in auth.keys, or in auth.tenants".to_owned();
                return Err(value("tenants", name, problem));
            }
        }
        self.check_scopes()?;
        for (name, venue) in &self.venues {
            venue.risk.check(&format!("venues.{name}"))?;
            venue.check(name)?;
        }
        Ok(())
    }
}

impl Config {
    /// A venue that a typing error keeps a key from is better found here.
    fn check_scopes(&self) -> Result<(), ConfigError> {
        for (index, key) in self.auth.keys.iter().enumerate() {
            let mut names = key.venues.iter().flatten();
            if let Some(name) = names.find(|name| !self.venues.contains_key(*name)) {
                let key = format!("auth.keys[{index}].venues");
                let problem = "must be a venue of this configuration".to_owned();
                return Err(value(&key, name, problem));
            }
        }
        Ok(())
    }
}

/// Longest time a caller may ask the gateway to spend on one request, in milliseconds.
pub const MAX_REQUEST_TIMEOUT_MS: u64 = 60_000;

/// What `store.lease_seconds` may be at most.
pub const LONGEST_LEASE: Duration = Duration::from_secs(60);

impl StoreConfig {
    /// What the password's key is called.
    pub const PASSWORD: &str = "store.password";

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`ConfigError::Value`], naming the key.
    pub fn check(&self) -> Result<(), ConfigError> {
        let is_shared = self.backend() == Backend::Postgres;
        if !is_shared && !self.url.starts_with("sqlite://") {
            let problem = "must begin with sqlite:// or postgres://".into();
            return Err(value("store.url", NOT_SHOWN, problem));
        }
        if is_shared {
            let parsed = self.url.parse::<tokio_postgres::Config>();
            if !parsed.is_ok_and(|server| server.get_password().is_none()) {
                // It may hold the secret: it must not be repeated.
                let problem = "must be postgres://USER@HOST/DATABASE, without the password: that is store.password";
                return Err(value("store.url", NOT_SHOWN, problem.into()));
            }
        }
        let longest = LONGEST_LEASE.as_secs();
        check_range("store.lease_seconds", self.lease_seconds, 2, longest)?;
        // An order that is watched after its end, and a key that may still be sent, outlive the retention.
        let least_days = self.idempotency_hours.div_ceil(24).saturating_add(1);
        if self.retention_days != 0 {
            check_range(
                "store.retention_days",
                self.retention_days,
                least_days,
                36_500,
            )?;
        }
        check_range("store.idempotency_hours", self.idempotency_hours, 1, 8_760)?;
        check_range("store.max_bytes", self.max_bytes, 1_000_000, u64::MAX)
    }
}

impl VenueConfig {
    fn check(&self, name: &str) -> Result<(), ConfigError> {
        let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
        if !well_formed || name == "auto" {
            return Err(value(
                "venues",
                name,
                "must be of the form [a-z][a-z0-9_-]* and not \"auto\"".into(),
            ));
        }
        check_range(
            &format!("venues.{name}.recv_window_ms"),
            u64::from(self.recv_window_ms),
            1,
            60_000,
        )?;
        reliability::check(name, self)?;
        if self.streams {
            let problem = "is not available in this version; it must be false";
            return Err(value(
                &format!("venues.{name}.streams"),
                "true",
                problem.into(),
            ));
        }
        if self.endpoints.is_empty() {
            return Err(value(
                &format!("venues.{name}.endpoints"),
                "{}",
                "names no endpoint".into(),
            ));
        }
        for (alias, origin) in &self.endpoints {
            if let Some(problem) = origin_problem(origin) {
                return Err(value(
                    &format!("venues.{name}.endpoints.{alias}"),
                    origin,
                    problem.into(),
                ));
            }
        }
        Ok(())
    }
}

fn origin_problem(text: &str) -> Option<&'static str> {
    let Ok(url) = url::Url::parse(text) else {
        return Some("is not a URL; it must be a bare origin such as https://api.example.com");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Some("must be http or https");
    }
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() || !url.has_host() {
        return Some("must be a bare origin: scheme, host and port, without path, query or user");
    }
    None
}

fn check_range(key: &str, number: u64, least: u64, most: u64) -> Result<(), ConfigError> {
    if (least..=most).contains(&number) {
        return Ok(());
    }
    Err(value(
        key,
        &number.to_string(),
        format!("must be from {least} to {most}"),
    ))
}

/// What stands in an error for a value that may hold a secret.
const NOT_SHOWN: &str = "(not shown)";

/// A URL may hold a password before its `@`, and a token in its query: what has either is not repeated.
fn value(key: &str, value: &str, problem: String) -> ConfigError {
    let shown = if value.contains(['@', '?']) {
        NOT_SHOWN
    } else {
        value
    };
    ConfigError::Value {
        key: key.into(),
        value: shown.into(),
        problem,
        origin: None,
    }
}

/// The variables of the process. One that is not text is none of ours.
pub fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let text = |part: std::ffi::OsString| part.into_string().ok();
        Some((text(name)?, text(value)?))
    })
}
