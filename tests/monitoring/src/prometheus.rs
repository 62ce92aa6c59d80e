//! Debian's Prometheus on a port of its own, with the repository's configuration sped up.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use switchyard_end_to_end::{Key, eventually_within};
use switchyard_test_needs::left_out;
use tempfile::TempDir;

use crate::files::monitoring;

/// Time between two scrapes and between two evaluations.
const INTERVAL: &str = "1s";

/// How long Prometheus may take to start, and to find out what it is asked to find out.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What stands in the repository, and what stands for it where nobody has minutes: what an alert waits for, and how
/// far its rates look back.
const SPED_UP: [(&str, &str); 9] = [
    ("for: 1m\n", "for: 2s\n"),
    ("for: 2m\n", "for: 2s\n"),
    ("for: 5m\n", "for: 2s\n"),
    ("for: 10m\n", "for: 4s\n"),
    ("for: 30m\n", "for: 10s\n"),
    ("[5m]", "[6s]"),
    ("[15m]", "[10s]"),
    ("[1h]", "[60s]"),
    ("oldest_age_seconds > 120", "oldest_age_seconds > 3"),
];

/// Alerts that a machine busy with other tests may raise, whatever the venue does.
const OF_THE_MACHINE: [&str; 7] = [
    "AdapterBusy",
    "AdapterFailing",
    "HttpLatencyHigh",
    "JournalCommitSlow",
    "MemoryGrowing",
    "RuntimeSaturated",
    "VenueLatencyHigh",
];

/// Ports that are tried: another process may take one between its choice and its use.
const PORTS: usize = 3;

/// Whether `prometheus` and `promtool` are installed; says so where they are not.
///
/// # Panics
/// Where they are missing and `CI` is set: there nothing is left out.
pub fn prometheus_is_here() -> bool {
    let is_here = ["prometheus", "promtool"].iter().all(|program| {
        let mut command = Command::new(program);
        let shown = command.arg("--version").stdout(Stdio::null());
        shown.stderr(Stdio::null()).status().is_ok()
    });
    if !is_here {
        left_out("prometheus and promtool are not installed (Debian: apt-get install prometheus)");
    }
    is_here
}

