//! The life of an order: validated, journaled, placed, found again, cancelled.

mod amend;
mod amending;
mod cancel;
mod cancel_all;
mod external;
mod fills;
mod find;
mod follow_up;
mod halting;
mod history;
mod in_flight;
mod list;
mod place;
mod placing;
mod readings;
mod resolve;
mod risk;
mod routing;
mod schedule;
mod service;
mod sighting;
mod startup;
mod traced_fills;
mod validate;

pub use amend::Change;
pub use cancel_all::{CancelFailure, CancelScope, CanceledAll};
pub use fills::{Fill, FillsOf, FillsPage};
pub use find::Found;
pub use history::{HistoryAsked, HistoryRange, VenueHistory, VenuePlace};
pub use list::{ActiveAsked, ActiveOrders, OpenOrders};
pub use place::{NewOrder, Placed};
pub use risk::Risk;
pub use service::{Caller, Kept, OrderError, Orders};
pub use sighting::Adoption;
pub use validate::FieldProblem;
