//! The gateway as its callers and its operators meet it.
// The calls that tests share are no tests themselves, so clippy's leave for tests does not reach them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod active_orders;
mod ambiguity;
mod amending;
mod amending_by_legs;
mod bitmex;
mod bitmex_changes;
mod bitmex_chaos;
mod bitmex_faults;
mod bitmex_refusals;
mod caching;
mod cancelling;
mod cancelling_all;
mod chaos;
mod contract_faults;
mod contracts;
mod exact_decimals;
mod fills;
mod halting;
mod hostile_adapter;
mod idempotency;
mod journal;
mod listing;
mod not_placed;
mod order_failover;
mod order_left_behind;
mod order_routes;
mod placing;
mod pre_trade_limits;
mod products;
mod protocol;
mod read_failover;
mod reconciling;
mod reliability;
mod replaying;
mod restarting;
mod secrets;
mod starting;
mod strictness;
mod symbols;
mod validation;
mod venue_health;
mod venue_neutral;
