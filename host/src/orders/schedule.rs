//! Which orders are asked about when. Pure: time comes in.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::resolve::{Asked, Case};
use crate::model::{Miss, OrderId, OrderRecord, OrderState, Timestamp};

/// First and longest time between two rounds about an order whose fate is open.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The same for what was given up.
const WATCH_BACKOFF: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15 * 60));

/// Time after a complete round that missed an order until it is confirmed by another.
const CONFIRM_AFTER: Duration = Duration::from_secs(4);

/// An endpoint of a venue.
pub(super) type Place = (String, String);

/// When an order is asked about again, and what is known from asking before.
#[derive(Debug)]
struct Next {
    at: Instant,
    wait: Duration,
    /// Whether it is only watched.
    is_watched: bool,
    /// Whether the venue has answered a round that did not show it.
    was_answered: bool,
    /// What is in doubt: a request's client order id and expiry.
    doubt: Doubt,
    misses: Vec<Miss>,
    venue: String,
    /// Since when it has been unresolved.
    since: Timestamp,
}

pub(super) type Doubt = (String, Option<Timestamp>);

/// What is to be asked, and what is resolved.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    next: HashMap<OrderId, Next>,
}

/// How many orders are unresolved at a venue, and for how long the oldest has been.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backlog {
    pub(super) orders: usize,
    pub(super) oldest: Duration,
}

impl Schedule {
    /// Takes in which orders there are now. Returns the venue and the time it took of those that were resolved.
    pub(super) fn follow(
        &mut self,
        records: &[OrderRecord],
        now: Instant,
        clock: Timestamp,
    ) -> Vec<(String, Duration)> {
        let unresolved: HashSet<&OrderId> = records
            .iter()
            .filter(|record| record.is_unresolved())
            .map(|record| &record.order.id)
            .collect();
        let known: HashSet<&OrderId> = records.iter().map(|record| &record.order.id).collect();
        let resolved = self
            .next
            .iter()
            .filter(|(id, next)| !next.is_watched && !unresolved.contains(id))
            .map(|(_, next)| (next.venue.clone(), clock.since(next.since)))
            .collect();
        self.next.retain(|id, _| known.contains(id));
        for record in records {
            let is_watched = !record.is_unresolved();
            let doubt = doubt(record);
            let next = self.next.get_mut(&record.order.id);
            match next {
                Some(next) if next.is_watched == is_watched => {
                    if next.doubt != doubt {
                        next.misses.clear();
                        next.was_answered = false;
                        next.doubt = doubt;
                    }
                }
                _ => {
                    let (wait, at) = if is_watched {
                        (WATCH_BACKOFF.0, now + WATCH_BACKOFF.0)
                    } else {
                        (BACKOFF.0, now)
                    };
                    let is_new = record.order.state == OrderState::PendingNew;
                    let since = if is_new {
                        record.order.created_at
                    } else {
                        clock
                    };
                    let next = Next {
                        at,
                        wait,
                        is_watched,
                        was_answered: false,
                        doubt,
                        misses: Vec::new(),
                        venue: record.at_venue().to_owned(),
                        since,
                    };
                    self.next.insert(record.order.id.clone(), next);
                }
            }
        }
        resolved
    }

    /// How much is unresolved at each venue.
    pub(super) fn backlog(&self, clock: Timestamp) -> HashMap<String, Backlog> {
        let mut backlogs: HashMap<String, Backlog> = HashMap::new();
        for next in self.next.values().filter(|next| !next.is_watched) {
            let backlog = backlogs.entry(next.venue.clone()).or_default();
            backlog.orders += 1;
            backlog.oldest = backlog.oldest.max(clock.since(next.since));
        }
        backlogs
    }

