//! What a gateway is run for, and what must hold there.

use std::collections::BTreeSet;
use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{Approval, Config};

/// Kinds of file system whose content does not outlive the machine or the container, as `statfs` numbers them.
/// <https://man7.org/linux/man-pages/man2/statfs.2.html>
const VOLATILE: [(u64, &str); 3] = [
    (0x0102_1994, "tmpfs, which is memory"),
    (0x8584_58f6, "ramfs, which is memory"),
    (0x794c_7630, "overlayfs, which ends with its container"),
];

/// What a gateway is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// On a developer's machine: nothing is asked.
    Dev,
    /// As in production, with nobody's money: what breaks a rule is told.
    Staging,
    /// With money: what breaks a rule keeps the gateway from starting, unless it is acknowledged.
    Production,
}

impl Stage {
    /// Its name in file names and in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

/// `[stage]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StageConfig {
    /// Rules that are broken on purpose.
    pub acknowledge: BTreeSet<Rule>,
}

/// What must hold in production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Callers' keys and orders cross a network encrypted.
    PlaintextListener,
    /// Whoever tries keys out is locked out alone, not with everyone behind the same proxy.
    UnnamedProxy,
    /// What is signed for a venue crosses a network encrypted.
    PlaintextVenue,
    /// The journal outlives the process, its machine and its container.
    VolatileJournal,
    /// An operator sees what an adapter wants to call before it may.
    UnapprovedAdapters,
    /// One order can cost only so much.
    UnlimitedOrders,
}

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which.
    pub rule: Rule,
    /// The key to change, dotted.
    pub key: String,
    /// Why, and what to do.
    pub problem: String,
    /// Whether it is so on purpose.
    pub acknowledged: bool,
}

impl Rule {
    /// Its name, as in `stage.acknowledge`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PlaintextListener => "plaintext-listener",
            Self::UnnamedProxy => "unnamed-proxy",
            Self::PlaintextVenue => "plaintext-venue",
            Self::VolatileJournal => "volatile-journal",
            Self::UnapprovedAdapters => "unapproved-adapters",
            Self::UnlimitedOrders => "unlimited-orders",
        }
    }
}

impl Config {
    /// The rules of production that do not hold here.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut found = |rule: Rule, key: String, problem: String| {
            let acknowledged = self.stage.acknowledge.contains(&rule);
            findings.push(Finding {
                rule,
                key,
                problem,
                acknowledged,
            });
        };
        if !self.server.listen.ip().is_loopback() && !self.is_encrypted() {
            let problem = format!(
                "it listens on {} without TLS: set server.tls, or acknowledge that something in front of it encrypts",
                self.server.listen
            );
            found(Rule::PlaintextListener, "server.tls".into(), problem);
            if self.server.trusted_proxies.is_empty() {
                let problem = "what encrypts in front of it is not named: all callers would share one address, and its \
                               lock-out; set it, or acknowledge that callers connect by themselves";
                let key = "server.trusted_proxies".to_owned();
                found(Rule::UnnamedProxy, key, problem.to_owned());
            }
        }
        if let Some(problem) = journal_problem(&self.store.url) {
            found(Rule::VolatileJournal, "store.url".into(), problem);
        }
        if self.plugins.approval == Approval::Auto {
            let problem = "adapters approve themselves: set it to \"manual\"".to_owned();
            found(Rule::UnapprovedAdapters, "plugins.approval".into(), problem);
        }
        for (name, venue) in &self.venues {
            for (alias, origin) in &venue.endpoints {
                if is_plaintext(origin) {
                    let key = format!("venues.{name}.endpoints.{alias}");
                    let problem = format!("{origin} is not encrypted: it must be https");
                    found(Rule::PlaintextVenue, key, problem);
                }
            }
            if venue.credentials.is_some() && venue.risk.max_notional.is_none() {
                let key = format!("venues.{name}.risk.max_notional");
                let problem = "an order may be of any value: set the largest".to_owned();
                found(Rule::UnlimitedOrders, key, problem);
            }
        }
        findings
    }

    fn is_encrypted(&self) -> bool {
        self.server.tls.is_some()
    }
}

fn is_plaintext(origin: &str) -> bool {
    let Ok(url) = url::Url::parse(origin) else {
        return true;
    };
    let is_loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() != "https" && !is_loopback
}

