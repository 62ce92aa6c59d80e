//! The spot API (`/api/v3`).

use switchyard_sdk::query::Query;
use switchyard_sdk::time::MS_PER_DAY;
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method};
use switchyard_sdk::{Context, json};

use crate::walk::Pace;
use crate::{failures, signing};

pub(crate) mod account;
pub(crate) mod amend;
pub(crate) mod cancel_all;
mod error_codes;
pub(crate) mod fills;
pub(crate) mod history;
pub(crate) mod instruments;
pub(crate) mod market;
mod orders;
pub(crate) mod rules;
pub(crate) mod trading;

/// The alias of the spot API's origin.
pub(crate) const ENDPOINT: &str = "spot";

/// The bucket of `REQUEST_WEIGHT`, per address.
pub(crate) const WEIGHT: &str = "spot_weight";
/// The bucket of `RAW_REQUESTS`, per address.
pub(crate) const RAW: &str = "spot_raw";
/// The bucket of `ORDERS` in ten seconds, per account.
pub(crate) const ORDERS_10S: &str = "spot_orders_10s";
/// The bucket of `ORDERS` in a day, per account.
pub(crate) const ORDERS_1D: &str = "spot_orders_1d";

/// "The time between startTime and endTime can't be longer than 24 hours"; ids have no such limit.
const PACE: Pace = Pace {
    window_ms: MS_PER_DAY,
    page: 1_000,
    // 2017-07-01, before Binance opened.
    earliest: 1_498_867_200_000,
    follows_ids: true,
};

/// A public GET with its weight.
fn public(cx: &Context<'_>, query: Query, weight: u32) -> Vec<HttpRequest> {
    vec![weighed(signing::public(cx, query), weight)]
}

/// A signed request with its weight.
fn signed(
    cx: &Context<'_>,
    method: Method,
    query: Query,
    weight: u32,
) -> Result<HttpRequest, Error> {
    Ok(weighed(signing::signed(cx, method, query)?, weight))
}

fn weighed(request: HttpRequest, weight: u32) -> HttpRequest {
    request.cost(WEIGHT, weight).cost(RAW, 1)
}

/// A request that also counts as a new order.
fn ordering(request: HttpRequest) -> HttpRequest {
    request.cost(ORDERS_10S, 1).cost(ORDERS_1D, 1)
}

/// The single answer of a read, as `T`.
fn read<'a, T: serde::Deserialize<'a>>(
    cx: &Context<'_>,
    responses: &'a [HttpResponse],
) -> Result<T, Error> {
    failures::accept(cx, &error_codes::SPOT, json::single(responses)?, false)
}

/// Every answer of a read that asked several times, as lists of `T`.
fn read_lists<'a, T: serde::Deserialize<'a>>(
    cx: &Context<'_>,
    responses: &'a [HttpResponse],
) -> Result<Vec<Vec<T>>, Error> {
    failures::accept_lists(cx, &error_codes::SPOT, responses)
}

/// The single answer of a request that may have changed the account, as `T`.
fn written<'a, T: serde::Deserialize<'a>>(
    cx: &Context<'_>,
    responses: &'a [HttpResponse],
) -> Result<T, Error> {
    let response = json::single(responses).map_err(failures::after)?;
    failures::accept(cx, &error_codes::SPOT, response, true)
}