    /// Takes what is due: queued cancels first, then whoever has waited longest, so that orders nobody ever
    /// finds do not keep newer ones from being asked about.
    pub(super) fn due(
        &mut self,
        records: Vec<OrderRecord>,
        now: Instant,
    ) -> HashMap<Place, Vec<Case>> {
        let mut due: Vec<(bool, Instant, OrderRecord)> = records
            .into_iter()
            .filter_map(|record| {
                let next = self.next.get(&record.order.id)?;
                (next.at <= now).then_some((!record.cancel_requested, next.at, record))
            })
            .collect();
        due.sort_by_key(|(is_no_cancel, at, _)| (*is_no_cancel, *at));
        let mut places: HashMap<Place, Vec<Case>> = HashMap::new();
        for (_, _, record) in due {
            let Some(next) = self.next.get_mut(&record.order.id) else {
                continue;
            };
            let longest = if next.is_watched {
                WATCH_BACKOFF.1
            } else {
                BACKOFF.1
            };
            next.at = now + next.wait;
            next.wait = (next.wait * 2).min(longest);
            let place = (record.at_venue().to_owned(), record.endpoint.clone());
            places.entry(place).or_default().push(Case {
                is_thorough: next.was_answered,
                misses: next.misses.clone(),
                record,
            });
        }
        places
    }

    /// Takes in what came of asking.
    pub(super) fn note(&mut self, id: &OrderId, doubt: &Doubt, asked: Asked, now: Instant) {
        let Some(next) = self.next.get_mut(id) else {
            return;
        };
        // Something else is in doubt by now.
        if next.doubt != *doubt {
            return;
        }
        next.was_answered |= asked.is_answered;
        if asked.is_seen {
            next.misses.clear();
        }
        if let Some(miss) = asked.miss {
            next.misses.push(miss);
            next.at = next.at.min(now + CONFIRM_AFTER);
        }
    }
}

