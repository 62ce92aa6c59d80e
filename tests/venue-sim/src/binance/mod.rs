//! What every Binance REST API shares: errors, parameters, signatures, request windows and rate limits.

pub mod access;
pub mod auth;
pub mod candles;
pub mod errors;
pub mod format;
pub mod limits;
pub mod params;
pub mod reply;
pub mod timing;

pub use errors::ApiError;
