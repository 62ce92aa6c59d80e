//! The Switchyard adapter for {{name}}.
//!
//! An adapter is a pure function: commands in, HTTP requests out; answers in, typed results out. It opens no
//! socket, reads no clock and keeps nothing between two calls. What differs from one venue to the next is
//! here, and nothing else; waiting, retrying, limits and keeping orders are the gateway's.
//!
//! `{{name}}` is a made-up venue with a small JSON API, so that everything here runs as it is. Make it yours
//! from the top: the descriptor, then one operation after the other, each with a recorded case in `cases/`.

use switchyard_sdk::market::{GetOrderBook, Listing, OrderBook, Ticker};
use switchyard_sdk::trading::{Cancel, CancelOutcome, GetOrder, Place};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, OrderReport, Timestamp};
use switchyard_sdk::{Context, Descriptor, Market, Step, Trading, descriptor};

mod answers;
mod describe;
mod market;
mod orders;
mod signing;

/// The adapter. It holds nothing: every answer follows from its arguments.
#[derive(Default)]
pub struct Venue;

// The capabilities named are exported, and the gateway offers callers what is exported. Add `account` and
// `impl Account for Venue` for balances and positions.
switchyard_sdk::export_adapter!(Venue: market, trading);

impl Descriptor for Venue {
    fn describe(&self) -> descriptor::Descriptor {
        describe::describe()
    }
}

// Each operation is a pair. `state` is what a decode asked to have back when it needed another step
// (`Step::Continue`), such as the place of the next page; nothing here needs one. A pair that is left out
// answers `unsupported`: here candles.
impl Market for Venue {
    fn encode_list_instruments(
        &self,
        _: &Context<'_>,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        Ok(vec![market::instruments()])
    }

    fn decode_list_instruments(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Listing>, Error> {
        market::listing(cx, responses).map(Step::Done)
    }

    fn encode_get_time(
        &self,
        _: &Context<'_>,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        Ok(vec![market::time()])
    }

    fn decode_get_time(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Timestamp>, Error> {
        market::venue_time(cx, responses).map(Step::Done)
    }

    fn encode_get_ticker(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        Ok(vec![market::ticker(cx.instrument()?)])
    }

    fn decode_get_ticker(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Ticker>, Error> {
        market::best_prices(cx, responses).map(Step::Done)
    }

    fn encode_get_order_book(
        &self,
        cx: &Context<'_>,
        command: &GetOrderBook,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        Ok(vec![market::book(cx.instrument()?, command)])
    }

    fn decode_get_order_book(
        &self,
        cx: &Context<'_>,
        command: &GetOrderBook,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<OrderBook>, Error> {
        market::levels(cx, command, responses).map(Step::Done)
    }
}

// Left out, and so `unsupported`: amend, cancel-all, history and fills.
impl Trading for Venue {
    fn encode_place(
        &self,
        cx: &Context<'_>,
        command: &Place,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        Ok(vec![orders::place(cx, command)?])
    }

    fn decode_place(
        &self,
        cx: &Context<'_>,
        command: &Place,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<OrderReport>, Error> {
        orders::placed(cx, command, responses).map(Step::Done)
    }

    fn encode_cancel(
        &self,
        cx: &Context<'_>,
        command: &Cancel,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        Ok(vec![orders::cancel(cx, &command.order)?])
    }

    fn decode_cancel(
        &self,
        cx: &Context<'_>,
        command: &Cancel,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<CancelOutcome>, Error> {
        orders::canceled(cx, &command.order, responses).map(Step::Done)
    }

    fn encode_get_order(
        &self,
        cx: &Context<'_>,
        command: &GetOrder,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        Ok(vec![orders::find(cx, &command.order)?])
    }

    fn decode_get_order(
        &self,
        cx: &Context<'_>,
        command: &GetOrder,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<OrderReport>, Error> {
        orders::found(cx, &command.order, responses).map(Step::Done)
    }

    fn encode_list_open(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        Ok(vec![orders::list_open(cx)?])
    }

    fn decode_list_open(
        &self,
        cx: &Context<'_>,
        _: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Vec<OrderReport>>, Error> {
        orders::listed(cx, responses).map(Step::Done)
    }
}
