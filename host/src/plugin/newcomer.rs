//! A plugin that venues are configured with and of which no version is here yet: it waits for its first, whose venues
//! then go live.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};

use super::gate;
use super::lifecycle::VersionState;
use super::slot::Slot;
use super::versions::{Versions, must_be_untried};
use super::wishes::{Wish, WishError};
use super::worker::{Ask, Attempt, Plugin, concluded};
use crate::config::Approval;
use crate::venue::Venue;

/// Venues whose adapter came while the gateway served.
#[derive(Debug)]
pub struct Newcomers {
    /// The venues, set up and not found by anyone yet.
    pub venues: Vec<Arc<Venue>>,
    /// To be told when they are live.
    pub admitted: oneshot::Sender<()>,
}

/// A first version, and the venues that it serves.
type First = (Arc<Slot>, Vec<Arc<Venue>>);

impl Versions {
    /// Waits for a first version that suits the venues, and hands these over. `None`: the gateway stops.
    pub(super) async fn wait_for_first(
        self: &Arc<Self>,
        asked: &mut mpsc::Receiver<Ask>,
        newcomers: &mpsc::Sender<Newcomers>,
    ) -> Option<Arc<Plugin>> {
        let mut attempt: Option<Attempt<First>> = None;
        loop {
            tokio::select! {
                ask = asked.recv() => self.answer(ask?, &mut attempt).await,
                result = concluded(&mut attempt) => {
                    let Some(done) = attempt.take() else {
                        continue;
                    };
                    match result {
                        Ok((slot, venues)) => return self.go_live(slot, venues, newcomers).await,
                        Err(reason) => {
                            self.step(&done.sha256, VersionState::Rejected, &reason).await;
                        }
                    }
                }
            }
        }
    }

    /// Kept as the one that serves before its venues are served: whatever ends the gateway now, it starts with it.
    async fn go_live(
        self: &Arc<Self>,
        slot: Arc<Slot>,
        venues: Vec<Arc<Venue>>,
        newcomers: &mpsc::Sender<Newcomers>,
    ) -> Option<Arc<Plugin>> {
        let adapter = slot.active();
        let reason = "it is the first: its venues waited for it";
        {
            let mut ledger = self.ledger();
            ledger.active = Some(adapter.sha256().to_owned());
            self.note_step(&mut ledger, adapter.sha256(), VersionState::Active, reason);
        }
        self.save().await;
        self.metrics.plugins.serves(self.name(), &adapter, None);
        let (admitted, are_live) = oneshot::channel();
        newcomers.send(Newcomers { venues, admitted }).await.ok()?;
        are_live.await.ok()?;
        Some(Arc::new(Plugin {
            slot,
            versions: self.clone(),
        }))
    }

    async fn answer(self: &Arc<Self>, ask: Ask, attempt: &mut Option<Attempt<First>>) {
        match ask {
            Ask::Arrived(arrival, done) => {
                let course = |sha256, bytes, approved| self.clone().suit(sha256, bytes, approved);
                self.arrived(arrival, done, attempt, course).await;
            }
            Ask::FileGone => {
                tracing::warn!(plugin = self.name(), "the plugin's file is gone");
            }
            Ask::Wished { wish, done, .. } => {
                let _ = done.send(self.fulfil(wish, attempt).await);
            }
        }
    }

    async fn fulfil(
        self: &Arc<Self>,
        wish: Wish,
        attempt: &mut Option<Attempt<First>>,
    ) -> Result<(), WishError> {
        match wish {
            Wish::Promote(named) => {
                let is_meant = |attempt: &&Attempt<First>| {
                    let state = self.ledger().state(&attempt.sha256);
                    state == Some(VersionState::AwaitingApproval)
                        && named.as_ref().is_none_or(|named| *named == attempt.sha256)
                };
                let Some(meant) = attempt.as_ref().filter(is_meant) else {
                    return Err(waits(
                        "only a version that waits for approval can be promoted",
                    ));
                };
                meant.approved.notify_one();
                Ok(())
            }
            Wish::RollBack(_) | Wish::Pin(_) => Err(waits("there is nothing to hold on to")),
            Wish::Unpin => {
                if let Some((sha256, bytes)) = self.unpin().await {
                    let course =
                        |sha256, bytes, approved| self.clone().suit(sha256, bytes, approved);
                    self.begin(sha256, bytes, attempt, course).await;
                }
                Ok(())
            }
            Wish::Forget(sha256) => {
                must_be_untried(attempt.as_ref(), &sha256)?;
                self.forget(&sha256).await
            }
        }
    }

    /// Everything that a first version goes through before it serves: there is none to compare it with.
    async fn suit(
        self: Arc<Self>,
        sha256: String,
        bytes: Arc<[u8]>,
        approved: Arc<Notify>,
    ) -> Result<First, String> {
        self.step(&sha256, VersionState::Compiling, "off the request path")
            .await;
        let adapter = self.load(&sha256, bytes).await?;
        gate::conforms(&adapter).await?;
        let slot = Slot::new(self.name(), adapter.clone(), self.config.traps_allowed);
        let slot = Arc::new(slot);
        let venues = self.venues().ok_or("the gateway is stopping")?;
        let prepared = venues.prepare(&slot).map_err(|error| error.to_string())?;
        drop(venues);
        if self.config.approval == Approval::Manual
            && let Some(reason) = gate::to_be_approved(None, &adapter)
        {
            self.step(&sha256, VersionState::AwaitingApproval, &reason)
                .await;
            approved.notified().await;
        }
        Ok((slot, prepared))
    }
}

fn waits(why: &str) -> WishError {
    WishError::NotNow(format!("no version of this plugin serves yet: {why}"))
}
