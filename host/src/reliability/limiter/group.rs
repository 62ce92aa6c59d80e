//! The ledgers that a request may combine, and who waits for them. One lock over all of them makes a grant atomic.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::book::Book;
use super::{LedgerKey, LimiterConfig, Priority, Reason, Refused};

/// A position in `Group::books`, in which ledgers are only ever added.
pub(super) type LedgerId = usize;

/// Where one stands in the queue: by urgency, then by arrival.
pub(super) type Turn = (Priority, u64);

#[derive(Debug)]
pub(super) struct Group {
    pub(super) config: LimiterConfig,
    pub(super) books: Vec<Book>,
    pub(super) ids: HashMap<Arc<LedgerKey>, LedgerId>,
    names: Vec<Arc<LedgerKey>>,
    queue: BTreeMap<Turn, Waiter>,
    arrivals: u64,
}

#[derive(Debug)]
struct Waiter {
    /// What it asks of each ledger; no ledger twice.
    wants: Vec<(LedgerId, u64)>,
    deadline: Instant,
    stage: Stage,
    wake: Arc<Notify>,
}

#[derive(Debug, Clone)]
enum Stage {
    /// Until then at least.
    Waiting(Instant),
    /// Granted, and not collected yet.
    Granted,
    /// Refused, and not collected yet.
    Refused(Refused),
}

/// What came of an arrival.
#[derive(Debug)]
pub(super) enum Arrival {
    /// It was granted at once.
    Granted,
    /// It waits, and is to ask again when woken.
    Queued(Turn, Arc<Notify>),
}

/// What a waiter finds when it asks.
#[derive(Debug)]
pub(super) enum Answer {
    /// It left the queue with this.
    Decided(Result<Vec<(LedgerId, u64)>, Refused>),
    /// It is to ask again then.
    AskAgain(Instant),
}

impl Group {
    pub(super) fn new(config: LimiterConfig) -> Self {
        Self {
            config,
            books: Vec::new(),
            ids: HashMap::new(),
            names: Vec::new(),
            queue: BTreeMap::new(),
            arrivals: 0,
        }
    }

    pub(super) fn add(&mut self, key: Arc<LedgerKey>, book: Book) -> LedgerId {
        let id = self.books.len();
        self.books.push(book);
        self.names.push(key.clone());
        self.ids.insert(key, id);
        id
    }

    pub(super) fn waiting(&self, ledger: LedgerId) -> usize {
        self.queue
            .values()
            .filter(|waiter| waiter.waits_for(ledger))
            .count()
    }

    /// Grants these at once, refuses them, or lets them wait.
    pub(super) fn arrive(
        &mut self,
        wants: &[(LedgerId, u64)],
        priority: Priority,
        deadline: Instant,
        now: Instant,
    ) -> Result<Arrival, Refused> {
        let mut ahead = vec![0; self.books.len()];
        let before = self.queue.range(..=(priority, u64::MAX));
        for waiter in before.map(|(_, waiter)| waiter) {
            if matches!(waiter.stage, Stage::Waiting(_)) {
                reserve(&mut ahead, &waiter.wants);
            }
        }
        let at = match self.judge(wants, priority, &ahead, now)? {
            Judgement::Fits => {
                self.take(wants);
                return Ok(Arrival::Granted);
            }
            Judgement::NotBefore(at, refused) if at > deadline => return Err(refused),
            Judgement::NotBefore(at, refused) => {
                self.make_place(wants, priority, refused.retry_after)?;
                at
            }
        };
        let turn = (priority, self.arrivals);
        self.arrivals += 1;
        let wake = Arc::new(Notify::new());
        self.queue.insert(
            turn,
            Waiter {
                wants: wants.to_vec(),
                deadline,
                stage: Stage::Waiting(at),
                wake: wake.clone(),
            },
        );
        Ok(Arrival::Queued(turn, wake))
    }

    /// What a waiter that woke goes on to do.
    pub(super) fn ask(&mut self, turn: Turn, now: Instant) -> Option<Answer> {
        if let Stage::Waiting(at) = self.queue.get(&turn)?.stage
            && at <= now
        {
            self.serve(now);
        }
        match self.queue.get(&turn)?.stage.clone() {
            Stage::Waiting(at) => Some(Answer::AskAgain(at)),
            Stage::Granted => {
                let waiter = self.queue.remove(&turn)?;
                Some(Answer::Decided(Ok(waiter.wants)))
            }
            Stage::Refused(refused) => {
                self.queue.remove(&turn);
                Some(Answer::Decided(Err(refused)))
            }
        }
    }

    /// A waiter went away. What it was granted and did not collect is returned.
    pub(super) fn leave(&mut self, turn: Turn, now: Instant) {
        if let Some(waiter) = self.queue.remove(&turn) {
            if matches!(waiter.stage, Stage::Granted) {
                self.refund(&waiter.wants);
            }
            self.serve(now);
        }
    }

