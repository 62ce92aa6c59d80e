//! Plugins and their versions, as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

use super::lifecycle::{Step, VersionState};
use super::shelf::{Kept, Origin};
use super::trial::Tally;
use crate::model::Timestamp;

/// One version, as it is shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VersionView {
    /// SHA-256 of the component.
    pub sha256: String,
    /// The version it gives itself; `null` until it was loaded.
    pub version: Option<String>,
    /// Where it is in its life.
    pub state: VersionState,
    /// Why it is there.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// How it came.
    pub origin: Origin,
    /// Whose signature it has, where one is asked for.
    pub signed_by: Option<String>,
    /// Size of the component in bytes.
    pub size_bytes: u64,
    /// Its life, oldest first.
    pub history: Vec<Step>,
}

/// The version that serves.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ActiveView {
    /// SHA-256 of the component.
    pub sha256: String,
    /// The version it gives itself.
    pub version: String,
}

/// One plugin, as it is shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PluginView {
    /// Its name: the stem of its file, and what configuration calls `adapter`.
    pub name: String,
    /// The venues that are configured with it.
    pub venues: Vec<String>,
    /// The version that serves; `null` while its venues wait for a first.
    pub active: Option<ActiveView>,
    /// The version that an operator holds it to.
    pub pinned: Option<String>,
    /// What is wrong with its file, or with the directory.
    pub file_problem: Option<String>,
    /// Instances of the active version that are alive.
    pub instances: usize,
    /// How the trial of a candidate goes.
    pub trial: Option<Tally>,
    /// The versions that are kept, the newest first.
    pub versions: Vec<VersionView>,
}

pub(super) fn version_view(sha256: &str, kept: &Kept) -> Option<VersionView> {
    let last = kept.life.last()?;
    Some(VersionView {
        sha256: sha256.to_owned(),
        version: kept.version.clone(),
        state: last.state,
        reason: last.reason.clone(),
        at: last.at,
        origin: kept.origin,
        signed_by: kept.signed_by.clone(),
        size_bytes: kept.size_bytes,
        history: kept.life.steps().to_vec(),
    })
}
