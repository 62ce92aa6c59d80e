//! Limits of the operator's own, of venues and of tenants, that an order is held to before it is journaled
//! or sent: value, price, open orders, rate. Cancels are never held to any.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use switchyard_runtime::GetTicker;

use super::service::{OrderError, Orders};
use super::validate::FieldProblem;
use crate::config::{Config, RiskSettings};
use crate::market::Ticker;
use crate::model::{Decimal, Failure, FailureCode, Instrument, OrderType, Payoff, Side};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::reliability::limiter::{Headroom, Ledger, LedgerKey, Limiter, LimiterConfig, Priority};
use crate::venue::{Ask, Listed, Venue};

/// Who sets a limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scope {
    Venue(String),
    Tenant(String),
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
    /// Orders that were let through and are not in the journal yet.
    on_their_way: Mutex<HashMap<Scope, u32>>,
}

impl std::fmt::Debug for Risk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Risk").finish_non_exhaustive()
    }
}

/// What is to be sent, as far as limits are concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exposure {
    pub(super) side: Side,
    pub(super) order_type: OrderType,
    pub(super) quantity: Decimal,
    pub(super) price: Option<Decimal>,
}

/// An order that was let through counts as open until this is dropped: then the journal counts it.
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
    /// The limits of a configuration.
    pub fn new(config: &Config) -> Self {
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
                    limiter.ledger(key, most.into(), Duration::from_secs(1))
                });
                let settings = settings.clone();
                (scope, Limits { settings, rate })
            })
            .collect();
        Self {
            limits,
            limiter,
            on_their_way: Mutex::default(),
        }
    }

    fn on_their_way(&self) -> std::sync::MutexGuard<'_, HashMap<Scope, u32>> {
        self.on_their_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn of<'a>(&'a self, venue: &str, tenant: &str) -> Vec<(Scope, &'a Limits)> {
        [
            Scope::Venue(venue.to_owned()),
            Scope::Tenant(tenant.to_owned()),
        ]
        .into_iter()
        .filter_map(|scope| Some((scope.clone(), self.limits.get(&scope)?)))
        .collect()
    }
}

impl Orders {
    /// Lets an order through, or says which limit it breaks. Counts it as open until the answer is dropped.
    pub(super) async fn hold_to_limits(
        &self,
        tenant: &str,
        venue: &Arc<Venue>,
        listed: &Arc<Listed>,
        exposure: Exposure,
        deadline: Deadline,
    ) -> Result<Passed, OrderError> {
        let passed = self.count_open(tenant, venue).await?;
        self.hold_change_to_limits(tenant, venue, listed, exposure, deadline)
            .await?;
        Ok(passed)
    }

    /// Lets a change of an order through, which opens no further one.
    pub(super) async fn hold_change_to_limits(
        &self,
        tenant: &str,
        venue: &Arc<Venue>,
        listed: &Arc<Listed>,
        exposure: Exposure,
        deadline: Deadline,
    ) -> Result<(), OrderError> {
        let limits = self.risk.of(venue.name(), tenant);
        let needs_market = limits.iter().any(|(_, limits)| {
            let collar = limits.settings.price_collar_percent.is_some() && exposure.price.is_some();
            let value = limits.settings.max_notional.is_some()
                && needs_price(&listed.instrument, exposure);
            collar || value
        });
        let market = if needs_market {
            Some(self.touch(venue, listed, exposure.side, deadline).await?)
        } else {
            None
        };
        let problems: Vec<FieldProblem> = limits
            .iter()
            .flat_map(|(scope, limits)| {
                problems(
                    scope,
                    &limits.settings,
                    &listed.instrument,
                    exposure,
                    market,
                )
            })
            .collect();
        if !problems.is_empty() {
            return Err(OrderError::OverLimit(problems));
        }
        // Last, so that what is refused for another reason costs nothing.
        let rates: Vec<(&Ledger, u64)> = limits
            .iter()
            .filter_map(|(_, limits)| Some((limits.rate.as_ref()?, 1)))
            .collect();
        if rates.is_empty() {
            return Ok(());
        }
        let at_once = Deadline::after(Duration::from_millis(1));
        match self
            .risk
            .limiter
            .acquire(&rates, Priority::Place, at_once)
            .await
        {
            Ok(ticket) => {
                ticket.settle();
                Ok(())
            }
            Err(refused) => Err(OrderError::TooOften {
                retry_after: refused.retry_after,
            }),
        }
    }

