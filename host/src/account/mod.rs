//! The account: what it holds at each venue.

use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;
use switchyard_runtime::{Capability, ListBalances};
use utoipa::ToSchema;

use crate::model::{Decimal, Failure};
use crate::plugin::translate;
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

/// What one endpoint answered.
#[derive(Debug)]
pub struct EndpointBalances {
    /// Venue.
    pub venue: String,
    /// Endpoint alias.
    pub endpoint: String,
    /// Its balances, or why there are none.
    pub result: Result<Vec<Balance>, Failure>,
}

/// Balances of every endpoint of the venues given, asked side by side.
pub async fn balances(venues: &[Arc<Venue>], deadline: Deadline) -> Vec<EndpointBalances> {
    let asks = venues
        .iter()
        .filter(|venue| venue.has_account() && venue.offers(Capability::Account))
        .flat_map(|venue| venue.endpoints().map(move |endpoint| (venue, endpoint)))
        .map(|(venue, endpoint)| async move {
            let ask = Ask::<ListBalances> {
                endpoint,
                instrument: None,
                command: (),
                deadline,
            };
            let result = venue.read(ask).await.and_then(|answer| {
                translate::balances(venue.name(), endpoint, answer).map_err(translate::unreadable)
            });
            EndpointBalances {
                venue: venue.name().to_owned(),
                endpoint: endpoint.to_owned(),
                result,
            }
        });
    join_all(asks).await
}
