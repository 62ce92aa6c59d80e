//! Schemathesis from PyPI, which makes requests of an API as its description says, and holds the answers to that.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use switchyard_test_needs::left_out;
use tokio::task::spawn_blocking;

use crate::artifacts::root;
use crate::pypi::installed;

/// The version that `tests/spec/check-api.sh` has too.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// The program, installed.
#[derive(Debug)]
pub struct Schemathesis {
    program: PathBuf,
}

impl Schemathesis {
    /// Installs it, once. Where it cannot be had, that is said and there is none; with `CI` in the environment, the test
    /// fails.
    pub async fn install() -> Option<Self> {
        let install = || installed("schemathesis", SCHEMATHESIS, "schemathesis");
        match spawn_blocking(install).await.unwrap() {
            Ok(program) => Some(Self { program }),
            Err(problem) => {
                left_out(&format!("no Schemathesis: {problem}"));
                None
            }
        }
    }

    /// Tries every operation of the gateway at `base` out with a key, in `directory`, where it leaves what it learned.
    ///
    /// # Errors
    /// What it found, as it prints that.
    pub async fn run(
        &self,
        base: &str,
        key: &str,
        directory: &Path,
        arguments: &[&str],
    ) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        command
            .args(["run", &format!("{base}/openapi.json")])
            .args(["--header", &format!("Authorization: Bearer {key}")])
            .args(["--suppress-health-check", "all", "--warnings", "off"])
            .args(["--workers", "1", "--no-color"])
            .args(arguments)
            .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
            .env("PYTHONPATH", root().join("tests/spec"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(directory)
            .stdin(Stdio::null());
        let output = spawn_blocking(move || command.output()).await.unwrap();
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        Err(printed.into_owned() + &String::from_utf8_lossy(&output.stderr))
    }
}
