//! The cache of machine code makes loading fast, and is never needed.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use switchyard_runtime::{CodeCache, Limits, Runtime};

use crate::bench::{hostile_bytes, works};

fn entries(cache: &std::path::Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

#[test]
fn a_known_component_loads_from_the_cache_and_without_it_is_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache");
    let load = || {
        let cache = CodeCache::open(&path).unwrap();
        let runtime = Runtime::new(Limits::default(), Some(cache)).unwrap();
        let started = Instant::now();
        let adapter = runtime.load(&hostile_bytes()).unwrap();
        let took = started.elapsed();
        works(&adapter);
        (adapter.sha256().to_owned(), took)
    };
    let (sha256, compiled) = load();
    let kept = entries(&path);
    let [entry] = kept.as_slice() else {
        panic!("{kept:?}")
    };
    let name = entry.file_name().unwrap().to_string_lossy();
    assert!(name.starts_with(&sha256), "{name}");

    let (_, cached) = load();
    println!("compiled in {compiled:?}, from the cache in {cached:?}");
    assert!(cached < compiled / 2, "{cached:?} against {compiled:?}");

    // Damaged, or gone: compiled again.
    let mut bytes = fs::read(entry).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(entry, &bytes).unwrap();
    load();
    assert_ne!(
        fs::read(entry).unwrap(),
        bytes,
        "the damaged entry was replaced"
    );
    fs::remove_dir_all(&path).unwrap();
    load();
    assert_eq!(entries(&path), kept);
}

#[test]
fn a_cache_that_disappears_while_it_is_used_is_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache");
    let cache = CodeCache::open(&path).unwrap();
    let runtime = Runtime::new(Limits::default(), Some(cache)).unwrap();
    fs::remove_dir_all(&path).unwrap();
    works(&runtime.load(&hostile_bytes()).unwrap());
}
