//! Configuration: `switchyard.toml`, then `SWITCHYARD__SECTION__KEY` from the environment, then flags.
//!
//! Everything is read and checked at start; an error names the key, its value's problem and what is
//! allowed. Secrets are never in the file: it says where they are ([`SecretRef`]).

mod cache;
mod compiling;
mod orders;
mod plugins;
mod reliability;
mod risk;
mod secret;
mod sections;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde::Deserialize;

pub use cache::CacheSettings;
pub use orders::OrdersConfig;
pub use plugins::{Approval, PluginsConfig, TrialSettings};
pub use reliability::{BreakerSettings, BulkheadSettings, LimiterSettings, RetrySettings};
pub use risk::{RiskSettings, TenantConfig};
pub use secret::{SecretError, SecretRef};
pub use sections::{
    AuthConfig, AuthMode, CredentialsConfig, KeyConfig, LogConfig, LogFormat, OPEN_TENANT, Role,
    ServerConfig, StoreConfig, VenueConfig, VerifyAtStart,
};

/// Environment variables that override the file begin with this.
const ENV_PREFIX: &str = "SWITCHYARD__";

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
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
    #[error("configuration: {key} = {value:?} {problem}")]
    Value {
        /// The key, dotted.
        key: String,
        /// What it holds.
        value: String,
        /// What is wrong with it and what is allowed.
        problem: String,
    },
}

impl Config {
    /// Reads and checks a configuration file and the environment.
    ///
    /// # Errors
    /// [`ConfigError`], naming file or key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::from_toml(&text, &path.display().to_string())
    }

    /// Reads and checks a configuration text and the environment.
    ///
    /// # Errors
    /// [`ConfigError`], naming the key.
    pub fn from_toml(text: &str, source: &str) -> Result<Self, ConfigError> {
        let config: Self = Figment::new()
            .merge(Toml::string(text))
            .merge(Env::prefixed(ENV_PREFIX).split("__"))
            .extract()
            .map_err(|error| ConfigError::Malformed(describe(error, source)))?;
        config.check()?;
        Ok(config)
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`ConfigError::Value`], naming the key.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.auth.mode == AuthMode::Open && !self.server.listen.ip().is_loopback() {
            return Err(value(
                "auth.mode",
                "open",
                format!(
                    "is allowed only where server.listen is a loopback address, and it is {}",
                    self.server.listen
                ),
            ));
        }
        self.store.check()?;
        if self.auth.mode == AuthMode::Keys && self.auth.keys.is_empty() {
            return Err(value(
                "auth.keys",
                "[]",
                "holds no key: nobody could call; add one, or set auth.mode = \"open\" on loopback"
                    .into(),
            ));
        }
        check_range(
            "server.request_timeout_ms",
            self.server.request_timeout_ms,
            1,
            MAX_REQUEST_TIMEOUT_MS,
        )?;
        self.orders.check()?;
        self.plugins.check()?;
        self.cache.check()?;
        self.limiter.check()?;
        for (name, tenant) in &self.tenants {
            tenant.risk.check(&format!("tenants.{name}"))?;
            // A limit that a typing error keeps from binding anyone is worse than none.
            if !self.auth.has_tenant(name) {
                let problem = "must be the tenant of a key in auth.keys".to_owned();
                return Err(value("tenants", name, problem));
            }
        }
        for (name, venue) in &self.venues {
            venue.risk.check(&format!("venues.{name}"))?;
            venue.check(name)?;
        }
        Ok(())
    }
}

/// Longest time a caller may ask the gateway to spend on one request, in milliseconds.
pub const MAX_REQUEST_TIMEOUT_MS: u64 = 60_000;

