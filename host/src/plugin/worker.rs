//! Drives the versions of one plugin through their lives, one step at a time.

use std::future::ready;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use switchyard_runtime::Adapter;
use tokio::sync::{Notify, mpsc, oneshot};

use super::lifecycle::VersionState;
use super::slot::Slot;
use super::versions::{Arrival, Versions};
use super::wishes::{Wish, WishError};

/// What is asked of the worker.
pub(super) enum Ask {
    Arrived(Arrival, oneshot::Sender<VersionState>),
    FileGone,
    Wished {
        wish: Wish,
        by: String,
        done: oneshot::Sender<Result<(), WishError>>,
    },
}

/// A plugin at work: a version of it serves.
#[derive(Debug)]
pub(super) struct Plugin {
    pub(super) slot: Arc<Slot>,
    pub(super) versions: Arc<Versions>,
}

impl Deref for Plugin {
    type Target = Versions;

    fn deref(&self) -> &Versions {
        &self.versions
    }
}

/// A version on its way, which becomes `T`.
pub(super) struct Attempt<T = (Arc<Adapter>, String)> {
    pub(super) sha256: String,
    pub(super) approved: Arc<Notify>,
    pub(super) course: BoxFuture<'static, Result<T, String>>,
}

/// The end of an attempt, if there is one.
pub(super) async fn concluded<T>(attempt: &mut Option<Attempt<T>>) -> Result<T, String> {
    match attempt {
        Some(attempt) => (&mut attempt.course).await,
        None => std::future::pending().await,
    }
}

/// Does something while an attempt goes on, which may hold what is waited for. Its end is left to be found.
pub(super) async fn beside<T: Send + 'static, R>(
    attempt: &mut Option<Attempt<T>>,
    work: impl Future<Output = R>,
) -> R {
    let mut work = pin!(work);
    let result = tokio::select! {
        done = &mut work => return done,
        result = concluded(attempt) => result,
    };
    if let Some(attempt) = attempt {
        attempt.course = ready(result).boxed();
    }
    work.await
}

impl Versions {
    /// Takes in what came, and begins to try it out where it is news.
    pub(super) async fn arrived<T, F>(
        &self,
        arrival: Arrival,
        done: oneshot::Sender<VersionState>,
        attempt: &mut Option<Attempt<T>>,
        course: impl FnOnce(String, Arc<[u8]>, Arc<Notify>) -> F,
    ) where
        F: Future<Output = Result<T, String>> + Send + 'static,
    {
        let sha256 = arrival.sha256.clone();
        let under_way = attempt.as_ref().map(|attempt| attempt.sha256.as_str());
        if let Some(bytes) = self.take_in(arrival, under_way).await {
            self.begin(sha256.clone(), bytes, attempt, course).await;
        }
        let state = self.ledger().state(&sha256);
        let _ = done.send(state.unwrap_or(VersionState::Rejected));
    }

    /// Begins to try a version out, in place of any other.
    pub(super) async fn begin<T, F>(
        &self,
        sha256: String,
        bytes: Arc<[u8]>,
        attempt: &mut Option<Attempt<T>>,
        course: impl FnOnce(String, Arc<[u8]>, Arc<Notify>) -> F,
    ) where
        F: Future<Output = Result<T, String>> + Send + 'static,
    {
        self.give_up(attempt, &format!("another came: {sha256}"))
            .await;
        let state = self.ledger().state(&sha256);
        if state == Some(VersionState::Draining) {
            let reason = "it comes again before its last calls have ended";
            self.step(&sha256, VersionState::Retired, reason).await;
        }
        let approved = Arc::new(Notify::new());
        *attempt = Some(Attempt {
            course: course(sha256.clone(), bytes, approved.clone()).boxed(),
            sha256,
            approved,
        });
    }

    /// Gives up an attempt, because another version takes its turn.
    pub(super) async fn give_up<T>(&self, attempt: &mut Option<Attempt<T>>, reason: &str) {
        if let Some(earlier) = attempt.take() {
            drop(earlier.course);
            self.step(&earlier.sha256, VersionState::Rejected, reason)
                .await;
        }
    }
}

impl Plugin {
    /// Works until the gateway stops.
    pub(super) async fn work(self: Arc<Self>, mut asked: mpsc::Receiver<Ask>) {
        let mut attempt: Option<Attempt> = None;
        loop {
            tokio::select! {
                ask = asked.recv() => match ask {
                    Some(ask) => self.answer(ask, &mut attempt).await,
                    None => return,
                },
                result = concluded(&mut attempt) => {
                    if let Some(done) = attempt.take() {
                        self.conclude(&done.sha256, result).await;
                    }
                }
                sha256 = self.slot.trouble() => self.quarantine(&sha256, &mut attempt).await,
            }
        }
    }

    pub(super) async fn answer(self: &Arc<Self>, ask: Ask, attempt: &mut Option<Attempt>) {
        match ask {
            Ask::Arrived(arrival, done) => {
                let course =
                    |sha256, bytes, approved| self.clone().try_out(sha256, bytes, approved);
                self.arrived(arrival, done, attempt, course).await;
            }
            Ask::FileGone => {
                let version = self.slot.active().descriptor().adapter_version.clone();
                tracing::warn!(
                    plugin = self.name(),
                    version,
                    "the plugin's file is gone; the version that serves stays"
                );
            }
            Ask::Wished { wish, by, done } => {
                let result = self.fulfil(wish, &by, attempt).await;
                let _ = done.send(result);
            }
        }
    }

