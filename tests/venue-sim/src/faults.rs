//! Faults on command: which requests meet one, and what happens to them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Whether a request that gets no proper answer is executed all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ExecutionFate {
    /// Before the answer.
    Executed,
    /// Never.
    NotExecuted,
    /// This many milliseconds after arrival, whatever the request's validity window says.
    Late {
        /// Milliseconds after arrival.
        ms: u64,
    },
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultAction {
    /// Waits, then handles the request; its window is checked on arrival, before the wait.
    DelayBefore {
        /// Milliseconds.
        ms: u64,
    },
    /// Handles the request at once and answers later.
    DelayAfter {
        /// Milliseconds.
        ms: u64,
    },
    /// Closes the connection without a byte; nothing is executed.
    DropBefore,
    /// Executes, then closes the connection without a byte.
    ExecuteThenDrop,
    /// Answers with this status; nothing is executed.
    Status {
        /// The status code.
        status: u16,
        /// `Retry-After` in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
        /// The body; by default one in the venue's own form.
        #[serde(default)]
        body: Option<String>,
    },
    /// Answers that the outcome is unknown, as the venue words it.
    UnknownOutcome {
        /// The status code.
        #[serde(default = "unavailable")]
        status: u16,
        /// What really happens.
        execution: ExecutionFate,
    },
    /// Executes, then answers with random bytes.
    GarbageBody {
        /// How many.
        #[serde(default = "garbage_length")]
        bytes: usize,
    },
    /// Executes, then sends the head and half of the body, and closes the connection.
    TruncatedBody,
    /// Answers with a proxy's error page; nothing is executed.
    HtmlErrorPage {
        /// The status code.
        #[serde(default = "bad_gateway")]
        status: u16,
    },
    /// Closes the connection without a byte, and executes later, whatever the request's window says.
    ExecuteLate {
        /// Milliseconds until the execution.
        ms: u64,
        /// Milliseconds until the connection closes; at once by default.
        #[serde(default)]
        drop_after_ms: u64,
    },
}

const fn unavailable() -> u16 {
    503
}

const fn bad_gateway() -> u16 {
    502
}

const fn garbage_length() -> usize {
    256
}

/// Which requests meet a fault. The first rule that matches a request applies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The request's method; any by default.
    #[serde(default)]
    pub method: Option<String>,
    /// What its path starts with; anything by default.
    #[serde(default)]
    pub path_prefix: Option<String>,
    /// Its `symbol` parameter; any by default.
    #[serde(default)]
    pub symbol: Option<String>,
    /// Matching requests let through before the rule takes effect.
    #[serde(default)]
    pub skip: u64,
    /// How many requests meet the fault; all by default.
    #[serde(default)]
    pub count: Option<u64>,
    /// The chance that a matching request meets it; certain by default.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Seed of that chance; the venue's by default.
    #[serde(default)]
    pub seed: Option<u64>,
    /// What happens.
    pub action: FaultAction,
}

impl FaultRule {
    /// A rule for a method and a path prefix; until told otherwise it drops every such request.
    #[must_use]
    pub fn on(method: &str, path_prefix: &str) -> Self {
        Self {
            method: Some(method.to_owned()),
            path_prefix: Some(path_prefix.to_owned()),
            ..Self::always(FaultAction::DropBefore)
        }
    }

    /// A rule for every request.
    #[must_use]
    pub fn always(action: FaultAction) -> Self {
        Self {
            method: None,
            path_prefix: None,
            symbol: None,
            skip: 0,
            count: None,
            probability: None,
            seed: None,
            action,
        }
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Only after so many matching requests.
    #[must_use]
    pub fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// Only for a symbol.
    #[must_use]
    pub fn symbol(mut self, symbol: &str) -> Self {
        self.symbol = Some(symbol.to_owned());
        self
    }

    /// Only by chance.
    #[must_use]
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        self.probability = Some(probability);
        self.seed = Some(seed);
        self
    }

    /// What happens.
    #[must_use]
    pub fn act(mut self, action: FaultAction) -> Self {
        self.action = action;
        self
    }

    fn matches(&self, method: &str, path: &str, symbol: Option<&str>) -> bool {
        self.method
            .as_deref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .path_prefix
                .as_deref()
                .is_none_or(|prefix| path.starts_with(prefix))
            && self
                .symbol
                .as_deref()
                .is_none_or(|wanted| Some(wanted) == symbol)
    }
}

/// A rule and what it has done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultReport {
    /// Identifies the rule.
    pub id: u64,
    /// Requests that met the fault.
    pub hits: u64,
    /// The rule.
    pub rule: FaultRule,
}

