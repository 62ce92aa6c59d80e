//! Files that lose what was not synced, and what a process did with them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The library that processes are started with.
const LIBRARY: &str = env!("VOLATILE_LIBRARY");

/// A file, and whatever is named after it, of which only what is synced outlives the process.
#[derive(Debug)]
pub struct VolatileFiles {
    files: PathBuf,
    copies: TempDir,
    trace: Option<PathBuf>,
    leak_percent: u8,
    seed: u64,
}

impl VolatileFiles {
    /// The files whose path begins with this one, which is absolute.
    pub fn beginning_with(files: &Path) -> Self {
        Self {
            files: files.to_owned(),
            copies: tempfile::tempdir().unwrap(),
            trace: None,
            leak_percent: 0,
            seed: 0,
        }
    }

    /// Some of what is not synced survives all the same: a disk may write early, in any order.
    #[must_use]
    pub fn leaking(self, percent: u8, seed: u64) -> Self {
        Self {
            leak_percent: percent,
            seed,
            ..self
        }
    }

    /// Writes, syncs and requests sent are noted in a file.
    #[must_use]
    pub fn traced(self, trace: &Path) -> Self {
        Self {
            trace: Some(trace.to_owned()),
            ..self
        }
    }

    /// What a process must be started with.
    pub fn environment(&self) -> Vec<(String, OsString)> {
        let mut variables = vec![
            ("LD_PRELOAD".to_owned(), LIBRARY.into()),
            ("VOLATILE_FILES".to_owned(), self.files.clone().into()),
            ("VOLATILE_COPIES".to_owned(), self.copies.path().into()),
            (
                "VOLATILE_LEAK".to_owned(),
                self.leak_percent.to_string().into(),
            ),
            ("VOLATILE_SEED".to_owned(), self.seed.to_string().into()),
        ];
        if let Some(trace) = &self.trace {
            variables.push(("VOLATILE_TRACE".to_owned(), trace.clone().into()));
        }
        variables
    }

    /// Loses what was not synced, when the process that had it is gone.
    pub fn cut_power(&mut self) {
        for copy in fs::read_dir(self.copies.path()).unwrap() {
            fs::remove_file(copy.unwrap().path()).unwrap();
        }
        self.seed += 1;
    }
}
