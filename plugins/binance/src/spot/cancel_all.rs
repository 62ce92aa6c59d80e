//! Cancelling every order: of one symbol at once, of the account symbol by symbol.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use switchyard_sdk::log::Level;
use switchyard_sdk::query::Query;
use switchyard_sdk::trading::CancelAllOutcome;
use switchyard_sdk::types::{
    Effect, Error, ErrorKind, HttpRequest, HttpResponse, Method, OrderReport,
};
use switchyard_sdk::{Context, Step, json};

use super::orders::{Of, WireOrder};
use super::trading::open_orders;
use super::{read, signed, written};
use crate::failures::{self, after};
use crate::names::Names;
use crate::walk::state;

/// How far a cancel of the whole account has come. Binance cancels by symbol only, and a step may hold
/// one change, so each symbol is a step.
#[derive(Default, Serialize, Deserialize)]
struct Progress<'a> {
    /// Symbols still to do; the last is next.
    #[serde(borrow)]
    left: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    canceled: Vec<WireOrder<'a>>,
    /// Steps taken.
    steps: usize,
    /// Whether a symbol refused.
    left_out: bool,
}

/// Symbols that one call reaches; the host calls again for what is left.
const STEPS: usize = 50;

pub(crate) fn encode_cancel_all(
    cx: &Context<'_>,
    state: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let symbol = match (&cx.instrument, state) {
        (Some(instrument), _) => Cow::Borrowed(instrument.venue_symbol.as_str()),
        (None, None) => return Ok(vec![open_orders(cx)?]),
        (None, Some(state)) => {
            let mut progress: Progress<'_> = json::read(state)?;
            progress
                .left
                .pop()
                .ok_or_else(|| Error::malformed("no symbol is left to cancel"))?
        }
    };
    let query = Query::on("/api/v3/openOrders").with("symbol", &symbol);
    Ok(vec![signed(cx, Method::Delete, query, 1)?])
}

pub(crate) fn decode_cancel_all(
    cx: &Context<'_>,
    state: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<CancelAllOutcome>, Error> {
    if cx.instrument.is_some() {
        let canceled = canceled(cx, responses)?;
        return Ok(Step::Done(outcome(cx, canceled, true)?));
    }
    let Some(state) = state else {
        let orders: Vec<WireOrder<'_>> = read(cx, responses)?;
        let mut left: Vec<Cow<'_, str>> = orders.into_iter().map(|order| order.symbol).collect();
        left.sort_unstable();
        left.dedup();
        return next(
            cx,
            Progress {
                left,
                ..Progress::default()
            },
        );
    };
    let mut progress: Progress<'_> = json::read(state)?;
    progress.left.pop();
    progress.steps = progress.steps.saturating_add(1);
    match canceled(cx, responses) {
        Ok(orders) => progress.canceled.extend(orders),
        // A symbol that is halted is no reason to leave the others' orders, which the list shows.
        Err(error) if failures::is_of_one_symbol(&error) => {
            let line = format!("a symbol is left as it is: {}", error.message);
            cx.log(Level::Warn, &line);
            progress.left_out = true;
        }
        // Earlier symbols are cancelled by now, so a refusal of this one is not without effect.
        Err(error) => {
            return Err(Error {
                effect: Effect::Unknown,
                ..error
            });
        }
    }
    next(cx, progress)
}

fn next(cx: &Context<'_>, progress: Progress<'_>) -> Result<Step<CancelAllOutcome>, Error> {
    let is_through = progress.left.is_empty();
    if is_through || progress.steps >= STEPS {
        let complete = is_through && !progress.left_out;
        return Ok(Step::Done(outcome(cx, progress.canceled, complete)?));
    }
    state(&progress).map(Step::Continue).map_err(after)
}

/// The orders that one answer names; order lists hold theirs one level down.
fn canceled<'a>(
    cx: &Context<'_>,
    responses: &'a [HttpResponse],
) -> Result<Vec<WireOrder<'a>>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct List<'a> {
        #[serde(borrow, default)]
        order_reports: Option<Vec<WireOrder<'a>>>,
    }
    let entries: Vec<&'a RawValue> = match written(cx, responses) {
        Ok(entries) => entries,
        // "Unknown order sent." (-2011): there is nothing to cancel.
        Err(error) if error.kind == ErrorKind::OrderNotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut orders = Vec::with_capacity(entries.len());
    for entry in entries {
        if !entry.get().starts_with('{') {
            return Err(Error::malformed("an entry that is no order").after(true));
        }
        let list: List<'_> = json::read(entry.get().as_bytes()).map_err(after)?;
        match list.order_reports {
            Some(reports) => orders.extend(reports),
            None => orders.push(json::read(entry.get().as_bytes()).map_err(after)?),
        }
    }
    Ok(orders)
}

fn outcome(
    cx: &Context<'_>,
    orders: Vec<WireOrder<'_>>,
    complete: bool,
) -> Result<CancelAllOutcome, Error> {
    let mut names = Names::new(cx);
    let canceled = orders
        .into_iter()
        .map(|order| order.report(&mut names, Of::Cancel))
        .collect::<Result<Vec<OrderReport>, _>>()
        .map_err(after)?;
    Ok(CancelAllOutcome { canceled, complete })
}
