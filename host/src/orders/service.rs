//! What the order operations share: venues, journal, and the ways they fail.

use std::sync::Arc;
use std::time::Duration;

use switchyard_runtime::wit::trading as wit_trading;
use switchyard_runtime::wit::types as wit;
use switchyard_runtime::{Cancel, GetOrder};

use super::in_flight::InFlight;
use super::list::OpenOrders;
use super::validate::FieldProblem;
use crate::account::Accounts;
use crate::model::{
    Attempt, Event, Failure, FailureCode, LegOf, OrderId, OrderRecord, OrderReport, OrderState,
    Timestamp, apply,
};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::store::{Journal, StoreError};
use crate::telemetry::Metrics;
use crate::venue::{Ask, Listed, Venue, Venues};

/// How long a caller is asked to wait for a venue that has not listed its instruments yet.
const UNTIL_LISTED: Duration = Duration::from_secs(2);

/// How long after its deadline an operation may still say how it ended: what the deadline cut off is
/// journaled first.
pub(super) const LAST_WORD: Duration = Duration::from_millis(500);

/// On whose behalf something is done.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose orders it sees.
    pub tenant: String,
    /// The key it showed.
    pub key_id: String,
    /// The request it made.
    pub request_id: String,
}

/// Why an order operation gave no order.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OrderError {
    /// The request cannot be right, whatever the venue says. Nothing was sent.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldProblem>),
    /// No order of the tenant has this id.
    #[error("no order {0}")]
    NotFound(String),
    /// The order is over, or something else is being done to it. Nothing was sent.
    #[error("order {id} is {}", .state.name())]
    NotOpen {
        /// The order.
        id: OrderId,
        /// Its state.
        state: OrderState,
    },
    /// The venue has not listed its instruments yet. Nothing was sent.
    #[error("{venue} has not listed its instruments yet")]
    NotReady {
        /// The venue.
        venue: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// The venue, or the way to it, failed.
    #[error("{venue}: {failure}")]
    Venue {
        /// The venue.
        venue: String,
        /// Why.
        failure: Box<Failure>,
        /// The order, where it was journaled.
        order_id: Option<OrderId>,
    },
    /// The journal failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gateway itself failed.
    #[error("{0}")]
    Internal(String),
}

impl OrderError {
    /// What can be said of a symbol while its venue has not listed its instruments.
    pub fn not_listed(venue: &Venue) -> Self {
        Self::NotReady {
            venue: venue.name().to_owned(),
            retry_after: UNTIL_LISTED,
        }
    }
}

/// The order operations. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Orders {
    pub(super) venues: Arc<Venues>,
    pub(super) journal: Arc<Journal>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) in_flight: InFlight,
    pub(super) kept: Kept,
}

/// What is kept of venues and changed by orders.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Balances and positions.
    pub accounts: Accounts,
    /// Open orders.
    pub open_orders: OpenOrders,
}

impl Orders {
    /// Order operations over these venues and this journal.
    pub fn new(
        venues: Arc<Venues>,
        journal: Arc<Journal>,
        metrics: Arc<Metrics>,
        kept: Kept,
    ) -> Self {
        Self {
            venues,
            journal,
            metrics,
            in_flight: InFlight::default(),
            kept,
        }
    }

    /// A venue answered a request that changes something, or did not: what was kept before shows it not. Done
    /// before the caller is answered, who then reads what it wrote.
    pub(super) fn changed(&self, record: &OrderRecord) {
        self.changed_at(record.at_venue(), &record.endpoint);
    }

    /// The same for a whole endpoint.
    pub(super) fn changed_at(&self, venue: &str, endpoint: &str) {
        self.kept.accounts.changed(venue, endpoint);
        self.kept.open_orders.changed(venue, endpoint);
    }

    /// The venue of a name that a caller gave in `field`.
    pub(super) fn venue(&self, field: &'static str, name: &str) -> Result<&Arc<Venue>, OrderError> {
        self.venues.get(name).ok_or_else(|| {
            let problem = format!(
                "must be a configured venue: {}",
                self.venues.names().join(", ")
            );
            OrderError::Invalid(vec![FieldProblem::new(field, name, problem)])
        })
    }

    /// The instrument of a symbol that a caller gave.
    pub(super) fn instrument(
        &self,
        venue: &Arc<Venue>,
        symbol: &str,
    ) -> Result<Arc<Listed>, OrderError> {
        if let Some(listed) = venue.instrument(symbol) {
            return Ok(listed);
        }
        if !venue.is_listed() {
            return Err(OrderError::not_listed(venue));
        }
        let problem = format!(
            "must be an instrument of {name}; GET /v1/instruments?venue={name} lists them",
            name = venue.name()
        );
        Err(OrderError::Invalid(vec![FieldProblem::new(
            "symbol", symbol, problem,
        )]))
    }

