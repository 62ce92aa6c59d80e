//! Places an order: journaled before a byte leaves, and never sent twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tracing::Instrument as _;

use super::placing::Placement;
use super::risk::Exposure;
use super::service::{Caller, LAST_WORD, OrderError, Orders};
use super::validate;
use crate::market::Source;
use crate::model::{
    Decimal, Event, Failure, FailureCode, Order, OrderId, OrderRecord, OrderState, OrderType,
    Origin, Side, TimeInForce, Timestamp,
};
use crate::reliability::{Deadline, DeadlinePassed};
use crate::telemetry::order_span;
use crate::venue::{Listed, Tape};

/// An order that a caller wants.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOrder {
    /// Venue.
    pub venue: String,
    /// Unified symbol.
    pub symbol: String,
    /// Buy or sell.
    pub side: Side,
    /// Market or limit.
    pub order_type: OrderType,
    /// In the instrument's quantity unit.
    pub quantity: Decimal,
    /// For limit orders.
    pub price: Option<Decimal>,
    /// For limit orders; good till cancelled where absent.
    pub time_in_force: Option<TimeInForce>,
    /// Only reduce a position.
    pub reduce_only: bool,
    /// The caller's label.
    pub client_order_id: Option<String>,
    /// Venues that it may go on to, in this order.
    pub failover: Vec<String>,
}

/// A placement that was not refused.
#[derive(Debug, Clone)]
pub enum Placed {
    /// The venue has the order.
    Acknowledged(Order),
    /// Whether the venue has it is not known yet.
    FateOpen(Order),
}

impl Placed {
    /// Whether a cancel was asked for while the order was on its way.
    pub(super) fn is_to_be_cancelled(&self) -> bool {
        matches!(self, Self::Acknowledged(order) if order.state == OrderState::PendingCancel)
    }
}

impl Orders {
    /// Places an order. Once anything may have been sent, the work goes on even if the caller goes away.
    ///
    /// # Errors
    /// [`OrderError`]: nothing was placed.
    pub async fn place(
        &self,
        caller: Caller,
        new: NewOrder,
        deadline: Deadline,
    ) -> Result<Placed, OrderError> {
        let venue = self.venue("venue", &new.venue)?.clone();
        let listed = self.instrument(&venue, &new.symbol)?;
        let reduces = venue
            .rules(&listed.instrument.endpoint)
            .is_some_and(|rules| rules.reduce_only);
        let problems = validate::problems(&new, &listed.instrument, reduces);
        if !problems.is_empty() {
            return Err(OrderError::Invalid(problems));
        }
        let routes = self
            .routes(&new, &listed.instrument)
            .map_err(OrderError::Invalid)?;
        if routes.is_empty() {
            self.must_be_reconciled(venue.name(), &listed.instrument.endpoint)?;
        }
        let source = Source {
            venue: venue.clone(),
            listed: listed.clone(),
        };
        let exposure = Exposure::new(new.side, new.quantity, new.price);
        let passed = self
            .hold_to_limits(&caller.tenant, &source, exposure, deadline)
            .await?;
        let id = self
            .adoption
            .id_prefix
            .order_id()
            .map_err(|error| OrderError::Internal(error.to_string()))?;
        let record = pending(id, &new, &listed, &caller);
        let order = record.order.clone();
        let journaled = Arc::new(AtomicBool::new(false));
        let intent = Event::Intent {
            record: Box::new(record.clone()),
            key_id: caller.key_id.clone(),
            request_id: caller.request_id.clone(),
        };
        let span = order_span("place", &order.id.to_string(), &record.tenant);
        let placement = Placement {
            orders: self.clone(),
            venue,
            listed,
            routes: routes.into(),
            record,
            claim: caller.claim,
            owed: Mutex::new(vec![intent]),
            passed: Mutex::new(vec![passed]),
            journaled: journaled.clone(),
            tape: Tape::default(),
        };
        let running = self
            .detached
            .spawn(placement.run(deadline).instrument(span));
        match deadline.plus(LAST_WORD).bound(running).await {
            Ok(Ok(placed)) => placed,
            Ok(Err(_)) => Err(OrderError::Internal("the placement ended early".into())),
            // The journal, or an adapter that is waited for, is this late. Behind the deadline nothing is sent
            // any more: what is not journaled by now never will be.
            Err(DeadlinePassed) if journaled.load(Ordering::SeqCst) => Ok(Placed::FateOpen(order)),
            Err(DeadlinePassed) => Err(OrderError::Venue {
                venue: order.venue,
                failure: Box::new(Failure::not_sent(
                    FailureCode::JournalUnavailable,
                    "the journal took too long; nothing was sent",
                )),
                order_id: None,
            }),
        }
    }
}

fn pending(id: OrderId, new: &NewOrder, listed: &Listed, caller: &Caller) -> OrderRecord {
    let now = Timestamp::now();
    let time_in_force = match new.order_type {
        OrderType::Limit => Some(new.time_in_force.unwrap_or(TimeInForce::Gtc)),
        _ => None,
    };
    OrderRecord::new(
        Order {
            id,
            venue: new.venue.clone(),
            symbol: new.symbol.clone(),
            side: new.side,
            order_type: new.order_type,
            quantity: Some(new.quantity),
            price: new.price,
            time_in_force,
            reduce_only: new.reduce_only,
            state: OrderState::PendingNew,
            filled_quantity: Decimal::ZERO,
            average_price: None,
            venue_order_id: None,
            client_order_id: new.client_order_id.clone(),
            origin: Origin::Gateway,
            reason: None,
            served_by: None,
            failover: None,
            created_at: now,
            updated_at: now,
        },
        caller.tenant.clone(),
        listed.instrument.endpoint.clone(),
    )
}
