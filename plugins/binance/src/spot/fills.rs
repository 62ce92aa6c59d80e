//! The account's fills by time, of an instrument or of one order.

use switchyard_sdk::query::Query;
use switchyard_sdk::trading::{Fills, ListFills};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method, Side};
use switchyard_sdk::{Context, Step};

use super::orders::WireOrder;
use super::{PACE, read, read_lists, signed};
use crate::enums::naming;
use crate::trades::{Progress, Stage};
use crate::walk::{Range, Walk};

/// By id for one order, which has no windows; a trade says its side as whether the account bought.
fn stage<'a>(
    command: &'a ListFills,
    state: Option<&'a [u8]>,
    range: Range,
) -> Result<Stage<'a, bool>, Error> {
    Stage::of(command, state, |order| match order {
        None => Walk::through(range, PACE),
        Some(_) => Walk::by_id(range),
    })
}

pub(crate) fn encode_list_fills(
    cx: &Context<'_>,
    command: &ListFills,
    state: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let range = Range::new(command.since, command.before, command.limit)?;
    let symbol = &cx.instrument()?.venue_symbol;
    let progress = match stage(command, state, range)? {
        Stage::Find(order) => {
            let query = Query::on("/api/v3/order").with("symbol", symbol);
            let query = naming(query, order, "orderId", "origClientOrderId")?;
            return Ok(vec![signed(cx, Method::Get, query, 4)?]);
        }
        Stage::List(progress) => progress,
    };
    let base = Query::on("/api/v3/myTrades").with("symbol", symbol);
    progress
        .queries(base, range, PACE)
        .into_iter()
        .map(|query| signed(cx, Method::Get, query, 20))
        .collect()
}

pub(crate) fn decode_list_fills(
    cx: &Context<'_>,
    command: &ListFills,
    state: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Fills>, Error> {
    let range = Range::new(command.since, command.before, command.limit)?;
    let progress = match stage(command, state, range)? {
        Stage::Find(_) => {
            let order: WireOrder<'_> = read(cx, responses)?;
            let progress: Progress<'_, bool> = Progress {
                order: Some(order.order_id.to_string()),
                walk: Walk::by_id(range),
            };
            return progress.proceed();
        }
        Stage::List(progress) => progress,
    };
    let answers = read_lists(cx, responses)?;
    progress.take(cx, command, range, PACE, answers, |is_buyer| {
        Ok(if *is_buyer { Side::Buy } else { Side::Sell })
    })
}
