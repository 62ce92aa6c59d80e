//! Lists of more rows than one request gives: `count` rows from `start`, page after page.
//!
//! What was read travels from step to step as BitMEX wrote it. A list of open orders may change between two
//! pages, and an order that moves up is then missed; so pages are as long as they can be, and one is enough
//! for all but the busiest accounts.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use switchyard_sdk::query::Query;
use switchyard_sdk::types::{Error, HttpResponse};
use switchyard_sdk::{Context, json};

use crate::failures;

/// Most rows that one request gives.
pub(crate) const PAGE: usize = 500;

/// Pages after which the rest is left for another call: a sixth of what an account may spend in a minute.
pub(crate) const MAX_PAGES: usize = 20;

/// The rows read so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pages<'a> {
    #[serde(borrow)]
    rows: Vec<&'a RawValue>,
    /// Whether the last page was not full, so that there are no more.
    complete: bool,
}

impl<'a> Pages<'a> {
    /// What the steps before have read.
    pub(crate) fn read(state: Option<&'a [u8]>) -> Result<Self, Error> {
        match state {
            Some(state) => json::read(state),
            None => Ok(Self::default()),
        }
    }

    /// The query for the next page.
    pub(crate) fn ask(&self, query: Query) -> Query {
        query
            .with_integer("count", PAGE as u64)
            .with_integer("start", self.rows.len() as u64)
    }

    /// The same pages with the one of an answer.
    pub(crate) fn and(
        mut self,
        cx: &Context<'_>,
        responses: &'a [HttpResponse],
    ) -> Result<Self, Error> {
        let page: Vec<&'a RawValue> = failures::read(cx, responses)?;
        self.complete = page.len() < PAGE;
        self.rows.extend(page);
        Ok(self)
    }

    /// Whether there may be more, and room to ask for it.
    pub(crate) fn goes_on(&self) -> bool {
        !self.complete && self.rows.len() < MAX_PAGES * PAGE
    }

    /// Whether everything was read.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Each row as `T`, in order.
    pub(crate) fn rows<T: Deserialize<'a>>(&self) -> Result<Vec<T>, Error> {
        self.rows
            .iter()
            .map(|row| json::read(row.get().as_bytes()))
            .collect()
    }

    /// The state that leads to the next page.
    pub(crate) fn state(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|error| Error::malformed(error.to_string()))
    }
}
