//! Balances.

use std::borrow::Cow;

use serde::Deserialize;
use switchyard_sdk::account::Balance;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method};
use switchyard_sdk::{Context, Step};

use super::dialect::Dialect;
use super::{read, signed};

pub(crate) fn encode_list_balances(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    let query = dialect.query(dialect.balances);
    let weight = dialect.balances_weight;
    Ok(vec![signed(cx, dialect, Method::Get, query, weight)?])
}

pub(crate) fn decode_list_balances(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Vec<Balance>>, Error> {
    /// `balance` is the wallet without unrealised profit. `availableBalance` counts that profit in, and
    /// the other assets in multi-assets mode, so it may exceed the wallet.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Asset<'a> {
        #[serde(borrow, deserialize_with = "switchyard_sdk::json::name")]
        asset: Cow<'a, str>,
        balance: Exact,
        available_balance: Exact,
    }
    let assets: Vec<Asset<'_>> = read(cx, Dialect::of(cx)?, responses)?;
    let mut balances = Vec::with_capacity(assets.len());
    for held in assets {
        if held.balance.is_zero() {
            continue;
        }
        let (total, available) = (held.balance.value()?, held.available_balance.value()?);
        let (free, locked) = if available < total {
            let locked = total
                .checked_sub(available)
                .ok_or_else(|| Error::malformed("a balance beyond 28 digits"))?;
            (held.available_balance, locked.to_string())
        } else {
            (held.balance.clone(), "0".to_owned())
        };
        balances.push(Balance {
            asset: held.asset.into_owned(),
            free: free.into_string(),
            locked,
            total: held.balance.into_string(),
        });
    }
    Ok(Step::Done(balances))
}
