//! What stands between a caller and a venue's bad day. Each policy is generic: it knows nothing of
//! orders or adapters.

mod deadline;

pub use deadline::{Deadline, DeadlinePassed};
