//! How an order goes on to another venue when one certainly has it not.

use serde::{Deserialize, Serialize};

use super::{LifecycleError, OrderRecord};
use crate::model::{Conversion, Decimal, Failover, Failure, Fate, OrderState};

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

impl OrderRecord {
    /// The venue that has it, or is to have it.
    pub fn at_venue(&self) -> &str {
        self.moved_to.last().unwrap_or(&self.order.venue)
    }

    /// Whether it was to be placed at a venue, and went on because that certainly had it not.
    pub fn has_left(&self, venue: &str) -> bool {
        let tried = std::iter::once(&self.order.venue).chain(&self.moved_to);
        self.at_venue() != venue && tried.into_iter().any(|tried| tried == venue)
    }

    /// Goes on to another venue. The rule that an order is never sent twice holds across venues: none that may be at
    /// the one before goes on, nor one that a caller wants cancelled, nor does any come back.
    pub(super) fn fail_over(
        &mut self,
        from: &str,
        to: &Destination,
        failure: &Failure,
    ) -> Result<(), LifecycleError> {
        let is_free = self.order.state == OrderState::PendingNew
            && self.order.venue_order_id.is_none()
            && !self.cancel_requested
            && failure.fate != Fate::Unknown;
        let is_new = self.at_venue() != to.venue && !self.has_left(&to.venue);
        if !is_free || !is_new || self.at_venue() != from {
            return Err(LifecycleError::NotMovable);
        }
        let reason = format!("{from}: {failure}");
        let order = &mut self.order;
        let before = order.failover.take().unwrap_or_else(|| Failover {
            from_venue: order.venue.clone(),
            from_symbol: order.symbol.clone(),
            from_quantity: order.quantity.unwrap_or_default(),
            multiply: to.conversion.multiply,
            divide: to.conversion.divide,
            reason: String::new(),
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
        self.endpoint.clone_from(&to.endpoint);
        self.place_expires_at = None;
        self.moved_to.push(to.venue.clone());
        Ok(())
    }
}
