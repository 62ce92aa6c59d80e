//! One look at the directory, and one reading of a component. Everything here blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use rustix::fs::OFlags;

use super::settle::{Glance, Stamp, State};

/// A largest size in bytes, and who says so.
type Limit = (usize, &'static str);

fn component_limit(bytes: usize) -> Limit {
    (bytes, "plugins.component_bytes allows")
}

/// minisign writes some 300 bytes.
const SIGNATURE_LIMIT: Limit = (64 * 1024, "a signature may have");

/// What comes after NAME in a component's file name.
const COMPONENT: &str = ".wasm";

/// What comes after NAME in a signature's file name.
const SIGNATURE: &str = ".wasm.minisig";

/// How names end that editors and copying programs give to files of their own.
const PASSING_FILES: [&str; 10] = [
    "~", "#", ".tmp", ".temp", ".bak", ".orig", ".swp", ".swx", ".part", ".partial",
];

/// What is in the directory.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Components by NAME.
    pub(super) files: BTreeMap<String, Glance>,
    /// Names of files that are not adapters, nor anything that is known to lie beside them.
    pub(super) strangers: BTreeSet<String>,
}

/// What a file's name says it is.
#[derive(Debug, PartialEq, Eq)]
enum Kind<'a> {
    Component(&'a str),
    /// A signature, a hidden file, or one that an editor or a copying program leaves for a while.
    Companion,
    Stranger,
}

fn kind(file_name: &OsStr) -> Kind<'_> {
    let hidden_or_passing = |name: &str| {
        name.starts_with(['.', '#']) || PASSING_FILES.iter().any(|ending| name.ends_with(ending))
    };
    match file_name.to_str() {
        None => Kind::Stranger,
        Some(name) if hidden_or_passing(name) => Kind::Companion,
        Some(name) => match (name.strip_suffix(COMPONENT), name.strip_suffix(SIGNATURE)) {
            (Some(stem), _) if is_name(stem) => Kind::Component(stem),
            (_, Some(stem)) if is_name(stem) => Kind::Companion,
            _ => Kind::Stranger,
        },
    }
}

/// Whether a component may be called so: `[a-z][a-z0-9_-]*`.
fn is_name(stem: &str) -> bool {
    stem.starts_with(|c: char| c.is_ascii_lowercase())
        && stem
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
}

/// `NAME.wasm` in the directory.
pub(super) fn component_path(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}{COMPONENT}"))
}

fn signature_path(component: &Path) -> PathBuf {
    component.with_extension(&SIGNATURE[1..])
}

/// Looks at all of the directory without reading any file.
///
/// # Errors
/// Why it cannot be listed to the end: half of a listing would make the rest look gone.
pub(super) fn list(directory: &Path, component_bytes: usize) -> Result<Listing, String> {
    let unreadable =
        |error: std::io::Error| format!("cannot read {}: {error}", directory.display());
    let mut listing = Listing::default();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let file_name = entry.map_err(unreadable)?.file_name();
        match kind(&file_name) {
            Kind::Companion => {}
            Kind::Stranger => {
                let file_name = file_name.to_string_lossy().into_owned();
                listing.strangers.insert(file_name);
            }
            Kind::Component(name) => {
                let glance = glance(&directory.join(&file_name), component_bytes);
                listing.files.insert(name.to_owned(), glance);
            }
        }
    }
    Ok(listing)
}

fn glance(path: &Path, component_bytes: usize) -> Glance {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match fs::read_link(path) {
                Ok(target) => Glance::Problem(format!(
                    "is a symbolic link to {}, which does not exist",
                    target.display()
                )),
                Err(_) => Glance::Absent,
            };
        }
        Err(error) => return Glance::Problem(error.to_string()),
    };
    if let Some(problem) = unfit(&metadata, component_limit(component_bytes)) {
        return Glance::Problem(problem);
    }
    Glance::File {
        component: stamp(&metadata),
        signature: fs::metadata(signature_path(path))
            .ok()
            .map(|metadata| stamp(&metadata)),
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    Stamp {
        inode: (metadata.dev(), metadata.ino()),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    }
}

fn unfit(metadata: &Metadata, limit: Limit) -> Option<String> {
    if metadata.is_dir() {
        Some("is a directory".into())
    } else if !metadata.is_file() {
        Some("is not a regular file".into())
    } else if usize::try_from(metadata.size()).map_or(true, |size| size > limit.0) {
        Some(too_large(metadata.size(), limit))
    } else {
        None
    }
}

fn too_large(size: u64, (limit, whose): Limit) -> String {
    format!("{size} bytes, more than the {limit} that {whose}")
}

/// A component's state and, where that is content, its bytes.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) state: State,
    pub(super) bytes: Vec<u8>,
}

/// Reads a component and its signature.
pub(super) fn read(path: &Path, component_bytes: usize) -> Reading {
    let without_content = |state| Reading {
        state,
        bytes: Vec::new(),
    };
    let bytes = match read_file(path, component_limit(component_bytes)) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return without_content(State::Absent),
        Err(problem) => return without_content(State::Problem(problem)),
    };
    let signature = match read_file(&signature_path(path), SIGNATURE_LIMIT) {
        Ok(signature) => signature,
        Err(problem) => {
            let problem = format!(
                "its signature {}: {problem}",
                signature_path(path).display()
            );
            return without_content(State::Problem(problem));
        }
    };
    Reading {
        state: State::Content {
            sha256: HEXLOWER.encode(digest(&SHA256, &bytes).as_ref()),
            signature,
        },
        bytes,
    }
}

/// All of a file; absent where there is none.
fn read_file(path: &Path, limit: Limit) -> Result<Option<Vec<u8>>, String> {
    // What was a file at the glance may be a pipe by now, and opening that would wait for a writer.
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if let Some(problem) = unfit(&metadata, limit) {
        return Err(problem);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.size()).unwrap_or(0));
    let most = u64::try_from(limit.0).unwrap_or(u64::MAX);
    let size = file
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if size > limit.0 {
        return Err(too_large(size as u64, limit));
    }
    Ok(Some(bytes))
}
