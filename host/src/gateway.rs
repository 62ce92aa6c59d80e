//! The gateway put together: configuration in, a serving process out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use switchyard_runtime::{CodeCache, LoadError, Runtime};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::account::Accounts;
use crate::api::{self, AppState, Keyring, KeyringError, KeysInFlight, ServeError};
use crate::config::{Config, ConfigError};
use crate::market::MarketData;
use crate::orders::{Adoption, Kept, OpenOrders, Orders, Risk};
use crate::plugin::compile::{CompileError, CompileIn, Compiler};
use crate::plugin::{Newcomers, PluginError, Plugins};
use crate::store::{self, StoreError, Upkeep};
use crate::telemetry::{LoggingError, Metrics};
use crate::venue::{Venue, VenueError, Venues};

/// Time before what keeps a venue from going live is tried again.
const ADMIT_AGAIN: Duration = Duration::from_secs(1);

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
    /// The compiler of adapters.
    #[error(transparent)]
    Compiler(#[from] CompileError),
    /// An adapter.
    #[error(transparent)]
    Plugin(#[from] PluginError),
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
    /// down does not keep the gateway from starting, nor does one whose adapter is not here yet. Adapters that
    /// the code cache does not hold are compiled where `compile_in` says.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: &Config, compile_in: CompileIn) -> Result<Self, StartError> {
        let keyring = Arc::new(Keyring::new(&config.auth)?);
        let metrics = Arc::new(Metrics::default());
        // The port first: a second gateway on one machine must fail before it touches anything.
        let listener = api::listen(config.server.listen).await?;
        let journal = store::open(&config.store, metrics.clone())?;
        let upkeep = Upkeep::new(&config.store, journal.clone(), metrics.clone());
        let cache = CodeCache::open(&config.code_cache()).map_err(StartError::CodeCache)?;
        let runtime = Arc::new(Runtime::new(config.plugins.limits(), Some(cache))?);
        let limits = config.plugins.compile_limits();
        let compiler = Compiler::new(runtime, compile_in, limits)?;
        let plugins = Plugins::load(config, Arc::new(compiler), &journal, &metrics).await?;
        let plugins = Arc::new(plugins);
        let venues = Arc::new(Venues::set_up(config, &plugins, &metrics)?);
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
        for venue in venues.names() {
            metrics.fates.watch(venue);
        }
        let request_timeout = Duration::from_millis(config.server.request_timeout_ms);
        let state = AppState {
            venues,
            plugins,
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

    /// The venue of this name.
    pub(crate) fn venue(&self, name: &str) -> Option<Arc<Venue>> {
        self.state.venues.get(name).cloned()
    }

    /// Serves, watches venues and follows unresolved orders until `stop` is ready.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) {
        let mut background = JoinSet::new();
        let (venues, orders) = (self.state.venues.clone(), self.state.orders.clone());
        for venue in venues.iter() {
            attend(&mut background, venue, &orders, self.refresh_open);
        }
        background.spawn(orders.clone().follow_up());
        background.spawn(self.upkeep.run());
        let (newcomers, came) = mpsc::channel(1);
        let plugins = self.state.plugins.clone();
        background.spawn(plugins.run(Arc::downgrade(&venues), newcomers));
        let admitting = admit(came, &venues, &orders, self.refresh_open, &mut background);
        tokio::select! {
            () = api::serve(self.listener, api::router(self.state), stop) => {}
            () = admitting => {}
        }
        background.shutdown().await;
    }
}

/// Watches a venue and sweeps its orders.
fn attend(
    background: &mut JoinSet<()>,
    venue: &Arc<Venue>,
    orders: &Orders,
    refresh_open: Duration,
) {
    background.spawn(venue.clone().watch());
    background.spawn(orders.clone().sweep(venue.clone(), refresh_open));
}

/// Lets in venues whose adapters came while the gateway served, and has them attended to. Never ends.
async fn admit(
    mut came: mpsc::Receiver<Newcomers>,
    venues: &Venues,
    orders: &Orders,
    refresh_open: Duration,
    background: &mut JoinSet<()>,
) {
    while let Some(newcomers) = came.recv().await {
        for venue in newcomers.venues {
            while let Err(error) = orders.admit(&venue).await {
                tracing::error!(venue = venue.name(), %error, "a venue cannot go live: the journal cannot be read");
                tokio::time::sleep(ADMIT_AGAIN).await;
            }
            venues.admit(venue.clone());
            attend(background, &venue, orders, refresh_open);
            tracing::info!(
                venue = venue.name(),
                adapter = venue.adapter_name(),
                "the venue goes live"
            );
        }
        let _ = newcomers.admitted.send(());
    }
    std::future::pending().await
}
