//! Keeps compiled machine code on disk, so that a known adapter loads in about a millisecond.
//!
//! An entry is named by the component's SHA-256 and the engine's compatibility hash, and carries a digest
//! of its code bound to that name. Machine code is as powerful as the process: directory and entries must
//! belong to the process's user and be closed to everyone else, or they are not used. Deleting any of it,
//! at any time, is safe.

mod files;
#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use twox_hash::XxHash3_128;
use wasmtime::Engine;
use wasmtime::component::Component;

pub use files::make_private;
use files::{check_private, prune, read_private, write_whole};

/// Entries kept; the ones that were used longest ago go first. An adapter of 1 MB takes about 3 MB.
pub const ENTRIES_KEPT: usize = 64;

/// First bytes of an entry: what it is, and the version of its form.
const MAGIC: &[u8; 8] = b"SWYCODE\x01";

const DIGEST_BYTES: usize = 16;

const HEADER_BYTES: usize = MAGIC.len() + DIGEST_BYTES;

/// A private directory of machine code.
#[derive(Debug, Clone)]
pub struct CodeCache {
    directory: PathBuf,
}

/// Lower-case hexadecimal SHA-256: the name of a component.
pub fn sha256_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

impl CodeCache {
    /// Opens or creates the directory.
    ///
    /// # Errors
    /// An I/O error that names the directory; `PermissionDenied` where it belongs to another user or is
    /// open to others.
    pub fn open(directory: &Path) -> io::Result<Self> {
        make_private(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The entry's name without its extension; also what its digest is bound to.
    fn name(engine: &Engine, sha256: &str) -> String {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        format!("{sha256}-{:016x}", hasher.finish())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.{EXTENSION}"))
    }

    /// The compiled component, if the cache has it whole. An entry that cannot be used is removed.
    pub(crate) fn load(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        let name = Self::name(engine, sha256);
        let path = self.path(&name);
        let usable = check_private(&self.directory)
            .and_then(|()| read_private(&path))
            .and_then(|entry| {
                let code = verified(&name, &entry).ok_or_else(damaged)?;
                deserialize(engine, code).map_err(|error| io::Error::other(format!("{error:#}")))
            });
        match usable {
            Ok(component) => Some(component),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "machine code in the cache is not used; compiling again");
                let _ = std::fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps a component's machine code, and lets go of what was used longest ago. The directory is made again
    /// where it was deleted.
    ///
    /// # Errors
    /// An I/O error; nothing half-written can be loaded after it.
    pub(crate) fn store(&self, engine: &Engine, sha256: &str, code: &[u8]) -> io::Result<()> {
        make_private(&self.directory)?;
        let name = Self::name(engine, sha256);
        write_whole(&self.path(&name), &[MAGIC, &digest_of(&name, code), code])?;
        prune(&self.directory, ENTRIES_KEPT);
        Ok(())
    }
}

const EXTENSION: &str = "cwasm";

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its digest does not match")
}

/// XXH3 over the entry's name and its code: code under another's name is as wrong as damaged code. It is
/// there to notice accidents; a hash without a secret, of whatever kind, would not stop a forger, and the
/// directory's mode does. SHA-256 would take half of the time of loading.
fn digest_of(name: &str, code: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut hasher = XxHash3_128::new();
    hasher.write(name.as_bytes());
    hasher.write(code);
    hasher.finish_128().to_le_bytes()
}

fn verified<'a>(name: &str, entry: &'a [u8]) -> Option<&'a [u8]> {
    let (header, code) = entry.split_at_checked(HEADER_BYTES)?;
    let expected = header.strip_prefix(MAGIC)?;
    (digest_of(name, code) == expected).then_some(code)
}

#[allow(unsafe_code)]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` trusts its input to be machine code that this engine's like made. The
    // bytes come from a file and a directory that only this user can write to (checked when they are
    // read), carry a digest that was written with them (checked in `verified`), and wasmtime itself
    // checks that they were made by this version with these settings. Who can forge an entry already
    // runs as this user. They are a copy: what happens to the file later changes nothing.
    unsafe { Component::deserialize(engine, code) }
}
