//! Bounds the processor time of one call, by wasmtime's epochs.
//!
//! The engine's epoch advances every [`EPOCH_TICK`]; at each advance the running call compares what it
//! used with what it may use. Processor time is what counts, so that a busy machine that takes the
//! thread away for a while does not turn into a trap; the wall clock bounds it a second time.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How often a running call is looked at: the precision of every deadline.
pub(crate) const EPOCH_TICK: Duration = Duration::from_millis(1);

/// The budget of the call that an instance is serving.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallBudget {
    started: Instant,
    /// Processor time of the thread at the call's first tick. Reading it is a system call, which the many
    /// calls that end before their first tick need not pay for.
    cpu_at_first_tick: Option<Duration>,
    allowed: Duration,
    /// By the wall clock.
    longest: Duration,
}

impl CallBudget {
    pub(crate) fn start(allowed: Duration, wall_factor: u32) -> Self {
        Self {
            started: Instant::now(),
            cpu_at_first_tick: None,
            allowed,
            longest: allowed * wall_factor,
        }
    }

    /// Looks at the clocks; to be called at every tick.
    pub(crate) fn is_spent(&mut self) -> bool {
        let cpu = thread_cpu_time();
        let first = *self.cpu_at_first_tick.get_or_insert(cpu);
        cpu.saturating_sub(first) + EPOCH_TICK > self.allowed
            || self.started.elapsed() >= self.longest
    }

    pub(crate) fn allowed(&self) -> Duration {
        self.allowed
    }
}

fn thread_cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}
