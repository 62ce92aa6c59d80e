//! The real gateway in front of simulated venues, driven over HTTP as a caller would.
//!
//! [`TestApp`] is a simulated venue, a gateway in this process and callers with keys of every role.
//! [`GatewayProcess`] is the built `switchyard` program, for what only a process can show: its command
//! line, its log, and being killed. Nothing here sleeps to be on time: [`eventually`] asks again until
//! the answer is the one wanted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "test support: what cannot be set up ends the test that wanted it"
)]

mod app;
mod artifacts;
mod caller;
mod configuration;
mod deribit_venue;
mod eventually;
mod foreign_venue;
mod kraken_venue;
mod parameter_store;
mod plain_venue;
mod process;
mod pypi;
mod schemathesis;
mod trace_collector;
mod venue_client;

pub use app::{
    RunningGateway, TestApp, VENUE, limit_order, rival_at, rival_credentials, simulated_bitmex,
    simulator, start_gateway,
};
pub use artifacts::{adapters, built, example_adapter, hostile_adapters};
pub use caller::{Answer, Caller};
pub use configuration::{
    ConfiguredVenue, GatewayConfig, Key, OPERATOR, OTHER_TRADER, TRADER, VIEWER,
};
pub use deribit_venue::{deribit_credentials, deribit_venue};
pub use eventually::{eventually, eventually_within};
pub use foreign_venue::ForeignVenue;
pub use kraken_venue::{kraken_credentials, kraken_venue};
pub use parameter_store::{AWS_KEY, Gate, GateKeeper, Moto, holds, nobody};
pub use plain_venue::{Elsewhere, PlainVenue};
pub use process::{GatewayProcess, Outcome, run_switchyard, run_switchyard_with};
pub use schemathesis::Schemathesis;
pub use trace_collector::{CollectedSpan, TraceCollector};
pub use venue_client::VenueClient;

/// Seed of every simulated market in these tests.
pub const SEED: u64 = 20_261_121;
