//! Whether a venue's trading is stopped. What may open or change a position asks here, before anything is
//! encoded and once more when all that is left is to send it.

use std::sync::{PoisonError, RwLock};

use super::registry::Venue;
use super::verdict::Kind;
use crate::model::{Failure, FailureCode, Halt};

/// A venue's switch.
#[derive(Debug, Default)]
pub(super) struct HaltSwitch(RwLock<Option<Halt>>);

impl Venue {
    /// How its trading is stopped, if it is.
    pub fn halt(&self) -> Option<Halt> {
        let switch = self.halt.0.read();
        switch.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops its trading, or allows it. Once this returns, no order is sent or changed that was not on its way.
    pub fn set_halt(&self, halt: Option<Halt>) {
        self.metrics.reliability.halted(&self.name, halt.is_some());
        let switch = self.halt.0.write();
        *switch.unwrap_or_else(PoisonError::into_inner) = halt;
    }

    /// Refuses what may open or change a position while trading is stopped. Reads and cancels pass.
    pub(super) fn must_not_be_halted(&self, kind: Kind) -> Result<(), Failure> {
        match (kind, self.halt()) {
            (Kind::Place | Kind::Amend, Some(halt)) => Err(halted(&self.name, &halt)),
            _ => Ok(()),
        }
    }
}

/// What is said to those whose orders are refused.
pub fn halted(venue: &str, halt: &Halt) -> Failure {
    let why = match &halt.reason {
        Some(reason) => format!(": {reason}"),
        None => String::new(),
    };
    Failure::not_sent(
        FailureCode::Halted,
        format!(
            "an operator halted trading at {venue} at {}{why}; nothing was sent",
            halt.since
        ),
    )
}
