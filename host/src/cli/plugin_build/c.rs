//! C: clang against wasi-libc, with bindings that are generated here.

use std::path::{Path, PathBuf};
use std::process::Command;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_bindgen_core::{Files, wit_parser::Resolve};
use wit_component::ComponentEncoder;

use super::contract::{self, WORLD};
use super::project::{Language, Project};
use super::tools::on_path;
use super::{BuildError, at, create_directory, read, run, write};

const TARGET: &str = "wasm32-wasi";

pub(super) fn build(project: &Project) -> Result<Vec<u8>, BuildError> {
    let entry = project.entry()?;
    let toolchain = Toolchain::find()?;
    println!(
        "building {} with {}",
        project.name(),
        toolchain.clang.display()
    );
    let bindings = generate_bindings(project)?;
    let module = project.scratch().join("module.wasm");
    let mut clang = toolchain.command();
    clang
        .args([
            "-std=c11",
            "-O2",
            "-Wall",
            "-Wextra",
            "-mexec-model=reactor",
        ])
        .arg("-I")
        .arg(&bindings)
        .arg("-o")
        .arg(&module)
        .args(sources(&entry.directory)?)
        .arg(bindings.join(format!("{WORLD}.c")))
        .arg(bindings.join(format!("{WORLD}_component_type.o")));
    let said = clang.output().map_err(|source| BuildError::Run {
        program: toolchain.clang.display().to_string(),
        source,
    })?;
    eprint!("{}", String::from_utf8_lossy(&said.stderr));
    if !said.status.success() {
        return Err(super::failed("clang", "see above"));
    }
    let module = read(&module)?;
    let encode = || {
        ComponentEncoder::default()
            .validate(true)
            .module(&module)?
            .adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )?
            .encode()
    };
    encode().map_err(|error| BuildError::Encode(format!("{error:#}")))
}

/// Generates the header and the glue of the project's world, and says where.
pub(super) fn generate_bindings(project: &Project) -> Result<PathBuf, BuildError> {
    let wit = contract::lay_out(project)?;
    let directory = project.scratch().join("bindings");
    create_directory(&directory)?;
    let generate = || {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(&wit)?;
        let world = resolve.select_world(&[package], Some(WORLD))?;
        let mut files = Files::default();
        let options = wit_bindgen_c::Opts::default();
        options.build().generate(&mut resolve, world, &mut files)?;
        Ok(files)
    };
    let files = generate().map_err(|error: anyhow::Error| BuildError::Contract {
        path: wit.clone(),
        problem: format!("{error:#}"),
    })?;
    for (name, contents) in files.iter() {
        write(&directory.join(name), contents)?;
    }
    Ok(directory)
}

fn sources(directory: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(at(directory))? {
        let path = entry.map_err(at(directory))?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            sources.push(path);
        }
    }
    // The same order everywhere, so that the same sources give the same module.
    sources.sort();
    Ok(sources)
}

/// A clang that has the target's linker, headers and run-time library.
struct Toolchain {
    clang: PathBuf,
    sysroot: Option<PathBuf>,
}

impl Toolchain {
    /// wasi-sdk where `WASI_SDK_PATH` names one, else the system's packages.
    fn find() -> Result<Self, BuildError> {
        if let Some(sdk) = std::env::var_os("WASI_SDK_PATH").map(PathBuf::from) {
            let clang = sdk.join("bin/clang");
            return if clang.is_file() {
                Ok(Self {
                    clang,
                    sysroot: None,
                })
            } else {
                Err(missing(format!(
                    "WASI_SDK_PATH is {}, where no bin/clang is",
                    sdk.display()
                )))
            };
        }
        let clang = on_path("clang").ok_or_else(|| missing("clang is not on the PATH".into()))?;
        let sysroot = PathBuf::from("/usr");
        let toolchain = Self {
            clang,
            sysroot: Some(sysroot.clone()),
        };
        let mut absent = Vec::new();
        if on_path("wasm-ld").is_none() {
            absent.push("wasm-ld");
        }
        if !sysroot.join("include").join(TARGET).is_dir() {
            absent.push("wasi-libc");
        }
        if !toolchain
            .run_time_library()
            .is_some_and(|path| path.is_file())
        {
            absent.push("clang's run-time library for wasm32");
        }
        if absent.is_empty() {
            Ok(toolchain)
        } else {
            Err(missing(format!("there is no {}", absent.join(", no "))))
        }
    }

    fn command(&self) -> Command {
        let mut clang = Command::new(&self.clang);
        clang.arg(format!("--target={TARGET}"));
        if let Some(sysroot) = &self.sysroot {
            clang.arg(format!("--sysroot={}", sysroot.display()));
        }
        clang
    }

    fn run_time_library(&self) -> Option<PathBuf> {
        let output = run(self.command().arg("--print-libgcc-file-name")).ok()?;
        Some(PathBuf::from(String::from_utf8_lossy(&output).trim()))
    }
}

fn missing(missing: String) -> BuildError {
    BuildError::NoToolchain {
        language: Language::C,
        missing,
        install: "Install it: `apt-get install clang lld wasi-libc libclang-rt-dev-wasm32` on Debian and \
                  Ubuntu; elsewhere unpack wasi-sdk and set WASI_SDK_PATH to it"
            .to_owned(),
    }
}
