//! What a venue shows beyond what it was asked: orders whose fate is open, what was given up, and orders of this
//! gateway that its journal does not have.

use std::collections::HashMap;

use super::service::Orders;
use crate::model::{
    Decimal, Event, IdPrefix, LegOf, LifecycleError, Order, OrderId, OrderRecord, OrderReport,
    OrderState, Origin, Timestamp, apply,
};
use crate::store::StoreError;
use crate::venue::Venue;

/// How orders that are not in the journal are recognised, and whose they become.
#[derive(Debug, Clone)]
pub struct Adoption {
    /// What the ids of this gateway's orders begin with.
    pub id_prefix: IdPrefix,
    /// Whose they are from then on.
    pub tenant: String,
}

impl Adoption {
    /// Whether an order that is not in the journal is none of a tenant's business. One of this gateway's that the
    /// journal has lost, or kept for as long as it keeps orders, may have been any tenant's.
    pub(super) fn hides(&self, id: Option<&OrderId>, tenant: &str) -> bool {
        id.is_some_and(|id| self.id_prefix.is_of(id)) && tenant != self.tenant
    }
}

impl Orders {
    /// Journals what was seen of an order, unless it says nothing new.
    pub(super) async fn observe(
        &self,
        record: OrderRecord,
        report: OrderReport,
    ) -> Result<OrderRecord, StoreError> {
        if !record.surfaces(&report) {
            return self.observe_known(record, report).await;
        }
        let (id, place) = (record.order.id.clone(), report.venue_order_id.clone());
        let event = Event::SurfacedLate {
            report: report.clone(),
        };
        let record = match self.journal.append(&id, vec![event]).await {
            Ok(record) => record,
            // Someone else has just seen it.
            Err(StoreError::Lifecycle(LifecycleError::NotUnderWay(_))) => {
                let record = self.journal.order(&id).await?.unwrap_or(record);
                return self.observe_known(record, report).await;
            }
            Err(error) => return Err(error),
        };
        self.changed(&record);
        self.metrics.fates.surfaced_late(record.at_venue());
        tracing::error!(
            order = %id, venue = record.at_venue(), venue_order = %place,
            state = record.order.state.name(), filled = %record.order.filled_quantity,
            "what was given up or lost is at the venue after all; the order goes on with it"
        );
        Ok(record)
    }

    async fn observe_known(
        &self,
        record: OrderRecord,
        report: OrderReport,
    ) -> Result<OrderRecord, StoreError> {
        if matches!(record.leg_of(&report), Some(LegOf::Past(_))) && !report.state.is_final() {
            tracing::error!(
                order = %record.order.id, venue_order = %report.venue_order_id,
                "a leg of the order that was taken to be over is live at the venue"
            );
        }
        let id = record.order.id.clone();
        let event = Event::Observed { report };
        if !is_news(&record, &event)? {
            return Ok(record);
        }
        // Whoever saw it first may have told the journal by now.
        match self.journal.order(&id).await? {
            Some(latest) if !is_news(&latest, &event)? => Ok(latest),
            _ => {
                self.changed(&record);
                self.journal.append(&id, vec![event]).await
            }
        }
    }

    /// Takes in what reports tell of orders that need it, whoever they were asked for; `known` are the
    /// journal's records of them, read after the venue answered. Returns whether anything was journaled.
    pub(super) async fn take_sightings(
        &self,
        venue: &Venue,
        reports: &[OrderReport],
        known: &HashMap<OrderId, OrderRecord>,
    ) -> Result<bool, StoreError> {
        let mut is_news = false;
        for report in reports {
            let Some(id) = report.client_id.as_deref().and_then(OrderId::recognise) else {
                continue;
            };
            match known.get(&id) {
                Some(record) if record.has_left(venue.name()) => {
                    is_news |= self.observe_elsewhere(&id, venue.name(), report).await?;
                }
                Some(record) if record.at_venue() != venue.name() => {
                    self.tell_of_stranger(record, venue, report);
                }
                Some(record) => {
                    let is_lost_leg = record.leg_of(report).is_none();
                    let is_its_own = is_lost_leg || record.difference(report).is_none();
                    let is_wanted =
                        record.surfaces(report) || record.is_unresolved() && !is_lost_leg;
                    if is_its_own && is_wanted {
                        let seen = self.observe(record.clone(), report.clone()).await?;
                        is_news |= seen != *record;
                    }
                }
                None if self.adoption.id_prefix.is_of(&id) && !report.state.is_final() => {
                    is_news |= self.adopt(venue, id, report).await?;
                }
                None => {}
            }
        }
        Ok(is_news)
    }

