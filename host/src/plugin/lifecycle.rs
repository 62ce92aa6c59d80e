//! The life of one version of an adapter, from the moment that its file is seen.
//!
//! ```text
//! discovered -> compiling -> [awaiting approval] -> validated -> canary -> active -> draining -> retired
//!      \____________\_______________\___________________\__________\-> rejected      |             |
//!                                                                                    v             |
//!                                              (rollback, promotion by hand)    quarantined        |
//!                                                          active <--------------------------------'
//! ```
//!
//! What is interrupted on its way is discovered again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::Timestamp;

/// Where a version is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    /// Its bytes are here.
    Discovered,
    /// It is being compiled, off the request path.
    Compiling,
    /// It loads, and waits for an operator's word.
    AwaitingApproval,
    /// It loads and replayed what was journaled.
    Validated,
    /// It serves a share of the reads and works beside the active version.
    Canary,
    /// It serves.
    Active,
    /// Another serves; its calls in flight end.
    Draining,
    /// Kept for a rollback.
    Retired,
    /// Never served, and why is known.
    Rejected,
    /// Served, and failed at it.
    Quarantined,
}

impl VersionState {
    /// Its name in JSON, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Discovered => "discovered",
            Self::Compiling => "compiling",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Validated => "validated",
            Self::Canary => "canary",
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Retired => "retired",
            Self::Rejected => "rejected",
            Self::Quarantined => "quarantined",
        }
    }

    /// Whether a version may go from here to there.
    pub fn may_become(self, next: Self) -> bool {
        use VersionState::{
            Active, AwaitingApproval, Canary, Compiling, Discovered, Draining, Quarantined,
            Rejected, Retired, Validated,
        };
        match self {
            Discovered => matches!(next, Compiling | Rejected),
            Compiling => matches!(
                next,
                AwaitingApproval | Validated | Active | Rejected | Discovered
            ),
            AwaitingApproval => matches!(next, Validated | Active | Rejected | Discovered),
            Validated => matches!(next, Canary | Active | Rejected | Discovered),
            Canary => matches!(next, Active | Rejected | Discovered),
            Active => matches!(next, Draining | Quarantined),
            Draining => matches!(next, Retired | Active),
            // By hand, or because the one after it failed: whoever asks, it is compiled again if it must be.
            Retired | Rejected | Quarantined => matches!(next, Active | Compiling),
        }
    }

    /// Whether something is being done with it, or by it.
    pub fn is_at_work(self) -> bool {
        let is_over = matches!(self, Self::Retired | Self::Rejected | Self::Quarantined);
        self != Self::Discovered && !is_over
    }

    /// Whether it is on its way to serving.
    pub fn is_on_its_way(self) -> bool {
        matches!(
            self,
            Self::Discovered
                | Self::Compiling
                | Self::AwaitingApproval
                | Self::Validated
                | Self::Canary
        )
    }
}

/// A step in a version's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Where it went.
    pub state: VersionState,
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    pub reason: String,
}

/// A step that a version's life does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version that is {} cannot become {}", .from.name(), .to.name())]
pub(super) struct NoSuchStep {
    /// Where it is.
    pub from: VersionState,
    /// Where it was to go.
    pub to: VersionState,
}

/// Steps that are kept of one version.
const KEPT_STEPS: usize = 32;

/// A version's life so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Life(Vec<Step>);

impl Life {
    /// It was discovered.
    pub(super) fn begun(at: Timestamp, reason: impl Into<String>) -> Self {
        Self(vec![Step {
            state: VersionState::Discovered,
            at,
            reason: reason.into(),
        }])
    }

    /// Where it is now.
    pub(super) fn state(&self) -> VersionState {
        self.0
            .last()
            .map_or(VersionState::Discovered, |step| step.state)
    }

    /// Its last step.
    pub(super) fn last(&self) -> Option<&Step> {
        self.0.last()
    }

    /// Its steps, oldest first.
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Takes a step.
    ///
    /// # Errors
    /// [`NoSuchStep`]; it stays where it is.
    pub(super) fn step(
        &mut self,
        to: VersionState,
        at: Timestamp,
        reason: impl Into<String>,
    ) -> Result<(), NoSuchStep> {
        let from = self.state();
        if !from.may_become(to) {
            return Err(NoSuchStep { from, to });
        }
        self.push(to, at, reason.into());
        Ok(())
    }

