//! Lists orders: the gateway's own from its journal, the account's open ones and history from venues.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;
use switchyard_runtime::wit::trading as wit_trading;
use switchyard_runtime::{Capability, ListHistory, ListOpen};
use utoipa::ToSchema;

use super::external::external_order;
use super::service::{Caller, OrderError, Orders};
use super::validate::FieldProblem;
use crate::model::{Failure, Order, OrderId, OrderRecord, OrderReport, OrderState, Timestamp};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::store::{OrderPage, OrderQuery, StoreError};
use crate::venue::{Ask, Listed, Venue};

/// Open orders of the journal that a venue's list lacks are looked up one by one, at most this many.
const MAX_LOOKUPS: usize = 32;

/// Most open orders read from the journal for one answer.
const MAX_OPEN: usize = 10_000;

/// Where a part of an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// From the venue, just now.
    Live,
    /// From the journal, because the venue did not answer.
    Stale,
    /// Not there at all, because the venue did not answer.
    Missing,
}

/// What one endpoint of a venue contributed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SourceStatus {
    /// Venue.
    pub venue: String,
    /// Endpoint alias.
    pub endpoint: String,
    /// Live or stale.
    pub source: SourceKind,
    /// Why it is not live: a typed code and a text.
    pub reason: Option<String>,
}

/// Open orders, and where they come from.
#[derive(Debug, Clone)]
pub struct ActiveOrders {
    /// Oldest first.
    pub orders: Vec<Order>,
    /// One entry for each endpoint asked.
    pub sources: Vec<SourceStatus>,
}

/// What is asked of a venue's own history.
#[derive(Debug, Clone)]
pub struct HistoryAsked {
    /// Venue.
    pub venue: String,
    /// Unified symbol; some venues have no history without it.
    pub symbol: Option<String>,
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
    /// At most this many.
    pub limit: u32,
}

/// A venue's own history.
#[derive(Debug, Clone)]
pub struct VenueHistory {
    /// Oldest first.
    pub orders: Vec<Order>,
    /// Whether the range was read to its end.
    pub exhausted: bool,
    /// Whether the range lies within what the venue remembers.
    pub complete: bool,
}

impl Orders {
    /// A page of the tenant's orders, as the journal has them.
    ///
    /// # Errors
    /// [`OrderError::Store`].
    pub async fn list(&self, query: OrderQuery) -> Result<OrderPage, OrderError> {
        Ok(self.journal.orders(query).await?)
    }