    /// Takes an open order into the journal that is of this gateway's making and is not there.
    async fn adopt(
        &self,
        venue: &Venue,
        id: OrderId,
        report: &OrderReport,
    ) -> Result<bool, StoreError> {
        let Some(listed) = venue.instrument(&report.symbol) else {
            tracing::error!(
                order = %id, venue = venue.name(), symbol = %report.symbol,
                "an order of this gateway is not in the journal, and cannot be adopted: its instrument is not listed"
            );
            return Ok(false);
        };
        let endpoint = listed.instrument.endpoint.clone();
        let record = found(&id, venue.name(), endpoint, &self.adoption.tenant, report);
        let event = Event::Adopted {
            record: Box::new(record),
            report: report.clone(),
        };
        match self.journal.append(&id, vec![event]).await {
            Ok(record) => {
                self.changed(&record);
                self.metrics.fates.adopted(venue.name());
                tracing::error!(
                    order = %id, venue = venue.name(), venue_order = %report.venue_order_id,
                    tenant = %record.tenant, state = record.order.state.name(),
                    "an order of this gateway was not in the journal; it is adopted"
                );
                Ok(true)
            }
            // Someone else adopted it at the same time.
            Err(StoreError::Lifecycle(LifecycleError::Exists(_))) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

pub(super) fn is_news(record: &OrderRecord, event: &Event) -> Result<bool, LifecycleError> {
    let mut next = apply(Some(record.clone()), event, Timestamp::from_millis(0))?;
    next.order.updated_at = record.order.updated_at;
    Ok(next != *record)
}

/// An order as far as its venue can tell it.
fn found(
    id: &OrderId,
    venue: &str,
    endpoint: String,
    tenant: &str,
    report: &OrderReport,
) -> OrderRecord {
    let now = Timestamp::now();
    let order = Order {
        id: id.clone(),
        venue: venue.to_owned(),
        symbol: report.symbol.clone(),
        side: report.side,
        order_type: report.order_type,
        quantity: report.quantity,
        price: report.price,
        time_in_force: report.time_in_force,
        reduce_only: report.reduce_only,
        state: OrderState::PendingNew,
        filled_quantity: Decimal::ZERO,
        average_price: None,
        venue_order_id: None,
        client_order_id: None,
        origin: Origin::Gateway,
        reason: None,
        served_by: None,
        failover: None,
        created_at: report.created_at.unwrap_or(now),
        updated_at: now,
    };
    OrderRecord {
        client_id: report.client_id.clone().unwrap_or_default(),
        ..OrderRecord::new(order, tenant.to_owned(), endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_of_ours_that_the_journal_does_not_have_is_its_adopters_alone() {
        let ours = IdPrefix::default();
        let others = IdPrefix::try_from("g02".to_owned()).unwrap();
        let (forgotten, foreign) = (ours.order_id().unwrap(), others.order_id().unwrap());
        let adoption = Adoption {
            id_prefix: ours,
            tenant: "adopted".to_owned(),
        };
        assert!(adoption.hides(Some(&forgotten), "desk"));
        assert!(!adoption.hides(Some(&forgotten), "adopted"));
        assert!(!adoption.hides(Some(&foreign), "desk"));
        assert!(!adoption.hides(None, "desk"));
    }
}