    fn push(&mut self, state: VersionState, at: Timestamp, reason: String) {
        if self.0.len() == KEPT_STEPS {
            self.0.remove(1); // how it came is kept
        }
        self.0.push(Step { state, at, reason });
    }

    /// Whether it ever served.
    pub(super) fn has_served(&self) -> bool {
        let is_active = |step: &Step| step.state == VersionState::Active;
        self.0.iter().any(is_active)
    }

    /// After a restart, work that was under way is not: it begins anew. Of several that say that they serve, at most
    /// one does.
    pub(super) fn interrupted(&mut self, at: Timestamp, serves: bool) {
        let state = match self.state() {
            VersionState::Discovered => return,
            state if state.is_on_its_way() => VersionState::Discovered,
            VersionState::Draining => VersionState::Retired,
            VersionState::Active if !serves => VersionState::Retired,
            _ => return,
        };
        self.push(state, at, "the gateway stopped".into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [VersionState; 10] = [
        VersionState::Discovered,
        VersionState::Compiling,
        VersionState::AwaitingApproval,
        VersionState::Validated,
        VersionState::Canary,
        VersionState::Active,
        VersionState::Draining,
        VersionState::Retired,
        VersionState::Rejected,
        VersionState::Quarantined,
    ];

    fn life(states: &[VersionState]) -> Life {
        let mut life = Life::begun(Timestamp::from_millis(0), "seen");
        for state in states {
            life.step(*state, Timestamp::from_millis(1), "then")
                .unwrap();
        }
        life
    }

    #[test]
    fn nothing_serves_that_was_not_compiled_and_nothing_is_rejected_that_served() {
        use VersionState::{Active, Compiling, Draining, Quarantined, Rejected, Retired};
        for from in ALL {
            assert!(!from.may_become(from), "{from:?}");
            if matches!(from, VersionState::Discovered) {
                assert!(!from.may_become(Active));
            }
            if matches!(from, Active | Draining | Retired | Quarantined) {
                assert!(!from.may_become(Rejected), "{from:?}");
            }
        }
        assert!(
            life(&[Compiling, Active])
                .step(Retired, Timestamp::from_millis(2), "")
                .is_err()
        );
    }

    #[test]
    fn a_rollback_brings_back_what_is_retired_draining_or_quarantined() {
        for state in [
            VersionState::Retired,
            VersionState::Draining,
            VersionState::Quarantined,
            VersionState::Rejected,
        ] {
            assert!(state.may_become(VersionState::Active), "{state:?}");
        }
    }

    #[test]
    fn work_that_a_restart_interrupted_begins_anew_and_what_is_over_stays_so() {
        use VersionState::{Active, Canary, Compiling, Draining, Rejected, Retired, Validated};
        for (states, expected) in [
            (&[Compiling][..], VersionState::Discovered),
            (&[Compiling, Validated, Canary], VersionState::Discovered),
            (&[Compiling, Active], Active),
            (&[Compiling, Active, Draining], Retired),
            (&[Compiling, Rejected], Rejected),
        ] {
            let mut life = life(states);
            life.interrupted(Timestamp::from_millis(9), true);
            assert_eq!(life.state(), expected, "{states:?}");
        }
    }

    #[test]
    fn that_a_version_served_is_known_after_it_was_interrupted_on_its_way_back() {
        use VersionState::{Active, Compiling, Draining, Retired};
        let mut back = life(&[Compiling, Active, Draining, Retired, Compiling]);
        back.interrupted(Timestamp::from_millis(9), false);
        assert_eq!(back.state(), VersionState::Discovered);
        assert!(back.has_served());
        assert!(!life(&[Compiling]).has_served());
    }

    #[test]
    fn a_long_life_keeps_its_beginning_and_its_end() {
        let mut life = life(&[VersionState::Compiling, VersionState::Active]);
        for _ in 0..100 {
            life.step(VersionState::Draining, Timestamp::from_millis(3), "out")
                .unwrap();
            life.step(VersionState::Active, Timestamp::from_millis(4), "back")
                .unwrap();
        }
        assert!(life.steps().len() <= KEPT_STEPS);
        assert_eq!(life.steps()[0].state, VersionState::Discovered);
        assert_eq!(life.last().unwrap().reason, "back");
    }
}
