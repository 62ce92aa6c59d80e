//! All plugins: loaded at the start, watched, and changed on an operator's word.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};

use super::compile::Compiler;
use super::directory::{self, PluginError};
use super::lifecycle::VersionState;
use super::newcomer::Newcomers;
use super::opening::Opening;
use super::shelf::{Origin, Shelf, sha256_of};
use super::slot::Slot;
use super::versions::{Arrival, Versions};
use super::view::{ActiveView, PluginView, VersionView, version_view};
use super::watch::{DirectoryWatch, Sighting, WatchSettings};
use super::wishes::{Wish, WishError};
use super::worker::{Ask, Plugin};
use crate::config::{Config, PluginsConfig};
use crate::store::Journal;
use crate::telemetry::Metrics;
use crate::venue::Venues;

/// What waits for one plugin's worker; more waits at the door.
const QUEUE: usize = 16;

/// Why an operator's wish was not fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManageError {
    /// No venue is configured with it.
    #[error("no venue is configured with a plugin {name:?}; there are: {known}")]
    NoSuchPlugin {
        /// The name asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The plugin says no.
    #[error(transparent)]
    Wish(#[from] WishError),
    /// The gateway is stopping.
    #[error("the gateway is stopping")]
    Stopping,
}

#[derive(Debug)]
struct Handle {
    versions: Arc<Versions>,
    /// Once a version serves.
    plugin: OnceLock<Arc<Plugin>>,
    asks: mpsc::Sender<Ask>,
    /// Until the worker takes it.
    asked: Mutex<Option<mpsc::Receiver<Ask>>>,
    file_problem: Mutex<Option<String>>,
}

/// All plugins that venues are configured with.
#[derive(Debug)]
pub struct Plugins {
    by_name: BTreeMap<String, Handle>,
    config: PluginsConfig,
    directory_problem: Mutex<Option<String>>,
}

impl Plugins {
    /// Loads the last good version of each plugin; of one that has none, its file. One that has neither waits for it.
    ///
    /// # Errors
    /// [`PluginError`], naming plugin and venue.
    pub async fn load(
        config: &Config,
        compiler: Arc<Compiler>,
        journal: &Arc<Journal>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, PluginError> {
        let plugins = &config.plugins;
        let mut by_name = BTreeMap::new();
        if config.venues.is_empty() {
            return Ok(Self {
                by_name,
                config: plugins.clone(),
                directory_problem: Mutex::default(),
            });
        }
        directory::check(&plugins.directory)?;
        let shelf = Shelf::open(
            &config.plugin_state_directory(),
            plugins.trusted_keys.clone(),
        )?;
        for (venue, configured) in &config.venues {
            let name = &configured.adapter;
            if by_name.contains_key(name) {
                continue;
            }
            let mut ledger = shelf.ledger(name);
            let opening = Opening {
                name,
                venue,
                shelf: &shelf,
                config: plugins,
                compiler: &compiler,
            };
            let active = opening.first(&mut ledger).await?;
            let versions = Arc::new(Versions {
                name: name.clone(),
                ledger: Arc::new(Mutex::new(ledger)),
                saving: Arc::default(),
                shelf: shelf.clone(),
                compiler: compiler.clone(),
                config: plugins.clone(),
                journal: journal.clone(),
                venues: OnceLock::new(),
                metrics: metrics.clone(),
            });
            versions.save().await;
            let (asks, asked) = mpsc::channel(QUEUE);
            let handle = Handle {
                versions: versions.clone(),
                plugin: OnceLock::new(),
                asks,
                asked: Mutex::new(Some(asked)),
                file_problem: Mutex::default(),
            };
            match active {
                Some(active) => {
                    metrics.plugins.serves(name, &active, None);
                    let slot = Arc::new(Slot::new(name, active, plugins.traps_allowed));
                    let _ = handle.plugin.set(Arc::new(Plugin { slot, versions }));
                }
                None => handle.has_problem(Some("there is no file".into())),
            }
            by_name.insert(name.clone(), handle);
        }
        Ok(Self {
            by_name,
            config: plugins.clone(),
            directory_problem: Mutex::default(),
        })
    }

    /// Largest component that is taken, in bytes.
    pub fn component_bytes(&self) -> usize {
        self.config.component_bytes
    }

    /// Where the versions of a plugin serve; `None` while there are none.
    pub fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        Some(self.by_name.get(name)?.plugin.get()?.slot.clone())
    }

    /// Watches the directory and drives every plugin until the task is dropped, and everything with it. Venues whose
    /// plugin's first version comes are handed to `newcomers`.
    pub async fn run(self: Arc<Self>, venues: Weak<Venues>, newcomers: mpsc::Sender<Newcomers>) {
        if self.by_name.is_empty() {
            return;
        }
        let workers = self.by_name.iter().map(|(name, handle)| {
            let _ = handle.versions.venues.set(venues.clone());
            survived(name, handle.work(&newcomers))
        });
        let (watch, mut sightings) = DirectoryWatch::new(WatchSettings::new(&self.config));
        let seen = async {
            while let Some(sighting) = sightings.recv().await {
                self.take_in(sighting).await;
            }
        };
        // All of it ends with this task, and lets the journal go: a panic must end no more than its own part.
        tokio::join!(
            futures_util::future::join_all(workers),
            survived("plugins.directory", watch.run()),
            survived("plugins.directory", seen)
        );
    }

    async fn take_in(&self, sighting: Sighting) {
        match sighting {
            Sighting::Found {
                name,
                bytes,
                sha256,
                signature,
                ..
            } => {
                let Some(handle) = self.by_name.get(&name) else {
                    tracing::info!(
                        plugin = name,
                        sha256,
                        "a file that no venue is configured with"
                    );
                    return;
                };
                handle.has_problem(None);
                let arrival = Arrival {
                    bytes: bytes.into(),
                    sha256,
                    signature,
                    origin: Origin::File,
                    by: "as a file".into(),
                };
                // What becomes of it is not waited for: other plugins' files are not to wait either.
                let (done, _) = oneshot::channel();
                let _ = handle.asks.send(Ask::Arrived(arrival, done)).await;
            }
            Sighting::Unreadable {
                name,
                path,
                problem,
            } => {
                let path = path.display();
                tracing::error!(plugin = name, %path, problem, "a plugin's file cannot be had; the version that serves stays");
                if let Some(handle) = self.by_name.get(&name) {
                    handle.has_problem(Some(problem));
                }
            }
            Sighting::Gone { name } => {
                if let Some(handle) = self.by_name.get(&name) {
                    handle.has_problem(Some("the file is gone".into()));
                    let _ = handle.asks.send(Ask::FileGone).await;
                }
            }
            Sighting::DirectoryGone { problem } => {
                tracing::error!(
                    problem,
                    "plugins.directory cannot be read; what serves stays"
                );
                let problem = format!("plugins.directory cannot be read: {problem}");
                note(&self.directory_problem, Some(problem));
            }
            Sighting::DirectoryBack => {
                tracing::info!("plugins.directory can be read again");
                note(&self.directory_problem, None);
            }
        }
    }

    fn handle(&self, name: &str) -> Result<&Handle, ManageError> {
        self.by_name.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
            ManageError::NoSuchPlugin {
                name: name.to_owned(),
                known: names.join(", "),
            }
        })
    }

    /// Takes in a component as a file would be. Returns where it is in its life.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn install(
        &self,
        name: &str,
        bytes: Arc<[u8]>,
        signature: Option<Vec<u8>>,
        by: &str,
    ) -> Result<(String, VersionState), ManageError> {
        let handle = self.handle(name)?;
        let sha256 = sha256_of(&bytes);
        let arrival = Arrival {
            bytes,
            sha256: sha256.clone(),
            signature,
            origin: Origin::Upload,
            by: format!("from key {by}"),
        };
        let state = handle.arrive(arrival).await?;
        Ok((sha256, state))
    }

    /// Does what an operator wants.
    ///
    /// # Errors
    /// [`ManageError`]
    pub async fn wish(&self, name: &str, wish: Wish, by: &str) -> Result<(), ManageError> {
        let handle = self.handle(name)?;
        let (done, result) = oneshot::channel();
        let ask = Ask::Wished {
            wish,
            by: format!("key {by}"),
            done,
        };
        let stopping = |_| ManageError::Stopping;
        handle
            .asks
            .send(ask)
            .await
            .map_err(|_| ManageError::Stopping)?;
        Ok(result.await.map_err(stopping)??)
    }

    /// One plugin, as it is.
    ///
    /// # Errors
    /// [`ManageError::NoSuchPlugin`]
    pub fn view(&self, name: &str, venues: &Venues) -> Result<PluginView, ManageError> {
        let handle = self.handle(name)?;
        Ok(self.view_of(handle, venues))
    }

    /// All of them.
    pub fn views(&self, venues: &Venues) -> Vec<PluginView> {
        self.by_name
            .values()
            .map(|handle| self.view_of(handle, venues))
            .collect()
    }

    fn view_of(&self, handle: &Handle, venues: &Venues) -> PluginView {
        let view = handle.view(venues);
        let file_problem = noted(&self.directory_problem).or(view.file_problem);
        PluginView {
            file_problem,
            ..view
        }
    }
}

