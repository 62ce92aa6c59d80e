//! Versions that are kept on disk, and what is known of them: what a restart or a rollback begins with.
//!
//! `versions/NAME/SHA256.wasm` are a plugin's components, with their signatures beside them, and `NAME.json` what
//! became of them. Every file is written beside its place, synced, and moved there: whatever kills the gateway leaves
//! the old or the new.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use switchyard_runtime::make_private;
use utoipa::ToSchema;

use super::lifecycle::{Life, VersionState};
use super::signature::{SignatureError, TrustedKeys};
use crate::model::Timestamp;

/// Directory of the components, within the shelf's.
pub(super) const VERSIONS: &str = "versions";

/// Why the shelf did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// A file cannot be read or written.
    #[error("plugins.state_directory: {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A component is not what it was.
    #[error("plugins.state_directory: {0} was changed")]
    Changed(PathBuf),
    /// A component that no trusted key signed, or whose key is trusted no more.
    #[error("{0}")]
    NotTrusted(#[from] SignatureError),
    /// The directory is open to other users, or belongs to one.
    #[error("plugins.state_directory: {0}")]
    NotPrivate(io::Error),
}

/// How a version came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VersionOrigin)]
pub enum Origin {
    /// As a file in `plugins.directory`.
    File,
    /// By the API.
    Upload,
}

/// What is known of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// How it came.
    pub origin: Origin,
    /// Size of the component in bytes.
    pub size_bytes: u64,
    /// The version it gives itself, once it was loaded.
    pub version: Option<String>,
    /// Whose signature it has, where one is asked for.
    pub signed_by: Option<String>,
    /// Its life so far.
    pub life: Life,
}

/// What is known of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ledger {
    /// The version that serves, by its SHA-256.
    pub active: Option<String>,
    /// Versions that served well before, the newest first.
    pub good: Vec<String>,
    /// The version that an operator holds it to.
    pub pinned: Option<String>,
    /// Which version the active one stands in for, until something else is put to work.
    pub stands_in_for: Option<StandIn>,
    /// What the file in `plugins.directory` held when it was last looked at: only a change of it is news.
    pub file: Option<String>,
    /// Everything that is kept.
    pub versions: BTreeMap<String, Kept>,
}

/// A version that served and could not be loaded at a start through no fault of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StandIn {
    /// It, by its SHA-256.
    pub sha256: String,
    /// Since when another serves instead.
    pub since: Timestamp,
}

impl Ledger {
    /// The version that ought to serve, as far as anything was put to work yet.
    pub(super) fn wanted(&self) -> Option<&String> {
        let active = self.active.as_ref()?;
        let since = self.versions.get(active)?.life.last()?.at;
        let absent = self.stands_in_for.as_ref();
        let absent = absent.filter(|absent| absent.since == since);
        Some(absent.map_or(active, |absent| &absent.sha256))
    }

    /// Where a version is in its life.
    pub(super) fn state(&self, sha256: &str) -> Option<VersionState> {
        self.versions.get(sha256).map(|kept| kept.life.state())
    }

    /// The version that would serve if the active one failed.
    pub(super) fn fallback(&self) -> Option<&String> {
        self.fallbacks().next()
    }

    /// The versions that would serve if the active one failed, the first that loads.
    pub(super) fn fallbacks(&self) -> impl Iterator<Item = &String> {
        self.good.iter().filter(|sha256| {
            Some(*sha256) != self.active.as_ref()
                && self.state(sha256) != Some(VersionState::Quarantined)
        })
    }

    /// Notes that a version serves in place of another, which is fallen back to if it was good.
    pub(super) fn serves(&mut self, sha256: &str, before: &str, was_good: bool) {
        self.active = Some(sha256.to_owned());
        self.good.retain(|good| good != sha256 && good != before);
        if was_good {
            self.good.insert(0, before.to_owned());
        }
    }

    /// Versions that nobody needs any more, beyond the newest `keep`.
    pub(super) fn surplus(&self, keep: usize) -> Vec<String> {
        let mut idle: Vec<(&String, Timestamp)> = self
            .versions
            .iter()
            .filter(|(sha256, kept)| {
                let is_needed = self.active.as_ref() == Some(*sha256)
                    || self.pinned.as_ref() == Some(*sha256)
                    || self.fallback() == Some(*sha256)
                    || self.file.as_ref() == Some(*sha256)
                    || kept.life.state().is_at_work();
                !is_needed
            })
            .map(|(sha256, kept)| {
                let at = kept.life.last().map(|step| step.at);
                (sha256, at.unwrap_or(Timestamp::from_millis(0)))
            })
            .collect();
        idle.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
        idle.into_iter()
            .skip(keep)
            .map(|(sha256, _)| sha256.clone())
            .collect()
    }

