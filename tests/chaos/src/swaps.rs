//! A gateway whose adapter is replaced, by files and by uploads.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use switchyard_end_to_end::{
    Answer, Caller, GatewayConfig, GatewayProcess, OPERATOR, VENUE, eventually_within,
};
use tempfile::TempDir;

use crate::venues::Venues;
use crate::versions::{PLUGIN, Version, Versions};

/// How long a version may take to serve or to be rejected while the machine has no time to spare.
const DECIDED_WITHIN: Duration = Duration::from_secs(120);

/// Far above what a test does.
const PLENTY: u64 = 100_000_000;

/// A gateway in a process of its own, with a directory of adapters of its own.
#[derive(Debug)]
pub struct Swapping {
    /// The simulated exchanges.
    pub venues: Venues,
    /// The adapters.
    pub versions: Versions,
    config: PathBuf,
    starts: u32,
    directory: TempDir,
}

/// Where machine code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Every version is compiled while the gateway serves.
    Compiled,
    /// What an earlier test run compiled is taken from there: it takes a debug build seconds.
    Kept,
}

/// How a version comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Renamed to the adapter's file.
    File,
    /// By `PUT /v1/plugins/{name}`.
    Upload,
}

impl Swapping {
    /// The venues and the adapter as it was built, with these lines in `[plugins]`; no gateway yet.
    pub async fn prepare(seed: u64, code: Code, plugin_lines: &str) -> Self {
        let venues = Venues::start(seed).await;
        let versions = Versions::of_the_built_adapter();
        let directory = tempfile::tempdir().unwrap();
        let mut config = GatewayConfig::in_directory(directory.path());
        config.plugins = directory.path().join("adapters");
        fs::create_dir(&config.plugins).unwrap();
        fs::write(file_in(&config.plugins), &versions.built().bytes).unwrap();
        if code == Code::Compiled {
            config.code_cache = directory.path().join("code");
        }
        config.log_level = "warn,switchyard=info".to_owned();
        config.plugin_lines = format!("settle_ms = 20\npoll_ms = 500\n{plugin_lines}");
        config.cache_lines = "ticker_ms = 250\norderbook_ms = 250".to_owned();
        if code == Code::Kept {
            config.plugin_lines.push_str("\ncompile_core_percent = 100");
        }
        // What is measured and counted is the replacing, not what protects the venue.
        config.venue_lines = format!(
            "bulkhead = {{ concurrency = 512, queue = 4096 }}\n\
             limits = {{ spot_weight = {PLENTY}, spot_raw = {PLENTY}, spot_orders_10s = {PLENTY}, spot_orders_1d = {PLENTY} }}"
        );
        let config = config.simulated(venues.sim(VENUE));
        Self {
            venues,
            versions,
            config: config.write(),
            starts: 0,
            directory,
        }
    }

    /// A gateway on what the one before left.
    pub async fn gateway(&mut self) -> GatewayProcess {
        self.starts += 1;
        let log = format!("gateway-{}.log", self.starts);
        let log = self.directory.path().join(log);
        let mut gateway = GatewayProcess::spawn(&self.config, &log, Vec::new());
        gateway.listens().await;
        gateway.ready().await;
        gateway
    }

    /// Renames a version to the adapter's file.
    pub fn drop_in(&self, version: &Version) {
        drop_into(&self.directory.path().join("adapters"), version);
    }

    /// Brings a version and waits until it serves or is rejected. Returns how it is shown then.
    pub async fn swap(&self, gateway: &GatewayProcess, version: &Version, form: Form) -> Value {
        let operator = gateway.anonymous().with(OPERATOR);
        match form {
            Form::File => self.drop_in(version),
            Form::Upload => {
                let path = format!("/v1/plugins/{PLUGIN}");
                let request = operator.request(Method::PUT, &path);
                let request = request.header("content-type", "application/wasm");
                let answer = Answer::to(request.body(version.bytes.clone())).await;
                answer.expect(202);
            }
        }
        let what = format!("{:?} is decided on", version.breakage);
        eventually_within(DECIDED_WITHIN, &what, || async {
            let plugin = shown(&operator).await;
            let versions = plugin["versions"].as_array().unwrap();
            let found = versions.iter().find(|v| v["sha256"] == *version.sha256);
            match found {
                Some(found) if ["active", "rejected"].iter().any(|s| found["state"] == *s) => {
                    Ok(found.clone())
                }
                found => Err(found.cloned()),
            }
        })
        .await
    }
}

/// The adapter and its versions, as an operator sees them.
pub async fn shown(operator: &Caller) -> Value {
    let answer = operator.get(&format!("/v1/plugins/{PLUGIN}")).await;
    answer.expect(200).json().clone()
}

/// Renames a version to the adapter's file in a directory of adapters.
pub(crate) fn drop_into(adapters: &Path, version: &Version) {
    let beside = adapters.join(".next");
    fs::write(&beside, &version.bytes).unwrap();
    fs::rename(beside, file_in(adapters)).unwrap();
}

fn file_in(adapters: &Path) -> PathBuf {
    adapters.join(format!("{PLUGIN}.wasm"))
}
