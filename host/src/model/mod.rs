//! The words of the gateway: instruments, orders, money, time. Pure types; no I/O.

mod access;
mod decimal;
mod equivalence;
mod failure;
mod halt;
mod instrument;
mod lifecycle;
mod order;
mod order_id;
mod plugin_event;
mod report;
mod time;

pub use access::{AccessEvent, ApiKey, Asker, KeyBook, Role, VenueScope};
pub use decimal::{Decimal, DecimalError};
pub use equivalence::Conversion;
pub use failure::{Failure, FailureCode, Fate};
pub use halt::{Halt, HaltEvent};
pub use instrument::{
    Bounds, Instrument, InstrumentStatus, NotionalBounds, Payoff, PriceBand, Product, QuantityUnit,
    ReferencePrice,
};
pub use lifecycle::{
    Amendment, Attempt, CANCEL_ELSEWHERE, Departure, Destination, Event, Leg, LegOf,
    LifecycleError, MISSES_TO_GIVE_UP, Miss, OrderRecord, Question, Round, Said, Stage, apply,
    horizon,
};
pub use order::{Failover, Order, OrderState, OrderType, Origin, Side, SurfacedOrder, TimeInForce};
pub use order_id::{IdPrefix, IdPrefixError, OrderId, OrderIdError};
pub use plugin_event::PluginEvent;
pub use report::{FillReport, Liquidity, OrderReport};
pub use time::{Timestamp, TimestampError};
