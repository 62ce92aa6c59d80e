//! What the last calls came to.

use std::collections::VecDeque;
use std::ops::{AddAssign, SubAssign};

use tokio::time::Instant;

use super::super::sliding::SlidingWindow;
use super::WindowKind;

/// How many calls there were, how many of them failed, and how many were slow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) slow: u64,
}

impl Tally {
    /// One call.
    pub(super) fn one(failing: bool, slow: bool) -> Self {
        Self {
            calls: 1,
            failures: failing.into(),
            slow: slow.into(),
        }
    }

    /// The whole percents that failed and that were slow.
    pub(super) fn rates(self) -> (u64, u64) {
        let percent = |part: u64| part * 100 / self.calls.max(1);
        (percent(self.failures), percent(self.slow))
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.failures += other.failures;
        self.slow += other.slow;
    }
}

impl SubAssign for Tally {
    fn sub_assign(&mut self, other: Self) {
        self.calls -= other.calls;
        self.failures -= other.failures;
        self.slow -= other.slow;
    }
}

const SLICES: u32 = 60;

/// The calls that a closed breaker judges by.
#[derive(Debug)]
pub(super) enum Window {
    Calls {
        size: usize,
        last: VecDeque<Tally>,
        tally: Tally,
    },
    Time(SlidingWindow<Tally>),
}

impl Window {
    pub(super) fn new(kind: WindowKind, now: Instant) -> Self {
        match kind {
            WindowKind::Calls(size) => Self::Calls {
                size: usize::try_from(size).unwrap_or(usize::MAX),
                last: VecDeque::new(),
                tally: Tally::default(),
            },
            WindowKind::Time(span) => Self::Time(SlidingWindow::new(now, span, SLICES)),
        }
    }

    pub(super) fn add(&mut self, now: Instant, call: Tally) {
        match self {
            Self::Calls { size, last, tally } => {
                last.push_back(call);
                *tally += call;
                if last.len() > *size
                    && let Some(oldest) = last.pop_front()
                {
                    *tally -= oldest;
                }
            }
            Self::Time(window) => window.add(now, call),
        }
    }

    pub(super) fn tally(&self, now: Instant) -> Tally {
        match self {
            Self::Calls { tally, .. } => *tally,
            Self::Time(window) => window.total(now),
        }
    }
}
