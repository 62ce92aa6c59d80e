//! Outbound rate limits: budgets of so many units in any window, which requests spend before they are sent.
//!
//! A [`Limiter`] holds every [`Ledger`] of the process, each one budget of one scope (an address and an origin, or an
//! account): whoever names the same [`LedgerKey`] shares the ledger. A request asks for its costs on several ledgers
//! at once and gets all or none of them, as a [`Ticket`].
//!
//! The venue counts a request when it arrives, which is after the grant and before the answer. So a cost counts for
//! as long as its ticket is open and for one window more, lengthened by a margin for a request whose ticket was
//! dropped while it was still on its way. Then no window at the venue, sliding or fixed, holds more than the limit.
//!
//! | Where | Behaviour |
//! |---|---|
//! | the costs fit | granted at once |
//! | a limit is reached | waits until exactly what must leave the window has left (up to a 64th of a window longer, where costs settled in close succession) |
//! | several wait | the most urgent [`Priority`] first, then the first come; what an earlier one waits for is kept from later ones, so that small costs cannot starve a large one |
//! | the last units | kept for cancels, those before them for whatever changes orders: [`Headroom`] |
//! | several ledgers | all costs are granted, or none is |
//! | it cannot be granted by the deadline | refused at once, not queued, and so is a waiter for whom that becomes true; it is taken that open tickets settle and that nobody ahead gives up |
//! | a cost above what its priority may ever spend | refused at once, for good |
//! | the queue for a ledger is full | the least urgent is refused |
//! | a ban ([`Ledger::close_until`]) | grants nothing on this ledger, not even cancels or requests that cost nothing; ends by itself |
//! | nothing was sent ([`Ticket::refund`]) | the costs return at once |
//! | the ticket settles or is dropped | the costs count for one window from then |
//! | the future of an acquire is dropped | it leaves the queue; what it was granted meanwhile returns |
//! | the venue counted more than this ledger ([`Ledger::observe_used`]) | the difference is spent now; whoever else shares the address or account spent it |
//! | the venue counted less | nothing: its window may have been reset, ours was not |
//! | the limit changes ([`Ledger::set_limit`]) | what was spent stays spent, as far back as the new window reaches |

mod book;
mod group;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Deadline;
use book::Book;
pub use book::Mark;
use group::{Answer, Arrival, Group, LedgerId, Turn};

/// How urgent a request is; the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Takes risk away.
    Cancel,
    /// Changes what is there.
    Amend,
    /// Adds to it.
    Place,
    /// Only looks.
    Read,
}

/// What share of each limit is kept from whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headroom {
    /// Percent of a limit that only cancels may spend. At least one unit, unless it is zero.
    pub reserve: u8,
    /// Percent of a limit that reads may not spend besides.
    pub kept_from_reads: u8,
}

impl Default for Headroom {
    fn default() -> Self {
        Self {
            reserve: 10,
            kept_from_reads: 10,
        }
    }
}

impl Headroom {
    /// How many units of `limit` this priority may spend: at least one, where there is one.
    pub fn units(&self, limit: u64, priority: Priority) -> u64 {
        let percent = match priority {
            Priority::Cancel => 0,
            Priority::Amend | Priority::Place => self.reserve,
            Priority::Read => self.reserve.saturating_add(self.kept_from_reads),
        };
        let kept = match percent {
            0 => 0,
            percent => (u128::from(limit) * u128::from(percent) / 100).max(1),
        };
        let kept = u64::try_from(kept).unwrap_or(u64::MAX);
        limit.saturating_sub(kept).max(limit.min(1))
    }
}

/// How a limiter grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimiterConfig {
    /// Who may spend how much of a limit.
    pub headroom: Headroom,
    /// How much longer than the window a settled cost counts: for requests that arrive after their ticket was
    /// dropped, and for clocks that run apart.
    pub margin: Duration,
    /// How many requests may wait for one ledger.
    pub queue: usize,
}

impl Default for LimiterConfig {
    fn default() -> Self {
        Self {
            headroom: Headroom::default(),
            margin: Duration::from_millis(50),
            queue: 256,
        }
    }
}

/// Which budget.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerKey {
    /// Who shares it: identifies an address and an origin, or an account.
    pub scope: String,
    /// Its name within the scope.
    pub bucket: String,
}