/// Runs `promtool` with this on its standard input.
pub fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(monitoring().join("prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// The program, which ends when this is dropped.
#[derive(Debug)]
struct Process {
    child: Child,
    base: String,
}

impl Process {
    fn begin(directory: &Path) -> Self {
        let port = free_port();
        let log = fs::File::create(directory.join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=warn")
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child,
            base: format!("http://127.0.0.1:{port}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Prometheus that scrapes one gateway, with the rules of the repository.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    client: reqwest::Client,
    directory: TempDir,
}

impl Prometheus {
    /// Starts it and waits until it has scraped the gateway and evaluated every rule.
    pub async fn watching(gateway: &str, key: Key) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let target = gateway.trim_start_matches("http://");
        write_configuration(directory.path(), target, key);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut this = Self {
            process: Process::begin(directory.path()),
            client,
            directory,
        };
        for _ in 1..PORTS {
            if this.listens().await {
                break;
            }
            this.process = Process::begin(this.directory.path());
        }
        eventually_within(PATIENCE, "Prometheus scrapes the gateway", || async {
            let targets = this.get("/api/v1/targets?state=active").await?;
            match &targets["activeTargets"][0] {
                target if target["health"] == "up" => Ok(()),
                target => Err(format!("{target}\n{}", this.log())),
            }
        })
        .await;
        eventually_within(PATIENCE, "every rule is evaluated", || async {
            let rules = this.rules().await?;
            let unknown = rules.iter().find(|rule| rule["health"] == "unknown");
            unknown.map_or(Ok(()), |rule| Err(rule.to_string()))
        })
        .await;
        this
    }

    /// Waits until it serves; false where it ended instead.
    async fn listens(&mut self) -> bool {
        loop {
            let ready = format!("{}/-/ready", self.process.base);
            if self.client.get(ready).send().await.is_ok() {
                return true;
            }
            if self.process.child.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The data of an answer of its API, or what went wrong.
    ///
    /// # Errors
    /// In words.
    pub async fn get(&self, path: &str) -> Result<Value, String> {
        let request = self.client.get(format!("{}{path}", self.process.base));
        Self::data(request).await
    }

    /// What a query gives now.
    ///
    /// # Errors
    /// In words.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let url = reqwest::Url::parse_with_params(
            &format!("{}/api/v1/query", self.process.base),
            [("query", query)],
        );
        let data = Self::data(self.client.get(url.unwrap())).await?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }

    async fn data(request: reqwest::RequestBuilder) -> Result<Value, String> {
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let text = answer.text().await.map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_str(&text).map_err(|_| text.clone())?;
        if answer["status"] == "success" {
            Ok(answer["data"].take())
        } else {
            Err(text)
        }
    }

    /// Every rule as it was last evaluated.
    ///
    /// # Errors
    /// In words.
    pub async fn rules(&self) -> Result<Vec<Value>, String> {
        let data = self.get("/api/v1/rules").await?;
        let groups = data["groups"].as_array().cloned().unwrap_or_default();
        let rules = groups.iter().filter_map(|group| group["rules"].as_array());
        Ok(rules.flatten().cloned().collect())
    }

    /// The names of the alerts that fire, each once, without those that the machine may raise.
    ///
    /// # Errors
    /// In words.
    pub async fn firing(&self) -> Result<Vec<String>, String> {
        let data = self.get("/api/v1/alerts").await?;
        let alerts = data["alerts"].as_array().into_iter().flatten();
        let firing = alerts.filter(|alert| alert["state"] == "firing");
        let mut names: Vec<String> = firing
            .filter_map(|alert| alert["labels"]["alertname"].as_str())
            .filter(|name| !OF_THE_MACHINE.contains(name))
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Waits until a query gives one number, and it is this.
    pub async fn finds(&self, query: &str, number: f64) {
        eventually_within(PATIENCE, &format!("{query} is {number}"), || async {
            let found = self.query(query).await?;
            let value = found.first().and_then(|sample| sample["value"][1].as_str());
            match value.and_then(|value| value.parse::<f64>().ok()) {
                Some(value) if found.len() == 1 && (value - number).abs() < 1e-9 => Ok(()),
                _ => Err(format!("{found:?}")),
            }
        })
        .await;
    }

    /// Waits until all of these alerts fire.
    pub async fn raises(&self, names: &[&str]) {
        self.until(&format!("{names:?} fire"), |firing| {
            names.iter().all(|name| firing.iter().any(|f| f == name))
        })
        .await;
    }

    /// Waits until no alert fires.
    pub async fn calms_down(&self) {
        self.calms_down_but_for("").await;
    }

    /// Waits until no alert fires, or this one and no other.
    pub async fn calms_down_but_for(&self, name: &str) {
        self.until(&format!("no alert but {name:?} fires"), |firing| {
            firing.iter().all(|firing| firing == name)
        })
        .await;
    }

    async fn until(&self, what: &str, holds: impl Fn(&[String]) -> bool) {
        eventually_within(PATIENCE, what, || async {
            let firing = self.firing().await?;
            if holds(&firing) {
                Ok(())
            } else {
                Err(format!("{firing:?} fire"))
            }
        })
        .await;
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

/// The repository's configuration, for this gateway and sped up.
fn write_configuration(directory: &Path, target: &str, key: Key) {
    fs::write(directory.join("viewer.key"), key.key).unwrap();
    let read = |name: &str| fs::read_to_string(monitoring().join("prometheus").join(name)).unwrap();
    let replaced = |text: String, (from, to): (&str, &str)| {
        assert!(text.contains(from), "the configuration has {from:?}");
        text.replace(from, to)
    };
    let configuration = [
        ("15s", INTERVAL),
        ("10s", INTERVAL),
        ("localhost:8080", target),
        ("/etc/prometheus/switchyard-viewer.key", "viewer.key"),
    ]
    .into_iter()
    .fold(read("prometheus.yml"), replaced);
    fs::write(directory.join("prometheus.yml"), configuration).unwrap();
    for name in ["recording.rules.yml", "alerts.rules.yml"] {
        let rules = SPED_UP
            .iter()
            .fold(read(name), |rules, (from, to)| rules.replace(from, to));
        let waits = |line: &str| line.trim_start().starts_with("for: ") && line.ends_with('m');
        assert!(
            !rules.contains("m]") && !rules.lines().any(waits),
            "{name} waits for no minute"
        );
        fs::write(directory.join(name), rules).unwrap();
    }
}

/// A port that nothing listens on. Another process may take it before Prometheus does, which then ends at once.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
