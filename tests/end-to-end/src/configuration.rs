//! Configurations, with their secrets in files of their own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use serde_json::Value;
use switchyard_venue_sim::{Credentials, VenueSim};

use crate::app::VENUE;
use crate::artifacts::{adapters, code_cache};

/// A key of the gateway: whose it is and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name, which is no secret.
    pub id: &'static str,
    /// What is shown as `Bearer`.
    pub key: &'static str,
    /// Whose orders it sees.
    pub tenant: &'static str,
    /// What it may do.
    pub role: &'static str,
}

/// May read for tenant `a`.
pub const VIEWER: Key = Key {
    id: "a-viewer",
    key: "gatewaykey-viewer-of-a-5f1c",
    tenant: "a",
    role: "viewer",
};

/// May trade for tenant `a`.
pub const TRADER: Key = Key {
    id: "a-trader",
    key: "gatewaykey-trader-of-a-77d0",
    tenant: "a",
    role: "trader",
};

/// May run the gateway, for tenant `a`.
pub const OPERATOR: Key = Key {
    id: "a-operator",
    key: "gatewaykey-operator-of-a-c3e9",
    tenant: "a",
    role: "operator",
};

/// May trade for tenant `b`.
pub const OTHER_TRADER: Key = Key {
    id: "b-trader",
    key: "gatewaykey-trader-of-b-0a42",
    tenant: "b",
    role: "trader",
};

/// `[cache]` without anything kept.
const NO_CACHE: &str = "ticker_ms = 0\norderbook_ms = 0\ncandles_ms = 0\nbalances_ms = 0\npositions_ms = 0\n\
                        active_orders_ms = 0";

/// A venue in a configuration.
#[derive(Debug, Clone)]
pub struct ConfiguredVenue {
    /// Its name.
    pub name: String,
    /// Stem of its adapter's file.
    pub adapter: String,
    /// Alias and origin of each endpoint.
    pub endpoints: Vec<(String, String)>,
    /// What it is signed for with.
    pub credentials: Option<Credentials>,
}

/// A configuration that a test may bend before it is used.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Where configuration, secrets and journal are.
    pub directory: PathBuf,
    /// `server.listen`.
    pub listen: String,
    /// `plugins.directory`.
    pub plugins: PathBuf,
    /// `plugins.code_cache`. All tests share one, unless a test wants everything compiled.
    pub code_cache: PathBuf,
    /// `log.level`.
    pub log_level: String,
    /// The venues.
    pub venues: Vec<ConfiguredVenue>,
    /// Lines put into `[plugins]`.
    pub plugin_lines: String,
    /// Lines put into the section of every venue. Nothing is tried twice, and no breaker opens, unless a test
    /// wants it: what one lost answer leads to would hardly ever show.
    pub venue_lines: String,
    /// Lines put into `[cache]`. Nothing is kept unless a test wants it: most look at what the venue says now.
    pub cache_lines: String,
    /// Lines put into `[store]`.
    pub store_lines: String,
    /// Lines put at the very top.
    pub top_lines: String,
    /// The keys.
    pub keys: Vec<Key>,
    /// Lines put into `[server]`.
    pub server_lines: String,
    /// Lines put at the very end: whole sections.
    pub last_lines: String,
}

/// A gateway that is built without optimisation serves adapters' calls more slowly than one that trades.
const PATIENT_WITH_CALLS: &str = "call_deadline_ms = 50";

impl Key {
    /// The key as it stands in a configuration, for these venues only.
    pub fn scoped(&self, venues: &[&str]) -> String {
        let venues = Value::from(venues.to_vec());
        format!("{}venues = {venues}\n\n", self.to_toml())
    }

    fn to_toml(self) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        format!(
            "[[auth.keys]]\nid = {}\nhash = \"{}\"\ntenant = {}\nrole = {}\n",
            quoted(self.id),
            HEXLOWER.encode(digest(&SHA256, self.key.as_bytes()).as_ref()),
            quoted(self.tenant),
            quoted(self.role),
        )
    }
}

