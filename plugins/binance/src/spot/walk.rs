//! Reading a time range of numbered rows to its end: by days until something is found, then by id.
//!
//! Binance looks no further than 24 hours between `startTime` and `endTime` and gives at most 1,000 rows;
//! by id it gives the next 1,000 whatever their time. So empty days are skipped several at a time, and
//! from the first find on pages follow ids, which have no gaps at the seams.

use serde::{Deserialize, Serialize};
use switchyard_sdk::query::Query;
use switchyard_sdk::time::MS_PER_DAY;
use switchyard_sdk::types::{Error, Timestamp};

/// Most rows that one request gives.
const PAGE: usize = 1_000;

/// Days asked for side by side; at a weight of 20 each, a step spends at most 100.
const DAYS_PER_STEP: usize = 5;

/// 2017-07-01, before Binance opened: nothing is older.
const EARLIEST: Timestamp = 1_498_867_200_000;

/// Most rows that a command may ask for.
const MAX_LIMIT: u32 = 10_000;

/// A row with an id that grows with time.
pub(super) trait Row {
    fn id(&self) -> u64;
    fn time(&self) -> Result<Timestamp, Error>;
}

/// What a command asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    /// Inclusive.
    since: Timestamp,
    /// Exclusive.
    before: Timestamp,
    limit: usize,
}

impl Range {
    pub(super) fn new(since: Timestamp, before: Timestamp, limit: u32) -> Result<Self, Error> {
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

    fn holds(&self, time: Timestamp) -> bool {
        (self.since..self.before).contains(&time)
    }
}

/// Where the next step begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Next {
    /// At this time, by days.
    Days(Timestamp),
    /// At this id.
    Id(u64),
}

/// How far a range has been read.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Walk<R> {
    next: Next,
    found: Vec<R>,
}

/// What a step led to.
pub(super) enum Stride<R> {
    /// Oldest first, and whether the range was read to its end.
    Done(Vec<R>, bool),
    More(Walk<R>),
}

impl<R: Row> Walk<R> {
    /// From the beginning of a range.
    pub(super) fn through(range: Range) -> Self {
        let start = range.since.max(EARLIEST).min(range.before - 1);
        Self {
            next: Next::Days(start),
            found: Vec::new(),
        }
    }

    /// From the lowest id on, where something else narrows the rows.
    pub(super) fn by_id() -> Self {
        Self {
            next: Next::Id(0),
            found: Vec::new(),
        }
    }

    /// The queries of the next step, each `base` with the page it is about.
    pub(super) fn queries(&self, base: &Query, range: Range, id_name: &str) -> Vec<Query> {
        match self.next {
            Next::Id(id) => vec![page(base.clone().with_integer(id_name, id))],
            Next::Days(start) => days(start, range.before)
                .map(|(first, last)| {
                    page(
                        base.clone()
                            .with_integer("startTime", first)
                            .with_integer("endTime", last),
                    )
                })
                .collect(),
        }
    }

    /// Takes in the answers to [`Self::queries`], one list of rows for each.
    pub(super) fn take(
        mut self,
        now: Timestamp,
        range: Range,
        answers: Vec<Vec<R>>,
    ) -> Result<Stride<R>, Error> {
        let next = match self.next {
            Next::Id(id) => self.take_page(id, range, answers)?,
            Next::Days(start) => self.take_days(start, now, range, answers)?,
        };
        match next {
            Some(next) if self.found.len() < range.limit => {
                self.next = next;
                Ok(Stride::More(self))
            }
            next => {
                let mut rows = Vec::with_capacity(self.found.len());
                for row in self.found {
                    rows.push((row.time()?, row.id(), row));
                }
                rows.sort_by_key(|(time, id, _)| (*time, *id));
                let exhausted = next.is_none() && rows.len() <= range.limit;
                rows.truncate(range.limit);
                let rows = rows.into_iter().map(|(_, _, row)| row).collect();
                Ok(Stride::Done(rows, exhausted))
            }
        }
    }

    fn take_page(
        &mut self,
        id: u64,
        range: Range,
        answers: Vec<Vec<R>>,
    ) -> Result<Option<Next>, Error> {
        let [rows] = <[Vec<R>; 1]>::try_from(answers).map_err(|_| unexpected())?;
        let full = rows.len() >= PAGE;
        let (last, past) = self.keep(rows, range)?;
        match last {
            // A page that does not advance would be asked for without end.
            Some(last) if last < id => Err(unexpected()),
            Some(last) if full && !past => Ok(Some(Next::Id(last.saturating_add(1)))),
            _ => Ok(None),
        }
    }

    fn take_days(
        &mut self,
        start: Timestamp,
        now: Timestamp,
        range: Range,
        answers: Vec<Vec<R>>,
    ) -> Result<Option<Next>, Error> {
        let asked: Vec<_> = days(start, range.before).collect();
        if asked.len() != answers.len() {
            return Err(unexpected());
        }
        let mut last = None;
        for rows in answers {
            let full = rows.len() >= PAGE;
            last = self.keep(rows, range)?.0.or(last);
            if let (true, Some(last)) = (full, last) {
                return Ok(Some(Next::Id(last.saturating_add(1))));
            }
        }
        let end = asked.last().map_or(range.before, |(_, last)| last + 1);
        // A day's grace covers any error in what the host takes for the venue's time.
        if end >= range.before || end > now.saturating_add(MS_PER_DAY) {
            return Ok(None);
        }
        Ok(Some(last.map_or(Next::Days(end), |last| {
            Next::Id(last.saturating_add(1))
        })))
    }

    /// Keeps what is in range; gives the highest id seen, and whether a row lies behind the range.
    fn keep(&mut self, rows: Vec<R>, range: Range) -> Result<(Option<u64>, bool), Error> {
        let mut last = None;
        let mut past = false;
        for row in rows {
            let time = row.time()?;
            last = last.max(Some(row.id()));
            past |= time >= range.before;
            if range.holds(time) {
                self.found.push(row);
            }
        }
        Ok((last, past))
    }
}

/// The next days of a range, as first and last millisecond.
fn days(start: Timestamp, before: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    (0..DAYS_PER_STEP as u64)
        .map(move |day| start + day * MS_PER_DAY)
        .take_while(move |first| *first < before)
        .map(move |first| (first, (first + MS_PER_DAY).min(before) - 1))
}

fn page(query: Query) -> Query {
    query.with_integer("limit", PAGE as u64)
}

fn unexpected() -> Error {
    Error::malformed("the pages do not follow each other")
}
