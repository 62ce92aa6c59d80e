//! Limits of the operator's own, of venues and of tenants, that an order is held to before it is journaled
//! or sent: value, price, open orders, rate. Cancels are never held to any.

mod limits;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

pub(super) use self::limits::{Exposure, Grows};
use self::limits::{LimitKind, Overstep, oversteps};
use super::service::{OrderError, Orders};
use super::validate::FieldProblem;
use crate::config::{Config, RiskSettings};
use crate::market::{MarketData, Source};
use crate::model::{Decimal, Failure, FailureCode};
use crate::reads::Wanted;
use crate::reliability::Deadline;
use crate::reliability::limiter::{Headroom, Ledger, LedgerKey, Limiter, LimiterConfig, Priority};
use crate::store::StoreError;

/// What `max_orders_per_second` is about.
const RATE_WINDOW: Duration = Duration::from_secs(1);

/// A rate limit is met at once or not at all.
const AT_ONCE: Duration = Duration::from_millis(1);

/// Oldest price that an order is held to.
const OLDEST_PRICE: Duration = Duration::from_secs(3);

/// Who sets a limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scope {
    Venue(String),
    Tenant(String),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Venue(name) => write!(f, "venue {name}"),
            Self::Tenant(name) => write!(f, "tenant {name}"),
        }
    }
}

struct Limits {
    settings: RiskSettings,
    rate: Option<Ledger>,
}

/// Every limit of the configuration, and what counts against them.
pub struct Risk {
    limits: HashMap<Scope, Limits>,
    limiter: Limiter,
    market: MarketData,
    /// Orders that were let through and are not in the journal yet.
    on_their_way: Mutex<HashMap<Scope, u32>>,
}

impl fmt::Debug for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Risk").finish_non_exhaustive()
    }
}

/// An order that was let through counts as open until this is dropped: by then the journal counts it, or it
/// is not placed.
#[derive(Debug)]
pub(super) struct Passed {
    risk: Arc<Risk>,
    scopes: Vec<Scope>,
}

impl Drop for Passed {
    fn drop(&mut self) {
        let mut on_their_way = self.risk.on_their_way();
        for scope in &self.scopes {
            if let Some(count) = on_their_way.get_mut(scope) {
                *count = count.saturating_sub(1);
            }
        }
    }
}

impl Risk {
    /// The limits of a configuration. Prices come from `market`.
    pub fn new(config: &Config, market: MarketData) -> Self {
        let limiter = Limiter::new(LimiterConfig {
            headroom: Headroom {
                reserve: 0,
                kept_from_reads: 0,
            },
            margin: Duration::ZERO,
            queue: 0,
        });
        let venues = config.venues.iter();
        let venues = venues.map(|(name, venue)| (Scope::Venue(name.clone()), &venue.risk));
        let tenants = config.tenants.iter();
        let tenants = tenants.map(|(name, tenant)| (Scope::Tenant(name.clone()), &tenant.risk));
        let limits = venues
            .chain(tenants)
            .filter(|(_, settings)| **settings != RiskSettings::default())
            .map(|(scope, settings)| {
                let rate = settings.max_orders_per_second.map(|most| {
                    let key = LedgerKey {
                        scope: scope.to_string(),
                        bucket: "orders".into(),
                    };
                    limiter.ledger(key, most.into(), RATE_WINDOW)
                });
                let settings = settings.clone();
                (scope, Limits { settings, rate })
            })
            .collect();
        Self {
            limits,
            limiter,
            market,
            on_their_way: Mutex::default(),
        }
    }

    fn on_their_way(&self) -> MutexGuard<'_, HashMap<Scope, u32>> {
        self.on_their_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, venue: &str, tenant: Option<&str>) -> Vec<(Scope, &Limits)> {
        let tenant = tenant.map(|name| Scope::Tenant(name.to_owned()));
        std::iter::once(Scope::Venue(venue.to_owned()))
            .chain(tenant)
            .filter_map(|scope| Some((scope.clone(), self.limits.get(&scope)?)))
            .collect()
    }
}