    /// Open orders as the venues have them; where one does not answer, as the journal has them.
    ///
    /// # Errors
    /// [`OrderError::Invalid`] for venues and symbols that do not exist, or [`OrderError::Store`].
    pub async fn active(
        &self,
        caller: &Caller,
        venues: &[Arc<Venue>],
        symbol: Option<&str>,
        deadline: Deadline,
    ) -> Result<ActiveOrders, OrderError> {
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
            for endpoint in endpoints {
                asks.push(self.active_on(caller, venue, endpoint, listed.clone(), deadline));
            }
        }
        let mut active = ActiveOrders {
            orders: Vec::new(),
            sources: Vec::new(),
        };
        for part in join_all(asks).await {
            let (orders, source) = part?;
            active.orders.extend(orders);
            active.sources.push(source);
        }
        oldest_first(&mut active.orders);
        Ok(active)
    }

    async fn active_on(
        &self,
        caller: &Caller,
        venue: &Arc<Venue>,
        endpoint: String,
        listed: Option<Arc<Listed>>,
        deadline: Deadline,
    ) -> Result<(Vec<Order>, SourceStatus), OrderError> {
        let symbol = listed
            .as_ref()
            .map(|listed| listed.instrument.symbol.clone());
        let ask = Ask::<ListOpen> {
            endpoint: &endpoint,
            instrument: listed.as_ref(),
            command: (),
            deadline,
        };
        let reports = venue
            .read(ask)
            .await
            .and_then(|reports| translate::order_reports(reports).map_err(translate::unreadable));
        let known = self
            .open_in_journal(caller, venue, &endpoint, symbol)
            .await?;
        let source = |source, reason: Option<String>| SourceStatus {
            venue: venue.name().to_owned(),
            endpoint: endpoint.clone(),
            source,
            reason,
        };
        match reports {
            Ok(reports) => {
                let mut orders = self.recognised(caller, venue, reports).await?;
                let (missing, unconfirmed) = self.missing_from(known, &orders, deadline).await?;
                orders.extend(missing);
                orders.retain(|order| !order.state.is_final());
                let kind = if unconfirmed.is_some() {
                    SourceKind::Stale
                } else {
                    SourceKind::Live
                };
                Ok((orders, source(kind, unconfirmed)))
            }
            Err(failure) => {
                let orders = known.into_iter().map(|record| record.order).collect();
                Ok((orders, source(SourceKind::Stale, Some(failure.to_string()))))
            }
        }
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
        records.retain(|record| record.endpoint == endpoint);
        Ok(records)
    }

    /// Journal orders that the venue's list does not show: they ended, or the list lags, or they are
    /// pending. The venue is asked about each; beside them comes why some could not be confirmed.
    async fn missing_from(
        &self,
        known: Vec<OrderRecord>,
        seen: &[Order],
        deadline: Deadline,
    ) -> Result<(Vec<Order>, Option<String>), OrderError> {
        let seen: HashSet<&str> = seen.iter().map(|order| order.id.as_str()).collect();
        let mut missing: Vec<OrderRecord> = known
            .into_iter()
            .filter(|record| !seen.contains(record.order.id.as_str()))
            .collect();
        let left = missing.split_off(missing.len().min(MAX_LOOKUPS));
        let refreshed = join_all(
            missing
                .into_iter()
                .map(|record| self.refresh(record, deadline)),
        )
        .await;
        let mut unconfirmed = (!left.is_empty())
            .then(|| format!("{} orders were not looked up one by one", left.len()));
        let mut orders: Vec<Order> = left.into_iter().map(|record| record.order).collect();
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

    /// The account's orders as the venue itself remembers them.
    ///
    /// # Errors
    /// [`OrderError::Invalid`] where the venue needs a symbol, or the venue's failure.
    pub async fn venue_history(
        &self,
        caller: &Caller,
        asked: HistoryAsked,
        deadline: Deadline,
    ) -> Result<VenueHistory, OrderError> {
        let venue = self.venue("venue", &asked.venue)?.clone();
        let listed = asked
            .symbol
            .as_deref()
            .map(|symbol| self.instrument(&venue, symbol))
            .transpose()?;
        let endpoints: Vec<String> = match &listed {
            Some(listed) => vec![listed.instrument.endpoint.clone()],
            None => venue.endpoints().map(str::to_owned).collect(),
        };
        let mut history = VenueHistory {
            orders: Vec::new(),
            exhausted: true,
            complete: true,
        };
        for endpoint in endpoints {
            let Some(rules) = venue.rules(&endpoint) else {
                continue;
            };
            if listed.is_none() && !rules.history_without_instrument {
                let problem = format!(
                    "must be given: {} lists history by instrument only",
                    venue.name()
                );
                return Err(OrderError::Invalid(vec![FieldProblem::absent(
                    "symbol", problem,
                )]));
            }
            let command = wit_trading::ListHistory {
                since: translate::millis(asked.from),
                before: translate::millis(asked.to),
                limit: asked.limit,
            };
            let ask = Ask::<ListHistory> {
                endpoint: &endpoint,
                instrument: listed.as_ref(),
                command,
                deadline,
            };
            let failed = |failure: Failure| OrderError::Venue {
                venue: venue.name().to_owned(),
                failure: Box::new(failure),
                order_id: None,
            };
            let page = venue.read(ask).await.map_err(failed)?;
            let reports = translate::order_reports(page.orders)
                .map_err(|error| failed(translate::unreadable(error)))?;
            let remembered = [rules.unfilled_history_ms, rules.filled_history_ms]
                .into_iter()
                .flatten()
                .min();
            let age = Timestamp::now().since(asked.from).as_millis();
            let within = |report: &OrderReport| {
                report
                    .created_at
                    .is_none_or(|at| at >= asked.from && at < asked.to)
            };
            let reports: Vec<OrderReport> = reports.into_iter().filter(within).collect();
            history.complete &= remembered.is_none_or(|remembered| age <= u128::from(remembered));
            history.exhausted &= page.exhausted;
            history
                .orders
                .extend(self.recognised(caller, &venue, reports).await?);
        }
        oldest_first(&mut history.orders);
        let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
        history.exhausted &= history.orders.len() <= limit;
        history.orders.truncate(limit);
        Ok(history)
    }

    /// Orders from a venue's reports: our own brought up to date, other tenants' left out, the rest marked
    /// external.
    async fn recognised(
        &self,
        caller: &Caller,
        venue: &Arc<Venue>,
        reports: Vec<OrderReport>,
    ) -> Result<Vec<Order>, StoreError> {
        let mut orders = Vec::with_capacity(reports.len());
        for report in reports {
            let ours = report.client_id.as_deref().and_then(OrderId::recognise);
            let record = match &ours {
                Some(id) => self.journal.order(id).await?,
                None => None,
            };
            match record {
                // Whatever else is strange about it: it is another tenant's business.
                Some(record) if record.tenant != caller.tenant => {}
                Some(record)
                    if record.order.venue != venue.name()
                        || record.difference(&report).is_some() =>
                {
                    orders.push(external_order(venue.name(), report));
                }
                Some(record) => orders.push(self.observe(record, report).await?.order),
                None => orders.push(external_order(venue.name(), report)),
            }
        }
        Ok(orders)
    }
}

fn oldest_first(orders: &mut [Order]) {
    orders.sort_by(|a, b| (a.created_at, a.id.as_str()).cmp(&(b.created_at, b.id.as_str())));
}
