//! Simulated exchanges: the real wire protocols over a real matching engine, with faults on command.
//!
//! ```text
//! TCP ── server ── faults ──┬── control        the test's handle on the venue (/_control)
//!                           ├── binance_spot ────┬── engine   (/api/v3)
//!                           ├── binance_futures ─┤     ▲      (/fapi, /dapi)
//!                           └── bitmex ──────────┘     │      (/api/v1; a venue of its own)
//!                                    │                 │
//!                                 binance           market    seeded liquidity and order flow
//! ```
//!
//! `engine`, `market`, `faults`, `clock`, `truth` and `server` know no venue. `binance` is what every Binance
//! REST API shares (signing, timing, parameters, rate limits); `binance_spot` and
//! `binance_futures` are the protocols themselves. Each of the three markets has an engine of its own, as has
//! BitMEX, which is another venue.
//!
//! ```no_run
//! # async fn demo() -> Result<(), switchyard_venue_sim::StartError> {
//! use switchyard_venue_sim::{FaultAction, FaultRule, SimConfig, VenueSim};
//! let sim = VenueSim::start(SimConfig { seed: 7, ..SimConfig::default() }).await?;
//! sim.control().add_fault(FaultRule::on("POST", "/api/v3/order").times(1).act(FaultAction::ExecuteThenDrop));
//! // ... drive a client against sim.url() ...
//! assert!(sim.control().executed().len() <= 1);
//! sim.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod binance;
pub mod binance_futures;
pub mod binance_spot;
pub mod bitmex;
pub mod clock;
pub mod config;
pub mod control;
pub mod engine;
pub mod exchange;
pub mod faults;
pub mod market;
pub mod server;
pub mod sim;
pub mod truth;

pub use clock::ClockMode;
pub use config::{
    AccountConfig, ApiKey, BitmexLimits, BitmexLimitsPatch, Credentials, FuturesLimits,
    FuturesLimitsPatch, KeyMaterial, Limits, LimitsPatch, Settings, SettingsPatch, SimConfig,
    VenueKind,
};
pub use control::{Control, ControlError};
pub use engine::Wallet;
pub use faults::{ExecutionFate, FaultAction, FaultReport, FaultRule};
pub use rust_decimal::Decimal;
pub use sim::{StartError, VenueSim};
pub use truth::{ExecutedOrder, OpenPosition, SeenRequest};
