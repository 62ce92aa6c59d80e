//! Past orders by creation time: the ordinary ones, then the conditional ones that were never triggered.
//!
//! A conditional order that was triggered is among the ordinary ones, as what it has become.

use serde::{Deserialize, Serialize};
use switchyard_sdk::trading::{History, ListHistory};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method, Timestamp};
use switchyard_sdk::{Context, Step, json};

use super::algo::{self, WireAlgo};
use super::dialect::Dialect;
use super::orders::WireOrder;
use super::{read_lists, signed};
use crate::names::Names;
use crate::walk::{Range, Row, Stride, Walk, state};

/// Most conditional orders that one request gives.
const ALGOS_PAGE: usize = 1_000;

/// How far a listing has come.
#[derive(Serialize, Deserialize)]
enum Progress<'a> {
    Orders(#[serde(borrow)] Walk<WireOrder<'a>>),
    /// The ordinary ones found, and how far they were read.
    Algos(
        #[serde(borrow)] Vec<WireOrder<'a>>,
        Option<Timestamp>,
        #[serde(borrow)] Walk<WireAlgo<'a>>,
    ),
}

fn progress<'a>(
    cx: &Context<'_>,
    dialect: &Dialect,
    state: Option<&'a [u8]>,
    range: Range,
) -> Result<Progress<'a>, Error> {
    match state {
        Some(state) => json::read(state),
        None => Ok(Progress::Orders(Walk::through(
            range,
            dialect.pace(cx.now, dialect.orders_page),
        ))),
    }
}

pub(crate) fn encode_list_history(
    cx: &Context<'_>,
    command: &ListHistory,
    state: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    let range = Range::new(command.since, command.before, command.limit)?;
    let orders_pace = dialect.pace(cx.now, dialect.orders_page);
    let algos_pace = dialect.pace(cx.now, ALGOS_PAGE);
    let (queries, weight) = match progress(cx, dialect, state, range)? {
        Progress::Orders(walk) => {
            let base = dialect.query_symbol(cx, "/v1/allOrders")?;
            (
                walk.queries(&base, range, orders_pace, "orderId"),
                dialect.page_weight,
            )
        }
        Progress::Algos(_, read_until, walk) => {
            let base = dialect.query_symbol(cx, "/v1/allAlgoOrders")?;
            let range = range.until(read_until).unwrap_or(range);
            (walk.queries(&base, range, algos_pace, "algoId"), 5)
        }
    };
    queries
        .into_iter()
        .map(|query| signed(cx, dialect, Method::Get, query, weight))
        .collect()
}

pub(crate) fn decode_list_history(
    cx: &Context<'_>,
    command: &ListHistory,
    from: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<History>, Error> {
    let dialect = Dialect::of(cx)?;
    let range = Range::new(command.since, command.before, command.limit)?;
    let orders_pace = dialect.pace(cx.now, dialect.orders_page);
    let algos_pace = dialect.pace(cx.now, ALGOS_PAGE);
    let (orders, mut read_until, algos) = match progress(cx, dialect, from, range)? {
        Progress::Orders(walk) => {
            let answers = read_lists(cx, dialect, responses)?;
            match walk.take(cx.now, range, orders_pace, answers)? {
                Stride::More(walk) => return proceed(&Progress::Orders(walk)),
                Stride::Done(orders, read_until) => match range.until(read_until) {
                    // Only as far as the ordinary ones were read.
                    Some(range) => {
                        let walk = Walk::through(range, algos_pace);
                        return proceed(&Progress::Algos(orders, read_until, walk));
                    }
                    None => (orders, read_until, Vec::new()),
                },
            }
        }
        Progress::Algos(orders, read_until, walk) => {
            let answers = responses
                .iter()
                .map(|response| algo::list(cx, dialect, response))
                .collect::<Result<_, _>>()?;
            let range = range.until(read_until).unwrap_or(range);
            match walk.take(cx.now, range, algos_pace, answers)? {
                Stride::More(walk) => {
                    return proceed(&Progress::Algos(orders, read_until, walk));
                }
                Stride::Done(algos, algos_until) => (orders, algos_until.or(read_until), algos),
            }
        }
    };
    let mut names = Names::new(cx);
    let mut reports = Vec::with_capacity(orders.len() + algos.len());
    for order in orders {
        reports.push((order.time()?, order.report(&mut names)?));
    }
    for algo in algos {
        if algo.actual_order().is_none() {
            reports.push((algo.time()?, algo.report(&mut names)?));
        }
    }
    reports.sort_by_key(|(time, _)| *time);
    if let Some(until) = read_until {
        reports.retain(|(time, _)| *time <= until);
    }
    let wanted = usize::try_from(command.limit).unwrap_or(usize::MAX);
    if reports.len() > wanted {
        reports.truncate(wanted);
        read_until = reports.last().map(|(time, _)| *time);
    }
    Ok(Step::Done(History {
        orders: reports.into_iter().map(|(_, report)| report).collect(),
        read_until,
    }))
}

fn proceed(progress: &Progress<'_>) -> Result<Step<History>, Error> {
    Ok(Step::Continue(state(progress)?))
}
