//! The operations of the contract, each a type, so that one pipeline can run any of them.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasmtime::Store;

use crate::adapter::Exports;
use crate::bindings::exports::switchyard::adapter::{account, market, trading};
use crate::bindings::switchyard::adapter::types::{
    Context, Error, HttpRequest, HttpResponse, OrderReport,
};
use crate::contract::Capability;
use crate::error::CallError;
use crate::imports::InstanceState;

/// What a decode asks for next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step<T> {
    /// The operation is complete.
    Done(T),
    /// Another encode and decode, with this state.
    Continue(Vec<u8>),
}

pub(crate) type Called<T> = Result<wasmtime::Result<Result<T, Error>>, CallError>;

/// One operation of the contract: an encode and a decode.
///
/// The trait is sealed by its crate-private argument types; its implementations are the operations of
/// `wit/`, nothing more.
#[allow(private_interfaces)]
pub trait Operation: Send + Sync + 'static {
    /// The name in `wit/`, which is also its name in metrics and logs.
    const NAME: &'static str;
    /// The interface it belongs to.
    const CAPABILITY: Capability;
    /// Whether running it may change something at the venue.
    const CHANGES_STATE: bool;
    /// Whether an answer may have many megabytes, so that its decode gets the longer deadline.
    const BULK: bool;
    /// What is asked.
    type Command: Debug + Clone + Serialize + DeserializeOwned + Send + Sync;
    /// What is answered.
    type Output: Debug + Serialize + Send;

    #[doc(hidden)]
    fn call_encode(
        exports: &Exports,
        store: &mut Store<InstanceState>,
        context: &Context,
        command: &Self::Command,
        state: Option<&Vec<u8>>,
    ) -> Called<Vec<HttpRequest>>;

    #[doc(hidden)]
    fn call_decode(
        exports: &Exports,
        store: &mut Store<InstanceState>,
        context: &Context,
        command: &Self::Command,
        state: Option<&Vec<u8>>,
        responses: &[HttpResponse],
    ) -> Called<Step<Self::Output>>;
}

