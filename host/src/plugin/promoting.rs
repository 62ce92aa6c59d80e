//! Which version serves: put to work, drained, quarantined.

use std::sync::{Arc, Weak};
use std::time::Duration;

use switchyard_runtime::Adapter;

use super::lifecycle::VersionState;
use super::slot::Slot;
use super::worker::{Attempt, Plugin};

/// How often is looked whether a version's last calls have ended.
const DRAIN_TICK: Duration = Duration::from_millis(50);

/// How long they are waited for.
const DRAIN_FOR: Duration = Duration::from_secs(60);

/// Why a version leaves its place to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// Another is wanted. It was good: it is fallen back to.
    Replaced,
    /// It is not wanted: nothing but an operator brings it back.
    RolledBack,
    /// It failed.
    Quarantined,
}

impl Plugin {
    /// Puts a version to work in place of the active one.
    pub(super) async fn promote(
        self: &Arc<Self>,
        next: Arc<Adapter>,
        reason: &str,
        leaving: Leaving,
    ) {
        let old = self.slot.active();
        if old.sha256() == next.sha256() {
            return;
        }
        self.prepare_venues(&next);
        let was_good = leaving == Leaving::Replaced;
        self.slot
            .promote(next.clone(), was_good.then(|| old.clone()));
        let why = format!(
            "{} took its place: {reason}",
            next.descriptor().adapter_version
        );
        let then = match leaving {
            Leaving::Replaced | Leaving::RolledBack => VersionState::Draining,
            Leaving::Quarantined => VersionState::Quarantined,
        };
        {
            let mut ledger = self.ledger();
            ledger.serves(next.sha256(), old.sha256(), was_good);
            self.note_step(&mut ledger, next.sha256(), VersionState::Active, reason);
            self.note_step(&mut ledger, old.sha256(), then, &why);
        }
        // Once for all of it: whatever ends the gateway leaves one active version.
        self.save().await;
        self.metrics.plugins.serves(self.name(), &next, Some(&old));
        if let Some(venues) = self.venues() {
            for venue in venues
                .iter()
                .filter(|venue| venue.adapter_name() == self.name())
            {
                venue.list_again();
            }
        }
        if then == VersionState::Draining {
            tokio::spawn(drain(Arc::downgrade(self), self.slot.clone(), old));
        }
        self.tidy().await;
    }

    /// Takes a version out that trapped too often. A candidate that is tried out against it begins again.
    pub(super) async fn quarantine(self: &Arc<Self>, sha256: &str, attempt: &mut Option<Attempt>) {
        let active = self.slot.active();
        if active.sha256() != sha256 {
            return; // it is out already
        }
        let good: Vec<String> = self.ledger().fallbacks().cloned().collect();
        if good.is_empty() {
            tracing::error!(
                plugin = self.name(),
                sha256,
                "the version that serves traps again and again, and there is none before it"
            );
            return;
        }
        let reason = format!("{} trapped too often", active.descriptor().adapter_version);
        drop(active);
        // It may hold the compiler, which the version before may need.
        let interrupted = attempt.take().map(|attempt| attempt.sha256);
        for before in good {
            match self.adapter(&before).await {
                Ok(adapter) => {
                    self.promote(adapter, &reason, Leaving::Quarantined).await;
                    break;
                }
                Err(error) => {
                    tracing::error!(plugin = self.name(), sha256 = before, %error, "a version that was good cannot be loaded");
                }
            }
        }
        if let Some(interrupted) = interrupted {
            self.begin_again(interrupted, attempt).await;
        }
    }

    async fn begin_again(self: &Arc<Self>, sha256: String, attempt: &mut Option<Attempt>) {
        let state = self.ledger().state(&sha256);
        if state == Some(VersionState::Active) {
            return;
        }
        if state.is_some_and(|state| state.is_on_its_way() && state != VersionState::Discovered) {
            let reason = "the version that it was compared with trapped too often";
            self.step(&sha256, VersionState::Discovered, reason).await;
        }
        match self.component(&sha256).await {
            Ok(bytes) => self.begin(sha256, bytes, attempt).await,
            Err(error) => {
                let reason = error.to_string();
                self.step(&sha256, VersionState::Rejected, &reason).await;
            }
        }
    }

    /// Removes versions that nobody needs.
    pub(super) async fn tidy(&self) {
        let surplus = self.ledger().surplus(self.config.keep_versions);
        for sha256 in surplus {
            if let Err(error) = self.remove(&sha256).await {
                tracing::debug!(plugin = self.name(), sha256, %error, "a version is kept");
            }
        }
    }

    /// Lets the venues know the limits that a version counts in, before it spends of them.
    pub(super) fn prepare_venues(&self, adapter: &Adapter) {
        let Some(venues) = self.venues() else {
            return;
        };
        for venue in venues
            .iter()
            .filter(|venue| venue.adapter_name() == self.name())
        {
            venue.learn_limits(adapter);
        }
    }
}

/// Waits until the last operation that began with a version has ended. Holds on to nothing but what it waits for.
async fn drain(plugin: Weak<Plugin>, slot: Arc<Slot>, old: Arc<Adapter>) {
    let give_up = tokio::time::Instant::now() + DRAIN_FOR;
    let sha256 = old.sha256().to_owned();
    loop {
        let state = plugin
            .upgrade()
            .map(|plugin| plugin.ledger().state(&sha256));
        if state != Some(Some(VersionState::Draining)) {
            return; // it is back, or on its way
        }
        let serving = slot.serving();
        let is_previous = |previous: &Arc<Adapter>| Arc::ptr_eq(previous, &old);
        let kept = usize::from(serving.previous.as_ref().is_some_and(is_previous));
        drop(serving);
        let is_idle = Arc::strong_count(&old) <= 1 + kept;
        if is_idle || tokio::time::Instant::now() >= give_up {
            let reason = if is_idle {
                "its last calls have ended"
            } else {
                "it was waited long enough for its last calls"
            };
            if let Some(plugin) = plugin.upgrade() {
                plugin.step(&sha256, VersionState::Retired, reason).await;
            }
            return;
        }
        tokio::time::sleep(DRAIN_TICK).await;
    }
}
