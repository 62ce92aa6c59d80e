//! The REST API: routes, request and response types, authentication, problem details, OpenAPI.

mod access;
mod address;
mod caller;
mod documentation;
mod edge;
mod extract;
mod freshness;
mod idempotency;
mod page;
mod problem;
mod router;
mod routes;
mod server;
mod slots;
mod state;

pub use access::{Door, Keyring, KeyringError, RouteRule, VenueRule};
pub use idempotency::KeysInFlight;
pub use problem::{Problem, ProblemBody};
pub use router::{access_table, router};
pub use server::{ServeError, Serving, Tls, listen, serve};
pub use slots::Slots;
pub use state::{AppState, Stopping};
