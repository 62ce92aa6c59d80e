//! Reading a time range of numbered rows to its end: by windows of time, and by id where a window is full.
//!
//! Every Binance API looks only so far between `startTime` and `endTime` and gives at most 100 or 1,000
//! rows; by id it gives as many of the next ones whatever their time. So windows are asked several at a
//! time, and a full one is read on by id, which has no gaps at the seams.

use serde::{Deserialize, Serialize};
use switchyard_sdk::query::Query;
use switchyard_sdk::time::MS_PER_DAY;
use switchyard_sdk::types::{Error, Timestamp};

/// Windows asked for side by side; at a weight of 20 each, a step spends at most 100.
const WINDOWS_PER_STEP: u64 = 5;

/// Steps after which the rest is left for another call: with five windows in each, about a fifth of what an
/// address may spend in a minute.
const STEPS: u32 = 12;

/// A range of more windows than this may well begin before the account did, which one request tells.
const LONG: u64 = 30;

/// How an API lets time be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Longest time between `startTime` and `endTime`, in milliseconds.
    pub(crate) window_ms: u64,
    /// Most rows that one request gives.
    pub(crate) page: usize,
    /// Nothing is older, or can be asked for.
    pub(crate) earliest: Timestamp,
    /// Whether ids are followed from the first row found to the end of the range, rather than to the end
    /// of a full window only.
    pub(crate) follows_ids: bool,
}

/// Most rows that a command may ask for.
const MAX_LIMIT: u32 = 10_000;

/// A state to carry to the next step.
pub(crate) fn state<T: Serialize>(progress: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(progress).map_err(|error| Error::malformed(error.to_string()))
}

/// A row with an id that grows with time.
pub(crate) trait Row {
    fn id(&self) -> u64;
    fn time(&self) -> Result<Timestamp, Error>;
}

/// What a command asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    /// Inclusive.
    since: Timestamp,
    /// Exclusive.
    before: Timestamp,
    limit: usize,
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

    /// The same range up to an earlier end; none where nothing is left of it.
    pub(crate) fn until(self, end: Option<Timestamp>) -> Option<Self> {
        let before = end.map_or(self.before, |end| self.before.min(end));
        (self.since < before).then_some(Self { before, ..self })
    }

    fn holds(&self, time: Timestamp) -> bool {
        (self.since..self.before).contains(&time)
    }
}

/// Where the next step begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Next {
    /// At the very first row there is.
    First,
    /// At this time, by windows.
    Time(Timestamp),
    /// At this id, up to this time.
    Id(u64, Timestamp),
}

/// How far a range has been read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Walk<R> {
    next: Next,
    found: Vec<R>,
    /// Steps taken.
    steps: u32,
    /// The time of the last row that was read by id.
    reached: Timestamp,
}

/// What a step led to.
pub(crate) enum Stride<R> {
    /// Oldest first, and how far the range was read where it was not read to its end.
    Done(Vec<R>, Option<Timestamp>),
    More(Walk<R>),
}

impl<R: Row> Walk<R> {
    /// From the beginning of a range.
    pub(crate) fn through(range: Range, pace: Pace) -> Self {
        let start = range.since.max(pace.earliest);
        let is_long = range.before.saturating_sub(start) > LONG.saturating_mul(pace.window_ms);
        Self::from(if is_long && pace.follows_ids {
            Next::First
        } else {
            Next::Time(start)
        })
    }

    /// From the lowest id on, where something else narrows the rows.
    pub(crate) fn by_id(range: Range) -> Self {
        Self::from(Next::Id(0, range.before))
    }

    fn from(next: Next) -> Self {
        Self {
            next,
            found: Vec::new(),
            steps: 0,
            reached: 0,
        }
    }

    /// The queries of the next step, each `base` with the page it is about.
    pub(crate) fn queries(
        &self,
        base: &Query,
        range: Range,
        pace: Pace,
        id_name: &str,
    ) -> Vec<Query> {
        match self.next {
            Next::First => {
                let first = base.clone().with_integer(id_name, 0);
                vec![first.with_integer("limit", 1)]
            }
            Next::Id(id, _) => vec![page(base.clone().with_integer(id_name, id), pace)],
            Next::Time(start) => windows(start, range.before, pace)
                .map(|(first, last)| {
                    page(
                        base.clone()
                            .with_integer("startTime", first)
                            .with_integer("endTime", last),
                        pace,
                    )
                })
                .collect(),
        }
    }

