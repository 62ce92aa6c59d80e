//! How much of a core a compiler takes.
//!
//! Priority alone does not protect the callers of a busy gateway: the scheduler takes a core on which only the
//! compiler runs for a busy one, and crowds what wakes up onto the others. Stopped half of the time, in turns of
//! milliseconds, the compiler leaves gaps in which the load is spread again.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::CompileLimits;

/// How long a compiler works before it is stopped. Longer, and callers notice.
const TURN: Duration = Duration::from_millis(2);

/// Whether anybody is kept waiting by a compiler, or for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as it goes: nothing is served before it is done.
    AtOnce,
    /// Within its share of a core, beside a gateway that serves.
    Beside,
}

impl Pace {
    /// How long a compiler is stopped after each turn. `None`: it is not.
    fn pause(self, limits: &CompileLimits) -> Option<Duration> {
        let percent = u32::from(limits.core_percent.clamp(1, 100));
        (self == Self::Beside && percent < 100).then(|| TURN * (100 - percent) / percent)
    }

    /// Stops a child and lets it go on, for ever. It must be the leader of a process group of its own: where the
    /// gateway is killed while the child is stopped, its group is an orphan, which the kernel lets go on with a
    /// hang-up, and that ends it (POSIX.1-2024, `_exit`).
    pub(super) async fn keep(
        self,
        child: Option<u32>,
        limits: &CompileLimits,
    ) -> std::convert::Infallible {
        let child = child.and_then(|id| Pid::from_raw(id.cast_signed()));
        if let (Some(pause), Some(child)) = (self.pause(limits), child) {
            let signal = |signal| {
                // It has ended: whoever waits for it learns that.
                let _ = kill_process(child, signal);
            };
            loop {
                tokio::time::sleep(TURN).await;
                signal(Signal::STOP);
                tokio::time::sleep(pause).await;
                signal(Signal::CONT);
            }
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_pauses_for_what_is_not_its_share_and_only_beside_a_gateway_that_serves() {
        for (pace, core_percent, pause_micros) in [
            (Pace::Beside, 50, Some(2_000)),
            (Pace::Beside, 20, Some(8_000)),
            (Pace::Beside, 80, Some(500)),
            (Pace::Beside, 100, None),
            (Pace::AtOnce, 50, None),
        ] {
            let limits = CompileLimits {
                core_percent,
                ..CompileLimits::default()
            };
            let pause = pace.pause(&limits);
            assert_eq!(
                pause,
                pause_micros.map(Duration::from_micros),
                "{pace:?} {core_percent}"
            );
        }
    }
}
