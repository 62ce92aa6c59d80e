//! One venue: adapter, endpoints, credentials, clock, catalogue and health, behind one call that runs
//! an operation within a deadline.

mod adapter_calls;
mod catalogue;
mod clock;
mod exchange;
mod halt;
mod health;
mod http;
mod limits;
mod operation;
mod policies;
mod registry;
mod roster;
mod steps;
mod tape;
mod verdict;
mod watch;

pub use catalogue::{CatalogueError, Listed, VenueCatalogue};
pub use clock::VenueClock;
pub use halt::halted;
pub use health::{
    AccountStatus, Condition, EndpointHealth, EndpointStatus, HealthBoard, VenueStatus,
};
pub use limits::BucketStatus;
pub use operation::Ask;
pub use policies::{BreakerStatus, BulkheadStatus};
pub use registry::{Venue, VenueError};
pub use roster::{NoVenue, Venues};
pub use tape::Tape;
