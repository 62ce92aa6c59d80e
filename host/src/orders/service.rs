//! What the order operations share: venues, journal, and the ways they fail.

use std::sync::Arc;
use std::time::Duration;

use switchyard_runtime::wit::trading as wit_trading;
use switchyard_runtime::wit::types as wit;
use switchyard_runtime::{Cancel, GetOrder, Operation as _};
use tracing::Span;

use super::in_flight::InFlight;
use super::list::OpenOrders;
use super::risk::Risk;
use super::sighting::Adoption;
use super::startup::Startup;
use super::sweeping::Sweeps;
use super::validate::FieldProblem;
use crate::account::Accounts;
use crate::model::{
    Attempt, CANCEL_ELSEWHERE, Event, Failure, FailureCode, OrderId, OrderRecord, OrderReport,
    OrderState, VenueScope,
};
use crate::plugin::translate;
use crate::reliability::{Deadline, Detached};
use crate::store::{Journal, KeyClaim, StoreError};
use crate::telemetry::{AUDIT_TARGET, Metrics};
use crate::venue::{Ask, Listed, NoVenue, Tape, Venue, Venues};

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
    /// The venues that it may reach. Which of them it names is checked before; orders elsewhere are not there.
    pub venues: VenueScope,
    /// The key it showed.
    pub key_id: String,
    /// The request it made.
    pub request_id: String,
    /// The request's hold on its idempotency key, to be journaled with the first thing it does.
    pub claim: Option<KeyClaim>,
}

