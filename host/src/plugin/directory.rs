//! The directory that adapters are loaded from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use switchyard_runtime::{Adapter, LoadError, Runtime};

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
    #[error("adapter {path} was refused: {source}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        source: LoadError,
    },
}

/// Adapters by name, loaded once each.
#[derive(Debug)]
pub struct AdapterDirectory {
    path: PathBuf,
    runtime: Arc<Runtime>,
    loaded: BTreeMap<String, Arc<Adapter>>,
}

impl AdapterDirectory {
    /// A directory whose adapters are loaded when they are asked for.
    ///
    /// # Errors
    /// [`PluginError::Directory`] where it does not exist or cannot be read.
    pub fn open(path: &Path, runtime: Arc<Runtime>) -> Result<Self, PluginError> {
        fs::read_dir(path).map_err(|source| PluginError::Directory {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            runtime,
            loaded: BTreeMap::new(),
        })
    }

    /// The adapter of a name, for a venue that configuration gives it to.
    ///
    /// # Errors
    /// [`PluginError`], naming file and venue.
    pub fn adapter(&mut self, name: &str, venue: &str) -> Result<Arc<Adapter>, PluginError> {
        if let Some(adapter) = self.loaded.get(name) {
            return Ok(adapter.clone());
        }
        let path = self.path.join(format!("{name}.wasm"));
        let bytes = fs::read(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => PluginError::Missing {
                name: name.into(),
                venue: venue.into(),
                path: path.clone(),
                found: self.names(),
            },
            _ => PluginError::Unreadable {
                path: path.clone(),
                source,
            },
        })?;
        let adapter = self
            .runtime
            .load(&bytes)
            .map_err(|source| PluginError::Refused {
                path: path.clone(),
                source,
            })?;
        tracing::info!(
            adapter = name,
            version = %adapter.descriptor().adapter_version,
            sha256 = adapter.sha256(),
            "adapter loaded"
        );
        self.loaded.insert(name.to_owned(), adapter.clone());
        Ok(adapter)
    }

    fn names(&self) -> String {
        let mut names: Vec<String> = fs::read_dir(&self.path)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let path = entry.path();
                (path.extension()? == "wasm")
                    .then(|| path.file_stem()?.to_str().map(str::to_owned))?
            })
            .collect();
        names.sort();
        if names.is_empty() {
            "the directory holds no adapter; `make plugins` builds them".into()
        } else {
            format!("the directory holds: {}", names.join(", "))
        }
    }
}
