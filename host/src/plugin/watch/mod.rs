//! Watches the directory of adapters and says what changed in it.
//!
//! A *look* at the directory is the only source of truth: an event of the file system, or a tick of the
//! poll, says no more than "look again". Looks are never closer than [`WatchSettings::settle`], and a state
//! is told once two looks running have seen it. So a file that is still being copied, an editor that
//! deletes and creates, and a burst of a thousand writes need no rules of their own.

mod events;
mod look;
mod pace;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::config::PluginsConfig;
use events::Events;
use look::{Listing, Reading};
use pace::Pace;
use settle::{Confirmed, File, Glance, State, Step};

/// Sightings that wait for the receiver; each may carry a whole component.
const WAITING_SIGHTINGS: usize = 4;

/// What a look at the directory found, once it is settled.
#[derive(Clone, PartialEq, Eq)]
pub enum Sighting {
    /// `NAME.wasm` is there and its content, or its signature's, is not what was told last.
    Found {
        /// NAME.
        name: String,
        /// The file.
        path: PathBuf,
        /// All of it.
        bytes: Vec<u8>,
        /// Lower-case hexadecimal SHA-256 of `bytes`.
        sha256: String,
        /// What `NAME.wasm.minisig` holds, where there is one.
        signature: Option<Vec<u8>>,
    },
    /// `NAME.wasm` is there and cannot be had. Told once, until something about it changes.
    Unreadable {
        /// NAME.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// `NAME.wasm` is there no more.
    Gone {
        /// NAME.
        name: String,
    },
    /// The directory cannot be read. Nothing is said of its files until it is back.
    DirectoryGone {
        /// Why.
        problem: String,
    },
    /// The directory can be read again; what changed in between follows.
    DirectoryBack,
}

impl fmt::Debug for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found {
                name,
                bytes,
                sha256,
                signature,
                ..
            } => f
                .debug_struct("Found")
                .field("name", name)
                .field("bytes", &bytes.len())
                .field("sha256", sha256)
                .field("signed", &signature.is_some())
                .finish_non_exhaustive(),
            Self::Unreadable { name, problem, .. } => f
                .debug_struct("Unreadable")
                .field("name", name)
                .field("problem", problem)
                .finish_non_exhaustive(),
            Self::Gone { name } => f.debug_struct("Gone").field("name", name).finish(),
            Self::DirectoryGone { problem } => f
                .debug_struct("DirectoryGone")
                .field("problem", problem)
                .finish(),
            Self::DirectoryBack => f.write_str("DirectoryBack"),
        }
    }
}

/// What is watched, and how often it is looked at.
#[derive(Debug, Clone)]
pub struct WatchSettings {
    /// The directory of `NAME.wasm` files.
    pub directory: PathBuf,
    /// Largest component, in bytes.
    pub component_bytes: usize,
    /// How long content must stay as it is before it is told. A few times the resolution of the file
    /// system's clock (4 ms on Linux) at the least.
    pub settle: Duration,
    /// Longest time between two looks where nothing happens; absent relies on events, as long as they can
    /// be had.
    pub poll: Option<Duration>,
    /// Whether the operating system is asked for events.
    pub events: bool,
}

impl WatchSettings {
    /// As configuration has them.
    pub fn new(config: &PluginsConfig) -> Self {
        Self {
            directory: config.directory.clone(),
            component_bytes: config.component_bytes,
            settle: Duration::from_millis(config.settle_ms),
            poll: Some(Duration::from_millis(config.poll_ms)).filter(|poll| !poll.is_zero()),
            events: true,
        }
    }
}

/// Looks at the directory of adapters for as long as somebody listens.
#[derive(Debug)]
pub struct DirectoryWatch {
    settings: WatchSettings,
    sightings: mpsc::Sender<Sighting>,
    wake: Arc<Notify>,
    /// The problem with the directory, if there is one.
    directory: Confirmed<Option<String>>,
    files: BTreeMap<String, File>,
    strangers: BTreeSet<String>,
}

/// Nobody receives sightings any more.
struct NobodyListens;