impl Caller {
    /// Whether an order is one of its tenant's, at a venue that it may reach.
    pub fn sees(&self, record: &OrderRecord) -> bool {
        let venues = [record.order.venue.as_str(), record.at_venue()];
        record.tenant == self.tenant && venues.iter().all(|venue| self.venues.covers(venue))
    }
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
    /// What became of the venue's open orders is not known yet. Nothing was sent.
    #[error("{venue} is not reconciled yet")]
    NotReconciled {
        /// The venue.
        venue: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// The order oversteps a limit of the operator's own. Nothing was sent.
    #[error("{}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    OverLimit {
        /// The venue.
        venue: String,
        /// Each limit.
        problems: Vec<FieldProblem>,
    },
    /// More orders than the operator allows within a second. Nothing was sent.
    #[error("more orders than are allowed within a second")]
    TooOften {
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

    /// A venue's adapter is not here yet.
    pub(super) fn waiting(venue: &str, failure: Box<Failure>) -> Self {
        Self::Venue {
            venue: venue.to_owned(),
            failure,
            order_id: None,
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
    pub(super) detached: Detached,
    pub(super) startup: Startup,
    pub(super) sweeps: Sweeps,
    pub(super) adoption: Arc<Adoption>,
    pub(super) risk: Arc<Risk>,
    /// Held while a venue is halted or resumed: the journal and the venue are told in one order.
    pub(super) halting: Arc<tokio::sync::Mutex<()>>,
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
        adoption: Adoption,
        risk: Risk,
        kept: Kept,
    ) -> Self {
        Self {
            startup: Startup::of(&venues),
            sweeps: Sweeps::of(&venues),
            venues,
            journal,
            metrics,
            in_flight: InFlight::default(),
            detached: Detached::default(),
            adoption: Arc::new(adoption),
            risk: Arc::new(risk),
            halting: Arc::default(),
            kept,
        }
    }

    /// What is done for requests whether or not their callers wait.
    pub fn detached(&self) -> &Detached {
        &self.detached
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
        self.venues.named(name).map_err(|missing| match missing {
            NoVenue::Waiting(failure) => OrderError::waiting(name, failure),
            NoVenue::Unknown => {
                let known = self.venues.names().join(", ");
                let problem = format!("must be a configured venue: {known}");
                OrderError::Invalid(vec![FieldProblem::new(field, name, problem)])
            }
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

    /// The tenant's order of an id. Another tenant's is not there for the caller; that it was asked for is written down.
    pub(super) async fn own_order(
        &self,
        caller: &Caller,
        id: &OrderId,
    ) -> Result<OrderRecord, OrderError> {
        let not_found = || OrderError::NotFound(id.to_string());
        let record = self.journal.order(id).await?.ok_or_else(not_found)?;
        if caller.sees(&record) {
            Span::current().record("venue", record.at_venue());
            return Ok(record);
        }
        if record.tenant != caller.tenant {
            tracing::warn!(
                target: AUDIT_TARGET,
                order_id = %id,
                key_id = caller.key_id,
                tenant = caller.tenant,
                owner = record.tenant,
                "an order of another tenant was asked for"
            );
        }
        Err(not_found())
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
        let report = Box::pin(venue.read(ask)).await?;
        translate::report_of(record, report).map_err(translate::unreadable)
    }

    /// Asks the venue to cancel an order. `None` where it took the request and the end is to come.
    pub(super) async fn send_cancel(
        &self,
        record: &OrderRecord,
        deadline: Deadline,
    ) -> Result<Option<OrderReport>, Failure> {
        self.send_cancel_as(record, Cancel::NAME, deadline).await
    }

    /// Asks a venue that an order went on from to cancel what it shows of it.
    pub(super) async fn send_cancel_elsewhere(
        &self,
        left: &OrderRecord,
        deadline: Deadline,
    ) -> Result<Option<OrderReport>, Failure> {
        self.send_cancel_as(left, CANCEL_ELSEWHERE, deadline).await
    }

    async fn send_cancel_as(
        &self,
        record: &OrderRecord,
        operation: &str,
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
        let (id, tape) = (&record.order.id, Tape::default());
        let outcome = venue
            .run(
                ask,
                |attempt| {
                    let operation = operation.to_owned();
                    self.record_attempt(
                        id,
                        Attempt {
                            operation,
                            ..attempt
                        },
                    )
                },
                &tape,
            )
            .await;
        self.changed(record);
        let exchanged = taped(&tape);
        if !exchanged.is_empty()
            && let Err(error) = self.journal.append(id, exchanged).await
        {
            tracing::error!(order = %id, %error, "what was said about a cancel could not be stored");
        }
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
        appended.map_err(|error| not_recorded(&error))?;
        self.must_still_be_active()
    }

    /// Keeps an attempt that is durable from being sent once another gateway may have taken over: the process may
    /// have been stopped since the journal took it.
    pub(super) fn must_still_be_active(&self) -> Result<(), Failure> {
        if self.journal.lease().is_held() {
            return Ok(());
        }
        tracing::error!("the lease on the journal is over; nothing was sent");
        Err(Failure::not_sent(
            FailureCode::JournalUnavailable,
            "another gateway may be active by now; nothing was sent",
        ))
    }

    /// The same for those who only read: where the journal takes nothing, the order is as it has it, and
    /// why comes beside it.
    pub(super) async fn observe_if_possible(
        &self,
        record: OrderRecord,
        report: OrderReport,
    ) -> Result<(OrderRecord, Option<Failure>), StoreError> {
        match self.observe(record.clone(), report).await {
            Ok(seen) => Ok((seen, None)),
            Err(
                error @ (StoreError::Failed(_)
                | StoreError::Broken(_)
                | StoreError::Standby
                | StoreError::Fenced(_)),
            ) => Ok((record, Some(not_recorded(&error)))),
            Err(error) => Err(error),
        }
    }

    pub(super) fn where_it_trades(
        &self,
        record: &OrderRecord,
    ) -> Result<(&Arc<Venue>, Arc<Listed>), Failure> {
        let name = record.at_venue();
        let unavailable =
            |message: String| Failure::not_sent(FailureCode::VenueUnavailable, message);
        let venue = self.venues.named(name).map_err(|missing| match missing {
            NoVenue::Waiting(failure) => *failure,
            NoVenue::Unknown => unavailable(format!("venue {name} is not configured any more")),
        })?;
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

/// What was said to and by the venue, for the journal.
pub(super) fn taped(tape: &Tape) -> Vec<Event> {
    let exchanges = tape.take().into_iter();
    exchanges
        .filter_map(|exchange| serde_json::to_value(exchange).ok())
        .map(|exchange| Event::Exchanged { exchange })
        .collect()
}

/// Why an attempt that the journal refused was not sent.
pub(super) fn not_recorded(error: &StoreError) -> Failure {
    match error {
        StoreError::LabelInUse(_) => Failure {
            field: Some("client_order_id".into()),
            ..Failure::not_sent(FailureCode::InvalidRequest, error.to_string())
        },
        StoreError::KeyInUse => {
            Failure::not_sent(FailureCode::JournalUnavailable, error.to_string())
        }
        StoreError::Lifecycle(_) => Failure::not_sent(
            FailureCode::NotAmendable,
            "the order ended, is to be cancelled, or its change was given up, in the meantime; nothing was sent",
        ),
        _ => {
            tracing::error!(%error, "the journal took no entry; nothing was sent");
            Failure::not_sent(
                FailureCode::JournalUnavailable,
                "the journal takes no entries just now; nothing was sent",
            )
        }
    }
}
