//! Holds an adapter to every case that applies to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use switchyard_runtime::{Adapter, LoadError, Runtime};

use crate::case::{Case, Finding, Needs, Verdict};
use crate::groups::{cases, find_case};
use crate::recording::Recording;
use crate::report::{CaseResult, Identity, Report};
use crate::subject::Subject;

/// How is judged.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// From which everything that is generated follows.
    pub seed: u64,
    /// The only case that is judged; all where none is named.
    pub only: Option<&'static str>,
}

/// Judges a component.
///
/// # Errors
/// Where it cannot be judged, which is not the adapter's fault: recordings of another adapter, or an engine
/// that does not run here.
pub fn judge(
    runtime: &Runtime,
    file: &str,
    bytes: &[u8],
    recordings: Vec<Recording>,
    options: Options,
) -> Result<Report, String> {
    let started = Instant::now();
    let mut report = Report {
        file: file.to_owned(),
        identity: None,
        seed: options.seed,
        recordings: recordings.len(),
        unrecorded: Vec::new(),
        results: Vec::new(),
        took: Duration::ZERO,
    };
    let cases = || cases().filter(|case| options.only.is_none_or(|only| only == case.id));
    match runtime.load(bytes) {
        Err(error) => {
            let at_fault = broken_rule(&error).ok_or_else(|| error.to_string())?;
            report.results = cases()
                .map(|case| not_loaded(case, at_fault, &error))
                .collect();
        }
        Ok(adapter) => {
            report.identity = Some(Identity::from(&*adapter));
            let subject = Subject::new(adapter, recordings, options.seed)?.for_only(options.only);
            report.results = cases().map(|case| held_to(case, &subject)).collect();
            report.unrecorded = subject.unrecorded();
        }
    }
    report.took = started.elapsed();
    Ok(report)
}

/// Holds an adapter to the cases that a version must pass before it serves. They need no recordings and
/// take milliseconds.
///
/// # Errors
/// The first case that it does not pass: its id, its rule and the finding.
pub fn judge_at_load(adapter: &Arc<Adapter>) -> Result<(), String> {
    let subject = Subject::new(adapter.clone(), Vec::new(), 0)?;
    for case in cases().filter(|case| case.at_load) {
        if let Verdict::Failed { findings, .. } = held_to(case, &subject).verdict {
            let finding = findings.first();
            let finding = finding.map(|finding| {
                let Finding {
                    sent,
                    came_back,
                    expected,
                    ..
                } = finding;
                format!(": asked for {sent}, it gave {came_back}; expected {expected}")
            });
            let (id, title, rule) = (case.id, case.title, case.rule);
            let finding = finding.unwrap_or_default();
            return Err(format!("conformance case {id} ({title}; {rule}){finding}"));
        }
    }
    Ok(())
}

fn held_to(case: &'static Case, subject: &Subject) -> CaseResult {
    let started = Instant::now();
    let verdict = match unmet(case.needs, subject) {
        Some(reason) => Verdict::Skipped { reason },
        None => (case.check)(subject),
    };
    CaseResult {
        case,
        verdict,
        took: started.elapsed(),
    }
}

/// Why a case does not apply, if it does not.
fn unmet(needs: Needs, subject: &Subject) -> Option<String> {
    match needs {
        Needs::Nothing | Needs::Venue => None,
        Needs::Capability(capability) => (!subject.offers(capability))
            .then(|| format!("the adapter does not export {capability}")),
        Needs::Recordings => subject
            .recordings()
            .is_empty()
            .then(|| "there are no recorded exchanges".to_owned()),
        Needs::RecordingsOf(operations) => {
            let mut offered = subject.operations();
            let mut recordings = subject.recordings().iter();
            if !offered.any(|operation| operations.contains(&operation.name())) {
                Some(format!("the adapter has no {}", operations.join(", ")))
            } else if !recordings.any(|r| operations.contains(&r.exchange.operation.as_str())) {
                let operations = operations.join(", ");
                Some(format!("there are no recorded exchanges of {operations}"))
            } else {
                None
            }
        }
    }
}

/// The case that a component breaks which cannot be loaded; `None` where the engine is at fault.
fn broken_rule(error: &LoadError) -> Option<&'static Case> {
    find_case(match error {
        LoadError::NotAComponent(_) => "CON-001",
        LoadError::ForbiddenImport { .. } => "CON-002",
        LoadError::WrongMajor { .. } => "CON-003",
        LoadError::NewerMinor { .. } => "CON-004",
        LoadError::NoDescriptor { .. } => "CON-005",
        LoadError::ContractMismatch(_) => "CON-006",
        LoadError::Describe(_) => "CON-007",
        LoadError::Descriptor(_) => "DSC-001",
        LoadError::SlowInstance(_) => "RES-001",
        LoadError::Engine(_) => return None,
    })
}

fn not_loaded(case: &'static Case, at_fault: &Case, error: &LoadError) -> CaseResult {
    let verdict = if case.id == at_fault.id {
        Verdict::Failed {
            findings: vec![Finding {
                on: "the component".to_owned(),
                sent: "it was loaded".to_owned(),
                came_back: error.to_string(),
                expected: case.title.to_owned(),
            }],
            more: 0,
        }
    } else {
        Verdict::Skipped {
            reason: "the component cannot be loaded".to_owned(),
        }
    };
    CaseResult {
        case,
        verdict,
        took: Duration::ZERO,
    }
}
