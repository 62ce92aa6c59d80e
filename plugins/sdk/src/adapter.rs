//! One trait per capability, with a method pair per operation; what is left out is `unsupported`.

use crate::account::{Balance, Position};
use crate::context::Context;
use crate::market::{Candle, GetCandles, GetOrderBook, Listing, OrderBook, Ticker};
use crate::trading::{
    Amend, AmendOutcome, Cancel, CancelAllOutcome, CancelOutcome, Fills, GetOrder, History,
    ListFills, ListHistory, Place,
};
use crate::types::{Error, HttpRequest, HttpResponse, OrderReport, Timestamp};

/// What decoding one step gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// The operation's result.
    Done(T),
    /// Encode again with this state; both functions then receive it.
    Continue(Vec<u8>),
}

impl<T> Step<T> {
    /// The result, where the operation is done.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(result) => Some(result),
            Self::Continue(_) => None,
        }
    }

    /// The state of the next step, where there is one.
    pub fn state(&self) -> Option<&[u8]> {
        match self {
            Self::Done(_) => None,
            Self::Continue(state) => Some(state),
        }
    }
}

/// What the adapter is and what it will ever do.
pub trait Descriptor {
    /// Pure and constant for one version of an adapter.
    fn describe(&self) -> crate::descriptor::Descriptor;
}

/// What anyone may ask of a venue: instruments, prices and time.
pub trait Market {
    /// The requests of one step for every instrument of the context's endpoint, halted ones too.
    fn encode_list_instruments(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, state);
        Err(Error::unsupported("list_instruments"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_list_instruments(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Listing>, Error> {
        let _ = (cx, state, responses);
        Err(Error::unsupported("list_instruments"))
    }

    /// The requests of one step for the venue's clock.
    fn encode_get_time(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, state);
        Err(Error::unsupported("get_time"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_get_time(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Timestamp>, Error> {
        let _ = (cx, state, responses);
        Err(Error::unsupported("get_time"))
    }

    /// The requests of one step for the best prices and the last trade of the context's instrument.
    fn encode_get_ticker(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, state);
        Err(Error::unsupported("get_ticker"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_get_ticker(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Ticker>, Error> {
        let _ = (cx, state, responses);
        Err(Error::unsupported("get_ticker"))
    }

    /// The requests of one step for the book of the context's instrument.
    fn encode_get_order_book(
        &self,
        cx: &Context<'_>,
        command: &GetOrderBook,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, command, state);
        Err(Error::unsupported("get_order_book"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_get_order_book(
        &self,
        cx: &Context<'_>,
        command: &GetOrderBook,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<OrderBook>, Error> {
        let _ = (cx, command, state, responses);
        Err(Error::unsupported("get_order_book"))
    }

    /// The requests of one step for candles of the context's instrument, oldest first.
    fn encode_get_candles(
        &self,
        cx: &Context<'_>,
        command: &GetCandles,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, command, state);
        Err(Error::unsupported("get_candles"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_get_candles(
        &self,
        cx: &Context<'_>,
        command: &GetCandles,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Vec<Candle>>, Error> {
        let _ = (cx, command, state, responses);
        Err(Error::unsupported("get_candles"))
    }
}

/// Orders: placing, changing, cancelling and finding them.
pub trait Trading {
    /// The requests of one step for a new order; a refusal is an error with its effect, never a report.
    fn encode_place(
        &self,
        cx: &Context<'_>,
        command: &Place,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, command, state);
        Err(Error::unsupported("place"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_place(
        &self,
        cx: &Context<'_>,
        command: &Place,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<OrderReport>, Error> {
        let _ = (cx, command, state, responses);
        Err(Error::unsupported("place"))
    }

    /// The requests of one step for a change to an open order.
    fn encode_amend(
        &self,
        cx: &Context<'_>,
        command: &Amend,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, command, state);
        Err(Error::unsupported("amend"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_amend(
        &self,
        cx: &Context<'_>,
        command: &Amend,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<AmendOutcome>, Error> {
        let _ = (cx, command, state, responses);
        Err(Error::unsupported("amend"))
    }

    /// The requests of one step for the cancellation of one order.
    fn encode_cancel(
        &self,
        cx: &Context<'_>,
        command: &Cancel,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, command, state);
        Err(Error::unsupported("cancel"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_cancel(
        &self,
        cx: &Context<'_>,
        command: &Cancel,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<CancelOutcome>, Error> {
        let _ = (cx, command, state, responses);
        Err(Error::unsupported("cancel"))
    }

    /// The requests of one step for the cancellation of every order on the instrument or the endpoint.
    fn encode_cancel_all(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, state);
        Err(Error::unsupported("cancel_all"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_cancel_all(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<CancelAllOutcome>, Error> {
        let _ = (cx, state, responses);
        Err(Error::unsupported("cancel_all"))
    }

    /// The requests of one step for one order; `order-not-found` where the venue says that it has none.
    fn encode_get_order(
        &self,
        cx: &Context<'_>,
        command: &GetOrder,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, command, state);
        Err(Error::unsupported("get_order"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_get_order(
        &self,
        cx: &Context<'_>,
        command: &GetOrder,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<OrderReport>, Error> {
        let _ = (cx, command, state, responses);
        Err(Error::unsupported("get_order"))
    }

    /// The requests of one step for the open orders on the instrument or the endpoint.
    fn encode_list_open(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, state);
        Err(Error::unsupported("list_open"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_list_open(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Vec<OrderReport>>, Error> {
        let _ = (cx, state, responses);
        Err(Error::unsupported("list_open"))
    }

    /// The requests of one step for past orders by creation time, oldest first.
    fn encode_list_history(
        &self,
        cx: &Context<'_>,
        command: &ListHistory,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, command, state);
        Err(Error::unsupported("list_history"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_list_history(
        &self,
        cx: &Context<'_>,
        command: &ListHistory,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<History>, Error> {
        let _ = (cx, command, state, responses);
        Err(Error::unsupported("list_history"))
    }

    /// The requests of one step for fills by time, oldest first.
    fn encode_list_fills(
        &self,
        cx: &Context<'_>,
        command: &ListFills,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, command, state);
        Err(Error::unsupported("list_fills"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_list_fills(
        &self,
        cx: &Context<'_>,
        command: &ListFills,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Fills>, Error> {
        let _ = (cx, command, state, responses);
        Err(Error::unsupported("list_fills"))
    }
}

/// The account: what it holds.
pub trait Account {
    /// The requests of one step for what the account holds on the context's endpoint.
    fn encode_list_balances(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, state);
        Err(Error::unsupported("list_balances"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_list_balances(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Vec<Balance>>, Error> {
        let _ = (cx, state, responses);
        Err(Error::unsupported("list_balances"))
    }

    /// The requests of one step for the open positions on the context's endpoint.
    fn encode_list_positions(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
    ) -> Result<Vec<HttpRequest>, Error> {
        let _ = (cx, state);
        Err(Error::unsupported("list_positions"))
    }

    /// Reads the answers to the requests of the same step, in their order.
    fn decode_list_positions(
        &self,
        cx: &Context<'_>,
        state: Option<&[u8]>,
        responses: &[HttpResponse],
    ) -> Result<Step<Vec<Position>>, Error> {
        let _ = (cx, state, responses);
        Err(Error::unsupported("list_positions"))
    }
}
