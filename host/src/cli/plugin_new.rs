//! `switchyard plugin new`: a project that builds, passes the conformance kit, and is there to be changed.

mod templates;
mod vendored_sdk;

use std::path::{Path, PathBuf};

use clap::Args;

use super::plugin_build::{self, BuildError, CONTRACT, Language, NAME_RULE, is_adapter_name};

/// What stands for the project's name in a template.
const NAME: &str = "{{name}}";

/// Start an adapter: a small one that builds, passes the checks, and is there to be changed.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// What the adapter is called, usually as its venue is: [a-z][a-z0-9_-]*.
    name: String,
    /// The language to write it in.
    #[arg(long, value_enum)]
    lang: Language,
    /// Directory to make; it must not hold anything yet [default: ./NAME].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Why there is no new project.
#[derive(Debug, thiserror::Error)]
pub(super) enum NewError {
    #[error("{0:?}: {NAME_RULE}")]
    Name(String),
    #[error("{0} holds something already: name an empty or a new directory with --dir")]
    Occupied(PathBuf),
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Bindings(#[from] BuildError),
}

pub(super) fn new(args: &NewArgs) -> Result<(), NewError> {
    let name = args.name.as_str();
    if !is_adapter_name(name) {
        return Err(NewError::Name(name.to_owned()));
    }
    let directory = args.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    if std::fs::read_dir(&directory).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(NewError::Occupied(directory));
    }
    for (path, text) in templates::of(args.lang).iter().chain(templates::CASES) {
        put(&directory.join(path), &text.replace(NAME, name))?;
    }
    for (path, text) in CONTRACT {
        put(&directory.join("wit").join(path), text)?;
    }
    if args.lang == Language::Rust {
        let vendored = directory.join("vendor/switchyard-sdk");
        put(&vendored.join("Cargo.toml"), &vendored_sdk::manifest())?;
        for (path, text) in vendored_sdk::SOURCES {
            put(&vendored.join("src").join(path), text)?;
        }
    }
    plugin_build::generate_bindings(&directory)?;
    let told = next_steps(name, args.lang, &directory);
    super::print(&told).map_err(|source| NewError::File {
        path: directory,
        source,
    })
}

fn put(path: &Path, text: &str) -> Result<(), NewError> {
    let file = |source| NewError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(file)?;
    }
    std::fs::write(path, text).map_err(file)
}

fn next_steps(name: &str, language: Language, directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "{directory}: an adapter in {language} for a made-up venue, to be made yours.\nNext:\n\n    \
         cd {directory}\n    switchyard plugin build\n    \
         switchyard plugin check dist/{name}.wasm --cases cases\n"
    )
}