/// Why nothing was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It is spent for longer than the deadline allows to wait.
    #[error("spent")]
    Exhausted,
    /// It is closed for longer than the deadline allows to wait.
    #[error("closed")]
    Closed,
    /// Too many wait for it, none of them less urgent.
    #[error("too many requests wait for it")]
    QueueFull,
    /// The request costs more than it may ever spend.
    #[error("the request costs more than it may ever spend")]
    TooLarge,
    /// The ledger is another limiter's: a mistake of the caller's.
    #[error("it belongs to another limiter")]
    Unknown,
}

/// Nothing was granted, and nothing was spent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rate limit {ledger}: {reason}")]
pub struct Refused {
    /// How long from now the request could be granted at the earliest; `None` where it never can.
    pub retry_after: Option<Duration>,
    /// Why.
    pub reason: Reason,
    /// The bucket that refused; where several did, the one that refuses the longest.
    pub ledger: String,
}

/// Every ledger of a process, and who waits for them. A clone is the same limiter.
#[derive(Debug, Clone)]
pub struct Limiter {
    shared: Arc<Shared>,
}

/// One budget: a limit of so many units in any window. A clone is the same ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    key: Arc<LedgerKey>,
    id: LedgerId,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    group: Mutex<Group>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limiter {
    /// A limiter without ledgers.
    pub fn new(config: LimiterConfig) -> Self {
        Self {
            shared: Arc::new(Shared {
                group: Mutex::new(Group::new(config)),
            }),
        }
    }

    /// The ledger of this name, made where there is none: `limit` units in any `window` (1 ms to 366 days). Where
    /// there is one, its limit becomes the lower and its window the longer of its own and these.
    pub fn ledger(&self, key: LedgerKey, limit: u64, window: Duration) -> Ledger {
        let mut group = self.shared.lock();
        let now = Instant::now();
        let known = group
            .ids
            .get_key_value(&key)
            .map(|(key, id)| (key.clone(), *id));
        let (key, id) = if let Some((key, id)) = known {
            group.books[id].tighten(limit, window, now);
            (key, id)
        } else {
            let key = Arc::new(key);
            let book = Book::new(limit, window, group.config.margin);
            let id = group.add(key.clone(), book);
            (key, id)
        };
        group.serve(now);
        drop(group);
        Ledger {
            key,
            id,
            shared: self.shared.clone(),
        }
    }

    /// Every ledger there is, in the order in which they were made.
    pub fn ledgers(&self) -> Vec<Ledger> {
        let group = self.shared.lock();
        let mut ledgers: Vec<Ledger> = group
            .ids
            .iter()
            .map(|(key, id)| Ledger {
                key: key.clone(),
                id: *id,
                shared: self.shared.clone(),
            })
            .collect();
        ledgers.sort_by_key(|ledger| ledger.id);
        ledgers
    }

    /// Spends these costs, all of them or none, as soon as they fit. A cost of zero fits where the ledger is not
    /// closed. A future that is dropped has spent nothing.
    ///
    /// # Errors
    /// [`Refused`], as soon as it is known that the costs cannot be granted by the deadline.
    pub async fn acquire(
        &self,
        wants: &[(&Ledger, u64)],
        priority: Priority,
        deadline: Deadline,
    ) -> Result<Ticket, Refused> {
        let started = Instant::now();
        let mut place = match self.arrive(wants, priority, deadline)? {
            Ok(ticket) => return Ok(ticket),
            Err(place) => place,
        };
        loop {
            match place.ask() {
                Some(Answer::AskAgain(at)) => {
                    // Either way it is time to ask again.
                    let _ = timeout_at(at, place.wake.notified()).await;
                }
                Some(Answer::Decided(decision)) => {
                    return decision.map(|wants| Ticket {
                        shared: self.shared.clone(),
                        wants,
                        waited: started.elapsed(),
                    });
                }
                // Only its own future takes a waiter out of the queue. Were it gone, it would stand last again.
                None => match self.arrive(wants, priority, deadline)? {
                    Ok(ticket) => return Ok(ticket),
                    Err(again) => place = again,
                },
            }
        }
    }

    fn arrive(
        &self,
        wants: &[(&Ledger, u64)],
        priority: Priority,
        deadline: Deadline,
    ) -> Result<Result<Ticket, Place>, Refused> {
        let mut costs: Vec<(LedgerId, u64)> = Vec::with_capacity(wants.len());
        for (ledger, cost) in wants {
            if !Arc::ptr_eq(&ledger.shared, &self.shared) {
                return Err(Refused {
                    retry_after: None,
                    reason: Reason::Unknown,
                    ledger: ledger.key.bucket.clone(),
                });
            }
            match costs.iter_mut().find(|(id, _)| *id == ledger.id) {
                Some((_, sum)) => *sum = sum.saturating_add(*cost),
                None => costs.push((ledger.id, *cost)),
            }
        }
        let mut group = self.shared.lock();
        let now = Instant::now();
        let arrival = group.arrive(&costs, priority, now + deadline.left(), now)?;
        drop(group);
        Ok(match arrival {
            Arrival::Granted => Ok(Ticket {
                shared: self.shared.clone(),
                wants: costs,
                waited: Duration::ZERO,
            }),
            Arrival::Queued(turn, wake) => Err(Place {
                shared: self.shared.clone(),
                turn,
                wake,
            }),
        })
    }
}

