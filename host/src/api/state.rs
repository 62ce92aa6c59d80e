//! What every handler can reach.

use std::sync::Arc;
use std::time::Duration;

use super::access::Keyring;
use super::idempotency::KeysInFlight;
use crate::account::Accounts;
use crate::market::MarketData;
use crate::orders::Orders;
use crate::plugin::Plugins;
use crate::store::Journal;
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
    /// The journal, for readiness.
    pub journal: Arc<Journal>,
    /// Who may call.
    pub keyring: Arc<Keyring>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// How long a caller waits unless it says otherwise.
    pub request_timeout: Duration,
    /// Idempotency keys of requests that are being served.
    pub keys_in_flight: KeysInFlight,
}
