//! The life of an order: validated, journaled, placed, found again, cancelled.

mod cancel;
mod external;
mod find;
mod follow_up;
mod list;
mod place;
mod service;
mod validate;

pub use find::Found;
pub use list::{ActiveOrders, HistoryAsked, SourceKind, SourceStatus, VenueHistory};
pub use place::{NewOrder, Placed};
pub use service::{Caller, OrderError, Orders};
pub use validate::FieldProblem;
