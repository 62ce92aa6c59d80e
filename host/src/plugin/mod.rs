//! The host's side of the adapter runtime: the life of adapters' versions, and the way between the contract's
//! types and the gateway's own. Other modules hand the contract's types through; only this one looks into
//! them.

pub mod compile;
mod components;
mod directory;
mod gate;
mod lifecycle;
mod manager;
mod newcomer;
mod opening;
mod promoting;
mod recording;
mod shelf;
pub mod signature;
mod slot;
pub mod translate;
mod trial;
mod trying;
mod versions;
mod view;
pub mod watch;
mod wishes;
mod worker;

pub use directory::PluginError;
pub use lifecycle::{Step, VersionState};
pub use manager::{ManageError, Plugins};
pub use newcomer::Newcomers;
pub use recording::{Recorded, Recording};
pub use shelf::Origin;
pub use signature::TrustedKeys;
pub use slot::{Serving, Slot, Trying};
pub use trial::{ShownDifference, Tally, Trial};
pub use view::{PluginView, VersionView};
pub use wishes::{Wish, WishError};