impl Orders {
    /// Lets a new order through, or says which limits it oversteps.
    pub(super) async fn hold_to_limits(
        &self,
        tenant: &str,
        source: &Source,
        exposure: Exposure,
        deadline: Deadline,
    ) -> Result<Passed, OrderError> {
        let limits = self.risk.of(source.venue.name(), Some(tenant));
        self.hold(&limits, &limits, source, exposure, deadline)
            .await
    }

    /// The same for an order that goes on to another venue: its tenant's open orders and rate count it already.
    pub(super) async fn hold_elsewhere_to_limits(
        &self,
        tenant: &str,
        source: &Source,
        exposure: Exposure,
        deadline: Deadline,
    ) -> Result<Passed, OrderError> {
        let venue = source.venue.name();
        let (all, counting) = (self.risk.of(venue, Some(tenant)), self.risk.of(venue, None));
        self.hold(&all, &counting, source, exposure, deadline).await
    }

    /// Holds an order to what `all` say of its exposure, and to what `counting` say of its number.
    async fn hold(
        &self,
        all: &[(Scope, &Limits)],
        counting: &[(Scope, &Limits)],
        source: &Source,
        exposure: Exposure,
        deadline: Deadline,
    ) -> Result<Passed, OrderError> {
        let passed = self.hold_open_orders(source, counting, deadline).await?;
        self.hold_exposure(source, all, exposure, deadline).await?;
        self.hold_rate(source, counting).await?;
        Ok(passed)
    }

    /// The same for the change of an open order.
    pub(super) async fn hold_change_to_limits(
        &self,
        tenant: &str,
        source: &Source,
        exposure: Exposure,
        deadline: Deadline,
    ) -> Result<(), OrderError> {
        let limits = self.risk.of(source.venue.name(), Some(tenant));
        self.hold_exposure(source, &limits, exposure, deadline)
            .await?;
        self.hold_rate(source, &limits).await
    }

    async fn hold_exposure(
        &self,
        source: &Source,
        limits: &[(Scope, &Limits)],
        exposure: Exposure,
        deadline: Deadline,
    ) -> Result<(), OrderError> {
        let instrument = &source.listed.instrument;
        let needs_market = limits
            .iter()
            .any(|(_, limits)| exposure.needs_market(&limits.settings, instrument));
        let market = if needs_market {
            Some(self.price_met_by(source, exposure, deadline).await?)
        } else {
            None
        };
        let found: Vec<Overstep> = limits
            .iter()
            .flat_map(|(scope, limits)| {
                oversteps(scope, &limits.settings, instrument, exposure, market)
            })
            .collect();
        self.none_of(source, found)
    }

    async fn hold_rate(
        &self,
        source: &Source,
        limits: &[(Scope, &Limits)],
    ) -> Result<(), OrderError> {
        let rates: Vec<(&Ledger, u64)> = limits
            .iter()
            .filter_map(|(_, limits)| Some((limits.rate.as_ref()?, 1)))
            .collect();
        if rates.is_empty() {
            return Ok(());
        }
        let taken = self
            .risk
            .limiter
            .acquire(&rates, Priority::Place, Deadline::after(AT_ONCE));
        match taken.await {
            Ok(ticket) => {
                ticket.settle();
                Ok(())
            }
            Err(refused) => {
                self.note_overstep(source, LimitKind::Rate);
                Err(OrderError::TooOften {
                    venue: source.venue.name().to_owned(),
                    retry_after: refused.retry_after.unwrap_or(RATE_WINDOW),
                })
            }
        }
    }

