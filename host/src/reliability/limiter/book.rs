//! The account of one budget: what was spent of it, and when that leaves the window.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Settled costs are kept in this many slots per window. A slot leaves when its newest cost may, so a cost leaves
/// up to one 64th of the window late, and none early.
const SLOTS: u32 = 64;

/// No window is longer than this, so that instants computed from one cannot overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// What was known of a budget when a request was issued: what the venue's counter in its answer is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    used: u64,
    charged: u64,
}

/// Costs that settled close together.
#[derive(Debug, Clone, Copy)]
struct Slot {
    first: Instant,
    last: Instant,
    cost: u64,
}

/// A budget of `limit` units in any `window`.
///
/// A cost counts from its grant, for as long as its ticket is open, and for one window (and the margin) after that.
#[derive(Debug)]
pub(super) struct Book {
    limit: u64,
    /// The highest limit that whoever runs this allows, whatever the venue publishes.
    cap: u64,
    window: Duration,
    margin: Duration,
    /// Costs of open tickets.
    open: u64,
    /// Costs in `slots`.
    settled: u64,
    /// Oldest first.
    slots: VecDeque<Slot>,
    /// What left the window, ever more coarsely with age: a window that grows must count it again.
    past: VecDeque<Slot>,
    /// All that was ever charged because the venue had counted it.
    charged: u64,
    closed_until: Option<Instant>,
}

impl Book {
    pub(super) fn new(limit: u64, window: Duration, margin: Duration) -> Self {
        Self {
            limit,
            cap: u64::MAX,
            window: bounded(window),
            margin: margin.min(LONGEST),
            open: 0,
            settled: 0,
            slots: VecDeque::new(),
            past: VecDeque::new(),
            charged: 0,
            closed_until: None,
        }
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit.min(self.cap)
    }

    pub(super) fn window(&self) -> Duration {
        self.window
    }

    /// How long a settled cost counts.
    fn span(&self) -> Duration {
        self.window + self.margin
    }

    pub(super) fn used(&mut self, now: Instant) -> u64 {
        self.expire(now);
        self.open.saturating_add(self.settled)
    }

    pub(super) fn mark(&mut self, now: Instant) -> Mark {
        Mark {
            used: self.used(now),
            charged: self.charged,
        }
    }

    /// Opens a ticket.
    pub(super) fn take(&mut self, cost: u64) {
        self.open = self.open.saturating_add(cost);
    }

    /// Closes a ticket whose request ended: it reached the venue between its grant and now, if at all.
    pub(super) fn settle(&mut self, cost: u64, now: Instant) {
        self.open = self.open.saturating_sub(cost);
        self.spend(cost, now);
    }

    /// Closes a ticket whose request never left.
    pub(super) fn refund(&mut self, cost: u64) {
        self.open = self.open.saturating_sub(cost);
    }

    /// Adds what the venue counted beyond what this book held when the request was issued, and says how much that
    /// was. What others charged since is the same surplus, seen by requests that were under way together.
    pub(super) fn observe(&mut self, used: u64, issued: Mark, now: Instant) -> u64 {
        let since = self.charged.saturating_sub(issued.charged);
        let surplus = used.saturating_sub(issued.used.saturating_add(since));
        self.charged = self.charged.saturating_add(surplus);
        self.spend(surplus, now);
        surplus
    }

    /// Replaces the limit. What was spent stays spent, and counts again as far back as a longer window reaches.
    pub(super) fn set_limit(&mut self, limit: u64, window: Duration, now: Instant) {
        self.expire(now);
        self.limit = limit;
        self.window = bounded(window);
        let span = self.span();
        while let Some(slot) = self.past.pop_back_if(|slot| slot.last + span > now) {
            self.settled = self.settled.saturating_add(slot.cost);
            self.slots.push_front(slot);
        }
    }

    /// Takes the lower limit and the longer window of the present ones and these.
    pub(super) fn tighten(&mut self, limit: u64, window: Duration, now: Instant) {
        self.set_limit(self.limit.min(limit), self.window.max(window), now);
    }

    pub(super) fn cap(&mut self, limit: u64) {
        self.cap = self.cap.min(limit);
    }

    pub(super) fn close_until(&mut self, instant: Instant) {
        self.closed_until = self.closed_until.max(Some(instant));
    }

    pub(super) fn closed_until(&self, now: Instant) -> Option<Instant> {
        self.closed_until.filter(|until| *until > now)
    }

    /// When `cost` fits into `room` after the costs `ahead` of it were granted: now, or the earliest instant at
    /// which it can, taking it that open tickets settle (none is refunded) and that none of those ahead gives up.
    pub(super) fn earliest(&mut self, cost: u64, ahead: u64, room: u64, now: Instant) -> Instant {
        let used = self.used(now);
        let wanted = ahead.saturating_add(cost);
        if cost == 0 || used.saturating_add(wanted) <= room {
            return now;
        }
        let span = self.span();
        if wanted <= room {
            return self.left(used.saturating_add(wanted) - room, now);
        }
        // The last window holds what there is room for, those before it the limit each, and the first the rest.
        let limit = self.limit().max(1);
        let over = wanted - room - 1;
        let windows = u32::try_from(over / limit).map_or(u32::MAX, |full| full.saturating_add(1));
        let rest = over % limit + 1;
        let begin = self.left(used.saturating_add(rest).saturating_sub(limit), now);
        begin + span.saturating_mul(windows).min(LONGEST)
    }

    /// When so many units of those that count now have left at the earliest.
    fn left(&self, units: u64, now: Instant) -> Instant {
        if units == 0 {
            return now;
        }
        let mut left: u64 = 0;
        let last = self.slots.iter().find(|slot| {
            left = left.saturating_add(slot.cost);
            left >= units
        });
        // What is open has to settle first.
        last.map_or(now, |slot| slot.last) + self.span()
    }

    fn spend(&mut self, cost: u64, now: Instant) {
        if cost == 0 {
            return;
        }
        self.expire(now);
        self.settled = self.settled.saturating_add(cost);
        let width = self.span() / SLOTS;
        match self.slots.back_mut() {
            Some(slot) if now < slot.first + width => {
                slot.last = now;
                slot.cost = slot.cost.saturating_add(cost);
            }
            _ => append(
                &mut self.slots,
                Slot {
                    first: now,
                    last: now,
                    cost,
                },
            ),
        }
    }

    fn expire(&mut self, now: Instant) {
        let span = self.span();
        while let Some(slot) = self.slots.pop_front_if(|slot| slot.last + span <= now) {
            self.settled = self.settled.saturating_sub(slot.cost);
            append(&mut self.past, slot);
        }
    }
}

fn bounded(window: Duration) -> Duration {
    window.clamp(Duration::from_millis(1), LONGEST)
}

/// Adds the newest slot. Where there are twice as many as there should be, joins them pairwise: the oldest were
/// joined most often.
fn append(slots: &mut VecDeque<Slot>, slot: Slot) {
    slots.push_back(slot);
    if slots.len() > 2 * SLOTS as usize {
        let mut joined = VecDeque::with_capacity(slots.len());
        while let Some(mut pair) = slots.pop_front() {
            if let Some(newer) = slots.pop_front() {
                pair.last = newer.last;
                pair.cost = pair.cost.saturating_add(newer.cost);
            }
            joined.push_back(pair);
        }
        *slots = joined;
    }
}

#[cfg(test)]
impl Book {
    pub(super) fn slots(&self) -> usize {
        self.slots.len() + self.past.len()
    }
}
