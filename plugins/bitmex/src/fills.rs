//! Fills: the executions of type `Trade`; funding and settlement stand between them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::log::Level;
use switchyard_sdk::trading::{Fill, Fills, Liquidity, ListFills};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Side};
use switchyard_sdk::{Context, Step};

use crate::measures::Measures;
use crate::moments::{self, Moment};
use crate::orders::filter_of;
use crate::pages::{self, Pages};
use crate::ranges::Range;
use crate::signing;

pub(crate) fn encode_list_fills(
    cx: &Context<'_>,
    command: &ListFills,
    state: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let range = Range::new(command.since, command.before, command.limit)?;
    let query = signing::query("/execution/tradeHistory");
    let query = match &cx.instrument {
        Some(instrument) => query.with("symbol", &instrument.venue_symbol),
        None => query,
    };
    let mut filter = String::from(r#"{"execType":"Trade""#);
    if let Some(order) = &command.order {
        filter.push(',');
        filter.push_str(&filter_of(order)?);
    }
    filter.push('}');
    let query = pages::ask(state, query.with("filter", &filter))?
        .with("reverse", "false")
        .with("startTime", &moments::text(range.since))
        .with("endTime", &moments::text(range.before - 1));
    Ok(vec![signing::read(cx, query)?])
}

/// An execution, as far as a fill needs it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireExecution<'a> {
    #[serde(
        borrow,
        deserialize_with = "switchyard_sdk::json::name",
        rename = "execID"
    )]
    exec_id: Cow<'a, str>,
    #[serde(borrow, default, rename = "orderID")]
    order_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "clOrdID")]
    cl_ord_id: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "switchyard_sdk::json::name")]
    symbol: Cow<'a, str>,
    #[serde(borrow, default)]
    side: Option<Cow<'a, str>>,
    #[serde(default)]
    last_qty: Option<Exact>,
    #[serde(default)]
    last_px: Option<Exact>,
    #[serde(borrow, default)]
    last_liquidity_ind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    settl_currency: Option<Cow<'a, str>>,
    #[serde(borrow)]
    exec_type: Cow<'a, str>,
    /// In minor units; negative is a rebate.
    #[serde(default)]
    exec_comm: Option<Exact>,
    /// In which minor unit, where an answer says so.
    #[serde(borrow, default)]
    exec_comm_ccy: Option<Cow<'a, str>>,
    timestamp: Moment,
}

pub(crate) fn decode_list_fills(
    cx: &Context<'_>,
    command: &ListFills,
    state: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Fills>, Error> {
    let range = Range::new(command.since, command.before, command.limit)?;
    let pages = Pages::read(state)?.and(cx, responses)?;
    let mut seen = BTreeSet::new();
    let mut last = None;
    let mut trades = Vec::new();
    for trade in pages.rows::<WireExecution<'_>>()? {
        last = last.max(Some(trade.timestamp.0));
        if trade.exec_type == "Trade"
            && range.holds(trade.timestamp.0)
            && seen.insert(trade.exec_id.clone())
        {
            trades.push(trade);
        }
    }
    if pages.goes_on() && trades.len() <= range.limit {
        return Ok(Step::Continue(pages.state()?));
    }
    trades.sort_by_key(|trade| trade.timestamp);
    let time = |trade: &WireExecution<'_>| trade.timestamp.0;
    let read_until = range.cut(&mut trades, time, pages.is_complete(), last)?;
    let mut measures = Measures::new(cx)?;
    let mut unscaled = BTreeSet::new();
    let fills = trades
        .into_iter()
        .map(|trade| fill(trade, &mut measures, &mut unscaled))
        .collect::<Result<_, _>>()?;
    if !unscaled.is_empty() {
        let symbols = Vec::from_iter(unscaled).join(", ");
        cx.log(
            Level::Warn,
            &format!("the scale of the fees on {symbols} is not known"),
        );
    }
    Ok(Step::Done(Fills { fills, read_until }))
}

fn fill(
    trade: WireExecution<'_>,
    measures: &mut Measures<'_, '_>,
    unscaled: &mut BTreeSet<String>,
) -> Result<Fill, Error> {
    let (Some(order_id), Some(side), Some(quantity), Some(price)) = (
        trade.order_id.filter(|id| !id.is_empty()),
        trade.side,
        trade.last_qty,
        trade.last_px,
    ) else {
        return Err(Error::malformed(
            "a trade without its order, side, quantity or price",
        ));
    };
    let measure = measures.of(&trade.symbol)?;
    let currency = [trade.exec_comm_ccy, trade.settl_currency]
        .into_iter()
        .flatten()
        .find(|currency| !currency.is_empty());
    let fee = match &trade.exec_comm {
        Some(amount) => measure.money(amount, currency.as_deref())?,
        None => None,
    };
    if fee.is_none() && trade.exec_comm.is_some() {
        unscaled.insert(trade.symbol.to_string());
    }
    let (fee, fee_asset) = fee.unzip();
    Ok(Fill {
        symbol: measure.symbol.clone(),
        venue_fill_id: trade.exec_id.into_owned(),
        venue_order_id: order_id.into_owned(),
        client_id: trade
            .cl_ord_id
            .filter(|id| !id.is_empty())
            .map(Cow::into_owned),
        side: match &*side {
            "Buy" => Side::Buy,
            "Sell" => Side::Sell,
            _ => return Err(Error::malformed("a trade's side that is not documented")),
        },
        quantity: measure.quantity(&quantity)?,
        price: price.into_string(),
        fee,
        fee_asset,
        liquidity: match trade.last_liquidity_ind.as_deref() {
            Some("AddedLiquidity" | "Added") => Some(Liquidity::Maker),
            Some("RemovedLiquidity" | "Removed") => Some(Liquidity::Taker),
            _ => None,
        },
        at: trade.timestamp.0,
    })
}
