//! `switchyard plugin build`: an adapter's project into a component, with the toolchain of its language.
//!
//! A toolchain is looked for before anything is built; what it lacks is named with the command that installs
//! it. Nothing is put in place that the runtime would refuse.

mod c;
mod contract;
mod javascript;
mod project;
mod python;
mod rust;
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;

use super::plugin_inspect::{self, InspectError};
pub(super) use contract::CONTRACT;
use project::Project;
pub(super) use project::{Language, NAME_RULE, is_adapter_name};

/// Why no component was made.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error("cannot run {program}: {source}")]
    Run {
        program: String,
        source: std::io::Error,
    },
    #[error("{program} failed: {output}")]
    Failed { program: String, output: String },
    #[error(
        "{0} holds no adapter: there is neither an adapter.toml nor a Cargo.toml \
         (`switchyard plugin new` makes a project)"
    )]
    NoProject(PathBuf),
    #[error("{path}: {problem}")]
    Manifest { path: PathBuf, problem: String },
    #[error("{0} holds no crate with a `cdylib` library (crate-type = [\"cdylib\", \"rlib\"])")]
    NoLibrary(PathBuf),
    #[error("{language} adapters cannot be built here: {missing}. {install}")]
    NoToolchain {
        language: Language,
        missing: String,
        install: String,
    },
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the contract in {path}: {problem}")]
    Contract { path: PathBuf, problem: String },
    #[error("the module cannot be made a component: {0}")]
    Encode(String),
    #[error("cannot find a place for tools: neither XDG_CACHE_HOME nor HOME is set")]
    NoCache,
    #[error(transparent)]
    Inspect(#[from] InspectError),
}

pub(super) fn build(directory: &Path, out: Option<&Path>) -> Result<(), BuildError> {
    let project = Project::at(directory)?;
    let component = match project.language() {
        Language::Rust => rust::build(&project)?,
        Language::Python => python::build(&project)?,
        Language::Javascript => javascript::build(&project)?,
        Language::C => c::build(&project)?,
    };
    let out = out.map_or_else(|| project.directory().join("dist"), Path::to_owned);
    let file = out.join(format!("{}.wasm", project.name()));
    let adapter = plugin_inspect::load_bytes(&file, &component)?;
    create_directory(&out)?;
    // Renamed into place: a gateway that watches the directory never sees half a file.
    let partial = file.with_extension("wasm.partial");
    write(&partial, &component)?;
    std::fs::rename(&partial, &file).map_err(at(&file))?;
    super::print(&plugin_inspect::to_text(&file, &adapter)).map_err(at(&file))
}

/// What generates or compiles sources that are there already, for `switchyard plugin new`.
pub(super) fn generate_bindings(directory: &Path) -> Result<(), BuildError> {
    let project = Project::at(directory)?;
    match project.language() {
        Language::C => c::generate_bindings(&project).map(drop),
        Language::Rust | Language::Python | Language::Javascript => Ok(()),
    }
}

/// The output of a command that is expected to end well.
fn run(command: &mut Command) -> Result<Vec<u8>, BuildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| BuildError::Run {
        program: program.clone(),
        source,
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = [output.stdout, output.stderr].concat();
    Err(failed(&program, &String::from_utf8_lossy(&said)))
}

fn failed(program: &str, output: &str) -> BuildError {
    BuildError::Failed {
        program: program.to_owned(),
        output: output.trim().to_owned(),
    }
}

/// Turns what went wrong with a file into the error that names it.
fn at(path: &Path) -> impl FnOnce(std::io::Error) -> BuildError {
    let path = path.to_owned();
    move |source| BuildError::File { path, source }
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path).map_err(at(path))
}

fn write(path: &Path, contents: &[u8]) -> Result<(), BuildError> {
    std::fs::write(path, contents).map_err(at(path))
}

fn create_directory(path: &Path) -> Result<(), BuildError> {
    std::fs::create_dir_all(path).map_err(at(path))
}
