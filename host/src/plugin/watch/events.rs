//! Asks the operating system to say when something happens in the directory.
//!
//! The directory is watched for its files, and the one above it for the directory's own fate: a watch
//! belongs to what was at a path when it was set, and stays with that wherever it is moved.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// A subscription to events. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Events {
    watcher: RecommendedWatcher,
    places: Vec<Place>,
    /// Whether something happened after which a watch may be dead though its path looks the same.
    stale: Arc<AtomicBool>,
}

/// A directory that is watched.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    /// Device and inode of what the watch was set on, if it is set.
    watched: Option<(u64, u64)>,
    /// What was logged last about it.
    problem: Option<String>,
}

impl Events {
    /// A subscription whose events wake `wake`; absent, and logged, where there is none to be had. It
    /// watches nothing before it is [renewed](Self::renew).
    pub(super) fn subscribe(directory: &Path, wake: Arc<Notify>) -> Option<Self> {
        let stale = Arc::new(AtomicBool::new(false));
        let subscription = std::path::absolute(directory)
            .map_err(notify::Error::io)
            .and_then(|directory| {
                let (handler, subject) = (stale.clone(), directory.clone());
                let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
                    let meaning = meaning(&event, &subject);
                    if meaning == Meaning::WatchMayBeDead {
                        handler.store(true, Ordering::Release);
                    }
                    if meaning != Meaning::Nothing {
                        wake.notify_one();
                    }
                })?;
                Ok((watcher, directory))
            });
        match subscription {
            Ok((watcher, directory)) => Some(Self {
                watcher,
                places: directory
                    .ancestors()
                    .take(2)
                    .map(|path| Place {
                        path: path.to_owned(),
                        watched: None,
                        problem: None,
                    })
                    .collect(),
                stale,
            }),
            Err(error) => {
                tracing::warn!(%error, directory = %directory.display(), "plugins.directory is polled: the system gives no events");
                None
            }
        }
    }

    /// Sets the watches that are missing, or that belong to something that is no longer at its path.
    /// Whether all are set. Blocks.
    pub(super) fn renew(&mut self) -> bool {
        let stale = self.stale.swap(false, Ordering::AcqRel);
        let mut complete = true;
        for place in &mut self.places {
            let there = fs::metadata(&place.path)
                .ok()
                .filter(fs::Metadata::is_dir)
                .map(|metadata| (metadata.dev(), metadata.ino()));
            if there.is_some() && there == place.watched && !stale {
                continue;
            }
            // The old watch may be gone by itself, which is as good.
            drop(self.watcher.unwatch(&place.path));
            place.watched = None;
            if there.is_none() {
                complete = false;
                continue;
            }
            match self.watcher.watch(&place.path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    place.watched = there;
                    place.problem = None;
                }
                Err(error) => {
                    complete = false;
                    let problem = Some(error.to_string());
                    if place.problem != problem {
                        tracing::warn!(%error, path = %place.path.display(), "no events from here: changes are seen by polling only");
                        place.problem = problem;
                    }
                }
            }
        }
        complete
    }
}

/// What an event says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Nothing,
    LookAgain,
    /// Look again, and do not rely on watches that are set.
    WatchMayBeDead,
}

/// What an event says about a directory, given by its absolute path.
pub(super) fn meaning(event: &notify::Result<Event>, directory: &Path) -> Meaning {
    let Ok(event) = event else {
        return Meaning::WatchMayBeDead;
    };
    // A look opens files itself; if that woke it, it would never rest.
    let by_a_reader = matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
    if event.need_rescan() {
        Meaning::WatchMayBeDead
    } else if by_a_reader {
        Meaning::Nothing
    } else if event.paths.iter().any(|path| directory.starts_with(path)) {
        Meaning::WatchMayBeDead
    } else if event.paths.iter().any(|path| path.starts_with(directory)) {
        Meaning::LookAgain
    } else {
        Meaning::Nothing
    }
}
