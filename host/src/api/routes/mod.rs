//! Handlers, by what they are about.

pub(super) mod account;
pub(super) mod halting;
pub(super) mod health;
pub(super) mod instruments;
pub(super) mod keys;
pub(super) mod log_level;
pub(super) mod market;
pub(super) mod orders;
pub(super) mod plugins;
pub(super) mod recording;
mod selection;
pub(super) mod venues;