    /// Takes a version out.
    pub(super) fn forget(&mut self, sha256: &str) {
        self.versions.remove(sha256);
        self.good.retain(|good| good != sha256);
        if self.pinned.as_deref() == Some(sha256) {
            self.pinned = None;
        }
        let absent = self.stands_in_for.take();
        self.stands_in_for = absent.filter(|absent| absent.sha256 != sha256);
    }
}

/// The shelf. It gives out what is signed as configuration asks for, whenever it was put there.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    pub(super) directory: PathBuf,
    pub(super) trusted_keys: TrustedKeys,
}

impl Shelf {
    /// Opens a directory, making it where it does not exist: private to the gateway's user.
    ///
    /// # Errors
    /// [`ShelfError::NotPrivate`], also where it cannot be made.
    pub(super) fn open(directory: &Path, trusted_keys: TrustedKeys) -> Result<Self, ShelfError> {
        for directory in [directory, &directory.join(VERSIONS)] {
            make_private(directory).map_err(ShelfError::NotPrivate)?;
        }
        Ok(Self {
            directory: directory.to_owned(),
            trusted_keys,
        })
    }

    /// What is known of a plugin: nothing, if nothing was written or what was written cannot be read.
    pub(super) fn ledger(&self, name: &str) -> Ledger {
        let path = self.ledger_path(name);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ledger::default(),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "what is known of a plugin cannot be read");
                return Ledger::default();
            }
        };
        let mut ledger: Ledger = serde_json::from_slice(&text).unwrap_or_else(|error| {
            tracing::error!(path = %path.display(), %error, "what is known of a plugin cannot be read");
            Ledger::default()
        });
        let now = Timestamp::now();
        for (sha256, kept) in &mut ledger.versions {
            let serves = ledger.active.as_ref() == Some(sha256);
            kept.life.interrupted(now, serves);
        }
        ledger
    }

    /// Writes what is known of a plugin.
    ///
    /// # Errors
    /// [`ShelfError::Io`]; what was written before stands.
    pub(super) fn write_ledger(&self, name: &str, ledger: &Ledger) -> Result<(), ShelfError> {
        let text = serde_json::to_vec_pretty(ledger).map_err(io::Error::from);
        let path = self.ledger_path(name);
        let text = text.map_err(|source| ShelfError::Io {
            path: path.clone(),
            source,
        })?;
        write(&path, &text)
    }

    fn ledger_path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.json"))
    }
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn sha256_of(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), ShelfError> {
    let failed = |source| ShelfError::Io {
        path: path.to_owned(),
        source,
    };
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    beside.write_all(bytes).map_err(failed)?;
    beside.as_file().sync_all().map_err(failed)?;
    beside.persist(path).map_err(|error| failed(error.error))?;
    let directory = File::open(directory).map_err(failed)?;
    directory.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(states: &[VersionState], at: i64) -> Kept {
        let mut life = Life::begun(Timestamp::from_millis(at), "seen");
        for state in states {
            life.step(*state, Timestamp::from_millis(at), "").unwrap();
        }
        Kept {
            origin: Origin::File,
            size_bytes: 1,
            version: None,
            signed_by: None,
            life,
        }
    }

    #[test]
    fn what_was_kept_is_read_back_and_what_was_changed_is_not_served() {
        let directory = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(&directory.path().join("state"), TrustedKeys::default()).unwrap();
        let sha256 = sha256_of(b"component");
        shelf.keep("sim", &sha256, b"component", None).unwrap();
        assert_eq!(
            shelf.component("sim", &sha256).unwrap().unwrap(),
            b"component"
        );
        fs::write(shelf.version_path("sim", &sha256), b"something else").unwrap();
        assert!(matches!(
            shelf.component("sim", &sha256),
            Err(ShelfError::Changed(_))
        ));
        shelf.keep("sim", &sha256, b"component", None).unwrap();
        assert!(shelf.component("sim", &sha256).unwrap().is_some());
        shelf.remove("sim", &sha256).unwrap();
        shelf.remove("sim", &sha256).unwrap();
        assert_eq!(shelf.component("sim", &sha256).unwrap(), None);
    }

    #[test]
    fn of_two_versions_that_were_active_when_the_gateway_was_killed_one_is() {
        use VersionState::{Active, Compiling, Retired};
        let directory = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(&directory.path().join("state"), TrustedKeys::default()).unwrap();
        let mut ledger = Ledger {
            active: Some("b".into()),
            ..Ledger::default()
        };
        for sha256 in ["a", "b"] {
            let life = kept(&[Compiling, Active], 1);
            ledger.versions.insert(sha256.into(), life);
        }
        shelf.write_ledger("sim", &ledger).unwrap();
        let read = shelf.ledger("sim");
        assert_eq!(read.state("a"), Some(Retired));
        assert_eq!(read.state("b"), Some(Active));
    }

    #[test]
    fn what_was_rolled_back_is_not_fallen_back_to() {
        let mut ledger = Ledger {
            active: Some("a".into()),
            ..Ledger::default()
        };
        ledger.serves("b", "a", true);
        ledger.serves("c", "b", true);
        assert_eq!(ledger.good, ["b", "a"]);
        ledger.serves("b", "c", false);
        assert_eq!(ledger.active.as_deref(), Some("b"));
        assert_eq!(ledger.good, ["a"]);
    }

    #[test]
    fn a_ledger_is_read_back_with_interrupted_work_undone_and_a_damaged_one_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(&directory.path().join("state"), TrustedKeys::default()).unwrap();
        let mut ledger = Ledger {
            active: Some("a".into()),
            ..Ledger::default()
        };
        ledger.versions.insert(
            "a".into(),
            kept(&[VersionState::Compiling, VersionState::Active], 1),
        );
        ledger
            .versions
            .insert("b".into(), kept(&[VersionState::Compiling], 2));
        shelf.write_ledger("sim", &ledger).unwrap();
        let read = shelf.ledger("sim");
        assert_eq!(read.state("a"), Some(VersionState::Active));
        assert_eq!(read.state("b"), Some(VersionState::Discovered));
        fs::write(shelf.ledger_path("sim"), b"{").unwrap();
        assert_eq!(shelf.ledger("sim"), Ledger::default());
        assert_eq!(shelf.ledger("other"), Ledger::default());
    }

    #[test]
    fn the_fallback_is_the_newest_that_served_well_and_is_not_the_active_one() {
        let mut ledger = Ledger {
            active: Some("c".into()),
            good: ["c", "b", "a"].map(str::to_owned).into(),
            ..Ledger::default()
        };
        for sha256 in ["a", "b", "c"] {
            let life = kept(&[VersionState::Compiling, VersionState::Active], 1);
            ledger.versions.insert(sha256.into(), life);
        }
        assert_eq!(ledger.fallback(), Some(&"b".to_owned()));
        let quarantined = kept(
            &[
                VersionState::Compiling,
                VersionState::Active,
                VersionState::Quarantined,
            ],
            1,
        );
        ledger.versions.insert("b".into(), quarantined);
        assert_eq!(ledger.fallback(), Some(&"a".to_owned()));
    }

    #[test]
    fn the_oldest_that_nobody_needs_go_first() {
        let mut ledger = Ledger {
            active: Some("v9".into()),
            good: vec!["v1".into()],
            pinned: Some("v0".into()),
            ..Ledger::default()
        };
        for number in 0..10 {
            let life = kept(&[VersionState::Compiling, VersionState::Rejected], number);
            ledger.versions.insert(format!("v{number}"), life);
        }
        assert_eq!(ledger.surplus(5), ["v3", "v2"]);
        ledger.forget("v1");
        assert!(ledger.good.is_empty() && !ledger.versions.contains_key("v1"));
    }

    #[test]
    fn a_shelf_that_others_can_write_to_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(directory.path(), open).unwrap();
        let refused = Shelf::open(directory.path(), TrustedKeys::default());
        assert!(matches!(refused, Err(ShelfError::NotPrivate(_))));
    }

    #[test]
    fn a_version_that_nobody_took_up_goes_like_any_other() {
        let mut ledger = Ledger::default();
        for number in 0..3 {
            ledger
                .versions
                .insert(format!("v{number}"), kept(&[], number));
        }
        ledger.file = Some("v0".into());
        assert_eq!(ledger.surplus(1), ["v1"]);
    }
}
