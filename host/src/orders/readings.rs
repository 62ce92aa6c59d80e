//! What one round of questions reads from an endpoint: each list once, for all orders that the round is about.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use switchyard_runtime::wit::descriptor::EndpointRules;
use switchyard_runtime::wit::trading as wit_trading;
use switchyard_runtime::{ListFills, ListHistory, ListOpen};
use tokio::sync::OnceCell;

use super::service::Orders;
use super::traced_fills::{Strangers, TracedFills};
use crate::model::{Failure, FailureCode, Fate, OrderReport, Timestamp, horizon};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::venue::{Ask, Listed, Venue};

/// How long one question may take.
pub(super) const QUESTION_DEADLINE: Duration = Duration::from_secs(5);

/// Instruments up to which lists are read by instrument: without one they cost many times as much.
const FEW_INSTRUMENTS: usize = 4;

/// Orders of one instrument from which on lists are read before any of them is looked up.
const A_CROWD: usize = 8;

/// Lookups of one round.
const LOOKUPS: usize = 64;

/// Entries of one page of history or fills, and pages that are read.
const PAGE: (u32, usize) = (1_000, 20);

/// How far apart two orders may have been sent that share a reading of history.
const SHARED_WITHIN: Duration = Duration::from_secs(600);

/// How long before the end of its validity a request was stamped at most (the longest window that
/// configuration allows), and how far the venue's clock may be from our estimate.
const STAMPED_WITHIN: Duration = Duration::from_secs(60);
const CLOCK_MARGIN: Duration = Duration::from_secs(60);

/// Failures of the way to the venue after which a round asks no more.
const PATIENCE: usize = 3;

/// Something that is read once, by whoever needs it first.
type Once<K, V> = Mutex<HashMap<K, Arc<OnceCell<Result<Arc<V>, Failure>>>>>;

/// A page of a list, and how far it goes where that is not to the end.
type Page<T> = Result<(Vec<T>, Option<u64>), Failure>;

/// Which list: of one instrument or all, and since when.
type Scope = (Option<String>, Timestamp);

/// What one round reads from one endpoint.
pub(super) struct Readings {
    pub(super) orders: Orders,
    pub(super) venue: Arc<Venue>,
    endpoint: String,
    rules: EndpointRules,
    /// How many orders of each instrument the round is about.
    crowd: HashMap<String, usize>,
    open: Once<Option<String>, Vec<OrderReport>>,
    history: Once<Scope, Vec<OrderReport>>,
    fills: Once<Scope, TracedFills>,
    pub(super) strangers: Strangers,
    lookups: AtomicUsize,
    failures: AtomicUsize,
}

impl Readings {
    pub(super) fn new(
        orders: &Orders,
        venue: &Arc<Venue>,
        rules: EndpointRules,
        symbols: impl Iterator<Item = String>,
        strangers: Strangers,
    ) -> Self {
        let mut crowd: HashMap<String, usize> = HashMap::new();
        for symbol in symbols {
            *crowd.entry(symbol).or_default() += 1;
        }
        Self {
            orders: orders.clone(),
            venue: venue.clone(),
            endpoint: rules.endpoint.clone(),
            rules,
            crowd,
            open: Once::default(),
            history: Once::default(),
            fills: Once::default(),
            strangers,
            lookups: AtomicUsize::new(0),
            failures: AtomicUsize::new(0),
        }
    }

    /// The venue's time now.
    pub(super) fn now(&self) -> Timestamp {
        self.venue.now(&self.endpoint)
    }

    /// When a request that expires then can surface no more.
    pub(super) fn horizon(&self, expires_at: Timestamp) -> Timestamp {
        horizon(expires_at, self.rules.settle_ms)
    }

    /// Whether so many orders of an instrument are asked about that a list costs less than lookups.
    pub(super) fn is_crowded(&self, symbol: &str) -> bool {
        self.crowd
            .get(symbol)
            .is_some_and(|orders| *orders >= A_CROWD)
    }

    /// Takes one of the round's lookups, while there are some.
    pub(super) fn take_lookup(&self) -> bool {
        self.lookups.fetch_add(1, Ordering::Relaxed) < LOOKUPS
    }