impl Handle {
    /// Works until the gateway stops.
    async fn work(&self, newcomers: &mpsc::Sender<Newcomers>) {
        let asked = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.take()
        };
        let Some(mut asked) = asked else {
            return;
        };
        let mut plugin = self.plugin.get().cloned();
        if plugin.is_none() {
            plugin = self.versions.wait_for_first(&mut asked, newcomers).await;
        }
        let Some(plugin) = plugin else {
            return;
        };
        self.plugin.get_or_init(|| plugin).clone().work(asked).await;
    }

    fn has_problem(&self, problem: Option<String>) {
        note(&self.file_problem, problem);
    }

    async fn arrive(&self, arrival: Arrival) -> Result<VersionState, ManageError> {
        let (done, state) = oneshot::channel();
        let sent = self.asks.send(Ask::Arrived(arrival, done)).await;
        sent.map_err(|_| ManageError::Stopping)?;
        state.await.map_err(|_| ManageError::Stopping)
    }

    fn view(&self, venues: &Venues) -> PluginView {
        let name = self.versions.name();
        let serving = self.plugin.get().map(|plugin| plugin.slot.serving());
        let serving = serving.as_ref();
        let ledger = self.versions.ledger().clone();
        let mut versions: Vec<VersionView> = ledger
            .versions
            .iter()
            .filter_map(|(sha256, kept)| version_view(sha256, kept))
            .collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.at));
        PluginView {
            name: name.to_owned(),
            venues: venues.with_adapter(name).map(str::to_owned).collect(),
            active: serving.map(|serving| ActiveView {
                sha256: serving.active.sha256().to_owned(),
                version: serving.active.descriptor().adapter_version.clone(),
            }),
            pinned: ledger.pinned,
            file_problem: noted(&self.file_problem),
            instances: serving.map_or(0, |serving| serving.active.pool_status().alive),
            trial: serving.and_then(|serving| Some(serving.trial.as_ref()?.tally())),
            versions,
        }
    }
}

/// Does work to its end, which a panic is too.
async fn survived(what: &str, work: impl Future<Output = ()>) {
    if AssertUnwindSafe(work).catch_unwind().await.is_err() {
        tracing::error!(
            what,
            "a panic ended the reloading of adapters; what serves stays, and a restart begins it again"
        );
    }
}

fn note(place: &Mutex<Option<String>>, problem: Option<String>) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = problem;
}

fn noted(place: &Mutex<Option<String>>) -> Option<String> {
    place.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
