//! Components compiled by children of the real program, and what happens to the bad ones.
// What tests share is no test itself, so clippy's leave for tests does not reach it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod bounded;
mod kept;
mod refused;
mod serving;
