//! What is no adapter is refused with its reason, and leaves nothing behind.

use switchyard::plugin::compile::{CompileError, CompileLimits, Compiler};
use switchyard_runtime::{Limits, LoadError, Runtime};

use crate::bench::{Bench, SWITCHYARD, good, instead};

async fn refusal(bench: &Bench, bytes: &[u8]) -> String {
    let error = bench.compile(bytes).await.unwrap_err();
    assert!(
        matches!(error, CompileError::Refused(LoadError::NotAComponent(_))),
        "{error:?}"
    );
    assert!(error.is_final());
    assert!(bench.children().is_empty(), "no compiler is left");
    assert!(bench.files().is_empty(), "nothing is kept");
    error.to_string()
}

#[tokio::test]
async fn what_is_no_component_is_refused_with_the_reason() {
    let bench = Bench::new(CompileLimits::default());
    for (bytes, reason) in [
        (&b""[..], "empty"),
        (b"MZ\x90\0 not wasm at all", "first bytes"),
        (b"\0asm\x01\0\0\0", "core module"),
        (b"\0asm\x0d\0\x01\0\xff\xff\xff\xff\xff", ""),
    ] {
        let message = refusal(&bench, bytes).await;
        assert!(message.contains(reason), "{message}");
    }
}

/// A cut between two sections leaves a component, of which something is missing.
#[tokio::test]
async fn a_component_cut_anywhere_is_refused() {
    let bench = Bench::new(CompileLimits::default());
    let whole = good();
    let percents = [1, 10, 50, 90, 99].map(|percent| whole.len() * percent / 100);
    for length in percents.into_iter().chain([whole.len() - 1]) {
        let error = bench.compile(&whole[..length]).await.unwrap_err();
        assert!(matches!(error, CompileError::Refused(_)), "{error:?}");
        assert!(error.is_final());
        assert!(bench.children().is_empty(), "no compiler is left");
    }
}

#[tokio::test]
async fn a_component_that_is_too_large_is_refused_with_the_key_to_change() {
    let adapters = Limits {
        component_bytes: 100_000,
        ..Limits::default()
    };
    let bench = Bench::with(SWITCHYARD.into(), CompileLimits::default(), adapters);
    let message = refusal(&bench, &good()).await;
    assert!(message.contains("plugins.component_bytes"), "{message}");
}

#[tokio::test]
async fn a_component_that_is_no_adapter_is_refused_after_it_was_compiled() {
    let bench = Bench::new(CompileLimits::default());
    let error = bench.compile(b"\0asm\x0d\0\x01\0").await.unwrap_err();
    assert!(
        matches!(error, CompileError::Refused(LoadError::NoDescriptor { .. })),
        "{error:?}"
    );
    assert!(error.is_final());
}

#[tokio::test]
async fn a_program_that_is_no_compiler_is_told_from_a_bad_component() {
    let directory = tempfile::tempdir().unwrap();
    // The last writes without end: only the beginning is read.
    for (shell, expected) in [
        ("exit 0", "exit status: 0"),
        ("echo no >&2; exit 7", "exit status: 7): no"),
        (
            "echo '{\"outcome\":\"compiled\"}'; exit 1",
            "exit status: 1",
        ),
        ("exec yes", "signal: 13"),
        ("exec yes >&2", "signal: 13"),
    ] {
        let program = instead(&directory, shell);
        let bench = Bench::with(program, CompileLimits::default(), Limits::default());
        let error = bench.compile(&good()).await.unwrap_err();
        assert!(!error.is_final(), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let missing = "/nowhere/switchyard";
    let bench = Bench::with(missing.into(), CompileLimits::default(), Limits::default());
    let error = bench.compile(&good()).await.unwrap_err();
    assert!(matches!(&error, CompileError::NotRun(why) if why.contains(missing)));
}

#[tokio::test]
async fn a_child_without_a_cache_to_hand_code_over_is_refused_at_once() {
    let runtime = Runtime::new(Limits::default(), None).unwrap();
    let refused = Compiler::child(runtime.into(), SWITCHYARD.into(), CompileLimits::default());
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("plugins.code_cache"), "{message}");
}
