//! What the sandbox promises, held against components that test it.

mod bench;
mod contained;
mod determinism;
mod instances;
mod machine_code;
mod refused;
mod secrets;
