//! `[auth]`: who may call, and how often.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{ConfigError, SecretRef, check_range, value};
use crate::model::Role;

/// `[auth]`
#[derive(Debug, Clone, Deserialize, Serialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// Whether keys are asked for.
    pub mode: AuthMode,
    /// The keys that stand here. Others are made while the gateway runs, and are in its journal.
    pub keys: Vec<KeyConfig>,
    /// Tenants that no key here belongs to: keys may be made for them, and tokens may name them.
    pub tenants: Vec<String>,
    /// The tokens that are taken in place of a key.
    pub jwt: Option<JwtConfig>,
    /// What becomes of an address that tries keys out.
    pub lockout: LockoutConfig,
    /// Requests that a key may make, unless it has a quota of its own.
    pub quota: QuotaConfig,
}

/// Tenant and key of everyone where no keys are asked for.
pub const OPEN_TENANT: &str = "open";

/// Whose the orders are that nobody remembers, where there is more than one tenant.
const NOBODY: &str = "adopted";

/// Shortest secret of HS256, in bytes (RFC 7518, section 3.2).
const LEAST_SECRET_BYTES: usize = 32;

impl AuthConfig {
    /// Whether any caller may be of this tenant.
    pub fn has_tenant(&self, name: &str) -> bool {
        match self.mode {
            AuthMode::Open => name == OPEN_TENANT,
            AuthMode::Keys => self.tenants().any(|tenant| tenant == name),
        }
    }

    /// Whether callers may be of more than one tenant.
    pub fn has_several_tenants(&self) -> bool {
        let mut tenants = self.tenants();
        let first = tenants.next();
        self.mode == AuthMode::Keys && tenants.any(|tenant| Some(tenant) != first)
    }

    fn tenants(&self) -> impl Iterator<Item = &str> {
        let of_keys = self.keys.iter().map(|key| &key.tenant);
        of_keys.chain(&self.tenants).map(String::as_str)
    }

    /// Whose an order is that is found at a venue and is not in the journal: the only tenant's, if there is
    /// one only.
    pub fn tenant_of_unknown_orders(&self) -> &str {
        let mut tenants = self.tenants();
        match (self.mode, tenants.next()) {
            (AuthMode::Open, _) => OPEN_TENANT,
            (AuthMode::Keys, Some(first)) if tenants.all(|tenant| tenant == first) => first,
            (AuthMode::Keys, _) => NOBODY,
        }
    }

    pub(super) fn check(&self, listen: SocketAddr) -> Result<(), ConfigError> {
        if self.mode == AuthMode::Open && !listen.ip().is_loopback() {
            let problem = format!(
                "is allowed only where server.listen is a loopback address, and it is {listen}"
            );
            return Err(value("auth.mode", "open", problem));
        }
        if self.mode == AuthMode::Keys && self.keys.is_empty() && self.jwt.is_none() {
            let problem = "holds no key, and there is no auth.jwt: nobody could call; add one, or set \
                           auth.mode = \"open\" on loopback";
            return Err(value("auth.keys", "[]", problem.to_owned()));
        }
        for (index, key) in self.keys.iter().enumerate() {
            if let Some(quota) = &key.quota {
                quota.check(&format!("auth.keys[{index}].quota"))?;
            }
        }
        self.quota.check("auth.quota")?;
        self.lockout.check()?;
        self.jwt.as_ref().map_or(Ok(()), JwtConfig::check)
    }
}

/// Whether callers must show a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum AuthMode {
    /// They must.
    #[default]
    Keys,
    /// Everyone is an operator; allowed on loopback only.
    Open,
}

/// `[[auth.keys]]`
#[derive(Debug, Clone, Deserialize, Serialize)]
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
    /// The venues that it may reach; all where absent.
    #[serde(default)]
    pub venues: Option<Vec<String>>,
    /// Requests that it may make, in place of `auth.quota`.
    #[serde(default)]
    pub quota: Option<QuotaConfig>,
}