impl DirectoryWatch {
    /// A watch, and where its sightings arrive. The first look reports every component that is present. The
    /// receiver may take its time: the watch waits for it, and then tells what is there, not what was.
    pub fn new(settings: WatchSettings) -> (Self, mpsc::Receiver<Sighting>) {
        let (sightings, receiver) = mpsc::channel(WAITING_SIGHTINGS);
        let watch = Self {
            settings,
            sightings,
            wake: Arc::default(),
            directory: Confirmed::new(None),
            files: BTreeMap::new(),
            strangers: BTreeSet::new(),
        };
        (watch, receiver)
    }

    /// Watches until the receiver is dropped.
    pub async fn run(mut self) {
        let sightings = self.sightings.clone();
        tokio::select! {
            () = sightings.closed() => {}
            _ = self.look_again_and_again() => {}
        }
    }

    async fn look_again_and_again(&mut self) -> Result<(), NobodyListens> {
        let pace = Pace::new(self.wake.clone(), self.settings.settle, self.settings.poll);
        let settings = self.settings.clone();
        let wake = self.wake.clone();
        let mut events = off_the_runtime(move || {
            settings
                .events
                .then(|| Events::subscribe(&settings.directory, wake))
                .flatten()
        })
        .await;
        loop {
            let WatchSettings {
                directory,
                component_bytes,
                ..
            } = self.settings.clone();
            let listing;
            let complete;
            // The subscription is renewed before the look: what happens after it is either seen or wakes.
            (events, complete, listing) = off_the_runtime(move || {
                let complete = events.as_mut().is_some_and(Events::renew);
                (events, complete, look::list(&directory, component_bytes))
            })
            .await;
            self.take_in(listing).await?;
            let settled = self.directory.is_settled() && self.files.values().all(File::is_settled);
            pace.next_look(settled, complete).await;
        }
    }

    async fn take_in(&mut self, listing: Result<Listing, String>) -> Result<(), NobodyListens> {
        let mut listing = match listing {
            Ok(listing) => listing,
            Err(problem) => {
                if self.directory.saw(Some(problem.clone())) {
                    self.tell(Sighting::DirectoryGone { problem }).await?;
                }
                return Ok(());
            }
        };
        if self.directory.saw(None) {
            self.tell(Sighting::DirectoryBack).await?;
        }
        if self.directory.told().is_some() {
            return Ok(());
        }
        self.name_strangers(listing.strangers);
        for name in self.files.keys() {
            let absent = || Glance::Absent;
            listing.files.entry(name.clone()).or_insert_with(absent);
        }
        for (name, glance) in listing.files {
            self.consider(&name, glance).await?;
        }
        self.files.retain(|_, file| !file.is_forgettable());
        Ok(())
    }

    async fn consider(&mut self, name: &str, glance: Glance) -> Result<(), NobodyListens> {
        let now = Instant::now();
        let file = self
            .files
            .entry(name.to_owned())
            .or_insert_with(|| File::new(now));
        let path = look::component_path(&self.settings.directory, name);
        let (state, bytes) = match file.glance(glance, now) {
            Step::Nothing => return Ok(()),
            Step::Saw(state) => (state, Vec::new()),
            Step::Read => {
                let (path, limit) = (path.clone(), self.settings.component_bytes);
                let Reading { state, bytes } =
                    off_the_runtime(move || look::read(&path, limit)).await;
                (state, bytes)
            }
        };
        if !file.saw(state.clone(), now) {
            return Ok(());
        }
        let name = name.to_owned();
        self.tell(match state {
            State::Absent => Sighting::Gone { name },
            State::Problem(problem) => Sighting::Unreadable {
                name,
                path,
                problem,
            },
            State::Content { sha256, signature } => Sighting::Found {
                name,
                path,
                bytes,
                sha256,
                signature,
            },
        })
        .await
    }

    /// Files that are not taken for adapters are named once, as long as they are there.
    fn name_strangers(&mut self, strangers: BTreeSet<String>) {
        for file in strangers.difference(&self.strangers) {
            tracing::warn!(
                directory = %self.settings.directory.display(),
                file,
                "ignored in plugins.directory: adapters are called NAME.wasm, NAME of the form [a-z][a-z0-9_-]*"
            );
        }
        self.strangers = strangers;
    }

    async fn tell(&self, sighting: Sighting) -> Result<(), NobodyListens> {
        let sent = self.sightings.send(sighting).await;
        sent.map_err(|_| NobodyListens)
    }
}

/// Carries out blocking work on a thread for it.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // Cancelled: the runtime is shutting down, and this task with it.
        Err(_) => std::future::pending().await,
    }
}
