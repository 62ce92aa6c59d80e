//! Versions of an adapter that come while the gateway is killed again and again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use reqwest::Method;
use serde_json::json;
use switchyard_end_to_end::{GatewayConfig, GatewayProcess, OPERATOR, adapters, eventually_within};

use crate::swaps::{drop_into, shown};
use crate::versions::{Breakage, PLUGIN, Version, Versions};

/// What is broken so that it shows without a read of market data, of which these callers make none.
const BROKEN: [Breakage; 8] = [
    Breakage::Truncated,
    Breakage::WrongMajor,
    Breakage::TrapsInOrders,
    Breakage::AnothersFile,
    Breakage::ExtraImport,
    Breakage::CoreModule,
    Breakage::Garbage,
    Breakage::DoesOtherwise,
];

/// A version comes in one of so many milliseconds.
const ONE_IN: u32 = 150;

/// The trial ends by calls, and not for want of them.
const TRIAL: &str = "trial = { calls = 10, time_ms = 600000, max_slowdown_percent = 100000 }";

/// How long the last version may take on a machine that has no time to spare.
const TAKEN_IN_WITHIN: Duration = Duration::from_secs(120);

/// A directory of adapters in which one is replaced.
#[derive(Debug)]
pub(crate) struct Arrivals {
    adapters: PathBuf,
    versions: Versions,
    good: Vec<Version>,
    /// Versions so far.
    came: u32,
    /// The newest version that was seen to serve, by its place among the good ones.
    last: usize,
}

impl Arrivals {
    /// All adapters, in a directory of their own below this one.
    pub(crate) fn into(directory: &Path) -> Self {
        let own = directory.join("adapters");
        fs::create_dir(&own).unwrap();
        for file in fs::read_dir(adapters()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), own.join(file.file_name())).unwrap();
        }
        let versions = Versions::of_the_built_adapter();
        Self {
            adapters: own,
            good: vec![versions.built()],
            versions,
            came: 0,
            last: 0,
        }
    }

    /// Lets a gateway look there.
    pub(crate) fn configure(&self, config: &mut GatewayConfig) {
        config.plugins = self.adapters.clone();
        let lines = format!("\nsettle_ms = 20\npoll_ms = 500\ncompile_core_percent = 100\n{TRIAL}");
        config.plugin_lines.push_str(&lines);
    }

    /// Lets a version come, or not: called each millisecond.
    pub(crate) fn may_come(&mut self, random: &mut ChaCha8Rng) {
        if random.random_ratio(ONE_IN - 1, ONE_IN) {
            return;
        }
        self.came += 1;
        let version = if random.random_bool(0.5) {
            self.good_one()
        } else {
            let breakage = BROKEN[random.random_range(0..BROKEN.len())];
            self.versions.broken(breakage, self.came)
        };
        drop_into(&self.adapters, &version);
    }

    fn good_one(&mut self) -> Version {
        let version = self.versions.good(self.came);
        self.good.push(version.clone());
        version
    }

    /// Nothing that is broken serves, and nothing that served before comes back by itself.
    pub(crate) async fn was_never_broken(&mut self, gateway: &GatewayProcess) {
        let plugin = shown(&gateway.anonymous().with(OPERATOR)).await;
        let serves = |good: &Version| plugin["active"]["sha256"] == *good.sha256;
        let place = self.good.iter().position(serves);
        let place = place.unwrap_or_else(|| panic!("a broken version serves: {plugin}"));
        assert!(place >= self.last, "{place} after {}: {plugin}", self.last);
        self.last = place;
    }

    /// A gateway that was killed so often still takes in a new version, and no broken one.
    pub(crate) async fn are_taken_in(&mut self, gateway: &GatewayProcess) {
        self.was_never_broken(gateway).await;
        println!(
            "{} versions came, {} of them good; number {} of these served before the end",
            self.came,
            self.good.len() - 1,
            self.last
        );
        assert!(self.came > 0 && self.last > 0, "nothing was replaced");
        self.one_is_taken_in(gateway).await;
    }

    /// A good version comes, and is promoted by hand until it serves: there may be no calls that its trial could end by.
    pub(crate) async fn one_is_taken_in(&mut self, gateway: &GatewayProcess) {
        self.came += 1;
        let version = self.good_one();
        drop_into(&self.adapters, &version);
        let operator = gateway.anonymous().with(OPERATOR);
        let path = format!("/v1/plugins/{PLUGIN}/promote");
        eventually_within(TAKEN_IN_WITHIN, "the version serves", || async {
            let request = operator.request(Method::POST, &path);
            let request = request.header("content-type", "application/json");
            let named = json!({ "version": version.sha256 }).to_string();
            let asked = request.body(named).send().await;
            let plugin = shown(&operator).await;
            let is_it = plugin["active"]["sha256"] == *version.sha256;
            is_it
                .then_some(())
                .ok_or((asked.map(|a| a.status()), plugin))
        })
        .await;
        self.was_never_broken(gateway).await;
    }
}
