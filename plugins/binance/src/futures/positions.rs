//! Positions.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde::Deserialize;
use switchyard_sdk::account::Position;
use switchyard_sdk::decimal::{self, Exact};
use switchyard_sdk::time::Millis;
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method};
use switchyard_sdk::{Context, Step};

use super::dialect::Dialect;
use super::{read, signed};

pub(crate) fn encode_list_positions(
    cx: &Context<'_>,
    _: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    let query = dialect.query(dialect.positions);
    let weight = dialect.positions_weight;
    Ok(vec![signed(cx, dialect, Method::Get, query, weight)?])
}

/// A position of either API; the optional fields are those that one of them lacks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePosition<'a> {
    #[serde(borrow, deserialize_with = "switchyard_sdk::json::name")]
    symbol: Cow<'a, str>,
    /// `BOTH`, or in hedge mode `LONG` and `SHORT`.
    #[serde(borrow)]
    position_side: Cow<'a, str>,
    position_amt: Exact,
    entry_price: Exact,
    mark_price: Exact,
    un_realized_profit: Exact,
    liquidation_price: Exact,
    #[serde(default)]
    leverage: Option<Exact>,
    #[serde(default)]
    notional: Option<Exact>,
    #[serde(borrow, default)]
    margin_asset: Option<Cow<'a, str>>,
    /// "Initial margin required with current mark price."
    #[serde(default)]
    position_initial_margin: Option<Exact>,
    #[serde(default)]
    isolated_wallet: Option<Exact>,
    #[serde(default)]
    isolated_margin: Option<Exact>,
    #[serde(default)]
    update_time: Option<Millis>,
}

pub(crate) fn decode_list_positions(
    cx: &Context<'_>,
    _: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Vec<Position>>, Error> {
    let positions: Vec<WirePosition<'_>> = read(cx, Dialect::of(cx)?, responses)?;
    let open = positions
        .into_iter()
        .filter(|position| !position.position_amt.is_zero())
        .map(|position| report(cx, position))
        .collect::<Result<_, _>>()?;
    Ok(Step::Done(open))
}

fn report(cx: &Context<'_>, position: WirePosition<'_>) -> Result<Position, Error> {
    let instrument = cx.find(&cx.endpoint, &position.symbol);
    let quantity = match (
        &*position.position_side,
        position.position_amt.into_string(),
    ) {
        ("SHORT", amount) if !amount.starts_with('-') => format!("-{amount}"),
        ("LONG", amount) if amount.starts_with('-') => {
            return Err(Error::malformed(format!("a long position of {amount}")));
        }
        ("BOTH" | "LONG" | "SHORT", amount) => amount,
        _ => {
            return Err(Error::malformed("a position side that is not documented"));
        }
    };
    let leverage = match position.leverage.and_then(Exact::non_zero) {
        Some(leverage) => Some(leverage),
        None => implied_leverage(
            position.notional.as_ref(),
            position.position_initial_margin.as_ref(),
        )?,
    };
    let margin_asset = position.margin_asset.filter(|asset| !asset.is_empty());
    let settle = match (margin_asset, &instrument) {
        (Some(asset), _) => asset.into_owned(),
        (None, Some(instrument)) => instrument.settle.clone(),
        // `BTCUSD_PERP` is margined in BTC.
        (None, None) => position
            .symbol
            .split_once("USD")
            .map_or(&*position.symbol, |(base, _)| base)
            .to_owned(),
    };
    Ok(Position {
        symbol: instrument.map_or_else(
            || position.symbol.clone().into_owned(),
            |instrument| instrument.symbol,
        ),
        quantity,
        entry_price: position.entry_price.non_zero(),
        mark_price: position.mark_price.non_zero(),
        liquidation_price: position.liquidation_price.non_zero(),
        unrealized_pnl: Some(position.un_realized_profit.into_string()),
        realized_pnl: None,
        // The wallet of an isolated position, else what a crossed one holds.
        margin: [
            position.isolated_wallet,
            position.position_initial_margin,
            position.isolated_margin,
        ]
        .into_iter()
        .flatten()
        .find_map(Exact::non_zero),
        leverage,
        settle,
        updated_at: position
            .update_time
            .map(|time| time.0)
            .filter(|time| *time > 0),
    })
}

/// The leverage that an initial margin comes to: it is the notional divided by the leverage, which is a
/// whole number, and Binance rounds the margin to eight places.
fn implied_leverage(
    notional: Option<&Exact>,
    margin: Option<&Exact>,
) -> Result<Option<String>, Error> {
    let (Some(notional), Some(margin)) = (notional, margin) else {
        return Ok(None);
    };
    let quotient = decimal::quotient(notional.value()?.abs(), margin.value()?);
    let Some(quotient) = quotient.and_then(|text| text.parse::<Decimal>().ok()) else {
        return Ok(None);
    };
    let leverage = quotient.round();
    Ok((leverage >= Decimal::ONE).then(|| leverage.to_string()))
}
