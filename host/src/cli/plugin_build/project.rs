//! An adapter's project: `adapter.toml`, or a crate without one.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;
use serde::Deserialize;

use super::{BuildError, at};

/// The file that says what a project is.
const MANIFEST: &str = "adapter.toml";

/// Longest name of an adapter: it is a file's and a label's.
const LONGEST_NAME: usize = 32;

/// A language that adapters are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Language {
    Rust,
    Python,
    Javascript,
    C,
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::Javascript => "JavaScript",
            Self::C => "C",
        })
    }
}

/// An interface of the contract that an adapter may export beside its descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Capability {
    Market,
    Trading,
    Account,
}

impl Capability {
    pub(super) fn interface(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Trading => "trading",
            Self::Account => "account",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    language: Language,
    #[serde(default)]
    entry: Option<PathBuf>,
    #[serde(default)]
    capabilities: Vec<Capability>,
}

/// A directory with an adapter's sources in it.
#[derive(Debug)]
pub(super) struct Project {
    directory: PathBuf,
    manifest: Manifest,
}

impl Project {
    /// The project in `directory`. A crate without an `adapter.toml` is called as its directory is.
    pub(super) fn at(directory: &Path) -> Result<Self, BuildError> {
        let directory = std::fs::canonicalize(directory).map_err(at(directory))?;
        let path = directory.join(MANIFEST);
        let manifest = if path.is_file() {
            let text = std::fs::read_to_string(&path).map_err(at(&path))?;
            let manifest: Result<Manifest, String> = toml::from_str(&text)
                .map_err(|error: toml::de::Error| error.message().to_owned())
                .and_then(|manifest: Manifest| match problem(&manifest, &directory) {
                    Some(problem) => Err(problem),
                    None => Ok(manifest),
                });
            manifest.map_err(|problem| BuildError::Manifest { path, problem })?
        } else if directory.join("Cargo.toml").is_file() {
            let name = directory.file_name().unwrap_or_default();
            Manifest {
                name: name.to_string_lossy().into_owned(),
                language: Language::Rust,
                entry: None,
                capabilities: Vec::new(),
            }
        } else {
            return Err(BuildError::NoProject(directory));
        };
        Ok(Self {
            directory,
            manifest,
        })
    }

    /// Where it lies; absolute.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What its component is called.
    pub(super) fn name(&self) -> &str {
        &self.manifest.name
    }

    pub(super) fn language(&self) -> Language {
        self.manifest.language
    }

    /// Where generated files go.
    pub(super) fn scratch(&self) -> PathBuf {
        self.directory.join("build")
    }

    /// The interfaces that it exports beside its descriptor.
    pub(super) fn capabilities(&self) -> &[Capability] {
        &self.manifest.capabilities
    }

    /// The file that its language's compiler begins with, and the directory of its sources.
    pub(super) fn entry(&self) -> Result<Entry, BuildError> {
        let missing = || BuildError::Manifest {
            path: self.directory.join(MANIFEST),
            problem: "`entry` is missing: the file with the adapter, such as \"src/adapter.c\""
                .into(),
        };
        let file = self
            .directory
            .join(self.manifest.entry.as_ref().ok_or_else(missing)?);
        let directory = file.parent().unwrap_or(&self.directory).to_owned();
        Ok(Entry { file, directory })
    }
}

/// Where an adapter's sources begin; absolute paths.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) file: PathBuf,
    pub(super) directory: PathBuf,
}

fn problem(manifest: &Manifest, directory: &Path) -> Option<String> {
    if !is_adapter_name(&manifest.name) {
        return Some(format!("{:?}: {NAME_RULE}", manifest.name));
    }
    if manifest.language != Language::Rust && manifest.capabilities.is_empty() {
        return Some(
            "`capabilities` is missing: some of \"market\", \"trading\" and \"account\"".into(),
        );
    }
    let entry = manifest.entry.as_ref()?;
    let is_within = entry
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    (!is_within || !directory.join(entry).is_file())
        .then(|| format!("entry {:?} is no file of this project", entry.display()))
}

/// What [`is_adapter_name`] asks, for people.
pub(in crate::cli) const NAME_RULE: &str =
    "an adapter's name is of the form [a-z][a-z0-9_-]*, of at most 32 characters";

/// Whether a name does for an adapter: as a file, a label and a venue's name.
pub(in crate::cli) fn is_adapter_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
}
