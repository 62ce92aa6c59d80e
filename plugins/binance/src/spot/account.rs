//! Balances; spot has no positions.

use std::borrow::Cow;

use serde::Deserialize;
use switchyard_sdk::account::{Balance, Position};
use switchyard_sdk::decimal::{self, Exact};
use switchyard_sdk::query::Query;
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method};
use switchyard_sdk::{Context, Step};

use super::{read, signed};

pub(crate) fn encode_list_balances(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let query = Query::on("/api/v3/account").with("omitZeroBalances", "true");
    Ok(vec![signed(cx, Method::Get, query, 20)?])
}

pub(crate) fn decode_list_balances(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Vec<Balance>>, Error> {
    #[derive(Deserialize)]
    struct Account<'a> {
        #[serde(borrow)]
        balances: Vec<Asset<'a>>,
    }
    #[derive(Deserialize)]
    struct Asset<'a> {
        #[serde(borrow, deserialize_with = "switchyard_sdk::json::name")]
        asset: Cow<'a, str>,
        free: Exact,
        locked: Exact,
    }
    let account: Account<'_> = read(cx, responses)?;
    let mut balances = Vec::with_capacity(account.balances.len());
    for held in account.balances {
        if held.free.is_zero() && held.locked.is_zero() {
            continue;
        }
        let total = decimal::sum(held.free.as_str(), held.locked.as_str())
            .ok_or_else(|| Error::malformed("a balance beyond 28 digits"))?;
        balances.push(Balance {
            asset: held.asset.into_owned(),
            free: held.free.into_string(),
            locked: held.locked.into_string(),
            total,
        });
    }
    Ok(Step::Done(balances))
}

pub(crate) fn encode_list_positions(
    _: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    Err(Error::unsupported("list_positions"))
}

pub(crate) fn decode_list_positions(
    _: &Context<'_>,
    _: Option<&[u8]>,
    _: &[HttpResponse],
) -> Result<Step<Vec<Position>>, Error> {
    Err(Error::unsupported("list_positions"))
}
