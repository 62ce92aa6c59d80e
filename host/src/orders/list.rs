//! Lists orders: the gateway's own from its journal, and the account's open ones from venues.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use switchyard_runtime::{Capability, ListOpen};

use super::service::{Caller, OrderError, Orders};
use crate::config::CacheSettings;
use crate::model::{Failure, Order, OrderRecord, OrderReport, OrderState};
use crate::plugin::translate;
use crate::reads::{Answer, ReadKey, Served, Shelf, SourceKind, SourceStatus, Wanted};
use crate::reliability::Deadline;
use crate::store::{OrderPage, OrderQuery, StoreError};
use crate::telemetry::Metrics;
use crate::venue::{Ask, Listed, Venue};

/// Open orders of the journal that a venue's list lacks are looked up one by one, at most this many.
pub(super) const MAX_LOOKUPS: usize = 32;

/// Most open orders read from the journal for one answer.
const MAX_OPEN: usize = 10_000;

/// Open orders, and where they come from.
#[derive(Debug, Clone)]
pub struct ActiveOrders {
    /// Oldest first.
    pub orders: Vec<Order>,
    /// One entry for each endpoint asked.
    pub sources: Vec<SourceStatus>,
    /// How each endpoint that was heard was heard.
    pub served: Vec<Served>,
}

/// A list of open orders: of an endpoint, on one instrument or all. It is the account's, not a tenant's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct OpenKey {
    venue: String,
    endpoint: String,
    symbol: Option<String>,
}

impl ReadKey for OpenKey {
    fn venue(&self) -> &str {
        &self.venue
    }
}

/// Lists of open orders as the venues gave them, kept for a while. A clone is the same.
#[derive(Debug, Clone)]
pub struct OpenOrders {
    pub(super) lists: Shelf<OpenKey, Vec<OrderReport>>,
}

impl OpenOrders {
    /// Nothing is kept yet.
    pub fn new(settings: &CacheSettings, metrics: &Arc<Metrics>) -> Self {
        let freshness = settings.freshness(settings.active_orders_ms);
        let capacity = settings.capacity;
        Self {
            lists: Shelf::new("active_orders", freshness, capacity, metrics.clone()),
        }
    }
}

/// Which open orders are wanted.
#[derive(Debug, Clone, Copy)]
pub struct ActiveAsked<'a> {
    /// At these venues.
    pub venues: &'a [Arc<Venue>],
    /// On this instrument.
    pub symbol: Option<&'a str>,
    /// How fresh.
    pub wanted: Wanted,
}

/// One endpoint that is asked for open orders.
struct Part<'a> {
    venue: &'a Arc<Venue>,
    endpoint: String,
    listed: Option<Arc<Listed>>,
    wanted: Wanted,
    deadline: Deadline,
}

impl Part<'_> {
    fn symbol(&self) -> Option<String> {
        let listed = self.listed.as_ref();
        listed.map(|listed| listed.instrument.symbol.clone())
    }
}

impl OpenOrders {
    async fn of(&self, part: &Part<'_>) -> Result<Answer<Vec<OrderReport>>, Failure> {
        let key = OpenKey {
            venue: part.venue.name().to_owned(),
            endpoint: part.endpoint.clone(),
            symbol: part.symbol(),
        };
        let (venue, listed) = (part.venue.clone(), part.listed.clone());
        let endpoint = part.endpoint.clone();
        let load = move |deadline| async move {
            let ask = Ask::<ListOpen> {
                endpoint: &endpoint,
                instrument: listed.as_ref(),
                command: (),
                deadline,
            };
            let reports = venue.read(ask).await?;
            translate::order_reports(reports).map_err(translate::unreadable)
        };
        let asked = self
            .lists
            .get(key.clone(), part.wanted, part.deadline, load);
        match (asked.await, part.wanted) {
            (Err(failure), Wanted::Cached) => self.lists.in_place_of(&key, failure),
            (result, _) => result,
        }
    }

    /// An order at an endpoint was placed, changed, cancelled or filled: what is kept shows it not.
    pub(super) fn changed(&self, venue: &str, endpoint: &str) {
        self.lists
            .invalidate_where(|key| key.venue == venue && key.endpoint == endpoint);
    }
}

impl Orders {
    /// A page of the tenant's orders, as the journal has them.
    ///
    /// # Errors
    /// [`OrderError::Store`].
    pub async fn list(&self, query: OrderQuery) -> Result<OrderPage, OrderError> {
        Ok(self.journal.orders(query).await?)
    }

