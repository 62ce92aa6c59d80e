//! The gateway as it is started, with adapters that it has never seen.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::Stdio;

use minisign::KeyPair;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::bench::{SWITCHYARD, compilers_into, eventually, good, heavy, is_stopped};

/// A directory with a gateway's configuration, journal and adapters.
struct Place(TempDir);

impl Place {
    fn new(plugins: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let path = |name: &str| place.path().join(name).display().to_string();
        fs::create_dir(path("adapters")).unwrap();
        fs::write(path("adapters/one.wasm"), good()).unwrap();
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[auth]\nmode = \"open\"\n\
             [store]\nurl = \"sqlite://{}\"\n[plugins]\ndirectory = {:?}\n{plugins}\n\
             [venues.sim]\nadapter = \"one\"\nendpoints = {{ rest = \"http://127.0.0.1:9\" }}\n",
            path("journal.db"),
            path("adapters"),
        );
        fs::write(path("switchyard.toml"), text).unwrap();
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Starts the gateway, until it listens or gives up; then kills it. What it said when it gave up.
    async fn start(&self) -> Result<(), String> {
        self.listening().await?.kill().await.unwrap();
        Ok(())
    }

    /// A gateway that listens, or what it said when it gave up.
    async fn listening(&self) -> Result<Child, String> {
        let mut gateway = Command::new(SWITCHYARD)
            .args(["serve", "--config"])
            .arg(self.path().join("switchyard.toml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(gateway.stdout.take().unwrap()).lines();
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("\"listening\"") {
                return Ok(gateway);
            }
        }
        let mut said = String::new();
        let mut stderr = gateway.stderr.take().unwrap();
        stderr.read_to_string(&mut said).await.unwrap();
        Err(said)
    }
}

#[tokio::test]
async fn a_gateway_keeps_machine_code_beside_its_journal_and_the_next_start_finds_it() {
    let place = Place::new("");
    let cache = place.path().join("switchyard-code-cache");
    let entries = || -> Vec<_> {
        let files = fs::read_dir(&cache).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    };
    place.start().await.unwrap();
    let kept = entries();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let written = fs::read(&kept[0]).unwrap();
    place.start().await.unwrap();
    assert_eq!(entries(), kept);
    assert!(fs::read(&kept[0]).unwrap() == written);
}

#[tokio::test]
async fn a_gateway_does_not_start_with_a_code_cache_that_others_could_write_to() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new("");
    let cache = place.path().join("switchyard-code-cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o775)).unwrap();
    let said = place.start().await.unwrap_err();
    assert!(
        said.contains("plugins.code_cache")
            && said.contains(&cache.display().to_string())
            && said.contains("mode 0775"),
        "{said}"
    );
}

#[tokio::test]
async fn a_gateway_with_trusted_keys_starts_with_signed_adapters_only() {
    let signer = KeyPair::generate_unencrypted_keypair().unwrap();
    let key = signer.pk.to_base64();
    let place = Place::new(&format!("trusted_keys = [{key:?}]"));
    let refused = place.start().await.unwrap_err();
    assert!(
        refused.contains("one.wasm") && refused.contains("not signed"),
        "{refused}"
    );

    let beside = place.path().join("adapters/one.wasm.minisig");
    let sign = |bytes: &[u8]| {
        let signature = minisign::sign(None, &signer.sk, Cursor::new(bytes), None, None).unwrap();
        fs::write(&beside, signature.into_string()).unwrap();
    };
    sign(b"something else");
    let refused = place.start().await.unwrap_err();
    assert!(refused.contains("does not match"), "{refused}");

    sign(&good());
    place.start().await.unwrap();
}

#[tokio::test]
async fn a_gateway_that_is_killed_leaves_no_stopped_compiler_behind() {
    let place = Place::new("compile_core_percent = 20\nsettle_ms = 20");
    let mut gateway = place.listening().await.unwrap();
    fs::write(place.path().join("adapters/one.wasm"), heavy()).unwrap();
    let cache = place.path().join("switchyard-code-cache");
    let compiler = eventually("a compiler's pause", || {
        compilers_into(&cache)
            .into_iter()
            .find(|compiler| is_stopped(*compiler) == Some(true))
    })
    .await;
    gateway.kill().await.unwrap();
    eventually("its end, or that it works to its end", || {
        (is_stopped(compiler) != Some(true)).then_some(())
    })
    .await;
    if let Some(compiler) = rustix::process::Pid::from_raw(compiler) {
        let _ = rustix::process::kill_process(compiler, rustix::process::Signal::KILL);
    }
}
