//! The sections of the configuration, their keys and defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    BreakerSettings, BulkheadSettings, ConfigError, RetrySettings, RiskSettings, SecretRef,
    check_range,
};

/// What a PostgreSQL server's URL begins with.
const POSTGRES: [&str; 2] = ["postgres://", "postgresql://"];

/// `[store]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// `sqlite://PATH`, or `postgres://USER@HOST/DATABASE`, which several gateways may share.
    pub url: String,
    /// The password of a PostgreSQL user; never in the URL.
    pub password: Option<SecretRef>,
    /// Certificates that PostgreSQL's is to be signed by, in PEM; the system's, where absent.
    pub root_certificates: Option<PathBuf>,
    /// Seconds for which the active of several gateways has leave to write: a standby takes over from one that
    /// has not renewed it for that long.
    pub lease_seconds: u64,
    /// How much of the chain is checked when the gateway starts.
    pub verify_at_start: VerifyAtStart,
    /// Days for which orders that are over are kept; 0 keeps them for ever.
    pub retention_days: u64,
    /// Hours for which an idempotency key is kept.
    pub idempotency_hours: u64,
    /// Size beyond which an alert is raised, in bytes. Nothing is refused for it.
    pub max_bytes: u64,
    /// What is to be free on the disk of the journal's file, in bytes: with less the gateway is degraded. Nothing is
    /// refused for it.
    pub least_free_bytes: u64,
}

/// What keeps a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file that one gateway has to itself.
    Sqlite,
    /// A server that several gateways share.
    Postgres,
}

/// How much of the journal's chain is checked at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
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
            password: None,
            root_certificates: None,
            lease_seconds: 5,
            verify_at_start: VerifyAtStart::All,
            retention_days: 90,
            idempotency_hours: 24,
            max_bytes: 10_000_000_000,
            least_free_bytes: 500_000_000,
        }
    }
}

impl StoreConfig {
    /// What keeps the journal.
    pub fn backend(&self) -> Backend {
        if POSTGRES.iter().any(|scheme| self.url.starts_with(scheme)) {
            Backend::Postgres
        } else {
            Backend::Sqlite
        }
    }

    /// For how long the active of several gateways has leave to write.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

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

/// `[log]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// A filter, such as `info` or `switchyard=debug,info`.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One object a line.
    Json,
    /// For people.
    Text,
}

/// `[venues.NAME]`
#[derive(Debug, Clone, Deserialize, Serialize)]
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
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialsConfig {
    /// The public part.
    pub api_key: SecretRef,
    /// An HMAC secret, or a PKCS#8 private key in PEM.
    pub secret: SecretRef,
}

/// `[secrets]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsConfig {
    /// Time between two readings of secrets in AWS Parameter Store, in seconds.
    pub refresh_seconds: u64,
    /// Time between two readings of secrets in files, in seconds.
    pub file_refresh_seconds: u64,
}

impl Default for SecretsConfig {
    fn default() -> Self {
        Self {
            refresh_seconds: 60,
            file_refresh_seconds: 5,
        }
    }
}

impl SecretsConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (key, seconds) in [
            ("refresh_seconds", self.refresh_seconds),
            ("file_refresh_seconds", self.file_refresh_seconds),
        ] {
            check_range(&format!("secrets.{key}"), seconds, 1, 86_400)?;
        }
        Ok(())
    }
}
