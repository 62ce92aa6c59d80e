//! `switchyard plugin compile`: what the gateway starts for each component that it does not know yet.

use std::process::ExitCode;

use crate::plugin::compile::{CompileJob, Outcome, run_child};

/// One line of JSON says what came of it; the status says only whether it is good.
pub(super) fn compile(job: &CompileJob) -> ExitCode {
    let outcome = run_child(job);
    let told = serde_json::to_string(&outcome)
        .map_err(std::io::Error::other)
        .and_then(|line| super::print(&format!("{line}\n")));
    match (outcome, told) {
        (Outcome::Compiled, Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
