//! Balances and positions.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde::Deserialize;
use switchyard_sdk::account::{Balance, Position};
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::log::Level;
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse};
use switchyard_sdk::{Context, Step};

use crate::amounts;
use crate::assets::Assets;
use crate::failures::{accept, read};
use crate::measures::Measures;
use crate::moments::Moment;
use crate::signing;

pub(crate) fn encode_list_balances(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let margin = signing::query("/user/margin").with("currency", "all");
    // Which says what the minor units are of; not every asset is some instrument's.
    let assets = signing::query("/wallet/assets");
    Ok(vec![signing::read(cx, margin)?, signing::public(assets)])
}

/// One currency's margin, in its minor unit.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMargin<'a> {
    #[serde(borrow, deserialize_with = "switchyard_sdk::json::name")]
    currency: Cow<'a, str>,
    /// Without unrealised profit.
    #[serde(default)]
    wallet_balance: Option<Exact>,
    /// With it, and without what orders and positions hold.
    #[serde(default)]
    available_margin: Option<Exact>,
}

pub(crate) fn decode_list_balances(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Vec<Balance>>, Error> {
    let [margins, assets] = responses else {
        return Err(Error::malformed("two responses expected"));
    };
    let margins: Vec<WireMargin<'_>> = accept(cx, margins, false)?;
    let assets: Assets = accept(cx, assets, false)?;
    let mut balances = Vec::with_capacity(margins.len());
    for margin in margins {
        let Some(wallet) = margin.wallet_balance.filter(|wallet| !wallet.is_zero()) else {
            continue;
        };
        let minor = assets.minor(&margin.currency);
        let Some((minor, unit)) = minor.and_then(|minor| minor.unit().map(|unit| (minor, unit)))
        else {
            cx.log(
                Level::Warn,
                &format!("{} is left out: its scale is not known", margin.currency),
            );
            continue;
        };
        let total = wallet.value()?;
        // Unrealised profit may make more available than there is, and unrealised loss less than nothing.
        let available = match &margin.available_margin {
            Some(available) => available.value()?,
            None => total,
        };
        let free = available.min(total).max(total.min(Decimal::ZERO));
        let locked = total
            .checked_sub(free)
            .ok_or_else(|| Error::malformed("a balance beyond 28 digits"))?;
        let whole = |amount| {
            amounts::product(amount, unit)
                .map(amounts::text)
                .ok_or_else(|| Error::malformed("a balance beyond 28 digits"))
        };
        balances.push(Balance {
            free: whole(free)?,
            locked: whole(locked)?,
            total: whole(total)?,
            asset: minor.asset,
        });
    }
    Ok(Step::Done(balances))
}

pub(crate) fn encode_list_positions(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let query = signing::query("/position");
    Ok(vec![signing::read(cx, query)?])
}

/// A position; of spot symbols there are only the sums of open orders.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePosition<'a> {
    #[serde(borrow, deserialize_with = "switchyard_sdk::json::name")]
    symbol: Cow<'a, str>,
    /// The minor unit of its amounts.
    #[serde(borrow, deserialize_with = "switchyard_sdk::json::name")]
    currency: Cow<'a, str>,
    #[serde(default)]
    current_qty: Option<Exact>,
    #[serde(default)]
    avg_entry_price: Option<Exact>,
    #[serde(default)]
    mark_price: Option<Exact>,
    #[serde(default)]
    liquidation_price: Option<Exact>,
    #[serde(default)]
    unrealised_pnl: Option<Exact>,
    /// Over the position's life, whatever of it has gone to the wallet since.
    #[serde(default)]
    realised_pnl: Option<Exact>,
    #[serde(default)]
    pos_margin: Option<Exact>,
    #[serde(default)]
    leverage: Option<Exact>,
    #[serde(default)]
    timestamp: Option<Moment>,
}

pub(crate) fn decode_list_positions(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Vec<Position>>, Error> {
    let positions: Vec<WirePosition<'_>> = read(cx, responses)?;
    let mut measures = Measures::new(cx)?;
    let mut open = Vec::new();
    for position in positions {
        let Some(contracts) = position
            .current_qty
            .filter(|contracts| !contracts.is_zero())
        else {
            continue;
        };
        let measure = measures.of(&position.symbol)?;
        let money = |amount: &Option<Exact>| -> Result<Option<(String, String)>, Error> {
            match amount {
                Some(amount) => measure.money(amount, Some(&position.currency)),
                None => Ok(None),
            }
        };
        let asset = measure
            .money(&contracts, Some(&position.currency))?
            .map(|(_, asset)| asset);
        let amount = |of: &Option<Exact>| money(of).map(|found| found.map(|(amount, _)| amount));
        open.push(Position {
            symbol: measure.symbol.clone(),
            quantity: measure.quantity(&contracts)?,
            unrealized_pnl: amount(&position.unrealised_pnl)?,
            realized_pnl: amount(&position.realised_pnl)?,
            margin: amount(&position.pos_margin.filter(|margin| !margin.is_zero()))?,
            entry_price: position.avg_entry_price.and_then(Exact::non_zero),
            mark_price: position.mark_price.and_then(Exact::non_zero),
            liquidation_price: position.liquidation_price.and_then(Exact::non_zero),
            leverage: position.leverage.and_then(Exact::non_zero),
            settle: asset.unwrap_or_else(|| position.currency.to_string()),
            updated_at: position.timestamp.map(|time| time.0),
        });
    }
    Ok(Step::Done(open))
}
