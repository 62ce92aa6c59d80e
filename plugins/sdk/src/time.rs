//! Timestamps.
/// Milliseconds in a second.
pub const MS_PER_SECOND: u64 = 1_000;
