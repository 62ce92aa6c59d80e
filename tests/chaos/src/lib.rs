//! What the gateway must survive: being killed at any instant under traffic, a file system that forgets what
//! was not synced, and a venue that hangs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "test support: what cannot be set up ends the test that wanted it"
)]

mod crash;
mod desk;
mod judge;
mod life;
mod trace;
mod usage;
mod venues;
mod volatile;

pub use crash::{Plan, crash_and_judge};
pub use judge::Verdict;
pub use life::Life;
pub use trace::Trace;
pub use usage::Usage;
pub use venues::{BITMEX, MARKETS, Market, Venues};
pub use volatile::VolatileFiles;
