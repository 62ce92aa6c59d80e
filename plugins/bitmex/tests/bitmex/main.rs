//! The adapter against what BitMEX documents: its examples, its messages, and answers it would never give.

// The calls that tests share are no tests themselves, so clippy's leave for tests does not reach them.
#![allow(clippy::expect_used)]

mod account;
mod amending;
mod answers;
mod desk;
mod errors;
mod hostile;
mod instruments;
mod market;
mod orders;
mod placing;
mod promises;
mod ranges;
