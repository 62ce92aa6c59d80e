//! The futures rooms against what Binance documents: its examples, its errors, and answers it would never
//! give. What holds for both APIs is tried on both.

// The calls that tests share are no tests themselves, so clippy's leave for tests does not reach them.
#![allow(clippy::expect_used)]

#[path = "../calls/mod.rs"]
mod calls;

mod account;
mod conditional;
mod desk;
mod errors;
mod hostile;
mod instruments;
mod market;
mod promises;
mod ranges;
mod signing;
mod trading;
