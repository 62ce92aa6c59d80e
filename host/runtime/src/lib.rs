//! Loads adapters (WebAssembly components of the Switchyard contract) and calls them within limits.
//!
//! An adapter does no I/O: it is a pure function from what the gateway wants to the bytes a venue
//! understands, and back. This crate owns everything about *calling* it: compiling and caching machine
//! code, checking what a component imports and exports, keeping warm instances, bounding time and
//! memory, and serving the three imports (`signer`, `catalogue`, `log`). It opens no socket.
//!
//! ```text
//! bytes -> Runtime::load -> contract check -> Adapter { descriptor, capabilities, pool of instances }
//!                                               |
//!                      Adapter::encode::<Place>(call, command, state) -> requests for the host to send
//!                      Adapter::decode::<Place>(call, command, state, responses) -> result or error
//! ```

mod adapter;
mod allowed_calls;
mod bindings;
mod code_cache;
mod contract;
mod deadline;
mod descriptor_rules;
mod engine;
mod error;
mod imports;
mod named;
mod operation;
mod pool;
mod precompile;
mod recording;
mod signing;
mod usage;
mod wasi;

pub use adapter::{Adapter, Call};
pub use allowed_calls::{AllowedCalls, RefusedRequest, method_name};
pub use code_cache::{CodeCache, ENTRIES_KEPT, make_private, sha256_hex};
pub use contract::{CONTRACT_VERSION, Capability, Surface, inspect_surface};
pub use descriptor_rules::SHORTEST_CLIENT_ID;
pub use engine::{Limits, Runtime};
pub use error::{CallError, LoadError};
pub use imports::{Catalogue, EmptyCatalogue, LogSink, SilentLog};
pub use named::{NamedCallError, NamedOperation};
pub use operation::{
    Amend, Cancel, CancelAll, GetCandles, GetOrder, GetOrderBook, GetTicker, GetTime, ListBalances,
    ListFills, ListHistory, ListInstruments, ListOpen, ListPositions, Operation, Place, Step,
};
pub use pool::PoolStatus;
pub use precompile::{PrecompileError, precompile};
pub use recording::{
    Answer, Difference, Exchange, Lookup, RecordedStep, Recorder, ReplayError, Rerun, SentRequest,
    replay, rerun,
};
pub use signing::{KeyError, SecretKey, Signer};
pub use usage::Usage;

/// The contract's types, as generated from `wit/`.
pub mod wit {
    pub use crate::bindings::exports::switchyard::adapter::{account, descriptor, market, trading};
    pub use crate::bindings::switchyard::adapter::{catalogue, log, signer, types};
}