/// Why a journal may be lost; none where it is kept by a server.
fn journal_problem(url: &str) -> Option<String> {
    let path = Path::new(url.strip_prefix("sqlite://")?);
    if path.is_relative() {
        return Some(format!(
            "{} depends on where the gateway is started: give the whole path",
            path.display()
        ));
    }
    let there = path.ancestors().find(|ancestor| ancestor.exists())?;
    let kind = rustix::fs::statfs(there).ok()?.f_type;
    // The numbers have 32 bits, in a field that may be signed.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "32 bits"
    )]
    let kind = u64::from(kind as u32);
    let (_, name) = VOLATILE.iter().find(|(number, _)| *number == kind)?;
    Some(format!(
        "{} is on {name}: put it on a disk that stays, or on a server",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAFE: &str = "
[auth]
keys = [{ id = \"a\", hash = \"00\", tenant = \"t\", role = \"trader\" }]
[plugins]
approval = \"manual\"
[store]
url = \"sqlite:///var/lib/switchyard/journal.db\"
[venues.a]
adapter = \"a\"
endpoints = { x = \"https://exchange.example\" }
credentials = { api_key = \"env:K\", secret = \"env:S\" }
risk = { max_notional = { USDT = \"1000\" } }
";

    fn rules(text: &str) -> Vec<Rule> {
        let config = Config::from_toml(text, "test.toml").unwrap();
        let findings = config.findings();
        let found = findings.iter().filter(|finding| !finding.acknowledged);
        let found = found.map(|finding| finding.rule);
        // Where tests run, nothing may be a disk that stays.
        found
            .filter(|rule| *rule != Rule::VolatileJournal)
            .collect()
    }

    #[test]
    fn each_rule_of_production_is_broken_by_what_it_is_about_and_by_nothing_else() {
        assert_eq!(rules(SAFE), []);
        let bent = |from: &str, to: &str| {
            assert!(SAFE.contains(from));
            rules(&SAFE.replace(from, to))
        };
        let listening = |address: &str| rules(&format!("{SAFE}[server]\nlisten = \"{address}\""));
        let both = [Rule::PlaintextListener, Rule::UnnamedProxy];
        assert_eq!(listening("0.0.0.0:8080"), both);
        let named = "[server]\nlisten = \"0.0.0.0:8080\"\ntrusted_proxies = [\"10.0.0.0/8\"]";
        assert_eq!(rules(&format!("{SAFE}{named}")), [Rule::PlaintextListener]);
        assert_eq!(listening("[::1]:8080"), []);
        assert_eq!(
            bent("approval = \"manual\"", ""),
            [Rule::UnapprovedAdapters]
        );
        assert_eq!(
            bent("https://exchange.example", "http://exchange.example"),
            [Rule::PlaintextVenue]
        );
        assert_eq!(
            bent("https://exchange.example", "http://127.0.0.1:9101"),
            []
        );
        assert_eq!(
            bent("risk = { max_notional = { USDT = \"1000\" } }", ""),
            [Rule::UnlimitedOrders]
        );
    }

    #[test]
    fn a_rule_that_is_acknowledged_is_told_and_is_no_obstacle() {
        let text = format!(
            "{SAFE}[server]\nlisten = \"0.0.0.0:8080\"\n[stage]\nacknowledge = [\"plaintext-listener\"]"
        );
        assert_eq!(rules(&text), [Rule::UnnamedProxy]);
        let text = text.replace("listener\"]", "listener\", \"unnamed-proxy\"]");
        assert_eq!(rules(&text), []);
        let findings = Config::from_toml(&text, "test.toml").unwrap().findings();
        let told = findings.iter().find(|f| f.rule == Rule::PlaintextListener);
        assert!(told.is_some_and(|finding| finding.acknowledged));
        for rule in [
            Rule::PlaintextListener,
            Rule::UnnamedProxy,
            Rule::PlaintextVenue,
            Rule::VolatileJournal,
            Rule::UnapprovedAdapters,
            Rule::UnlimitedOrders,
        ] {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.name());
        }
    }

    #[test]
    fn a_journal_in_memory_or_where_chance_puts_it_may_be_lost() {
        let relative = journal_problem("sqlite://journal.db").unwrap();
        assert!(relative.contains("whole path"), "{relative}");
        assert_eq!(journal_problem("postgres://gateway@db/journal"), None);
        let memory = Path::new("/dev/shm");
        if rustix::fs::statfs(memory).is_ok_and(|facts| facts.f_type == 0x0102_1994) {
            let problem = journal_problem("sqlite:///dev/shm/not/yet/there/journal.db");
            assert!(problem.is_some_and(|problem| problem.contains("tmpfs")));
        }
    }
}
