//! The versions of one plugin, as they are kept: what serves, and what waits for a first version, work with them
//! alike.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use switchyard_runtime::Adapter;

use super::compile::{Compiler, Pace};
use super::lifecycle::{Life, NoSuchStep, VersionState};
use super::shelf::{Kept, Ledger, Origin, Shelf, ShelfError};
use super::signature;
use super::wishes::{WishError, no_such_version};
use super::worker::Attempt;
use crate::config::PluginsConfig;
use crate::model::Timestamp;
use crate::store::Journal;
use crate::telemetry::Metrics;
use crate::venue::Venues;

/// A component that came.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    /// The component.
    pub bytes: Arc<[u8]>,
    /// Its SHA-256.
    pub sha256: String,
    /// Its detached signature.
    pub signature: Option<Vec<u8>>,
    /// How it came.
    pub origin: Origin,
    /// Who brought it, for people.
    pub by: String,
}

/// What is known of a plugin's versions, and what it takes to make more of them. Shared with those who look.
pub(super) struct Versions {
    pub(super) name: String,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    /// Held while the ledger is written.
    pub(super) saving: Arc<Mutex<()>>,
    pub(super) shelf: Shelf,
    pub(super) compiler: Arc<Compiler>,
    pub(super) config: PluginsConfig,
    pub(super) journal: Arc<Journal>,
    pub(super) venues: OnceLock<Weak<Venues>>,
    pub(super) metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Versions")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Versions {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    pub(super) fn venues(&self) -> Option<Arc<Venues>> {
        self.venues.get()?.upgrade()
    }

    /// Takes in a component. Returns it where it is news that is to be tried out.
    pub(super) async fn take_in(
        &self,
        arrival: Arrival,
        under_way: Option<&str>,
    ) -> Option<Arc<[u8]>> {
        let sha256 = arrival.sha256.clone();
        let signed = self.signed(&arrival);
        let (state, is_newly_signed, is_seen, is_first) = {
            let mut ledger = self.ledger();
            let is_seen = arrival.origin == Origin::File && ledger.file.as_ref() == Some(&sha256);
            if arrival.origin == Origin::File {
                ledger.file = Some(sha256.clone());
            }
            let is_newly_signed = match (&signed, ledger.versions.get_mut(&sha256)) {
                (Ok(Some(key)), Some(kept)) => {
                    kept.signed_by.replace(key.clone()).as_ref() != Some(key)
                }
                _ => false,
            };
            let (state, is_first) = (ledger.state(&sha256), ledger.active.is_none());
            (state, is_newly_signed, is_seen, is_first)
        };
        if signed.is_ok() && state.is_some() {
            self.keep(&arrival, true).await; // its signature may be new
        }
        let is_under_way = under_way == Some(sha256.as_str());
        let is_new = match state {
            Some(VersionState::Active) => false,
            Some(VersionState::Quarantined) => is_first && !is_seen, // better than none
            Some(VersionState::Discovered) => !is_under_way,         // a restart interrupted it
            Some(state) if state.is_on_its_way() => false,
            // A signature may have come after the file.
            Some(VersionState::Rejected) => !is_seen || is_newly_signed,
            Some(_) => !is_seen,
            None => true,
        };
        if !is_new {
            if state == Some(VersionState::Quarantined) {
                let text = "this version is quarantined; it is not tried again unless it is promoted by hand";
                tracing::warn!(plugin = self.name(), sha256, "{text}");
            }
            self.save().await;
            return None;
        }
        self.keep(&arrival, signed.is_ok()).await;
        let now = Timestamp::now();
        {
            let mut ledger = self.ledger();
            ledger
                .versions
                .entry(sha256.clone())
                .or_insert_with(|| Kept {
                    origin: arrival.origin,
                    size_bytes: arrival.bytes.len().try_into().unwrap_or(u64::MAX),
                    version: None,
                    signed_by: signed.as_ref().ok().cloned().flatten(),
                    life: Life::begun(now, format!("it came {}", arrival.by)),
                });
        }
        tracing::info!(plugin = self.name(), sha256, by = %arrival.by, "a version came");
        if let Err(reason) = signed {
            self.step(&sha256, VersionState::Rejected, &reason).await;
            return None;
        }
        let pinned = self.ledger().pinned.clone();
        if let Some(pinned) = pinned.filter(|pinned| *pinned != sha256) {
            tracing::warn!(
                plugin = self.name(),
                sha256,
                pinned,
                "the plugin is pinned to another version"
            );
            self.save().await;
            return None;
        }
        Some(arrival.bytes)
    }

    /// Whose signature it has, where one is asked for.
    fn signed(&self, arrival: &Arrival) -> Result<Option<String>, String> {
        let trusted = &self.config.trusted_keys;
        if !trusted.are_asked_for() {
            return Ok(None);
        }
        let text = arrival.signature.as_deref().map(String::from_utf8_lossy);
        let signed = signature::verify(trusted, &arrival.bytes, text.as_deref());
        let signed_by = signed.map_err(|error| error.to_string())?;
        Ok(Some(signed_by.key))
    }

    /// Keeps what came, its signature only where that counts: one that does not takes no other's place.
    async fn keep(&self, arrival: &Arrival, with_signature: bool) {
        let (shelf, name, arrival) = (self.shelf.clone(), self.name.clone(), arrival.clone());
        let kept = blocking(move || {
            let signature = arrival.signature.filter(|_| with_signature);
            let signature = signature.and_then(|text| String::from_utf8(text).ok());
            shelf.keep(&name, &arrival.sha256, &arrival.bytes, signature.as_deref())
        });
        if let Err(error) = kept.await {
            tracing::error!(plugin = self.name(), %error, "a version cannot be kept");
        }
    }

    pub(super) async fn load(
        &self,
        sha256: &str,
        bytes: Arc<[u8]>,
    ) -> Result<Arc<Adapter>, String> {
        let candidate = self.compiler.compile(bytes, Pace::Beside).await;
        let candidate = candidate.map_err(|error| error.to_string())?;
        if let Some(kept) = self.ledger().versions.get_mut(sha256) {
            kept.version = Some(candidate.descriptor().adapter_version.clone());
        }
        Ok(candidate)
    }

    /// The component of one of this plugin's versions.
    pub(super) async fn component(&self, sha256: &str) -> Result<Arc<[u8]>, WishError> {
        if self.ledger().state(sha256).is_none() {
            return Err(no_such_version(sha256));
        }
        let (shelf, name, named) = (self.shelf.clone(), self.name.clone(), sha256.to_owned());
        match blocking(move || shelf.component(&name, &named)).await {
            Ok(Some(bytes)) => Ok(bytes.into()),
            Ok(None) => Err(no_such_version(sha256)),
            Err(error) => Err(WishError::Unusable(error.to_string())),
        }
    }

    /// Lets newer versions serve again. Returns the file's, where another serves.
    pub(super) async fn unpin(&self) -> Option<(String, Arc<[u8]>)> {
        let waiting = {
            let mut ledger = self.ledger();
            ledger.pinned.take()?;
            let waiting = ledger.file.clone();
            waiting.filter(|sha256| {
                let is_quarantined = ledger.state(sha256) == Some(VersionState::Quarantined);
                ledger.active.as_ref() != Some(sha256) && !is_quarantined
            })
        };
        self.save().await;
        let sha256 = waiting?;
        match self.component(&sha256).await {
            Ok(bytes) => Some((sha256, bytes)),
            Err(error) => {
                tracing::error!(plugin = self.name(), sha256, %error, "the file's version cannot be had");
                None
            }
        }
    }

    /// Removes a version that nobody needs.
    pub(super) async fn forget(&self, sha256: &str) -> Result<(), WishError> {
        self.must_be_idle(sha256)?;
        self.ledger().forget(sha256);
        self.save().await;
        let (shelf, name, named) = (self.shelf.clone(), self.name.clone(), sha256.to_owned());
        if let Err(error) = blocking(move || shelf.remove(&name, &named)).await {
            tracing::warn!(plugin = self.name(), %error, "a version's component stays");
        }
        Ok(())
    }

    /// Refuses to remove what is at work.
    pub(super) fn must_be_idle(&self, sha256: &str) -> Result<(), WishError> {
        let state = self.ledger().state(sha256);
        match state {
            None => Err(no_such_version(sha256)),
            Some(state) if state.is_at_work() => {
                let text = format!("the version is {}; it cannot be removed", state.name());
                Err(WishError::NotNow(text))
            }
            Some(_) => Ok(()),
        }
    }

    /// Notes a step in a version's life.
    pub(super) async fn step(&self, sha256: &str, to: VersionState, reason: &str) {
        let is_noted = self.note_step(&mut self.ledger(), sha256, to, reason);
        if is_noted {
            self.save().await;
        }
    }

    /// Notes a step that is saved with what else is noted. Returns whether there is such a step.
    pub(super) fn note_step(
        &self,
        ledger: &mut Ledger,
        sha256: &str,
        to: VersionState,
        reason: &str,
    ) -> bool {
        let kept = ledger.versions.get_mut(sha256);
        match kept.map(|kept| step_via(&mut kept.life, to, reason)) {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::error!(plugin = self.name(), sha256, %error, "a step that there is not");
                return false;
            }
            None => return false,
        }
        match to {
            VersionState::Rejected | VersionState::Quarantined => {
                tracing::error!(
                    plugin = self.name(),
                    sha256,
                    state = to.name(),
                    reason,
                    "plugin version"
                );
            }
            _ => tracing::info!(
                plugin = self.name(),
                sha256,
                state = to.name(),
                reason,
                "plugin version"
            ),
        }
        self.metrics.plugins.stepped(self.name(), to.name());
        true
    }

    /// Writes what is known by then. A lock of the thread that writes, and not one to be waited for here: whoever is
    /// not polled on would keep everyone waiting.
    pub(super) async fn save(&self) {
        let (shelf, name) = (self.shelf.clone(), self.name().to_owned());
        let (ledger, saving) = (self.ledger.clone(), self.saving.clone());
        let written = blocking(move || {
            let _turn = lock(&saving);
            let ledger = lock(&ledger).clone();
            shelf.write_ledger(&name, &ledger)
        });
        if let Err(error) = written.await {
            tracing::error!(plugin = self.name(), %error, "what became of the versions cannot be kept");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses to remove what is being tried, which nothing else says of it at first.
pub(super) fn must_be_untried<T>(
    attempt: Option<&Attempt<T>>,
    sha256: &str,
) -> Result<(), WishError> {
    if attempt.is_some_and(|attempt| attempt.sha256 == sha256) {
        let text = "the version is being tried; it cannot be removed";
        return Err(WishError::NotNow(text.into()));
    }
    Ok(())
}

/// Takes a step; what comes back to serve by hand is compiled on the way if it must be.
fn step_via(life: &mut Life, to: VersionState, reason: &str) -> Result<(), NoSuchStep> {
    let now = Timestamp::now();
    if to == VersionState::Active && life.state() == VersionState::Discovered {
        life.step(VersionState::Compiling, now, reason)?;
    }
    life.step(to, now, reason)
}

/// Does file work where it delays nobody.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ShelfError> + Send + 'static,
) -> Result<T, ShelfError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(ShelfError::Io {
                path: Default::default(),
                source: std::io::Error::other(error),
            })
        })
}
