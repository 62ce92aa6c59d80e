//! Cancels many orders: a tenant's own one by one, or everything the account has by the venue's own word.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use switchyard_runtime::{CancelAll, ListOpen};
use tracing::Instrument as _;

use super::external::{external_order, look_up_by_venue_id};
use super::list::MAX_LOOKUPS;
use super::service::{Caller, LAST_WORD, OrderError, Orders};
use crate::model::{
    Event, Failure, FailureCode, Order, OrderId, OrderRecord, OrderReport, OrderState,
};
use crate::plugin::translate;
use crate::reliability::{Deadline, DeadlinePassed};
use crate::store::{Commit, StoredAnswer};
use crate::venue::{Ask, Listed, Tape, Venue};

/// Cancels under way at one time; a venue's budget of orders is not spent in one burst.
const AT_ONCE: usize = 8;

/// Sweeps of one endpoint: an adapter that cancels symbol by symbol may not reach all in one.
const MAX_SWEEPS: usize = 8;

/// Whose orders are cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelScope {
    /// The tenant's own.
    Own,
    /// What the gateway placed, for whichever tenant.
    Gateway,
    /// Everything on the account, whoever placed it.
    Account,
}

/// What a cancel of many orders led to.
#[derive(Debug, Clone, Default)]
pub struct CanceledAll {
    /// Every order concerned, as it is now. What is not final yet is pursued to its end if it is the gateway's.
    pub orders: Vec<Order>,
    /// What could not be cancelled.
    pub failures: Vec<CancelFailure>,
}

impl CanceledAll {
    fn add(&mut self, other: Self) {
        self.orders.extend(other.orders);
        self.failures.extend(other.failures);
    }
}

fn is_unrecorded(failure: &Failure) -> bool {
    failure.code == FailureCode::JournalUnavailable
}

/// A cancel that was refused.
#[derive(Debug, Clone)]
pub struct CancelFailure {
    /// The order, where it was about one.
    pub order_id: Option<OrderId>,
    /// Endpoint alias.
    pub endpoint: String,
    /// Why.
    pub failure: Failure,
}

impl Orders {
    /// Cancels every open order at a venue, on one instrument or all. That they are to be cancelled is
    /// journaled for all of them at once, before the first request goes out, and pursued whether or not the
    /// caller waits.
    ///
    /// # Errors
    /// [`OrderError::Invalid`] for venues and symbols that do not exist, or [`OrderError::Store`].
    pub async fn cancel_all(
        &self,
        caller: Caller,
        venue: &str,
        symbol: Option<&str>,
        scope: CancelScope,
        deadline: Deadline,
    ) -> Result<CanceledAll, OrderError> {
        self.cancel_all_once(caller, venue, symbol, scope, deadline, None)
            .await
    }

    /// The same for a request that may have a key: with what is to be cancelled, the key is bound to the answer that
    /// `under_way` makes of it. Should nobody get to give another, a repetition finds these orders and cancels no
    /// newer ones.
    ///
    /// # Errors
    /// As [`Orders::cancel_all`].
    pub async fn cancel_all_once(
        &self,
        caller: Caller,
        venue: &str,
        symbol: Option<&str>,
        scope: CancelScope,
        deadline: Deadline,
        under_way: Option<fn(CanceledAll) -> StoredAnswer>,
    ) -> Result<CanceledAll, OrderError> {
        let venue = self.venue("venue", venue)?.clone();
        let listed = symbol
            .map(|symbol| self.instrument(&venue, symbol))
            .transpose()?;
        let mut open = self.journal.open_at(venue.name(), symbol).await?;
        if scope == CancelScope::Own {
            open.retain(|record| caller.sees(record));
        }
        let records = self.request_cancels(&caller, open, under_way).await?;
        let known = records.iter().map(|record| record.order.clone()).collect();
        let sweep = Sweep {
            orders: self.clone(),
            venue,
            listed,
            deadline,
        };
        let work = async move {
            match scope {
                CancelScope::Own | CancelScope::Gateway => sweep.one_by_one(records).await,
                CancelScope::Account => sweep.everything(records).await,
            }
        };
        let running = self.detached.spawn(work.in_current_span());
        match deadline.plus(LAST_WORD).bound(running).await {
            Ok(Ok(canceled)) => canceled,
            Ok(Err(_)) => Err(OrderError::Internal("the cancel ended early".into())),
            Err(DeadlinePassed) => Ok(CanceledAll {
                orders: known,
                failures: Vec::new(),
            }),
        }
    }
}

