//! The built `switchyard` program.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, PipeReader, pipe};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::artifacts::built;
use crate::caller::Caller;
use crate::eventually::eventually;

/// How long a command that should end may run.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// A gateway in a process of its own.
#[derive(Debug)]
pub struct GatewayProcess {
    child: Child,
    log: PathBuf,
    base: String,
}

impl GatewayProcess {
    /// Runs `switchyard serve` and waits until it listens. Standard output and error go to `log`.
    pub async fn start(config: &Path, log: &Path) -> Self {
        let mut process = Self::spawn(config, log, Vec::new());
        process.listens().await;
        process
    }

    /// Runs `switchyard serve` with these variables in its environment, and waits for nothing.
    pub fn spawn(config: &Path, log: &Path, environment: Vec<(String, OsString)>) -> Self {
        let mut command = command(&serve(config));
        command.envs(environment);
        Self::run(command, log)
    }

    /// As [`GatewayProcess::start`], so that a file that may not grow is an error and not the end of the process.
    pub async fn start_to_be_limited(config: &Path, log: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
        shell
            .arg(built("switchyard"))
            .args(serve(config))
            .stdin(Stdio::null());
        let mut process = Self::run(shell, log);
        process.listens().await;
        process
    }

    /// As [`GatewayProcess::start`] with standard output into a pipe, whose other end is given; it was read as far as to
    /// where the gateway says that it listens. [`GatewayProcess::log`] is empty.
    pub async fn start_into_a_pipe(config: &Path) -> (Self, PipeReader) {
        let (reader, writer) = pipe().unwrap();
        let child = command(&serve(config))
            .stdout(writer)
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let reading = spawn_blocking(move || {
            let mut lines = BufReader::with_capacity(1, reader);
            let mut line = String::new();
            while lines.read_line(&mut line).unwrap() > 0 {
                if let Some(address) = listens_at(&line) {
                    return (lines.into_inner(), address);
                }
                line.clear();
            }
            panic!("the gateway ended before it listened");
        });
        let (reader, address) = reading.await.unwrap();
        let process = Self {
            child,
            log: PathBuf::new(),
            base: format!("http://{address}"),
        };
        (process, reader)
    }

    /// From now on no file of the process may grow beyond this many bytes.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(
            Pid::from_raw(self.child.id().try_into().unwrap()),
            Resource::Fsize,
            limit,
        )
        .unwrap();
    }

    fn run(mut command: Command, log: &Path) -> Self {
        let file = File::create(log).unwrap();
        let child = command
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self {
            child,
            log: log.to_owned(),
            base: String::new(),
        }
    }

    /// Waits until it listens.
    pub async fn listens(&mut self) {
        let address = eventually("the gateway says where it listens", || async {
            let log = self.log();
            log.lines().find_map(listens_at).ok_or(log)
        })
        .await;
        self.base = format!("http://{address}");
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A caller without a key.
    pub fn anonymous(&self) -> Caller {
        Caller::anonymous(&self.base)
    }

    /// Waits until it says it is ready.
    pub async fn ready(&self) {
        self.anonymous().until_ready().await;
    }

    /// Everything it has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as a crash would (SIGKILL).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it as it is (SIGSTOP), or lets it go on (SIGCONT). It stands still when this returns.
    pub fn freeze(&self, is_frozen: bool) {
        let id = self.child.id().try_into().ok().and_then(Pid::from_raw);
        let signal = if is_frozen {
            Signal::STOP
        } else {
            Signal::CONT
        };
        kill_process(id.unwrap(), signal).unwrap();
        while is_frozen && !self.stands_still() {
            std::thread::yield_now();
        }
    }

    /// Whether each of its threads is stopped (`/proc/PID/task/TID/stat`, proc(5)).
    fn stands_still(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        threads.flatten().all(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // The state follows the program's name, which may hold anything.
            stat.rsplit_once(") ")
                .is_none_or(|(_, rest)| rest.starts_with('T'))
        })
    }

    /// Waits until it ends by itself and gives its exit code.
    pub async fn ends(mut self) -> Option<i32> {
        wait_for(&mut self.child).await
    }

    /// Asks it to end (SIGTERM) and gives its exit code.
    pub async fn terminate(mut self) -> Option<i32> {
        let signalled = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(signalled.success());
        wait_for(&mut self.child).await
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command left behind.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Standard output and error.
    pub output: String,
}

/// Runs `switchyard` with arguments until it ends.
pub async fn run_switchyard(arguments: &[&str]) -> Outcome {
    run_switchyard_with(&[], arguments).await
}

/// The same, with some variables in its environment.
pub async fn run_switchyard_with(environment: &[(&str, &str)], arguments: &[&str]) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("output");
    let file = File::create(&output).unwrap();
    let mut child = command(arguments)
        .envs(environment.iter().copied())
        .current_dir(directory.path())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let code = wait_for(&mut child).await;
    Outcome {
        code,
        output: fs::read_to_string(&output).unwrap(),
    }
}

/// The address, where this line of the log says it.
fn listens_at(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let address = line["address"].as_str()?.to_owned();
    (line["message"] == "listening").then_some(address)
}

fn serve(config: &Path) -> [String; 3] {
    [
        "serve".into(),
        "--config".into(),
        config.display().to_string(),
    ]
}

fn command<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(built("switchyard"));
    command.args(arguments).stdin(Stdio::null());
    command
}

async fn wait_for(child: &mut Child) -> Option<i32> {
    let until = tokio::time::Instant::now() + ENDS_WITHIN;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if tokio::time::Instant::now() >= until {
            let _ = child.kill();
            panic!("the program did not end within {ENDS_WITHIN:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