/// What is in doubt of an order.
pub(super) fn doubt(record: &OrderRecord) -> Doubt {
    let order = &record.order;
    match &record.amendment {
        Some(amendment) => (amendment.new_client_id.clone(), amendment.expires_at),
        // Once the venue has shown it, how it ends is another question than whether it came.
        None => {
            let id = order.venue_order_id.as_ref().unwrap_or(&record.client_id);
            (id.clone(), record.place_expires_at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Question, Round, Said};
    use crate::orders::startup::tests::pending;

    const SECOND: Duration = Duration::from_secs(1);

    fn clock(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    /// The seconds at which a record is asked about, within a time.
    fn asked_at(record: &OrderRecord, within: u32) -> Vec<u32> {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        let mut asked = Vec::new();
        for second in 0..within {
            let now = start + SECOND * second;
            schedule.follow(std::slice::from_ref(record), now, clock(0));
            if !schedule.due(vec![record.clone()], now).is_empty() {
                asked.push(second);
            }
        }
        asked
    }

    fn miss() -> Miss {
        let mut round = Round::begin(clock(1));
        for question in Question::ALL {
            round.note(question, Said::Absent);
        }
        round.miss(clock(0)).unwrap()
    }

    fn missed() -> Asked {
        Asked::missed(miss())
    }

    #[test]
    fn open_fates_are_asked_about_at_once_and_ever_less_often() {
        let record = pending("sim", "spot");
        assert_eq!(asked_at(&record, 100), [0, 1, 3, 7, 15, 31, 61, 91]);
    }

    #[test]
    fn what_was_given_up_is_asked_about_a_few_dozen_times_a_day_or_little_more() {
        let mut record = pending("sim", "spot");
        record.order.state = OrderState::Rejected;
        record.watched_until = Some(clock(86_400));
        let asked = asked_at(&record, 86_400);
        assert_eq!(asked[..5], [5, 10, 20, 40, 80]);
        assert!(asked.windows(2).all(|pair| pair[1] - pair[0] <= 900));
        assert!((96..=110).contains(&asked.len()), "{}", asked.len());
    }

    #[test]
    fn a_miss_is_confirmed_soon_and_counts_for_what_it_was_about_only() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        let mut record = pending("sim", "spot");
        record.place_expires_at = Some(clock(5));
        let id = record.order.id.clone();
        let misses = |schedule: &mut Schedule, record: &OrderRecord, second: u32| {
            let now = start + SECOND * second;
            schedule.follow(std::slice::from_ref(record), now, clock(0));
            let cases = schedule.due(vec![record.clone()], now);
            cases
                .into_values()
                .flatten()
                .map(|case| case.misses.len())
                .next()
        };
        for second in [0, 1, 3, 7, 15, 31] {
            assert_eq!(misses(&mut schedule, &record, second), Some(0), "{second}");
        }
        schedule.note(&id, &doubt(&record), missed(), start + SECOND * 31);
        assert_eq!(misses(&mut schedule, &record, 34), None);
        assert_eq!(misses(&mut schedule, &record, 35), Some(1));
        // The answer to an older question, and a newer request.
        let newer = OrderRecord {
            place_expires_at: Some(clock(6)),
            ..record.clone()
        };
        schedule.follow(std::slice::from_ref(&newer), start + SECOND * 36, clock(0));
        schedule.note(&id, &doubt(&record), missed(), start + SECOND * 36);
        assert_eq!(misses(&mut schedule, &newer, 100), Some(0));
    }

    #[test]
    fn what_missed_an_order_before_it_was_seen_counts_for_nothing() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        let mut record = pending("sim", "spot");
        let misses = |schedule: &mut Schedule, record: &OrderRecord, second: u32| {
            let now = start + SECOND * second;
            schedule.follow(std::slice::from_ref(record), now, clock(0));
            let cases = schedule.due(vec![record.clone()], now);
            cases.into_values().flatten().next().unwrap().misses.len()
        };
        let id = record.order.id.clone();
        assert_eq!(misses(&mut schedule, &record, 0), 0);
        schedule.note(&id, &doubt(&record), missed(), start);
        assert_eq!(misses(&mut schedule, &record, 50), 1);
        // It came, and is to be cancelled.
        record.cancel_requested = true;
        record.order.state = OrderState::PendingCancel;
        record.order.venue_order_id = Some("7".into());
        assert_eq!(misses(&mut schedule, &record, 100), 0);
        schedule.note(&id, &doubt(&record), missed(), start + SECOND * 100);
        assert_eq!(misses(&mut schedule, &record, 150), 1);
        schedule.note(&id, &doubt(&record), Asked::seen(), start + SECOND * 150);
        assert_eq!(misses(&mut schedule, &record, 200), 0);
    }

    #[test]
    fn cancels_go_first_and_each_endpoint_has_its_own_round() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        let mut records = vec![
            pending("sim", "spot"),
            pending("sim", "spot"),
            pending("sim", "usdm"),
        ];
        records[1].cancel_requested = true;
        schedule.follow(&records, now, clock(0));
        let first = records[1].order.id.clone();
        let mut places = schedule.due(records, now);
        assert_eq!(places.len(), 2);
        let spot = places
            .remove(&("sim".to_owned(), "spot".to_owned()))
            .unwrap();
        let ids: Vec<&OrderId> = spot.iter().map(|case| &case.record.order.id).collect();
        assert_eq!((ids.len(), ids[0]), (2, &first));
    }

    #[test]
    fn how_long_a_fate_was_open_counts_from_the_order() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        let record = pending("sim", "spot"); // created at 0
        schedule.follow(std::slice::from_ref(&record), now, clock(30));
        let backlog = schedule.backlog(clock(40));
        let expected = Backlog {
            orders: 1,
            oldest: SECOND * 40,
        };
        assert_eq!(backlog.get("sim"), Some(&expected));
        let resolved = schedule.follow(&[], now, clock(50));
        assert_eq!(resolved, [("sim".to_owned(), SECOND * 50)]);
        assert_eq!(schedule.follow(&[], now, clock(60)), []);
    }
}
