//! The compiling process: `switchyard plugin compile`, a component on standard input, one line of JSON on
//! standard output.

use std::io::{self, Read};
use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};
use serde::{Deserialize, Serialize};
use switchyard_runtime::{CodeCache, LoadError, PrecompileError, precompile, sha256_hex};

/// The lowest priority there is: everything else on the machine comes first.
const LOWEST_PRIORITY: i32 = 19;

/// Seconds from the signal that ends a process at its limit to the one that it could not survive.
const GRACE_SECONDS: u64 = 2;

/// What the compiling process is told.
#[derive(Debug, clap::Args)]
pub(crate) struct CompileJob {
    /// Directory of the code cache.
    #[arg(long)]
    pub(crate) cache: PathBuf,
    /// SHA-256 that the component must have, hexadecimal.
    #[arg(long)]
    pub(crate) sha256: String,
    /// Largest component.
    #[arg(long)]
    pub(crate) component_bytes: usize,
    /// Address space of the process.
    #[arg(long)]
    pub(crate) memory_bytes: u64,
    /// Processor time of the process.
    #[arg(long)]
    pub(crate) cpu_seconds: u64,
}

/// How a compilation ended, as the child tells it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The cache has the machine code.
    Compiled,
    /// The bytes are no component, or the compiler does not take them.
    NotAComponent { message: String },
    /// The compiler was refused memory.
    OutOfMemory,
    /// The bytes are not the ones announced: whoever sent them stopped half-way.
    OtherBytes { sha256: String },
    /// The machine code could not be kept.
    NotKept { message: String },
    /// The process could not be limited, or the engine could not be made.
    NotRun { message: String },
}

/// Compiles what is on standard input, within the job's limits, which hold for the rest of the process.
pub(crate) fn run(job: &CompileJob) -> Outcome {
    limit(job)
        .and_then(|()| compile(job))
        .unwrap_or_else(|problem| problem)
}

fn limit(job: &CompileJob) -> Result<(), Outcome> {
    let not_run = |error: rustix::io::Errno| Outcome::NotRun {
        message: format!("cannot limit the process: {error}"),
    };
    setpriority_process(None, LOWEST_PRIORITY).map_err(not_run)?;
    for (resource, soft, hard) in [
        (Resource::As, job.memory_bytes, job.memory_bytes),
        (
            Resource::Cpu,
            job.cpu_seconds,
            job.cpu_seconds.saturating_add(GRACE_SECONDS),
        ),
        // A compiler that is stopped leaves no image of its memory behind.
        (Resource::Core, 0, 0),
    ] {
        // Only ever downwards: a stricter limit from outside stands.
        let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let limit = Rlimit {
            current: Some(soft.min(most)),
            maximum: Some(hard.min(most)),
        };
        setrlimit(resource, limit).map_err(not_run)?;
    }
    // Where the machine as a whole runs out of memory, it is this process that goes, not the gateway.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

fn compile(job: &CompileJob) -> Result<Outcome, Outcome> {
    let not_kept = |error: io::Error| Outcome::NotKept {
        message: error.to_string(),
    };
    let mut bytes = Vec::new();
    // One byte more than is allowed is enough to know.
    let most = u64::try_from(job.component_bytes).unwrap_or(u64::MAX);
    io::stdin()
        .lock()
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Outcome::NotRun {
            message: format!("cannot read the component: {error}"),
        })?;
    let sha256 = sha256_hex(&bytes);
    if bytes.len() <= job.component_bytes && sha256 != job.sha256 {
        return Err(Outcome::OtherBytes { sha256 });
    }
    let cache = CodeCache::open(&job.cache).map_err(not_kept)?;
    match precompile(&bytes, job.component_bytes, &cache) {
        Ok(()) => Ok(Outcome::Compiled),
        Err(PrecompileError::Load(LoadError::NotAComponent(message))) => {
            Err(Outcome::NotAComponent { message })
        }
        Err(PrecompileError::Load(error)) => Err(Outcome::NotRun {
            message: error.to_string(),
        }),
        Err(PrecompileError::OutOfMemory) => Err(Outcome::OutOfMemory),
        Err(PrecompileError::Cache(error)) => Err(not_kept(error)),
    }
}
