//! Lists of more rows than one request gives: `count` rows from `start`, page after page.
//!
//! What was read travels from step to step as BitMEX wrote it. `start` counts rows of the list as it is then:
//! an order that ends between two pages, or moves to the end because it changed, draws all behind it up, and
//! one of them would slip through. So each page begins some rows before the end of the last and must hold one
//! of the rows known, unchanged; where it holds none, the reading goes back until one does.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use switchyard_sdk::query::Query;
use switchyard_sdk::types::{Error, HttpResponse};
use switchyard_sdk::{Context, json};

use crate::failures;

/// Most rows that one request gives.
pub(crate) const PAGE: usize = 500;

/// Rows that a page is meant to share with those before it: as many may end meanwhile without a step back.
const OVERLAP: usize = 20;

/// Pages after which the rest is left for another call: a sixth of what an account may spend in a minute, and
/// enough for the most rows that a command can ask for.
pub(crate) const MAX_PAGES: usize = 21;

/// How far the reading is: the first line of the state, so that the next page is asked for without a look at
/// the megabytes behind it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Place {
    /// Where the next page begins.
    start: usize,
    /// Pages asked for.
    asked: usize,
}

/// The rows read so far.
#[derive(Debug, Default)]
pub(crate) struct Pages<'a> {
    place: Place,
    rows: Vec<&'a RawValue>,
    /// Whether the last page was not full, so that there are no more.
    complete: bool,
}

/// Between the place and the rows in a state.
const LINE_END: u8 = b'\n';

/// The place and the rows, as JSON, of what the steps before have left.
fn parts(state: &[u8]) -> Result<(Place, &[u8]), Error> {
    let end = state
        .iter()
        .position(|byte| *byte == LINE_END)
        .ok_or_else(|| Error::malformed("a state of no list"))?;
    Ok((json::read(&state[..end])?, &state[end + 1..]))
}

/// The query for the next page.
pub(crate) fn ask(state: Option<&[u8]>, query: Query) -> Result<Query, Error> {
    let place = match state {
        Some(state) => parts(state)?.0,
        None => Place::default(),
    };
    Ok(query
        .with_integer("count", PAGE as u64)
        .with_integer("start", place.start as u64))
}

impl<'a> Pages<'a> {
    /// What the steps before have read.
    pub(crate) fn read(state: Option<&'a [u8]>) -> Result<Self, Error> {
        let Some(state) = state else {
            return Ok(Self::default());
        };
        let (place, rows) = parts(state)?;
        Ok(Self {
            place,
            rows: json::read(rows)?,
            complete: false,
        })
    }

    /// The same pages with the one of an answer.
    pub(crate) fn and(
        mut self,
        cx: &Context<'_>,
        responses: &'a [HttpResponse],
    ) -> Result<Self, Error> {
        let page: Vec<&'a RawValue> = failures::read(cx, responses)?;
        let start = self.place.start;
        self.place.asked = self.place.asked.saturating_add(1);
        let known: BTreeSet<&str> = self.rows.iter().map(|row| row.get()).collect();
        // A row that is as it was stands behind the same rows as it did, and all those are known.
        let joins = start == 0 || page.iter().any(|row| known.contains(row.get()));
        if joins {
            self.complete = page.len() < PAGE;
            self.place.start = start.saturating_add(page.len()).saturating_sub(OVERLAP);
            let news = page.into_iter().filter(|row| !known.contains(row.get()));
            self.rows.extend(news);
        } else {
            self.place.start = start.saturating_sub(PAGE);
        }
        Ok(self)
    }

    /// Whether there may be more, and room to ask for it.
    pub(crate) fn goes_on(&self) -> bool {
        !self.complete && self.place.asked < MAX_PAGES
    }

    /// Whether everything was read.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Each row as `T`, as they were read: one that changed meanwhile comes again, later.
    pub(crate) fn rows<T: Deserialize<'a>>(&self) -> Result<Vec<T>, Error> {
        self.rows
            .iter()
            .map(|row| json::read(row.get().as_bytes()))
            .collect()
    }

    /// The state that leads to the next page.
    pub(crate) fn state(&self) -> Result<Vec<u8>, Error> {
        let written = |error: serde_json::Error| Error::malformed(error.to_string());
        let mut state = serde_json::to_vec(&self.place).map_err(written)?;
        state.push(LINE_END);
        serde_json::to_writer(&mut state, &self.rows).map_err(written)?;
        Ok(state)
    }
}
