//! Stops and allows the trading at a venue, on an operator's word, across restarts.

use super::service::{Caller, OrderError, Orders};
use crate::model::{Halt, HaltEvent, Timestamp};
use crate::store::{Commit, Standing, StoreError};
use crate::venue::Venue;

impl Orders {
    /// Stops the trading at a venue, in force before it is journaled: where the journal fails, it holds until
    /// the gateway stops. A venue that is stopped stays so since when it was, for the reason that was given last.
    ///
    /// # Errors
    /// [`OrderError::Invalid`] for venues that do not exist, [`OrderError::Venue`] for one that waits, or [`OrderError::Store`]: on a
    /// standby nothing is stopped.
    pub async fn halt(
        &self,
        caller: &Caller,
        venue: &str,
        reason: Option<String>,
    ) -> Result<Halt, OrderError> {
        let venue = self.venue("venue", venue)?.clone();
        if self.journal.lease().standing() != Standing::Active {
            // Another gateway trades there, and would not hear of it.
            return Err(StoreError::Standby.into());
        }
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

    /// Stops what is stopped by the journal's word. To be called before anything is served, and once more when what
    /// another gateway wrote until then is to be heeded.
    ///
    /// # Errors
    /// [`StoreError`]: it is not known what is stopped.
    pub async fn restore_halts(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.halting.lock().await;
        let mut halts = self.journal.halts().await?;
        for venue in self.venues.iter() {
            restore(venue, halts.remove(venue.name()));
        }
        Ok(())
    }

    /// The same for one venue.
    ///
    /// # Errors
    /// As [`Orders::restore_halts`].
    pub async fn restore_halt(&self, venue: &Venue) -> Result<(), StoreError> {
        let _one_at_a_time = self.halting.lock().await;
        let mut halts = self.journal.halts().await?;
        restore(venue, halts.remove(venue.name()));
        Ok(())
    }
}

fn restore(venue: &Venue, halt: Option<Halt>) {
    let before = venue.halt();
    if let Some(halt) = halt.as_ref().filter(|halt| before.as_ref() != Some(halt)) {
        let (name, by, reason) = (venue.name(), &halt.key_id, &halt.reason);
        tracing::warn!(venue = name, since = %halt.since, key_id = %by, reason, "trading is halted");
    }
    venue.set_halt(halt);
}
