//! The wasmtime engine all adapters share, its limits, and the way from bytes to an [`Adapter`].

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::adapter::Adapter;
use crate::bindings::switchyard::adapter::{catalogue, log, signer, types};
use crate::code_cache::{CodeCache, sha256_hex};
use crate::contract::inspect_surface;
use crate::deadline::EPOCH_TICK;
use crate::error::LoadError;
use crate::imports::InstanceState;
use crate::wasi;

/// Component instances alive at once, over all adapters and versions. Each reserves address space
/// (not memory) for its linear memories, 4 GiB and guards each: 256 of three take about 6 TiB of the 128 there are.
const TOTAL_INSTANCES: u32 = 256;

/// Linear memories one component may have; one of QuickJS has three, two of them empty.
const MEMORIES_PER_COMPONENT: u32 = 3;

/// Core modules one component may consist of; a component with the WASI adapter has four or five, one of
/// CPython, which links its standard library as modules of its own, 38.
const CORE_INSTANCES_PER_COMPONENT: u32 = 64;

/// Function table entries per table; CPython's interpreter needs about 9,000.
const TABLE_ELEMENTS: usize = 32_768;

/// Stack of a call in bytes; recursion in an adapter ends here and not in the host's own stack.
const WASM_STACK_BYTES: usize = 512 * 1024;

/// What an adapter may use. Every value has a configuration key of the same name under `[plugins]`.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Processor time of one encode or decode.
    pub call_deadline: Duration,
    /// How many times as long as its processor time a call may take by the wall clock; no configuration changes it.
    pub wall_factor: u32,
    /// Processor time of one decode of a listing, whose body may have many megabytes.
    pub bulk_call_deadline: Duration,
    /// Processor time to make the first instance and read its descriptor. Later ones are made between
    /// calls and may take no longer than a call.
    pub instantiate_deadline: Duration,
    /// Linear memory of one instance, in bytes.
    pub memory_bytes: usize,
    /// Instances of one adapter version alive at once; a call beyond them waits, then is refused.
    pub instances_per_adapter: usize,
    /// Calls after which an instance is replaced, so that a leak in an adapter stays small.
    pub uses_per_instance: u64,
    /// Largest component file accepted, in bytes.
    pub component_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_deadline: Duration::from_millis(10),
            wall_factor: 20,
            bulk_call_deadline: Duration::from_secs(2),
            instantiate_deadline: Duration::from_secs(2),
            memory_bytes: 128 * 1024 * 1024,
            instances_per_adapter: 16,
            uses_per_instance: 100_000,
            component_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Compiles and loads adapters. One per process.
pub struct Runtime {
    engine: Engine,
    linker: Linker<InstanceState>,
    limits: Limits,
    code_cache: Option<CodeCache>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// Makes the engine and starts the thread that keeps its time.
    ///
    /// # Errors
    /// [`LoadError::Engine`] where this machine cannot run the engine (no address space, no threads).
    pub fn new(limits: Limits, code_cache: Option<CodeCache>) -> Result<Self, LoadError> {
        let engine_error = |error: wasmtime::Error| LoadError::Engine(format!("{error:#}"));
        let engine = Engine::new(&config(&limits)).map_err(engine_error)?;
        let linker = linker(&engine).map_err(engine_error)?;
        keep_time(&engine)?;
        Ok(Self {
            engine,
            linker,
            limits,
            code_cache,
        })
    }

    /// Compiles (or takes from the cache), checks and describes a component.
    ///
    /// Compilation of a large component takes seconds of processor time: call it off the request path.
    ///
    /// # Errors
    /// [`LoadError`], written for the adapter's author.
    pub fn load(&self, bytes: &[u8]) -> Result<Arc<Adapter>, LoadError> {
        check_file(bytes, self.limits.component_bytes)?;
        let sha256 = sha256_hex(bytes);
        let component = match self.kept(&sha256) {
            Some(component) => component,
            None => self.compile(bytes, &sha256)?,
        };
        self.adapter(&component, sha256, bytes.len())
    }

