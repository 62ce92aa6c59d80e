//! Everything here is a real directory. Where a test says when looks happen, the clock is paused and there
//! are no events; where it is about events, the clock runs and polling is off.

mod changes;
mod directory;
mod events;
mod rhythm;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{DirectoryWatch, Sighting, WatchSettings};

const SETTLE: Duration = Duration::from_millis(100);

/// Largest component in these tests, in bytes.
const COMPONENT_BYTES: usize = 64 * 1024;

/// A directory of adapters in a directory of its own.
struct Plugins {
    home: TempDir,
    directory: PathBuf,
}

impl Plugins {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let directory = home.path().join("plugins");
        fs::create_dir(&directory).unwrap();
        Self { home, directory }
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// Writes in place.
    fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(file), content).unwrap();
    }

    /// Writes beside and renames over.
    fn replace(&self, file: &str, content: impl AsRef<[u8]>) {
        let passing = self.path(&format!(".{file}.new"));
        fs::write(&passing, content).unwrap();
        fs::rename(passing, self.path(file)).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).unwrap();
    }

    /// Points `..data` at a new directory with these files, as the kubelet does for a ConfigMap.
    fn publish(&self, version: &str, files: &[(&str, &str)]) {
        let version = format!("..{version}");
        fs::create_dir(self.path(&version)).unwrap();
        for (file, content) in files {
            self.write(&format!("{version}/{file}"), content);
        }
        symlink(&version, self.path("..data_tmp")).unwrap();
        let old = fs::read_link(self.path("..data"));
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        for (file, _) in files {
            if fs::symlink_metadata(self.path(file)).is_err() {
                symlink(Path::new("..data").join(file), self.path(file)).unwrap();
            }
        }
        if let Ok(old) = old {
            fs::remove_dir_all(self.directory.join(old)).unwrap();
        }
    }

    /// For the paused clock: polled each `poll`, no events.
    fn poll(&self, poll: Duration) -> Watched {
        self.watch(|settings| settings.poll = Some(poll))
    }

    /// For the running clock: woken by events, never polled while there are any.
    fn listen(&self) -> Watched {
        self.watch(|settings| {
            settings.events = true;
            settings.settle = Duration::from_millis(30);
        })
    }

    fn watch(&self, change: impl FnOnce(&mut WatchSettings)) -> Watched {
        let mut settings = WatchSettings {
            directory: self.directory.clone(),
            component_bytes: COMPONENT_BYTES,
            settle: SETTLE,
            poll: None,
            events: false,
        };
        change(&mut settings);
        let (watch, sightings) = DirectoryWatch::new(settings);
        Watched {
            sightings,
            running: tokio::spawn(watch.run()),
        }
    }
}

/// A watch that runs, and what it tells.
struct Watched {
    sightings: mpsc::Receiver<Sighting>,
    running: JoinHandle<()>,
}

impl Watched {
    async fn next(&mut self) -> Sighting {
        timeout(Duration::from_secs(30), self.sightings.recv())
            .await
            .expect("nothing was told for 30 s")
            .expect("the watch ended")
    }

    /// The next sighting is this component with this content and no signature.
    async fn finds(&mut self, name: &str, content: impl AsRef<[u8]>) {
        self.finds_signed(name, content, None).await;
    }

    async fn finds_signed(
        &mut self,
        name: &str,
        content: impl AsRef<[u8]>,
        signature: Option<&str>,
    ) {
        let sighting = self.next().await;
        assert_eq!(found(&sighting), (name, content.as_ref(), signature));
    }

    async fn misses(&mut self, name: &str) {
        let gone = Sighting::Gone { name: name.into() };
        assert_eq!(self.next().await, gone);
    }

    /// The next sighting is that this component cannot be had, for a reason with these words.
    async fn refuses(&mut self, name: &str, words: &str) {
        match self.next().await {
            Sighting::Unreadable {
                name: found,
                problem,
                path,
            } => {
                assert_eq!(found, name);
                assert!(path.ends_with(format!("{name}.wasm")), "{path:?}");
                assert!(problem.contains(words), "{problem}");
            }
            other => panic!("{other:?}"),
        }
    }

    /// On the paused clock: nothing is told for a minute.
    async fn is_silent(&mut self) {
        let told = timeout(Duration::from_secs(60), self.sightings.recv()).await;
        assert!(told.is_err(), "{told:?}");
    }
}

/// Name, content and signature of a component that was found, with its hash checked.
fn found(sighting: &Sighting) -> (&str, &[u8], Option<&str>) {
    match sighting {
        Sighting::Found {
            name,
            path,
            bytes,
            sha256,
            signature,
        } => {
            assert_eq!(*sha256, HEXLOWER.encode(digest(&SHA256, bytes).as_ref()));
            assert!(path.ends_with(format!("{name}.wasm")), "{path:?}");
            let signature = signature.as_deref();
            (
                name,
                bytes,
                signature.map(|signature| std::str::from_utf8(signature).unwrap()),
            )
        }
        other => panic!("{other:?}"),
    }
}
