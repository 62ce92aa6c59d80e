//! The account's fills by time, of an instrument or of one order.

use switchyard_sdk::trading::{Fills, ListFills};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method};
use switchyard_sdk::{Context, Step};

use super::algo::{self, WireAlgo};
use super::dialect::Dialect;
use super::orders::WireOrder;
use super::{read, read_lists, signed};
use crate::enums::{naming, side};
use crate::listing::Text;
use crate::trades::{Progress, Stage};
use crate::walk::{Range, Walk};

/// Most trades that one request gives.
const PAGE: usize = 1_000;

/// By windows of time even for one order: by id alone Binance looks back seven days.
fn stage<'a>(
    cx: &Context<'_>,
    dialect: &Dialect,
    command: &'a ListFills,
    state: Option<&'a [u8]>,
    range: Range,
) -> Result<Stage<'a, Text<'a>>, Error> {
    Stage::of(command, state, |_| {
        Walk::through(range, dialect.pace(cx.now, PAGE))
    })
}

pub(crate) fn encode_list_fills(
    cx: &Context<'_>,
    command: &ListFills,
    state: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    let range = Range::new(command.since, command.before, command.limit)?;
    let progress = match stage(cx, dialect, command, state, range)? {
        Stage::Find(order) => {
            if let Some(id) = algo::id_of(order) {
                return Ok(vec![algo::about(cx, dialect, Method::Get, id)?]);
            }
            let query = dialect.query_symbol(cx, "/v1/order")?;
            let query = naming(query, order, "orderId", "origClientOrderId")?;
            return Ok(vec![signed(cx, dialect, Method::Get, query, 1)?]);
        }
        Stage::List(progress) => progress,
    };
    let base = dialect.query_symbol(cx, "/v1/userTrades")?;
    progress
        .queries(base, range, dialect.pace(cx.now, PAGE))
        .into_iter()
        .map(|query| signed(cx, dialect, Method::Get, query, dialect.page_weight))
        .collect()
}

pub(crate) fn decode_list_fills(
    cx: &Context<'_>,
    command: &ListFills,
    from: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<Fills>, Error> {
    let dialect = Dialect::of(cx)?;
    let range = Range::new(command.since, command.before, command.limit)?;
    let pace = dialect.pace(cx.now, PAGE);
    let progress = match stage(cx, dialect, command, from, range)? {
        Stage::Find(order) => {
            let id = if algo::id_of(order).is_some() {
                let algo: WireAlgo<'_> = read(cx, dialect, responses)?;
                match algo.actual_order() {
                    Some(id) => id.to_owned(),
                    // Not triggered, so nothing can have filled.
                    None => {
                        return Ok(Step::Done(Fills {
                            fills: Vec::new(),
                            read_until: None,
                        }));
                    }
                }
            } else {
                let order: WireOrder<'_> = read(cx, dialect, responses)?;
                order.order_id.to_string()
            };
            let progress: Progress<'_, Text<'_>> = Progress {
                order: Some(id),
                walk: Walk::through(range, pace),
            };
            return progress.proceed();
        }
        Stage::List(progress) => progress,
    };
    let answers = read_lists(cx, dialect, responses)?;
    progress.take(cx, command, range, pace, answers, |text| side(&text.0))
}
