//! An author's day: a project from nothing, built, and held to the conformance kit. What a language's toolchain
//! lacks here is printed, and its test is skipped.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use switchyard_end_to_end::built;

/// The file with the steps that an author follows.
const GUIDE: &str = include_str!("../../../../plugins/README.md");

fn switchyard() -> Command {
    let mut command = Command::new(built("switchyard"));
    // Third-party crates of templates are compiled once, not once a test run.
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/template-adapters");
    command.env("CARGO_TARGET_DIR", target);
    command
}

fn text(output: &Output) -> String {
    let (said, complained) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(said),
        String::from_utf8_lossy(complained)
    )
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    text(&output)
}

/// Whether a build was refused because this machine has no toolchain for it; says so.
fn is_skipped(output: &Output) -> bool {
    let said = text(output);
    let is_skipped = !output.status.success() && said.contains("adapters cannot be built here");
    if is_skipped {
        eprintln!("SKIPPED: {}", said.trim());
    }
    is_skipped
}

fn a_new_project_builds_and_passes_the_kit(language: &str) {
    let directory = tempfile::tempdir().unwrap();
    let project = directory.path().join("demo-venue");
    let said = succeed(
        switchyard()
            .args(["plugin", "new", "demo-venue", "--lang", language, "--dir"])
            .arg(&project),
    );
    for step in [
        "cd ",
        "switchyard plugin build",
        "switchyard plugin check dist/demo-venue.wasm",
    ] {
        assert!(said.contains(step), "{said}");
    }
    let build = switchyard()
        .args(["plugin", "build"])
        .arg(&project)
        .output()
        .unwrap();
    if is_skipped(&build) {
        return;
    }
    assert!(build.status.success(), "{}", text(&build));
    let component = project.join("dist/demo-venue.wasm");
    let report = succeed(switchyard().args(["plugin", "check"]).arg(component));
    assert!(report.contains(" 0 failed"), "{report}");
}

#[test]
fn a_new_rust_project_builds_and_passes_the_kit() {
    a_new_project_builds_and_passes_the_kit("rust");
}

#[test]
fn a_new_python_project_builds_and_passes_the_kit() {
    a_new_project_builds_and_passes_the_kit("python");
}

#[test]
fn a_new_javascript_project_builds_and_passes_the_kit() {
    a_new_project_builds_and_passes_the_kit("javascript");
}

#[test]
fn a_new_c_project_builds_and_passes_the_kit() {
    a_new_project_builds_and_passes_the_kit("c");
}

#[test]
fn the_guides_first_commands_work_as_printed() {
    let steps = GUIDE
        .split("```sh\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    assert!(
        steps.contains("plugin new") && steps.contains("plugin check"),
        "{steps}"
    );
    let directory = tempfile::tempdir().unwrap();
    let programs = built("switchyard").parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["-euc", steps])
        .current_dir(directory.path())
        .env("PATH", format!("{}:{path}", programs.display()))
        .output()
        .unwrap();
    if !is_skipped(&output) {
        assert!(output.status.success(), "{}", text(&output));
    }
}

#[test]
fn a_missing_toolchain_is_named_with_the_command_that_installs_it() {
    for (language, install) in [
        ("rust", "https://rustup.rs"),
        ("python", "apt-get install python3 python3-venv"),
        ("javascript", "apt-get install nodejs npm"),
        (
            "c",
            "apt-get install clang lld wasi-libc libclang-rt-dev-wasm32",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let project = directory.path().join("demo-venue");
        succeed(
            switchyard()
                .args(["plugin", "new", "demo-venue", "--lang", language, "--dir"])
                .arg(&project),
        );
        let nothing = directory.path().join("no-programs");
        fs::create_dir(&nothing).unwrap();
        let mut build = switchyard();
        build
            .args(["plugin", "build"])
            .arg(&project)
            .env("PATH", nothing)
            .env_remove("WASI_SDK_PATH");
        let output = build.output().unwrap();
        assert!(!output.status.success());
        assert!(
            text(&output).contains(install),
            "{language}: {}",
            text(&output)
        );
    }
}

#[test]
fn a_name_that_is_no_label_or_a_directory_with_something_in_it_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let too_long = "v".repeat(33);
    for name in [
        "",
        "Venue",
        "1venue",
        "ven ue",
        "../venue",
        "venüe",
        too_long.as_str(),
    ] {
        let mut new = switchyard();
        new.current_dir(directory.path())
            .args(["plugin", "new", "--lang", "c", "--", name]);
        let output = new.output().unwrap();
        assert!(!output.status.success(), "{name:?}");
        assert!(
            text(&output).contains("[a-z][a-z0-9_-]*"),
            "{}",
            text(&output)
        );
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    let project = directory.path().join("venue");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("notes"), "mine").unwrap();
    let output = switchyard()
        .args(["plugin", "new", "venue", "--lang", "c", "--dir"])
        .arg(&project)
        .output()
        .unwrap();
    assert!(
        !output.status.success() && text(&output).contains("holds something already"),
        "{}",
        text(&output)
    );
    assert_eq!(fs::read_dir(&project).unwrap().count(), 1);
}