impl GatewayConfig {
    /// A gateway on a free port of loopback, with a journal in `directory` and no venue.
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            plugins: adapters(),
            code_cache: code_cache(),
            log_level: "info".to_owned(),
            venues: Vec::new(),
            plugin_lines: PATIENT_WITH_CALLS.to_owned(),
            venue_lines: "retry.max_retries = 0\nbreaker.minimum_calls = 10000".to_owned(),
            cache_lines: NO_CACHE.to_owned(),
            store_lines: String::new(),
            top_lines: String::new(),
            keys: vec![VIEWER, TRADER, OPERATOR, OTHER_TRADER],
            server_lines: String::new(),
            last_lines: String::new(),
        }
    }

    /// The simulated venue, with its own account.
    pub fn simulated(self, sim: &VenueSim) -> Self {
        self.venue(
            VENUE,
            "binance",
            ("spot", &sim.url()),
            Some(sim.credentials()),
        )
    }

    /// The simulated venue's futures, beside its spot market.
    #[must_use]
    pub fn with_futures(mut self, sim: &VenueSim) -> Self {
        let venue = self.venues.iter_mut().find(|venue| venue.name == VENUE);
        let endpoints = venue.map(|venue| &mut venue.endpoints);
        if let Some(endpoints) = endpoints {
            endpoints.extend(["usdm", "coinm"].map(|alias| (alias.to_owned(), sim.url())));
        }
        self
    }

    /// The same with another venue.
    #[must_use]
    pub fn venue(
        mut self,
        name: &str,
        adapter: &str,
        endpoint: (&str, &str),
        credentials: Option<&Credentials>,
    ) -> Self {
        self.venues.push(ConfiguredVenue {
            name: name.to_owned(),
            adapter: adapter.to_owned(),
            endpoints: vec![(endpoint.0.to_owned(), endpoint.1.to_owned())],
            credentials: credentials.cloned(),
        });
        self
    }

    /// The configuration as text. Secrets are written to files beside it.
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let path = |path: &Path| quoted(&path.display().to_string());
        let mut text = format!(
            "{}\n[server]\nlisten = {}\n{}\n\n[cache]\n{}\n\n[plugins]\ndirectory = {}\ncode_cache = {}\n{}\n\n[store]\nurl = {}\n{}\n\n\
             [log]\nlevel = {}\n\n",
            self.top_lines,
            quoted(&self.listen),
            self.server_lines,
            self.cache_lines,
            path(&self.plugins),
            path(&self.code_cache),
            self.plugin_lines,
            quoted(&format!(
                "sqlite://{}",
                self.directory.join("journal.db").display()
            )),
            self.store_lines,
            quoted(&self.log_level),
        );
        for key in &self.keys {
            text.push_str(&key.to_toml());
            text.push('\n');
        }
        for venue in &self.venues {
            text.push_str(&format!(
                "[venues.{}]\nadapter = {}\n{}\n",
                venue.name,
                quoted(&venue.adapter),
                self.venue_lines,
            ));
            if let Some(credentials) = &venue.credentials {
                let place = |kind: &str, secret: &str| {
                    let file = self.directory.join(format!("{}.{kind}", venue.name));
                    fs::write(&file, format!("{secret}\n")).unwrap();
                    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
                    quoted(&format!("file:{}", file.display()))
                };
                text.push_str(&format!(
                    "credentials = {{ api_key = {}, secret = {} }}\n",
                    place("key", &credentials.api_key),
                    place("secret", &credentials.secret),
                ));
            }
            text.push_str(&format!("[venues.{}.endpoints]\n", venue.name));
            for (alias, origin) in &venue.endpoints {
                text.push_str(&format!("{alias} = {}\n", quoted(origin)));
            }
            text.push('\n');
        }
        text.push_str(&self.last_lines);
        text
    }

    /// Writes the configuration into its directory.
    pub fn write(&self) -> PathBuf {
        let path = self.directory.join("switchyard.toml");
        fs::write(&path, self.to_toml()).unwrap();
        path
    }
}
