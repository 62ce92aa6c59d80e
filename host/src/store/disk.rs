//! The file system that a journal's file is on.

use std::io;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};
use serde::Serialize;
use utoipa::ToSchema;

/// What is left of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    /// Bytes that the gateway's user may still write.
    pub(super) free_bytes: u64,
    /// Whether nothing can be written there.
    pub(super) is_read_only: bool,
}

impl Space {
    /// What is left where a file is (statvfs(3)). May block for as long as the disk does.
    ///
    /// # Errors
    /// What the system says, such as that there is no such file.
    pub(super) fn around(file: &Path) -> io::Result<Self> {
        let found = statvfs(file)?;
        Ok(Self {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            is_read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
        })
    }
}

/// How the disk of the journal's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiskStatus {
    /// There is room.
    Ok,
    /// Less is free than `store.least_free_bytes`.
    Low,
    /// Nothing can be written: its file system is mounted read-only.
    ReadOnly,
    /// It cannot be told, because the file is gone or the disk does not answer.
    Unknown,
}

/// The disk of the journal's file, as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DiskHealth {
    /// Summary.
    pub status: DiskStatus,
    /// Bytes that may still be written there.
    pub free_bytes: Option<u64>,
    /// `store.least_free_bytes`.
    pub least_free_bytes: u64,
    /// Why it cannot be told: for the log. Everyone may ask how the disk is, and paths and words of the system are
    /// nobody's business.
    #[serde(skip)]
    pub(super) problem: Option<String>,
}

impl DiskHealth {
    /// What was found, held against the least that is to be free, in bytes.
    pub(super) fn of(found: Result<Space, String>, least_free_bytes: u64) -> Self {
        let status = match &found {
            Err(_) => DiskStatus::Unknown,
            Ok(space) if space.is_read_only => DiskStatus::ReadOnly,
            Ok(space) if space.free_bytes < least_free_bytes => DiskStatus::Low,
            Ok(_) => DiskStatus::Ok,
        };
        Self {
            status,
            free_bytes: found.as_ref().ok().map(|space| space.free_bytes),
            least_free_bytes,
            problem: found.err(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    #[test]
    fn a_disk_is_well_while_it_can_be_written_and_has_the_least_free() {
        let status = |free_bytes, is_read_only| {
            let space = Space {
                free_bytes,
                is_read_only,
            };
            DiskHealth::of(Ok(space), 100).status
        };
        assert_eq!(status(100, false), DiskStatus::Ok);
        assert_eq!(status(99, false), DiskStatus::Low);
        assert_eq!(status(100, true), DiskStatus::ReadOnly);
        assert_eq!(status(0, true), DiskStatus::ReadOnly);
        let gone = DiskHealth::of(Err("no such file".into()), 0);
        assert_eq!(gone.status, DiskStatus::Unknown);
        assert_eq!(gone.problem.as_deref(), Some("no such file"));
    }

    /// The system's own table of mounts says which of them are read-only.
    #[test]
    fn read_only_file_systems_are_told_from_others() {
        let table = fs::read_to_string("/proc/self/mounts").unwrap();
        // Of several at one place the last one covers the others.
        let mut mounts: BTreeMap<&str, bool> = BTreeMap::new();
        for line in table.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            mounts.insert(fields[1], fields[3].split(',').any(|option| option == "ro"));
        }
        let mut seen = 0;
        for (place, is_read_only) in mounts {
            let Ok(space) = Space::around(Path::new(place)) else {
                continue; // not ours to look into
            };
            assert_eq!(space.is_read_only, is_read_only, "{place}");
            seen += 1;
        }
        assert!(seen > 0);
    }

    #[test]
    fn what_is_free_is_what_a_file_finds_and_a_file_that_is_gone_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("journal.db");
        assert!(Space::around(&file).is_err());
        fs::write(&file, "x").unwrap();
        let space = Space::around(&file).unwrap();
        assert!(space.free_bytes > 0 && !space.is_read_only, "{space:?}");
    }
}
