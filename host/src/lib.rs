//! Switchyard: one fault-tolerant REST API in front of many exchanges.
//!
//! ```text
//! api  ->  orders, market, account  ->  reads  ->  venue  ->  reliability
//!                 |                                  |
//!               store                              plugin (the way to the adapters' sandbox)
//! ```
//!
//! The host owns everything that must be right whatever the exchange is; everything that differs from
//! exchange to exchange lives in an adapter, a WebAssembly component behind the contract in `wit/`.

pub mod account;
pub mod api;
pub mod cli;
pub mod config;
pub mod gateway;
pub mod market;
pub mod model;
pub mod orders;
pub mod plugin;
pub mod reads;
pub mod reliability;
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod venue;
