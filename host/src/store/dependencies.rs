//! What the gateway stands on: its journal and the disk that this is on. One watch looks at both; whoever asks for
//! the gateway's health is told what it found last, so that no number of probes is load.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::disk::{DiskHealth, DiskStatus, Space};
use super::{Condition, Journal};
use crate::config::{Backend, StoreConfig};
use crate::telemetry::{Dependency, Metrics};

/// Time between two looks. As often as routers ask whether the gateway is ready.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long journal and disk have for an answer.
const LONGEST: Duration = Duration::from_secs(3);

/// The journal and its disk, as last seen.
#[derive(Debug)]
pub struct Dependencies {
    journal: Arc<Journal>,
    /// Absent where the journal is on a server, whose disk is not ours to look at.
    file: Option<PathBuf>,
    least_free_bytes: u64,
    metrics: Arc<Metrics>,
    found: Mutex<Found>,
}

#[derive(Debug)]
struct Found {
    journal: Result<(), String>,
    disk: Option<DiskHealth>,
    /// A look at a disk that has not answered yet; there is never a second one beside it.
    looking: Option<JoinHandle<std::io::Result<Space>>>,
}

impl Dependencies {
    /// Those of a journal, looked at once.
    pub async fn of(config: &StoreConfig, journal: Arc<Journal>, metrics: Arc<Metrics>) -> Self {
        let is_file = config.backend() == Backend::Sqlite;
        let file = config.url.strip_prefix("sqlite://").filter(|_| is_file);
        let this = Self {
            journal,
            file: file.map(PathBuf::from),
            least_free_bytes: config.least_free_bytes,
            metrics,
            found: Mutex::new(Found {
                journal: Ok(()),
                disk: None,
                looking: None,
            }),
        };
        this.look().await;
        this
    }

    /// Looks at them until the task is dropped.
    pub async fn watch(self: Arc<Self>) {
        let mut rounds = interval(LOOK_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            self.look().await;
        }
    }

    /// Whether the journal could be read when last looked at, and why not.
    pub fn journal(&self) -> Result<(), String> {
        self.with(|found| found.journal.clone())
    }

    /// The disk of the journal's file, where it is in one.
    pub fn disk(&self) -> Option<DiskHealth> {
        self.with(|found| found.disk.clone())
    }

    async fn look(&self) {
        tokio::join!(self.look_at_journal(), self.look_at_disk());
    }

    async fn look_at_journal(&self) {
        // For reports that nobody asks for.
        let is_active = self.journal.lease().is_held();
        self.metrics.journal.is_active(is_active);
        let read = match timeout(LONGEST, self.journal.check()).await {
            Ok(read) => read.map_err(|error| error.to_string()),
            Err(_) => Err(unanswered()),
        };
        let condition = self.journal.condition();
        let is_well = read.is_ok() && (condition.is_writable() || condition == Condition::Standby);
        self.metrics
            .dependencies
            .is_up(Dependency::Journal, is_well);
        let before = self.with(|found| std::mem::replace(&mut found.journal, read.clone()));
        match (before, read) {
            (Ok(()), Err(problem)) => tracing::error!(problem, "the journal cannot be read"),
            (Err(_), Ok(())) => tracing::info!("the journal can be read again"),
            _ => {}
        }
    }

    async fn look_at_disk(&self) {
        let Some(file) = self.file.clone() else {
            return;
        };
        let looking = self.with(|found| found.looking.take());
        let mut looking = looking.unwrap_or_else(|| spawn_blocking(move || Space::around(&file)));
        let space = match timeout(LONGEST, &mut looking).await {
            Ok(Ok(space)) => space.map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => {
                self.with(|found| found.looking = Some(looking));
                Err(unanswered())
            }
        };
        let metrics = &self.metrics.dependencies;
        metrics.disk_free(space.as_ref().ok().map(|space| space.free_bytes));
        let health = DiskHealth::of(space, self.least_free_bytes);
        metrics.is_up(Dependency::Disk, health.status == DiskStatus::Ok);
        let (status, free_bytes) = (health.status, health.free_bytes);
        let problem = health.problem.clone();
        let before = self.with(|found| found.disk.replace(health));
        let before = before.map_or(DiskStatus::Ok, |health| health.status);
        if status == before {
            return;
        }
        let least_free_bytes = self.least_free_bytes;
        match status {
            DiskStatus::Ok => tracing::info!(free_bytes, "the journal's disk is well again"),
            DiskStatus::Low => tracing::error!(
                free_bytes,
                least_free_bytes,
                "the journal's disk has less free than store.least_free_bytes"
            ),
            DiskStatus::ReadOnly => tracing::error!("the journal's disk is read-only"),
            DiskStatus::Unknown => {
                tracing::error!(problem, "the journal's disk cannot be looked at")
            }
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Found) -> T) -> T {
        work(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn unanswered() -> String {
    format!("no answer within {} s", LONGEST.as_secs())
}
