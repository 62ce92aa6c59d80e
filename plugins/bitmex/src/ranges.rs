//! Ranges of time, and how far one was read.

use switchyard_sdk::types::{Error, Timestamp};

/// Most rows that a command may ask for.
const MAX_LIMIT: u32 = 10_000;

/// What a command asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    /// Inclusive.
    pub(crate) since: Timestamp,
    /// Exclusive.
    pub(crate) before: Timestamp,
    pub(crate) limit: usize,
}

impl Range {
    pub(crate) fn new(since: Timestamp, before: Timestamp, limit: u32) -> Result<Self, Error> {
        if since >= before {
            return Err(Error::invalid("before", "the range is empty"));
        }
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Error::invalid("limit", "a limit is 1 to 10000"));
        }
        Ok(Self {
            since,
            before,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        })
    }

    pub(crate) fn holds(&self, at: Timestamp) -> bool {
        (self.since..self.before).contains(&at)
    }

    /// Cuts what was found, oldest first, to the limit, and says how far the range was read; none where it
    /// was read to its end. `last` is the newest row read, in range or not, of a list that is not complete.
    pub(crate) fn cut<T>(
        &self,
        found: &mut Vec<T>,
        time: impl Fn(&T) -> Timestamp,
        complete: bool,
        last: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, Error> {
        if found.len() > self.limit {
            found.truncate(self.limit);
            return Ok(found.last().map(time));
        }
        let Some(until) = last.filter(|last| !complete && *last < self.before) else {
            return Ok(None);
        };
        if found.is_empty() && until <= self.since {
            return Err(Error::malformed("the pages do not advance"));
        }
        Ok(Some(until.max(self.since)))
    }
}
