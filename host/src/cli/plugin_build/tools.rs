//! Tools that `plugin build` installs by itself, once for each user and version, from their registries.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{BuildError, at, create_directory, write};

/// Marks an installation that came to its end.
const COMPLETE: &str = ".complete";

/// A program of a package registry, at the version that adapters are known to build with.
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    /// The program, within the tool's directory.
    pub(super) program: &'static str,
}

impl Tool {
    /// The program, installed by `install` into the directory that it is given if it is not there yet.
    pub(super) fn installed(
        &self,
        install: impl FnOnce(&Path) -> Result<(), BuildError>,
    ) -> Result<PathBuf, BuildError> {
        let tools = cache()?.join("switchyard").join("tools");
        create_directory(&tools)?;
        let directory = tools.join(format!("{}-{}", self.name, self.version));
        let program = directory.join(self.program);
        // Two builds at a time: the second waits for the first one's installation.
        let lock = directory.with_extension("lock");
        let lock_file = File::create(&lock).map_err(at(&lock))?;
        lock_file.lock().map_err(at(&lock))?;
        if directory.join(COMPLETE).is_file() && program.exists() {
            return Ok(program);
        }
        if directory.exists() {
            std::fs::remove_dir_all(&directory).map_err(at(&directory))?;
        }
        create_directory(&directory)?;
        println!(
            "installing {} {} into {} (once)",
            self.name,
            self.version,
            directory.display()
        );
        install(&directory)?;
        write(&directory.join(COMPLETE), b"")?;
        Ok(program)
    }
}

/// The XDG base directory for what can be had again.
fn cache() -> Result<PathBuf, BuildError> {
    let named = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    named("XDG_CACHE_HOME")
        .or_else(|| Some(named("HOME")?.join(".cache")))
        .ok_or(BuildError::NoCache)
}

/// Where the search path has a program.
pub(super) fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
}
