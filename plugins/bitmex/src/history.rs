//! Past orders.
//!
//! BitMEX filters by `startTime` and `endTime` on a row's `timestamp`, which moves with each change of the
//! order, and an order is never changed before it is placed. So everything from `since` on is read, however
//! late it changed, and cut by the time of placing; an end in the request would lose orders that were placed
//! within the range and filled after it.

use std::collections::BTreeMap;

use switchyard_sdk::trading::{History, ListHistory};
use switchyard_sdk::types::{Error, ErrorKind, HttpRequest, HttpResponse, OrderReport};
use switchyard_sdk::{Context, Step};

use crate::measures::Measures;
use crate::moments;
use crate::orders::{WireOrder, latest};
use crate::pages::{self, Pages};
use crate::ranges::Range;
use crate::signing;
use crate::trading::ORDER;

pub(crate) fn encode_list_history(
    cx: &Context<'_>,
    command: &ListHistory,
    state: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let range = Range::new(command.since, command.before, command.limit)?;
    let query = match &cx.instrument {
        Some(instrument) => signing::query(ORDER).with("symbol", &instrument.venue_symbol),
        None => signing::query(ORDER),
    };
    let query = pages::ask(state, query)?
        .with("reverse", "false")
        .with("startTime", &moments::text(range.since));
    Ok(vec![signing::read(cx, query)?])
}

pub(crate) fn decode_list_history(
    cx: &Context<'_>,
    command: &ListHistory,
    state: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<History>, Error> {
    let range = Range::new(command.since, command.before, command.limit)?;
    let pages = Pages::read(state)?.and(cx, responses)?;
    // The pages are not in the order of placing, which an amend moves: only all of them can be cut by it.
    if pages.goes_on() {
        return Ok(Step::Continue(pages.state()?));
    }
    if !pages.is_complete() {
        return Err(Error::refused(ErrorKind::Unsupported)
            .because("more orders changed since then than can be read; ask for a later start or an instrument")
            .at("since"));
    }
    let rows = pages.rows::<WireOrder<'_>>()?;
    // An order that is amended while it is read was placed when it was before.
    let mut placed = BTreeMap::new();
    for order in &rows {
        let at = order
            .placed_at()
            .ok_or_else(|| Error::malformed("a listed order without its time"))?;
        let known = placed.entry(order.order_id.clone()).or_insert(at);
        *known = at.min(*known);
    }
    let mut orders: Vec<_> = latest(rows)
        .into_iter()
        .filter_map(|order| Some((*placed.get(&order.order_id)?, order)))
        .filter(|(at, _)| range.holds(*at))
        .collect();
    orders.sort_by_key(|(at, _)| *at);
    let read_until = range.cut(&mut orders, |(at, _)| *at, true, None)?;
    let mut measures = Measures::new(cx)?;
    let orders = orders
        .into_iter()
        .map(|(at, order)| {
            let report = order.report(&mut measures)?;
            Ok(OrderReport {
                created_at: Some(at),
                ..report
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(Step::Done(History { orders, read_until }))
}
