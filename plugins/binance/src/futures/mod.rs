//! The futures APIs: USD-M (`/fapi`) and COIN-M (`/dapi`).
//!
//! They are one API with two sets of paths, weights and units; what differs is in [`dialect`].

use serde::Deserialize;
use switchyard_sdk::query::Query;
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method};
use switchyard_sdk::{Context, json};

use crate::failures::{self, after};
use crate::signing;

pub(crate) mod account;
mod algo;
pub(crate) mod amend;
pub(crate) mod cancel_all;
pub(crate) mod candles;
pub(crate) mod dialect;
mod error_codes;
pub(crate) mod fills;
pub(crate) mod history;
pub(crate) mod instruments;
pub(crate) mod market;
mod orders;
pub(crate) mod positions;
pub(crate) mod rules;
pub(crate) mod trading;

use dialect::Dialect;

/// A public GET with its weight.
fn public(cx: &Context<'_>, dialect: &Dialect, query: Query, weight: u32) -> HttpRequest {
    signing::public(cx, query).cost(dialect.weight, weight)
}

/// A signed request with its weight; placing orders weighs nothing.
fn signed(
    cx: &Context<'_>,
    dialect: &Dialect,
    method: Method,
    query: Query,
    weight: u32,
) -> Result<HttpRequest, Error> {
    let request = signing::signed(cx, method, query)?;
    Ok(if weight > 0 {
        request.cost(dialect.weight, weight)
    } else {
        request
    })
}

/// The same request, which also counts as an order.
fn ordering(dialect: &Dialect, request: HttpRequest) -> HttpRequest {
    dialect
        .orders
        .iter()
        .fold(request, |request, bucket| request.cost(bucket, 1))
}

/// The single answer of a read, as `T`.
fn read<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    dialect: &Dialect,
    responses: &'a [HttpResponse],
) -> Result<T, Error> {
    failures::accept(cx, dialect.errors, json::single(responses)?, false)
}

/// Every answer of a read that asked several times, as lists of `T`.
fn read_lists<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    dialect: &Dialect,
    responses: &'a [HttpResponse],
) -> Result<Vec<Vec<T>>, Error> {
    failures::accept_lists(cx, dialect.errors, responses)
}

/// The single answer of a request that may have changed the account, as `T`.
fn written<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    dialect: &Dialect,
    responses: &'a [HttpResponse],
) -> Result<T, Error> {
    let response = json::single(responses).map_err(after)?;
    failures::accept(cx, dialect.errors, response, true)
}

/// The answer to a request that changes the account and says no more than that it is done, whose code
/// is a number or a text.
fn confirmed(cx: &Context<'_>, dialect: &Dialect, responses: &[HttpResponse]) -> Result<(), Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Code<'a> {
        Number(i64),
        Text(&'a str),
    }
    #[derive(Deserialize)]
    struct Done<'a> {
        #[serde(borrow)]
        code: Code<'a>,
    }
    match written::<Done<'_>>(cx, dialect, responses)?.code {
        Code::Number(200) | Code::Text("200") => Ok(()),
        _ => Err(Error::malformed("a success with another code").after(true)),
    }
}
