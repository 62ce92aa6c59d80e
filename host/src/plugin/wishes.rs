//! What operators want of a plugin.

use std::sync::Arc;

use super::gate;
use super::lifecycle::VersionState;
use super::promoting::Leaving;
use super::versions::must_be_untried;
use super::worker::{Attempt, Plugin, beside};
use switchyard_runtime::Adapter;

/// What an operator wants of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// That a version serves at once: the candidate where none is named.
    Promote(Option<String>),
    /// That an earlier version serves again at once: the last good one where none is named.
    RollBack(Option<String>),
    /// That nothing but a version serves: the active one where none is named.
    Pin(Option<String>),
    /// That newer versions may serve again.
    Unpin,
    /// That a version is kept no more.
    Forget(String),
}

/// Why a wish was not fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// No such version.
    #[error("{0}")]
    NoSuchVersion(String),
    /// Things are not so that it can be.
    #[error("{0}")]
    NotNow(String),
    /// It does not load any more.
    #[error("{0}")]
    Unusable(String),
}

impl Plugin {
    pub(super) async fn fulfil(
        self: &Arc<Self>,
        wish: Wish,
        by: &str,
        attempt: &mut Option<Attempt>,
    ) -> Result<(), WishError> {
        match wish {
            Wish::Promote(named) => {
                let sha256 = named
                    .or_else(|| attempt.as_ref().map(|attempt| attempt.sha256.clone()))
                    .ok_or_else(|| {
                        WishError::NotNow("there is no candidate; name a version".into())
                    })?;
                let state = self.ledger().state(&sha256);
                if state == Some(VersionState::AwaitingApproval)
                    && let Some(attempt) = attempt.as_ref().filter(|a| a.sha256 == sha256)
                {
                    attempt.approved.notify_one();
                    return Ok(());
                }
                let reason = format!("promoted by {by}");
                self.put_to_work(&sha256, &reason, Leaving::Replaced, attempt)
                    .await
            }
            Wish::RollBack(named) => {
                let sha256 = named
                    .or_else(|| self.ledger().fallback().cloned())
                    .ok_or_else(|| {
                        WishError::NotNow("no version has served before this one".into())
                    })?;
                let reason = format!("rolled back by {by}");
                self.put_to_work(&sha256, &reason, Leaving::RolledBack, attempt)
                    .await
            }
            Wish::Pin(named) => {
                let active = self.slot.active().sha256().to_owned();
                let sha256 = named.unwrap_or_else(|| active.clone());
                if sha256 != active {
                    let reason = format!("pinned by {by}");
                    self.put_to_work(&sha256, &reason, Leaving::Replaced, attempt)
                        .await?;
                } else {
                    let reason = format!("the plugin was pinned by {by}");
                    self.give_up(attempt, &reason).await;
                }
                self.ledger().pinned = Some(sha256);
                self.save().await;
                Ok(())
            }
            Wish::Unpin => {
                if let Some((sha256, bytes)) = self.unpin().await {
                    self.begin(sha256, bytes, attempt).await;
                }
                Ok(())
            }
            Wish::Forget(sha256) => {
                must_be_untried(attempt.as_ref(), &sha256)?;
                self.remove(&sha256).await
            }
        }
    }

    pub(super) async fn put_to_work(
        self: &Arc<Self>,
        sha256: &str,
        reason: &str,
        leaving: Leaving,
        attempt: &mut Option<Attempt>,
    ) -> Result<(), WishError> {
        let active = self.slot.active();
        if active.sha256() == sha256 {
            return Err(WishError::NotNow("this version serves already".into()));
        }
        let has_served = self
            .ledger()
            .versions
            .get(sha256)
            .map(|kept| kept.life.has_served())
            .ok_or_else(|| no_such_version(sha256))?;
        let pinned = self.ledger().pinned.clone();
        if pinned.as_deref().is_some_and(|pinned| pinned != sha256) {
            let text = "the plugin is pinned to another version; unpin it first";
            return Err(WishError::NotNow(text.into()));
        }
        let adapter = beside(attempt, self.adapter(sha256)).await?;
        if !has_served {
            let conforms = beside(attempt, gate::conforms(&adapter)).await;
            conforms.map_err(WishError::Unusable)?;
        }
        if let Some(venues) = self.venues() {
            // A version that has served may do less than the one after it: it is held against itself.
            let known = if has_served { &adapter } else { &active };
            gate::fits(self.name(), known, &adapter, &venues).map_err(WishError::Unusable)?;
        }
        if let Some(earlier) = attempt.take() {
            drop(earlier.course);
            if earlier.sha256 != sha256 {
                self.step(&earlier.sha256, VersionState::Rejected, reason)
                    .await;
            }
        }
        drop(active);
        self.promote(adapter, reason, leaving).await;
        Ok(())
    }

    /// Removes a version, which the active one no longer falls back to then.
    pub(super) async fn remove(&self, sha256: &str) -> Result<(), WishError> {
        self.must_be_idle(sha256)?;
        let is_previous = |previous: &Arc<Adapter>| previous.sha256() == sha256;
        if self
            .slot
            .serving()
            .previous
            .as_ref()
            .is_some_and(is_previous)
        {
            self.slot.forget_previous();
        }
        self.forget(sha256).await
    }
}

pub(super) fn no_such_version(sha256: &str) -> WishError {
    WishError::NoSuchVersion(format!("no version {sha256} is kept"))
}