    /// Asks, unless the venue has failed to answer too often in this round.
    pub(super) async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        if self.failures.load(Ordering::Relaxed) >= PATIENCE {
            let message = "the venue does not answer; it is asked again later";
            return Err(Failure::not_sent(FailureCode::VenueUnavailable, message));
        }
        let answer = question.await;
        if let Err(failure) = &answer
            && is_of_the_way(failure.code)
        {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    /// The open orders among which one of this instrument would be.
    pub(super) async fn open(&self, symbol: &str) -> Result<Arc<Vec<OrderReport>>, Failure> {
        let scope = self.scope(symbol, self.rules.open_without_instrument);
        once(&self.open, scope.clone(), async {
            let listed = self.listed(scope.as_deref())?;
            let reports = self
                .ask(open_orders(&self.venue, &self.endpoint, listed.as_ref()))
                .await?;
            self.take_sightings(&reports).await;
            Ok(reports)
        })
        .await
    }

    /// The orders since an attempt that expires then, open and final, all of them.
    pub(super) async fn history(
        &self,
        symbol: &str,
        expires_at: Timestamp,
    ) -> Result<Arc<Vec<OrderReport>>, Failure> {
        let scope = self.since(symbol, expires_at);
        let horizons = [self.rules.unfilled_history_ms, self.rules.filled_history_ms];
        self.remembers(horizons, scope.1)?;
        once(&self.history, scope.clone(), async {
            let listed = self.listed(scope.0.as_deref())?;
            let reports = self
                .paged(scope.1, |since, before| {
                    let listed = listed.clone();
                    async move {
                        let command = wit_trading::ListHistory {
                            since,
                            before,
                            limit: PAGE.0,
                        };
                        let ask = Ask::<ListHistory> {
                            endpoint: &self.endpoint,
                            instrument: listed.as_ref(),
                            command,
                            deadline: Deadline::after(QUESTION_DEADLINE),
                        };
                        let page = self.ask(self.venue.read(ask)).await?;
                        let orders =
                            translate::order_reports(page.orders).map_err(translate::unreadable)?;
                        Ok((orders, page.read_until))
                    }
                    .boxed()
                })
                .await?;
            self.take_sightings(&reports).await;
            Ok(reports)
        })
        .await
    }

    /// The fills since an attempt that expires then, all of them.
    pub(super) async fn fills(
        &self,
        symbol: &str,
        expires_at: Timestamp,
    ) -> Result<Arc<TracedFills>, Failure> {
        let scope = self.since(symbol, expires_at);
        self.remembers([self.rules.filled_history_ms, None], scope.1)?;
        let history = self.history(symbol, expires_at).await.unwrap_or_default();
        once(&self.fills, scope.clone(), async {
            let listed = self.listed(scope.0.as_deref())?;
            let fills = self
                .paged(scope.1, |since, before| {
                    let listed = listed.clone();
                    async move {
                        let command = wit_trading::ListFills {
                            order: None,
                            since,
                            before,
                            limit: PAGE.0,
                        };
                        let ask = Ask::<ListFills> {
                            endpoint: &self.endpoint,
                            instrument: listed.as_ref(),
                            command,
                            deadline: Deadline::after(QUESTION_DEADLINE),
                        };
                        let page = self.ask(self.venue.read(ask)).await?;
                        let fills =
                            translate::fill_reports(page.fills).map_err(translate::unreadable)?;
                        Ok((fills, page.read_until))
                    }
                    .boxed()
                })
                .await?;
            self.traced(fills, &history).await
        })
        .await
    }

    /// Reads a range to its end, page by page.
    async fn paged<'a, T>(
        &'a self,
        since: Timestamp,
        page: impl Fn(u64, u64) -> BoxFuture<'a, Page<T>>,
    ) -> Result<Vec<T>, Failure> {
        let broken = |message| Failure::new(FailureCode::AdapterFailed, Fate::Refused, message);
        let before = translate::millis(self.now().plus(CLOCK_MARGIN));
        let (mut all, mut from) = (Vec::new(), translate::millis(since));
        for _ in 0..PAGE.1 {
            let (items, read_until) = page(from, before).await?;
            all.extend(items);
            match read_until {
                Some(until) if until < before && until <= from => {
                    return Err(broken("the venue's pages do not get on"));
                }
                Some(until) if until < before => from = until,
                _ => return Ok(all),
            }
        }
        Err(broken("there is more than can be read in one round"))
    }

    /// An answer that does not reach back to the attempt says nothing of it.
    fn remembers(&self, horizons: [Option<u64>; 2], since: Timestamp) -> Result<(), Failure> {
        let age = self.now().since(since).as_millis();
        let mut horizons = horizons.into_iter().flatten();
        if horizons.all(|remembered| age <= u128::from(remembered)) {
            return Ok(());
        }
        let message = "the venue does not remember that far back";
        Err(Failure::new(
            FailureCode::InvalidRequest,
            Fate::Refused,
            message,
        ))
    }

