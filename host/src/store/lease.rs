//! Who may write a journal that several gateways share, and until when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;

/// What a gateway is to its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Another gateway writes it; this one waits to take over.
    Standby,
    /// This gateway writes it.
    Active,
    /// Another gateway has taken over from this one, which can never write again.
    Lost(String),
}

/// A gateway's leave to write its journal and to send what stands in it. Clones are one lease.
#[derive(Debug, Clone)]
pub struct Lease(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// By [`boot_millis`].
    until: AtomicU64,
    standing: watch::Sender<Standing>,
}

impl Lease {
    /// The lease of a journal that nobody else can have.
    pub fn for_ever() -> Self {
        Self::new(u64::MAX, Standing::Active)
    }

    /// The lease of a gateway that has none yet.
    pub(super) fn none() -> Self {
        Self::new(0, Standing::Standby)
    }

    fn new(until: u64, standing: Standing) -> Self {
        let (standing, _) = watch::channel(standing);
        Self(Arc::new(Shared {
            until: AtomicU64::new(until),
            standing,
        }))
    }

    /// Whether nobody else can have taken over yet. Asked once more when all that is left is to send: a process
    /// that was stopped, or a machine that slept, finds here that its time is over.
    pub fn is_held(&self) -> bool {
        let until = self.0.until.load(Ordering::SeqCst);
        until == u64::MAX || boot_millis() < until
    }

    /// What the gateway is to the journal.
    pub fn standing(&self) -> Standing {
        self.0.standing.borrow().clone()
    }

    /// Ready once the lease was acquired.
    pub async fn acquired(&self) {
        let mut standing = self.0.standing.subscribe();
        let acquired = standing.wait_for(|now| *now != Standing::Standby);
        let _ = acquired.await; // the sender is `self`
    }

    /// Ready, with who has it, once another gateway has taken over.
    pub async fn lost(&self) -> String {
        let mut standing = self.0.standing.subscribe();
        let lost = standing.wait_for(|now| matches!(now, Standing::Lost(_)));
        let lost = lost.await.map(|lost| lost.clone()); // the sender is `self`
        match lost {
            Ok(Standing::Lost(to)) => to,
            _ => std::future::pending().await,
        }
    }

    /// It was acquired or renewed by a request that began at a time of [`boot_millis`] and asked for so long.
    pub(super) fn hold(&self, asked_at: u64, term: Duration) {
        let term = u64::try_from(term.as_millis()).unwrap_or(u64::MAX);
        // The database's clock began to count later than this one, and may run a little faster.
        let until = asked_at.saturating_add(term - term / 10);
        self.0.until.store(until, Ordering::SeqCst);
        self.0.standing.send_if_modified(|standing| {
            let is_new = *standing == Standing::Standby;
            if is_new {
                *standing = Standing::Active;
            }
            is_new
        });
    }

    /// It is over now; it may be renewed unless another gateway has taken it.
    pub(super) fn lapse(&self) {
        self.0.until.store(0, Ordering::SeqCst);
    }

    /// Another gateway has it.
    pub(super) fn lose(&self, to: String) {
        self.lapse();
        self.0.standing.send_replace(Standing::Lost(to));
    }
}

/// Milliseconds since the machine started, those that it slept included (`CLOCK_BOOTTIME`): no clock that is set
/// moves them, and a process that was stopped finds them passed.
pub(super) fn boot_millis() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: Duration = Duration::from_secs(100);

    #[tokio::test]
    async fn a_lease_is_held_for_less_than_was_asked_for_and_no_longer() {
        let lease = Lease::none();
        assert!(!lease.is_held());
        lease.hold(boot_millis(), TERM);
        lease.acquired().await;
        assert!(lease.is_held());
        lease.hold(boot_millis() - 91_000, TERM);
        assert!(!lease.is_held(), "an answer that came late is no lease");
        assert_eq!(lease.standing(), Standing::Active, "it may be renewed");
        lease.hold(boot_millis(), TERM);
        assert!(lease.is_held());
    }

    #[tokio::test]
    async fn a_lease_that_another_has_is_lost_for_good() {
        let lease = Lease::none();
        lease.hold(boot_millis(), TERM);
        lease.lose("b".into());
        assert_eq!(lease.lost().await, "b");
        assert!(!lease.is_held());
    }
}
