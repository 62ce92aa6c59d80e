//! The host's side of the adapter runtime: adapters found in a directory, and the way between the
//! contract's types and the gateway's own. Other modules hand the contract's types through; only this one
//! looks into them.

mod directory;
pub mod translate;

pub use directory::{AdapterDirectory, PluginError};
