//! What stands between a caller and a venue's bad day. Each policy is generic: it knows nothing of
//! orders or adapters.

pub mod breaker;
pub mod bulkhead;
pub mod cache;
mod deadline;
mod detached;
pub mod limiter;
pub mod retry;
mod sliding;

pub use deadline::{Deadline, DeadlinePassed};
pub use detached::{Detached, holding};
