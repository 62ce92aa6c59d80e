//! The gateway put together: configuration in, a serving process out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use switchyard_runtime::{CodeCache, LoadError, Runtime};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::account::Accounts;
use crate::api::{self, AppState, Keyring, KeyringError, KeysInFlight, ServeError};
use crate::config::{Config, ConfigError};
use crate::market::MarketData;
use crate::orders::{Adoption, Kept, OpenOrders, Orders, Risk};
use crate::store::{self, StoreError, Upkeep};
use crate::telemetry::{LoggingError, Metrics};
use crate::venue::{VenueError, Venues};

/// Why the gateway does not start. Each message names the key or file to change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Logging.
    #[error(transparent)]
    Logging(#[from] LoggingError),
    /// The keys.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The adapter runtime.
    #[error("adapter runtime: {0}")]
    Runtime(#[from] LoadError),
    /// The machine-code cache.
    #[error("plugins.code_cache: {0}")]
    CodeCache(std::io::Error),
    /// A venue.
    #[error(transparent)]
    Venue(#[from] VenueError),
    /// The journal.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The listener.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// A gateway that listens and does not serve yet.
#[derive(Debug)]
pub struct Gateway {
    listener: TcpListener,
    state: AppState,
    upkeep: Upkeep,
    refresh_open: Duration,
}

impl Gateway {
    /// Loads adapters, opens the journal and takes the port. No venue is asked anything yet: one that is
    /// down does not keep the gateway from starting.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let keyring = Arc::new(Keyring::new(&config.auth)?);
        let metrics = Arc::new(Metrics::default());
        // The port first: a second gateway on one machine must fail before it touches anything.
        let listener = api::listen(config.server.listen).await?;
        let journal = store::open(&config.store, metrics.clone())?;
        let upkeep = Upkeep::new(&config.store, journal.clone(), metrics.clone());
        let cache = config
            .plugins
            .code_cache
            .as_deref()
            .map(CodeCache::open)
            .transpose();
        let cache = cache.map_err(StartError::CodeCache)?;
        let runtime = Arc::new(Runtime::new(config.plugins.limits(), cache)?);
        let venues = Arc::new(Venues::set_up(config, runtime, &metrics)?);
        let market = MarketData::new(&config.cache, &metrics);
        let accounts = Accounts::new(&config.cache, &metrics);
        let kept = Kept {
            accounts: accounts.clone(),
            open_orders: OpenOrders::new(&config.cache, &metrics),
        };
        let adoption = Adoption {
            id_prefix: config.orders.id_prefix.clone(),
            tenant: config.auth.tenant_of_unknown_orders().to_owned(),
        };
        let orders = Orders::new(
            venues.clone(),
            journal.clone(),
            metrics.clone(),
            adoption,
            Risk::new(config, market.clone()),
            kept,
        );
        orders.restore_halts().await?;
        for venue in venues.iter() {
            metrics.fates.watch(venue.name());
        }
        let request_timeout = Duration::from_millis(config.server.request_timeout_ms);
        let state = AppState {
            venues,
            market,
            accounts,
            orders,
            journal,
            keyring,
            metrics,
            request_timeout,
            keys_in_flight: KeysInFlight::default(),
        };
        Ok(Self {
            listener,
            state,
            upkeep,
            refresh_open: Duration::from_millis(config.orders.refresh_open_ms),
        })
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// An I/O error of the socket.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves, watches venues and follows unresolved orders until `stop` is ready.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) {
        let mut background = JoinSet::new();
        for venue in self.state.venues.iter() {
            background.spawn(venue.clone().watch());
        }
        background.spawn(self.state.orders.clone().follow_up());
        background.spawn(self.upkeep.run());
        background.spawn(self.state.orders.clone().sweep(self.refresh_open));
        api::serve(self.listener, api::router(self.state), stop).await;
        background.shutdown().await;
    }
}
