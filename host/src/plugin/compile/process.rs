//! The gateway's side of a compiling child: started, fed, bounded, understood.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::Signal;
use switchyard_runtime::{LoadError, sha256_hex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::{CompileError, CompileLimits, Outcome, Pace};

/// Most that is read of what the child writes.
const OUTPUT_BYTES: u64 = 16 * 1024;

/// What Rust's runtime writes before it aborts for want of memory; there is no exit status of its own.
const OUT_OF_MEMORY_MESSAGE: &str = "memory allocation of";

/// Starts compiling children.
#[derive(Debug)]
pub(super) struct ChildCompiler {
    program: PathBuf,
    cache: PathBuf,
    component_bytes: usize,
    limits: CompileLimits,
}

/// What became of a child.
struct Ended {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl ChildCompiler {
    pub(super) fn new(
        program: PathBuf,
        cache: &Path,
        component_bytes: usize,
        limits: CompileLimits,
    ) -> Self {
        Self {
            program,
            cache: cache.to_owned(),
            component_bytes,
            limits,
        }
    }

    /// Compiles a component into the cache. However it ends, no child is left when it has ended.
    pub(super) async fn compile(&self, bytes: &[u8], pace: Pace) -> Result<(), CompileError> {
        let not_run =
            |error: io::Error| CompileError::NotRun(format!("{}: {error}", self.program.display()));
        let mut child = self.start(&sha256_hex(bytes)).map_err(not_run)?;
        let patience = self.limits.overdue_after;
        let paced = pace.keep(child.id(), &self.limits);
        let ended = tokio::select! {
            ended = converse(&mut child, bytes) => Some(ended),
            never = paced => match never {},
            () = tokio::time::sleep(patience) => None,
        };
        match ended {
            Some(ended) => self.understand(&ended.map_err(not_run)?),
            None => {
                child.kill().await.map_err(not_run)?;
                Err(CompileError::Overdue(patience))
            }
        }
    }

    fn start(&self, sha256: &str) -> io::Result<Child> {
        Command::new(&self.program)
            .arg0("switchyard")
            .args(["plugin", "compile", "--sha256", sha256, "--cache"])
            .arg(&self.cache)
            .args(["--component-bytes", &self.component_bytes.to_string()])
            .args(["--memory-bytes", &self.limits.memory_bytes.to_string()])
            .args(["--cpu-seconds", &self.limits.cpu_seconds.to_string()])
            .env_clear() // it needs none of the gateway's secrets
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0) // see `Pace::keep`
            .kill_on_drop(true)
            .spawn()
    }

    fn understand(&self, ended: &Ended) -> Result<(), CompileError> {
        let said = String::from_utf8_lossy(&ended.stderr);
        let signal = ended.status.signal();
        if signal == Some(Signal::XCPU.as_raw()) {
            return Err(CompileError::TooMuchTime {
                seconds: self.limits.cpu_seconds,
            });
        }
        if signal == Some(Signal::ABORT.as_raw()) && said.contains(OUT_OF_MEMORY_MESSAGE) {
            return Err(self.too_much_memory());
        }
        match serde_json::from_slice(&ended.stdout) {
            Ok(Outcome::Compiled) if ended.status.success() => Ok(()),
            Ok(Outcome::NotAComponent { message }) => Err(LoadError::NotAComponent(message).into()),
            Ok(Outcome::OutOfMemory) => Err(self.too_much_memory()),
            Ok(Outcome::OtherBytes { sha256 }) => Err(CompileError::NotRun(format!(
                "it received other bytes (sha256 {sha256})"
            ))),
            Ok(Outcome::NotKept { message }) => Err(CompileError::NotKept(message)),
            Ok(Outcome::NotRun { message }) => Err(CompileError::NotRun(message)),
            Ok(Outcome::Compiled) | Err(_) => Err(CompileError::Died {
                status: ended.status.to_string(),
                said: said.split_whitespace().collect::<Vec<_>>().join(" "),
            }),
        }
    }

    fn too_much_memory(&self) -> CompileError {
        CompileError::TooMuchMemory {
            limit_bytes: self.limits.memory_bytes,
        }
    }
}

/// Hands the component over, takes what the child says, and waits for its end.
async fn converse(child: &mut Child, bytes: &[u8]) -> io::Result<Ended> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let hand_over = async move {
        if let Some(mut stdin) = stdin {
            // A child that ended early does not read on: its status says why.
            let _ = stdin.write_all(bytes).await;
        }
    };
    let ((), stdout, stderr, status) =
        tokio::join!(hand_over, bounded(stdout), bounded(stderr), child.wait());
    Ok(Ended {
        status: status?,
        stdout,
        stderr,
    })
}

/// The first part of a stream. The rest is not waited for.
async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut read = Vec::new();
    if let Some(stream) = stream {
        // What was read before an error is all there is.
        let _ = stream.take(OUTPUT_BYTES).read_to_end(&mut read).await;
    }
    read
}