    /// Decides on everyone who waits, in their order. To be called when anything changed for the better, or when a
    /// waiter's instant came.
    pub(super) fn serve(&mut self, now: Instant) {
        if self.queue.is_empty() {
            return;
        }
        let mut ahead = vec![0; self.books.len()];
        let mut queue = std::mem::take(&mut self.queue);
        for ((priority, _), waiter) in &mut queue {
            let Stage::Waiting(before) = waiter.stage else {
                continue;
            };
            match self.judge(&waiter.wants, *priority, &ahead, now) {
                Ok(Judgement::Fits) => {
                    self.take(&waiter.wants);
                    waiter.decide(Stage::Granted);
                }
                Ok(Judgement::NotBefore(at, _)) if at <= waiter.deadline => {
                    waiter.stage = Stage::Waiting(at);
                    reserve(&mut ahead, &waiter.wants);
                    if at < before {
                        waiter.wake.notify_one();
                    }
                }
                Ok(Judgement::NotBefore(_, refused)) | Err(refused) => {
                    waiter.decide(Stage::Refused(refused));
                }
            }
        }
        self.queue = queue;
    }

    fn take(&mut self, wants: &[(LedgerId, u64)]) {
        for (ledger, cost) in wants {
            self.books[*ledger].take(*cost);
        }
    }

    pub(super) fn settle(&mut self, wants: &[(LedgerId, u64)], now: Instant) {
        for (ledger, cost) in wants {
            self.books[*ledger].settle(*cost, now);
        }
    }

    pub(super) fn refund(&mut self, wants: &[(LedgerId, u64)]) {
        for (ledger, cost) in wants {
            self.books[*ledger].refund(*cost);
        }
    }

    /// Whether all of these fit now, behind those ahead; or when at the earliest, and which ledger that is due to.
    ///
    /// # Errors
    /// One of them can never fit.
    fn judge(
        &mut self,
        wants: &[(LedgerId, u64)],
        priority: Priority,
        ahead: &[u64],
        now: Instant,
    ) -> Result<Judgement, Refused> {
        let mut worst: Option<(Instant, Reason, LedgerId)> = None;
        for &(ledger, cost) in wants {
            let book = &mut self.books[ledger];
            let room = self.config.headroom.units(book.limit(), priority);
            if cost > room {
                return Err(self.refusal(ledger, Reason::TooLarge, None));
            }
            let fits = book.earliest(cost, ahead[ledger], room, now);
            let (at, reason) = match book.closed_until(now) {
                Some(until) if until >= fits => (until, Reason::Closed),
                _ => (fits, Reason::Exhausted),
            };
            if at > now && worst.is_none_or(|(before, ..)| at > before) {
                worst = Some((at, reason, ledger));
            }
        }
        Ok(match worst {
            None => Judgement::Fits,
            Some((at, reason, ledger)) => {
                Judgement::NotBefore(at, self.refusal(ledger, reason, Some(at - now)))
            }
        })
    }

    fn refusal(&self, ledger: LedgerId, reason: Reason, retry_after: Option<Duration>) -> Refused {
        Refused {
            retry_after,
            reason,
            ledger: self.names[ledger].bucket.clone(),
        }
    }

    /// Makes sure that no ledger has too many waiters: the last of the less urgent ones makes place.
    fn make_place(
        &mut self,
        wants: &[(LedgerId, u64)],
        priority: Priority,
        retry_after: Option<Duration>,
    ) -> Result<(), Refused> {
        let mut displaced = Vec::new();
        for &(ledger, _) in wants {
            if self.waiting(ledger) < self.config.queue {
                continue;
            }
            let overflow = self.refusal(ledger, Reason::QueueFull, retry_after);
            let mut from_last = self.queue.iter().rev();
            match from_last.find(|(_, waiter)| waiter.waits_for(ledger)) {
                Some((turn, _)) if turn.0 > priority => displaced.push((*turn, overflow)),
                _ => return Err(overflow),
            }
        }
        for (turn, overflow) in displaced {
            if let Some(waiter) = self.queue.get_mut(&turn) {
                waiter.decide(Stage::Refused(overflow));
            }
        }
        Ok(())
    }
}

enum Judgement {
    Fits,
    /// And the refusal, for whom that is too late.
    NotBefore(Instant, Refused),
}

impl Waiter {
    fn waits_for(&self, ledger: LedgerId) -> bool {
        matches!(self.stage, Stage::Waiting(_)) && self.wants.iter().any(|(id, _)| *id == ledger)
    }

    fn decide(&mut self, stage: Stage) {
        self.stage = stage;
        self.wake.notify_one();
    }
}

fn reserve(ahead: &mut [u64], wants: &[(LedgerId, u64)]) {
    for (ledger, cost) in wants {
        ahead[*ledger] = ahead[*ledger].saturating_add(*cost);
    }
}