impl Orders {
    /// Journals that these orders are to be cancelled, all or none of them.
    async fn request_cancels(
        &self,
        caller: &Caller,
        open: Vec<OrderRecord>,
        under_way: Option<fn(CanceledAll) -> StoredAnswer>,
    ) -> Result<Vec<OrderRecord>, OrderError> {
        let answered = caller.claim.as_ref().zip(under_way).map(|(claim, answer)| {
            let orders = open.iter().map(|record| record.order.clone()).collect();
            claim.answered(answer(CanceledAll {
                orders,
                failures: Vec::new(),
            }))
        });
        if open.is_empty() && answered.is_none() {
            return Ok(open);
        }
        let ids: Vec<OrderId> = open.into_iter().map(|record| record.order.id).collect();
        let requested = ids.iter().map(|id| {
            let event = Event::CancelRequested {
                key_id: caller.key_id.clone(),
                request_id: caller.request_id.clone(),
            };
            (id.clone(), vec![event])
        });
        let commit = Commit::of_orders(requested.collect()).and_key(answered);
        self.journal.commit(commit).await?;
        let mut records = self.journal.records(ids.clone()).await?;
        Ok(ids.iter().filter_map(|id| records.remove(id)).collect())
    }
}

/// One cancel of many orders.
struct Sweep {
    orders: Orders,
    venue: Arc<Venue>,
    listed: Option<Arc<Listed>>,
    deadline: Deadline,
}