/// Requests within a time: a bucket that holds `requests` and is filled evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaConfig {
    /// Requests that may be made at once, and within each window.
    pub requests: u32,
    /// The window, in seconds.
    pub window_seconds: u32,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        Self {
            requests: 60_000,
            window_seconds: 60,
        }
    }
}

impl QuotaConfig {
    pub(super) fn check(&self, key: &str) -> Result<(), ConfigError> {
        let requests = format!("{key}.requests");
        check_range(&requests, self.requests.into(), 1, 1_000_000_000)?;
        let window = format!("{key}.window_seconds");
        check_range(&window, self.window_seconds.into(), 1, 86_400)
    }
}

/// `[auth.lockout]`: so many unknown keys from one address within a window, and it is not listened to for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LockoutConfig {
    /// Unknown keys and tokens that are too many.
    pub failures: u32,
    /// Within this time, in seconds.
    pub window_seconds: u32,
    /// How long the address is not listened to, in seconds.
    pub seconds: u32,
}

impl Default for LockoutConfig {
    fn default() -> Self {
        Self {
            failures: 20,
            window_seconds: 60,
            seconds: 300,
        }
    }
}

impl LockoutConfig {
    fn check(&self) -> Result<(), ConfigError> {
        for (key, number) in [
            ("failures", self.failures),
            ("window_seconds", self.window_seconds),
            ("seconds", self.seconds),
        ] {
            check_range(&format!("auth.lockout.{key}"), number.into(), 1, 1_000_000)?;
        }
        Ok(())
    }
}

/// `[auth.jwt]`: JSON Web Tokens of someone else (RFC 7519).
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JwtConfig {
    /// What `iss` must be.
    pub issuer: String,
    /// What must be in `aud`.
    pub audience: String,
    /// How far the issuer's clock may be from ours, in seconds.
    #[serde(default = "default_leeway_seconds")]
    pub leeway_seconds: u64,
    /// What tokens are signed with.
    pub keys: Vec<JwtKeyConfig>,
}

fn default_leeway_seconds() -> u64 {
    30
}

impl JwtConfig {
    fn check(&self) -> Result<(), ConfigError> {
        check_range("auth.jwt.leeway_seconds", self.leeway_seconds, 0, 300)?;
        for (key, text) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            if text.is_empty() {
                let problem = "must not be empty".to_owned();
                return Err(value(&format!("auth.jwt.{key}"), text, problem));
            }
        }
        if self.keys.is_empty() {
            let problem = "must have a key".to_owned();
            return Err(value("auth.jwt.keys", "[]", problem));
        }
        for (index, key) in self.keys.iter().enumerate() {
            if self.keys[..index].iter().any(|other| other.id == key.id) {
                let problem = "must be of one key only".to_owned();
                return Err(value(
                    &format!("auth.jwt.keys[{index}].id"),
                    &key.id,
                    problem,
                ));
            }
        }
        Ok(())
    }
}

/// `[[auth.jwt.keys]]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JwtKeyConfig {
    /// The `kid` of tokens that are signed with it. Where there is one key only, they need none.
    pub id: String,
    /// The only algorithm that it is used with.
    pub algorithm: JwtAlgorithm,
    /// Where it is: for HS256 the secret, else the public key in PEM.
    pub key: SecretRef,
}

impl JwtKeyConfig {
    /// What the key of the configuration with this place in the list is called.
    pub fn name(index: usize) -> String {
        format!("auth.jwt.keys[{index}].key")
    }

    /// What is wrong with a secret of HS256.
    pub fn problem_of_secret(bytes: usize) -> Option<String> {
        (bytes < LEAST_SECRET_BYTES).then(|| {
            format!("must have at least {LEAST_SECRET_BYTES} bytes (RFC 7518, section 3.2)")
        })
    }
}

/// How tokens are signed (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl JwtAlgorithm {
    /// Its name in tokens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }
}
