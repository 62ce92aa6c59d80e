//! From a component's bytes to a checked adapter, off the request path.
//!
//! A compiler is a large program that works on input from elsewhere. A gateway that serves runs it in a
//! child process of the same program, at the lowest priority and within limits of memory and time; the
//! child writes machine code into the cache, and the gateway loads it from there. One component is
//! compiled at a time.

mod child;
mod limits;
mod pace;
mod process;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use switchyard_runtime::{Adapter, LoadError, Runtime};
use tokio::sync::Mutex;

pub(crate) use child::{CompileJob, Outcome, run as run_child};
pub use limits::CompileLimits;
pub use pace::Pace;
use process::ChildCompiler;

/// How often a component is compiled when its machine code is gone from the cache before it was loaded.
const ATTEMPTS: usize = 2;

/// Where components are compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileIn {
    /// In this process, on a thread where blocking is allowed: unlimited, for tests and embedding.
    ThisProcess,
    /// In a child process of this program, which must be `switchyard` of the same version.
    Child(PathBuf),
}

impl CompileIn {
    /// In a child of the program that runs now, even where its file was replaced meanwhile.
    pub fn own_child() -> Self {
        // The link leads to the program itself, not to what bears its name by now: another version's
        // machine code would be refused.
        Self::Child(PathBuf::from("/proc/self/exe"))
    }
}

/// Why a component did not become an adapter.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// It is no component, or no adapter of this contract.
    #[error(transparent)]
    Refused(#[from] LoadError),
    /// Compiling it takes too much memory.
    #[error(
        "compiling it takes more than the {limit_bytes} bytes of memory that plugins.compile_memory_bytes allows"
    )]
    TooMuchMemory {
        /// The limit.
        limit_bytes: u64,
    },
    /// Compiling it takes too much processor time.
    #[error(
        "compiling it takes more than the {seconds} s of processor time that plugins.compile_seconds allows"
    )]
    TooMuchTime {
        /// The limit.
        seconds: u64,
    },
    /// The compiler got too little processor time to come to an end, or hung.
    #[error("the compiler was stopped after {} s", .0.as_secs_f64())]
    Overdue(Duration),
    /// The compiler ended without a result: it crashed, or something killed it.
    #[error("the compiler ended without a result ({status}): {said}")]
    Died {
        /// How it ended.
        status: String,
        /// The end of what it wrote to standard error, on one line.
        said: String,
    },
    /// The compiler could not be started, or could not be limited.
    #[error("the compiler could not be run: {0}")]
    NotRun(String),
    /// The machine code could not be kept, or was gone before it was loaded.
    #[error("plugins.code_cache: {0}")]
    NotKept(String),
}

impl CompileError {
    /// Whether the component is to blame, so that trying it again would end the same way.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Refused(LoadError::Engine(_)) => false,
            Self::Refused(_) | Self::TooMuchMemory { .. } | Self::TooMuchTime { .. } => true,
            Self::Overdue(_) | Self::Died { .. } | Self::NotRun(_) | Self::NotKept(_) => false,
        }
    }
}

/// Makes adapters of components. One per process.
#[derive(Debug)]
pub struct Compiler {
    runtime: Arc<Runtime>,
    child: Option<ChildCompiler>,
    turn: Mutex<()>,
}

impl Compiler {
    /// A compiler for this runtime, in a child or here.
    ///
    /// # Errors
    /// [`CompileError::NotKept`] for a child where the runtime has no code cache: there would be no way
    /// from the child back.
    pub fn new(
        runtime: Arc<Runtime>,
        compile_in: CompileIn,
        limits: CompileLimits,
    ) -> Result<Self, CompileError> {
        match compile_in {
            CompileIn::ThisProcess => Ok(Self::in_process(runtime)),
            CompileIn::Child(program) => Self::child(runtime, program, limits),
        }
    }

    /// Compiles in this process, on a thread where blocking is allowed.
    pub fn in_process(runtime: Arc<Runtime>) -> Self {
        Self {
            runtime,
            child: None,
            turn: Mutex::default(),
        }
    }

    /// Compiles in children of this program (`switchyard`), within limits.
    ///
    /// # Errors
    /// As [`Compiler::new`].
    pub fn child(
        runtime: Arc<Runtime>,
        program: PathBuf,
        limits: CompileLimits,
    ) -> Result<Self, CompileError> {
        let cache = runtime.code_cache().ok_or_else(|| {
            CompileError::NotKept("a compiler in another process needs one".into())
        })?;
        let component_bytes = runtime.limits().component_bytes;
        let child = ChildCompiler::new(program, cache.directory(), component_bytes, limits);
        Ok(Self {
            runtime,
            child: Some(child),
            turn: Mutex::default(),
        })
    }

    /// The adapter that these bytes are: from the code cache, or compiled when it is this component's
    /// turn. Dropping the future ends the child.
    ///
    /// # Errors
    /// [`CompileError`], written for the adapter's author or for the operator.
    pub async fn compile(
        &self,
        bytes: Arc<[u8]>,
        pace: Pace,
    ) -> Result<Arc<Adapter>, CompileError> {
        let Some(child) = &self.child else {
            let _turn = self.turn.lock().await;
            return self.blocking(move |runtime| runtime.load(&bytes)).await;
        };
        // What is in the cache does not wait for what is being compiled.
        if let Some(adapter) = self.compiled(&bytes).await? {
            return Ok(adapter);
        }
        let _turn = self.turn.lock().await;
        for _ in 0..ATTEMPTS {
            if let Some(adapter) = self.compiled(&bytes).await? {
                return Ok(adapter);
            }
            child.compile(&bytes, pace).await?;
        }
        self.compiled(&bytes).await?.ok_or_else(|| {
            CompileError::NotKept("the machine code cannot be loaded, or disappears at once".into())
        })
    }

    async fn compiled(&self, bytes: &Arc<[u8]>) -> Result<Option<Arc<Adapter>>, CompileError> {
        let bytes = bytes.clone();
        self.blocking(move |runtime| runtime.load_compiled(&bytes))
            .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Runtime) -> Result<T, LoadError> + Send + 'static,
    ) -> Result<T, CompileError> {
        let runtime = self.runtime.clone();
        match tokio::task::spawn_blocking(move || work(&runtime)).await {
            Ok(result) => Ok(result?),
            Err(error) => Err(CompileError::NotRun(error.to_string())),
        }
    }
}
