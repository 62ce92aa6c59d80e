//! The sections of the configuration, their keys and defaults.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::{BreakerSettings, BulkheadSettings, RetrySettings, RiskSettings, SecretRef};

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// How long a caller waits unless it says otherwise, in milliseconds.
    pub request_timeout_ms: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            request_timeout_ms: 5_000,
        }
    }
}

/// `[store]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// `sqlite://PATH`.
    pub url: String,
    /// How much of the chain is checked when the gateway starts.
    pub verify_at_start: VerifyAtStart,
    /// Days for which orders that are over are kept; 0 keeps them for ever.
    pub retention_days: u64,
    /// Hours for which an idempotency key is kept.
    pub idempotency_hours: u64,
    /// Size beyond which an alert is raised, in bytes. Nothing is refused for it.
    pub max_bytes: u64,
}

/// How much of the journal's chain is checked at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyAtStart {
    /// Everything: the newest 100,000 entries before the gateway serves, older ones beside its work.
    All,
    /// The newest 1,000 entries.
    Tail,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: "sqlite://switchyard.db".into(),
            verify_at_start: VerifyAtStart::All,
            retention_days: 90,
            idempotency_hours: 24,
            max_bytes: 10_000_000_000,
        }
    }
}

impl StoreConfig {
    /// How long orders that are over are kept; absent where they are for ever.
    pub fn retention(&self) -> Option<Duration> {
        let days = Some(self.retention_days).filter(|days| *days > 0);
        days.map(|days| Duration::from_secs(days.saturating_mul(86_400)))
    }

    /// How long an idempotency key is kept.
    pub fn key_life(&self) -> Duration {
        Duration::from_secs(self.idempotency_hours.saturating_mul(3_600))
    }
}

/// `[auth]`
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// Whether keys are asked for.
    pub mode: AuthMode,
    /// The keys.
    pub keys: Vec<KeyConfig>,
}

/// Tenant and key of everyone where no keys are asked for.
pub const OPEN_TENANT: &str = "open";

/// Whose the orders are that nobody remembers, where there is more than one tenant.
const NOBODY: &str = "adopted";

impl AuthConfig {
    /// Whether any caller is of this tenant.
    pub(super) fn has_tenant(&self, name: &str) -> bool {
        match self.mode {
            AuthMode::Open => name == OPEN_TENANT,
            AuthMode::Keys => self.keys.iter().any(|key| key.tenant == name),
        }
    }

    /// Whose an order is that is found at a venue and is not in the journal: the only tenant's, if there is
    /// one only.
    pub fn tenant_of_unknown_orders(&self) -> &str {
        let mut tenants = self.keys.iter().map(|key| key.tenant.as_str());
        match (self.mode, tenants.next()) {
            (AuthMode::Open, _) => OPEN_TENANT,
            (AuthMode::Keys, Some(first)) if tenants.all(|tenant| tenant == first) => first,
            (AuthMode::Keys, _) => NOBODY,
        }
    }
}

/// Whether callers must show a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum AuthMode {
    /// They must.
    #[default]
    Keys,
    /// Everyone is an operator; allowed on loopback only.
    Open,
}

/// `[[auth.keys]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// Name of the key, for logs.
    pub id: String,
    /// SHA-256 of the key, hexadecimal, with or without `sha256:` before it.
    pub hash: String,
    /// Whose orders it sees and places.
    pub tenant: String,
    /// What it may do.
    pub role: Role,
}

/// What a caller may do. Each role may do what the ones before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Read.
    Viewer,
    /// Place, change and cancel the tenant's orders.
    Trader,
    /// Run the gateway: halt venues, change adapters.
    Operator,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// A filter as `tracing_subscriber::EnvFilter` reads it, such as `info` or `switchyard=debug,info`.
    pub level: String,
    /// One JSON object a line, or text for people.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: LogFormat::Json,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One object a line.
    Json,
    /// For people.
    Text,
}

/// `[venues.NAME]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueConfig {
    /// Stem of the adapter's file.
    pub adapter: String,
    /// The account; absent means public data only.
    pub credentials: Option<CredentialsConfig>,
    /// Endpoint alias to bare origin.
    #[serde(default)]
    pub endpoints: BTreeMap<String, String>,
    /// How long a request stays valid after it was stamped, in milliseconds.
    #[serde(default = "default_recv_window_ms")]
    pub recv_window_ms: u32,
    /// Whether the venue's streams are used.
    #[serde(default)]
    pub streams: bool,
    /// Rate-limit buckets that replace what the adapter and the venue say, in units per window.
    #[serde(default)]
    pub limits: BTreeMap<String, u32>,
    /// What orders are held to before they are sent.
    #[serde(default)]
    pub risk: RiskSettings,
    /// When the venue is given a rest.
    #[serde(default)]
    pub breaker: BreakerSettings,
    /// How often, and how soon, something is tried again.
    #[serde(default)]
    pub retry: RetrySettings,
    /// How much of the process the venue may hold.
    #[serde(default)]
    pub bulkhead: BulkheadSettings,
}

fn default_recv_window_ms() -> u32 {
    5_000
}

/// Where an account's key is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialsConfig {
    /// The public part.
    pub api_key: SecretRef,
    /// An HMAC secret, or a PKCS#8 private key in PEM.
    pub secret: SecretRef,
}
