//! The Switchyard adapter for Binance: one room for each of its APIs, and what they share.
//!
//! The words are Binance's own documents': "REST API", "Filters", "Errors" and "Enums" of the spot API.

use switchyard_sdk::account::Balance;
use switchyard_sdk::market::{Candle, GetCandles, GetOrderBook, Listing, OrderBook, Ticker};
use switchyard_sdk::trading::{
    Amend, AmendOutcome, Cancel, CancelAllOutcome, CancelOutcome, Fills, GetOrder, History,
    ListFills, ListHistory, Place,
};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, OrderReport, Timestamp};
use switchyard_sdk::{Account, Context, Descriptor, Market, Step, Trading, descriptor};

mod describe;
mod enums;
mod error_codes;
mod failures;
mod filters;
mod listing;
mod names;
mod signing;
mod spot;
mod walk;

/// The adapter. It holds nothing: every answer follows from its arguments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Binance;

switchyard_sdk::export_adapter!(Binance: market, trading, account);

/// Whether a context is for an endpoint that this version serves.
fn served(cx: &Context<'_>) -> Result<(), Error> {
    if cx.endpoint == spot::ENDPOINT {
        Ok(())
    } else {
        Err(Error::unsupported("this endpoint"))
    }
}

impl Descriptor for Binance {
    fn describe(&self) -> descriptor::Descriptor {
        describe::describe()
    }
}

/// A method pair that leads to the room of the context's endpoint.
macro_rules! pair {
    ($encode:ident, $decode:ident, $room:path, $result:ty) => {
        fn $encode(
            &self,
            cx: &Context<'_>,
            state: Option<&[u8]>,
        ) -> Result<Vec<HttpRequest>, Error> {
            served(cx)?;
            use $room as room;
            room::$encode(cx, state)
        }

        fn $decode(
            &self,
            cx: &Context<'_>,
            state: Option<&[u8]>,
            responses: &[HttpResponse],
        ) -> Result<Step<$result>, Error> {
            served(cx)?;
            use $room as room;
            room::$decode(cx, state, responses)
        }
    };
    ($encode:ident, $decode:ident, $room:path, $result:ty, $command:ty) => {
        fn $encode(
            &self,
            cx: &Context<'_>,
            command: &$command,
            state: Option<&[u8]>,
        ) -> Result<Vec<HttpRequest>, Error> {
            served(cx)?;
            use $room as room;
            room::$encode(cx, command, state)
        }

        fn $decode(
            &self,
            cx: &Context<'_>,
            command: &$command,
            state: Option<&[u8]>,
            responses: &[HttpResponse],
        ) -> Result<Step<$result>, Error> {
            served(cx)?;
            use $room as room;
            room::$decode(cx, command, state, responses)
        }
    };
}

impl Market for Binance {
    pair!(
        encode_list_instruments,
        decode_list_instruments,
        spot::instruments,
        Listing
    );
    pair!(encode_get_time, decode_get_time, spot::market, Timestamp);
    pair!(encode_get_ticker, decode_get_ticker, spot::market, Ticker);
    pair!(
        encode_get_order_book,
        decode_get_order_book,
        spot::market,
        OrderBook,
        GetOrderBook
    );
    pair!(
        encode_get_candles,
        decode_get_candles,
        spot::market,
        Vec<Candle>,
        GetCandles
    );
}

impl Trading for Binance {
    pair!(
        encode_place,
        decode_place,
        spot::trading,
        OrderReport,
        Place
    );
    pair!(encode_amend, decode_amend, spot::amend, AmendOutcome, Amend);
    pair!(
        encode_cancel,
        decode_cancel,
        spot::trading,
        CancelOutcome,
        Cancel
    );
    pair!(
        encode_cancel_all,
        decode_cancel_all,
        spot::cancel_all,
        CancelAllOutcome
    );
    pair!(
        encode_get_order,
        decode_get_order,
        spot::trading,
        OrderReport,
        GetOrder
    );
    pair!(
        encode_list_open,
        decode_list_open,
        spot::trading,
        Vec<OrderReport>
    );
    pair!(
        encode_list_history,
        decode_list_history,
        spot::history,
        History,
        ListHistory
    );
    pair!(
        encode_list_fills,
        decode_list_fills,
        spot::fills,
        Fills,
        ListFills
    );
}

/// Spot has no positions, so that pair stays `unsupported`.
impl Account for Binance {
    pair!(
        encode_list_balances,
        decode_list_balances,
        spot::account,
        Vec<Balance>
    );
}