    /// The tenant's order of an id.
    pub(super) async fn own_order(
        &self,
        caller: &Caller,
        id: &OrderId,
    ) -> Result<OrderRecord, OrderError> {
        let record = self.journal.order(id).await?;
        record
            .filter(|record| record.tenant == caller.tenant)
            .ok_or_else(|| OrderError::NotFound(id.to_string()))
    }

    /// Asks the venue for an order.
    pub(super) async fn look_up(
        &self,
        record: &OrderRecord,
        deadline: Deadline,
    ) -> Result<OrderReport, Failure> {
        self.look_up_leg(record, order_ref(record), deadline).await
    }

    /// Asks the venue for one leg of an order.
    pub(super) async fn look_up_leg(
        &self,
        record: &OrderRecord,
        order: wit::OrderRef,
        deadline: Deadline,
    ) -> Result<OrderReport, Failure> {
        let (venue, listed) = self.where_it_trades(record)?;
        let command = wit_trading::GetOrder { order };
        let ask = Ask::<GetOrder> {
            endpoint: &record.endpoint,
            instrument: Some(&listed),
            command,
            deadline,
        };
        let report = venue.read(ask).await?;
        translate::report_of(record, report).map_err(translate::unreadable)
    }

    /// Asks the venue to cancel an order. `None` where it took the request and the end is to come.
    pub(super) async fn send_cancel(
        &self,
        record: &OrderRecord,
        deadline: Deadline,
    ) -> Result<Option<OrderReport>, Failure> {
        let (venue, listed) = self.where_it_trades(record)?;
        let command = wit_trading::Cancel {
            order: order_ref(record),
        };
        let ask = Ask::<Cancel> {
            endpoint: &record.endpoint,
            instrument: Some(&listed),
            command,
            deadline,
        };
        let outcome = venue
            .run(ask, |attempt| {
                self.record_attempt(&record.order.id, attempt)
            })
            .await;
        self.changed(record);
        translate::cancel_outcome(record, outcome?).map_err(translate::unreadable_change)
    }

    /// Makes an attempt on a known order durable.
    pub(super) async fn record_attempt(
        &self,
        id: &OrderId,
        attempt: Attempt,
    ) -> Result<(), Failure> {
        let appended = self
            .journal
            .append(id, vec![Event::Attempt { attempt }])
            .await;
        appended.map(drop).map_err(|error| not_recorded(&error))
    }

    /// Journals what was seen of an order, unless it says nothing new.
    pub(super) async fn observe(
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
        let event = Event::Observed { report };
        let unchanged = record.order.updated_at;
        let mut next = apply(Some(record.clone()), &event, Timestamp::from_millis(0))?;
        next.order.updated_at = unchanged;
        if next == record {
            return Ok(record);
        }
        self.changed(&record);
        self.journal.append(&record.order.id, vec![event]).await
    }

    pub(super) fn where_it_trades(
        &self,
        record: &OrderRecord,
    ) -> Result<(&Arc<Venue>, Arc<Listed>), Failure> {
        let name = record.at_venue();
        let unavailable =
            |message: String| Failure::not_sent(FailureCode::VenueUnavailable, message);
        let venue = self
            .venues
            .get(name)
            .ok_or_else(|| unavailable(format!("venue {name} is not configured any more")))?;
        let listed = venue.instrument(&record.order.symbol).ok_or_else(|| {
            unavailable(format!(
                "{name} does not list {} (yet)",
                record.order.symbol
            ))
        })?;
        Ok((venue, listed))
    }
}

/// What the venue may know the order's current leg by; between two legs, the one that may have come.
pub(super) fn order_ref(record: &OrderRecord) -> wit::OrderRef {
    match &record.amendment {
        Some(amendment) if record.is_between_legs() => order_ref_of(None, &amendment.new_client_id),
        _ => order_ref_of(record.order.venue_order_id.as_deref(), &record.client_id),
    }
}

/// What a venue may know an order by.
pub(super) fn order_ref_of(venue_id: Option<&str>, client_id: &str) -> wit::OrderRef {
    wit::OrderRef {
        venue_id: venue_id.map(str::to_owned),
        client_id: Some(client_id.to_owned()),
    }
}

/// Why an attempt that the journal refused was not sent.
pub(super) fn not_recorded(error: &StoreError) -> Failure {
    match error {
        StoreError::LabelInUse(_) => Failure {
            field: Some("client_order_id".into()),
            ..Failure::not_sent(FailureCode::InvalidRequest, error.to_string())
        },
        StoreError::Lifecycle(_) => Failure::not_sent(
            FailureCode::NotAmendable,
            "the order ended, or the change was given up, in the meantime; nothing was sent",
        ),
        _ => {
            tracing::error!(%error, "the journal took no entry; nothing was sent");
            Failure::not_sent(
                FailureCode::JournalUnavailable,
                "the journal takes no entries; nothing was sent",
            )
        }
    }
}
