//! Which version a plugin begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use switchyard_runtime::Adapter;

use super::compile::{Compiler, Pace};
use super::directory::{self, PluginError};
use super::gate;
use super::lifecycle::{Life, VersionState};
use super::shelf::{Kept, Ledger, Origin, Shelf, ShelfError, StandIn, sha256_of};
use super::signature;
use crate::config::{Approval, PluginsConfig};
use crate::model::Timestamp;

/// Why the version that serves after a start does.
const STARTED_WITH: &str = "the gateway started with it";

/// What is needed to find the version that a plugin begins with.
pub(super) struct Opening<'a> {
    pub(super) name: &'a str,
    pub(super) venue: &'a str,
    pub(super) shelf: &'a Shelf,
    pub(super) config: &'a PluginsConfig,
    pub(super) compiler: &'a Compiler,
}

/// Why a version that is kept does not serve after a start.
struct NotLoaded {
    problem: String,
    /// Whether it would be so again: the version is to blame, not the moment.
    is_final: bool,
}

impl Opening<'_> {
    /// The version that was good last, or else the file's. `None`: none may serve yet, and why is told.
    pub(super) async fn first(
        &self,
        ledger: &mut Ledger,
    ) -> Result<Option<Arc<Adapter>>, PluginError> {
        self.keep_signature_beside(ledger);
        let wanted = ledger.wanted().cloned();
        let mut remembered: Vec<String> = ledger
            .pinned
            .iter()
            .chain(&wanted)
            .chain(&ledger.active)
            .chain(&ledger.good)
            .filter(|sha256| ledger.state(sha256) != Some(VersionState::Quarantined))
            .cloned()
            .collect();
        let mut seen = BTreeSet::new();
        remembered.retain(|sha256| seen.insert(sha256.clone()));
        let mut failed = BTreeMap::new();
        for sha256 in remembered {
            match self.kept(&sha256).await {
                Ok(adapter) => {
                    serves(ledger, &sha256, wanted, &failed);
                    return Ok(Some(adapter));
                }
                Err(not_loaded) => {
                    let problem = &not_loaded.problem;
                    tracing::error!(
                        plugin = self.name,
                        sha256,
                        problem,
                        "a version that served cannot be loaded"
                    );
                    failed.insert(sha256, not_loaded);
                }
            }
        }
        match self.files_version(ledger).await {
            Ok(Some(adapter)) => {
                serves(ledger, adapter.sha256(), wanted, &failed);
                Ok(Some(adapter))
            }
            Ok(None) => {
                nothing_serves(ledger, &failed);
                Ok(None)
            }
            Err(error @ PluginError::Missing { .. }) => {
                tracing::error!(plugin = self.name, venue = self.venue, %error, "a venue waits for its adapter");
                nothing_serves(ledger, &failed);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A signature may have come beside the file after its version was kept.
    fn keep_signature_beside(&self, ledger: &Ledger) {
        let trusted = &self.config.trusted_keys;
        let Ok((path, bytes)) = directory::read(&self.config.directory, self.name, self.venue)
        else {
            return; // it is missed where it is needed
        };
        let (sha256, text) = (sha256_of(&bytes), directory::signature_beside(&path));
        if ledger.state(&sha256).is_some()
            && signature::verify(trusted, &bytes, text.as_deref()).is_ok()
            && let Err(error) = self.shelf.keep(self.name, &sha256, &bytes, text.as_deref())
        {
            tracing::error!(plugin = self.name, %error, "a version's signature cannot be kept");
        }
    }

    async fn kept(&self, sha256: &str) -> Result<Arc<Adapter>, NotLoaded> {
        let component = self.shelf.component(self.name, sha256);
        let component = component.map_err(|error| NotLoaded {
            problem: error.to_string(),
            is_final: matches!(error, ShelfError::Changed(_)),
        })?;
        let bytes = component.ok_or_else(|| NotLoaded {
            problem: "it is not kept any more".into(),
            is_final: false,
        })?;
        let adapter = self.compiler.compile(bytes.into(), Pace::AtOnce).await;
        let adapter = adapter.map_err(|error| NotLoaded {
            problem: error.to_string(),
            is_final: error.is_final(),
        })?;
        tracing::info!(
            plugin = self.name,
            version = %adapter.descriptor().adapter_version,
            sha256,
            "adapter loaded: the version that served last"
        );
        Ok(adapter)
    }

    /// `None`: it came to a gateway that served, and nobody has approved it since.
    async fn files_version(
        &self,
        ledger: &mut Ledger,
    ) -> Result<Option<Arc<Adapter>>, PluginError> {
        let (path, bytes) = directory::read(&self.config.directory, self.name, self.venue)?;
        let bytes: Arc<[u8]> = bytes.into();
        let has_served = |kept: &Kept| {
            let mut steps = kept.life.steps().iter();
            steps.any(|step| step.state == VersionState::Active)
        };
        let known = ledger.versions.get(&sha256_of(&bytes));
        if self.config.approval == Approval::Manual && known.is_some_and(|kept| !has_served(kept)) {
            tracing::warn!(
                plugin = self.name,
                venue = self.venue,
                "a venue waits until its adapter is approved"
            );
            return Ok(None);
        }
        let refused = |problem: String| PluginError::Refused {
            path: path.clone(),
            problem,
        };
        let signature = directory::signature_beside(&path);
        let mut signed_by = None;
        if self.config.trusted_keys.are_asked_for() {
            let signed = signature::verify(&self.config.trusted_keys, &bytes, signature.as_deref());
            signed_by = Some(signed.map_err(|error| refused(error.to_string()))?.key);
        }
        let adapter = self.compiler.compile(bytes.clone(), Pace::AtOnce).await;
        let adapter = adapter.map_err(|error| refused(error.to_string()))?;
        gate::conforms(&adapter).await.map_err(refused)?;
        let (sha256, now) = (adapter.sha256().to_owned(), Timestamp::now());
        if let Err(error) = self
            .shelf
            .keep(self.name, &sha256, &bytes, signature.as_deref())
        {
            tracing::error!(plugin = self.name, %error, "a version cannot be kept");
        }
        let mut life = Life::begun(now, "it came as a file");
        step(&mut life, VersionState::Compiling, STARTED_WITH);
        ledger.file = Some(sha256.clone());
        ledger.versions.insert(
            sha256.clone(),
            Kept {
                origin: Origin::File,
                size_bytes: bytes.len().try_into().unwrap_or(u64::MAX),
                version: Some(adapter.descriptor().adapter_version.clone()),
                signed_by,
                life,
            },
        );
        tracing::info!(
            plugin = self.name,
            version = %adapter.descriptor().adapter_version,
            sha256,
            "adapter loaded"
        );
        Ok(Some(adapter))
    }
}

/// Notes that none serves after a start, so that any that comes is news.
fn nothing_serves(ledger: &mut Ledger, failed: &BTreeMap<String, NotLoaded>) {
    ledger.file = None;
    if let Some(before) = ledger.active.take() {
        goes(ledger, &before, failed);
    }
}

/// Notes which version serves after a start. Where it is not the one that was to, that one is tried first the next
/// time, unless it is to blame.
fn serves(
    ledger: &mut Ledger,
    sha256: &str,
    wanted: Option<String>,
    failed: &BTreeMap<String, NotLoaded>,
) {
    let before = ledger.active.replace(sha256.to_owned());
    if let Some(before) = before.filter(|before| before != sha256) {
        goes(ledger, &before, failed);
    }
    ledger.good.retain(|good| good != sha256);
    let Some(kept) = ledger.versions.get_mut(sha256) else {
        return;
    };
    if kept.life.state() != VersionState::Active {
        step(&mut kept.life, VersionState::Active, STARTED_WITH);
    }
    let is_absent = |wanted: &String| failed.get(wanted).is_some_and(|failed| !failed.is_final);
    let since = kept.life.last().map(|step| step.at);
    ledger.stands_in_for = wanted
        .filter(|wanted| wanted != sha256 && is_absent(wanted))
        .zip(since)
        .map(|(sha256, since)| StandIn { sha256, since });
}

/// Notes that another version serves after a start than the one before.
fn goes(ledger: &mut Ledger, before: &str, failed: &BTreeMap<String, NotLoaded>) {
    let Some(kept) = ledger.versions.get_mut(before) else {
        return;
    };
    let failed = failed.get(before);
    let reason = failed.map_or_else(
        || "another serves since a start".to_owned(),
        |failed| format!("it could not be loaded at a start: {}", failed.problem),
    );
    if kept.life.state() == VersionState::Active {
        if failed.is_some_and(|failed| failed.is_final) {
            step(&mut kept.life, VersionState::Quarantined, &reason);
            return;
        }
        step(&mut kept.life, VersionState::Draining, &reason);
        step(&mut kept.life, VersionState::Retired, &reason);
    }
    ledger.good.retain(|good| good != before);
    ledger.good.insert(0, before.to_owned());
}

fn step(life: &mut Life, to: VersionState, reason: &str) {
    if let Err(error) = life.step(to, Timestamp::now(), reason) {
        tracing::error!(%error, "a step that there is not");
    }
}
