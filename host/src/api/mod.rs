//! The REST API: routes, request and response types, authentication, problem details, OpenAPI.

mod access;
mod caller;
mod documentation;
mod extract;
mod freshness;
mod idempotency;
mod page;
mod problem;
mod router;
mod routes;
mod server;
mod state;

pub use access::{Keyring, KeyringError};
pub use idempotency::KeysInFlight;
pub use problem::{Problem, ProblemBody};
pub use router::router;
pub use server::{ServeError, listen, serve};
pub use state::AppState;
