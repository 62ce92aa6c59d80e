//! The account: what it holds at each venue.

use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;
use switchyard_runtime::{Capability, ListBalances, ListPositions, Operation};
use utoipa::ToSchema;

use crate::model::{Decimal, Failure, Timestamp};
use crate::plugin::translate::{self, Nonsense};
use crate::reliability::Deadline;
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
    pub result: Result<Vec<T>, Failure>,
}

/// Balances of every endpoint of the venues given, asked side by side.
pub async fn balances(venues: &[Arc<Venue>], deadline: Deadline) -> Vec<EndpointAnswer<Balance>> {
    ask_endpoints::<ListBalances, _>(venues, |_, _| true, translate::balances, deadline).await
}

/// Positions of every endpoint on which contracts trade, or of those that have the symbol, asked side by
/// side.
pub async fn positions(
    venues: &[Arc<Venue>],
    symbol: Option<&str>,
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
    ask_endpoints::<ListPositions, _>(venues, concerned, translate::positions, deadline).await
}

async fn ask_endpoints<O, T>(
    venues: &[Arc<Venue>],
    concerns: impl Fn(&Venue, &str) -> bool,
    translated: impl Fn(&str, &str, O::Output) -> Result<Vec<T>, Nonsense>,
    deadline: Deadline,
) -> Vec<EndpointAnswer<T>>
where
    O: Operation<Command = ()>,
{
    let asks = venues
        .iter()
        .filter(|venue| venue.has_account() && venue.offers(Capability::Account))
        .flat_map(|venue| venue.endpoints().map(move |endpoint| (venue, endpoint)))
        .filter(|(venue, endpoint)| concerns(venue, endpoint))
        .map(async |(venue, endpoint)| {
            let ask = Ask::<O> {
                endpoint,
                instrument: None,
                command: (),
                deadline,
            };
            let result = venue.read(ask).await.and_then(|answer| {
                translated(venue.name(), endpoint, answer).map_err(translate::unreadable)
            });
            EndpointAnswer {
                venue: venue.name().to_owned(),
                endpoint: endpoint.to_owned(),
                result,
            }
        });
    join_all(asks).await
}
