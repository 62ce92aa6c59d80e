//! When something that is seen may be told: no clock and no file system, only what looks have seen.

use std::time::Duration;

use tokio::time::Instant;

/// The coarsest resolution of a file's times that file systems in use have (FAT: 2 s). A change within it
/// may leave times and size as they are.
const COARSEST_TIMES: Duration = Duration::from_secs(2);

/// A state that counts once two looks running have seen it.
#[derive(Debug)]
pub(super) struct Confirmed<S> {
    told: S,
    seen_once: Option<S>,
}

impl<S: PartialEq> Confirmed<S> {
    /// In a state that nobody need be told of.
    pub(super) fn new(told: S) -> Self {
        Self {
            told,
            seen_once: None,
        }
    }

    /// What was told last.
    pub(super) fn told(&self) -> &S {
        &self.told
    }

    /// Whether the last look saw what was told.
    pub(super) fn is_settled(&self) -> bool {
        self.seen_once.is_none()
    }

    /// Takes in what a look saw: whether it is to be told.
    pub(super) fn saw(&mut self, state: S) -> bool {
        let news = state != self.told;
        if news && self.seen_once.as_ref() != Some(&state) {
            self.seen_once = Some(state);
            return false;
        }
        self.seen_once = None;
        self.told = state;
        news
    }
}

/// What tells one version of a file's content from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Device and inode.
    pub(super) inode: (u64, u64),
    /// Bytes.
    pub(super) size: u64,
    /// Seconds and nanoseconds.
    pub(super) modified: (i64, i64),
    /// The same of content, mode, owner or links. Programs that copy set the other back, never this.
    pub(super) changed: (i64, i64),
}

/// What a look sees of a component without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Glance {
    /// There is no file.
    Absent,
    /// There is something that need not be read to see what is wrong with it.
    Problem(String),
    /// There is a file, and perhaps a signature.
    File {
        /// `NAME.wasm`
        component: Stamp,
        /// `NAME.wasm.minisig`
        signature: Option<Stamp>,
    },
}

/// What the receiver is told of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// There is no file.
    Absent,
    /// It cannot be had.
    Problem(String),
    /// What it holds.
    Content {
        /// Lower-case hexadecimal.
        sha256: String,
        /// All of the signature's file.
        signature: Option<Vec<u8>>,
    },
}

/// What a look does next about a component.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It has not changed, or has not come to rest.
    Nothing,
    /// Its content has to be read.
    Read,
    /// Its state is clear.
    Saw(State),
}

/// One component, from look to look.
#[derive(Debug)]
pub(super) struct File {
    state: Confirmed<State>,
    glance: Glance,
    glance_since: Instant,
    /// Whether the glance changed since the state was last seen: something is writing.
    moving: bool,
    /// Whether the glance stands for the content that was told.
    trusted: bool,
}

impl File {
    /// A file that is not there.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: Confirmed::new(State::Absent),
            glance: Glance::Absent,
            glance_since: now,
            moving: false,
            trusted: false,
        }
    }

    /// Whether the last look saw what was told.
    pub(super) fn is_settled(&self) -> bool {
        !self.moving && self.state.is_settled()
    }

    /// Whether it is gone and nothing is left to tell.
    pub(super) fn is_forgettable(&self) -> bool {
        self.is_settled() && *self.state.told() == State::Absent
    }

    /// Takes in a glance. What is in motion is not read: a long copy would be read over and over.
    pub(super) fn glance(&mut self, glance: Glance, now: Instant) -> Step {
        if glance != self.glance {
            let was_settled = self.is_settled();
            self.glance = glance;
            self.glance_since = now;
            self.trusted = false;
            if !was_settled {
                self.moving = true;
                return Step::Nothing;
            }
        }
        match &self.glance {
            Glance::File { .. } if self.trusted => Step::Nothing,
            Glance::File { .. } => Step::Read,
            Glance::Problem(problem) => Step::Saw(State::Problem(problem.clone())),
            Glance::Absent => Step::Saw(State::Absent),
        }
    }

    /// Takes in the state, read no earlier than `now`: whether it is to be told.
    pub(super) fn saw(&mut self, state: State, now: Instant) -> bool {
        let readable = matches!(state, State::Content { .. });
        let news = self.state.saw(state);
        self.moving = false;
        self.trusted = readable
            && self.is_settled()
            && now.duration_since(self.glance_since) >= COARSEST_TIMES;
        news
    }
}
