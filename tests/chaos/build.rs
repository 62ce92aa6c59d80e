//! Compiles the file-system shim into a library that programs can be started with (`LD_PRELOAD`).

use std::env;
use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=shim");
    let library = Path::new(&env::var("OUT_DIR")?).join("libvolatile.so");
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let status = Command::new(&compiler)
        .args(["-std=gnu11", "-O2", "-Wall", "-Wextra"])
        .args(["-fPIC", "-shared", "-pthread", "-o"])
        .arg(&library)
        .args(["shim/volatile.c", "shim/interpose.c", "-ldl"])
        .status()?;
    if !status.success() {
        return Err(format!("{compiler} cannot compile shim/: {status}").into());
    }
    println!("cargo:rustc-env=VOLATILE_LIBRARY={}", library.display());
    Ok(())
}