    /// Takes in the answers to [`Self::queries`], one list of rows for each.
    pub(crate) fn take(
        mut self,
        now: Timestamp,
        range: Range,
        pace: Pace,
        answers: Vec<Vec<R>>,
    ) -> Result<Stride<R>, Error> {
        self.steps = self.steps.saturating_add(1);
        let next = match self.next {
            Next::First => take_first(range, pace, answers)?,
            Next::Id(id, until) => self.take_page(id, until, range, pace, answers)?,
            Next::Time(start) => self.take_windows(start, range, pace, answers)?,
        };
        // A day's grace covers any error in what the host takes for the venue's time.
        let next = next.filter(|next| match next {
            Next::Time(start) => *start < range.before && *start <= now.saturating_add(MS_PER_DAY),
            Next::First | Next::Id(..) => true,
        });
        let goes_on = self.found.len() < range.limit && self.steps < STEPS;
        match next {
            Some(next) if goes_on => {
                self.next = next;
                Ok(Stride::More(self))
            }
            next => {
                let mut until = next.map(|next| match next {
                    Next::Time(start) => start,
                    Next::First | Next::Id(..) => self.reached,
                });
                let mut rows = Vec::with_capacity(self.found.len());
                for row in self.found {
                    rows.push((row.time()?, row.id(), row));
                }
                rows.sort_by_key(|(time, id, _)| (*time, *id));
                if rows.len() > range.limit {
                    rows.truncate(range.limit);
                    until = rows.last().map(|(time, _, _)| *time);
                }
                let rows = rows.into_iter().map(|(_, _, row)| row).collect();
                Ok(Stride::Done(rows, until))
            }
        }
    }

    fn take_page(
        &mut self,
        id: u64,
        until: Timestamp,
        range: Range,
        pace: Pace,
        answers: Vec<Vec<R>>,
    ) -> Result<Option<Next>, Error> {
        let [rows] = <[Vec<R>; 1]>::try_from(answers).map_err(|_| unexpected())?;
        let full = rows.len() >= pace.page;
        let (last, past) = self.keep(rows, until, range)?;
        match last {
            // A page that does not advance would be asked for without end.
            Some(last) if last < id => Err(unexpected()),
            Some(last) if full && !past => Ok(Some(Next::Id(last.saturating_add(1), until))),
            _ => Ok(Some(Next::Time(until))),
        }
    }

    fn take_windows(
        &mut self,
        start: Timestamp,
        range: Range,
        pace: Pace,
        answers: Vec<Vec<R>>,
    ) -> Result<Option<Next>, Error> {
        let asked: Vec<_> = windows(start, range.before, pace).collect();
        if asked.len() != answers.len() {
            return Err(unexpected());
        }
        let mut newest = None;
        let mut end = range.before;
        for (rows, (_, last_ms)) in answers.into_iter().zip(asked) {
            let full = rows.len() >= pace.page;
            end = last_ms.saturating_add(1);
            newest = self.keep(rows, end, range)?.0.or(newest);
            if let (true, Some(last)) = (full, newest) {
                let until = if pace.follows_ids { range.before } else { end };
                return Ok(Some(Next::Id(last.saturating_add(1), until)));
            }
        }
        Ok(Some(match newest {
            Some(last) if pace.follows_ids && end < range.before => {
                Next::Id(last.saturating_add(1), range.before)
            }
            _ => Next::Time(end),
        }))
    }

    /// Keeps what is in range and older than `until`; gives the highest id seen, and whether a row lies
    /// behind.
    fn keep(
        &mut self,
        rows: Vec<R>,
        until: Timestamp,
        range: Range,
    ) -> Result<(Option<u64>, bool), Error> {
        let mut last = None;
        let mut past = false;
        for row in rows {
            let time = row.time()?;
            if last < Some(row.id()) {
                last = Some(row.id());
                self.reached = time;
            }
            past |= time >= until;
            if range.holds(time) && time < until {
                self.found.push(row);
            }
        }
        Ok((last, past))
    }
}

/// Where reading begins once the first row there is is known.
fn take_first<R: Row>(
    range: Range,
    pace: Pace,
    answers: Vec<Vec<R>>,
) -> Result<Option<Next>, Error> {
    let [rows] = <[Vec<R>; 1]>::try_from(answers).map_err(|_| unexpected())?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let is_in_range = first.time()? >= range.since;
    Ok(Some(if is_in_range {
        Next::Id(first.id(), range.before)
    } else {
        Next::Time(range.since.max(pace.earliest))
    }))
}

/// The next windows of a range, as first and last millisecond; at least one, as a step asks something.
fn windows(
    start: Timestamp,
    before: Timestamp,
    pace: Pace,
) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    (0..WINDOWS_PER_STEP)
        .map(move |window| start.saturating_add(window * pace.window_ms))
        .take_while(move |first| *first < before || *first == start)
        .map(move |first| {
            let end = first.saturating_add(pace.window_ms).min(before);
            // Never a window without length, which some paths refuse.
            (first, end.saturating_sub(1).max(first.saturating_add(1)))
        })
}

fn page(query: Query, pace: Pace) -> Query {
    query.with_integer("limit", pace.page as u64)
}

fn unexpected() -> Error {
    Error::malformed("the pages do not follow each other")
}
