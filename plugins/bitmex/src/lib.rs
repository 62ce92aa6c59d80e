//! The Switchyard adapter for BitMEX: one API for spot, perpetual and delivery contracts, on one endpoint.
//!
//! The words are BitMEX's own documents': the specification of its REST API, "Using the BitMEX REST API",
//! "API Keys Usage" and "REST API Message Format".

use switchyard_sdk::account::{Balance, Position};
use switchyard_sdk::market::{Candle, GetCandles, GetOrderBook, Listing, OrderBook, Ticker};
use switchyard_sdk::trading::{
    Amend, AmendOutcome, Cancel, CancelAllOutcome, CancelOutcome, Fills, GetOrder, History,
    ListFills, ListHistory, Place,
};
use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, OrderReport, Timestamp};
use switchyard_sdk::{Account, Context, Descriptor, Market, Step, Trading, descriptor};

mod account;
mod amend;
mod amounts;
mod assets;
mod body;
mod candles;
mod contracts;
mod describe;
mod failures;
mod fills;
mod history;
mod instruments;
mod market;
mod measures;
mod moments;
mod orders;
mod other_rules;
mod pages;
mod ranges;
mod rejections;
mod signing;
mod trading;

/// The adapter. It holds nothing: every answer follows from its arguments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bitmex;

switchyard_sdk::export_adapter!(Bitmex: market, trading, account);

impl Descriptor for Bitmex {
    fn describe(&self) -> descriptor::Descriptor {
        describe::describe()
    }
}

/// BitMEX has one endpoint; a call for another is not its own.
fn here(cx: &Context<'_>) -> Result<(), Error> {
    if cx.endpoint == describe::ENDPOINT {
        Ok(())
    } else {
        Err(Error::unsupported("this endpoint"))
    }
}

/// A method pair that leads to the functions of the same names in a module.
macro_rules! pair {
    ($encode:ident, $decode:ident, $room:ident, $result:ty $(, $command:ty)?) => {
        fn $encode(
            &self,
            cx: &Context<'_>,
            $(command: &$command,)?
            state: Option<&[u8]>,
        ) -> Result<Vec<HttpRequest>, Error> {
            here(cx)?;
            $room::$encode(cx, $(pair!(@command command $command),)? state)
        }

        fn $decode(
            &self,
            cx: &Context<'_>,
            $(command: &$command,)?
            state: Option<&[u8]>,
            responses: &[HttpResponse],
        ) -> Result<Step<$result>, Error> {
            $room::$decode(cx, $(pair!(@command command $command),)? state, responses)
        }
    };
    (@command $command:ident $type:ty) => {
        $command
    };
}

impl Market for Bitmex {
    pair!(
        encode_list_instruments,
        decode_list_instruments,
        instruments,
        Listing
    );
    pair!(encode_get_time, decode_get_time, market, Timestamp);
    pair!(encode_get_ticker, decode_get_ticker, market, Ticker);
    pair!(
        encode_get_order_book,
        decode_get_order_book,
        market,
        OrderBook,
        GetOrderBook
    );
    pair!(
        encode_get_candles,
        decode_get_candles,
        candles,
        Vec<Candle>,
        GetCandles
    );
}

impl Trading for Bitmex {
    pair!(encode_place, decode_place, trading, OrderReport, Place);
    pair!(encode_amend, decode_amend, amend, AmendOutcome, Amend);
    pair!(encode_cancel, decode_cancel, trading, CancelOutcome, Cancel);
    pair!(
        encode_cancel_all,
        decode_cancel_all,
        trading,
        CancelAllOutcome
    );
    pair!(
        encode_get_order,
        decode_get_order,
        trading,
        OrderReport,
        GetOrder
    );
    pair!(
        encode_list_open,
        decode_list_open,
        trading,
        Vec<OrderReport>
    );
    pair!(
        encode_list_history,
        decode_list_history,
        history,
        History,
        ListHistory
    );
    pair!(
        encode_list_fills,
        decode_list_fills,
        fills,
        Fills,
        ListFills
    );
}

impl Account for Bitmex {
    pair!(
        encode_list_balances,
        decode_list_balances,
        account,
        Vec<Balance>
    );
    pair!(
        encode_list_positions,
        decode_list_positions,
        account,
        Vec<Position>
    );
}
