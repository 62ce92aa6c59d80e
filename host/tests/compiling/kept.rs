//! Machine code crosses from the child to the gateway through the cache, and survives restarts.

use std::fs;
use std::task::{Context, Poll, Waker};

use switchyard::plugin::compile::{CompileLimits, Compiler, Pace};
use switchyard_runtime::{Limits, Runtime};

use crate::bench::{Bench, good, runtime};

#[tokio::test]
async fn what_a_child_compiled_is_loaded_without_compiling_by_it_and_by_the_next_process() {
    let bench = Bench::new(CompileLimits::default());
    let bytes = good();
    let adapter = bench.compile(&bytes).await.unwrap();
    assert_eq!(adapter.descriptor().venue, "hostile");
    assert_eq!(bench.files().len(), 1);

    let restarted = runtime(&bench.cache(), Limits::default());
    let loaded = restarted.load_compiled(&bytes).unwrap().unwrap();
    assert_eq!(loaded.sha256(), adapter.sha256());
    // No second child: there is no such program any more.
    let nothing = "/nowhere/switchyard".into();
    let without = Compiler::child(restarted, nothing, CompileLimits::default()).unwrap();
    without.compile(bytes.into(), Pace::AtOnce).await.unwrap();
}

#[tokio::test]
async fn a_damaged_a_shortened_or_a_deleted_entry_is_compiled_again_and_never_run() {
    let bench = Bench::new(CompileLimits::default());
    let bytes = good();
    bench.compile(&bytes).await.unwrap();
    let [entry] = &bench.files()[..] else {
        panic!("one entry: {:?}", bench.files());
    };
    let code = fs::read(entry).unwrap();
    let mut flipped = code.clone();
    flipped[code.len() / 2] ^= 0x10;
    for content in [Some(&flipped[..]), Some(&code[..code.len() / 2]), None] {
        match content {
            Some(content) => fs::write(entry, content).unwrap(),
            None => fs::remove_dir_all(bench.cache()).unwrap(),
        }
        bench.compile(&bytes).await.unwrap();
        assert!(fs::read(entry).unwrap() == code, "the entry is whole again");
    }
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_an_error_that_names_it() {
    let bench = Bench::new(CompileLimits::default());
    fs::remove_dir(bench.cache()).unwrap();
    fs::write(bench.cache(), "in the way").unwrap();
    let error = bench.compile(&good()).await.unwrap_err();
    let message = error.to_string();
    assert!(!error.is_final());
    assert!(
        message.contains("plugins.code_cache")
            && message.contains(&bench.cache().display().to_string()),
        "{message}"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn compiling_in_this_process_leaves_the_async_runtime_free() {
    let runtime = Runtime::new(Limits::default(), None).unwrap();
    let compiler = Compiler::in_process(runtime.into());
    let mut compiling = Box::pin(compiler.compile(good().into(), Pace::AtOnce));
    let started = compiling
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(started, Poll::Pending));
    assert_eq!(compiling.await.unwrap().descriptor().venue, "hostile");
}