    /// Begins to try a version out, in place of any other.
    pub(super) async fn begin(
        self: &Arc<Self>,
        sha256: String,
        bytes: Arc<[u8]>,
        attempt: &mut Option<Attempt>,
    ) {
        let course = |sha256, bytes, approved| self.clone().try_out(sha256, bytes, approved);
        self.versions.begin(sha256, bytes, attempt, course).await;
    }

    /// A version that is kept, ready to work.
    pub(super) async fn adapter(&self, sha256: &str) -> Result<Arc<Adapter>, WishError> {
        let previous = self.slot.serving().previous.clone();
        if let Some(previous) = previous.filter(|previous| previous.sha256() == sha256) {
            return Ok(previous);
        }
        let bytes = self.component(sha256).await?;
        self.load(sha256, bytes).await.map_err(WishError::Unusable)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, OnceLock};
    use std::time::Duration;

    use switchyard_runtime::{Limits, Runtime};
    use tokio::time::timeout;

    use super::super::compile::Compiler;
    use super::super::lifecycle::Life;
    use super::super::shelf::{Kept, Ledger, Origin, Shelf};
    use super::*;
    use crate::config::{PluginsConfig, StoreConfig};
    use crate::model::Timestamp;
    use crate::plugin::signature::TrustedKeys;
    use crate::telemetry::Metrics;

    fn life(states: &[VersionState]) -> Life {
        let mut life = Life::begun(Timestamp::from_millis(0), "seen");
        for state in states {
            life.step(*state, Timestamp::from_millis(0), "").unwrap();
        }
        life
    }

    /// A plugin "sim" with a version "a" that went through these states.
    async fn versions(directory: &std::path::Path, states: &[VersionState]) -> Versions {
        let store = StoreConfig {
            url: format!("sqlite://{}", directory.join("journal.db").display()),
            ..StoreConfig::default()
        };
        let metrics = Arc::new(Metrics::default());
        let mut ledger = Ledger::default();
        ledger.versions.insert(
            "a".into(),
            Kept {
                origin: Origin::File,
                size_bytes: 1,
                version: None,
                signed_by: None,
                life: life(states),
            },
        );
        let runtime = Runtime::new(Limits::default(), None).unwrap();
        Versions {
            name: "sim".into(),
            ledger: Arc::new(Mutex::new(ledger)),
            saving: Arc::default(),
            shelf: Shelf::open(&directory.join("state"), TrustedKeys::default()).unwrap(),
            compiler: Arc::new(Compiler::in_process(runtime.into())),
            config: PluginsConfig::default(),
            journal: crate::store::open(
                &store,
                &crate::secrets::Secrets::default(),
                metrics.clone(),
            )
            .await
            .unwrap(),
            venues: OnceLock::new(),
            metrics,
        }
    }

    fn attempt<T>(
        course: impl Future<Output = Result<T, String>> + Send + 'static,
    ) -> Option<Attempt<T>> {
        Some(Attempt {
            sha256: "a".into(),
            approved: Arc::default(),
            course: course.boxed(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_goes_on_while_something_waits_for_what_it_holds_and_its_end_is_not_lost() {
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        let mut attempt = attempt({
            let turn = turn.clone();
            async move {
                let _turn = turn.lock().await;
                tokio::time::sleep(Duration::from_secs(5)).await;
                Ok("tried out")
            }
        });
        let under_way = timeout(Duration::from_secs(1), concluded(&mut attempt)).await;
        assert!(under_way.is_err());
        let work = beside(&mut attempt, async {
            let _turn = turn.lock().await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        });
        timeout(Duration::from_secs(60), work).await.unwrap();
        assert_eq!(concluded(&mut attempt).await, Ok("tried out"));
    }

    #[tokio::test]
    async fn a_version_that_is_brought_again_while_it_drains_begins_again() {
        use VersionState::{Active, Compiling, Draining, Retired};
        let directory = tempfile::tempdir().unwrap();
        let versions = versions(directory.path(), &[Compiling, Active, Draining]).await;
        let mut attempt: Option<Attempt<()>> = None;
        let course = |_, _, _| async { Ok(()) };
        let bytes = Arc::from(&b"component"[..]);
        versions
            .begin("a".into(), bytes, &mut attempt, course)
            .await;
        assert_eq!(versions.ledger().state("a"), Some(Retired));
        versions.step("a", Compiling, "").await;
        assert_eq!(versions.ledger().state("a"), Some(Compiling));
    }

    #[tokio::test]
    async fn what_is_written_is_what_is_known_by_then_and_nothing_older() {
        let directory = tempfile::tempdir().unwrap();
        let versions = versions(directory.path(), &[]).await;
        let saving = versions.saving.clone();
        let save = {
            let _turn = saving.lock().unwrap();
            let mut save = versions.save().boxed();
            assert!((&mut save).now_or_never().is_none(), "it waits its turn");
            versions.ledger().pinned = Some("a".into());
            save
        };
        save.await;
        let written = versions.shelf.ledger("sim").pinned;
        assert_eq!(written.as_deref(), Some("a"));
    }
}
