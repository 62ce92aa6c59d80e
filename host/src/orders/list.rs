//! Lists orders: the gateway's own from its journal, and the account's open ones from venues.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;
use switchyard_runtime::{Capability, ListOpen};
use utoipa::ToSchema;

use super::service::{Caller, OrderError, Orders};
use crate::model::{Order, OrderRecord, OrderState};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::store::{OrderPage, OrderQuery, StoreError};
use crate::venue::{Ask, Listed, Venue};

/// Open orders of the journal that a venue's list lacks are looked up one by one, at most this many.
pub(super) const MAX_LOOKUPS: usize = 32;

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
}

pub(super) fn oldest_first(orders: &mut [Order]) {
    orders.sort_by(|a, b| (a.created_at, a.id.as_str()).cmp(&(b.created_at, b.id.as_str())));
}
