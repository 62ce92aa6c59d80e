//! A known adapter loaded again, as a restart or a rollback does: all of it, and its parts.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use switchyard_runtime::{CodeCache, Limits, Runtime, sha256_hex};
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// A component of nothing: what the cache costs without its content.
const NO_ADAPTER: &[u8] = b"\0asm\x0d\0\x01\0";

fn component() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/dist/binance.wasm");
    std::fs::read(&path).expect("plugins/dist/binance.wasm is built by `make plugins`")
}

fn loading(c: &mut Criterion) {
    let bytes = component();
    let mut group = c.benchmark_group("load_adapter");
    group.sample_size(30);

    let directory = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(&directory.path().join("cache")).unwrap();
    let runtime = Runtime::new(Limits::default(), Some(cache)).unwrap();
    runtime.load(&bytes).unwrap();
    group.bench_function("from_warm_cache", |b| {
        b.iter(|| runtime.load(black_box(&bytes)).unwrap());
    });

    group.bench_function("name_the_component", |b| {
        b.iter(|| sha256_hex(black_box(&bytes)))
    });
    let no_adapter = runtime.load(NO_ADAPTER);
    assert!(no_adapter.is_err());
    group.bench_function("empty_component_from_warm_cache", |b| {
        b.iter(|| runtime.load_compiled(NO_ADAPTER).unwrap_err());
    });

    let mut config = Config::new();
    config.wasm_component_model(true).epoch_interruption(true);
    let engine = Engine::new(&config).unwrap();
    let code = engine.precompile_component(&bytes).unwrap();
    group.bench_function("deserialize_alone", |b| {
        b.iter(|| deserialize(&engine, &code))
    });
    group.finish();
    println!(
        "component {} bytes, machine code {} bytes",
        bytes.len(),
        code.len()
    );
}

#[allow(unsafe_code)]
fn deserialize(engine: &Engine, code: &[u8]) -> Component {
    // SAFETY: the engine itself made these bytes a moment ago.
    unsafe { Component::deserialize(engine, black_box(code)) }.unwrap()
}

criterion_group!(benches, loading);
criterion_main!(benches);
