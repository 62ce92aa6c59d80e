//! What the sandbox promises, held against components that test it.
// The calls that tests share are no tests themselves, so clippy's leave for tests does not reach them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod contained;
mod determinism;
mod instances;
mod machine_code;
mod refused;
mod secrets;