/// A place in the queue; dropped, it is given up.
#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    turn: Turn,
    wake: Arc<Notify>,
}

impl Place {
    fn ask(&self) -> Option<Answer> {
        let mut group = self.shared.lock();
        group.ask(self.turn, Instant::now())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut group = self.shared.lock();
        group.leave(self.turn, Instant::now());
    }
}

/// Costs that were granted. Dropped, it settles.
#[derive(Debug)]
#[must_use = "a ticket that is dropped settles, and its request may be sent only while it is open"]
pub struct Ticket {
    shared: Arc<Shared>,
    wants: Vec<(LedgerId, u64)>,
    waited: Duration,
}

impl Ticket {
    /// How long the request waited; zero where it was granted at once.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// The request ended, or nobody waits for its answer any more: its costs count for one window from now.
    pub fn settle(self) {}

    /// It is certain that nothing was sent: the costs return.
    pub fn refund(mut self) {
        let wants = std::mem::take(&mut self.wants);
        let mut group = self.shared.lock();
        group.refund(&wants);
        group.serve(Instant::now());
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.wants.is_empty() {
            let mut group = self.shared.lock();
            group.settle(&self.wants, Instant::now());
        }
    }
}

impl Ledger {
    /// Its name.
    pub fn key(&self) -> &LedgerKey {
        &self.key
    }

    /// Units that count now.
    pub fn used(&self) -> u64 {
        self.with(|book, now| book.used(now))
    }

    /// Units that may be spent in any window.
    pub fn limit(&self) -> u64 {
        self.with(|book, _| book.limit())
    }

    /// The window.
    pub fn window(&self) -> Duration {
        self.with(|book, _| book.window())
    }

    /// How many requests wait for it, among other ledgers perhaps.
    pub fn waiting(&self) -> usize {
        self.shared.lock().waiting(self.id)
    }

    /// Until when nothing is granted, where that is still to come.
    pub fn closed_until(&self) -> Option<Instant> {
        self.with(|book, now| book.closed_until(now))
    }

    /// How much longer nothing is granted.
    pub fn closed_for(&self) -> Option<Duration> {
        self.with(|book, now| book.closed_until(now).map(|until| until - now))
    }

    /// Replaces the limit and the window by what the venue publishes. [`Ledger::cap`] still holds.
    pub fn set_limit(&self, limit: u64, window: Duration) {
        self.change(|book, now| book.set_limit(limit, window, now));
    }

    /// From here on the limit is never above this, whatever the venue publishes. The lowest cap stands.
    pub fn cap(&self, limit: u64) {
        self.change(|book, _| book.cap(limit));
    }

    /// Grants nothing until then: the venue said so. An earlier instant than the present one changes nothing.
    pub fn close_until(&self, instant: Instant) {
        self.change(|book, _| book.close_until(instant));
    }

    /// What counts now. To be taken when a request is issued (after its ticket was granted), for
    /// [`Ledger::observe_used`] when it was answered.
    pub fn mark(&self) -> Mark {
        self.with(Book::mark)
    }

    /// Corrects the ledger by the venue's own counter, out of the answer to a request that was issued at this mark.
    /// Returns the units that the venue counted and this ledger had not, which are now spent.
    ///
    /// What was granted since the request was issued is taken to be uncounted yet. So requests that overtake one
    /// another on the way may be charged twice, by no more than the costs under way at once.
    pub fn observe_used(&self, used: u64, issued: Mark) -> u64 {
        self.change(|book, now| book.observe(used, issued, now))
    }

    fn with<T>(&self, read: impl FnOnce(&mut Book, Instant) -> T) -> T {
        // Ids are positions in a list that never shrinks.
        read(&mut self.shared.lock().books[self.id], Instant::now())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Book, Instant) -> T) -> T {
        let mut group = self.shared.lock();
        let now = Instant::now();
        let result = change(&mut group.books[self.id], now);
        group.serve(now);
        result
    }
}
