//! Turns an adapter written against the traits into the exports of a component.

use std::marker::PhantomData;

/// Implements the generated guest traits for any adapter; [`export_adapter!`](crate::export_adapter)
/// exports it.
pub struct Exported<A>(PhantomData<A>);

/// Exports an adapter from a component: `export_adapter!(Venue: market, trading, account)`.
///
/// The descriptor is always exported; the capabilities named are, and no others, so that the
/// component's exports say what its venue can do. Natively the macro expands to nothing, so several
/// adapters can be linked into one test or benchmark. The adapter is made by `Default` for each call
/// and should hold nothing.
#[macro_export]
macro_rules! export_adapter {
    ($adapter:ty $(: $($capability:ident),* $(,)?)?) => {
        #[cfg(target_arch = "wasm32")]
        #[doc(hidden)]
        #[allow(unsafe_code, missing_docs, unreachable_pub)]
        mod __switchyard_exports {
            use super::*;
            type Component = $crate::Exported<$adapter>;
            $crate::export_adapter!(@capability descriptor);
            $($($crate::export_adapter!(@capability $capability);)*)?
        }
    };
    (@capability descriptor) => {
        $crate::bindings::descriptor::export_descriptor!(Component with_types_in $crate::bindings::descriptor);
    };
    (@capability market) => {
        $crate::bindings::market::export_market!(Component with_types_in $crate::bindings::market);
    };
    (@capability trading) => {
        $crate::bindings::trading::export_trading!(Component with_types_in $crate::bindings::trading);
    };
    (@capability account) => {
        $crate::bindings::account::export_account!(Component with_types_in $crate::bindings::account);
    };
}

#[cfg(target_arch = "wasm32")]
mod guests {
    use super::Exported;
    use crate::bindings;
    use crate::context::{Context, Imports};
    use crate::types::{self, Error, HttpRequest, HttpResponse};
    use crate::{Account, Descriptor, Market, Step, Trading};

    impl<A: Default + Descriptor>
        bindings::descriptor::exports::switchyard::adapter::descriptor::Guest for Exported<A>
    {
        fn describe() -> crate::descriptor::Descriptor {
            A::default().describe()
        }
    }

    /// One `encode`/`decode` pair of a guest, in terms of the adapter's methods.
    macro_rules! pair {
        ($encode:ident, $decode:ident, $step:path) => {
            fn $encode(
                context: types::Context,
                state: Option<Vec<u8>>,
            ) -> Result<Vec<HttpRequest>, Error> {
                A::default().$encode(&Context::new(&context, &Imports), state.as_deref())
            }

            fn $decode(
                context: types::Context,
                state: Option<Vec<u8>>,
                responses: Vec<HttpResponse>,
            ) -> Result<$step, Error> {
                let step = A::default().$decode(
                    &Context::new(&context, &Imports),
                    state.as_deref(),
                    &responses,
                )?;
                Ok(match step {
                    Step::Done(result) => <$step>::Done(result),
                    Step::Continue(state) => <$step>::Continue(state),
                })
            }
        };
        ($encode:ident, $decode:ident, $step:path, $command:path) => {
            fn $encode(
                context: types::Context,
                command: $command,
                state: Option<Vec<u8>>,
            ) -> Result<Vec<HttpRequest>, Error> {
                A::default().$encode(
                    &Context::new(&context, &Imports),
                    &command,
                    state.as_deref(),
                )
            }

            fn $decode(
                context: types::Context,
                command: $command,
                state: Option<Vec<u8>>,
                responses: Vec<HttpResponse>,
            ) -> Result<$step, Error> {
                let step = A::default().$decode(
                    &Context::new(&context, &Imports),
                    &command,
                    state.as_deref(),
                    &responses,
                )?;
                Ok(match step {
                    Step::Done(result) => <$step>::Done(result),
                    Step::Continue(state) => <$step>::Continue(state),
                })
            }
        };
    }

    mod market {
        use super::*;
        use bindings::market::exports::switchyard::adapter::market as guest;

        impl<A: Default + Market> guest::Guest for Exported<A> {
            pair!(
                encode_list_instruments,
                decode_list_instruments,
                guest::ListingStep
            );
            pair!(encode_get_time, decode_get_time, guest::TimeStep);
            pair!(encode_get_ticker, decode_get_ticker, guest::TickerStep);
            pair!(
                encode_get_order_book,
                decode_get_order_book,
                guest::OrderBookStep,
                guest::GetOrderBook
            );
            pair!(
                encode_get_candles,
                decode_get_candles,
                guest::CandlesStep,
                guest::GetCandles
            );
        }
    }

    mod trading {
        use super::*;
        use bindings::trading::exports::switchyard::adapter::trading as guest;

        impl<A: Default + Trading> guest::Guest for Exported<A> {
            pair!(encode_place, decode_place, guest::OrderStep, guest::Place);
            pair!(encode_amend, decode_amend, guest::AmendStep, guest::Amend);
            pair!(
                encode_cancel,
                decode_cancel,
                guest::CancelStep,
                guest::Cancel
            );
            pair!(encode_cancel_all, decode_cancel_all, guest::CancelAllStep);
            pair!(
                encode_get_order,
                decode_get_order,
                guest::OrderStep,
                guest::GetOrder
            );
            pair!(encode_list_open, decode_list_open, guest::OrdersStep);
            pair!(
                encode_list_history,
                decode_list_history,
                guest::HistoryStep,
                guest::ListHistory
            );
            pair!(
                encode_list_fills,
                decode_list_fills,
                guest::FillsStep,
                guest::ListFills
            );
        }
    }

    mod account {
        use super::*;
        use bindings::account::exports::switchyard::adapter::account as guest;

        impl<A: Default + Account> guest::Guest for Exported<A> {
            pair!(
                encode_list_balances,
                decode_list_balances,
                guest::BalancesStep
            );
            pair!(
                encode_list_positions,
                decode_list_positions,
                guest::PositionsStep
            );
        }
    }
}
