//! The Switchyard adapter for Binance: one room for each of its APIs, and what they share.
//!
//! The words are Binance's own documents': "REST API", "Filters", "Errors" and "Enums" of the spot API, and
//! those of the same names of the USD-M and COIN-M futures.

use switchyard_sdk::account::{Balance, Position};
use switchyard_sdk::market::{Candle, GetCandles, GetOrderBook, Listing, OrderBook, Ticker};
use switchyard_sdk::trading::{
    Amend, AmendOutcome, Cancel, CancelAllOutcome, CancelOutcome, Fills, GetOrder, History,
    ListFills, ListHistory, Place,
};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, OrderReport, Timestamp};
use switchyard_sdk::{Account, Context, Descriptor, Market, Step, Trading, descriptor};

mod book;
mod candles;
mod describe;
mod enums;
mod error_codes;
mod failures;
mod filters;
mod futures;
mod listing;
mod names;
mod orders;
mod signing;
mod spot;
mod trades;
mod walk;

/// The adapter. It holds nothing: every answer follows from its arguments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Binance;

switchyard_sdk::export_adapter!(Binance: market, trading, account);

impl Descriptor for Binance {
    fn describe(&self) -> descriptor::Descriptor {
        describe::describe()
    }
}

/// A method pair that leads to the room of the context's endpoint, in the module of the given name.
macro_rules! pair {
    ($encode:ident, $decode:ident, $spot:path, $futures:path, $result:ty $(, $command:ty)?) => {
        fn $encode(
            &self,
            cx: &Context<'_>,
            $(command: &$command,)?
            state: Option<&[u8]>,
        ) -> Result<Vec<HttpRequest>, Error> {
            use $futures as futures_room;
            use $spot as spot_room;
            if cx.endpoint == spot::ENDPOINT {
                spot_room::$encode(cx, $(pair!(@command command $command),)? state)
            } else {
                futures_room::$encode(cx, $(pair!(@command command $command),)? state)
            }
        }

        fn $decode(
            &self,
            cx: &Context<'_>,
            $(command: &$command,)?
            state: Option<&[u8]>,
            responses: &[HttpResponse],
        ) -> Result<Step<$result>, Error> {
            use $futures as futures_room;
            use $spot as spot_room;
            if cx.endpoint == spot::ENDPOINT {
                spot_room::$decode(cx, $(pair!(@command command $command),)? state, responses)
            } else {
                futures_room::$decode(cx, $(pair!(@command command $command),)? state, responses)
            }
        }
    };
    (@command $command:ident $type:ty) => {
        $command
    };
}

/// Every endpoint but spot's leads to the futures' rooms, which refuse those that they do not know.
impl Market for Binance {
    pair!(
        encode_list_instruments,
        decode_list_instruments,
        spot::instruments,
        futures::instruments,
        Listing
    );
    pair!(
        encode_get_time,
        decode_get_time,
        spot::market,
        futures::market,
        Timestamp
    );
    pair!(
        encode_get_ticker,
        decode_get_ticker,
        spot::market,
        futures::market,
        Ticker
    );
    pair!(
        encode_get_order_book,
        decode_get_order_book,
        spot::market,
        futures::market,
        OrderBook,
        GetOrderBook
    );
    pair!(
        encode_get_candles,
        decode_get_candles,
        spot::market,
        futures::candles,
        Vec<Candle>,
        GetCandles
    );
}

impl Trading for Binance {
    pair!(
        encode_place,
        decode_place,
        spot::trading,
        futures::trading,
        OrderReport,
        Place
    );
    pair!(
        encode_amend,
        decode_amend,
        spot::amend,
        futures::amend,
        AmendOutcome,
        Amend
    );
    pair!(
        encode_cancel,
        decode_cancel,
        spot::trading,
        futures::trading,
        CancelOutcome,
        Cancel
    );
    pair!(
        encode_cancel_all,
        decode_cancel_all,
        spot::cancel_all,
        futures::cancel_all,
        CancelAllOutcome
    );
    pair!(
        encode_get_order,
        decode_get_order,
        spot::trading,
        futures::trading,
        OrderReport,
        GetOrder
    );
    pair!(
        encode_list_open,
        decode_list_open,
        spot::trading,
        futures::trading,
        Vec<OrderReport>
    );
    pair!(
        encode_list_history,
        decode_list_history,
        spot::history,
        futures::history,
        History,
        ListHistory
    );
    pair!(
        encode_list_fills,
        decode_list_fills,
        spot::fills,
        futures::fills,
        Fills,
        ListFills
    );
}

impl Account for Binance {
    pair!(
        encode_list_balances,
        decode_list_balances,
        spot::account,
        futures::account,
        Vec<Balance>
    );
    pair!(
        encode_list_positions,
        decode_list_positions,
        spot::account,
        futures::positions,
        Vec<Position>
    );
}
