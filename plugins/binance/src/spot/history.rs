//! Past orders by creation time.

use switchyard_sdk::query::Query;
use switchyard_sdk::trading::{History, ListHistory};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Method, Timestamp};
use switchyard_sdk::{Context, Step, json};

use super::orders::{Of, WireOrder};
use super::{PACE, read_lists, signed};
use crate::names::Names;
use crate::walk::{Range, Row, Stride, Walk, state};

impl Row for WireOrder<'_> {
    fn id(&self) -> u64 {
        self.order_id
    }

    fn time(&self) -> Result<Timestamp, Error> {
        self.created_at()
            .ok_or_else(|| Error::malformed("a listed order without its time"))
    }
}

pub(crate) fn encode_list_history(
    cx: &Context<'_>,
    command: &ListHistory,
    state: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let range = Range::new(command.since, command.before, command.limit)?;
    let base = Query::on("/api/v3/allOrders").with("symbol", &cx.instrument()?.venue_symbol);
    walk(state, range)?
        .queries(&base, range, PACE, "orderId")
        .into_iter()
        .map(|query| signed(cx, Method::Get, query, 20))
        .collect()
}

pub(crate) fn decode_list_history(
    cx: &Context<'_>,
    command: &ListHistory,
    from: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<History>, Error> {
    let range = Range::new(command.since, command.before, command.limit)?;
    let answers = read_lists(cx, responses)?;
    match walk(from, range)?.take(cx.now, range, PACE, answers)? {
        Stride::More(walk) => state(&walk).map(Step::Continue),
        Stride::Done(orders, read_until) => {
            let mut names = Names::new(cx);
            let orders = orders
                .into_iter()
                .map(|order| order.report(&mut names, Of::Order))
                .collect::<Result<_, _>>()?;
            Ok(Step::Done(History { orders, read_until }))
        }
    }
}

fn walk<'a>(state: Option<&'a [u8]>, range: Range) -> Result<Walk<WireOrder<'a>>, Error> {
    match state {
        Some(state) => json::read(state),
        None => Ok(Walk::through(range, PACE)),
    }
}