    async fn hold_open_orders(
        &self,
        source: &Source,
        limits: &[(Scope, &Limits)],
        deadline: Deadline,
    ) -> Result<Passed, OrderError> {
        let limited: Vec<(&Scope, u32)> = limits
            .iter()
            .filter_map(|(scope, limits)| Some((scope, limits.settings.max_open_orders?)))
            .collect();
        let passed = Passed {
            risk: self.risk.clone(),
            scopes: limited.iter().map(|(scope, _)| (*scope).clone()).collect(),
        };
        // Before the journal is asked: what enters it meanwhile is counted twice, and never not at all.
        let ahead: Vec<u32> = {
            let mut on_their_way = self.risk.on_their_way();
            let mut count = |scope: &Scope| {
                let count = on_their_way.entry(scope.clone()).or_default();
                *count += 1;
                *count - 1
            };
            limited.iter().map(|(scope, _)| count(scope)).collect()
        };
        let mut found = Vec::new();
        for ((scope, most), ahead) in limited.into_iter().zip(ahead) {
            let is_full = |open: u64| open + u64::from(ahead) >= u64::from(most);
            let mut open = self.count_open(scope).await?;
            if is_full(open) {
                // Some may have ended that the gateway has not heard of.
                self.refresh_open_of(scope, deadline).await;
                open = self.count_open(scope).await?;
            }
            if is_full(open) {
                let problem =
                    format!("the order would be one too many: {scope} allows {most} open at once");
                found.push(Overstep {
                    kind: LimitKind::OpenOrders,
                    problem: FieldProblem::absent("max_open_orders", problem),
                });
            }
        }
        self.none_of(source, found)?;
        Ok(passed)
    }

    async fn count_open(&self, scope: &Scope) -> Result<u64, StoreError> {
        match scope {
            Scope::Venue(name) => self.journal.count_open(Some(name), None).await,
            Scope::Tenant(name) => self.journal.count_open(None, Some(name)).await,
        }
    }

    async fn refresh_open_of(&self, scope: &Scope, deadline: Deadline) {
        let venues = self.venues.iter().filter(|venue| match scope {
            Scope::Venue(name) => venue.name() == name,
            Scope::Tenant(_) => true,
        });
        join_all(venues.map(|venue| self.refresh_open_at(venue, deadline))).await;
    }

    fn none_of(&self, source: &Source, found: Vec<Overstep>) -> Result<(), OrderError> {
        if found.is_empty() {
            return Ok(());
        }
        for overstep in &found {
            self.note_overstep(source, overstep.kind);
        }
        let venue = source.venue.name().to_owned();
        let problems = found.into_iter().map(|overstep| overstep.problem).collect();
        Err(OrderError::OverLimit { venue, problems })
    }

    fn note_overstep(&self, source: &Source, kind: LimitKind) {
        let venue = source.venue.name();
        self.metrics
            .reliability
            .overstepped(venue, kind.setting_name());
    }

    /// The best price that an order of this side meets.
    async fn price_met_by(
        &self,
        source: &Source,
        exposure: Exposure,
        deadline: Deadline,
    ) -> Result<Decimal, OrderError> {
        let none = |code, why: String| OrderError::Venue {
            venue: source.venue.name().to_owned(),
            failure: Box::new(Failure::not_sent(
                code,
                format!("there is no price to hold the order to: {why}; nothing was sent"),
            )),
            order_id: None,
        };
        let sources = vec![source.clone()];
        let answer = self.risk.market.ticker(sources, Wanted::Cached, deadline);
        let ticker = answer.await.map_err(|error| {
            let failure = error.failures.into_iter().next();
            failure.map_or_else(
                || none(FailureCode::VenueUnavailable, "nobody was asked".into()),
                |(_, failure)| none(failure.code, failure.message),
            )
        })?;
        if ticker.served.age().is_some_and(|age| age > OLDEST_PRICE) {
            let why = "the venue does not answer".to_owned();
            return Err(none(FailureCode::VenueUnavailable, why));
        }
        let met = exposure.price_met(&ticker.value);
        met.ok_or_else(|| none(FailureCode::VenueUnavailable, "the book is empty".into()))
    }
}
