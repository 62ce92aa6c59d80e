//! The account: what it holds at each venue.

use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;
use switchyard_runtime::{Capability, ListBalances, ListPositions, Operation};
use utoipa::ToSchema;

use crate::config::CacheSettings;
use crate::model::{Decimal, Failure, Timestamp};
use crate::plugin::translate::{self, Nonsense};
use crate::reads::{Answer, ReadKey, Shelf, Wanted};
use crate::reliability::Deadline;
use crate::telemetry::Metrics;
use crate::venue::{Ask, Venue};

/// One asset held at one endpoint of a venue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Balance {
    /// Venue.
    pub venue: String,
    /// Endpoint alias: each has a wallet of its own.
    pub endpoint: String,
    /// Asset code.
    pub asset: String,
    /// Available.
    pub free: Decimal,
    /// Held by orders or as margin.
    pub locked: Decimal,
    /// Both together.
    pub total: Decimal,
}

/// An open position. An account that keeps long and short apart has up to two on one instrument.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Position {
    /// Venue.
    pub venue: String,
    /// Endpoint alias.
    pub endpoint: String,
    /// Unified symbol.
    pub symbol: String,
    /// In the instrument's quantity unit; negative is short.
    pub quantity: Decimal,
    /// Average price at which it was entered.
    pub entry_price: Option<Decimal>,
    /// The venue's mark price.
    pub mark_price: Option<Decimal>,
    /// Where the venue would close it.
    pub liquidation_price: Option<Decimal>,
    /// At the mark price, in the settle asset.
    pub unrealized_pnl: Option<Decimal>,
    /// In the settle asset.
    pub realized_pnl: Option<Decimal>,
    /// Margin held for it, in the settle asset.
    pub margin: Option<Decimal>,
    /// Leverage set for it.
    pub leverage: Option<Decimal>,
    /// Asset of margin and profit.
    pub settle: String,
    /// When the venue last changed it.
    pub updated_at: Option<Timestamp>,
}

/// What one endpoint answered.
#[derive(Debug)]
pub struct EndpointAnswer<T> {
    /// Venue.
    pub venue: String,
    /// Endpoint alias.
    pub endpoint: String,
    /// What it has, or why there is nothing.
    pub result: Result<Answer<Vec<T>>, Failure>,
}

/// An endpoint's account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct AccountKey {
    venue: String,
    endpoint: String,
}

impl ReadKey for AccountKey {
    fn venue(&self) -> &str {
        &self.venue
    }
}

/// The accounts at all venues, kept for a while. A clone is the same.
#[derive(Debug, Clone)]
pub struct Accounts {
    balances: Shelf<AccountKey, Vec<Balance>>,
    positions: Shelf<AccountKey, Vec<Position>>,
}

impl Accounts {
    /// Nothing is kept yet.
    pub fn new(settings: &CacheSettings, metrics: &Arc<Metrics>) -> Self {
        let capacity = settings.capacity;
        let balances = settings.freshness(settings.balances_ms);
        let positions = settings.freshness(settings.positions_ms);
        Self {
            balances: Shelf::new("balances", balances, capacity, metrics.clone()),
            positions: Shelf::new("positions", positions, capacity, metrics.clone()),
        }
    }

    /// Balances of every endpoint of the venues given, asked side by side.
    pub async fn balances(
        &self,
        venues: &[Arc<Venue>],
        wanted: Wanted,
        deadline: Deadline,
    ) -> Vec<EndpointAnswer<Balance>> {
        let asked = Asked {
            shelf: &self.balances,
            wanted,
            deadline,
        };
        let everywhere = |_: &Venue, _: &str| true;
        asked
            .of_endpoints::<ListBalances>(venues, everywhere, translate::balances)
            .await
    }

    /// Positions of every endpoint on which contracts trade, or of those that have the symbol, asked side by
    /// side.
    pub async fn positions(
        &self,
        venues: &[Arc<Venue>],
        symbol: Option<&str>,
        wanted: Wanted,
        deadline: Deadline,
    ) -> Vec<EndpointAnswer<Position>> {
        let concerned = |venue: &Venue, endpoint: &str| {
            let has_symbol = symbol.is_none_or(|symbol| {
                venue
                    .instrument(symbol)
                    .is_some_and(|listed| listed.instrument.endpoint == endpoint)
            });
            has_symbol && venue.trades_contracts(endpoint)
        };
        let asked = Asked {
            shelf: &self.positions,
            wanted,
            deadline,
        };
        asked
            .of_endpoints::<ListPositions>(venues, concerned, translate::positions)
            .await
    }

    /// An order at an endpoint was placed, changed, cancelled or filled: what is kept of its account shows it not.
    pub fn changed(&self, venue: &str, endpoint: &str) {
        let is_there = |key: &AccountKey| key.venue == venue && key.endpoint == endpoint;
        self.balances.invalidate_where(is_there);
        self.positions.invalidate_where(is_there);
    }
}

/// How an endpoint's word becomes ours.
type Translated<O, T> = fn(&str, &str, <O as Operation>::Output) -> Result<Vec<T>, Nonsense>;

/// What is asked of endpoints.
struct Asked<'a, T> {
    shelf: &'a Shelf<AccountKey, Vec<T>>,
    wanted: Wanted,
    deadline: Deadline,
}

impl<T: Send + Sync + 'static> Asked<'_, T> {
    async fn of_endpoints<O>(
        &self,
        venues: &[Arc<Venue>],
        concerns: impl Fn(&Venue, &str) -> bool,
        translated: Translated<O, T>,
    ) -> Vec<EndpointAnswer<T>>
    where
        O: Operation<Command = ()> + 'static,
    {
        let asks = venues
            .iter()
            .filter(|venue| venue.has_account() && venue.offers(Capability::Account))
            .flat_map(|venue| venue.endpoints().map(move |endpoint| (venue, endpoint)))
            .filter(|(venue, endpoint)| concerns(venue, endpoint))
            .map(async |(venue, endpoint)| EndpointAnswer {
                venue: venue.name().to_owned(),
                endpoint: endpoint.to_owned(),
                result: self.of_endpoint::<O>(venue, endpoint, translated).await,
            });
        join_all(asks).await
    }

    async fn of_endpoint<O>(
        &self,
        venue: &Arc<Venue>,
        endpoint: &str,
        translated: Translated<O, T>,
    ) -> Result<Answer<Vec<T>>, Failure>
    where
        O: Operation<Command = ()> + 'static,
    {
        let key = AccountKey {
            venue: venue.name().to_owned(),
            endpoint: endpoint.to_owned(),
        };
        let (venue, endpoint) = (venue.clone(), endpoint.to_owned());
        let load = move |deadline| async move {
            let ask = Ask::<O> {
                endpoint: &endpoint,
                instrument: None,
                command: (),
                deadline,
            };
            let answer = venue.read(ask).await?;
            translated(venue.name(), &endpoint, answer).map_err(translate::unreadable)
        };
        let asked = self
            .shelf
            .get(key.clone(), self.wanted, self.deadline, load);
        match (asked.await, self.wanted) {
            (Err(failure), Wanted::Cached) => self.shelf.in_place_of(&key, failure),
            (result, _) => result,
        }
    }
}
