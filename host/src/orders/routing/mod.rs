//! Where else an order may go: to venues that its caller named, as exactly the same exposure, and only when the one
//! before certainly has it not.

mod left_behind;

use std::sync::Arc;

use switchyard_runtime::Capability;

use super::place::NewOrder;
use super::service::Orders;
use super::validate::{self, FieldProblem};
use crate::model::{Decimal, Destination, Failure, FailureCode, Fate, Instrument};
use crate::venue::{Listed, NoVenue, Venue};

pub(super) use left_behind::LeftBehind;

/// Venues that a caller may name beside the first.
const MAX_VENUES: usize = 8;

/// A venue that an order may go to, and what it is there.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) venue: Arc<Venue>,
    pub(super) listed: Arc<Listed>,
    pub(super) destination: Destination,
}

/// Whether an order goes on to another venue after this: it is certain that this one has it not, and the reason is
/// the venue's state and not the order.
pub(super) fn goes_on_after(failure: &Failure) -> bool {
    let is_passing = matches!(
        failure.code,
        FailureCode::VenueUnavailable
            | FailureCode::Overloaded
            | FailureCode::RateLimited
            | FailureCode::Banned
            | FailureCode::Halted
    );
    is_passing && failure.fate != Fate::Unknown
}

impl Orders {
    /// The venues that a new order may go on to, in the caller's order. One whose adapter is not here, or that has
    /// not listed its instruments yet, is left out: nothing can be proven of it, and it could take no order.
    ///
    /// # Errors
    /// What is wrong with each of them.
    pub(super) fn routes(
        &self,
        new: &NewOrder,
        asked: &Instrument,
    ) -> Result<Vec<Route>, Vec<FieldProblem>> {
        if new.failover.len() > MAX_VENUES {
            let problem = format!("must name at most {MAX_VENUES} venues");
            let count = format!("{} venues", new.failover.len());
            return Err(vec![FieldProblem::new("failover", count, problem)]);
        }
        let (mut routes, mut problems) = (Vec::new(), Vec::new());
        for (place, name) in new.failover.iter().enumerate() {
            let is_repeated = new.failover.iter().take(place).any(|other| other == name);
            let route = if is_repeated || *name == new.venue {
                Err("must be another venue than those before it".to_owned())
            } else {
                self.route(new, asked, name)
            };
            match route {
                Ok(route) => routes.extend(route),
                Err(problem) => problems.push(FieldProblem::new("failover", name, problem)),
            }
        }
        if problems.is_empty() {
            Ok(routes)
        } else {
            Err(problems)
        }
    }

    fn route(
        &self,
        new: &NewOrder,
        asked: &Instrument,
        name: &str,
    ) -> Result<Option<Route>, String> {
        let venue = match self.venues.named(name) {
            Ok(venue) => venue,
            Err(NoVenue::Waiting(failure)) => {
                tracing::warn!(venue = name, %failure, "no order goes on to it");
                return Ok(None);
            }
            Err(NoVenue::Unknown) => {
                let known = self.venues.names().join(", ");
                return Err(format!("must be a configured venue: {known}"));
            }
        };
        if !venue.has_account() || !venue.offers(Capability::Trading) {
            return Err("must be a venue on which the gateway can trade".into());
        }
        let before = std::iter::once(&new.venue).chain(&new.failover);
        let mut before = before.take_while(|other| *other != name);
        let is_shared = |other: &Arc<Venue>| venue.shares_account_with(other);
        if let Some(other) = before.find(|other| self.venues.get(other).is_some_and(is_shared)) {
            return Err(format!("must be another account than that of {other}"));
        }
        let Some(listed) = venue.instrument(&new.symbol) else {
            if !venue.is_listed() {
                tracing::warn!(venue = name, "not listed yet: no order goes on to it");
                return Ok(None);
            }
            return Err(format!("must have {}", new.symbol));
        };
        let (destination, reduces) = (destination(new.quantity, asked, &listed.instrument)?, {
            let rules = venue.rules(&listed.instrument.endpoint);
            rules.is_some_and(|rules| rules.reduce_only)
        });
        let there = NewOrder {
            venue: name.to_owned(),
            symbol: destination.symbol.clone(),
            quantity: destination.quantity,
            ..new.clone()
        };
        match validate::problems(&there, &listed.instrument, reduces).first() {
            Some(problem) => Err(format!("must be able to take the order: there, {problem}")),
            None => Ok(Some(Route {
                venue: venue.clone(),
                listed,
                destination,
            })),
        }
    }
}

/// What a quantity of one instrument is as exactly the same exposure in another.
fn destination(
    quantity: Decimal,
    asked: &Instrument,
    there: &Instrument,
) -> Result<Destination, String> {
    let conversion = asked.conversion_to(there).ok_or_else(|| {
        format!(
            "must have the same instrument: its {} differs in product, payoff or assets",
            there.symbol
        )
    })?;
    let converted = conversion.of(quantity).ok_or_else(|| {
        format!(
            "must be able to hold the quantity exactly: {quantity} times {} divided by {} is no decimal",
            conversion.multiply, conversion.divide
        )
    })?;
    Ok(Destination {
        venue: there.venue.clone(),
        endpoint: there.endpoint.clone(),
        symbol: there.symbol.clone(),
        quantity: converted,
        conversion,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_certainly_had_no_effect_and_is_no_fault_of_the_order_goes_on() {
        let goes_on = |code, fate| goes_on_after(&Failure::new(code, fate, ""));
        for code in [
            FailureCode::VenueUnavailable,
            FailureCode::Overloaded,
            FailureCode::RateLimited,
            FailureCode::Banned,
            FailureCode::Halted,
        ] {
            assert!(goes_on(code, Fate::NotSent), "{code:?}");
            assert!(goes_on(code, Fate::Refused), "{code:?}");
            assert!(!goes_on(code, Fate::Unknown), "{code:?}");
        }
        for code in [
            FailureCode::InvalidRequest,
            FailureCode::InsufficientFunds,
            FailureCode::OrderNotFound,
            FailureCode::DuplicateClientId,
            FailureCode::NotAmendable,
            FailureCode::AuthFailed,
            FailureCode::ClockSkew,
            FailureCode::OutcomeUnknown,
            FailureCode::Unsupported,
            FailureCode::MalformedResponse,
            FailureCode::Timeout,
            FailureCode::AdapterFailed,
            FailureCode::JournalUnavailable,
        ] {
            for fate in [Fate::NotSent, Fate::Refused, Fate::Unknown] {
                assert!(!goes_on(code, fate), "{code:?} {fate:?}");
            }
        }
    }
}
