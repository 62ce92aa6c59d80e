//! What the end of an operation says: of the venue's health, and of whether it may be tried again. Pure,
//! and one table for all venues.

use std::time::Duration;

use switchyard_runtime::Operation;

use crate::model::{Failure, FailureCode, Fate};
use crate::reliability::breaker::Verdict;
use crate::reliability::limiter::Priority;

/// What kind of operation it is: what may be lost or doubled by running it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    /// A read that asks how the venue is, before others may.
    Probe,
    Place,
    Amend,
    /// Cancelling twice is cancelling once.
    Cancel,
}

impl Kind {
    pub(super) fn of<O: Operation>() -> Self {
        match O::NAME {
            "cancel" | "cancel-all" => Self::Cancel,
            "amend" => Self::Amend,
            _ if O::CHANGES_STATE => Self::Place,
            _ => Self::Read,
        }
    }

    pub(super) fn priority(self) -> Priority {
        match self {
            Self::Read => Priority::Read,
            Self::Place | Self::Probe => Priority::Place,
            Self::Amend => Priority::Amend,
            Self::Cancel => Priority::Cancel,
        }
    }
}

/// What a result says of the venue's health. A refused order says that it is well.
///
/// `talked` is how long the venue was given to answer, and `slow` what the breaker calls slow: a caller
/// that did not wait says nothing of the venue.
pub(super) fn health<T>(result: &Result<T, Failure>, talked: Duration, slow: Duration) -> Verdict {
    let Err(failure) = result else {
        return Verdict::Healthy;
    };
    match failure.code {
        FailureCode::VenueUnavailable
        | FailureCode::Overloaded
        | FailureCode::OutcomeUnknown
        | FailureCode::MalformedResponse => Verdict::Failing,
        FailureCode::Timeout if talked >= slow => Verdict::Failing,
        FailureCode::Timeout
        | FailureCode::RateLimited
        | FailureCode::Banned
        | FailureCode::AdapterFailed
        | FailureCode::JournalUnavailable
        | FailureCode::Halted => Verdict::Neutral,
        FailureCode::InvalidRequest
        | FailureCode::InsufficientFunds
        | FailureCode::OrderNotFound
        | FailureCode::DuplicateClientId
        | FailureCode::NotAmendable
        | FailureCode::AuthFailed
        | FailureCode::ClockSkew
        | FailureCode::Unsupported => Verdict::Healthy,
    }
}

/// Whether running it again may help and can do no harm. What may have placed or changed an order is never
/// run again.
pub(super) fn may_repeat(kind: Kind, failure: &Failure) -> bool {
    let may_help = match failure.code {
        FailureCode::RateLimited
        | FailureCode::Overloaded
        | FailureCode::VenueUnavailable
        | FailureCode::OutcomeUnknown
        | FailureCode::Timeout => true,
        FailureCode::MalformedResponse => matches!(kind, Kind::Read | Kind::Cancel),
        _ => false,
    };
    may_help && is_harmless(kind, failure)
}

/// Whether running it again can do no harm.
pub(super) fn is_harmless(kind: Kind, failure: &Failure) -> bool {
    match kind {
        Kind::Read | Kind::Probe | Kind::Cancel => true,
        Kind::Place | Kind::Amend => failure.fate != Fate::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_may_have_placed_or_changed_an_order_is_ever_run_again() {
        for code in FailureCode::ALL {
            let failure = Failure::new(code, Fate::Unknown, "");
            for kind in [Kind::Place, Kind::Amend] {
                assert!(!may_repeat(kind, &failure), "{kind:?} {code:?}");
                assert!(!is_harmless(kind, &failure), "{kind:?} {code:?}");
            }
        }
    }

    #[test]
    fn a_refusal_of_the_request_itself_is_final_and_says_that_the_venue_is_well() {
        for code in [
            FailureCode::InvalidRequest,
            FailureCode::InsufficientFunds,
            FailureCode::OrderNotFound,
            FailureCode::DuplicateClientId,
            FailureCode::NotAmendable,
            FailureCode::AuthFailed,
            FailureCode::Unsupported,
        ] {
            let failure = Failure::new(code, Fate::Refused, "");
            for kind in [Kind::Read, Kind::Place, Kind::Amend, Kind::Cancel] {
                assert!(!may_repeat(kind, &failure), "{kind:?} {code:?}");
            }
            let second = Duration::from_secs(1);
            assert_eq!(
                health::<()>(&Err(failure), second, second),
                Verdict::Healthy
            );
        }
    }

    #[test]
    fn passing_trouble_that_had_no_effect_is_tried_again_for_every_kind() {
        for code in [
            FailureCode::RateLimited,
            FailureCode::Overloaded,
            FailureCode::VenueUnavailable,
        ] {
            for fate in [Fate::NotSent, Fate::Refused] {
                let failure = Failure::new(code, fate, "");
                for kind in [Kind::Read, Kind::Place, Kind::Amend, Kind::Cancel] {
                    assert!(may_repeat(kind, &failure), "{kind:?} {code:?} {fate:?}");
                }
            }
        }
    }

    #[test]
    fn a_ban_is_not_answered_with_more_requests() {
        let failure = Failure::new(FailureCode::Banned, Fate::Refused, "");
        assert!(!may_repeat(Kind::Read, &failure));
        assert!(!may_repeat(Kind::Cancel, &failure));
    }

    #[test]
    fn a_caller_that_hardly_waited_says_nothing_of_the_venue() {
        let timeout = || Err::<(), _>(Failure::new(FailureCode::Timeout, Fate::Unknown, ""));
        let (short, slow) = (Duration::from_millis(5), Duration::from_secs(3));
        assert_eq!(health(&timeout(), short, slow), Verdict::Neutral);
        assert_eq!(health(&timeout(), slow, slow), Verdict::Failing);
    }
}
