//! The directory that adapters' files are in.

use std::fs;
use std::path::{Path, PathBuf};

use super::shelf::ShelfError;
use super::signature::SIGNATURE_EXTENSION;

/// Why an adapter is not available.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The directory cannot be read.
    #[error("cannot read plugins.directory {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No file for a name that configuration uses.
    #[error("no adapter {name:?} for venue {venue:?}: {path} does not exist ({found})")]
    Missing {
        /// The adapter's name.
        name: String,
        /// The venue that wants it.
        venue: String,
        /// Where it was looked for.
        path: PathBuf,
        /// What the directory has instead.
        found: String,
    },
    /// The file cannot be read.
    #[error("cannot read adapter {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a usable adapter.
    #[error("adapter {path} was refused: {problem}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Versions cannot be kept.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
}

/// Whether the directory is there and can be read.
///
/// # Errors
/// [`PluginError::Directory`]
pub(super) fn check(directory: &Path) -> Result<(), PluginError> {
    let read = fs::read_dir(directory);
    read.map(drop).map_err(|source| PluginError::Directory {
        path: directory.to_owned(),
        source,
    })
}

/// The file of an adapter, for a venue that configuration gives it to.
///
/// # Errors
/// [`PluginError`], naming file and venue.
pub(super) fn read(
    directory: &Path,
    name: &str,
    venue: &str,
) -> Result<(PathBuf, Vec<u8>), PluginError> {
    let path = directory.join(format!("{name}.wasm"));
    match fs::read(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(PluginError::Missing {
            name: name.into(),
            venue: venue.into(),
            path,
            found: names(directory),
        }),
        Err(source) => Err(PluginError::Unreadable { path, source }),
    }
}

/// The signature beside a component's file, if there is one that can be read.
pub(super) fn signature_beside(path: &Path) -> Option<String> {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(SIGNATURE_EXTENSION);
    fs::read_to_string(name).ok()
}

fn names(directory: &Path) -> String {
    let mut names: Vec<String> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            (path.extension()? == "wasm").then(|| path.file_stem()?.to_str().map(str::to_owned))?
        })
        .collect();
    names.sort();
    if names.is_empty() {
        "the directory holds no adapter; `make plugins` builds them".into()
    } else {
        format!("the directory holds: {}", names.join(", "))
    }
}