impl StoreConfig {
    fn check(&self) -> Result<(), ConfigError> {
        if !self.url.starts_with("sqlite://") {
            let problem = "must begin with sqlite://".into();
            return Err(value("store.url", &self.url, problem));
        }
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

fn value(key: &str, value: &str, problem: String) -> ConfigError {
    ConfigError::Value {
        key: key.into(),
        value: value.into(),
        problem,
    }
}

/// One line for each problem figment found, each with its key and where it came from.
fn describe(error: figment::Error, file: &str) -> String {
    let lines: Vec<String> = error
        .into_iter()
        .map(|problem| {
            let source = match &problem.metadata {
                Some(metadata) if metadata.name.contains("environment") => {
                    "the environment".to_owned()
                }
                _ => file.to_owned(),
            };
            let key = problem.path.join(".");
            let at = if key.is_empty() {
                String::new()
            } else {
                format!("{key}: ")
            };
            format!("{at}{} (in {source})", problem.kind)
        })
        .collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const VENUE: &str = "[auth]\nmode = \"open\"\n[venues.sim]\nadapter = \"sim\"\n";

    fn message(text: &str) -> String {
        Config::from_toml(text, "test.toml")
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_minimal_file_is_enough_and_defaults_are_the_documented_ones() {
        let config = Config::from_toml(
            &format!("{VENUE}[venues.sim.endpoints]\nspot = \"http://127.0.0.1:9101\"\n"),
            "test.toml",
        )
        .unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.venues["sim"].recv_window_ms, 5_000);
        assert!(!config.venues["sim"].streams);
        assert_eq!(config.plugins.poll_ms, 2_000);
        assert_eq!(config.plugins.settle_ms, 100);
    }

    #[test]
    fn every_error_names_its_key() {
        for (text, expected) in [
            ("[server]\nlisten = \"nowhere\"", "server.listen"),
            ("[server]\nlisen = \"127.0.0.1:1\"", "lisen"),
            (
                "[auth]\nmode = \"open\"\n[server]\nlisten = \"0.0.0.0:8080\"",
                "auth.mode",
            ),
            (
                "[store]\nurl = \"mysql://x\"\n[auth]\nmode = \"open\"",
                "store.url",
            ),
            (
                "[store]\nidempotency_hours = 48\nretention_days = 2\n[auth]\nmode = \"open\"",
                "store.retention_days",
            ),
            (
                "[store]\nidempotency_hours = 0\n[auth]\nmode = \"open\"",
                "store.idempotency_hours",
            ),
            (
                "[store]\nverify_at_start = \"some\"\n[auth]\nmode = \"open\"",
                "store.verify_at_start",
            ),
            (
                "[auth]\nmode = \"open\"\n[plugins]\nsettle_ms = 9",
                "plugins.settle_ms",
            ),
            (
                "[auth]\nmode = \"open\"\n[plugins]\npoll_ms = 3600001",
                "plugins.poll_ms",
            ),
            ("", "auth.keys"),
            ("[orders]\nid_prefix = \"Gate\"", "orders.id_prefix"),
            (
                "[auth]\nmode = \"open\"\n[orders]\nrefresh_open_ms = 10",
                "orders.refresh_open_ms",
            ),
            (
                "[auth]\nmode = \"open\"\n[venues.sim]\nrecv_window_ms = 1",
                "adapter",
            ),
            (
                &format!("{VENUE}recv_window_ms = 0\n[venues.sim.endpoints]\na = \"http://x\""),
                "venues.sim.recv_window_ms",
            ),
            (
                &format!("{VENUE}[venues.sim.endpoints]\na = \"http://x/path\""),
                "venues.sim.endpoints.a",
            ),
            (
                &format!("{VENUE}[venues.sim.endpoints]\na = \"ftp://x\""),
                "venues.sim.endpoints.a",
            ),
            (
                &format!("{VENUE}[venues.sim.endpoints]\na = 5"),
                "venues.sim.endpoints.a",
            ),
            (
                "[auth]\nmode = \"open\"\n[cache]\nticker_ms = 60001",
                "cache.ticker_ms",
            ),
            (
                &format!("{VENUE}risk.max_notional.USDT = \"0\""),
                "venues.sim.risk.max_notional.USDT",
            ),
            (
                &format!("{VENUE}risk.price_collar_percent = \"-1\""),
                "venues.sim.risk.price_collar_percent",
            ),
            (
                &format!("{VENUE}risk.max_open_orders = 0"),
                "venues.sim.risk.max_open_orders",
            ),
            (
                "[auth]\nmode = \"open\"\n[tenants.open.risk]\nmax_orders_per_second = 0",
                "tenants.open.risk.max_orders_per_second",
            ),
            (
                "[auth]\nmode = \"open\"\n[tenants.opn.risk]\nmax_open_orders = 5",
                "tenants",
            ),
            (
                "[auth]\nmode = \"open\"\n[cache]\ncapacity = 0",
                "cache.capacity",
            ),
            (
                "[auth]\nmode = \"open\"\n[venues.auto]\nadapter = \"x\"",
                "auto",
            ),
            (
                "[auth]\nmode = \"open\"\n[venues.x]\nadapter = \"x\"\ncredentials = { api_key = \"abc\", secret = \"env:B\" }",
                "venues.x.credentials.api_key",
            ),
        ] {
            assert!(
                message(text).contains(expected),
                "{text}\n-> {}",
                message(text)
            );
        }
    }

    #[test]
    fn orders_that_nobody_remembers_are_the_only_tenants_or_nobodys() {
        let key = |id: &str, tenant: &str| {
            format!(
                "[[auth.keys]]\nid = \"{id}\"\nhash = \"00\"\ntenant = \"{tenant}\"\nrole = \"viewer\"\n"
            )
        };
        for (text, tenant) in [
            ("[auth]\nmode = \"open\"".to_owned(), "open"),
            (key("1", "desk"), "desk"),
            (key("1", "desk") + &key("2", "desk"), "desk"),
            (key("1", "desk") + &key("2", "fund"), "adopted"),
        ] {
            let config = Config::from_toml(&text, "test.toml").unwrap();
            assert_eq!(config.auth.tenant_of_unknown_orders(), tenant, "{text}");
        }
    }

    #[test]
    fn malformed_toml_names_the_file() {
        assert!(
            message("[server").contains("test.toml"),
            "{}",
            message("[server")
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Config::load(Path::new("/nowhere/switchyard.toml"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("/nowhere/switchyard.toml"), "{error}");
    }
}
