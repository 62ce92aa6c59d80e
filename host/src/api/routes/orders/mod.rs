//! `/v1/orders`, and the fills of orders.

pub(in crate::api) mod change;
pub(in crate::api) mod read;