    /// As [`Runtime::load`], and never compiles: `None` where the cache does not hold the component.
    ///
    /// Checking and describing an adapter runs its code, within `instantiate_deadline`: call it where
    /// blocking is allowed.
    ///
    /// # Errors
    /// [`LoadError`], as [`Runtime::load`].
    pub fn load_compiled(&self, bytes: &[u8]) -> Result<Option<Arc<Adapter>>, LoadError> {
        check_file(bytes, self.limits.component_bytes)?;
        let sha256 = sha256_hex(bytes);
        self.kept(&sha256)
            .map(|component| self.adapter(&component, sha256, bytes.len()))
            .transpose()
    }

    /// Where machine code is kept, if it is.
    pub fn code_cache(&self) -> Option<&CodeCache> {
        self.code_cache.as_ref()
    }

    /// What adapters may use.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    fn kept(&self, sha256: &str) -> Option<Component> {
        self.code_cache.as_ref()?.load(&self.engine, sha256)
    }

    /// The cache is an optimisation here: failing to keep the code is logged and forgotten.
    fn compile(&self, bytes: &[u8], sha256: &str) -> Result<Component, LoadError> {
        let component = Component::from_binary(&self.engine, bytes)
            .map_err(|error| LoadError::NotAComponent(format!("{error:#}")))?;
        if let Some(cache) = &self.code_cache {
            let kept = component
                .serialize()
                .map_err(|error| format!("{error:#}"))
                .and_then(|code| {
                    let kept = cache.store(&self.engine, sha256, &code);
                    kept.map_err(|error| error.to_string())
                });
            if let Err(error) = kept {
                tracing::warn!(%error, "could not keep machine code");
            }
        }
        Ok(component)
    }

    fn adapter(
        &self,
        component: &Component,
        sha256: String,
        size_bytes: usize,
    ) -> Result<Arc<Adapter>, LoadError> {
        let surface = inspect_surface(&self.engine, component)?;
        let pre = self
            .linker
            .instantiate_pre(component)
            .map_err(|error| LoadError::ContractMismatch(format!("{error:#}")))?;
        Adapter::new(pre, surface, sha256, size_bytes, self.limits.clone()).map(Arc::new)
    }
}

/// What decides which machine code a component becomes. Everything else an engine is told is about
/// running it, and engines that share this share a cache.
pub(crate) fn code_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_init_cow(true);
    config
}

fn config(limits: &Limits) -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(TOTAL_INSTANCES)
        .total_core_instances(TOTAL_INSTANCES * CORE_INSTANCES_PER_COMPONENT)
        .total_memories(TOTAL_INSTANCES * MEMORIES_PER_COMPONENT)
        .total_tables(TOTAL_INSTANCES * 4)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memory_size(limits.memory_bytes)
        .table_elements(TABLE_ELEMENTS);
    let mut config = code_config();
    config
        .max_wasm_stack(WASM_STACK_BYTES)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<InstanceState>> {
    let mut linker = Linker::new(engine);
    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    signer::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    catalogue::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    wasi::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// Advances the epoch until the engine is gone.
fn keep_time(engine: &Engine) -> Result<(), LoadError> {
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("adapter-epochs".into())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(EPOCH_TICK);
            }
        })
        .map(drop)
        .map_err(|error| LoadError::Engine(format!("cannot start the epoch thread: {error}")))
}

/// What can be said of a file before anything is compiled.
pub(crate) fn check_file(bytes: &[u8], most: usize) -> Result<(), LoadError> {
    if bytes.len() > most {
        return Err(LoadError::NotAComponent(format!(
            "more than the {most} bytes that plugins.component_bytes allows"
        )));
    }
    if !has_component_preamble(bytes) {
        return Err(LoadError::NotAComponent(what_it_is_instead(bytes)));
    }
    Ok(())
}

/// A component's preamble (magic, version 13, layer 1), as the component model's binary format has it.
fn has_component_preamble(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x0d\0\x01\0")
}

fn what_it_is_instead(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        "the file is empty".into()
    } else if bytes.starts_with(b"\0asm\x01\0\0\0") {
        "it is a core module; wrap it with `switchyard plugin build` or `wasm-tools component new`"
            .into()
    } else {
        "its first bytes are not a component's".into()
    }
}
