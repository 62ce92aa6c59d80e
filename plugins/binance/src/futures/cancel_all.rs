//! Cancelling every order, symbol by symbol: the ordinary ones, then the conditional ones.
//!
//! The answers name no orders, and what was listed before may have filled since; so nothing is claimed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use switchyard_sdk::log::Level;
use switchyard_sdk::trading::CancelAllOutcome;
use switchyard_sdk::types::{Effect, Error, ErrorKind, HttpRequest, HttpResponse, Method};
use switchyard_sdk::{Context, Step, json};

use super::algo;
use super::dialect::Dialect;
use super::trading::{open_orders, read_open};
use super::{confirmed, signed};
use crate::failures::{self, after};
use crate::walk::state;

/// What is left to cancel, the last first. A step may hold one change, so each symbol is one.
#[derive(Serialize, Deserialize)]
struct Progress<'a> {
    #[serde(borrow)]
    orders: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    algos: Vec<Cow<'a, str>>,
    /// Steps taken.
    steps: usize,
}

/// Symbols that one call reaches; the host calls again for what is left.
const STEPS: usize = 50;

impl<'a> Progress<'a> {
    /// Where a cancel begins: known for an instrument, to be listed without one.
    fn read(cx: &'a Context<'_>, state: Option<&'a [u8]>) -> Result<Option<Self>, Error> {
        match (state, &cx.instrument) {
            (Some(state), _) => json::read(state).map(Some),
            (None, Some(instrument)) => {
                let symbol = vec![Cow::Borrowed(instrument.venue_symbol.as_str())];
                Ok(Some(Self {
                    algos: symbol.clone(),
                    orders: symbol,
                    steps: 0,
                }))
            }
            (None, None) => Ok(None),
        }
    }

    /// The next path and symbol.
    fn pop(&mut self) -> Option<(&'static str, Cow<'a, str>)> {
        match self.orders.pop() {
            Some(symbol) => Some(("/v1/allOpenOrders", symbol)),
            None => self
                .algos
                .pop()
                .map(|symbol| ("/v1/algoOpenOrders", symbol)),
        }
    }
}

pub(crate) fn encode_cancel_all(
    cx: &Context<'_>,
    state: Option<&[u8]>,
) -> Result<Vec<HttpRequest>, Error> {
    let dialect = Dialect::of(cx)?;
    let Some(mut progress) = Progress::read(cx, state)? else {
        return open_orders(cx, dialect);
    };
    let (path, symbol) = progress
        .pop()
        .ok_or_else(|| Error::malformed("no symbol is left to cancel"))?;
    let query = dialect.query(path).with("symbol", &symbol);
    Ok(vec![signed(cx, dialect, Method::Delete, query, 1)?])
}

pub(crate) fn decode_cancel_all(
    cx: &Context<'_>,
    from: Option<&[u8]>,
    responses: &[HttpResponse],
) -> Result<Step<CancelAllOutcome>, Error> {
    let dialect = Dialect::of(cx)?;
    let Some(mut progress) = Progress::read(cx, from)? else {
        let (orders, algos) = read_open(cx, dialect, responses)?;
        let progress = Progress {
            orders: symbols(orders.into_iter().map(|order| order.symbol)),
            algos: symbols(algos.into_iter().map(|algo| algo.symbol)),
            steps: 0,
        };
        if progress.orders.is_empty() && progress.algos.is_empty() {
            return Ok(Step::Done(outcome(true)));
        }
        return Ok(Step::Continue(state(&progress)?));
    };
    let is_of_algos = progress.orders.is_empty();
    progress.pop();
    match confirmed(cx, dialect, responses) {
        Ok(()) => {}
        Err(_) if is_of_algos && responses.iter().all(algo::is_not_served) => {}
        // "Unknown order sent." (-2011): there is nothing to cancel.
        Err(error) if error.kind == ErrorKind::OrderNotFound => {}
        // A contract that is being settled is no reason to leave the others' orders, which the list shows.
        Err(error) if cx.instrument.is_none() && failures::is_of_one_symbol(&error) => {
            cx.log(
                Level::Warn,
                &format!("a symbol is left as it is: {}", error.message),
            );
        }
        // What came before is cancelled by now, so a refusal here is not without effect.
        Err(error) if from.is_some() => {
            return Err(Error {
                effect: Effect::Unknown,
                ..error
            });
        }
        Err(error) => return Err(error),
    }
    progress.steps = progress.steps.saturating_add(1);
    let is_through = progress.orders.is_empty() && progress.algos.is_empty();
    if is_through || progress.steps >= STEPS {
        return Ok(Step::Done(outcome(false)));
    }
    Ok(Step::Continue(state(&progress).map_err(after)?))
}

fn symbols<'a>(all: impl Iterator<Item = Cow<'a, str>>) -> Vec<Cow<'a, str>> {
    let mut symbols: Vec<_> = all.collect();
    symbols.sort_unstable();
    symbols.dedup();
    symbols
}

fn outcome(complete: bool) -> CancelAllOutcome {
    CancelAllOutcome {
        canceled: Vec::new(),
        complete,
    }
}
