//! How an order goes on to another venue when one certainly has it not, and what becomes of it if that one shows it
//! after all.

use serde::{Deserialize, Serialize};

use super::surfacing::WATCH_FOR;
use super::{LifecycleError, OrderRecord};
use crate::model::{
    Conversion, Decimal, Failover, Failure, Fate, OrderReport, OrderState, SurfacedOrder, Timestamp,
};

/// The operation of attempts to cancel what a venue shows of an order that went on from it.
pub const CANCEL_ELSEWHERE: &str = "cancel_elsewhere";

/// Where an order goes on to, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The venue.
    pub venue: String,
    /// The endpoint on which it trades there.
    pub endpoint: String,
    /// The symbol there.
    pub symbol: String,
    /// The quantity there.
    pub quantity: Decimal,
    /// How the quantity asked for became that.
    pub conversion: Conversion,
}

/// A venue that an order went on from, and what it was to be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Departure {
    /// The venue.
    pub venue: String,
    /// The endpoint on which it trades there.
    pub endpoint: String,
    /// The symbol there.
    pub symbol: String,
    /// The quantity there.
    pub quantity: Option<Decimal>,
    /// The client order id that was to be its there.
    pub client_id: String,
    /// Until when the venue is asked whether it shows after all; not at all where no attempt was made there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched_until: Option<Timestamp>,
    /// What the venue showed after all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surfaced: Option<OrderReport>,
}

impl Departure {
    /// Whether what surfaced there is live.
    pub fn is_live(&self) -> bool {
        let surfaced = self.surfaced.as_ref();
        surfaced.is_some_and(|report| !report.state.is_final())
    }
}

impl OrderRecord {
    /// The venue that has it, or is to have it.
    pub fn at_venue(&self) -> &str {
        self.moved_to.as_ref().unwrap_or(&self.order.venue)
    }

    /// Whether it was to be placed at a venue, and went on because that certainly had it not.
    pub fn has_left(&self, venue: &str) -> bool {
        self.left.iter().any(|departure| departure.venue == venue)
    }

    /// The order as it would be at a venue that it went on from, had it stayed: given up, unless it surfaced there. Then
    /// it is to be cancelled, since it is placed elsewhere.
    pub fn as_left_at(&self, venue: &str) -> Option<Self> {
        let mut left = self.left.iter();
        let departure = left.find(|departure| departure.venue == venue)?;
        let mut record = self.clone();
        record.order.venue.clone_from(&departure.venue);
        record.order.symbol.clone_from(&departure.symbol);
        record.order.quantity = departure.quantity;
        record.order.state = match &departure.surfaced {
            Some(report) if report.state.is_final() => report.state,
            Some(_) => OrderState::PendingCancel,
            None => OrderState::Rejected,
        };
        let surfaced = departure.surfaced.as_ref();
        record.order.venue_order_id = surfaced.map(|report| report.venue_order_id.clone());
        record.endpoint.clone_from(&departure.endpoint);
        record.client_id.clone_from(&departure.client_id);
        record.cancel_requested = departure.is_live();
        record.watched_until = departure.watched_until;
        record.has_vanished = false;
        record.amendment = None;
        record.past_legs = Vec::new();
        record.reported_at = None;
        record.moved_to = None;
        record.left = Vec::new();
        Some(record)
    }

    /// Venues that it went on from which are asked about it still.
    pub fn left_to_watch(&self, now: Timestamp) -> impl Iterator<Item = &Departure> {
        let left = self.left.iter();
        left.filter(move |departure| {
            departure.is_live() || departure.watched_until.is_some_and(|until| until > now)
        })
    }

    /// Until when any venue is asked for something of it that was given up there. Without end where that is live.
    pub fn looked_for_until(&self) -> Option<Timestamp> {
        let left = self.left.iter().map(|departure| match departure.is_live() {
            true => Some(Timestamp::from_millis(i64::MAX)),
            false => departure.watched_until,
        });
        left.chain([self.watched_until]).flatten().max()
    }

    /// Goes on to another venue. The rule that an order is never sent twice holds across venues: none that may be at
    /// the one before goes on, nor one that a caller wants cancelled, nor does any come back.
    pub(super) fn fail_over(
        &mut self,
        from: &str,
        to: &Destination,
        failure: &Failure,
        at: Timestamp,
    ) -> Result<(), LifecycleError> {
        let is_free = self.order.state == OrderState::PendingNew
            && self.order.venue_order_id.is_none()
            && !self.cancel_requested
            && failure.fate != Fate::Unknown;
        let is_new = self.at_venue() != to.venue && !self.has_left(&to.venue);
        if !is_free || !is_new || self.at_venue() != from {
            return Err(LifecycleError::NotMovable);
        }
        let was_attempted = self.place_expires_at.take().is_some();
        self.left.push(Departure {
            venue: from.to_owned(),
            endpoint: std::mem::replace(&mut self.endpoint, to.endpoint.clone()),
            symbol: self.order.symbol.clone(),
            quantity: self.order.quantity,
            client_id: self.client_id.clone(),
            watched_until: was_attempted.then(|| at.plus(WATCH_FOR)),
            surfaced: None,
        });
        self.moved_to = Some(to.venue.clone());
        let reason = format!("{from}: {failure}");
        let order = &mut self.order;
        let before = order.failover.take().unwrap_or_else(|| Failover {
            from_venue: order.venue.clone(),
            from_symbol: order.symbol.clone(),
            from_quantity: order.quantity.unwrap_or_default(),
            multiply: to.conversion.multiply,
            divide: to.conversion.divide,
            reason: String::new(),
            surfaced: Vec::new(),
        });
        order.failover = Some(Failover {
            multiply: to.conversion.multiply,
            divide: to.conversion.divide,
            reason: match before.reason.as_str() {
                "" => reason,
                earlier => format!("{earlier}; {reason}"),
            },
            ..before
        });
        order.symbol.clone_from(&to.symbol);
        order.quantity = Some(to.quantity);
        order.served_by = None;
        Ok(())
    }

    /// A venue that it went on from shows it after all. That is no part of the order, which is elsewhere; it is told
    /// beside it.
    pub(super) fn surfaced_elsewhere(
        &mut self,
        venue: &str,
        report: &OrderReport,
    ) -> Result<(), LifecycleError> {
        let mut left = self.left.iter_mut();
        let departure = left
            .find(|departure| departure.venue == venue)
            .ok_or(LifecycleError::NotUnderWay("surfaced_elsewhere"))?;
        let is_stale = departure.surfaced.as_ref().is_some_and(|known| {
            known.state.is_final() && !report.state.is_final()
                || report.filled_quantity < known.filled_quantity
        });
        if !is_stale {
            departure.surfaced = Some(report.clone());
        }
        if let Some(failover) = &mut self.order.failover {
            let surfaced = self.left.iter().filter_map(|departure| {
                let report = departure.surfaced.as_ref()?;
                Some(SurfacedOrder {
                    venue: departure.venue.clone(),
                    symbol: report.symbol.clone(),
                    venue_order_id: report.venue_order_id.clone(),
                    state: report.state,
                    quantity: report.quantity,
                    filled_quantity: report.filled_quantity,
                    average_price: report.average_price,
                })
            });
            failover.surfaced = surfaced.collect();
        }
        Ok(())
    }
}
