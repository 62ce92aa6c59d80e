use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::time::{Duration, SystemTime};

use super::*;

const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A cache with one entry, called "abc".
struct Kept {
    directory: tempfile::TempDir,
    cache: CodeCache,
    engine: Engine,
    code: Vec<u8>,
}

impl Kept {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(&directory.path().join("cache")).unwrap();
        let engine = Engine::default();
        let code = engine.precompile_component(EMPTY_COMPONENT).unwrap();
        let kept = Self {
            directory,
            cache,
            engine,
            code,
        };
        kept.store("abc");
        kept
    }

    fn store(&self, sha256: &str) {
        self.cache.store(&self.engine, sha256, &self.code).unwrap();
    }

    fn loads(&self, sha256: &str) -> bool {
        self.cache.load(&self.engine, sha256).is_some()
    }

    fn entry(&self, sha256: &str) -> PathBuf {
        self.cache.path(&CodeCache::name(&self.engine, sha256))
    }

    fn files(&self) -> usize {
        fs::read_dir(self.cache.directory()).unwrap().count()
    }
}

#[test]
fn a_stored_component_is_loaded_again_and_one_with_any_byte_changed_never_is() {
    let kept = Kept::new();
    assert!(kept.loads("abc"));
    let whole = fs::read(kept.entry("abc")).unwrap();
    let last = whole.len() - 1;
    for at in [0, MAGIC.len(), HEADER_BYTES, last / 2, last] {
        kept.store("abc");
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(kept.entry("abc"), bytes).unwrap();
        assert!(!kept.loads("abc"), "byte {at}");
        assert!(!kept.entry("abc").exists(), "a damaged entry is removed");
    }
    for length in [0, HEADER_BYTES - 1, HEADER_BYTES, last] {
        kept.store("abc");
        fs::write(kept.entry("abc"), &whole[..length]).unwrap();
        assert!(!kept.loads("abc"), "cut to {length} bytes");
    }
}

#[test]
fn code_is_never_taken_for_another_components_or_another_engines() {
    let kept = Kept::new();
    fs::copy(kept.entry("abc"), kept.entry("def")).unwrap();
    assert!(!kept.loads("def"), "renamed to another component");

    let mut config = wasmtime::Config::new();
    config.epoch_interruption(true);
    let other = Engine::new(&config).unwrap();
    assert!(kept.cache.load(&other, "abc").is_none());
    let renamed = kept.cache.path(&CodeCache::name(&other, "abc"));
    fs::copy(kept.entry("abc"), &renamed).unwrap();
    assert!(
        kept.cache.load(&other, "abc").is_none(),
        "renamed to another engine"
    );
}

#[test]
fn what_it_writes_is_closed_to_others() {
    let kept = Kept::new();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(kept.cache.directory()), 0o700);
    assert_eq!(mode(&kept.entry("abc")), 0o600);
}

#[test]
fn a_directory_that_others_can_use_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    for mode in [0o777, 0o770, 0o750, 0o701] {
        let path = directory.path().join(format!("{mode:o}"));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let refused = CodeCache::open(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        let message = refused.to_string();
        assert!(
            message.contains(&path.display().to_string())
                && message.contains(&format!("mode {mode:04o}")),
            "{message}"
        );
    }
}

/// A directory of another user's: one that root gives away, or, for anyone else, one of root's.
#[test]
fn a_directory_of_another_user_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let (path, owner) = if rustix::process::geteuid().is_root() {
        let path = directory.path().join("given-away");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        chown(&path, Some(65_534), None).unwrap();
        (path, 65_534)
    } else {
        (PathBuf::from("/"), 0)
    };
    let refused = CodeCache::open(&path).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    assert!(
        refused
            .to_string()
            .contains(&format!("belongs to user {owner} ")),
        "{refused}"
    );
}

#[test]
fn a_file_in_the_directorys_place_is_named_in_the_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = CodeCache::open(file.path()).unwrap_err().to_string();
    assert!(
        refused.contains(&file.path().display().to_string()),
        "{refused}"
    );
}

#[test]
fn a_directory_or_entry_opened_to_others_later_is_not_used() {
    let kept = Kept::new();
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    set(&kept.entry("abc"), 0o620);
    assert!(!kept.loads("abc"), "an entry that the group may write");
    kept.store("abc");
    set(kept.cache.directory(), 0o777);
    assert!(!kept.loads("abc"), "a directory that everyone may write");
    let refused = kept
        .cache
        .store(&kept.engine, "abc", &kept.code)
        .unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn a_link_in_an_entrys_place_is_not_followed() {
    let kept = Kept::new();
    let elsewhere = kept.directory.path().join("elsewhere");
    fs::rename(kept.entry("abc"), &elsewhere).unwrap();
    symlink(&elsewhere, kept.entry("abc")).unwrap();
    assert!(!kept.loads("abc"));
    assert!(elsewhere.exists(), "what it points to is not touched");
}

#[test]
fn deleting_the_directory_loses_nothing_but_time() {
    let kept = Kept::new();
    fs::remove_dir_all(kept.cache.directory()).unwrap();
    assert!(!kept.loads("abc"));
    kept.store("abc");
    assert!(kept.loads("abc"));
}

#[test]
fn the_entries_used_last_are_kept_and_abandoned_writes_are_swept() {
    let kept = Kept::new();
    let age = |path: &Path, seconds| {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
            .unwrap();
    };
    let names: Vec<String> = (0..ENTRIES_KEPT).map(|n| format!("n{n}")).collect();
    for name in &names[1..] {
        kept.store(name);
        age(&kept.entry(name), 1_000);
    }
    age(&kept.entry("abc"), 3_000);
    age(&kept.entry("n1"), 2_000);
    let (fresh, abandoned) = (
        kept.cache.directory().join("x.1.partial"),
        kept.cache.directory().join("x.2.partial"),
    );
    fs::write(&fresh, "half").unwrap();
    fs::write(&abandoned, "half").unwrap();
    age(&abandoned, 1_000);

    assert!(kept.loads("abc"), "and was used now");
    kept.store("one-more");
    assert!(fresh.exists() && !abandoned.exists());
    assert!(!kept.loads("n1"), "used longest ago");
    assert!(kept.loads("abc") && kept.loads("n2") && kept.loads("one-more"));
    assert_eq!(kept.files(), ENTRIES_KEPT + 1);
}

#[test]
fn a_write_that_fails_leaves_nothing_behind() {
    let kept = Kept::new();
    // A directory in the entry's place cannot be replaced by a file.
    let entry = kept.entry("def");
    fs::create_dir(&entry).unwrap();
    let failed = kept.cache.store(&kept.engine, "def", &kept.code);
    assert!(failed.unwrap_err().to_string().contains("def-"));
    assert_eq!(kept.files(), 2, "the entry and the directory");
}