impl Sweep {
    async fn one_by_one(&self, records: Vec<OrderRecord>) -> Result<CanceledAll, OrderError> {
        let cancels = records.into_iter().map(|record| async move {
            if record.order.state != OrderState::PendingCancel {
                return (record.clone(), Ok(record.order)); // over, or cancelled once its fate is known
            }
            let result = self.orders.cancel_open(record.clone(), self.deadline).await;
            (record, result)
        });
        let done: Vec<_> = stream::iter(cancels).buffered(AT_ONCE).collect().await;
        let mut all = CanceledAll::default();
        for (record, result) in done {
            match result {
                Ok(order) => all.orders.push(order),
                Err(OrderError::Venue { failure, .. }) => {
                    let now = self.orders.journal.order(&record.order.id).await?;
                    all.orders.push(now.unwrap_or(record.clone()).order);
                    all.failures.push(CancelFailure {
                        order_id: Some(record.order.id),
                        endpoint: record.endpoint,
                        failure: *failure,
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    async fn everything(&self, records: Vec<OrderRecord>) -> Result<CanceledAll, OrderError> {
        let endpoints: Vec<&str> = match &self.listed {
            Some(listed) => vec![listed.instrument.endpoint.as_str()],
            None => self.venue.endpoints().collect(),
        };
        let sweeps = endpoints
            .into_iter()
            .map(|endpoint| self.endpoint(endpoint, of_endpoint(&records, endpoint)));
        let mut all = CanceledAll::default();
        let mut is_unsent = true;
        for part in join_all(sweeps).await {
            let (part, part_is_unsent) = part?;
            is_unsent &= part_is_unsent;
            all.add(part);
        }
        // Nothing in the journal says that it is to be, either.
        if is_unsent
            && records.is_empty()
            && let Some(unsent) = all.failures.iter().find(|one| is_unrecorded(&one.failure))
        {
            return Err(OrderError::Venue {
                venue: self.venue.name().to_owned(),
                failure: Box::new(unsent.failure.clone()),
                order_id: None,
            });
        }
        Ok(all)
    }

    /// Cancels everything on one endpoint: again, as long as something is left and it becomes less. Says too whether
    /// nothing was sent, for the journal took no word of it.
    async fn endpoint(
        &self,
        endpoint: &str,
        own: Vec<OrderRecord>,
    ) -> Result<(CanceledAll, bool), OrderError> {
        let (mut canceled, mut failures) = (Vec::new(), Vec::new());
        let mut is_unsent = false;
        let (mut listed, mut left) = (Vec::new(), Vec::new());
        for sweep in 0..MAX_SWEEPS {
            let swept = if sweep == 0 {
                // Some venues do not name what they cancel. What was open is asked for beside the cancel, not before.
                let (open, swept) = tokio::join!(
                    self.still_open(endpoint),
                    self.sweep_endpoint(endpoint, &own)
                );
                listed = open.unwrap_or_default();
                swept
            } else {
                self.sweep_endpoint(endpoint, &own).await
            };
            match swept {
                Ok(reports) => canceled.extend(reports),
                Err(failure) => failures.push(failure),
            }
            is_unsent |= sweep == 0 && failures.iter().any(is_unrecorded);
            let before = left.len();
            match self.still_open(endpoint).await {
                Ok(open) => left = open,
                Err(failure) => failures.push(failure),
            }
            let is_stuck = sweep > 0 && left.len() >= before;
            if !failures.is_empty() || left.is_empty() || is_stuck || self.deadline.has_passed() {
                break;
            }
        }
        let mut all = CanceledAll::default();
        let unnamed = listed.into_iter().filter(|report| {
            let same = |other: &OrderReport| is_same(report, other);
            let is_ours = own.iter().any(|record| is_of(record, report));
            !is_ours && !canceled.iter().any(same) && !left.iter().any(same)
        });
        let unnamed: Vec<OrderReport> = unnamed.take(MAX_LOOKUPS).collect();
        canceled.extend(self.looked_up(unnamed).await);
        if failures.is_empty() {
            self.take_in(own, &canceled, &left, &mut all).await?;
        } else {
            // The gateway's own are cancelled one by one where the venue does not do it at once.
            self.foreign(&own, &canceled, &left, &mut all);
            all.add(self.one_by_one(own).await?);
        }
        all.failures
            .extend(failures.into_iter().map(|failure| CancelFailure {
                order_id: None,
                endpoint: endpoint.to_owned(),
                failure,
            }));
        Ok((all, is_unsent))
    }

    /// Sends the venue's own cancel-all. Each of our orders that it concerns has the attempt in its journal.
    async fn sweep_endpoint(
        &self,
        endpoint: &str,
        own: &[OrderRecord],
    ) -> Result<Vec<OrderReport>, Failure> {
        let ask = Ask::<CancelAll> {
            endpoint,
            instrument: self.listed.as_ref(),
            command: (),
            deadline: self.deadline,
        };
        let outcome = self
            .venue
            .run(
                ask,
                |attempt| async move {
                    let records = own.iter().map(|record| {
                        self.orders
                            .record_attempt(&record.order.id, attempt.clone())
                    });
                    let kept: Result<(), Failure> = join_all(records).await.into_iter().collect();
                    // Where none of ours is concerned, nothing was journaled that would have told.
                    kept.and_then(|()| self.orders.must_still_be_active())
                },
                &Tape::default(),
            )
            .await;
        self.orders.changed_at(self.venue.name(), endpoint);
        translate::order_reports(outcome?.canceled).map_err(translate::unreadable_change)
    }

    /// Orders of other clients that were open and are not any more, as the venue has them now.
    async fn looked_up(&self, gone: Vec<OrderReport>) -> Vec<OrderReport> {
        let asks = gone.into_iter().map(|report| async move {
            let (symbol, id) = (&report.symbol, &report.venue_order_id);
            look_up_by_venue_id(&self.venue, symbol, id, self.deadline).await
        });
        join_all(asks).await.into_iter().flatten().collect()
    }

    /// What is still open on an endpoint, whoever placed it.
    async fn still_open(&self, endpoint: &str) -> Result<Vec<OrderReport>, Failure> {
        let ask = Ask::<ListOpen> {
            endpoint,
            instrument: self.listed.as_ref(),
            command: (),
            deadline: self.deadline,
        };
        let open = self.venue.read(ask).await?;
        translate::order_reports(open).map_err(translate::unreadable)
    }

    /// Brings the gateway's own orders up to date with what the venue named as cancelled or still lists.
    async fn take_in(
        &self,
        own: Vec<OrderRecord>,
        canceled: &[OrderReport],
        left: &[OrderReport],
        all: &mut CanceledAll,
    ) -> Result<(), OrderError> {
        self.foreign(&own, canceled, left, all);
        let mut unnamed = Vec::new();
        for record in own {
            match canceled.iter().find(|report| is_of(&record, report)) {
                Some(report) => {
                    let seen = self.orders.observe(record, report.clone()).await?;
                    all.orders.push(seen.order);
                }
                None if left.iter().any(|report| is_of(&record, report)) => {
                    all.orders.push(record.order);
                }
                None => unnamed.push(record),
            }
        }
        // What is not asked about here is asked about in the background until it is over.
        let later = unnamed.split_off(unnamed.len().min(MAX_LOOKUPS));
        let looked_up = unnamed
            .into_iter()
            .map(|record| self.orders.refresh(record, self.deadline));
        for seen in join_all(looked_up).await {
            all.orders.push(seen?.0.order);
        }
        all.orders
            .extend(later.into_iter().map(|record| record.order));
        Ok(())
    }

    /// Orders of other clients: those that were cancelled, and those that are still open.
    fn foreign(
        &self,
        own: &[OrderRecord],
        canceled: &[OrderReport],
        left: &[OrderReport],
        all: &mut CanceledAll,
    ) {
        let is_done = |report: &&OrderReport| canceled.iter().any(|done| is_same(report, done));
        let still_open = left.iter().filter(|report| !is_done(report));
        let foreign = canceled
            .iter()
            .chain(still_open)
            .filter(|report| !own.iter().any(|record| is_of(record, report)));
        all.orders
            .extend(foreign.map(|report| external_order(self.venue.name(), report.clone())));
    }
}

fn is_same(a: &OrderReport, b: &OrderReport) -> bool {
    (&a.venue_order_id, &a.symbol) == (&b.venue_order_id, &b.symbol)
}

/// Whether a report is of the order, which it must name by one of its ids.
fn is_of(record: &OrderRecord, report: &OrderReport) -> bool {
    let is_named = report.client_id.is_some()
        || record.order.venue_order_id.as_ref() == Some(&report.venue_order_id);
    is_named && record.difference(report).is_none()
}

fn of_endpoint(records: &[OrderRecord], endpoint: &str) -> Vec<OrderRecord> {
    records
        .iter()
        .filter(|record| record.endpoint == endpoint)
        .cloned()
        .collect()
}
