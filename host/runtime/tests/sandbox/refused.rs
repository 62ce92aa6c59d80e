//! Components that are no adapters of this host, each refused with a message that says why.

use std::path::Path;

use switchyard_runtime::{Capability, Limits, LoadError};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use crate::bench::{hostile_bytes, runtime, shipped_bytes};

/// A component of the world `adapter` in this text, which may use this host's contract. Its functions
/// all trap.
fn component_of(wit: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    if !wit.contains("package switchyard:adapter@") {
        let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        resolve.push_dir(contract).unwrap();
    }
    let package = resolve.push_str("adapter.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("adapter")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.encode().unwrap()
}

/// An adapter of this contract that also imports something.
fn importing(import: &str, packages: &str) -> Vec<u8> {
    component_of(&format!(
        "package test:adapter;
         world adapter {{ {import} export switchyard:adapter/descriptor@1.0.0; }}
         {packages}"
    ))
}

#[track_caller]
fn refusal(bytes: &[u8]) -> LoadError {
    runtime(Limits::default()).load(bytes).unwrap_err()
}

#[track_caller]
fn refused(bytes: &[u8], mentions: &[&str]) {
    let message = refusal(bytes).to_string();
    for mention in mentions {
        assert!(
            message.contains(mention),
            "{mention:?} is not in: {message}"
        );
    }
}

#[test]
fn an_import_that_is_not_of_the_contract_is_named() {
    for (import, packages, named) in [
        (
            "import wasi:http/outgoing-handler@0.2.0;",
            "package wasi:http@0.2.0 { interface outgoing-handler { handle: func(); } }",
            "wasi:http/outgoing-handler@0.2.0",
        ),
        (
            "import evil:pkg/x;",
            "package evil:pkg { interface x { run: func(); } }",
            "evil:pkg/x",
        ),
        (
            "import wasi:cli/environment@0.3.0;",
            "package wasi:cli@0.3.0 { interface environment { f: func(); } }",
            "wasi:cli/environment@0.3.0",
        ),
        (
            "import wasi:keyvalue/store@0.2.0;",
            "package wasi:keyvalue@0.2.0 { interface store { f: func(); } }",
            "wasi:keyvalue/store@0.2.0",
        ),
        ("import run: func();", "", "run"),
    ] {
        let bytes = importing(import, packages);
        let error = refusal(&bytes);
        assert!(
            matches!(error, LoadError::ForbiddenImport { .. }),
            "{error}"
        );
        refused(&bytes, &[named, "1.0.0"]);
    }
}

#[test]
fn another_major_version_is_refused_naming_both() {
    let bytes = component_of(
        "package switchyard:adapter@2.0.0;
         interface descriptor { describe: func() -> string; }
         world adapter { export descriptor; }",
    );
    assert!(matches!(refusal(&bytes), LoadError::WrongMajor { .. }));
    refused(&bytes, &["2.0.0", "1.0.0", "switchyard:adapter/descriptor"]);
    let bytes = component_of(
        "package switchyard:adapter@0.9.0;
         interface log { write: func(message: string); }
         interface descriptor { describe: func() -> string; }
         world adapter { import log; export descriptor; }",
    );
    refused(&bytes, &["0.9.0", "1.0.0", "switchyard:adapter/log"]);
}

#[test]
fn an_import_of_a_newer_minor_version_asks_for_a_newer_host() {
    let bytes = component_of(
        "package switchyard:adapter@1.1.0;
         interface log { write: func(message: string); }
         interface descriptor { describe: func() -> string; }
         world adapter { import log; export descriptor; }",
    );
    assert!(matches!(refusal(&bytes), LoadError::NewerMinor { .. }));
    refused(
        &bytes,
        &["switchyard:adapter/log@1.1.0", "1.0.0", "upgrade the host"],
    );
}

#[test]
fn a_component_without_a_descriptor_is_no_adapter() {
    let bytes = component_of(
        "package test:adapter;
         world adapter { export switchyard:adapter/market@1.0.0; }",
    );
    assert!(matches!(refusal(&bytes), LoadError::NoDescriptor { .. }));
    refused(&bytes, &["switchyard:adapter/descriptor@1.0.0"]);
}

#[test]
fn a_descriptor_of_another_shape_does_not_fit() {
    let bytes = component_of(
        "package switchyard:adapter@1.0.0;
         interface descriptor { describe: func() -> string; }
         world adapter { export descriptor; }",
    );
    let error = refusal(&bytes);
    assert!(
        matches!(
            error,
            LoadError::ContractMismatch(_) | LoadError::Describe(_)
        ),
        "{error}"
    );
}

#[test]
fn a_descriptor_that_traps_is_refused_and_not_retried_for_ever() {
    let error = refusal(&importing("", ""));
    assert!(matches!(error, LoadError::Describe(_)), "{error}");
}

#[test]
fn wasi_of_the_sandbox_may_be_imported() {
    // Its functions trap, as all of a dummy's do; that its descriptor was asked for is what counts.
    let bytes = importing(
        "import wasi:cli/environment@0.2.0;",
        "package wasi:cli@0.2.0 {
             interface environment { get-environment: func() -> list<tuple<string, string>>; }
         }",
    );
    let error = refusal(&bytes);
    assert!(matches!(error, LoadError::Describe(_)), "{error}");
}

#[test]
fn what_is_no_component_is_refused_saying_what_it_is() {
    for (bytes, mention) in [
        (b"".to_vec(), "empty"),
        (b"\0asm\x01\0\0\0".to_vec(), "core module"),
        (b"MZ\x90\0".to_vec(), "first bytes"),
        (b"\0asm".to_vec(), "first bytes"),
        (b"{}".to_vec(), "first bytes"),
    ] {
        assert!(matches!(refusal(&bytes), LoadError::NotAComponent(_)));
        refused(&bytes, &[mention]);
    }
}

#[test]
fn a_file_that_was_cut_off_or_damaged_is_refused_and_never_a_panic() {
    let whole = hostile_bytes();
    let runtime = runtime(Limits::default());
    let complete = runtime.load(&whole).unwrap();
    for part in 1..16 {
        let cut = &whole[..whole.len() * part / 16];
        let error = match runtime.load(cut) {
            Err(error) => error,
            // Cut between two sections it is a component still: one that lacks exports, or names and notes,
            // which are custom sections and begin with a zero.
            Ok(adapter) => {
                let capabilities = [Capability::Market, Capability::Trading, Capability::Account];
                let lacks = capabilities
                    .into_iter()
                    .any(|c| complete.offers(c) && !adapter.offers(c));
                assert!(lacks || whole[cut.len()] == 0, "{part}/16");
                continue;
            }
        };
        assert!(
            matches!(
                error,
                LoadError::NotAComponent(_) | LoadError::NoDescriptor { .. }
            ),
            "{part}/16: {error}"
        );
    }
    // Damage may happen to keep it valid; it must not be worse than a refusal.
    for place in (8..512).step_by(7) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x55;
        let _ = runtime.load(&damaged);
    }
}

#[test]
fn a_file_above_the_limit_is_refused_unread() {
    let bytes = shipped_bytes();
    let limits = Limits {
        component_bytes: bytes.len() - 1,
        ..Limits::default()
    };
    let message = runtime(limits).load(&bytes).unwrap_err().to_string();
    assert!(message.contains("component_bytes"), "{message}");
    let limits = Limits {
        component_bytes: bytes.len(),
        ..Limits::default()
    };
    assert!(runtime(limits).load(&bytes).is_ok());
}
