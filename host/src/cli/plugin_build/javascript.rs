//! JavaScript: QuickJS for WebAssembly with the adapter's modules in it, by `componentize-qjs`.

use std::path::Path;
use std::process::Command;

use super::contract::{self, WORLD};
use super::project::{Language, Project};
use super::tools::{Tool, on_path};
use super::{BuildError, read, run};

const COMPONENTIZE_QJS: Tool = Tool {
    name: "componentize-qjs",
    version: "0.4.5",
    program: "node_modules/.bin/componentize-qjs",
};

/// Oldest Node.js that the tool runs on.
const OLDEST_NODE: u32 = 18;

pub(super) fn build(project: &Project) -> Result<Vec<u8>, BuildError> {
    let entry = project.entry()?;
    check_node()?;
    let program = COMPONENTIZE_QJS.installed(install)?;
    println!(
        "building {} with componentize-qjs {}",
        project.name(),
        COMPONENTIZE_QJS.version
    );
    let wit = contract::lay_out(project)?;
    let out = project.scratch().join("component.wasm");
    run(Command::new(program)
        .current_dir(project.directory())
        .arg("--wit")
        .arg(wit)
        .args(["--world", WORLD, "--sync", "--stub-wasi"])
        .arg("--module-root")
        .arg(entry.directory)
        .arg("--js")
        .arg(entry.file)
        .arg("--output")
        .arg(&out))?;
    read(&out)
}

fn check_node() -> Result<(), BuildError> {
    let missing = if let Some(absent) = ["node", "npm"].iter().find(|name| on_path(name).is_none())
    {
        format!("{absent} is not on the PATH")
    } else {
        let version = run(Command::new("node").arg("--version"))?;
        let version = String::from_utf8_lossy(&version).trim().to_owned();
        let major = version.trim_start_matches('v').split('.').next();
        if major.and_then(|major| major.parse().ok()) >= Some(OLDEST_NODE) {
            return Ok(());
        }
        format!("node {version} is too old")
    };
    Err(BuildError::NoToolchain {
        language: Language::Javascript,
        missing,
        install: format!(
            "Install Node.js {OLDEST_NODE} or later: `apt-get install nodejs npm` on Debian and Ubuntu, \
             `brew install node` on macOS"
        ),
    })
}

fn install(directory: &Path) -> Result<(), BuildError> {
    let package = format!("{}@{}", COMPONENTIZE_QJS.name, COMPONENTIZE_QJS.version);
    // Its packages bring their programs built; none needs a script of its own to run.
    run(Command::new("npm")
        .current_dir(directory)
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--save-exact",
        ])
        .arg("--prefix")
        .arg(directory)
        .arg(package))
    .map(drop)
}
