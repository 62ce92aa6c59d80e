//! What a version goes through before it serves.

use std::sync::Arc;

use switchyard_runtime::Adapter;
use tokio::sync::Notify;

use super::gate;
use super::lifecycle::VersionState;
use super::promoting::Leaving;
use super::trial::{Tally, Trial};
use super::worker::Plugin;
use crate::config::Approval;

impl Plugin {
    /// Everything that a version goes through before it serves.
    pub(super) async fn try_out(
        self: Arc<Self>,
        sha256: String,
        bytes: Arc<[u8]>,
        approved: Arc<Notify>,
    ) -> Result<(Arc<Adapter>, String), String> {
        self.step(&sha256, VersionState::Compiling, "off the request path")
            .await;
        let candidate = self.load(&sha256, bytes).await?;
        gate::conforms(&candidate).await?;
        let active = self.slot.active();
        if let Some(venues) = self.venues() {
            gate::fits(self.name(), &active, &candidate, &venues)?;
        }
        if self.config.approval == Approval::Manual
            && let Some(reason) = gate::to_be_approved(Some(&active), &candidate)
        {
            self.step(&sha256, VersionState::AwaitingApproval, &reason)
                .await;
            approved.notified().await;
        }
        let settings = &self.config.trial;
        let replayed = self.replay(&active, &candidate).await?;
        if let Some(problem) = replayed.problem(settings, true) {
            return Err(format!("replaying the journal: {problem}"));
        }
        let reason = format!(
            "{} exchanges of the journal replayed, {} of them otherwise",
            replayed.shadowed, replayed.differing
        );
        self.step(&sha256, VersionState::Validated, &reason).await;
        let share = self.config.canary_share;
        if share == 0.0 {
            let reason = "it is tried no further: plugins.canary_share is 0";
            return Ok((candidate, reason.into()));
        }
        if let Some(venues) = self.venues() {
            for venue in venues
                .iter()
                .filter(|venue| venue.adapter_name() == self.name())
            {
                venue.add_limits(&candidate);
            }
        }
        let trial = Trial::start(active, candidate.clone(), share);
        let _trying = self.slot.try_out(trial.clone());
        let reason = format!("a share of {share} of the reads, and everything else in shadow");
        self.step(&sha256, VersionState::Canary, &reason).await;
        let tally = trial.verdict(settings).await?;
        Ok((candidate, passed(&tally)))
    }

    pub(super) async fn replay(
        &self,
        active: &Arc<Adapter>,
        candidate: &Arc<Adapter>,
    ) -> Result<Tally, String> {
        let (most, venue) = (self.config.trial.replay, &active.descriptor().venue);
        let exchanges = gate::recent_exchanges(&*self.journal, venue, most).await;
        let exchanges = exchanges.unwrap_or_else(|error| {
            tracing::error!(plugin = self.name(), %error, "the journal cannot be replayed");
            Vec::new()
        });
        let (active, candidate) = (active.clone(), candidate.clone());
        let replayed =
            tokio::task::spawn_blocking(move || gate::replay_all(&active, &candidate, &exchanges));
        replayed.await.map_err(|error| error.to_string())
    }

    pub(super) async fn conclude(
        self: &Arc<Self>,
        sha256: &str,
        result: Result<(Arc<Adapter>, String), String>,
    ) {
        match result {
            Ok((candidate, reason)) => self.promote(candidate, &reason, Leaving::Replaced).await,
            Err(reason) => self.step(sha256, VersionState::Rejected, &reason).await,
        }
    }
}

fn passed(tally: &Tally) -> String {
    format!(
        "it served {} reads and failed {}, and did {} of {} exchanges otherwise",
        tally.served, tally.failed, tally.differing, tally.shadowed
    )
}
