//! Rust: a crate into a component, with whatever toolchain can build for wasm.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use wit_component::ComponentEncoder;

use super::project::{Language, Project};
use super::tools::on_path;
use super::{BuildError, at, failed, read, run};

/// The target that adapters are built for: it imports nothing but the contract.
const TARGET: &str = "wasm32-unknown-unknown";

/// The compiler of Debian's package `rustc-web`; the package `rust-web-src` has its library's source.
const DISTRIBUTION_RUSTC: &str = "/usr/bin/rustc";

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

/// How a module is compiled here.
enum Toolchain {
    /// The installed toolchain has the target.
    Installed,
    /// A distribution's compiler, which builds the standard library from source; the linker is rustup's.
    Distribution { linker: PathBuf },
}

pub(super) fn build(project: &Project) -> Result<Vec<u8>, BuildError> {
    if on_path("cargo").is_none() {
        return Err(BuildError::NoToolchain {
            language: Language::Rust,
            missing: "cargo is not on the PATH".to_owned(),
            install: format!(
                "Install Rust from https://rustup.rs, and then the target: `rustup target add {TARGET}`"
            ),
        });
    }
    let (metadata, package, library) = crate_at(project.directory())?;
    let toolchain = Toolchain::find()?;
    println!("building {} with {}", package, toolchain.describe());
    // A directory of its own: other flags, and no waiting for a native build's lock.
    let target_directory = metadata.target_directory.join("wasm");
    toolchain.compile(project.directory(), &package, &target_directory)?;
    let module = target_directory
        .join(TARGET)
        .join("adapter")
        .join(format!("{}.wasm", library.replace('-', "_")));
    componentize(&module)
}

fn crate_at(directory: &Path) -> Result<(Metadata, String, String), BuildError> {
    let manifest = directory.join("Cargo.toml");
    let output = run(Command::new("cargo")
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(&manifest))?;
    let metadata: Metadata = serde_json::from_slice(&output)
        .map_err(|error| failed("cargo metadata", &error.to_string()))?;
    let manifest = std::fs::canonicalize(&manifest).map_err(at(&manifest))?;
    let found = metadata
        .packages
        .iter()
        .find(|package| package.manifest_path == manifest)
        .and_then(|package| {
            let is_library =
                |target: &&Target| target.crate_types.iter().any(|kind| kind == "cdylib");
            Some((
                package.name.clone(),
                package.targets.iter().find(is_library)?.name.clone(),
            ))
        });
    let (package, library) = found.ok_or_else(|| BuildError::NoLibrary(directory.to_owned()))?;
    Ok((metadata, package, library))
}

impl Toolchain {
    fn find() -> Result<Self, BuildError> {
        let sysroot = sysroot("rustc")?;
        if sysroot
            .join("lib/rustlib")
            .join(TARGET)
            .join("lib")
            .is_dir()
        {
            return Ok(Self::Installed);
        }
        let has_source = sysroot_of_distribution()
            .is_some_and(|sysroot| sysroot.join("lib/rustlib/src/rust/library").is_dir());
        let host = host_triple()?;
        let linker = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
        if has_source && linker.is_file() {
            Ok(Self::Distribution { linker })
        } else {
            Err(BuildError::NoToolchain {
                language: Language::Rust,
                missing: format!("no toolchain builds for {TARGET}"),
                install: format!(
                    "Run `rustup target add {TARGET}`, or on Debian `apt-get install rustc-web rust-web-src`"
                ),
            })
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Installed => format!("the installed target {TARGET}"),
            Self::Distribution { .. } => {
                format!("{DISTRIBUTION_RUSTC} and its library's source (no {TARGET} installed)")
            }
        }
    }

    fn compile(
        &self,
        directory: &Path,
        package: &str,
        target_directory: &Path,
    ) -> Result<(), BuildError> {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(directory)
            .args([
                "build",
                "--profile",
                "adapter",
                "--target",
                TARGET,
                "--package",
                package,
            ])
            .env("CARGO_TARGET_DIR", target_directory);
        if let Self::Distribution { linker } = self {
            cargo
                .args(["-Z", "build-std=std,panic_abort"])
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", DISTRIBUTION_RUSTC)
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        let status = cargo.status().map_err(|source| BuildError::Run {
            program: "cargo".into(),
            source,
        })?;
        if status.success() {
            Ok(())
        } else {
            Err(failed("cargo build", "see above"))
        }
    }
}

fn componentize(module: &Path) -> Result<Vec<u8>, BuildError> {
    let bytes = read(module)?;
    ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| BuildError::Encode(format!("{error:#}")))
}

fn sysroot(rustc: &str) -> Result<PathBuf, BuildError> {
    let output = run(Command::new(rustc).args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output).trim()))
}

fn sysroot_of_distribution() -> Option<PathBuf> {
    Path::new(DISTRIBUTION_RUSTC)
        .is_file()
        .then(|| sysroot(DISTRIBUTION_RUSTC).ok())?
}

fn host_triple() -> Result<String, BuildError> {
    let output = run(Command::new("rustc").arg("-vV"))?;
    String::from_utf8_lossy(&output)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or_else(|| failed("rustc -vV", "it names no host"))
}
