//! Stops and allows the trading at a venue, on an operator's word, across restarts.

use super::service::{Caller, OrderError, Orders};
use crate::model::{Halt, HaltEvent, Timestamp};
use crate::store::{Commit, StoreError};
use crate::venue::Venue;

impl Orders {
    /// Stops the trading at a venue, in force before it is journaled: where the journal fails, it holds until
    /// the gateway stops. A venue that is stopped stays so since when it was, for the reason that was given last.
    ///
    /// # Errors
    /// [`OrderError::Invalid`] for venues that do not exist, [`OrderError::Venue`] for one that waits, or [`OrderError::Store`].
    pub async fn halt(
        &self,
        caller: &Caller,
        venue: &str,
        reason: Option<String>,
    ) -> Result<Halt, OrderError> {
        let venue = self.venue("venue", venue)?.clone();
        let before = venue.halt();
        let halt = Halt {
            since: before
                .as_ref()
                .map_or_else(Timestamp::now, |halt| halt.since),
            reason: reason.or(before.and_then(|halt| halt.reason)),
            key_id: caller.key_id.clone(),
        };
        // Before anything is waited for, and once more: a resume may be under way.
        venue.set_halt(Some(halt.clone()));
        let _one_at_a_time = self.halting.lock().await;
        venue.set_halt(Some(halt.clone()));
        let (name, by, reason) = (venue.name(), &halt.key_id, &halt.reason);
        tracing::warn!(venue = name, key_id = %by, reason, "trading is halted");
        let event = HaltEvent::Halted {
            venue: venue.name().to_owned(),
            halt: halt.clone(),
            request_id: caller.request_id.clone(),
        };
        self.journal.commit(Commit::of_venue(event)).await?;
        Ok(halt)
    }

    /// Allows the trading at a venue again, once that is journaled.
    ///
    /// # Errors
    /// [`OrderError::Invalid`] for venues that do not exist, [`OrderError::Venue`] for one that waits, or [`OrderError::Store`]: it stays stopped.
    pub async fn resume(&self, caller: &Caller, venue: &str) -> Result<(), OrderError> {
        let venue = self.venue("venue", venue)?.clone();
        let _one_at_a_time = self.halting.lock().await;
        if venue.halt().is_none() {
            return Ok(());
        }
        let event = HaltEvent::Resumed {
            venue: venue.name().to_owned(),
            key_id: caller.key_id.clone(),
            request_id: caller.request_id.clone(),
        };
        self.journal.commit(Commit::of_venue(event)).await?;
        venue.set_halt(None);
        tracing::warn!(venue = venue.name(), key_id = %caller.key_id, "trading is resumed");
        Ok(())
    }

    /// Stops what was stopped when the gateway was. To be called before anything is served.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known what is stopped.
    pub async fn restore_halts(&self) -> Result<(), StoreError> {
        let mut halts = self.journal.halts().await?;
        for venue in self.venues.iter() {
            restore(venue, halts.remove(venue.name()));
        }
        Ok(())
    }

    /// Stops what was stopped at a venue when the gateway was. To be called before the venue is served.
    ///
    /// # Errors
    /// As [`Orders::restore_halts`].
    pub(super) async fn restore_halt(&self, venue: &Venue) -> Result<(), StoreError> {
        let mut halts = self.journal.halts().await?;
        restore(venue, halts.remove(venue.name()));
        Ok(())
    }
}

fn restore(venue: &Venue, halt: Option<Halt>) {
    if let Some(halt) = &halt {
        let (name, by, reason) = (venue.name(), &halt.key_id, &halt.reason);
        tracing::warn!(venue = name, since = %halt.since, key_id = %by, reason, "trading is halted");
    }
    venue.set_halt(halt);
}
