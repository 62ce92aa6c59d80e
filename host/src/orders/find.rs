//! Finds one order, asking its venue while it is open.

use super::external::{ExternalOrder, external_order, look_up_by_venue_id};
use super::service::{Caller, OrderError, Orders};
use crate::model::{Failure, Order, OrderId, OrderRecord, Timestamp};
use crate::reliability::Deadline;
use crate::venue::NoVenue;

/// An order, and whether its venue was heard on it just now.
#[derive(Debug, Clone)]
pub struct Found {
    /// The order.
    pub order: Order,
    /// Why the venue was not heard, where it should have been: the order is as the journal has it.
    pub stale: Option<Failure>,
}

impl Found {
    /// How old the journal's word is, where it is all there is.
    pub fn age(&self) -> Option<std::time::Duration> {
        self.stale
            .is_some()
            .then(|| Timestamp::now().since(self.order.updated_at))
    }
}

impl Orders {
    /// The tenant's order of an id, or an external order by the id a list gave it.
    ///
    /// # Errors
    /// [`OrderError::NotFound`], or for external orders the venue's failure.
    pub async fn find(
        &self,
        caller: &Caller,
        id: &OrderId,
        deadline: Deadline,
    ) -> Result<Found, OrderError> {
        if let Some(external) = ExternalOrder::of(id) {
            return self.find_external(caller, &external, deadline).await;
        }
        let record = self.own_order(caller, id).await?;
        if record.order.state.is_final() {
            return Ok(Found {
                order: record.order,
                stale: None,
            });
        }
        let (record, stale) = self.refresh(record, deadline).await?;
        Ok(Found {
            order: record.order,
            stale,
        })
    }

    /// Everything that happened to the tenant's order.
    ///
    /// # Errors
    /// [`OrderError::NotFound`].
    pub async fn events(
        &self,
        caller: &Caller,
        id: &OrderId,
    ) -> Result<Vec<crate::store::StoredEvent>, OrderError> {
        self.own_order(caller, id).await?;
        Ok(self.journal.events(id).await?)
    }

    /// Asks the venue about an open order; without an answer it stays as it was.
    pub(super) async fn refresh(
        &self,
        record: OrderRecord,
        deadline: Deadline,
    ) -> Result<(OrderRecord, Option<Failure>), OrderError> {
        match self.look_up(&record, deadline).await {
            Ok(report) => Ok(self.observe_if_possible(record, report).await?),
            Err(failure) => Ok((record, Some(failure))),
        }
    }

    async fn find_external(
        &self,
        caller: &Caller,
        external: &ExternalOrder,
        deadline: Deadline,
    ) -> Result<Found, OrderError> {
        let not_found = || OrderError::NotFound(external.id().to_string());
        let reached = caller.venues.covers(&external.venue);
        let venue = if reached {
            self.venues.named(&external.venue)
        } else {
            Err(NoVenue::Unknown)
        };
        let venue = venue.map_err(|missing| match missing {
            NoVenue::Waiting(failure) => OrderError::waiting(&external.venue, failure),
            NoVenue::Unknown => not_found(),
        })?;
        let (symbol, id) = (&external.symbol, &external.venue_order_id);
        let report = look_up_by_venue_id(venue, symbol, id, deadline).await;
        let client_id = report.as_ref().ok().and_then(|r| r.client_id.as_deref());
        let is_ours = match client_id.and_then(OrderId::recognise) {
            Some(id) if self.adoption.id_prefix.is_of(&id) => true,
            Some(id) => self.journal.order(&id).await?.is_some(),
            None => false,
        };
        match report {
            // An order of ours is another tenant's business unless it is found by its own id.
            Ok(_) if is_ours => Err(not_found()),
            Ok(report) => Ok(Found {
                order: external_order(venue.name(), report),
                stale: None,
            }),
            Err(failure) if failure.code == crate::model::FailureCode::OrderNotFound => {
                Err(not_found())
            }
            Err(failure) => Err(OrderError::Venue {
                venue: external.venue.clone(),
                failure: Box::new(failure),
                order_id: None,
            }),
        }
    }
}
