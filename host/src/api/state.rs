//! What every handler can reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::access::Door;
use super::idempotency::KeysInFlight;
use super::slots::Slots;
use crate::account::Accounts;
use crate::config::ServerConfig;
use crate::market::MarketData;
use crate::orders::Orders;
use crate::plugin::Plugins;
use crate::store::{Dependencies, Journal};
use crate::telemetry::Metrics;
use crate::venue::Venues;

/// The gateway's parts, shared by all requests.
#[derive(Debug, Clone)]
pub struct AppState {
    /// Venues.
    pub venues: Arc<Venues>,
    /// Adapters and their versions.
    pub plugins: Arc<Plugins>,
    /// Market data.
    pub market: MarketData,
    /// Balances and positions.
    pub accounts: Accounts,
    /// Order operations.
    pub orders: Orders,
    /// The journal.
    pub journal: Arc<Journal>,
    /// What is known of the journal and its disk, for probes.
    pub dependencies: Arc<Dependencies>,
    /// Who may call.
    pub door: Arc<Door>,
    /// How many requests are served at once.
    pub slots: Slots,
    /// What callers may hold of the process.
    pub server: Arc<ServerConfig>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// How long a caller waits unless it says otherwise.
    pub request_timeout: Duration,
    /// Idempotency keys of requests that are being served.
    pub keys_in_flight: KeysInFlight,
    /// Whether the gateway was told to stop.
    pub stopping: Stopping,
}

/// Whether the gateway was told to stop: it is not ready from then on, though it still listens for a while. Cheap to
/// clone.
#[derive(Debug, Clone, Default)]
pub struct Stopping(Arc<AtomicBool>);

impl Stopping {
    /// It was told.
    pub fn begin(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was told.
    pub(in crate::api) fn has_begun(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
