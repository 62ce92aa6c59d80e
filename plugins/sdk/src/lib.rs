//! Write a Switchyard adapter in plain Rust.
//!
//! An adapter does no I/O. For each operation it *encodes* (command and context in, HTTP requests
//! out) and *decodes* (the answers in, a typed result or a typed error out). Implement [`Descriptor`]
//! and those of [`Market`], [`Trading`] and [`Account`] that the venue can do, and name them in
//! [`export_adapter!`]; the methods are ordinary functions, so everything is tested natively.
//!
//! ```
//! use switchyard_sdk::{Context, Descriptor, Market, Step, request, json};
//! use switchyard_sdk::types::{Error, HttpRequest, HttpResponse, Timestamp};
//!
//! #[derive(Default)]
//! struct Venue;
//!
//! impl Market for Venue {
//!     fn encode_get_time(&self, _: &Context<'_>, _: Option<&[u8]>) -> Result<Vec<HttpRequest>, Error> {
//!         Ok(vec![request::get("rest", "/time").cost("weight", 1)])
//!     }
//!
//!     fn decode_get_time(
//!         &self,
//!         _: &Context<'_>,
//!         _: Option<&[u8]>,
//!         responses: &[HttpResponse],
//!     ) -> Result<Step<Timestamp>, Error> {
//!         Ok(Step::Done(json::body(json::single(responses)?)?))
//!     }
//! }
//! ```

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used
)]
#[doc(hidden)]
pub mod bindings;

mod adapter;
mod context;
pub mod decimal;
pub mod errors;
mod export;
pub mod json;
pub mod query;
pub mod request;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;

pub use adapter::{Account, Descriptor, Market, Step, Trading};
pub use context::{Context, Host};
#[doc(hidden)]
pub use export::Exported;

/// What every interface speaks of: instruments, orders, HTTP messages, errors, context.
pub mod types {
    pub use crate::bindings::imports::switchyard::adapter::types::*;
}

/// The signature algorithms, key encodings and refusals of the host's signer.
pub mod signer {
    pub use crate::bindings::imports::switchyard::adapter::signer::{
        Algorithm, KeyEncoding, SignError,
    };
}

/// The levels of the host's log.
pub mod log {
    pub use crate::bindings::imports::switchyard::adapter::log::Level;
}

/// What an adapter says of itself.
pub mod descriptor {
    // The record bears its interface's name; here it is called what it is in every trait.
    pub use crate::bindings::descriptor::exports::switchyard::adapter::descriptor::{
        AllowedCall, AmendMode, Bucket, BucketScope, ClientIdRules, Descriptor, Endpoint,
        EndpointRules,
    };
}

/// The commands and results of market data.
pub mod market {
    pub use crate::bindings::market::exports::switchyard::adapter::market::{
        Bounds, Candle, GetCandles, GetOrderBook, InstrumentStatus, Level, ListedInstrument,
        Listing, NotionalBounds, OrderBook, PriceBand, PublishedLimit, ReferencePrice, Ticker,
    };
}

/// The commands and results of trading.
pub mod trading {
    pub use crate::bindings::trading::exports::switchyard::adapter::trading::{
        Amend, AmendOutcome, Cancel, CancelAllOutcome, CancelOutcome, FailedReplacement, Fill,
        Fills, GetOrder, History, Liquidity, ListFills, ListHistory, Place,
    };
}

/// The results of account queries.
pub mod account {
    pub use crate::bindings::account::exports::switchyard::adapter::account::{Balance, Position};
}
