//! What came of all cases, and how it is shown.

mod junit;
mod table;

use std::time::Duration;

use serde_json::{Value, json};
use switchyard_runtime::Adapter;

use crate::case::{Case, Verdict};

/// Which adapter was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The venue's name.
    pub venue: String,
    /// The adapter's own version.
    pub version: String,
    /// SHA-256 of the component.
    pub sha256: String,
    /// Interfaces that it exports.
    pub capabilities: Vec<String>,
}

impl From<&Adapter> for Identity {
    fn from(adapter: &Adapter) -> Self {
        let descriptor = adapter.descriptor();
        let capabilities = adapter.surface().capabilities.iter();
        Self {
            venue: descriptor.venue.clone(),
            version: descriptor.adapter_version.clone(),
            sha256: adapter.sha256().to_owned(),
            capabilities: capabilities.map(ToString::to_string).collect(),
        }
    }
}

/// What came of one case.
#[derive(Debug)]
pub struct CaseResult {
    /// The case.
    pub case: &'static Case,
    /// What came of it.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// What came of all cases.
#[derive(Debug)]
pub struct Report {
    /// The component's file.
    pub file: String,
    /// Which adapter it is; `None` where it could not be loaded.
    pub identity: Option<Identity>,
    /// From which everything that was generated follows.
    pub seed: u64,
    /// Exchanges by which it was judged.
    pub recordings: usize,
    /// What it claims and nothing is recorded of.
    pub unrecorded: Vec<String>,
    /// What came of each case, in order.
    pub results: Vec<CaseResult>,
    /// How long all of it took.
    pub took: Duration,
}

impl Report {
    /// Whether every case that applies was passed.
    pub fn passed(&self) -> bool {
        self.failed() == 0
    }

    /// How many cases were not passed.
    pub fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed { .. }))
    }

    fn count(&self, is: impl Fn(&Verdict) -> bool) -> usize {
        let results = self.results.iter();
        results.filter(|result| is(&result.verdict)).count()
    }

    /// How many passed, failed, and did not apply.
    fn counts(&self) -> (usize, usize, usize) {
        let passed = self.count(|verdict| matches!(verdict, Verdict::Passed { .. }));
        let skipped = self.count(|verdict| matches!(verdict, Verdict::Skipped { .. }));
        (passed, self.failed(), skipped)
    }

    /// What came of the case with this id.
    pub fn verdict(&self, id: &str) -> Option<&Verdict> {
        let mut results = self.results.iter();
        results
            .find(|result| result.case.id == id)
            .map(|result| &result.verdict)
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let (passed, failed, skipped) = self.counts();
        let identity = self.identity.as_ref();
        json!({
            "file": self.file,
            "venue": identity.map(|identity| &identity.venue),
            "version": identity.map(|identity| &identity.version),
            "sha256": identity.map(|identity| &identity.sha256),
            "capabilities": identity.map(|identity| &identity.capabilities),
            "seed": self.seed,
            "recordings": self.recordings,
            "unrecorded": self.unrecorded,
            "passed": passed,
            "failed": failed,
            "skipped": skipped,
            "took_ms": millis(self.took),
            "cases": self.results.iter().map(case_json).collect::<Vec<_>>(),
        })
    }
}

fn case_json(result: &CaseResult) -> Value {
    let CaseResult {
        case,
        verdict,
        took,
    } = result;
    let mut value = json!({
        "id": case.id,
        "group": case.group,
        "title": case.title,
        "rule": case.rule,
        "took_ms": millis(*took),
    });
    let more = match verdict {
        Verdict::Passed { looked_at } => json!({ "verdict": "passed", "looked_at": looked_at }),
        Verdict::Failed { findings, more } => {
            json!({ "verdict": "failed", "findings": findings, "more": more })
        }
        Verdict::Skipped { reason } => json!({ "verdict": "skipped", "reason": reason }),
    };
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
