//! A compiler with a cache of its own, components good and bad, and a look at the children.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchyard::plugin::compile::{CompileError, CompileLimits, Compiler, Pace};
use switchyard_runtime::{Adapter, CodeCache, Limits, Runtime};
use tempfile::TempDir;

/// The program as it is shipped.
pub(crate) const SWITCHYARD: &str = env!("CARGO_BIN_EXE_switchyard");

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// A compiler and everything that it writes.
pub(crate) struct Bench {
    pub(crate) directory: TempDir,
    pub(crate) compiler: Compiler,
}

impl Bench {
    pub(crate) fn new(limits: CompileLimits) -> Self {
        Self::with(SWITCHYARD.into(), limits, Limits::default())
    }

    pub(crate) fn with(program: PathBuf, limits: CompileLimits, adapters: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runtime = runtime(&cache_in(&directory), adapters);
        let compiler = Compiler::child(runtime, program, limits).unwrap();
        Self {
            directory,
            compiler,
        }
    }

    pub(crate) fn cache(&self) -> PathBuf {
        cache_in(&self.directory)
    }

    /// Files in the cache, whatever they are.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.cache()).into_iter().flatten();
        files.map(|file| file.unwrap().path()).collect()
    }

    pub(crate) async fn compile(&self, bytes: &[u8]) -> Result<Arc<Adapter>, CompileError> {
        self.compile_at(bytes, Pace::AtOnce).await
    }

    pub(crate) async fn compile_at(
        &self,
        bytes: &[u8],
        pace: Pace,
    ) -> Result<Arc<Adapter>, CompileError> {
        self.compiler.compile(bytes.into(), pace).await
    }

    /// Process ids of the compilers that run now.
    pub(crate) fn children(&self) -> Vec<i32> {
        compilers_into(&self.cache())
    }

    /// The only compiler, as soon as it is at work: limited, and with the component in hand.
    pub(crate) async fn child_at_work(&self) -> i32 {
        eventually("a compiler at work", || {
            let [child] = self.children()[..] else {
                return None;
            };
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).ok()?;
            // utime, the twelfth after the name in parentheses, in hundredths of a second.
            let fields = stat.rsplit_once(") ")?.1.split(' ');
            let ticks: u64 = fields.clone().nth(11)?.parse().ok()?;
            (ticks > 10).then_some(child)
        })
        .await
    }
}

/// Process ids of the compilers that write into this cache.
pub(crate) fn compilers_into(cache: &Path) -> Vec<i32> {
    let marker = cache.display().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .filter(|id| {
            std::fs::read(format!("/proc/{id}/cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&marker))
        })
        .collect()
}

fn cache_in(directory: &TempDir) -> PathBuf {
    directory.path().join("code-cache")
}

pub(crate) fn runtime(cache: &Path, limits: Limits) -> Arc<Runtime> {
    let cache = CodeCache::open(cache).unwrap();
    Arc::new(Runtime::new(limits, Some(cache)).unwrap())
}

/// Whether a process is stopped by a signal (state `T` in proc_pid_stat(5)); `None` where it has ended.
pub(crate) fn is_stopped(process: i32) -> Option<bool> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let state = stat.rsplit_once(") ")?.1;
    (!state.starts_with('Z')).then(|| state.starts_with('T'))
}

/// A program that does this instead of compiling.
pub(crate) fn instead(directory: &TempDir, shell: &str) -> PathBuf {
    let program = directory.path().join("instead");
    std::fs::write(&program, format!("#!/bin/sh\n{shell}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    program
}

/// Waits for what must happen in another process.
pub(crate) async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(started.elapsed() < PATIENCE, "{what}: did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An adapter that works.
pub(crate) fn good() -> Vec<u8> {
    let path = adapters().join("hostile-adapter.wasm");
    match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => panic!("{}: {error}: run `make test-adapters`", path.display()),
    }
}

/// The directory it is in.
pub(crate) fn adapters() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-adapters")
}

/// A small component that takes a compiler long, and more than a gigabyte: one function of a great many
/// branches over many variables.
pub(crate) fn heavy() -> Vec<u8> {
    const VARIABLES: u32 = 100;
    const STEPS: u32 = 300_000;
    let mut body = vec![1];
    number(&mut body, VARIABLES);
    body.push(0x7f); // of type i32
    for step in 0..STEPS {
        let [a, b, c] = [step, step.wrapping_mul(7), step.wrapping_mul(13)].map(|n| n % VARIABLES);
        body.extend([0x02, 0x40, 0x20]); // block, local.get
        number(&mut body, a);
        body.extend([0x0d, 0x00, 0x20]); // br_if 0, local.get
        number(&mut body, a);
        body.push(0x20); // local.get
        number(&mut body, b);
        body.extend([0x6a, 0x21]); // i32.add, local.set
        number(&mut body, c);
        body.push(0x0b); // end
    }
    body.push(0x0b);
    let mut code = vec![1];
    number(&mut code, u32::try_from(body.len()).unwrap());
    code.extend(body);

    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(&mut module, 1, &[1, 0x60, 0, 0]); // one type: nothing to nothing
    section(&mut module, 3, &[1, 0]); // one function of it
    section(&mut module, 10, &code);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    section(&mut component, 1, &module);
    component
}

fn section(to: &mut Vec<u8>, id: u8, content: &[u8]) {
    to.push(id);
    number(to, u32::try_from(content.len()).unwrap());
    to.extend(content);
}

/// LEB128.
fn number(to: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        to.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}
