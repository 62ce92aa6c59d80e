//! Keeps compiled machine code on disk, so that a known adapter loads in well under a millisecond.
//!
//! An entry is named by the component's SHA-256 and the engine's compatibility hash, and carries a
//! SHA-256 of its own content. Machine code is as powerful as the process: the directory must belong to
//! the process's user and be closed to everyone else, or the cache is not used. Deleting it is safe.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use wasmtime::Engine;
use wasmtime::component::Component;

/// A private directory of machine code.
#[derive(Debug, Clone)]
pub struct CodeCache {
    directory: PathBuf,
}

/// Lower-case hexadecimal SHA-256.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

impl CodeCache {
    /// Opens or creates the directory.
    ///
    /// # Errors
    /// An I/O error, or `PermissionDenied` where others could write into the directory.
    pub fn open(directory: &Path) -> std::io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let metadata = fs::metadata(directory)?;
        let own = rustix::process::geteuid().as_raw();
        if metadata.uid() != own || metadata.mode() & 0o077 != 0 {
            return Err(std::io::Error::new(
                std::io::ErrorKind::PermissionDenied,
                format!(
                    "{} must belong to user {own} with mode 0700 (it has {:o}, user {})",
                    directory.display(),
                    metadata.mode() & 0o777,
                    metadata.uid()
                ),
            ));
        }
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    fn path(&self, engine: &Engine, sha256: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.directory
            .join(format!("{sha256}-{:016x}.cwasm", hasher.finish()))
    }

    /// The compiled component, if the cache has it whole. A damaged entry is removed.
    pub(crate) fn load(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        let path = self.path(engine, sha256);
        let entry = fs::read(&path).ok()?;
        let component = verified(&entry).and_then(|code| deserialize(engine, code));
        if component.is_none() {
            tracing::warn!(path = %path.display(), "machine code in the cache is damaged; compiling again");
            let _ = fs::remove_file(&path);
        }
        component
    }

    /// Keeps a compiled component. The cache is an optimisation: a failure is logged and forgotten.
    pub(crate) fn store(&self, engine: &Engine, sha256: &str, component: &Component) {
        let path = self.path(engine, sha256);
        let written = component
            .serialize()
            .map_err(|error| std::io::Error::other(format!("{error:#}")))
            .and_then(|code| write_whole(&path, &code));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "could not keep machine code");
        }
    }
}

/// Writes digest and code under another name first, so that no reader sees half an entry.
fn write_whole(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)?;
    file.write_all(digest(&SHA256, code).as_ref())?;
    file.write_all(code)?;
    fs::rename(&partial, path)
}

fn verified(entry: &[u8]) -> Option<&[u8]> {
    let (expected, code) = entry.split_at_checked(SHA256_OUTPUT_LEN)?;
    (digest(&SHA256, code).as_ref() == expected).then_some(code)
}

#[allow(unsafe_code)]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: `deserialize` trusts its input to be machine code that `Component::serialize` made. The
    // bytes come from a directory that only this user can write to (checked in `open`), carry a digest
    // that was written with them (checked in `verified`), and wasmtime itself checks that they were
    // made by this version with these settings. Who can forge an entry already runs as this user.
    unsafe { Component::deserialize(engine, code) }.ok()
}

#[cfg(test)]
mod tests {

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn one_entry(directory: &Path) -> PathBuf {
        let mut entries: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries.remove(0)
    }

    #[test]
    fn a_stored_component_is_loaded_again_and_a_damaged_one_never_is() {
        let directory = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(&directory.path().join("cache")).unwrap();
        let engine = Engine::default();
        let component = Component::from_binary(&engine, EMPTY_COMPONENT).unwrap();
        cache.store(&engine, "abc", &component);
        assert!(cache.load(&engine, "abc").is_some());

        let entry = one_entry(&directory.path().join("cache"));
        let mut bytes = fs::read(&entry).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&entry, bytes).unwrap();
        assert!(cache.load(&engine, "abc").is_none());
        assert!(!entry.exists(), "a damaged entry is removed");
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let open_to_all = directory.path().join("cache");
        fs::create_dir(&open_to_all).unwrap();
        fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
        let refused = CodeCache::open(&open_to_all).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    }
}
