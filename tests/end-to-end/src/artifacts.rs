//! Where built adapters and programs are.

use std::path::{Path, PathBuf};

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The directory of built adapters, `binance.wasm` among them.
///
/// # Panics
/// Where they were not built.
pub fn adapters() -> PathBuf {
    directory_with("plugins/dist", "binance.wasm")
}

/// The directory of adapters that exist for tests, `hostile-adapter.wasm` among them.
///
/// # Panics
/// Where they were not built.
pub fn hostile_adapters() -> PathBuf {
    directory_with("target/test-adapters", "hostile-adapter.wasm")
}

/// An adapter of `plugins/examples`, where it was built: its language's tools are not everywhere.
pub fn example_adapter(name: &str) -> Option<PathBuf> {
    let path = root().join(format!("target/example-adapters/{name}.wasm"));
    path.is_file().then_some(path)
}

fn directory_with(directory: &str, file: &str) -> PathBuf {
    let directory = root().join(directory);
    let path = directory.join(file);
    assert!(
        path.is_file(),
        "{} is missing: run `make plugins test-adapters`",
        path.display()
    );
    directory.canonicalize().unwrap()
}

/// A program of the workspace, built beside the running test.
///
/// # Panics
/// Where it was not built.
pub fn built(program: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let path = profile.join(program);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build -p {program}`",
        path.display()
    );
    path
}

/// Machine code of adapters, compiled once for all tests.
pub(crate) fn code_cache() -> PathBuf {
    root().join("target/test-code-cache")
}