    async fn count_open(&self, tenant: &str, venue: &Arc<Venue>) -> Result<Passed, OrderError> {
        let limited: Vec<(Scope, u32)> = self
            .risk
            .of(venue.name(), tenant)
            .into_iter()
            .filter_map(|(scope, limits)| Some((scope, limits.settings.max_open_orders?)))
            .collect();
        // Counted before the journal is: an order that enters it meanwhile is counted twice, never not at all.
        let passed = Passed {
            risk: self.risk.clone(),
            scopes: limited.iter().map(|(scope, _)| scope.clone()).collect(),
        };
        let mut ahead = BTreeMap::new();
        {
            let mut on_their_way = self.risk.on_their_way();
            for (place, (scope, _)) in limited.iter().enumerate() {
                let count = on_their_way.entry(scope.clone()).or_default();
                ahead.insert(place, *count);
                *count += 1;
            }
        }
        for (place, (scope, most)) in limited.iter().enumerate() {
            let open = match scope {
                Scope::Venue(name) => self.journal.count_open(Some(name), None).await?,
                Scope::Tenant(name) => self.journal.count_open(None, Some(name)).await?,
            };
            let ahead = u64::from(ahead.get(&place).copied().unwrap_or_default());
            if open + ahead >= u64::from(*most) {
                let problem = format!("{scope} may have {most} orders open at once, and has them");
                let problem = FieldProblem::absent("max_open_orders", problem);
                return Err(OrderError::OverLimit(vec![problem]));
            }
        }
        Ok(passed)
    }

    /// The best price that an order of this side meets.
    async fn touch(
        &self,
        venue: &Arc<Venue>,
        listed: &Arc<Listed>,
        side: Side,
        deadline: Deadline,
    ) -> Result<Decimal, OrderError> {
        let instrument = &listed.instrument;
        let ask = Ask::<GetTicker> {
            endpoint: &instrument.endpoint,
            instrument: Some(listed),
            command: (),
            deadline,
        };
        let ticker = venue.read(ask).await.and_then(|ticker| {
            translate::ticker(venue.name(), &instrument.symbol, ticker)
                .map_err(translate::unreadable)
        });
        let no_price = |failure: Failure| OrderError::Venue {
            venue: venue.name().to_owned(),
            failure: Box::new(Failure::not_sent(
                failure.code,
                format!("there is no price to hold the order to: {}", failure.message),
            )),
            order_id: None,
        };
        let ticker = ticker.map_err(no_price)?;
        touch_of(&ticker, side).ok_or_else(|| {
            let message = "the market has no price";
            no_price(Failure::not_sent(FailureCode::VenueUnavailable, message))
        })
    }
}

fn touch_of(ticker: &Ticker, side: Side) -> Option<Decimal> {
    let opposite = match side {
        Side::Buy => ticker.ask,
        Side::Sell => ticker.bid,
    };
    opposite.or(ticker.last).filter(|price| price.is_positive())
}

/// Whether the order's value depends on a price that it does not name.
fn needs_price(instrument: &Instrument, exposure: Exposure) -> bool {
    instrument.payoff != Payoff::Inverse && exposure.price.is_none()
}

/// What an order is worth, and in which asset that is counted.
fn value_of(
    instrument: &Instrument,
    exposure: Exposure,
    market: Option<Decimal>,
) -> Option<(Decimal, &str)> {
    let size = exposure.quantity.exact_product(instrument.contract_size)?;
    if instrument.payoff == Payoff::Inverse {
        return Some((size, &instrument.quote));
    }
    let value = size.exact_product(exposure.price.or(market)?)?;
    let asset = match instrument.payoff {
        Payoff::Quanto => &instrument.settle,
        _ => &instrument.quote,
    };
    Some((value, asset))
}

/// Which limits an order breaks.
fn problems(
    scope: &Scope,
    limits: &RiskSettings,
    instrument: &Instrument,
    exposure: Exposure,
    market: Option<Decimal>,
) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if let Some(most) = &limits.max_notional {
        let problem = match value_of(instrument, exposure, market) {
            Some((value, asset)) => match most.get(asset) {
                Some(most) if value <= *most => None,
                Some(most) => Some(format!(
                    "makes the order worth {value} {asset}; {scope} allows {most}"
                )),
                None => Some(format!(
                    "makes the order worth {value} {asset}; {scope} allows no orders in {asset}"
                )),
            },
            None => Some(format!(
                "makes the order worth more than can be counted; {scope} has a limit"
            )),
        };
        let quantity = exposure.quantity;
        problems.extend(problem.map(|problem| FieldProblem::new("quantity", quantity, problem)));
    }
    if let (Some(percent), Some(price), Some(market)) =
        (limits.price_collar_percent, exposure.price, market)
    {
        let hundred = rust_decimal::Decimal::ONE_HUNDRED;
        let share = percent.value() / hundred;
        let (is_through, bound) = match exposure.side {
            Side::Buy => {
                let most = market.value().saturating_add(market.value() * share);
                (price.value() > most, most)
            }
            Side::Sell => {
                let least = market.value().saturating_sub(market.value() * share);
                (price.value() < least, least)
            }
        };
        if is_through {
            let problem = format!(
                "is more than {percent} % through the market at {market}; {scope} allows {}",
                Decimal::from(bound)
            );
            problems.push(FieldProblem::new("price", price, problem));
        }
    }
    problems
}
