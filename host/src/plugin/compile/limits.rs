//! What a compilation may use.

use std::time::Duration;

/// A compiler at the lowest priority gets little of a busy machine; this many times its processor time
/// may go by before it is taken for hung.
const PATIENCE: u32 = 10;

/// Leaves the callers of a gateway with two cores their latency; `make bench-reload` shows it.
const CORE_PERCENT: u8 = 50;

/// What one compilation in a child process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space, the program itself included, in bytes (`plugins.compile_memory_bytes`).
    pub memory_bytes: u64,
    /// Processor time in seconds (`plugins.compile_seconds`).
    pub cpu_seconds: u64,
    /// Share of one core's time while the gateway serves, in percent (`plugins.compile_core_percent`).
    pub core_percent: u8,
    /// Time by the clock, after which it is ended whatever it does.
    pub overdue_after: Duration,
}

impl CompileLimits {
    /// Limits of memory and processor time, ten times the latter by the clock, and half a core.
    pub fn new(memory_bytes: u64, cpu_seconds: u64) -> Self {
        Self {
            memory_bytes,
            cpu_seconds,
            core_percent: CORE_PERCENT,
            overdue_after: Duration::from_secs(cpu_seconds).saturating_mul(PATIENCE),
        }
    }
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self::new(2 << 30, 120)
    }
}
