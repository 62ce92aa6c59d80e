//! The gateway put together: configuration in, a serving process out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use switchyard_runtime::{CodeCache, LoadError, Runtime};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::account::Accounts;
use crate::api::{
    self, AppState, Door, KeyringError, KeysInFlight, ServeError, Serving, Slots, Stopping, Tls,
};
use crate::config::{Config, ConfigError};
use crate::market::MarketData;
use crate::orders::{Adoption, Kept, OpenOrders, Orders, Risk};
use crate::plugin::compile::{CompileError, CompileIn, Compiler};
use crate::plugin::{Newcomers, PluginError, Plugins};
use crate::secrets::{Following, NamedSecretError, Secrets};
use crate::store::{self, Dependencies, Lease, Standing, StoreError, Upkeep};
use crate::telemetry::{EmfReporter, LoggingError, Metrics};
use crate::venue::{Venue, VenueError, Venues};

/// Why the gateway does not start. Each message names the key or file to change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Logging.
    #[error(transparent)]
    Logging(#[from] LoggingError),
    /// A secret.
    #[error(transparent)]
    Secret(#[from] NamedSecretError),
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
    /// The reports to CloudWatch.
    #[error("telemetry.emf: {0}")]
    Emf(std::io::Error),
}

/// What a gateway that was taken over from may still tell its callers: nothing that it does has an effect.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// How long giving the journal up may take; where it is not, its lease ends by itself.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two tries to read from the journal what is in force.
const READ_AGAIN: Duration = Duration::from_millis(200);

/// How often a standby reads from the journal what is in force: a key that was revoked is soon refused there too.
const KEEP_UP_EVERY: Duration = Duration::from_secs(1);

/// A gateway that listens and does not serve yet.
#[derive(Debug)]
pub struct Gateway {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    state: AppState,
    upkeep: Upkeep,
    following: Following,
    refresh_open: Duration,
    /// Whether nobody else could write when it was read what is in force.
    was_active: bool,
    emf: Option<EmfReporter>,
}

impl Gateway {
    /// Loads adapters, opens the journal and takes the port. No venue is asked anything yet: one that is
    /// down does not keep the gateway from starting, nor does one whose adapter is not here yet. Adapters that
    /// the code cache does not hold are compiled where `compile_in` says.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: &Config, compile_in: CompileIn) -> Result<Self, StartError> {
        let tls = config.server.tls.as_ref().map(Tls::load).transpose()?;
        let metrics = Arc::new(Metrics::default());
        let (secrets, following) = Secrets::open(config, &metrics.secrets).await?;
        let door = Arc::new(Door::new(config, &secrets)?);
        let emf = config.telemetry.emf.as_ref();
        let emf = emf.map(|emf| EmfReporter::start(emf, metrics.clone(), std::io::stdout()));
        let emf = emf.transpose().map_err(StartError::Emf)?;
        // The port first: a second gateway on one machine must fail before it touches anything.
        let listener = api::listen(config.server.listen).await?;
        let journal = store::open(&config.store, &secrets, metrics.clone()).await?;
        let dependencies = Dependencies::of(&config.store, journal.clone(), metrics.clone()).await;
        let upkeep = Upkeep::new(&config.store, journal.clone(), metrics.clone());
        let cache = CodeCache::open(&config.code_cache()).map_err(StartError::CodeCache)?;
        let runtime = Arc::new(Runtime::new(config.plugins.limits(), Some(cache))?);
        let limits = config.plugins.compile_limits();
        let compiler = Compiler::new(runtime, compile_in, limits)?;
        let plugins = Plugins::load(config, Arc::new(compiler), &journal, &metrics).await?;
        let plugins = Arc::new(plugins);
        let venues = Arc::new(Venues::set_up(config, &plugins, &secrets, &metrics)?);
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
        let was_active = journal.lease().standing() != Standing::Standby;
        orders.restore_halts().await?;
        door.keyring.restore(&*journal).await?;
        for venue in venues.names() {
            metrics.watch(venue);
        }
        let request_timeout = Duration::from_millis(config.server.request_timeout_ms);
        let state = AppState {
            venues,
            plugins,
            market,
            accounts,
            orders,
            journal,
            dependencies: Arc::new(dependencies),
            door,
            slots: Slots::new(config),
            server: Arc::new(config.server.clone()),
            metrics,
            request_timeout,
            keys_in_flight: KeysInFlight::default(),
            stopping: Stopping::default(),
        };
        Ok(Self {
            listener,
            tls: tls.map(Arc::new),
            state,
            upkeep,
            following,
            refresh_open: Duration::from_millis(config.orders.refresh_open_ms),
            was_active,
            emf,
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

    /// Serves and watches venues until `stop` is ready, and for `server.drain_notice_seconds` more, not ready; and from
    /// when it may write the journal, follows unresolved orders. Then it gives that leave up.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] where another gateway has taken over.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) -> Result<(), StoreError> {
        let journal = self.state.journal.clone();
        let lease = journal.lease();
        let mut background = JoinSet::new();
        let (venues, orders) = (self.state.venues.clone(), self.state.orders.clone());
        let is_active = is_active(self.state.clone(), self.was_active)
            .boxed()
            .shared();
        let attend = Attend {
            orders: orders.clone(),
            is_active: is_active.clone(),
            refresh_open: self.refresh_open,
        };
        for venue in venues.iter() {
            attend.begin(&mut background, venue);
        }
        background.spawn(after(is_active.clone(), orders.clone().follow_up()));
        background.spawn(after(is_active, self.upkeep.run()));
        background.spawn(self.state.dependencies.clone().watch());
        background.spawn(self.following.run());
        let (newcomers, came) = mpsc::channel(1);
        let plugins = self.state.plugins.clone();
        background.spawn(plugins.run(Arc::downgrade(&venues), newcomers));
        let admitting = admit(came, &venues, &lease, &attend, &mut background);
        let serving = Serving {
            config: self.state.server.clone(),
            tls: self.tls,
            metrics: self.state.metrics.clone(),
            detached: orders.detached().clone(),
        };
        let (stopping, notice) = (self.state.stopping.clone(), serving.config.drain_notice());
        let serving = api::serve(self.listener, api::router(self.state), serving, async {
            tokio::select! {
                () = stop => {
                    stopping.begin();
                    // Routers learn that it is not ready, and turn to others before it listens no more.
                    tokio::select! {
                        () = sleep(notice) => {}
                        _ = lease.lost() => {}
                    }
                }
                _ = lease.lost() => {}
            }
        });
        tokio::select! {
            () = serving => {}
            () = admitting => {}
            () = async { lease.lost().await; sleep(LAST_ANSWERS).await } => {}
        }
        background.shutdown().await;
        // The last report, of everything that the work ended with.
        drop(self.emf);
        match lease.standing() {
            Standing::Lost(to) => Err(StoreError::Fenced(to)),
            _ => {
                let closed = timeout(CLOSE_TIMEOUT, journal.close()).await;
                if let Ok(Err(error)) = closed {
                    tracing::warn!(%error, "the journal was not given up: a standby has to wait for the lease's end");
                }
                Ok(())
            }
        }
    }
}

/// What is done for each venue beside the requests.
struct Attend<A> {
    orders: Orders,
    /// Ready once the gateway may write the journal and knows what is in force.
    is_active: A,
    refresh_open: Duration,
}

impl<A: Future<Output = ()> + Clone + Send + 'static> Attend<A> {
    /// Watches a venue and, from when the gateway is active, sweeps its orders.
    fn begin(&self, background: &mut JoinSet<()>, venue: &Arc<Venue>) {
        background.spawn(venue.clone().watch());
        let sweeping = self.orders.clone().sweep(venue.clone(), self.refresh_open);
        background.spawn(after(self.is_active.clone(), sweeping));
    }
}

/// Lets in venues whose adapters came while the gateway served, and has them attended to. Never ends.
async fn admit<A: Future<Output = ()> + Clone + Send + 'static>(
    mut came: mpsc::Receiver<Newcomers>,
    venues: &Venues,
    lease: &Lease,
    attend: &Attend<A>,
    background: &mut JoinSet<()>,
) {
    let orders = &attend.orders;
    while let Some(newcomers) = came.recv().await {
        for venue in newcomers.venues {
            let was_active = lease.standing() != Standing::Standby;
            let cannot_be_read = |error: StoreError| async move {
                tracing::error!(%error, "a venue cannot go live yet: the journal cannot be read");
                sleep(READ_AGAIN).await;
            };
            while let Err(error) = orders.admit(&venue).await {
                cannot_be_read(error).await;
            }
            venues.admit(venue.clone());
            // Another gateway may have halted it until this one took over, just then.
            while !was_active && let Err(error) = orders.restore_halt(&venue).await {
                cannot_be_read(error).await;
            }
            attend.begin(background, &venue);
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

/// Ready once the gateway may write the journal, and has read what another may have written until then: which venues
/// are halted, and which keys are accepted. Until then it keeps up with both.
async fn is_active(state: AppState, was_active: bool) {
    if was_active {
        return;
    }
    let lease = state.journal.lease();
    if lease.standing() == Standing::Standby {
        tracing::info!("another gateway is active; this one is its standby");
    }
    loop {
        let is_active = timeout(KEEP_UP_EVERY, lease.acquired()).await.is_ok();
        match restore(&state).await {
            Ok(()) if is_active => break,
            Ok(()) => {}
            Err(error) => {
                tracing::error!(%error, "it cannot be read which venues are halted and which keys are accepted");
                sleep(READ_AGAIN).await;
            }
        }
    }
}

async fn restore(state: &AppState) -> Result<(), StoreError> {
    state.orders.restore_halts().await?;
    state.door.keyring.restore(&*state.journal).await
}

async fn after(before: impl Future<Output = ()>, work: impl Future<Output = ()>) {
    before.await;
    work.await;
}
