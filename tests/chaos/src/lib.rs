//! What the gateway must survive: being killed at any instant under traffic, a file system that forgets what
//! was not synced, a venue that hangs, and adapters that are replaced.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "test support: what cannot be set up ends the test that wanted it"
)]

mod arrivals;
mod crash;
mod desk;
mod judge;
mod life;
mod load;
mod swaps;
mod takeover;
mod trace;
mod usage;
mod venues;
mod versions;
mod volatile;

pub use crash::{Plan, crash_and_judge};
pub use judge::Verdict;
pub use life::Life;
pub use load::{Demand, Load, Seen};
pub use swaps::{Code, Form, Swapping, shown};
pub use takeover::{
    Handover, Takeovers, cancels_of_a_stale_gateway, take_over_and_judge,
    what_is_in_force_is_so_at_the_standby,
};
pub use trace::Trace;
pub use usage::Usage;
pub use venues::{BITMEX, MARKETS, Market, Venues};
pub use versions::{Breakage, PLUGIN, Version, Versions};
pub use volatile::VolatileFiles;