    fn scope(&self, symbol: &str, can_be_whole: bool) -> Option<String> {
        let is_whole = can_be_whole && self.crowd.len() > FEW_INSTRUMENTS;
        (!is_whole).then(|| symbol.to_owned())
    }

    fn since(&self, symbol: &str, expires_at: Timestamp) -> Scope {
        let scope = self.scope(symbol, self.rules.history_without_instrument);
        (scope, shared_since(expires_at))
    }

    fn listed(&self, symbol: Option<&str>) -> Result<Option<Arc<Listed>>, Failure> {
        let Some(symbol) = symbol else {
            return Ok(None);
        };
        let message = || format!("{} does not list {symbol}", self.venue.name());
        let listed = self.venue.instrument(symbol);
        listed
            .map(Some)
            .ok_or_else(|| Failure::not_sent(FailureCode::VenueUnavailable, message()))
    }

    /// Whatever else is in a list is news too.
    pub(super) async fn take_sightings(&self, reports: &[OrderReport]) {
        let taken = async {
            let (known, _) = self.orders.known_of(&self.venue, reports).await?;
            self.orders
                .take_sightings(&self.venue, reports, &known)
                .await
        };
        if let Err(error) = taken.await {
            tracing::error!(venue = self.venue.name(), %error, "what was seen could not be stored");
        }
    }
}

/// An endpoint's open orders, on one instrument or all.
pub(super) async fn open_orders(
    venue: &Venue,
    endpoint: &str,
    instrument: Option<&Arc<Listed>>,
) -> Result<Vec<OrderReport>, Failure> {
    let ask = Ask::<ListOpen> {
        endpoint,
        instrument,
        command: (),
        deadline: Deadline::after(QUESTION_DEADLINE),
    };
    let open = Box::pin(venue.read(ask)).await?;
    translate::order_reports(open).map_err(translate::unreadable)
}

/// Since when orders are listed for an attempt that expires then: no later than it was stamped, and at the
/// same moment for attempts of about the same time.
fn shared_since(expires_at: Timestamp) -> Timestamp {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let latest = expires_at.as_millis() - millis(STAMPED_WITHIN) - millis(CLOCK_MARGIN);
    Timestamp::from_millis(latest - latest.rem_euclid(millis(SHARED_WITHIN)))
}

/// Whether a failure says that the venue cannot be asked anything just now.
fn is_of_the_way(code: FailureCode) -> bool {
    matches!(
        code,
        FailureCode::Timeout
            | FailureCode::VenueUnavailable
            | FailureCode::Overloaded
            | FailureCode::RateLimited
            | FailureCode::Banned
    )
}

async fn once<K: Eq + Hash, V>(
    cells: &Once<K, V>,
    key: K,
    read: impl Future<Output = Result<V, Failure>>,
) -> Result<Arc<V>, Failure> {
    let cell = {
        let mut cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.entry(key).or_default().clone()
    };
    // On the heap: everything that a round may ask is in here.
    let read = Box::pin(async { read.await.map(Arc::new) });
    cell.get_or_init(|| read).await.clone()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn history_is_read_from_before_the_attempt_and_shared_by_those_of_its_time() {
        let at = Timestamp::from_millis;
        let minutes = |n: i64| at(1_760_000_400_000 + n * 60_000);
        for expires_in in 0..40 {
            let since = shared_since(minutes(expires_in));
            let earliest_stamp = at(minutes(expires_in).as_millis() - 60_000);
            assert!(since < earliest_stamp);
            assert!(earliest_stamp.since(since) <= Duration::from_secs(660));
        }
        let different: HashSet<Timestamp> = (0..40).map(|n| shared_since(minutes(n))).collect();
        assert!(different.len() <= 5, "{different:?}");
    }

    #[tokio::test]
    async fn what_several_need_is_read_once_and_a_failure_is_shared_too() {
        let (cells, reads) = (Once::<u8, u8>::default(), AtomicUsize::new(0));
        let read = |key: u8, result: Result<u8, Failure>| {
            let reads = &reads;
            once(&cells, key, async move {
                reads.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                result
            })
        };
        let failure = Failure::not_sent(FailureCode::Timeout, "x");
        let (a, b) = tokio::join!(read(1, Ok(7)), read(1, Ok(8)));
        assert_eq!((*a.unwrap(), *b.unwrap()), (7, 7));
        assert_eq!(read(2, Err(failure.clone())).await, Err(failure.clone()));
        assert_eq!(read(2, Ok(9)).await, Err(failure));
        assert_eq!(reads.load(Ordering::Relaxed), 2);
    }
}