#[derive(Debug)]
struct Armed {
    report: FaultReport,
    seen: u64,
    rng: ChaCha8Rng,
}

#[derive(Debug)]
struct Armory {
    rules: Vec<Armed>,
    next_id: u64,
    rng: ChaCha8Rng,
}

/// Holds the rules and decides per request.
#[derive(Debug)]
pub struct FaultInjector {
    armory: Mutex<Armory>,
}

impl FaultInjector {
    /// An injector without rules.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let armory = Armory {
            rules: Vec::new(),
            next_id: 1,
            rng: ChaCha8Rng::seed_from_u64(seed),
        };
        Self {
            armory: Mutex::new(armory),
        }
    }

    /// Adds a rule after those that exist, and returns its id.
    pub fn add(&self, rule: FaultRule) -> u64 {
        let mut armory = self.armory();
        let id = armory.next_id;
        armory.next_id += 1;
        let seed = rule.seed.unwrap_or_else(|| armory.rng.next_u64());
        let rng = ChaCha8Rng::seed_from_u64(seed);
        armory.rules.push(Armed {
            report: FaultReport { id, hits: 0, rule },
            seen: 0,
            rng,
        });
        id
    }

    /// Forgets every rule.
    pub fn clear(&self) {
        self.armory().rules.clear();
    }

    /// The rules and how often each has struck.
    #[must_use]
    pub fn report(&self) -> Vec<FaultReport> {
        self.armory()
            .rules
            .iter()
            .map(|armed| armed.report.clone())
            .collect()
    }

    /// What happens to this request, if anything.
    pub fn strike(&self, method: &str, path: &str, symbol: Option<&str>) -> Option<FaultAction> {
        for armed in &mut self.armory().rules {
            let rule = &armed.report.rule;
            let spent = rule.count.is_some_and(|count| armed.report.hits >= count);
            if spent || !rule.matches(method, path, symbol) {
                continue;
            }
            armed.seen += 1;
            if armed.seen <= rule.skip {
                continue;
            }
            if rule
                .probability
                .is_some_and(|p| !armed.rng.random_bool(p.clamp(0.0, 1.0)))
            {
                continue;
            }
            armed.report.hits += 1;
            return Some(rule.action.clone());
        }
        None
    }

    /// Random bytes for a garbage body.
    #[must_use]
    pub fn garbage(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.armory().rng.fill_bytes(&mut bytes);
        bytes
    }

    fn armory(&self) -> MutexGuard<'_, Armory> {
        self.armory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_rule_strikes_that_often_and_then_lets_the_next_rule_match() {
        let faults = FaultInjector::new(1);
        faults.add(FaultRule::on("POST", "/a").times(1));
        faults.add(FaultRule::on("POST", "/a").act(FaultAction::TruncatedBody));
        assert_eq!(
            faults.strike("POST", "/a/b", None),
            Some(FaultAction::DropBefore)
        );
        assert_eq!(
            faults.strike("POST", "/a/b", None),
            Some(FaultAction::TruncatedBody)
        );
        assert_eq!(
            faults
                .report()
                .iter()
                .map(|report| report.hits)
                .collect::<Vec<_>>(),
            [1, 1]
        );
    }

    #[test]
    fn a_rule_for_a_symbol_leaves_other_symbols_alone() {
        let faults = FaultInjector::new(1);
        faults.add(FaultRule::on("GET", "/").symbol("BTCUSDT"));
        assert_eq!(faults.strike("GET", "/x", Some("ETHUSDT")), None);
        assert_eq!(faults.strike("GET", "/x", None), None);
        assert!(faults.strike("GET", "/x", Some("BTCUSDT")).is_some());
    }

    #[test]
    fn the_same_seed_strikes_the_same_requests() {
        let struck = || {
            let faults = FaultInjector::new(1);
            faults.add(FaultRule::on("GET", "/").probability(0.5, 42));
            (0..64)
                .map(|_| faults.strike("GET", "/", None).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(struck(), struck());
        assert!(
            struck().contains(&true) && struck().contains(&false),
            "seed 42"
        );
    }

    #[test]
    fn skipped_requests_pass_untouched() {
        let faults = FaultInjector::new(1);
        faults.add(FaultRule::on("GET", "/").skip(2).times(1));
        let struck: Vec<bool> = (0..4)
            .map(|_| faults.strike("GET", "/", None).is_some())
            .collect();
        assert_eq!(struck, [false, false, true, false]);
    }
}
