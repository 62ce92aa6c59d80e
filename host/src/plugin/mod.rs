//! The host's side of the adapter runtime: adapters found in a directory, and the way between the
//! contract's types and the gateway's own. No other module speaks the contract's types.

mod directory;
pub mod translate;

pub use directory::{AdapterDirectory, PluginError};
