//! A PostgreSQL server of its own for a test: made from the installed binaries in a temporary directory, on a
//! private port, and gone with the test.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "test support: what cannot be set up ends the test that wanted it"
)]

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getuid, kill_process};
use switchyard_test_needs::left_out;
use tempfile::TempDir;

/// The user and the database that every server has.
const USER: &str = "switchyard";

/// Programs that a test uses.
const NEEDED: [&str; 4] = ["initdb", "postgres", "pg_isready", "psql"];

/// How long a server may take to answer.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A server that runs.
#[derive(Debug)]
pub struct PostgresServer {
    directory: TempDir,
    port: u16,
    child: Option<Child>,
}

impl PostgresServer {
    /// Starts one. None, said out loud, where no PostgreSQL is installed; with `CI` in the environment that ends the
    /// test.
    pub fn start() -> Option<Self> {
        let Some(programs) = Programs::find() else {
            left_out("PostgreSQL is not installed (apt-get install postgresql)");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        programs.give(directory.path());
        programs.copy(&programs.template(), &directory.path().join("data"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut server = Self {
            directory,
            port,
            child: None,
        };
        server.start_again(&[]);
        Some(server)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// How a gateway names it.
    pub fn url(&self) -> String {
        self.url_at(self.address())
    }

    /// How a gateway names it where something else stands before it.
    pub fn url_at(&self, address: SocketAddr) -> String {
        format!("postgres://{USER}@{address}/postgres")
    }

    /// Runs SQL as an operator would, and gives what it printed, without headings.
    pub fn run(&self, sql: &str) -> String {
        let programs = Programs::find().unwrap();
        let output = Command::new(programs.bin.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(["-h", "127.0.0.1", "-U", USER, "-d", "postgres"])
            .args(["-p", &self.port.to_string(), "-c", sql])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        said(output)
    }

    /// A certificate of this machine that vouches for itself, as a server can use it.
    pub fn certificate(&self, name: &str) -> Certificate {
        let home = self.directory.path();
        let files = Certificate {
            certificate: home.join(format!("{name}.pem")),
            key: home.join(format!("{name}.key")),
        };
        let output = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-out")
            .arg(&files.certificate)
            .arg("-keyout")
            .arg(&files.key)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        said(output);
        let programs = Programs::find().unwrap();
        programs.give(&files.certificate);
        programs.give(&files.key);
        files
    }

    /// Ends it as a crash would: nothing is told to its clients, and its log is read when it starts again.
    pub fn crash(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(&child, Signal::QUIT);
            child.wait().unwrap();
        }
    }

    /// Starts it once more, with these settings.
    pub fn start_again(&mut self, settings: &[&str]) {
        let programs = Programs::find().unwrap();
        let home = self.directory.path();
        let log = File::options()
            .create(true)
            .append(true)
            .open(home.join("log"))
            .unwrap();
        let fixed = [
            format!("port={}", self.port),
            format!("unix_socket_directories={}", home.display()),
        ];
        let mut command = programs.command("postgres");
        command.arg("-D").arg(home.join("data"));
        for setting in fixed
            .iter()
            .map(String::as_str)
            .chain(settings.iter().copied())
        {
            command.args(["-c", setting]);
        }
        let log_too = log.try_clone().unwrap();
        let child = command.stdout(log).stderr(log_too).spawn().unwrap();
        self.child = Some(child);
        let started = Instant::now();
        while !self.answers() {
            let log = || fs::read_to_string(home.join("log")).unwrap_or_default();
            assert!(started.elapsed() < STARTS_WITHIN, "{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it takes questions: it listens before it does.
    fn answers(&self) -> bool {
        let programs = Programs::find().unwrap();
        let port = self.port.to_string();
        TcpStream::connect(self.address()).is_ok()
            && Command::new(programs.bin.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &port])
                .status()
                .is_ok_and(|status| status.success())
    }
}

/// Files of a certificate and its key.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// The key, which only the server's user may read.
    pub key: PathBuf,
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.crash();
    }
}

fn signal(child: &Child, signal: Signal) {
    let id = child.id().try_into().ok().and_then(Pid::from_raw);
    if let Some(id) = id {
        let _ = kill_process(id, signal);
    }
}

fn said(output: Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What is installed, and whom it may run as: it refuses to run as root.
#[derive(Debug)]
struct Programs {
    bin: PathBuf,
    user: Option<(u32, u32)>,
}

impl Programs {
    fn find() -> Option<Self> {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let installed = versions.flatten().map(|version| version.path().join("bin"));
        let has_all = |bin: &PathBuf| NEEDED.iter().all(|program| bin.join(program).is_file());
        let newest = installed.filter(has_all).max();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = || std::env::split_paths(&path).find(has_all);
        let user = getuid().is_root().then(unprivileged_user);
        Some(Self {
            bin: newest.or_else(on_path)?,
            user,
        })
    }

    /// One of the programs, as that user, and ended if the thread that started it ends.
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if let Some((user, group)) = self.user {
            command.args(["--reuid".to_owned(), user.to_string()]);
            command.args(["--regid".to_owned(), group.to_string()]);
            command.arg("--clear-groups");
        }
        command.arg(program).stdin(Stdio::null());
        command
    }

    fn give(&self, path: &Path) {
        if let Some((user, group)) = self.user {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn copy(&self, from: &Path, to: &Path) {
        let copied = Command::new("cp").arg("-a").args([from, to]).status();
        assert!(copied.unwrap().success());
    }

    /// A new database's files, made once for all tests of this user and version.
    fn template(&self) -> PathBuf {
        let of = self.bin.display().to_string().replace('/', "-");
        let name = format!("switchyard-test-postgres{of}-{}", getuid().as_raw());
        let home = std::env::temp_dir().join(name);
        fs::create_dir_all(&home).unwrap();
        self.give(&home);
        let lock = File::create(home.join("lock")).unwrap();
        lock.lock().unwrap();
        let data = home.join("data");
        if !data.is_dir() {
            let made = home.join("making");
            let _ = fs::remove_dir_all(&made);
            let output = self
                .command("initdb")
                .arg("-D")
                .arg(&made)
                .args([
                    "-U",
                    USER,
                    "--auth=trust",
                    "--no-sync",
                    "-E",
                    "UTF8",
                    "--locale=C",
                ])
                .output()
                .unwrap();
            said(output);
            fs::rename(&made, &data).unwrap();
        }
        data
    }
}

/// Of those that a system has, one that may do nothing.
fn unprivileged_user() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    let found = ids("postgres").or_else(|| ids("nobody"));
    found.unwrap_or_else(|| panic!("a system without the user nobody"))
}
