//! The contract as a project is built against it: its own copy where it has one, else the gateway's, with a
//! world of just what the project exports.

use std::path::{Path, PathBuf};

use super::project::Project;
use super::{BuildError, at, create_directory, read, write};

macro_rules! contract {
    ($($file:literal),+) => {
        /// The files of the contract, by name.
        pub(in crate::cli) const CONTRACT: &[(&str, &str)] =
            &[$(($file, include_str!(concat!("../../../../wit/", $file)))),+];
    };
}

contract!(
    "account.wit",
    "descriptor.wit",
    "imports.wit",
    "market.wit",
    "trading.wit",
    "types.wit",
    "world.wit"
);

/// The name of the world that every project is built as.
pub(super) const WORLD: &str = "venue";

/// Puts the contract and the project's world into the project's scratch directory, and says where.
pub(super) fn lay_out(project: &Project) -> Result<PathBuf, BuildError> {
    let directory = project.scratch().join("wit");
    if directory.exists() {
        std::fs::remove_dir_all(&directory).map_err(at(&directory))?;
    }
    create_directory(&directory)?;
    let own = project.directory().join("wit");
    if own.is_dir() {
        copy(&own, &directory)?;
    } else {
        for (name, text) in CONTRACT {
            write(&directory.join(name), text.as_bytes())?;
        }
    }
    write(&directory.join("venue.wit"), world(project).as_bytes())?;
    Ok(directory)
}

fn copy(from: &Path, to: &Path) -> Result<(), BuildError> {
    for entry in std::fs::read_dir(from).map_err(at(from))? {
        let path = entry.map_err(at(from))?.path();
        if let (Some(name), true) = (
            path.file_name(),
            path.extension().is_some_and(|e| e == "wit"),
        ) {
            write(&to.join(name), &read(&path)?)?;
        }
    }
    Ok(())
}

/// It exports the capabilities that the manifest names and no others: the host reads from the exports what a
/// venue can do.
fn world(project: &Project) -> String {
    let exports: String = project
        .capabilities()
        .iter()
        .map(|capability| format!("    export {};\n", capability.interface()))
        .collect();
    format!(
        "/// What the adapter `{}` imports and exports; made from adapter.toml at each build.\n\
         world {WORLD} {{\n    import signer;\n    import catalogue;\n    import log;\n\n    \
         export descriptor;\n{exports}}}\n",
        project.name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_contract_is_the_whole_contract() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let mut there: Vec<String> = std::fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        let embedded: Vec<&str> = CONTRACT.iter().map(|(name, _)| *name).collect();
        assert_eq!(embedded, there);
    }
}
