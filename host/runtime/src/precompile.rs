//! Compilation alone, for a process of its own: into the cache, and nothing is run.

use wasmtime::Engine;

use crate::code_cache::{CodeCache, sha256_hex};
use crate::engine::{check_file, code_config};
use crate::error::LoadError;

/// Why a component was not compiled into the cache.
#[derive(Debug, thiserror::Error)]
pub enum PrecompileError {
    /// The component is at fault, or the engine could not be made.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The process may have no more memory.
    #[error("the compiler ran out of memory")]
    OutOfMemory,
    /// The machine code could not be kept.
    #[error("the machine code could not be kept: {0}")]
    Cache(std::io::Error),
}

/// Compiles a component into the cache, where a [`Runtime`](crate::Runtime) of this program finds it.
///
/// It takes one thread, and reserves no address space for instances, so that limits on the process mean
/// what they say.
///
/// # Errors
/// [`PrecompileError`].
pub fn precompile(
    bytes: &[u8],
    component_bytes: usize,
    cache: &CodeCache,
) -> Result<(), PrecompileError> {
    check_file(bytes, component_bytes)?;
    let sha256 = sha256_hex(bytes);
    let mut config = code_config();
    config.parallel_compilation(false);
    let engine = Engine::new(&config).map_err(|error| refused(&error, LoadError::Engine))?;
    let code = engine
        .precompile_component(bytes)
        .map_err(|error| refused(&error, LoadError::NotAComponent))?;
    cache
        .store(&engine, &sha256, &code)
        .map_err(PrecompileError::Cache)
}

fn refused(error: &wasmtime::Error, otherwise: fn(String) -> LoadError) -> PrecompileError {
    if is_out_of_memory(error) {
        return PrecompileError::OutOfMemory;
    }
    otherwise(format!("{error:#}")).into()
}

/// Whether an allocation or a mapping was refused, anywhere below this error.
fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<wasmtime::OutOfMemory>()
            || cause.downcast_ref::<rustix::io::Errno>() == Some(&rustix::io::Errno::NOMEM)
            || cause
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.kind() == std::io::ErrorKind::OutOfMemory)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Limits, Runtime};

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    /// The running engine pools its instances and the compiling one has none: the code must be the same.
    #[test]
    fn code_that_was_compiled_alone_is_what_the_running_engine_takes() {
        let directory = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(&directory.path().join("cache")).unwrap();
        let runtime = Runtime::new(Limits::default(), Some(cache.clone())).unwrap();
        assert!(runtime.load_compiled(EMPTY_COMPONENT).unwrap().is_none());
        precompile(EMPTY_COMPONENT, 1_000, &cache).unwrap();
        // Taken from the cache, and only then found to be no adapter.
        let refused = runtime.load_compiled(EMPTY_COMPONENT).unwrap_err();
        assert!(
            matches!(refused, LoadError::NoDescriptor { .. }),
            "{refused}"
        );
    }

    #[test]
    fn code_that_cannot_be_kept_is_an_error_here() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cache");
        let cache = CodeCache::open(&path).unwrap();
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, "in the way").unwrap();
        let failed = precompile(EMPTY_COMPONENT, 1_000, &cache).unwrap_err();
        assert!(matches!(failed, PrecompileError::Cache(_)), "{failed}");
    }
}
