//! What becomes of a test that needs what this machine does not have.
//!
//! Some tests are held against programs that are not ours: PostgreSQL, Prometheus, simulators from PyPI. Where one is
//! missing, its tests are left out, and say so. With `CI` in the environment, whatever its value, nothing is left out.
#![allow(
    clippy::missing_panics_doc,
    reason = "test support: what is missing under CI ends the test that wanted it"
)]

/// Says that a test is left out, and of what it needs; with `CI` in the environment, ends the test instead.
#[track_caller]
pub fn left_out(problem: &str) {
    assert!(std::env::var_os("CI").is_none(), "{problem}");
    println!("SKIPPED: {problem}");
    eprintln!("SKIPPED: {problem}");
}