    /// Open orders as the venues have them, or had them a moment ago; where one does not answer, as the journal has
    /// them, with what is kept of other clients' orders.
    ///
    /// # Errors
    /// [`OrderError::Invalid`] for venues and symbols that do not exist, or [`OrderError::Store`].
    pub async fn active(
        &self,
        caller: &Caller,
        asked: ActiveAsked<'_>,
        deadline: Deadline,
    ) -> Result<ActiveOrders, OrderError> {
        let ActiveAsked {
            venues,
            symbol,
            wanted,
        } = asked;
        let mut asks = Vec::new();
        for venue in venues
            .iter()
            .filter(|v| v.has_account() && v.offers(Capability::Trading))
        {
            let listed = match symbol {
                Some(symbol) if venues.len() == 1 => Some(self.instrument(venue, symbol)?),
                Some(symbol) => match venue.instrument(symbol) {
                    Some(listed) => Some(listed),
                    None => continue, // another venue has it
                },
                None => None,
            };
            let endpoints: Vec<String> = match &listed {
                Some(listed) => vec![listed.instrument.endpoint.clone()],
                None => venue.endpoints().map(str::to_owned).collect(),
            };
            asks.extend(endpoints.into_iter().map(|endpoint| {
                let part = Part {
                    venue,
                    endpoint,
                    listed: listed.clone(),
                    wanted,
                    deadline,
                };
                self.active_on(caller, part)
            }));
        }
        let mut active = ActiveOrders {
            orders: Vec::new(),
            sources: Vec::new(),
            served: Vec::new(),
        };
        for part in join_all(asks).await {
            let (orders, source, served) = part?;
            active.orders.extend(orders);
            active.sources.push(source);
            active.served.extend(served);
        }
        oldest_first(&mut active.orders);
        Ok(active)
    }

    async fn active_on(
        &self,
        caller: &Caller,
        part: Part<'_>,
    ) -> Result<(Vec<Order>, SourceStatus, Option<Served>), OrderError> {
        let listed = self.kept.open_orders.of(&part).await;
        let (venue, endpoint) = (part.venue, part.endpoint.as_str());
        let symbol = part.symbol();
        let known = self
            .open_in_journal(caller, venue, endpoint, symbol)
            .await?;
        let Answer { value, served } = match listed {
            Ok(answer) => answer,
            Err(failure) => {
                let mut source = SourceStatus::missing(venue.name(), endpoint, &failure);
                source.source = SourceKind::Stale;
                source.reason = Some(format!("from the journal: {failure}"));
                let orders = known.into_iter().map(|record| record.order).collect();
                return Ok((orders, source, None));
            }
        };
        let mut source = SourceStatus::served(venue.name(), endpoint, &served);
        let reports = (*value).clone();
        let mut orders = match &served {
            // What the journal has of the gateway's own is newer than what was kept for want of better.
            Served::Stale {
                failure: Some(_), ..
            } => {
                let foreign = self.foreign(caller, venue, reports).await?;
                let own = known.into_iter().map(|record| record.order);
                foreign.into_iter().chain(own).collect()
            }
            _ => {
                let mut orders = self.recognised(caller, venue, reports).await?;
                let is_live = matches!(served, Served::Live { .. });
                let (missing, unconfirmed) = self
                    .missing_from(known, &orders, is_live, part.deadline)
                    .await?;
                orders.extend(missing);
                if unconfirmed.is_some() {
                    source.source = SourceKind::Stale;
                    source.reason = unconfirmed;
                }
                orders
            }
        };
        orders.retain(|order| !order.state.is_final());
        Ok((orders, source, Some(served)))
    }

    async fn open_in_journal(
        &self,
        caller: &Caller,
        venue: &Arc<Venue>,
        endpoint: &str,
        symbol: Option<String>,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let query = OrderQuery {
            tenant: caller.tenant.clone(),
            venue: Some(venue.name().to_owned()),
            symbol,
            only_open: true,
            limit: MAX_OPEN,
            ..OrderQuery::default()
        };
        let mut records = self.journal.orders(query).await?.records;
        records.retain(|record| record.at_venue() == venue.name() && record.endpoint == endpoint);
        Ok(records)
    }

    /// Journal orders that the venue's list does not show: they ended, or the list lags, or they are
    /// pending. The venue is asked about each, the pending ones beside a list from the cache excepted: those are
    /// followed anyway. Beside them comes why some could not be confirmed.
    async fn missing_from(
        &self,
        known: Vec<OrderRecord>,
        seen: &[Order],
        is_live: bool,
        deadline: Deadline,
    ) -> Result<(Vec<Order>, Option<String>), OrderError> {
        let seen: HashSet<&str> = seen.iter().map(|order| order.id.as_str()).collect();
        let missing = known
            .into_iter()
            .filter(|record| !seen.contains(record.order.id.as_str()));
        let (mut missing, pending): (Vec<OrderRecord>, Vec<OrderRecord>) =
            missing.partition(|record| is_live || record.order.state != OrderState::PendingNew);
        let left = missing.split_off(missing.len().min(MAX_LOOKUPS));
        let refreshed = join_all(
            missing
                .into_iter()
                .map(|record| self.refresh(record, deadline)),
        )
        .await;
        let mut unconfirmed = (!left.is_empty())
            .then(|| format!("{} orders were not looked up one by one", left.len()));
        let unasked = left.into_iter().chain(pending);
        let mut orders: Vec<Order> = unasked.map(|record| record.order).collect();
        for result in refreshed {
            let (record, failure) = result?;
            // An order whose fate is open is shown as such; that the venue does not find it is no news.
            let is_pending = record.order.state == OrderState::PendingNew;
            if let Some(failure) = failure.filter(|_| !is_pending) {
                unconfirmed
                    .get_or_insert_with(|| format!("an order could not be looked up: {failure}"));
            }
            orders.push(record.order);
        }
        Ok((orders, unconfirmed))
    }
}

pub(super) fn oldest_first(orders: &mut [Order]) {
    orders.sort_by(|a, b| (a.created_at, a.id.as_str()).cmp(&(b.created_at, b.id.as_str())));
}
