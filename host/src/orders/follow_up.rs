//! Follows orders whose fate is open, and changes and cancels that are not through, until the venue has
//! answered.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::resolve::Asked;
use super::service::Orders;
use crate::model::{OrderId, OrderRecord, Timestamp};

/// How often unresolved orders are looked through.
const EVERY: Duration = Duration::from_secs(1);

/// An order that something just happened to is left to the request that does it for this long.
const LEFT_ALONE: Duration = Duration::from_secs(1);

/// First and longest time between two questions about one order.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Questions that one venue is asked at once. A venue that hangs delays its own orders and no others.
const QUESTIONS_PER_VENUE: usize = 8;

/// When an order is asked about again, and how long after that.
struct Next {
    venue: String,
    at: Instant,
    wait: Duration,
    /// How often the venue has not shown the change that it would have to.
    misses: u32,
    /// Which change that is.
    change: Option<String>,
    asking: Option<AbortHandle>,
}

impl Next {
    fn is_asking(&self) -> bool {
        self.asking
            .as_ref()
            .is_some_and(|asking| !asking.is_finished())
    }
}

impl Orders {
    /// Follows unresolved orders until the task is dropped.
    pub async fn follow_up(self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut schedule: HashMap<OrderId, Next> = HashMap::new();
        let mut questions = JoinSet::new();
        loop {
            ticks.tick().await;
            while let Some(asked) = questions.try_join_next() {
                if let Ok((id, Asked::Missed)) = asked
                    && let Some(next) = schedule.get_mut(&id)
                {
                    next.misses += 1;
                }
            }
            let unresolved = match self.journal.unresolved().await {
                Ok(unresolved) => unresolved,
                Err(error) => {
                    tracing::error!(%error, "unresolved orders cannot be read");
                    continue;
                }
            };
            self.metrics.unresolved(unresolved.len());
            self.ask_what_is_due(unresolved, &mut schedule, &mut questions);
        }
    }

    /// Asks about the orders whose turn it is: queued cancels first, then whoever has waited longest, so
    /// that orders nobody ever finds do not keep newer ones from being asked about.
    fn ask_what_is_due(
        &self,
        unresolved: Vec<OrderRecord>,
        schedule: &mut HashMap<OrderId, Next>,
        questions: &mut JoinSet<(OrderId, Asked)>,
    ) {
        let now = Instant::now();
        let known: HashSet<&OrderId> = unresolved.iter().map(|record| &record.order.id).collect();
        schedule.retain(|id, _| known.contains(id));
        let mut asking: HashMap<String, usize> = HashMap::new();
        for next in schedule.values().filter(|next| next.is_asking()) {
            *asking.entry(next.venue.clone()).or_default() += 1;
        }
        let mut due: Vec<(bool, Instant, OrderRecord)> = Vec::new();
        for record in unresolved {
            // What a caller's request is doing just now is left to it.
            let is_fresh = Timestamp::now().since(record.order.updated_at) < LEFT_ALONE;
            if is_fresh || self.in_flight.has(&record.order.id) {
                continue;
            }
            let next = schedule
                .entry(record.order.id.clone())
                .or_insert_with(|| Next {
                    venue: record.at_venue().to_owned(),
                    at: now,
                    wait: BACKOFF.0,
                    misses: 0,
                    change: None,
                    asking: None,
                });
            if next.at <= now && !next.is_asking() {
                due.push((!record.cancel_requested, next.at, record));
            }
        }
        due.sort_by_key(|(is_no_cancel, at, _)| (*is_no_cancel, *at));
        for (_, _, record) in due {
            let busy = asking.entry(record.at_venue().to_owned()).or_default();
            let Some(next) = schedule
                .get_mut(&record.order.id)
                .filter(|_| *busy < QUESTIONS_PER_VENUE)
            else {
                continue;
            };
            *busy += 1;
            next.at = now + next.wait;
            next.wait = (next.wait * 2).min(BACKOFF.1);
            let orders = self.clone();
            let change = record.amendment.as_ref().map(|a| a.new_client_id.clone());
            if next.change != change {
                next.misses = 0;
                next.change = change;
            }
            let misses = next.misses;
            next.asking = Some(questions.spawn(async move {
                let id = record.order.id.clone();
                (id, orders.ask_about(record, misses).await)
            }));
        }
    }
}
