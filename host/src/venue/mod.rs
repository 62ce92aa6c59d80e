//! One venue: adapter, endpoints, credentials, clock, catalogue and health, behind one call that runs
//! an operation within a deadline.

mod adapter_calls;
mod catalogue;
mod clock;
mod exchange;
mod health;
mod http;
mod operation;
mod registry;
mod watch;

pub use catalogue::{CatalogueError, Listed, VenueCatalogue};
pub use clock::VenueClock;
pub use health::{AccountStatus, EndpointHealth, EndpointStatus, HealthBoard, VenueStatus};
pub use operation::Ask;
pub use registry::{BucketStatus, Venue, VenueError, Venues};