/// Writes one [`Operation`]. `encode` and `decode` say which generated functions are called and how.
macro_rules! operation {
    (
        $(#[$doc:meta])*
        $op:ident = $name:literal in $interface:ident/$capability:ident
        asks $command:ty, answers $output:ty as $step:path,
        changes_state: $changes:literal, bulk: $bulk:literal,
        encode: |$ei:ident, $es:ident, $ec:ident, $em:ident, $et:ident| $encode:expr,
        decode: |$di:ident, $ds:ident, $dc:ident, $dm:ident, $dt:ident, $dr:ident| $decode:expr $(,)?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $op;

        #[allow(private_interfaces)]
        impl Operation for $op {
            const NAME: &'static str = $name;
            const CAPABILITY: Capability = Capability::$capability;
            const CHANGES_STATE: bool = $changes;
            const BULK: bool = $bulk;
            type Command = $command;
            type Output = $output;

            fn call_encode(
                exports: &Exports,
                $es: &mut Store<InstanceState>,
                $ec: &Context,
                $em: &Self::Command,
                $et: Option<&Vec<u8>>,
            ) -> Called<Vec<HttpRequest>> {
                let $ei = exports.$interface()?;
                Ok($encode)
            }

            fn call_decode(
                exports: &Exports,
                $ds: &mut Store<InstanceState>,
                $dc: &Context,
                $dm: &Self::Command,
                $dt: Option<&Vec<u8>>,
                $dr: &[HttpResponse],
            ) -> Called<Step<Self::Output>> {
                use $step as GuestStep;
                let $di = exports.$interface()?;
                let called = $decode;
                Ok(called.map(|result| {
                    result.map(|step| match step {
                        GuestStep::Done(output) => Step::Done(output),
                        GuestStep::Continue(state) => Step::Continue(state),
                    })
                }))
            }
        }
    };
}

operation! {
    /// Everything an endpoint lists.
    ListInstruments = "list-instruments" in market/Market
    asks (), answers market::Listing as market::ListingStep,
    changes_state: false, bulk: true,
    encode: |i, s, c, _m, t| i.call_encode_list_instruments(s, c, t),
    decode: |i, s, c, _m, t, r| i.call_decode_list_instruments(s, c, t, r),
}

operation! {
    /// The venue's clock.
    GetTime = "get-time" in market/Market
    asks (), answers u64 as market::TimeStep,
    changes_state: false, bulk: false,
    encode: |i, s, c, _m, t| i.call_encode_get_time(s, c, t),
    decode: |i, s, c, _m, t, r| i.call_decode_get_time(s, c, t, r),
}

operation! {
    /// Best prices and last trade.
    GetTicker = "get-ticker" in market/Market
    asks (), answers market::Ticker as market::TickerStep,
    changes_state: false, bulk: false,
    encode: |i, s, c, _m, t| i.call_encode_get_ticker(s, c, t),
    decode: |i, s, c, _m, t, r| i.call_decode_get_ticker(s, c, t, r),
}

operation! {
    /// Resting quantities by price.
    GetOrderBook = "get-order-book" in market/Market
    asks market::GetOrderBook, answers market::OrderBook as market::OrderBookStep,
    changes_state: false, bulk: false,
    encode: |i, s, c, m, t| i.call_encode_get_order_book(s, c, *m, t),
    decode: |i, s, c, m, t, r| i.call_decode_get_order_book(s, c, *m, t, r),
}

operation! {
    /// Prices over time.
    GetCandles = "get-candles" in market/Market
    asks market::GetCandles, answers Vec<market::Candle> as market::CandlesStep,
    changes_state: false, bulk: false,
    encode: |i, s, c, m, t| i.call_encode_get_candles(s, c, *m, t),
    decode: |i, s, c, m, t, r| i.call_decode_get_candles(s, c, *m, t, r),
}

operation! {
    /// A new order.
    Place = "place" in trading/Trading
    asks trading::Place, answers OrderReport as trading::OrderStep,
    changes_state: true, bulk: false,
    encode: |i, s, c, m, t| i.call_encode_place(s, c, m, t),
    decode: |i, s, c, m, t, r| i.call_decode_place(s, c, m, t, r),
}

operation! {
    /// A change to an open order.
    Amend = "amend" in trading/Trading
    asks trading::Amend, answers trading::AmendOutcome as trading::AmendStep,
    changes_state: true, bulk: false,
    encode: |i, s, c, m, t| i.call_encode_amend(s, c, m, t),
    decode: |i, s, c, m, t, r| i.call_decode_amend(s, c, m, t, r),
}

operation! {
    /// The end of an open order.
    Cancel = "cancel" in trading/Trading
    asks trading::Cancel, answers trading::CancelOutcome as trading::CancelStep,
    changes_state: true, bulk: false,
    encode: |i, s, c, m, t| i.call_encode_cancel(s, c, m, t),
    decode: |i, s, c, m, t, r| i.call_decode_cancel(s, c, m, t, r),
}

operation! {
    /// The end of many orders.
    CancelAll = "cancel-all" in trading/Trading
    asks (), answers trading::CancelAllOutcome as trading::CancelAllStep,
    changes_state: true, bulk: false,
    encode: |i, s, c, _m, t| i.call_encode_cancel_all(s, c, t),
    decode: |i, s, c, _m, t, r| i.call_decode_cancel_all(s, c, t, r),
}

operation! {
    /// One order as the venue has it.
    GetOrder = "get-order" in trading/Trading
    asks trading::GetOrder, answers OrderReport as trading::OrderStep,
    changes_state: false, bulk: false,
    encode: |i, s, c, m, t| i.call_encode_get_order(s, c, m, t),
    decode: |i, s, c, m, t, r| i.call_decode_get_order(s, c, m, t, r),
}

operation! {
    /// Open orders.
    ListOpen = "list-open" in trading/Trading
    asks (), answers Vec<OrderReport> as trading::OrdersStep,
    changes_state: false, bulk: true,
    encode: |i, s, c, _m, t| i.call_encode_list_open(s, c, t),
    decode: |i, s, c, _m, t, r| i.call_decode_list_open(s, c, t, r),
}

operation! {
    /// Past orders.
    ListHistory = "list-history" in trading/Trading
    asks trading::ListHistory, answers trading::History as trading::HistoryStep,
    changes_state: false, bulk: true,
    encode: |i, s, c, m, t| i.call_encode_list_history(s, c, *m, t),
    decode: |i, s, c, m, t, r| i.call_decode_list_history(s, c, *m, t, r),
}

operation! {
    /// Fills.
    ListFills = "list-fills" in trading/Trading
    asks trading::ListFills, answers trading::Fills as trading::FillsStep,
    changes_state: false, bulk: true,
    encode: |i, s, c, m, t| i.call_encode_list_fills(s, c, m, t),
    decode: |i, s, c, m, t, r| i.call_decode_list_fills(s, c, m, t, r),
}

operation! {
    /// What the account holds.
    ListBalances = "list-balances" in account/Account
    asks (), answers Vec<account::Balance> as account::BalancesStep,
    changes_state: false, bulk: true,
    encode: |i, s, c, _m, t| i.call_encode_list_balances(s, c, t),
    decode: |i, s, c, _m, t, r| i.call_decode_list_balances(s, c, t, r),
}

operation! {
    /// What the account is exposed to.
    ListPositions = "list-positions" in account/Account
    asks (), answers Vec<account::Position> as account::PositionsStep,
    changes_state: false, bulk: true,
    encode: |i, s, c, _m, t| i.call_encode_list_positions(s, c, t),
    decode: |i, s, c, _m, t, r| i.call_decode_list_positions(s, c, t, r),
}
