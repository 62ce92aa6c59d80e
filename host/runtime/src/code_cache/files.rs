//! The cache's files: private, whole or not there, and not too many.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{Mode, OFlags};

use super::EXTENSION;

/// Extension of a file that is being written.
const PARTIAL: &str = "partial";

/// Age at which a file that was being written is taken for left behind by a process that died.
const ABANDONED_AFTER: Duration = Duration::from_secs(600);

/// Makes the directory where it is missing, and checks that it is this user's alone: for what is run as code.
///
/// # Errors
/// An I/O error that names the directory; `PermissionDenied` where it belongs to another user or is open to others.
pub fn make_private(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| about(directory, error))?;
    check_private(directory)
}

/// Whether the directory is this user's alone.
pub(super) fn check_private(directory: &Path) -> io::Result<()> {
    let metadata = fs::metadata(directory).map_err(|error| about(directory, error))?;
    if is_ours_alone(&metadata) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "{} must belong to user {} with mode 0700, because who writes into it runs code in the \
             gateway; it belongs to user {} with mode {:04o}",
            directory.display(),
            rustix::process::geteuid().as_raw(),
            metadata.uid(),
            metadata.mode() & 0o7777
        ),
    ))
}

/// The content of an entry that is this user's alone. Reading counts as use.
pub(super) fn read_private(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if !metadata.is_file() || !is_ours_alone(&metadata) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is open to other users or belongs to one",
        ));
    }
    let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.read_to_end(&mut content)?;
    let _ = file.set_modified(SystemTime::now()); // only decides what goes first
    Ok(content)
}

fn is_ours_alone(metadata: &Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o077 == 0
}

/// Writes under another name first, so that no reader sees half an entry.
pub(super) fn write_whole(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let (process, write) = (std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed));
    let partial = path.with_extension(format!("{process}-{write}.{PARTIAL}"));
    let _ = fs::remove_file(&partial); // of an earlier process with this number
    let written = write_synced(&partial, parts).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written.map_err(|error| about(path, error))
}

fn write_synced(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

/// Removes all but the newest entries, and what was left half-written. Failures are let be: there is a
/// next time.
pub(super) fn prune(directory: &Path, keep: usize) {
    let mut entries: Vec<(SystemTime, PathBuf)> = Vec::new();
    for file in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = file.path();
        let Ok(modified) = file.metadata().and_then(|metadata| metadata.modified()) else {
            continue;
        };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(EXTENSION) => entries.push((modified, path)),
            Some(PARTIAL) if modified.elapsed().is_ok_and(|age| age > ABANDONED_AFTER) => {
                let _ = fs::remove_file(path);
            }
            _ => {}
        }
    }
    entries.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
    for (_, path) in entries.iter().skip(keep) {
        let _ = fs::remove_file(path);
    }
}

fn about(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
