//! Python: CPython for WebAssembly with the adapter's modules in it, by `componentize-py`.

use std::path::Path;
use std::process::Command;

use super::contract::{self, WORLD};
use super::project::{Language, Project};
use super::tools::{Tool, on_path};
use super::{BuildError, read, run};

const COMPONENTIZE_PY: Tool = Tool {
    name: "componentize-py",
    version: "0.25.1",
    program: "bin/componentize-py",
};

/// Exits with 1 where Python is too old for the tool, and by an exception where it cannot make environments.
const PROBE: &str = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))";

pub(super) fn build(project: &Project) -> Result<Vec<u8>, BuildError> {
    let entry = project.entry()?;
    check_python()?;
    let program = COMPONENTIZE_PY.installed(install)?;
    println!(
        "building {} with componentize-py {}",
        project.name(),
        COMPONENTIZE_PY.version
    );
    let wit = contract::lay_out(project)?;
    let out = project.scratch().join("component.wasm");
    let module = entry.file.file_stem().unwrap_or_default();
    run(Command::new(program)
        .current_dir(project.directory())
        .arg("--wit-path")
        .arg(wit)
        .args(["--world", WORLD, "componentize", "--stub-wasi"])
        .arg("--python-path")
        .arg(entry.directory)
        .arg("--output")
        .arg(&out)
        .arg(module))?;
    read(&out)
}

fn check_python() -> Result<(), BuildError> {
    let missing = match on_path("python3") {
        None => "python3 is not on the PATH".to_owned(),
        Some(_) => match run(Command::new("python3").args(["-c", PROBE])) {
            Ok(_) => return Ok(()),
            Err(_) => "python3 is older than 3.10, or comes without `venv`".to_owned(),
        },
    };
    Err(BuildError::NoToolchain {
        language: Language::Python,
        missing,
        install:
            "Install Python 3.10 or later: `apt-get install python3 python3-venv` on Debian and \
                  Ubuntu, `brew install python` on macOS"
                .to_owned(),
    })
}

fn install(directory: &Path) -> Result<(), BuildError> {
    run(Command::new("python3").args(["-m", "venv"]).arg(directory))?;
    let requirement = format!("{}=={}", COMPONENTIZE_PY.name, COMPONENTIZE_PY.version);
    run(Command::new(directory.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg(requirement))
    .map(drop)
}
